"""Personas in the networked world, played by a real engine: it is held to the form, keeps prefixes, and no answer is paid twice."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from abm.events import FeedAnswerInvalid, LLMReplied, MembersPosted, Reacted, RunEnded
from abm.log import read_events
from analysis.probes import battery
from learning.runs.redecide import replay_recorded
from tests.engine.conftest import Server
from tests.engine.test_loop import FAST_TO_GIVE_UP, moloch, written
from tests.support.server import pocket_at

pytestmark = pytest.mark.engine
SOCIETY = (
    "run", "--audience", "llm", "--world", "networked", "--epochs", "1", "--set", "train_anchors=3", "--set",
    "held_out_anchors=2", "--set", "train_personas=8", "--set", "held_out_personas=6", "--set", "arms=[rft]", "--set",
    "ties=random", "--set", "lora.repeat=1", "--set", "reader.max_tokens=400", "--set", "reader.temperature=2.0", "--set",
    "network={rounds: 3, together: 1, followers: 1.0, feed: {slots: 1}, memory: {characters: 200}, posts: {characters: 40}}",
)  # fmt: skip


def counted(server: Server, name: str) -> float:
    """Return a counter of the server, summed over its labels."""
    lines = server.get("/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"vllm:{name}"))


def test_a_society_on_a_server(tmp_path, server):
    """Every answer fills its form in, texts reach others, prefixes are read once, and the log decides itself again."""
    before = {name: counted(server, f"prefix_cache_{name}_total") for name in ("hits", "queries")}
    process = moloch(*SOCIETY, "--out", str(tmp_path / "run"), *pocket_at(server.url))
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors[-2000:]
    events = list(read_events(tmp_path / "run"))
    reads = [e for e in events if isinstance(e, LLMReplied) and e.site.startswith("read/")]
    assert len(reads) >= 14 and not any(isinstance(event, FeedAnswerInvalid) for event in events)
    assert any(isinstance(event, MembersPosted) for event in events) and any(isinstance(e, Reacted) for e in events)
    hits, queries = (counted(server, f"prefix_cache_{name}_total") - before[name] for name in ("hits", "queries"))
    print(f"\nprefix cache: {hits:.0f} of {queries:.0f} tokens, {hits / max(queries, 1):.0%}")
    assert hits > 0.2 * queries > 0, "what is common to all personas was read again and again"
    assert replay_recorded(tmp_path / "run", probes=battery).divergence is None


def test_a_killed_server_repays_nothing(tmp_path, pocket):
    """It dies within a round: what was answered is kept, and the same command asks for the rest alone."""
    server = Server(pocket)
    try:
        _dies_and_goes_on(server, tmp_path)
    finally:
        server.kill()


def _dies_and_goes_on(server: Server, tmp_path: Path) -> None:
    server.start()
    command = (*SOCIETY, "--out", str(tmp_path / "run"), *pocket_at(server.url), *FAST_TO_GIVE_UP)
    first = moloch(*command)
    until = time.monotonic() + 300
    while time.monotonic() < until:
        if (tmp_path / "run" / "run.json").exists():
            kept = written(list(read_events(tmp_path / "run")))
            if sum(site.startswith("read/") for site in kept) >= 5:
                break
        time.sleep(0.05)
    server.kill()
    _, errors = first.communicate(timeout=300)
    assert first.returncode in (0, 6), errors[-2000:]
    kept = written(list(read_events(tmp_path / "run")))
    server.start()
    second = moloch(*command)
    _, errors = second.communicate(timeout=900)
    assert second.returncode == 0, errors[-2000:]
    events = list(read_events(tmp_path / "run"))
    sites = Counter(event.site for event in events if isinstance(event, LLMReplied))
    assert set(sites.values()) == {1} and isinstance(events[-1], RunEnded)
    assert {site: written(events)[site] for site in kept} == kept
