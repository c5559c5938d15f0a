"""The list of runs and studies: a study is one row, filters and order are the address's, and what is hidden is not counted."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from math import inf
from pathlib import Path

import polars as pl
import pytest

from abm.events import ContestDecided, VerdictGiven
from abm.log import create, read_events
from analysis.answers import RowKey, answer
from analysis.frames import of_run
from analysis.studies.findings.results import MissingCell
from analysis.studies.frames.study_frames import cell_runs
from analysis.studies.record.layout import Layout
from analysis.ui.address import PageAddress
from analysis.ui.data.one_line import ResultLine
from analysis.ui.data.row_table import study_cells
from analysis.ui.data.rows import RowsPage, RowsQuery, rows_page
from analysis.ui.data.run_list import ListEntry, chosen, folders_said, list_rows, listed
from analysis.ui.data.runs import RunInfo
from analysis.ui.data.study import cell_table, evaluations_url, failures, looks_of, study_head, study_result
from analysis.ui.library import Library
from analysis.ui.pages.runs import about, look
from analysis.ui.studies import ShownStudy
from analysis.ui.summaries import line_of_run
from tests.analysis.studies.small import carry_out, plan
from tests.analysis.studies.test_verbs import begun, study  # noqa: F401 (fixtures)


def run(name: str, state: str = "ended", folder: str = "runs", written: float = 1.0) -> RunInfo:
    """A run as its folder tells it."""
    return RunInfo(name, Path(f"/{folder}/{name}"), {"arena": "sales"}, state, events=9, written=written)  # pyright: ignore[reportArgumentType]


class TestList:
    """One row each."""

    def test_cells_stand_inside_their_study(self, study):  # noqa: F811
        """The list has the study, once; its cells are there for addresses."""
        library = Library([], [study.parent])
        (entry,) = (entry for entry in look(library, inf).entries if entry.path == study)
        (row,) = list_rows([entry], lambda each: None, now=0.0)
        assert row["size"] == "12 of 12 cells" and row["state"] == "ended" and row["study"]
        assert sum(path.is_relative_to(study) for path in library.paths().values()) == 12
        assert look(Library([], [study.parent]), 0.0).left == 12  # none was read in no time, and the list says so
        assert not any(each.path.parent == study / "cells" for each in look(library, inf).entries)

    def test_folders_are_named(self, study, tmp_path):  # noqa: F811
        """One by its path, several by what distinguishes them, many by the first few; a study is a row, and no folder of runs."""
        assert folders_said([tmp_path]) == f"in {tmp_path}" and folders_said([study]) == ""
        assert folders_said([tmp_path / "a" / "runs", tmp_path / "b" / "runs", study]) == "in a/runs and b/runs"
        five = [tmp_path / name for name in "abcde"]
        assert folders_said(five) == "in a, b, c and 2 more folders"

    def test_an_arm_has_its_name(self):
        """As on all other pages: no underscore is left out of it, as it is of a probe's."""
        line = ResultLine("dpo_twin", "dpo_random", wins="+1.0", found="copy_error", probe="0.0")
        (row,) = list_rows([ListEntry(run("a"))], lambda entry: line, now=0.0)
        assert (row["wins_of"], row["probe_of"]) == ("dpo_twin beyond dpo_random", "copy error")

    def test_filter_and_order(self):
        """All words have to be there; what a column says nothing of stands last, whichever way it is sorted."""
        entries = listed([run("b"), run("a", "running"), run("c", written=3.0)], [])
        lines = {
            "b": ResultLine("rft", wins="+2.0", wins_value=2.0),
            "c": ResultLine("rft", wins="+9.0", wins_value=9.0),
        }

        def names(search: str) -> str:
            return "".join(
                each.name for each in chosen(entries, PageAddress.parse(search), lambda each: lines.get(each.name))
            )

        assert names("") == "abc" and names("?find=ended+SALES") == "bc" and names("?find=nothing") == ""
        assert names("?sort=wins") == "bca" and names("?sort=-wins") == "cba" and names("?sort=-written") == "cab"

    def test_what_comes_later_is_there(self, tmp_path, monkeypatch):
        """A folder is watched: a study that begins in it, and its cells as they begin."""
        monkeypatch.setattr("analysis.ui.studies.LOOK_S", -1.0)
        library = Library([], [tmp_path])
        assert look(library) == ([], 0)
        cells = plan(tmp_path / "new")
        assert [(entry.name, entry.size, entry.state) for entry in look(library, inf).entries] == [("new", 0, "empty")]
        carry_out(tmp_path / "new", cells[:1])
        assert [(entry.name, entry.size, entry.state) for entry in look(library, inf).entries] == [
            ("new", 1, "stopped")
        ]

    def test_a_line_is_the_figures(self, study):  # noqa: F811
        """A run's line says what its first arm wins beyond its comparator, and what its first probe changed."""
        line = line_of_run(next(Layout(study).cells.iterdir()))
        assert (line.arm, line.beyond) == ("rft", "placebo") and line.wins_value in (12.5, 25.0)
        assert line.wins.startswith(f"+{line.wins_value} [")


