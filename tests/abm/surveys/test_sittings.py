"""What a sitting promises: keyed orders, earlier answers before later questions, and every answer an event."""

from __future__ import annotations

from collections import Counter

import pytest

from abm.events import LLMReplied, QuestionAnswered, SurveyClosed
from abm.journal import LiveJournal
from abm.llm import ScriptedLLM
from abm.log import create, read_events
from abm.surveys import Manner, Questionnaire, Respondent, load_questionnaire, sitting
from tests.support.questionnaires import MEDIA, media, respond

PEOPLE = [Respondent(i, f"id{i}", f"Person {i} likes lamps.", "You chose option A." if i else "") for i in range(40)]


@pytest.fixture
def held(tmp_path):
    """Hold a sitting of some people; return its events and the requests that were made."""

    def hold(questionnaire: Questionnaire, people=PEOPLE, say=respond, moment="start", seed=1):
        asked = []
        llm = ScriptedLLM(lambda request: asked.append(request) or say(request))
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        with create(folder, {}) as log:
            sitting("a", moment, questionnaire, people, Manner(seed)).hold(llm, LiveJournal(log))
        return list(read_events(folder)), asked

    return hold


@pytest.fixture
def questionnaire(tmp_path):
    return load_questionnaire(media(tmp_path))


def answers(events):
    return [event for event in events if isinstance(event, QuestionAnswered)]


class TestOrders:
    """Who is asked what first, and in which order options stand."""

    def test_they_are_drawn_for_each_persona(self, held, questionnaire):
        """Questions and options come in every order; a scale in its two directions only; all of it is logged."""
        events, _ = held(questionnaire)
        given = answers(events)
        assert len({tuple(e.question for e in given if e.persona == i) for i in range(40)}) == 6
        shown = {name: {tuple(e.shown) for e in given if e.question == name} for name in ("trust", "bought", "why")}
        assert shown["trust"] == {(0, 1, 2), (2, 1, 0)} and len(shown["bought"]) == 6 and shown["why"] == {()}
        assert Counter(e.place for e in given) == {0: 40, 1: 40, 2: 40}

    def test_they_depend_on_persona_and_seed_alone(self, held, questionnaire):
        """Not on the moment, nor on who else is asked."""

        def orders(events):
            return {(e.persona, e.question): (e.place, e.shown) for e in answers(events)}

        everybody, some = orders(held(questionnaire)[0]), orders(held(questionnaire, PEOPLE[5:9], moment="end")[0])
        assert some == {key: value for key, value in everybody.items() if 5 <= key[0] < 9}
        assert orders(held(questionnaire, seed=2)[0]) != everybody

    def test_declared_orders_stay(self, held, tmp_path):
        """Where nothing is random, everybody meets the same questionnaire."""
        events, _ = held(load_questionnaire(media(tmp_path, MEDIA.replace("order: random", "order: declared"))))
        assert {(e.question, e.place, tuple(e.shown)) for e in answers(events)} == {
            ("trust", 0, (0, 1, 2)), ("bought", 1, (0, 1, 2)), ("why", 2, ()),
        }  # fmt: skip


class TestPrompts:
    """What is put before a persona."""

    def test_who_what_it_remembers_and_the_question(self, held, tmp_path):
        """The intro stands before the first question only, and letters are offered in the order shown."""
        declared = load_questionnaire(media(tmp_path, MEDIA.replace("order: random", "order: declared")))
        _, asked = held(declared, PEOPLE[:2])
        nobody, somebody = asked[0].messages, asked[1].messages
        assert "Person 0 likes lamps." in nobody[0]["content"] and "remember" not in nobody[0]["content"]
        assert "what you remember:\n\nYou chose option A." in somebody[0]["content"]
        assert nobody[1]["content"] == (
            "A few questions about what you read.\n\nHow far do you trust what sellers say?\n\nA. not at all\nB. a little\n"
            "C. completely\n\nAnswer with one letter and nothing else: A, B or C."
        )
        assert asked[0].choices == ("A", "B", "C") and asked[4].choices == ()
        assert "A few questions" not in asked[2].messages[-1]["content"]

    def test_earlier_answers_stand_before_later_questions(self, held, tmp_path):
        """Those that are valid."""
        declared = load_questionnaire(media(tmp_path, MEDIA.replace("order: random", "order: declared")))
        said = {"trust": "B. a little", "bought": "nonsense", "why": "Because."}
        _, asked = held(declared, PEOPLE[:1], lambda request: said[request.site.split("/")[2]])
        assert [message["content"] for message in asked[2].messages[2:-1]] == ["B"]

    def test_or_each_is_asked_alone(self, held, tmp_path):
        """With ``together: false``, in one round."""
        alone = load_questionnaire(media(tmp_path, MEDIA.replace("order: random\nq", "together: false\nq")))
        _, asked = held(alone)
        assert len(asked) == 120 and {len(request.messages) for request in asked} == {2}


class TestAnswers:
    """Every answer is an event."""

    def test_invalid_ones_are_counted(self, held, questionnaire):
        """With what was said, and why; the closing event has their number."""
        events, _ = held(questionnaire)
        invalid = [e for e in answers(events) if not e.valid]
        assert invalid and all((e.value, e.raw, e.why) == (-1, "?", "names no option") for e in invalid)
        closed = events[-1]
        assert isinstance(closed, SurveyClosed) and (closed.asked, closed.invalid) == (120, len(invalid))

    def test_each_leads_back_to_what_the_model_said(self, held, questionnaire):
        """Its cause is the model's answer."""
        events, _ = held(questionnaire)
        replies = {e.seq: e.text for e in events if isinstance(e, LLMReplied)}
        assert all(replies[e.cause] == e.raw for e in answers(events))
