"""Tables of answers: shares and means of what is valid, and whether places decided."""

from __future__ import annotations

from itertools import product

import pytest

from abm.surveys import Questionnaire
from analysis.readings.answers import AnswerRow
from analysis.tables.answers import order_notes, question_rows
from analysis.terminal.answers import render_answers

ITEM = {"id": "trust", "kind": "likert", "text": "Trust?", "scale": ["low", "middle", "high"], "order": "random"}
OPEN = {"id": "why", "kind": "open", "text": "Why?"}
QUESTIONS = {"d": Questionnaire.model_validate({"name": "q", "questions": [ITEM, OPEN]})}


def answered(
    persona: int, value: int | None, shown: str = "1 2 3", question: str = "trust", moment: str = "after"
) -> AnswerRow:
    label = QUESTIONS["d"].questions[0].options[value - 1] if value else ""
    return AnswerRow(
        persona, f"p{persona}", "Ada", "evaluate", moment, "evaluate", 2, "rft", "q", "d", question, "likert", 1, shown, value,
        label, value is not None, "" if value else "names no option", "", "m", False, False, "s", "h", persona,
    )  # fmt: skip


class TestShares:
    """Of valid answers."""

    def test_by_hand(self):
        """Two low, one high, one invalid."""
        [row] = question_rows([answered(i, value) for i, value in enumerate([1, 1, 3, None])], QUESTIONS)
        assert [round(option.share.value, 3) for option in row.options] == [0.667, 0, 0.333]
        assert (row.asked, row.invalid) == (4, 1) and row.mean.value == pytest.approx(5 / 3)
        assert row.mean.low >= 1 and row.mean.high <= 3

    def test_a_row_for_each_moment(self):
        """In the order of the questions."""
        rows = [answered(0, 1, question="why"), answered(0, 1), answered(0, 3, moment="before")]
        assert [(r.question, r.moment) for r in question_rows(rows, QUESTIONS)] == [
            ("trust", "after"), ("trust", "before"), ("why", "after"),
        ]  # fmt: skip


class TestPlaces:
    """Whether the option shown first was chosen for its place."""

    def test_by_place_and_by_content(self):
        """Forty who take the first one, whatever it is; forty who take the high end, wherever it is."""
        orders = ["1 2 3", "3 2 1"] * 20
        by_place = question_rows([answered(i, int(order[0]), order) for i, order in enumerate(orders)], QUESTIONS)
        by_content = question_rows([answered(i, 3, order) for i, order in enumerate(orders)], QUESTIONS)
        assert (by_place[0].first.value, by_place[0].chance) == (1, 0.5)
        assert by_content[0].first.value == by_content[0].chance == 0.5
        assert len(order_notes(by_place)) == 1 and "m answers trust by place" in order_notes(by_place)[0]
        assert order_notes(by_content) == []

    def test_one_order_says_nothing(self):
        """Where everybody saw the same."""
        [row] = question_rows([answered(i, 1) for i in range(9)], QUESTIONS)
        assert row.first.n == 0 and order_notes([row]) == []


def test_what_is_printed_is_text():
    """Whatever a label or an answer holds."""
    rows = [answered(i, value, order) for i, (value, order) in enumerate(product((1, 3), ("1 2 3", "3 2 1")))]
    assert render_answers(question_rows(rows, QUESTIONS))
