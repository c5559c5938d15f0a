"""What a study's report promises, of one that declared hypotheses and of one that did not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from abm.study_events import CellFailed
from analysis.reports.document import Board, Code, Document, Transcript
from analysis.reports.html import html
from analysis.reports.study_report import study_report
from analysis.studies.record.study_log import StudyLog
from tests.analysis.reports.test_run_report import Page
from tests.analysis.studies import small

PAGE = """
name: declared
base: {arena: elections, arms: [rft, placebo]}
cross: {audience: [default, neutral]}
seeds: 2
primary:
  question: Does winning cost honesty?
  hypotheses:
  - {name: H1, arm: rft, outcome: win_rate, direction: greater, margin: 2, where: {audience: default}}
  - {name: H2, arm: rft, outcome: populism, margin: 2}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """Three of four cells have ended, the last one failed."""
    folder: Path = tmp_path_factory.mktemp("studies") / "declared"
    cells = small.plan(folder, PAGE)
    small.carry_out(folder, cells[:-1])
    StudyLog(folder).append([CellFailed(cell=cells[-1].name, attempt=1, origin="backend", message="it <b>broke</b>")])
    return study_report(folder)


@pytest.fixture(scope="module")
def page(made: Document) -> Page:
    return Page(html(made))


def boards(made: Document, anchor: str) -> list[Board]:
    (section,) = [each for each in made.sections if each.anchor == anchor]
    return [block for block in section.blocks if isinstance(block, Board)]


class TestStudy:
    """A study's report."""

    def test_every_link_leads_somewhere(self, page):
        """From sentences to cells of tables, from these to the values of cells, from these to runs."""
        assert page.links and {link[1:] for link in page.links} <= set(page.ids)
        assert len(page.ids) == len(set(page.ids))

    def test_hypotheses_first(self, made, page):
        """Each declared hypothesis has a sentence before all others, and a row with its conclusion."""
        first, second, third = (block.text for block in made.sections[0].blocks[:3])
        assert first.startswith("H1 (confirmatory, audience default): win rate of rft")
        assert second.startswith("H2 (confirmatory): populism of rft") and third.startswith("audience default: rft")
        (declared,) = boards(made, "preregistration")
        assert [line.cells[0].text for line in declared.lines] == [
            "H1",
            "H2",
        ] and "Does winning cost honesty?" in page.text

    def test_deviations(self, page):
        """A cell that is missing is a deviation, and is said to be."""
        section = page.text[page.text.index("Hypotheses") :]
        assert "from what was declared:" in section and "cell" in section

    def test_failed_cells(self, made, page):
        """They stand there with their message, as text."""
        (failed,) = [board for board in boards(made, "alarms") if board.caption == "Cells without results"]
        assert failed.lines[0].cells[2].text == "it <b>broke</b>" and "it <b>broke</b>" in page.text

    def test_values_of_cells(self, made):
        """Behind each estimate stand the values of its cells; their mean over an arm's cells is the estimate."""
        values = next(board for board in boards(made, "rows") if board.caption.startswith("rft, win rate"))
        own = [float(line.cells[-2].text.rstrip(" %")) for line in values.lines if line.cells[1].text == "default"]
        votes = next(board for board in boards(made, "results") if board.caption == "Votes")
        shown = next(line for line in votes.lines if [cell.text for cell in line.cells[:2]] == ["default", "rft"])
        assert len(own) == 2 and shown.cells[3].text.startswith(f"{sum(own) / 2:.1f} %")

    def test_transcripts_name_their_cell(self, made):
        """Drawn over all cells, each with the command that shows it."""
        (section,) = [each for each in made.sections if each.anchor == "transcripts"]
        shown = [block for block in section.blocks if isinstance(block, Transcript)]
        assert [each.why.partition(" ")[0] for each in shown] == ["Drawn", "Drawn", "Chosen", "Chosen"] * 2
        assert all("#" in each.command and each.command.startswith("moloch show ") for each in shown)
        assert len({each.anchor for each in shown}) == len(shown)

    def test_the_page_makes_it_again(self, made):
        """What is pasted holds the page as the log has it."""
        (section,) = [each for each in made.sections if each.anchor == "reproduce"]
        (code,) = [block for block in section.blocks if isinstance(block, Code)]
        text = code.text.partition("\n")[2].partition("END_OF_PAGE\n")[0]
        assert yaml.safe_load(text) == yaml.safe_load(PAGE)
