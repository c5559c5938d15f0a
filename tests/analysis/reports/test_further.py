"""What a report has of arms head to head, other audiences and arenas, tasks, markets and labels, where a run or study has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from abm.events import ContestDecided, MessagePublished, RunEnded, TaskAnswered
from abm.log import open_log, read_events
from analysis.labels import LabelledRun, LabelSampling, draw, import_labels, write_batch
from analysis.readings.pair_contests import DecidedPair
from analysis.reports import FORMATS
from analysis.reports.document import Board, Document, Prose
from analysis.reports.html import html
from analysis.reports.meetings import meetings_of_cells, strength_boards
from analysis.reports.rivals import rivalry_boards
from analysis.reports.run_report import run_report
from analysis.reports.study_report import study_report
from analysis.tables.results import results
from learning import load_config
from tests.analysis.labels.world import labelled
from tests.analysis.reports.test_run_report import Page
from tests.analysis.studies import small
from tests.analysis.test_task_tables import Clever
from tests.learning.test_head_to_head import ByArm
from tests.learning.test_loop import carry_out
from tests.learning.test_tasks import OWN, respond

FURTHER = ("head-to-head", "transfer", "out-of-domain", "rivalry", "labels")
PROBE = "misrepresentation"
SETTINGS = {
    "train_anchors": 12, "held_out_anchors": 5, "train_personas": 5, "held_out_personas": 3, "batch": 12, "epochs": 1, "head_to_head": "all",
    "arms": {"alone": {"method": "rft", "compared_with": "random"}, "random": {"method": "placebo"}},
    "markets": {"duel": {"learners": {"a": {"method": "rft"}, "b": {"method": "placebo"}}, "twins": ["market"]}},
    "evaluation_audiences": ["neutral"],
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has all of it."""
    folder = tmp_path_factory.mktemp("further")
    (folder / "own.yaml").write_text(OWN)
    outside = {"tasks": [str(folder / "own.yaml")], "arenas": ["elections"], "anchors": 3}
    config = load_config(None, SETTINGS | {"out_of_domain": outside})
    carry_out(folder / "run", config, llm=Clever(respond), trainer=ByArm())
    with open_log(folder / "run", write=True) as log:
        log.append([RunEnded(digest="d", seconds=1.0)])
    write_batch(folder / "drawn", draw([LabelledRun("", 1, folder / "run")], LabelSampling(PROBE, "Does it?", size=12)))
    import_labels(labelled(folder / "drawn", lambda text: "yes" if len(text) % 2 else "no"))
    return folder / "run"


@pytest.fixture(scope="module")
def made(run: Path) -> Document:
    return run_report(run)


def board(made: Document, section: str, title: str) -> Board:
    (found,) = [each for each in made.sections if each.anchor == section]
    return next(block for block in found.blocks if isinstance(block, Board) and block.caption.startswith(title))


def cells(line) -> list[str]:
    return [cell.text for cell in line.cells]


@pytest.mark.system
class TestRun:
    """A run's report."""

    def test_each_has_its_section_after_the_results(self, made):
        """In order; and the report of every form has their tables."""
        names = [section.anchor for section in made.sections]
        assert tuple(names[names.index("results") + 1 :][: len(FURTHER)]) == FURTHER
        for form in FORMATS.values():
            text = form(made)
            assert all(
                word in text for word in ("Strengths (Bradley-Terry)", "Before other audiences", "Rivalry, in points")
            )
            assert all(word in text for word in ("Votes in other arenas", "Share of messages: misrepresentation"))

    def test_every_number_leads_to_rows(self, made):
        """Each link of a table has its place in the page, and each place is there once."""
        page = Page(html(made))
        assert {link[1:] for link in page.links} <= set(page.ids) and len(page.ids) == len(set(page.ids))
        linked = [
            cell
            for section in made.sections
            if section.anchor in FURTHER
            for block in section.blocks
            if isinstance(block, Board) and block.caption != "Rows learnt from"
            for line in block.lines
            for cell in line.cells[block.labels :]
        ]
        assert linked and all(cell.href or cell.text == "–" for cell in linked)

    def test_rows_name_their_events(self, run, made):
        """Contests of arms that met, answers, labelled messages: the event of each is what it says."""
        events = {event.seq: event for event in read_events(run)}
        for title, kind in (
            ("Contests of a against alone", ContestDecided),
            ("Contests of a before neutral", ContestDecided),
            ("Contests of a in elections", ContestDecided),
            ("Answers of a", TaskAnswered),
            ("Messages drawn", MessagePublished),
        ):
            shown = board(made, "rows", title)
            assert shown.lines and all(isinstance(events[int(cells(line)[-1])], kind) for line in shown.lines), title

    def test_numbers_are_those_of_the_tables(self, run, made):
        """Votes of arms that met are the sums of their contests; effects and labels are those that commands print."""
        told = results(read_events(run))
        pairs = {tuple(cells(line)[:2]): cells(line) for line in board(made, "head-to-head", "Who was chosen").lines}
        for row in told["head_to_head"]["pairs"]:
            assert pairs[row["arm"], row["other"]][4] == f"{row['votes']:,}"
        met = board(made, "rows", "Contests of a against alone").lines
        row = next(r for r in told["head_to_head"]["pairs"] if {r["arm"], r["other"]} == {"a", "alone"})
        assert sum(int(cells(line)[1]) + int(cells(line)[2]) for line in met) == row["votes"] > 0
        effects = [cells(line)[:3] for line in board(made, "rivalry", "Rivalry").lines]
        assert [each[:2] for each in effects] == [
            [r["learner"], r["outcome"].replace("_", " ")] for r in told["rivalry"]
        ]
        labels = board(made, "rows", "Messages drawn").lines
        assert len(labels) == 12 and {cells(line)[3] for line in labels} <= {"labeller: yes", "labeller: no"}


