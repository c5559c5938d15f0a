"""What a report says of what was declared beforehand, and the answer's sentence of a hypothesis that averages over a factor."""

from __future__ import annotations

import pytest

from analysis.answers import answer
from analysis.reports._preregistration import preregistration_blocks
from analysis.reports.document import Board, Bullets, Code, Prose
from analysis.studies.looks import look_at
from analysis.studies.results import study_results
from analysis.studies.study_log import StudyLog
from tests.analysis.studies.small import carry_out
from tests.analysis.studies.test_registered import begun

PAGE = "name: x\nbase: {arena: elections, arms: [rft, placebo]}\ncross: {audience: [default, neutral]}\nseeds: 2\n"
PRIMARY = "primary: {hypotheses: [{name: H1, arm: rft, outcome: win_rate, direction: greater, margin: 3}]}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study that somebody looked at before its end."""
    study = begun(tmp_path_factory.mktemp("section") / "x", PAGE + PRIMARY)
    carry_out(study.folder, study.cells[:1])
    look_at([study.folder], "show", look=True)
    carry_out(study.folder, study.cells[1:])
    return study.folder


@pytest.fixture(scope="module")
def results(folder):
    return study_results(folder).as_dict()


def test_the_section(folder, results):
    """A table of hypotheses, how p is corrected, deviations with their places, and the page's own words."""
    board, corrected, warned, deviations, code = preregistration_blocks(StudyLog(folder).state(), results)
    assert isinstance(board, Board) and [each.text for each in board.lines[0].cells][:4] == [
        "H1", "confirmatory", "win rate: rft > placebo", "3",
    ]  # fmt: skip
    assert isinstance(corrected, Prose) and "One-sided: H1." in corrected.text and "event 0" in corrected.text
    assert isinstance(warned, Prose) and warned.text.startswith("1 deviation from")
    assert isinstance(deviations, Bullets) and "(show; 1 of 4 cells)" in deviations.items[0]
    assert isinstance(code, Code) and "direction: greater" in code.text


def test_a_study_that_declared_nothing(folder, results):
    """Why all of it is exploratory."""
    nothing = results | {"preregistration": None, "exploratory": "Nothing was declared beforehand."}
    state = StudyLog(folder).state()
    assert [type(each) for each in preregistration_blocks(state, nothing)] == [Prose, Code]


def test_the_answer_has_a_sentence_of_the_hypothesis(results):
    """First, over which factor it averages, and what was concluded."""
    first = answer(results)[0].text
    assert first.startswith("over audience: rft") and "share of votes is +18.8 points [" in first
    assert "beyond placebo: " in first and ", confirmatory" in first
