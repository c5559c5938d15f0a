"""Cells side by side that ask one server: calls at once, and what is spent, have one bound for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from abm.llm.lease import FILE
from abm.log import read_events
from abm.study_events import CellEnded, CellStarted
from analysis.studies import Study
from analysis.studies.pages.page import StopRules
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyLog
from analysis.studies.work.controller import Controller
from analysis.studies.work.rules import Rules
from tests.support import fast_cells  # noqa: F401 (an extension)
from tests.support.fork_engine import ForkEngine
from tests.support.server import Server, completion, serving

AT_ONCE = 4
CELLS = 4


@pytest.fixture
def server(monkeypatch, tmp_path) -> Iterator[Server]:
    """A server of the model that plays the personas, which takes a moment for each answer."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    vote = completion("<think>Hm.</think><choice>A</choice>")
    with serving(lambda call: vote, delay=0.02, models=[{"id": "reader", "owned_by": "test"}]) as found:
        yield found


def study(folder: Path, server: Server, cells: int = CELLS) -> Study:
    """A study whose cells write for nothing, and ask the server for votes."""
    models = {"reader": {"url": server.url, "concurrency": AT_ONCE}}
    base = {
        "epochs": 1, "train_anchors": 3, "held_out_anchors": 3, "train_personas": 4, "held_out_personas": 4, "arms": ["rft"],
        "extensions": ["tests.support.fast_cells"], "audience": "llm", "reader": {"model": "reader"},
        "serving": {"llm": "fast", "models": models},
    }  # fmt: skip
    made = Study(name="x", base=base, seeds=cells, out=folder)
    made.begin()
    return made


def carried_out(of: Study, **bounds: float) -> str:
    """Work on a study with two cells at a time; return why it stopped."""
    engine = ForkEngine(2)
    try:
        rules = Rules(stop=StopRules(**bounds))  # pyright: ignore[reportArgumentType]
        return Controller(StudyLog(of.folder), {cell.name: cell for cell in of.cells}, engine, rules).run()
    finally:
        engine.close()


def sent(server: Server) -> int:
    return sum(call.path.endswith("/chat/completions") for call in server.calls)


def side_by_side(of: Study) -> int:
    """Return the most cells that were carried out at the same time, by the study's log."""
    now = most = 0
    for event in read_events(Layout(of.folder).log):
        now += isinstance(event, CellStarted) - isinstance(event, CellEnded)
        most = max(most, now)
    return most


@pytest.mark.system
def test_calls_at_once(tmp_path, server):
    """Two cells at a time, each of which would have all of them on their way if it were alone."""
    server.delay = 0.3  # so that calls of both are on their way together, on a busy machine too
    of = study(tmp_path / "study", server, cells=2)
    assert carried_out(of) == "" and {cell.state for cell in of.state().cells.values()} == {"ended"}
    assert side_by_side(of) == 2 and sent(server) > 4 * AT_ONCE
    assert AT_ONCE / 2 < server.at_once <= AT_ONCE


def spent(of: Study) -> int:
    """Return the calls that count as spent: to the server, and of the backend that writes, which might be paid, too."""
    lines = [json.loads(line) for line in (Layout(of.folder).budget / FILE).read_text().splitlines()]
    return sum({line["run"]: line["calls"] for line in lines}.values())


@pytest.mark.slow
def test_what_is_spent(tmp_path, server):
    """Two cells at a time, and the same command again, never ask more than the bound; with a larger one it goes on."""
    of, whole = study(tmp_path / "study", server), study(tmp_path / "whole", server)
    assert carried_out(whole, calls=10_000) == ""
    needed, asked = spent(whole), sent(server)
    assert needed > asked > CELLS * AT_ONCE
    for _ in range(2):
        assert carried_out(of, calls=needed // 2) == "budget"
        assert needed // 4 < spent(of) <= needed // 2 and sent(server) - asked <= spent(of)
    assert (carried_out(of, calls=needed), sent(server) - asked, spent(of)) == ("", asked, needed), (
        "each answer is paid once"
    )