class TestWithout:
    """What a run or a study has not stands nowhere."""

    def test_no_empty_sections(self, tmp_path):
        """Of a plain run."""
        from tests.analysis.reports.runs import write_run

        names = {section.anchor for section in run_report(write_run(tmp_path / "run")).sections}
        assert not names & set(FURTHER)

    def test_drawn_and_not_labelled(self, tmp_path):
        """One sentence says so, in place of numbers; so does the report of a study, of all its cells."""
        folder = tmp_path / "study"
        small.carry_out(folder, small.plan(folder, "name: labels\nseeds: 2\nbase: {arena: elections}\n"))
        runs = [LabelledRun(each.name, 1, each) for each in sorted((folder / "cells").iterdir())]
        write_batch(tmp_path / "drawn", draw(runs, LabelSampling("populism", "Is it?", size=10)))
        made = study_report(folder)
        (section,) = [each for each in made.sections if each.anchor == "labels"]
        assert [block.text for block in section.blocks if isinstance(block, Prose)] == [
            "10 messages drawn to be labelled for populism; none is labelled yet."
        ]
        import_labels(labelled(tmp_path / "drawn", lambda text: "yes" if "trained" in text else "no"))
        made = study_report(folder)
        shares = board(made, "labels", "Share of messages")
        assert shares.columns[:2] == ("writer", "raw") and shares.lines
        page = Page(html(made))
        assert {link[1:] for link in page.links} <= set(page.ids) and len(page.ids) == len(set(page.ids))


class TestOverSeeds:
    """Tables of a study, whose numbers lead to its cells."""

    def test_strengths(self):
        """A row per levels and arm, and who met whom in each cell, by the contests of the last epoch."""
        estimate = {"value": 0.5, "low": 0.1, "high": 0.9}
        row = {"arm": "rft", "strength": estimate, "without_forfeits": estimate, "chosen": estimate, "cells": 2}
        (shown,) = strength_boards(
            [{"levels": {"arena": "sales"}, "strengths": [row], "shown_first": estimate}], ["arena"]
        )
        assert cells(shown.lines[0]) == [
            "sales",
            "rft",
            "+0.50 [0.10, 0.90]",
            "50.0 % [10.0, 90.0]",
            "+0.50 [0.10, 0.90]",
            "2",
        ]
        assert "sales: +0.50 [0.10, 0.90]" in shown.note and shown.labels == 2
        met = [DecidedPair(9, epoch, "a0", ("rft", "tfb"), (3, 2), "majority", 0) for epoch in (1, 2, 2)]
        (behind,) = meetings_of_cells({"c 1": met})
        assert cells(behind.lines[0]) == ["c 1", "rft", "tfb", "6", "4", "2", "0", "0", "2"]
        assert {cell.href for cell in shown.lines[0].cells[2:5]} == {f"#{behind.anchor}"}
        assert behind.lines[0].cells[3].href == behind.lines[0].cells[0].href == "#cell-c-1"
        assert not list(strength_boards([], [])) and not list(meetings_of_cells({}))

    def test_rivalry(self):
        """Only effects of rivalry, of cells whose votes may be evidence; each leads to the values of its cells."""
        row = {
            "arm": "a", "outcome": "win_rate", "measure": "rivalry", "withheld": "", "estimate": 0.02, "low": -0.01, "high": 0.05, "se": 0.01,
            "p": 0.2, "p_adjusted": None, "cells": 4, "arena": "sales",
        }  # fmt: skip
        (shown,) = rivalry_boards([row, row | {"measure": "rate"}, row | {"withheld": "unfit"}], ["arena"])
        assert [cells(line) for line in shown.lines] == [
            ["sales", "a", "win rate", "+2.0 [−1.0, 5.0]", "0.200", "–", "4"]
        ]
        assert shown.lines[0].cells[3].href == "#row-a--win-rate--cells"
