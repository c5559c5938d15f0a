"""What an answer is read as: an option by its letter or its wording, words, or nothing; never a guess."""

from __future__ import annotations

import pytest

from abm.surveys import ChoiceItem, LikertItem, OpenItem, read_response

SCALE = LikertItem(id="t", kind="likert", text="?", scale=("not at all", "a little", "a lot"))
NUMBERS = ChoiceItem(id="n", kind="choice", text="?", options=("2", "1", "more"))
OPEN = OpenItem(id="w", kind="open", text="?")


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("C", 0), ("B.", 1), ("(a)", 2), ("A. a lot", 2), ("not at all", 0), ("A lot.", 2), ("<think>A or B?</think>C", 0),
        ("My answer: B", 1),
        ("A. a little", None), ("both", None), ("D", None), ("A or B", None), ("", None), ("<think>A", None), ("?", None),
    ],
)  # fmt: skip
def test_a_scale_from_its_high_end(answer, value):
    """Letters are those of the order shown, values those of the questionnaire; what names two options, or none, is invalid."""
    found = read_response(answer, "stop", SCALE, [2, 1, 0])
    assert (found.value, found.valid, bool(found.why)) == (
        (value, True, False) if value is not None else (-1, False, True)
    )


def test_a_figure_names_the_label_that_it_is():
    """Not the place at which it stands."""
    assert [read_response(said, "stop", NUMBERS, [0, 1, 2]).value for said in ("2", "1", "A", "3")] == [0, 1, 0, 2]


def test_words_are_an_answer():
    """What follows the thinking; nothing is none."""
    assert read_response("<think>Hm.</think> Because.", "stop", OPEN, []).valid
    cut = read_response("Because it", "length", OPEN, [])
    assert cut.valid and cut.why == "cut at its bound"
    assert not read_response("<think>Hm.", "length", OPEN, []).valid


@pytest.mark.parametrize("finish", ["refused", "error"])
def test_no_completion_is_no_answer(finish):
    """Whatever text came with it."""
    found = read_response("A", finish, SCALE, [0, 1, 2])
    assert not found.valid and found.why
