"""Whether two executions of a study came to the same: any difference in any frame is found, and nothing else is."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

import analysis.frames._differences as differences
from abm.events import (
    AdapterTrained,
    ContestDecided,
    Engaged,
    Event,
    LLMReplied,
    MessagePublished,
    Reacted,
    Recovered,
    RunResumed,
    TrainingMeasured,
    VerdictGiven,
)
from abm.journal import Decisions
from abm.log import create, read_events
from abm.study_events import CellEnded, CellFailed, CellReused, CellStarted, PlannedCell, StudyPlanned
from analysis.cli.app import app
from analysis.frames import LEFT_OUT, NAMES, codebook
from analysis.frames._event_places import EventPlaces
from analysis.studies import Study
from analysis.studies.frames.equality import LEFT_OUT_OF_CELLS, FrameEquality, equal_frames
from analysis.studies.frames.study_frames import CELLS, study_frame
from analysis.studies.record.study_log import StudyLog
from moloch.errors import InputError
from tests.analysis.studies.small import carry_out, plan

GOLDEN = Path(__file__).parents[2] / "golden" / "runs"
STEPS = ("losses", "gradient_norms", "learning_rates")
RUNS = {"c0": "sales-isolated", "c1": "elections-networked"}
Change = Callable[[list[Event]], Sequence[Event]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden runs of the two cells, with a measured training before each adapter: the golden ones were not measured."""
    folder = tmp_path_factory.mktemp("runs")
    for cell, run in RUNS.items():
        shutil.copytree(GOLDEN / run, folder / "cells" / cell)
        rewritten(folder, cell, measured)
    return folder / "cells"


def measured(events: list[Event]) -> list[Event]:
    """Return the events of the same run, where each training's three steps and its drift were measured."""
    made, to = list[Event](), dict[int, int]()
    for seq, event in enumerate(events):
        if isinstance(event, AdapterTrained):
            steps = {name: np.array([3, 2, event.loss_after], np.float32).tobytes() for name in STEPS}
            who = {"arm": event.arm, "epoch": event.epoch, "adapter": event.adapter}
            drift = {"kl_after": 0.25, "entropy_before": 2.0, "entropy_after": 1.5, "drift_tokens": 9}
            made.append(TrainingMeasured(**who, **steps, **drift))
        to[seq] = len(made)
        made.append(event)
    return moved(made, to)


def study(folder: Path, runs: Path, *, failed: bool = False, state: str = "ended") -> Path:
    """Write a study of two cells whose runs are those of :func:`runs`."""
    planned = [
        PlannedCell(name, {"arena": run.split("-")[0]}, i, f"settings-{i}")
        for i, (name, run) in enumerate(RUNS.items())
    ]
    log = StudyLog(folder)
    log.begin(StudyPlanned(name="n", page={}, page_id="p", cells=planned, versions={}))
    for i, name in enumerate(RUNS):
        shutil.copytree(runs / name, folder / "cells" / name)
        attempt = 1 + failed
        events: list[Event] = [CellStarted(cell=name, attempt=1, identity="i", worker={})]
        if failed:
            events += [
                CellFailed(cell=name, attempt=1, origin="node", message="its worker is gone", again=True),
                CellStarted(cell=name, attempt=2, identity="i", worker={}),
            ]
        ended = {"head": f"h{failed}{i}", "digest": f"d{i}", "events": 9}
        if state == "reused":
            events = [CellReused(cell=name, run=f"cells/{name}", identity="i", version="1", **ended)]
        else:
            events.append(CellEnded(cell=name, attempt=attempt, seconds=2.0 + attempt, peak_bytes=attempt, **ended))
        log.append(events)
    return folder


def rewritten(folder: Path, cell: str, change: Change) -> None:
    """Write a cell's log again, with other events."""
    run = folder / "cells" / cell
    events = change(list(read_events(run)))
    record = json.loads((run / "run.json").read_text())["config"]
    shutil.rmtree(run)
    with create(run, record) as log:
        log.append(list(events))


def first(kind: type[Event], replaced: Callable[[Event], dict[str, object]]) -> Change:
    """Return a change of the first event of a type."""

    def change(events: list[Event]) -> list[Event]:
        at = next(i for i, event in enumerate(events) if type(event) is kind)
        return [*events[:at], msgspec.structs.replace(events[at], **replaced(events[at])), *events[at + 1 :]]

    return change


