"""A market on the paper's own anchors: the real command in all three arenas, killed in the middle, resumed, and decided again from its log.

The anchors lie beside the checkout and are no part of it. What is found is printed: ``pytest -m slow -s tests/learning/test_market_anchors.py``.
Not evidence about real LLMs: the pocket model writes.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from abm.events import AdapterTrained, Event, RunResumed, StepStarted
from abm.log import read_events
from moloch.errors import MolochError

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "molochs-bargain"
DUEL = "{duel: {learners: {a: {method: rft}, b: {method: dpo}}, twins: [own, market]}}"
WORLDS = {"sales": "isolated", "elections": "isolated", "social": "networked"}
TWINS = {"a": ("a_own", "a_market"), "b": ("b_own", "b_market")}
PATIENCE = 3600
"""Seconds for a run, on a machine that does other things."""


def command(arena: str, world: str, out: Path) -> list[str]:
    """Return the run of a co-trained pair with both kinds of twins, on 16 anchors an epoch."""
    settings = {
        "train_anchors": 16, "held_out_anchors": 8, "train_personas": 10, "held_out_personas": 10, "batch": 4, "markets": DUEL,
    } | ({"crowd.size": 60} if world == "networked" else {})  # fmt: skip
    given = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    people = REAL / "personas" / "prodigy_20.jsonl"
    start = [sys.executable, "-c", "from analysis.cli import main; main()", "run", "--arena", arena, "--world", world]
    return [*start, "--anchors", str(REAL / arena), "--personas", str(people), *given, "--out", str(out), "--json"]


def logged(out: Path) -> list[Event]:
    """Return what is in the log so far; a run that has hardly begun has none."""
    try:
        return list(read_events(out))
    except (MolochError, OSError):
        return []


def killed_in_the_middle(asked: list[str], out: Path) -> None:
    """Begin the run and kill it in a step of the second epoch's contests of the market."""
    process = subprocess.Popen(asked, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < until and process.poll() is None:
            started = [event for event in logged(out) if isinstance(event, StepStarted)]
            if any((event.epoch, event.phase, event.arm) == (2, "train", "duel") for event in started):
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.3)
    finally:
        process.kill()
        _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, f"it ended before it could be killed: {errors[-2000:]}"


def finished(asked: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason=f"the paper's anchors are not at {REAL.name} beside the checkout")
@pytest.mark.parametrize("arena", WORLDS)
def test_a_duel_on_real_anchors(arena, tmp_path):
    """Killed and resumed it ends, every event is decided again alike, and each twin has its learner's rows and steps in both epochs."""
    pytest.importorskip("torch", reason="needs the learn extra")
    out, world = tmp_path / "run", WORLDS[arena]
    asked = command(arena, world, out)
    killed_in_the_middle(asked, out)
    assert not any(isinstance(event, AdapterTrained) and event.epoch == 2 for event in logged(out))
    began = time.perf_counter()
    finished(asked)
    seconds = time.perf_counter() - began
    verified = finished([*asked[:3], "replay", str(out), "--verify", "--json"])
    events = logged(out)
    assert any(isinstance(event, RunResumed) for event in events)
    learnt = {(event.arm, event.epoch): event for event in events if isinstance(event, AdapterTrained)}
    print()
    for epoch in (1, 2):
        for learner, twins in TWINS.items():
            for each in (learner, *twins):
                own, found = learnt[learner, epoch], learnt[each, epoch]
                assert (found.rows, found.steps) == (own.rows, own.steps), (each, epoch)
                print(
                    f"| {arena}, {world} | {epoch} | {each} | {found.method} | {found.rows} | {found.steps} | {found.tokens:,} |"
                )
    print(f"{arena}: resumed and finished in {seconds:.0f} s; replay: {json.dumps(json.loads(verified.stdout))[:300]}")
