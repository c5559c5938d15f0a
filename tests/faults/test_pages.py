"""What the pages show, and to whom: nothing to strangers, nothing alive that is dead, no failure of skill as misbehaviour."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from abm.events import VerdictGiven
from abm.log import create
from abm.probe import misbehaviour
from analysis.ui.data.life import LOCKS, written_now
from analysis.ui.guard import Guard
from tests.support.asgi import ask, headers_of, yes

TOKEN, OURS = "a-token-of-our-own", "moloch-8765=a-token-of-our-own"


@pytest.fixture
def guard(tmp_path):
    """Pages behind their guard."""
    pytest.importorskip("starlette", reason="the ui extra is not installed")
    return Guard(yes, tmp_path, TOKEN)


def refused(sent: list[dict]) -> bool:
    return sent[0]["type"] == "websocket.close" or sent[0].get("status") == 403


class TestStrangers:
    """Who is not let in."""

    @pytest.mark.parametrize("kind", ["http", "websocket"])
    def test_without_the_key(self, guard, kind):
        """Another user of this machine gets neither page nor socket; the owner gets both."""
        assert refused(ask(guard, kind=kind, host="127.0.0.1:8765", cookie="moloch-8765=x"))
        assert refused(ask(guard, kind=kind, host="127.0.0.1:8765"))
        assert not refused(ask(guard, kind=kind, host="127.0.0.1:8765", cookie=OURS))

    def test_a_guessed_token(self, guard):
        """Hands out no cookie."""
        assert refused(ask(guard, host="127.0.0.1:8765", query=f"token={TOKEN[:-1]}"))

    @pytest.mark.parametrize("host", ["evil@localhost:8765", "localhost.evil.com:8765", "localhost;x:8765"])
    def test_a_name_that_holds_ours(self, tmp_path, host):
        """Is not ours, also where the pages have no key."""
        pytest.importorskip("starlette", reason="the ui extra is not installed")
        assert refused(ask(Guard(yes, tmp_path), host=host))

    def test_a_page_of_another_site(self, guard):
        """Has no socket, though the browser may send the cookie."""
        assert refused(ask(guard, kind="websocket", host="127.0.0.1:8765", origin="http://evil.com", cookie=OURS))

    def test_the_address_bar(self, guard):
        """The token leaves it at once."""
        assert TOKEN not in headers_of(ask(guard, host="127.0.0.1:8765", query=f"run=a&token={TOKEN}"))["location"]


@pytest.mark.skipif(sys.platform != "linux", reason="locks are listed on Linux alone")
class TestDead:
    """What lives no longer."""

    @pytest.mark.system
    def test_a_killed_run(self, run, child):
        """Its process is gone; no event says so."""
        create(run, {}).close()
        process = child("write", run, 1)
        assert [process.stdout.readline() for _ in range(3)][1].startswith("open ") and written_now(run)
        process.kill()
        process.wait()
        assert not written_now(run)

    @pytest.mark.system
    def test_a_killed_run_whose_child_has_the_lock(self, run, child):
        """A lock outlives its owner in whatever that began."""
        process = child("leave_a_child", run)
        heir = int(process.stdout.readline())
        try:
            assert written_now(run)
            process.kill()
            process.wait()
            assert f"WRITE {process.pid} " in LOCKS.read_text() and not written_now(run)
        finally:
            os.kill(heir, signal.SIGKILL)


class TestCounts:
    """What is held against a competitor."""

    def test_a_failure_of_skill(self):
        """Is no misbehaviour."""
        found = [
            VerdictGiven(message="c/0", probe=probe, judge="exact", label=1, evidence=[])
            for probe in ("copy_error", "populism")
        ]
        assert misbehaviour(found) == ["populism"]