def moved(events: list[Event], to: dict[int, int]) -> list[Event]:
    """Return events that name others by their new places."""
    named = [msgspec.structs.replace(event, cause=to.get(event.cause, event.cause)) for event in events]
    return [
        msgspec.structs.replace(event, data_range=[to.get(seq, seq) for seq in event.data_range])
        if isinstance(event, AdapterTrained)
        else event
        for event in named
    ]


def interrupted(events: list[Event]) -> list[Event]:
    """Return the events of the same run killed in the middle, and gone on with."""
    at = len(events) // 2
    named = moved(events, {seq: seq + 2 for seq in range(at, len(events))})
    return [*named[:at], Recovered(quarantined="q", nbytes=3), RunResumed(versions={}), *named[at:]]


def answered_in_another_order(events: list[Event]) -> list[Event]:
    """Return the events of the same run where two answers came the other way round, as those of servers do."""
    at = next(i for i in range(len(events)) if all(isinstance(each, LLMReplied) for each in events[i : i + 2]))
    events[at], events[at + 1] = events[at + 1], events[at]
    return moved(events, {at: at + 1, at + 1: at})


@pytest.fixture
def a(tmp_path: Path, runs: Path) -> Path:
    """One execution."""
    return study(tmp_path / "a", runs)


@pytest.fixture
def b(tmp_path: Path, runs: Path) -> Path:
    """Another one, whose cells each failed once."""
    return study(tmp_path / "b", runs, failed=True)


class TestEqual:
    """What is no difference."""

    @pytest.mark.system
    def test_other_attempts_times_and_places(self, a, b):
        """What is about the machine and the clock is not compared; every frame is."""
        found = equal_frames(a, b)
        assert found.equal and found.cells == 2
        assert list(found.rows) == ["cells", *NAMES]
        assert all(rows for name, rows in found.rows.items() if name != "labels")  # nobody labelled them

    @pytest.mark.system
    @pytest.mark.parametrize("change", [interrupted, answered_in_another_order, lambda events: events])
    @pytest.mark.parametrize("cell", RUNS)
    def test_a_run_that_went_another_way_to_the_same(self, a, b, cell, change):
        """Killed and gone on with; answered in another order; written at another time."""
        rewritten(b, cell, change)
        if change is interrupted:
            seqs = [study_frame(each, "messages").collect()["seq"].to_list() for each in (a, b)]
            assert seqs[0] != seqs[1], "nothing moved: the test shows nothing"
        assert equal_frames(a, b).differences == ()

    @pytest.mark.system
    def test_a_cell_that_was_reused(self, a, runs, tmp_path):
        """It ended, elsewhere."""
        assert equal_frames(a, study(tmp_path / "c", runs, state="reused")).equal

    @pytest.mark.system
    def test_cells_are_matched_by_name(self, tmp_path):
        """In whatever order they were planned."""
        for name, page in (("x", "[sales, social]"), ("y", "[social, sales]")):
            cells = plan(tmp_path / name, f"name: small\ncross: {{arena: {page}}}\nseeds: 2\n")
            carry_out(tmp_path / name, cells)
        assert equal_frames(tmp_path / "x", tmp_path / "y").equal


PLANTED: dict[str, tuple[str, Change, set[tuple[str, str]]]] = {
    "a contest's winner": ("c0", first(ContestDecided, lambda e: {"winner": 1 - e.winner}), {("contests", "winner")}),
    "a vote": (
        "c0",
        first(Reacted, lambda e: {"choice": 1 - e.choice}),
        {("votes", "choice"), ("reactions", "slot"), ("reactions", "message")},
    ),
    "a thought": ("c0", first(Reacted, lambda e: {"thought": f"{e.thought}."}), {("votes", "thought")}),
    "a message": ("c1", first(MessagePublished, lambda e: {"text": f"{e.text}!"}), {("messages", "text")}),
    "whose answer a message is": ("c0", first(MessagePublished, lambda e: {"cause": e.cause + 1}), {("messages", "cause"), ("messages", "tokens"), ("writing", "tokens")}),
    "a verdict": ("c0", first(VerdictGiven, lambda e: {"label": 1 - e.label}), {("verdicts", "label")}),
    "the last bit of a loss": (
        "c1",
        first(AdapterTrained, lambda e: {"loss_after": math.nextafter(e.loss_after, 9)}),
        {("training", "loss_after")},
    ),
    "what a training read": (
        "c0",
        first(AdapterTrained, lambda e: {"data_range": [e.data_range[0], e.data_range[1] + 1]}),
        {("training", "data_range")},
    ),
    "a step's loss": (
        "c1",
        first(TrainingMeasured, lambda e: {"losses": np.array([3, 2.5, e.kl_after], np.float32).tobytes()}),
        {("steps", "loss")},
    ),
    "a training's drift": (
        "c0",
        first(TrainingMeasured, lambda e: {"kl_after": e.kl_after / 2}),
        {("training", "kl_after")},
    ),
    "a word more": (
        "c0",
        first(MessagePublished, lambda e: {"text": f"{e.text} {e.text.split()[0]}"}),
        {("messages", "text"), ("messages", "words"), ("writing", "words"), ("writing", "distinct"), ("writing", "copy_rate")},
    ),
    "a reaction": ("c1", first(Engaged, lambda e: {"round": e.round + 1}), {("reactions", "round")}),
    "an answer's tokens": ("c1", first(LLMReplied, lambda e: {"tokens_in": e.tokens_in + 1}), {("cells", "tokens_in")}),
}  # fmt: skip
"""What is planted -> the cell, the change, and the frames and columns in which it has to be found."""