class TestHidden:
    """A preregistered study shows no effect before its end."""

    def test_nothing_is_counted(self, begun):  # noqa: F811
        """Neither for the list nor for its own page, though a cell has ended."""
        shown = ShownStudy("begun", begun, lambda path: True)
        assert shown.results() is None and shown.counted is None
        entry = ListEntry(None, "begun", shown.status(), closed=shown.closed, path=begun)
        (row,) = list_rows([entry], lambda each: ResultLine("rft", wins="+50.0"), now=0.0)
        assert row["wins"] == "–" and "hidden" in row["wins_of"]

    def test_how_it_stands_is_shown(self, begun):  # noqa: F811
        """Cells with their state, and the message of a failure."""
        status = ShownStudy("begun", begun).status()
        assert [row["text"] for row in failures(status)["rows"]] == ["backend: the server answers nothing"]
        table = cell_table(status, None, PageAddress(study="begun", find="failed"), lambda cell: "")
        assert [row["state"] for row in table["rows"]] == ["failed"] and not table["valued"]

    def test_another_line_once_it_is_open(self):
        """What was counted while effects were hidden is not what stands there afterwards."""
        entry = ListEntry(None, "s", path=Path("s"), closed=True)
        assert about(entry) != about(entry._replace(closed=False))


@pytest.fixture(scope="module")
def shown(study):  # noqa: F811
    """A study that is over."""
    return ShownStudy("small", study)


class TestStudy:
    """A study's page says what its results do."""

    def test_the_answer_and_the_panels(self, shown):
        """Sentences word for word; a panel per outcome and levels; a number leads to the cells of its levels."""
        results = shown.results()
        found = study_result(results, looks_of({}, results), PageAddress(study="small"), over=True)
        texts = ["".join(text for text, _ in each["pieces"]) for each in found["sentences"]]
        assert texts == [each.text for each in answer(results.as_dict()) if each.kind == "finding"]
        wins = [panel for panel in found["panels"] if panel["outcome"] == "win_rate"]
        assert len(wins) == 4 and len({panel["end"] for panel in wins}) == 1
        where = PageAddress.parse(wins[0]["rows"][0]["url"].partition("?")[2])
        table = cell_table(shown.status(), results, where, lambda cell: f"/{cell}")
        assert len(table["rows"]) == 3 and {tuple(row["levels"]) for row in table["rows"]} == {("sales", "default")}

    def test_cells_have_their_own_estimates(self, shown):
        """Each cell's is that of its tables; the order is by number."""
        table = cell_table(shown.status(), shown.results(), PageAddress(study="small", sort="-wins"), lambda cell: "")
        values = [float(row["wins"]["value"].replace("−", "-")) for row in table["rows"]]
        assert (
            len(values) == 12
            and values == sorted(values, reverse=True)
            and "beyond placebo" in table["head"][3]["label"]
        )

    def test_a_number_that_no_cell_shows_leads_to_its_rows(self):
        """That of a placebo from base stands in no column of the cells."""
        url = evaluations_url(PageAddress(study="small"), RowKey("placebo", "disinformation", "from_base"))
        place = PageAddress.parse(url.partition("?")[2])
        assert (place.study, place.page, place.frame, place.arm) == ("small", "rows", "verdicts", "placebo")
        assert place.where == "probe:disinformation"

    def test_doubts_about_models_stand_before_the_answer(self, shown):
        """As in the terminal."""
        results = shown.results()
        doubted = replace(results, said={"flags": {"m may not be fit to write": 3}, "note": {"few anchors": 12}})
        found = study_result(doubted, looks_of({}, results), PageAddress(study="small"), over=True)
        assert found["notes"] == [
            f"Flagged: m may not be fit to write (3 of {len(results.cells)} cells).",
            "few anchors",
        ]

    def test_a_cell_whose_folder_is_gone_is_named(self, shown):
        """In its row and among the doubts; the study's log says that it ended."""
        results, status = shown.results(), shown.status()
        gone = status.cells[0]
        lacking = replace(results, missing=(MissingCell(gone.cell, gone.factors, gone.seed, "ended"),))
        row = cell_table(status, lacking, PageAddress(study="small"), lambda cell: "")["rows"][0]
        assert row["cell"] == gone.cell and row["state"] == "missing" and "folder" in row["message"]
        doubts = study_result(lacking, looks_of({}, lacking), PageAddress(study="small"), over=True)["doubts"]
        assert any(gone.cell in each["says"] for each in doubts)

    def test_cells_that_are_left_out_are_named_before_the_answer(self, shown):
        """With their state, each leading to its row; the head does not count them as ended; words find them."""
        results, status = shown.results(), shown.status()
        gone = status.cells[0]
        lacking = replace(
            results, cells=results.cells[1:], missing=(MissingCell(gone.cell, gone.factors, gone.seed, "ended"),)
        )
        found = study_result(lacking, looks_of({}, lacking), PageAddress(study="small"), over=True)
        assert "".join(text for text, _ in found["lacking"]) == (
            f"1 of 12 cells is left out of all numbers: {gone.cell} (missing)."
        )
        row = PageAddress.parse(next(url for _, url in found["lacking"] if url)[2:])
        assert [each["cell"] for each in cell_table(status, lacking, row, lambda cell: "")["rows"]] == [gone.cell]
        assert dict(study_head("small", status, "small", lacking)["facts"])["state"] == "1 missing, 11 ended"
        words = PageAddress(study="small", find="missing")
        assert [each["cell"] for each in cell_table(status, lacking, words, lambda cell: "")["rows"]] == [gone.cell]
        assert not study_result(results, looks_of({}, results), PageAddress(study="small"), over=True)["lacking"]

    def test_a_cell_whose_log_contradicts_itself_is_named(self, study, tmp_path):  # noqa: F811
        """Its row says that it is damaged, by which event, and that it is left out; the others are counted, and its run can be opened."""
        shown = ShownStudy("small", shutil.copytree(study, tmp_path / "small"))
        cell = shown.status().cells[1].cell
        log = shown.path / "cells" / cell
        events, config = list(read_events(log)), json.loads((log / "run.json").read_text("utf-8"))["config"]
        at, contest = next((i, event.contest) for i, event in enumerate(events) if isinstance(event, ContestDecided))
        wrong = VerdictGiven(message=f"{contest}/none", probe="populism", judge="j", label=1, evidence=[])
        shutil.rmtree(log)
        with create(log, config) as again:
            again.append([*events[:at], wrong, *events[at:]])
        rows = cell_table(shown.status(), shown.results(), PageAddress(study="small"), lambda cell: f"/{cell}")["rows"]
        row = next(each for each in rows if each["cell"] == cell)
        assert row["state"] == "damaged" and row["url"] == f"/{cell}"
        assert "contradicts the events before it" in row["message"] and row["message"].endswith(
            "left out of all numbers."
        )
        assert sum(each["state"] == "ended" for each in rows) == 11


