"""What a persona remembers: its newest contests in one society, in its own order, within bounds."""

from __future__ import annotations

import numpy as np
import pytest

from abm.events import QuestionAnswered, SurveyOpened
from abm.reactions import reacted_many
from abm.surveys import Memories, SocietyPlace, load_questionnaire, remembered
from abm.surveys.memory import LONGEST, REMEMBERED
from tests.analysis.factory import FIRST, contest, setup, step
from tests.support.questionnaires import media

RFT = SocietyPlace("evaluate", 1, "rft")


def told(events, place=RFT, persona=FIRST, until=""):
    return remembered(events, Memories(place, [persona]), until).text(persona)


def society(arm="rft", contests=1, **how):
    return step([event for i in range(contests) for event in contest(arm, f"a{i}", [1, 0], **how)], arm)


class TestContests:
    """What was read, thought and chosen."""

    def test_in_its_own_order(self):
        """Letters are those that this persona saw."""
        events = [*setup(1, 2, ["rft"]), *society(orders=lambda persona: [1, 0])]
        assert told(events) == (
            "About Anchor 0 text you read:\nOption A: trained words are here\nOption B: base words here\n"
            "You thought: thought 0\nYou chose option A."
        )
        assert told(events, persona=FIRST + 1).endswith("You chose option B.")

    def test_of_one_society_alone(self):
        """Nothing of another arm's, and nothing of none."""
        events = [*setup(1, 2, ["rft", "placebo"]), *society("placebo")]
        assert told(events) == told(events, SocietyPlace("", 0, "")) == ""
        assert told(events, SocietyPlace("evaluate", 1, "placebo"))

    def test_the_newest_within_bounds(self):
        """A few contests, oldest first; long texts are cut."""
        events = [*setup(6, 2, ["rft"]), *society(contests=6, texts=("word " * 1_000, "short"))]
        text = told(events)
        assert [f"Anchor {i} " in text for i in range(6)] == [False] * (6 - REMEMBERED) + [True] * REMEMBERED
        assert text.index("Anchor 4 ") < text.index("Anchor 5 ") and len(text) < REMEMBERED * (LONGEST + 200)

    def test_a_crowds_reactions(self):
        """Those of one member among many."""
        who = np.arange(FIRST, FIRST + 4)
        orders, choices = np.array([[0, 1], [1, 0], [0, 1], [1, 0]], np.int8), np.array([0, 0, -1, 1], np.int8)
        events = contest("rft", "a0", [])
        many = reacted_many("evaluate/1/rft/a0", who, orders, choices, step=0, cause=0)
        told_of = [
            told([*setup(1, 4, ["rft"]), *step([*events[:3], many], "rft")], persona=int(persona)).splitlines()[-1]
            for persona in who
        ]
        assert told_of == [
            "You chose option A.", "You chose option B.", "You chose none of them.", "You chose option A.",
        ]  # fmt: skip


class TestAnswers:
    """Questionnaires are remembered where that was declared."""

    @pytest.fixture
    def asked(self, tmp_path):
        questionnaire = load_questionnaire(media(tmp_path))

        def events(remember, survey="a", arm="rft"):
            place = {"phase": "evaluate", "epoch": 1, "arm": arm} if arm else {}
            opened = SurveyOpened(
                survey=survey, questionnaire=questionnaire.model_dump(mode="json"), digest="d", moment="after",
                personas=b"", model="m", model_digest="m", remember=remember, **place,
            )  # fmt: skip
            given = {"survey": survey, "persona": FIRST, "place": 0, "shown": [2, 1, 0]}
            return [
                opened,
                QuestionAnswered(question="bought", value=1, valid=True, raw="B", **given),
                QuestionAnswered(question="trust", value=-1, valid=False, raw="?", **given),
                QuestionAnswered(question="why", value=-1, valid=True, raw="Because.", **given),
            ]

        return events

    def test_valid_answers_in_words(self, asked):
        """Of the same society, or of before any."""
        said = (
            'You were asked: "Did you buy anything last week?" You answered: "no"\n\n'
            'You were asked: "What makes you trust a message?" You answered: "Because."'
        )
        assert told(asked(True)) == told(asked(True, arm="")) == said
        assert told(asked(True, arm="placebo")) == told(asked(False)) == ""

    def test_up_to_a_questionnaire(self, asked):
        """Nobody remembers what it has not been asked yet."""
        assert told([*asked(True), *asked(True, "b")], until="a") == ""