class TestDifferent:
    """Every difference is found, where it is, and nowhere else."""

    @pytest.mark.system
    @pytest.mark.parametrize("planted", PLANTED)
    def test_one_event_of_one_cell(self, a, b, planted):
        """The frame, the cell, the column, the row and both values are named."""
        cell, change, where = PLANTED[planted]
        rewritten(b, cell, change)
        found = equal_frames(a, b)
        assert not found.equal
        assert {(each.frame, each.column) for each in found.differences} == where
        assert {each.cell for each in found.differences} == {cell}
        assert all(each.a != each.b and each.row >= 0 and each.rows >= 1 for each in found.differences)

    @pytest.mark.system
    def test_the_row_is_that_of_the_frame(self, a, b):
        """Its number within the cell, and what it is about; how many rows differ besides."""

        def change(events: list[Event]) -> list[Event]:
            votes = [i for i, event in enumerate(events) if isinstance(event, Reacted)]
            for i in (votes[3], votes[5]):
                events[i] = msgspec.structs.replace(events[i], thought="x")
            return events

        rewritten(b, "c0", change)
        (found,) = equal_frames(a, b).differences
        assert (found.frame, found.column, found.row, found.rows, found.b) == ("votes", "thought", 3, 2, "x")
        assert found.about.startswith("train/1/")

    @pytest.mark.system
    @pytest.mark.parametrize("slice_rows", [1, 7, 2**16])
    def test_rows_that_are_not_there(self, tmp_path, monkeypatch, slice_rows):
        """The frames' lengths are named, however many rows are held at once."""
        monkeypatch.setattr(differences, "SLICE", slice_rows)
        a, b = tmp_path / "a", tmp_path / "b"
        for each in (a, b):
            (cell,) = cells = plan(each, "name: small\nseeds: 1\n")
            carry_out(each, cells)
        assert equal_frames(a, b).equal
        last = max(i for i, event in enumerate(read_events(b / "cells" / cell.name)) if isinstance(event, VerdictGiven))
        rewritten(b, cell.name, lambda events: [event for i, event in enumerate(events) if i != last])
        found = equal_frames(a, b)
        (short,) = (each for each in found.differences if each.frame == "verdicts")
        number = found.rows["verdicts"]
        assert short.column == "" and short.rows == 1
        assert int(short.a.split()[0]) == int(short.b.split()[0]) + 1 <= number + 1

    @pytest.mark.system
    def test_a_cell_of_one_study_alone(self, tmp_path):
        """Both ways round, as is a factor."""
        for name, page in (("x", "{arena: [sales, social]}"), ("y", "{arena: [sales]}")):
            carry_out(tmp_path / name, plan(tmp_path / name, f"name: small\ncross: {page}\nseeds: 1\n"))
        for pair, told in ((("x", "y"), ("there", "–")), (("y", "x"), ("–", "there"))):
            (alone,) = equal_frames(*(tmp_path / name for name in pair)).differences
            assert (alone.frame, alone.a, alone.b) == ("cells", *told)

    @pytest.mark.system
    def test_a_cell_that_did_not_end(self, tmp_path):
        """Its state differs, and its run is not there."""
        cells = plan(tmp_path / "x", two := "name: small\nseeds: 2\n")
        carry_out(tmp_path / "x", cells)
        plan(tmp_path / "y", two)
        carry_out(tmp_path / "y", cells[1:])
        found = equal_frames(tmp_path / "x", tmp_path / "y").differences
        assert {each.cell for each in found} == {cells[0].name}
        assert ("state", "ended", "waiting") in {(each.column, each.a, each.b) for each in found}
        assert ("", "a run", "no run") in {(each.column, each.a, each.b) for each in found}


