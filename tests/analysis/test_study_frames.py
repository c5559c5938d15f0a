"""A study's frames: its cells, and what happened in them, each row with its factors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from threading import Event

import polars as pl
import pytest

from abm.events import LLMReplied
from abm.log import read_events
from abm.study_events import CellEnded, CellFailed, CellReused, CellStarted, PlannedCell, StudyPlanned
from analysis.cli.app import app
from analysis.frames import NAMES, CellRun, _cells, export_all, of_run
from analysis.studies import Study
from analysis.studies.frames.study_frames import STUDY_NAMES, all_frames, cell_runs, study_columns, study_frame
from analysis.studies.record.study_log import StudyLog
from moloch.errors import InputError
from tests.analysis.studies.small import ANCHORS, PAGE, PEOPLE, carry_out, plan

GOLDEN = Path(__file__).parents[1] / "golden" / "runs"
ARENAS = ("sales", "elections", "social")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of four cells: one has ended, one runs and failed before, one stands elsewhere, one is still to come."""
    folder = tmp_path_factory.mktemp("study") / "study"
    factors = [*({"arena": arena, "size": size} for size, arena in enumerate(ARENAS)), {"arena": "sales", "size": 9}]
    planned = [PlannedCell(f"c{i}", each, i, f"settings-{i}") for i, each in enumerate(factors)]
    log = StudyLog(folder)
    log.begin(StudyPlanned(name="n", page={}, page_id="p", cells=planned, versions={}))
    for name, run in (
        ("cells/c0", "sales-isolated"),
        ("cells/c1", "elections-networked"),
        ("../old", "social-isolated"),
    ):
        shutil.copytree(GOLDEN / run, folder / name)
    log.append([
        CellStarted(cell="c0", attempt=1, identity="i0", worker={}),
        CellEnded(cell="c0", attempt=1, head="h0", digest="d0", events=9, seconds=2.5, peak_bytes=7),
        CellStarted(cell="c1", attempt=1, identity="i1", worker={}),
        CellFailed(cell="c1", attempt=1, origin="memory", message="no memory", again=True),
        CellStarted(cell="c1", attempt=2, identity="i1", worker={}),
        CellReused(cell="c2", run="../old", identity="i2", head="h2", digest="d2", events=3, version="1"),
    ])  # fmt: skip
    return folder


class TestStudyFrames:
    """Of a study by its folder."""

    @pytest.mark.parametrize("name", [*STUDY_NAMES, "step_started"])
    def test_the_codebook_names_their_columns(self, study, name):
        """In order, with types; each is explained."""
        frame = study_frame(study, name)
        told = study_columns(study, name)
        assert [(column.name, column.dtype) for column in told] == [
            (column, str(dtype)) for column, dtype in frame.collect_schema().items()
        ]
        assert frame.collect(engine="streaming").schema == frame.collect_schema()
        assert all(column.source and (column.meaning or name not in STUDY_NAMES) for column in told)

    def test_cells(self, study):
        """A row per cell, in the order of the page, whatever became of it."""
        rows = study_frame(study, "cells").collect()
        columns = [
            "cell",
            "seed",
            "arena",
            "size",
            "state",
            "run",
            "attempts",
            "failed",
            "message",
            "head",
            "digest",
            "seconds",
            "peak_bytes",
        ]
        assert rows.select(columns).rows() == [
            ("c0", 0, "sales", 0, "ended", "cells/c0", 1, None, None, "h0", "d0", 2.5, 7),
            ("c1", 1, "elections", 1, "running", None, 2, "memory", "no memory", None, None, 0.0, None),
            ("c2", 2, "social", 2, "reused", "../old", 0, None, None, "h2", "d2", 0.0, None),
            ("c3", 3, "sales", 9, "waiting", None, 0, None, None, None, None, 0.0, None),
        ]
        for cell, run in zip(rows.iter_rows(named=True), ("cells/c0", "cells/c1", "../old", ""), strict=True):
            replies = [event for event in read_events(study / run) if isinstance(event, LLMReplied)] if run else []
            assert cell["calls"] == len(replies) and cell["usd"] == 0.0
            assert cell["tokens_out"] == sum(event.tokens_out for event in replies)

    def test_rows_are_those_of_the_cells_runs(self, study):
        """Of one that is still running and of one that stands elsewhere, too."""
        votes = study_frame(study, "votes").group_by("cell", "arena").agg(pl.len() > 0).sort("cell").collect()
        assert votes.rows() == [("c0", "sales", True), ("c1", "elections", True), ("c2", "social", True)]
        assert cell_runs(study)[3] == CellRun("c3", 3, {"arena": "sales", "size": 9}, study / "cells" / "c3")

    @pytest.mark.parametrize("name", ["votes", "messages", "reactions"])
    def test_rows_come_in_the_order_of_the_cells(self, study, name, monkeypatch):
        """Runs that are read ahead change nothing: neither which rows there are, nor where they stand."""
        ahead = study_frame(study, name).collect(engine="streaming")
        monkeypatch.setattr(_cells, "AHEAD", 0)
        assert study_frame(study, name).collect(engine="streaming").equals(ahead)
        assert ahead["cell"].rle().struct["value"].to_list() == ["c0", "c1", "c2"]

    def test_the_next_runs_are_read_while_rows_are_taken(self, study, monkeypatch):
        """Rows of the first run can wait until another has begun to be read."""
        begun = Event()

        def first(run, name):
            if run.name != "c0":
                begun.set()
                return of_run(run, name)
            held = of_run(run, name)
            return held.filter(pl.lit(True).map_batches(lambda kept: kept if begun.wait(20) else None))

        monkeypatch.setattr(_cells, "of_run", first)
        votes = study_frame(study, "votes").collect(engine="streaming")
        assert begun.is_set() and votes["cell"][0] == "c0"

    def test_a_limit_is_met_without_the_runs_behind_it(self, study, monkeypatch):
        """Of what is not asked for, nothing is read."""
        looked_at = []
        monkeypatch.setattr(_cells, "of_run", lambda run, name: looked_at.append(run.name) or of_run(run, name))
        assert study_frame(study, "votes").head(3).collect(engine="streaming").height == 3
        assert looked_at == ["c0"]

    @pytest.mark.system
    @pytest.mark.parametrize("suffix", [".parquet", ".csv"])
    def test_all_of_them_as_files(self, study, tmp_path, suffix):
        """With one codebook, of a study and of one of its runs; complete, or not at all."""
        for path, names in ((study, STUDY_NAMES), (study / "cells" / "c0", NAMES)):
            folder = tmp_path / path.name
            files = export_all(all_frames(path), folder, suffix)
            assert [file.name for file in files] == sorted(
                [*(f"{name}{suffix}" for name in names), "codebook.json", "codebook.md"]
            )
            told = json.loads((folder / "codebook.json").read_text())
            assert list(told) == list(names)
            read = pl.read_parquet if suffix == ".parquet" else pl.read_csv
            for name in names:
                frame = read(folder / f"{name}{suffix}")
                assert frame.columns == [column["name"] for column in told[name]]
                assert len(frame) == all_frames(path)[name][0].select(pl.len()).collect().item()
            with pytest.raises(InputError, match="holds something"):
                export_all(all_frames(path), folder, suffix)
        broken = {"votes": (pl.LazyFrame({"a": [1]}).select("b"), ())}
        with pytest.raises(pl.exceptions.ColumnNotFoundError):
            export_all(broken, tmp_path / "broken", suffix)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["c0", "study"]

    def test_mistakes(self, study, tmp_path):
        """No study, and no such frame, are one line."""
        with pytest.raises(InputError, match="no study here"):
            study_frame(tmp_path, "votes")
        with pytest.raises(InputError, match="no frame 'cell'"):
            study_frame(study, "cell")


