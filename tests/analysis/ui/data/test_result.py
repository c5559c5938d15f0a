"""What a run came to, as its first page says it: the answer's own words, the figure's own marks, and where each number leads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from abm.log import read_events
from analysis.answers import AnswerSentence, RowKey, answer
from analysis.figures.figure import FigureContent
from analysis.figures.outcomes import content
from analysis.figures.subject import RunRead, Subject
from analysis.tables.results import TableReading
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import equals_of
from analysis.ui.data.forest import forest, verdict
from analysis.ui.data.result import run_result
from analysis.ui.data.runs import RunInfo, describe
from analysis.ui.data.sentences import sentence_rows

HERE = PageAddress(run="isolated")


@pytest.fixture(scope="module")
def read(isolated: Path) -> TableReading:
    """All that the tables of a finished run are made of."""
    reading = TableReading()
    for event in read_events(isolated):
        reading.take(event)
    return reading


@pytest.fixture(scope="module")
def outcomes(isolated: Path, read: TableReading) -> FigureContent:
    """The figure of its outcomes."""
    found = content(Subject((RunRead(isolated, "isolated", {}, read.evaluation()),)))
    assert isinstance(found, FigureContent)
    return found


@pytest.fixture(scope="module")
def info(isolated: Path) -> RunInfo:
    """It from outside."""
    return describe("isolated", isolated)


def mark(**changes):
    """A mark of the forest plot, as its figure makes one."""
    told = {
        "outcome": "win_rate",
        "group": "win rate",
        "label": "rft",
        "arm": "rft",
        "value": 7.0,
        "low": 4.0,
        "high": 10.0,
    }
    more = {
        "low_90": 4.5,
        "high_90": 9.5,
        "margin": 5.0,
        "detectable": 3.0,
        "shown": "+7.0 [4.0, 10.0]  effect",
        "scope": "new",
    }
    return told | more | {"compared_with": "placebo", "conclusion": "effect"} | changes


class TestSentences:
    """Numbers of a sentence are links; its words stay what they are."""

    def test_the_answer_word_for_word(self, read, outcomes, info):
        """The page says what `moloch results` says, and each arm's numbers lead to that arm's rows of the evaluated epoch."""
        tables = read.result()
        shown = run_result(tables, outcomes, HERE, info)
        findings = [each for each in answer(tables) if each.kind == "finding"]
        assert ["".join(text for text, _ in each["pieces"]) for each in shown["sentences"]] == [
            each.text for each in findings
        ]
        for each, row in zip(findings, shown["sentences"], strict=True):
            links = [PageAddress.parse(url.partition("?")[2]) for _, url in row["pieces"] if url]
            asked = [equals_of(link) for link in links]
            assert all(each.rows[0].arm in of["arm"] and of["epoch"] == ("2",) for of in asked)
            assert asked[-1]["probe"] == (each.rows[-1].outcome,) and links[0].frame == "contests"

    def test_the_study_that_it_advises_is_a_command_of_this_run(self, read, outcomes, info):
        """To copy; no sentence of the page holds a place to fill in."""
        shown = run_result(read.result(), outcomes, HERE, info)
        (command,) = [step["command"] for step in shown["next"] if step["command"].startswith("moloch study")]
        assert command.startswith("moloch study --like ") and info.path.name in command
        assert not any(" RUN " in text for text in [*shown["scope"], *(step["text"] for step in shown["next"])])

    def test_numbers_in_brackets_lead_nowhere(self):
        """What an estimate could have detected is none; a number with its interval is one link."""
        keys = (RowKey("rft", "win_rate", "rate"), RowKey("rft", "lies", "from_comparator"))
        said = AnswerSentence(
            "rft wins 61.5 %; lies +1.0 points [−6, 8] beyond placebo: cannot tell (can detect 10 points).", keys
        )
        [row] = sentence_rows([said], {}, lambda key: f"/{key.outcome}")
        assert [piece for piece in row["pieces"] if piece[1]] == [
            ["61.5 %", "/win_rate"],
            ["+1.0 points [−6, 8]", "/lies"],
        ]


class TestForest:
    """Marks stand where their numbers are."""

    def test_places_on_the_axis(self):
        """Zero is the middle; an axis ends where the widest interval of its outcome still fits."""
        [panel] = forest([mark(), mark(arm="tfb", high=20.0)], {}, lambda each: "")
        row = panel["rows"][0]
        assert panel["end"] == "25" and row["at"] == 64 and row["line"] == [58, 12] and row["margin"] == [40, 20]
        assert row["shown"] == "+7.0 [4.0, 10.0]" and row["found"] == [44, 56]

    def test_the_figure_and_the_page_show_the_same(self, read, outcomes, info):
        """Every mark of the figure is on the page, with the figure's text."""
        shown = run_result(read.result(), outcomes, HERE, info)
        texts = [row["shown"] for panel in shown["panels"] for row in panel["rows"]]
        assert len(texts) == len(outcomes.frame) and all(
            whole.startswith(text) for text, whole in zip(texts, outcomes.frame["shown"], strict=True)
        )

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({}, "effect"),
            ({"conclusion": "equivalent to none"}, "equivalent to none"),
            ({"conclusion": "cannot tell", "scope": "adapters"}, "above 0, these adapters"),
            ({"conclusion": "cannot tell", "scope": "adapters", "low": -1.0}, "cannot tell"),
            ({"conclusion": "cannot tell", "low": None, "high": None, "scope": ""}, "cannot tell"),
        ],
    )
    def test_verdicts(self, changes, text):
        """One training of each arm never gives an effect of competition."""
        assert verdict(mark(**changes))["text"] == text


class TestState:
    """A page says how far its numbers hold."""

    def test_a_run_that_is_written_is_preliminary(self, read, outcomes, info):
        """While it lives or after it stopped, not once it has ended."""
        tables, states = read.result(), ("running", "stopped", "ended")
        said = [run_result(tables, outcomes, HERE, replace(info, state=each))["preliminary"] for each in states]
        assert said[0].startswith("Preliminary") and said[1].startswith("Preliminary") and not said[2]