class TestLeftOut:
    """What is not compared is declared, with its reason."""

    def test_each_is_a_column(self):
        """Of the frames that it is left out of; and what was decided is not among them."""
        assert {column.name for column in CELLS} >= LEFT_OUT_OF_CELLS.keys()
        of_runs = {column["name"] for columns in codebook().values() for column in columns}
        assert of_runs >= LEFT_OUT.keys()
        assert LEFT_OUT_OF_CELLS.keys().isdisjoint({"state", "digest", "calls", "tokens_in", "tokens_out"})


class TestPlaces:
    """Places among the decisions are those that digests are made of."""

    @pytest.mark.parametrize("run", sorted(path.name for path in GOLDEN.iterdir()))
    @pytest.mark.parametrize("change", [list, interrupted, answered_in_another_order])
    def test_as_decisions_have_them(self, tmp_path, run, change):
        """For every event; -1 for what was not decided."""
        (tmp_path / "s" / "cells").mkdir(parents=True)
        shutil.copytree(GOLDEN / run, tmp_path / "s" / "cells" / run)
        rewritten(tmp_path / "s", run, change)
        events = list(read_events(tmp_path / "s" / "cells" / run))
        want = [-1] * len(events)
        for place, decision in enumerate(Decisions.of(events)):
            want[decision.seq] = place
        places = EventPlaces(tmp_path / "s" / "cells" / run)
        assert places.of(pl.Series(range(len(events)))).to_list() == want
        assert places.of(pl.Series([[0, 1], None, [], [len(events)]])).to_list() == [want[:2], None, [], [-1]]
        assert places.of(pl.Series([None, -1, 3])).to_list() == [None, -1, want[3]]


class TestDoors:
    """From a script, and from the command line."""

    @pytest.mark.system
    def test_from_a_script(self, tmp_path):
        """A study or its folder; before the end of a preregistered one it is an interim look."""
        for name in ("x", "y"):
            cells = plan(
                tmp_path / name,
                "name: small\ncross: {arena: [sales, social]}\nseeds: 1\nprimary: {hypotheses: [{name: H1, arm: rft, outcome: win_rate}]}\n",
            )
            carry_out(tmp_path / name, cells[:1])
        one, other = (Study(tmp_path / f"{name}.yaml", out=tmp_path / name) for name in ("x", "y"))
        with pytest.raises(InputError, match="before its end"):
            one.equal_frames(other)
        found = one.equal_frames(other, look=True)
        assert isinstance(found, FrameEquality) and found.equal
        assert [look.door for study in (one, other) for look in study.state().looks] == ["Study.equal_frames"] * 2

    @pytest.mark.system
    def test_compare_studies(self, a, b, capsys):
        """Equal: a line with what was compared, and one with what was not."""
        assert command(a, b) == 0
        said = capsys.readouterr().out
        assert "Equal: 2 cells; rows compared: cells 2, contests" in said
        assert (
            "Not compared: run, attempts, failed, message, head, seconds, peak_bytes, usd of cells; at of the other frames"
            in said
        )

    @pytest.mark.system
    def test_compare_studies_that_differ(self, a, b, capsys):
        """The first row of each column; exit code 4; all of it in JSON."""
        rewritten(b, "c0", PLANTED["a verdict"][1])
        assert command(a, b) == 4
        said = capsys.readouterr().out
        assert "Not equal: 2 cells" in said and "verdicts, c0: label, row 0 (" in said
        assert command(a, b, "--json") == 4
        told = json.loads(capsys.readouterr().out)
        assert told["equal"] is False and [each["column"] for each in told["differences"]] == ["label"]

    @pytest.mark.system
    def test_compare_runs(self, a, b, capsys):
        """Or cells, by name; a study with a run is refused."""
        assert command(f"{a}#c1", b / "cells" / "c1") == 0
        assert "Equal: rows compared: contests" in capsys.readouterr().out
        with pytest.raises(InputError, match="a study and a run"):
            command(a, b / "cells" / "c1")
        with pytest.raises(InputError, match="--by"):
            command(a, b, "--by", "arena")


def command(*args: object) -> int:
    """Carry out ``moloch compare --frames``; return its exit code."""
    return app(["compare", "--frames", *map(str, args)], standalone_mode=False) or 0