class TestAStudyOfItsOwn:
    """From its page, and from the command line."""

    @pytest.fixture
    def half(self, tmp_path):
        """A preregistered study, half of whose cells have ended."""
        cells = plan(tmp_path / "half", PAGE + "primary: {hypotheses: [{name: H1, arm: rft, outcome: win_rate}]}\n")
        carry_out(tmp_path / "half", cells[:6])
        return tmp_path / "half"

    @pytest.mark.system
    def test_frames_of_a_study_before_its_end(self, half):
        """Its cells may be looked at; what happened in them is an interim look, which is asked for and logged."""
        study = Study(half.with_suffix(".yaml"), out=half)
        assert study.frame("cells").collect()["state"].to_list() == ["ended"] * 6 + ["waiting"] * 6
        with pytest.raises(InputError, match="before its end"):
            study.frame("votes")
        votes = study.frame("votes", look=True).group_by("arena", "arm").len().collect()
        assert dict(votes.select(pl.format("{} {}", "arena", "arm"), "len").rows())["sales rft"] == 6 * ANCHORS * PEOPLE
        assert [look.door for look in study.state().looks] == ["Study.frame"]
        assert [column["name"] for column in study.codebook("votes")["votes"]][:4] == [
            "cell",
            "seed",
            "arena",
            "factor_audience",
        ]

    @pytest.mark.system
    @pytest.mark.parametrize("kind", ["frames", "frames-csv"])
    def test_export(self, half, tmp_path, capsys, kind):
        """``moloch log export STUDY frames OUT``, and of one cell; the same rule holds."""
        out = tmp_path / "out"
        with pytest.raises(InputError, match="before its end"):
            command(half, kind, out)
        assert not out.exists()
        files = json.loads(command(half, kind, out, "--look", "--json", capsys=capsys))["files"]
        assert {Path(name).stem for name in files} == {*STUDY_NAMES, "codebook"}
        cell = next((half / "cells").iterdir())
        with pytest.raises(InputError, match="before its end"):
            command(f"{half}#{cell.name}", kind, tmp_path / "cell")
        command(f"{half}#{cell.name}", kind, tmp_path / "cell", "--look")
        assert {path.stem for path in (tmp_path / "cell").iterdir()} == {*NAMES, "codebook"}


def command(*args, capsys=None):
    """Carry out ``moloch log export``; return what it prints."""
    app(["log", "export", *map(str, args)], standalone_mode=False)
    return capsys.readouterr().out if capsys else ""
