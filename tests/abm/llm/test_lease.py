"""A bound that processes share: whatever they do and whenever they are killed, all of them together never cross it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from abm.llm.budget import Bounds, Budget, BudgetSpent
from abm.llm.http import HTTPLLM
from abm.llm.http._exchange import Address
from abm.llm.http._slots import SharedSlots
from abm.llm.http.endpoint import Endpoint
from abm.llm.lease import FILE, Lease
from abm.llm.ledger import Cost, Ledger
from moloch.errors import LogError
from tests.abm.llm.test_http import asked, llm
from tests.support.server import serving


class TestLease:
    MOST = (100, None, 1.0)

    def test_what_is_left(self, tmp_path):
        one, two = Lease(tmp_path, "one", self.MOST), Lease(tmp_path, "two", self.MOST)
        assert one.take(Cost(1, 9, 0.1), Cost(80, 900, 0.5)) == Cost(80, 900, 0.5)
        assert two.take(Cost(1, 9, 0.1), Cost(80, 900, 0.7)) == Cost(20, 900, 0.5)
        assert two.take(Cost(21, 900, 0.5), Cost(90, 900, 0.5)) is None
        one.settle(Cost(10, 90, 0.2))
        assert two.elsewhere() == Cost(10, 90, 0.2)
        assert two.take(Cost(21, 900, 0.5), Cost(90, 900, 0.5)) == Cost(90, 900, 0.5)

    def test_a_line_without_its_end(self, tmp_path):
        """A killed process left it; nobody relied upon it."""
        Lease(tmp_path, "one", self.MOST).take(Cost(1, 0, 0.0), Cost(30, 0, 0.0))
        with (tmp_path / FILE).open("ab") as file:
            file.write(b'{"run":"two","calls":70')
        three = Lease(tmp_path, "three", self.MOST)
        assert three.elsewhere().calls == 30 and three.take(Cost(1), Cost(70)) == Cost(70)
        assert Lease(tmp_path, "four", self.MOST).elsewhere().calls == 100

    def test_no_room_to_write(self, tmp_path):
        (tmp_path / FILE).mkdir()
        with pytest.raises(LogError, match="cannot write what is spent together"):
            Lease(tmp_path, "one", self.MOST).take(Cost(1), Cost(2))

    def test_what_another_gives_back_can_be_spent(self, tmp_path):
        """A budget that is spent looks again before it says so."""
        other = Lease(tmp_path, "other", (10, None, None))
        assert other.take(Cost(9), Cost(9)) == Cost(9)
        budget = Budget(Bounds(calls=10))
        budget.keep(Ledger(tmp_path), Cost(), Lease(tmp_path, "this", (10, None, None)))
        other.settle(Cost(2))
        with serving() as server, pytest.raises(BudgetSpent, match="10 of 10 calls are spent"):
            list(llm(server, budget, concurrency=1).complete(asked(20)))
        assert len(server.calls) == 8


class TestSlots:
    HOST = Address("127.0.0.1", 8000, False)

    def slots(self, tmp_path: Path, most: int = 4) -> SharedSlots:
        return SharedSlots(tmp_path, self.HOST, most, clock=iter(range(1_000)).__next__)

    def test_a_fair_share(self, tmp_path):
        one = self.slots(tmp_path)
        assert [one.take() for _ in range(5)] == [True] * 4 + [False]
        two = self.slots(tmp_path)
        assert not two.take(), "all are held"
        one.give(), one.give(), one.give()
        assert [two.take() for _ in range(3)] == [True, True, False]
        assert one.take() and not one.take(), "each has half of them"

    @pytest.mark.system
    def test_who_ends_gives_all_back(self, tmp_path):
        code = (
            "import sys, time; from pathlib import Path; from abm.llm.http._slots import *;"
            "s = SharedSlots(Path(sys.argv[1]), Address('127.0.0.1', 8000, False), 4);"
            "print([s.take() for _ in range(4)], flush=True); time.sleep(60)"
        )
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout is not None and b"True, True, True, True" in process.stdout.readline()
        one = self.slots(tmp_path)
        assert not one.take()
        process.kill(), process.wait()
        assert [one.take() for _ in range(5)] == [True] * 4 + [False]

    def test_a_pause_is_for_all(self, tmp_path):
        one, two = self.slots(tmp_path), self.slots(tmp_path)
        assert not two.paused()
        one.pause(30.0), one.pause(1.0)
        assert two.paused()

    def test_processes_keep_to_one_bound(self, tmp_path):
        """Two at once, each with a bound of four: never more than four calls on their way."""
        with serving(delay=0.05) as server:
            where = Endpoint(url=server.url, concurrency=4, timeout=5)
            models = [HTTPLLM("m", where, shared=tmp_path) for _ in range(2)]
            threads = [threading.Thread(target=lambda m=m: list(m.complete(asked(20)))) for m in models]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(server.calls) == 40 and 1 < server.at_once <= 4
