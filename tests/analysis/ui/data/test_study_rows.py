"""A study of which one cell's log is damaged and another's folder is gone: both are named, and what is left of it opens."""

from __future__ import annotations

import shutil
from math import inf

import polars as pl
import pytest

from analysis.figures.subject import Subject
from analysis.studies.findings.results import study_results
from analysis.studies.frames.study_frames import cell_runs, study_frame
from analysis.studies.record.cell_ends import CUT, CellEnds
from analysis.studies.record.status import FollowedStudy
from analysis.terminal.study_status import render_status
from analysis.ui.address import PageAddress
from analysis.ui.data.questions import nearest_cells
from analysis.ui.data.row_table import study_cells
from analysis.ui.data.rows import RowsQuery
from analysis.ui.data.run_list import chosen, list_rows
from analysis.ui.data.study_rows import alone, book_of_anchors, rows_of_cells, said
from analysis.ui.downloads import make_file
from analysis.ui.library import Library, open_library
from analysis.ui.pages.runs import look
from analysis.ui.pages.study import nearest_cell
from moloch.errors import LogError
from tests.analysis.studies.test_verbs import study  # noqa: F401 (fixture)


@pytest.fixture
def lacking(study, tmp_path):  # noqa: F811
    """A study with its first cell's log damaged and its second cell's folder gone; their names."""
    folder = shutil.copytree(study, tmp_path / "small")
    damaged, gone = (run.cell for run in cell_runs(folder)[:2])
    shutil.rmtree(folder / "cells" / gone)
    _flip(folder / "cells" / damaged)
    return folder, damaged, gone