class TestRowsOfAStudy:
    """A study's numbers lead to rows of its cells."""

    def test_a_cells_estimate_leads_to_its_rows(self, study):  # noqa: F811
        """Those of its run and no other's, with the cell's name; the code gives the same; a cell's name leads to its run."""
        shown = ShownStudy("one", study)
        table = cell_table(shown.status(), shown.results(), PageAddress(study="one"), lambda cell: "")
        address = PageAddress.parse(table["rows"][0]["wins"]["to"][2:])
        cells = tuple(cell_runs(study))
        query = RowsQuery.of(address, cells)
        found = rows_page(query, study, 0)
        first = table["rows"][0]["cell"]
        assert found.rows["cell"].unique().to_list() == [first] and set(found.rows["phase"]) == {"evaluate"}
        run = next(cell.folder for cell in cells if cell.cell == first)
        assert (
            found.total
            == of_run(run, "contests")
            .filter(pl.col("arm").is_in(query.equals["arm"]), phase="evaluate")
            .collect()
            .height
        )
        given: dict[str, pl.LazyFrame] = {}
        exec(query.code(str(study)).replace("print(rows.collect())", ""), given)
        assert given["rows"].collect().height == found.total
        (row,) = study_cells(query, address, {first: "key"}, RowsPage(1, 0, found.rows.head(1)), ["cell", "seq"], {})
        assert PageAddress.parse(row[0][1][2:]).run == "key" and "page=event" in row[1][1]

    def test_those_of_all_cells_of_some_levels(self, study):  # noqa: F811
        """As the table of cells is filtered."""
        shown = ShownStudy("one", study)
        table = cell_table(shown.status(), shown.results(), PageAddress(study="one", where="seed:1"), lambda cell: "")
        query = RowsQuery.of(PageAddress.parse(table["behind"][2:]), tuple(cell_runs(study)))
        assert rows_page(query, study, 0).rows["seed"].unique().to_list() == [1]
