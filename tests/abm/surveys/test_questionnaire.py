"""What a questionnaire's file promises: labels as they are written, and mistakes with their place."""

from __future__ import annotations

import pytest

from abm.surveys import load_questionnaire
from moloch.errors import InputError
from tests.support.questionnaires import MEDIA, media


class TestReading:
    """A file is data."""

    def test_labels_are_texts_as_they_are_written(self, tmp_path):
        """``yes`` and ``no`` are words, and a number is its figure."""
        found = load_questionnaire(media(tmp_path, MEDIA.replace("I do not know", "3")))
        assert found.item("bought").options == ("yes", "no", "3")

    def test_the_same_questions_have_one_digest(self, tmp_path):
        """Whatever the file looks like; another wording has another."""
        first = load_questionnaire(media(tmp_path)).digest
        again = load_questionnaire(
            media(tmp_path, MEDIA.replace("    kind: open\n", "    # a comment\n    kind: open\n"))
        )
        other = load_questionnaire(media(tmp_path, MEDIA.replace("last week", "this week")))
        assert first == again.digest != other.digest


MISTAKES = {
    "no such kind": ("kind: open", "kind: free", ":15:5: "),
    "a misspelt key": ("scale: [", "scales: [", ":8:5: "),
    "two labels alike": ("[yes, no,", "[yes, Yes,", ":13:5: "),
    "one option": ("[yes, no, I do not know]", "[yes]", ":13:5: "),
    "two questions with one name": ("- id: why", "- id: trust", ": "),
    "an empty text": ("text: What makes you trust a message?", "text: ' '", ":17:5: "),
    "no number of words": ("words: 30", "words: many", ":18:5: "),
    "an order that is none": ("order: random\nquestions", "order: shuffled\nquestions", ":3:1: "),
    "not YAML": ("questions:", "questions: [", ":5:"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place(mistake, tmp_path):
    """File, line and column; never a traceback."""
    old, new, where = MISTAKES[mistake]
    assert old in MEDIA
    path = media(tmp_path, MEDIA.replace(old, new))
    with pytest.raises(InputError) as told:
        load_questionnaire(path)
    assert str(told.value).startswith(f"{path}{where}")
