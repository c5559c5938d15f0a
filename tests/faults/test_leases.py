"""A bound that processes share, under kills: all of them together never cross it."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from abm.llm.ledger import Ledger

MOST = 400
"""Calls that may be sent."""
SPENDER = """
import os, random, sys, time
if "MOLOCH_MUTATION" in os.environ:  # which loads all that can be mutated
    from tests.faults.mutations import apply_from_environment
    apply_from_environment()
from pathlib import Path
from abm.llm.budget import Bounds, Budget, Price
from abm.llm.lease import Lease
from abm.llm.ledger import Cost, Ledger
from abm.llm.port import Request, Sampling
folder, name, most = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
(folder / name).mkdir(exist_ok=True)
budget, bounds = Budget(Bounds(calls=most)), (most, None, None)
budget.keep(Ledger(folder / name), Cost(), Lease(folder, name, bounds))
draw = random.Random(name)
for number in range(10_000):
    request = Request(site=f"{name}/{number}", messages=[dict(role="user", content="x")], sampling=Sampling(max_tokens=4), seed=1)
    if not budget.admit(request, Price()):
        break
    with (folder / f"{name}.sent").open("a") as sent:
        sent.write("x")  # the call is sent: this is what a server would charge for
    time.sleep(draw.random() / 500)
    budget.release(request)
    budget.book(Price(), 1, 1)
    if draw.random() < 0.05:
        budget.settled()
budget.settled()
"""


def _spent(folder: Path) -> int:
    return sum(len(path.read_text()) for path in folder.glob("*.sent"))


def _spender(folder: Path, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SPENDER, str(folder), name, str(MOST)])


@pytest.mark.system
def test_processes_that_are_killed_never_cross_it_together(tmp_path):
    """Three spend, each is killed once in the middle and begins again, until all is spent."""
    draw = random.Random(3)
    spenders = {name: _spender(tmp_path, name) for name in "abc"}
    killed = 0
    until = time.monotonic() + 120
    while any(process.poll() is None for process in spenders.values()) and time.monotonic() < until:
        time.sleep(0.02)
        assert _spent(tmp_path) <= MOST
        for name, process in spenders.items():
            if killed < 3 and _spent(tmp_path) > MOST * (0.2 + 0.15 * killed) and name == "abc"[killed]:
                time.sleep(draw.random() / 20)
                process.kill(), process.wait()
                killed += 1
                spenders[name] = _spender(tmp_path, name)
    assert [process.wait() for process in spenders.values()] == [0, 0, 0] and killed == 3
    taken = sum(Ledger(tmp_path / name).read().calls for name in spenders)
    assert 0.7 * MOST <= _spent(tmp_path) <= taken <= MOST, "what a killed one may have sent counts as spent"