def _flip(run):
    """Change a byte of a run's log."""
    log = next((run / "log").iterdir())
    changed = bytearray(log.read_bytes())
    changed[len(changed) // 2] ^= 0xFF
    log.write_bytes(changed)


def asked(folder, search):
    """Return rows as a page asks for them, and what it says of cells without any."""
    query = RowsQuery.of(PageAddress.parse(search), tuple(cell_runs(folder)))
    found = rows_of_cells(query, folder, FollowedStudy(folder, inputs=False).look(), 0)
    return found, "".join(text for text, _ in said(found.unread, "small"))


class TestRows:
    """Rows of a study with unreadable cells."""

    def test_those_of_the_others_open(self, lacking, study):  # noqa: F811
        """The same rows as of the whole study, but for two cells, which are named; so do the file and the code of the page."""
        folder, damaged, gone = lacking
        found, words = asked(folder, "frame=contests&phase=evaluate")
        whole = study_frame(study, "contests").filter(pl.col("phase") == "evaluate")
        there = whole.filter(~pl.col("cell").is_in([damaged, gone])).collect()
        assert found.page.total == there.height and 0 < there.height < whole.collect().height
        assert words == f"Without the rows of 2 cells that cannot be read: {gone} (missing), {damaged} (damaged)."
        made = {}
        exec(found.query.code(str(folder)), made)
        assert made["rows"].collect().height == there.height
        open_library([], [folder.parent])
        file = make_file("rows.csv", "study=small&page=rows&frame=contests&phase=evaluate", folder.parent, _no_figure)
        assert pl.read_csv(file).height == there.height

    def test_anchors_have_their_names(self, study):  # noqa: F811
        """As on the page of a run; the id is what the name stands for."""
        found, _ = asked(study, "frame=contests&phase=evaluate")
        for cell in found.books:
            found.books[cell].anchors["a0"] = {"id": "a0", "subject": f"lamps of {cell}"}
        rows = study_cells(found.query, PageAddress(), {}, found.page, ["cell", "anchor"], found.books)
        cell, anchor = rows[0]
        assert anchor[0] == f"lamps of {cell[0]}" and anchor[2] == "a0"
        read = book_of_anchors(cell_runs(study)[0].folder)
        assert set(found.page.rows["anchor"]) <= set(read.anchors)

    def test_those_of_a_damaged_cell(self, lacking):
        """What is damaged, within the study, and the command that says more; a healthy cell's rows say nothing of it."""
        folder, damaged, gone = lacking
        found, _ = asked(folder, f"frame=votes&where=cell:{damaged}")
        notice = alone(found.query, found.unread, folder, "small")
        assert notice["title"] == f"The log of {damaged} is damaged" and notice["text"].startswith(
            f"cells/{damaged}/log/"
        )
        assert str(folder) not in notice["text"] and notice["command"].endswith(f"small#{damaged}")
        found, _ = asked(folder, f"frame=votes&where=cell:{gone}")
        assert alone(found.query, found.unread, folder, "small")["title"] == f"The folder of {gone} is missing"
        healthy = cell_runs(folder)[2].cell
        found, words = asked(folder, f"frame=votes&where=cell:{healthy}")
        assert found.page.total and not words and alone(found.query, found.unread, folder, "small") is None


def test_figures_of_the_others(lacking):
    """A figure, and so the report, is of the cells that can be read, and says how many are left out."""
    folder, damaged, gone = lacking
    subject = Subject.read([folder])
    cells = {run.cell for run in subject.runs}
    assert len(cells) == 10 and not cells & {damaged, gone} and subject.extent.endswith("1 damaged cell left out.")


class TestHowItStands:
    """Lists and ``moloch study status`` do not count them as ended."""

    def test_the_list(self, lacking):
        """One row says how many can be read, and how many cannot."""
        folder, *_ = lacking
        library = Library([], [folder.parent])
        look(library, inf)  # logs are read for the list itself
        (row,) = list_rows(look(library, inf).entries, lambda each: None, now=0.0)
        assert row["size"] == "10 of 12 cells" and row["error"] == "2 of 12 cells cannot be read: 1 missing, 1 damaged"
        entries = look(library, inf).entries
        assert [chosen(entries, PageAddress(find=words), lambda each: None) for words in ("missing", "waiting")] == [
            entries,
            [],
        ]

    def test_status(self, lacking):
        """In the terminal, with the reason and the place within the study; a folder that is brought back is there again."""
        folder, damaged, gone = lacking
        followed = FollowedStudy(folder, inputs=False, damage=CellEnds().damage)
        now = followed.look()
        assert now.states == {"ended": 10, "missing": 1, "damaged": 1} and now.over and not now.unseen
        text = "\n".join(str(part) for part in render_status(now.as_dict()))
        assert f"{gone} is missing: Its folder is not there." in text
        assert f"{damaged} is damaged: cells/{damaged}/log/" in text
        assert "2 cells that ended cannot be read" in text
        shutil.copytree(folder / "cells" / cell_runs(folder)[3].cell, folder / "cells" / gone)
        assert followed.look().states == {"ended": 11, "damaged": 1}

    def test_without_time(self, lacking):
        """Logs that were not looked at are counted; a folder that is gone is found all the same."""
        folder, *_ = lacking
        now = FollowedStudy(folder, inputs=False, damage=CellEnds(0.0).damage).look()
        assert now.states == {"ended": 11, "missing": 1} and now.unseen == 11
        assert any("not looked at" in str(part) for part in render_status(now.as_dict()))

    def test_a_log_that_ends_too_early(self, study, tmp_path):  # noqa: F811
        """Is damaged, in the state and in the results."""
        folder = shutil.copytree(study, tmp_path / "small")
        cell = cell_runs(folder)[0].cell
        for log in (folder / "cells" / cell / "log").iterdir():
            log.write_bytes(b"")
        now = FollowedStudy(folder, inputs=False, damage=CellEnds().damage).look()
        assert next(each for each in now.cells if each.cell == cell).message == CUT
        (missing,) = study_results(folder).missing
        assert (missing.cell, missing.state, missing.message) == (cell, "damaged", CUT)


def test_the_cell_that_is_compared_can_be_read(lacking):
    """The question about another run leads past cells that cannot be."""
    folder, damaged, gone = lacking
    library = Library([], [folder.parent])
    look(library, inf)
    cells = cell_runs(folder)
    cell, nearest = next((c.cell, n) for c in cells if (n := nearest_cells(c.cell, cells))[0] == damaged)
    assert nearest_cell(library, folder / "cells" / cell) == next(c for c in nearest if c not in (damaged, gone))
    assert nearest_cell(library, folder.parent / "alone") == ""


def _no_figure(*asked: object) -> bytes:
    raise LogError("no figure is asked for")
