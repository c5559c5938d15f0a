"""A conversation with a persona: kept before it is shown, with what was said before, beside the run."""

from __future__ import annotations

import pytest

from abm.llm import ScriptedLLM
from abm.log import read_events, verify
from abm.surveys import load_questionnaire
from learning.surveys import ANSWERS, INTERVIEWS, begin_interview, conversations, plan_after
from moloch.errors import InputError
from tests.learning.surveys.test_after import MODEL, finished, run  # noqa: F401
from tests.support.questionnaires import media, respond


def talker(asked):
    return ScriptedLLM(lambda request: asked.append(request.messages) or f"<think>Hm.</think>Answer {len(asked)}.")


class TestATalk:
    """Questions to one persona."""

    def test_what_was_said_stands_before_the_next_question(self, run):  # noqa: F811
        """And who it is, and what it remembers of a society."""
        asked = []
        talk = begin_interview(run, "3", arm="rft")
        for question in ("Why?", "Really?"):
            talk.ask(question, talker(asked))
        assert [message["content"] for message in asked[1][1:]] == ["Why?", "Answer 1.", "Really?"]
        assert " you read:" in asked[0][0]["content"] and "in a few sentences" in asked[0][0]["content"]

    def test_before_the_run_it_remembers_nothing(self, run):  # noqa: F811
        """Where that is asked for."""
        asked = []
        begin_interview(run, "3", before=True).ask("Why?", talker(asked))
        assert "remember" not in asked[0][0]["content"]

    def test_the_run_does_not_change_and_is_named(self, run):  # noqa: F811
        """By its head; conversations are numbered."""
        head = verify(run)
        for question in ("Why?", "How?"):
            begin_interview(run, "3").ask(question, talker([]))
        held = conversations(run)
        assert [(each.opened.interview, each.opened.head) for each in held] == [("1/3", head.hash), ("2/3", head.hash)]
        assert [[(turn.question, turn.answer) for turn in each.said] for each in held] == [
            [("Why?", "Answer 1.")], [("How?", "Answer 1.")],
        ]  # fmt: skip
        assert verify(run) == head

    def test_no_answer_is_kept_as_none(self, run):  # noqa: F811
        """And does not stand before the next question."""
        talk = begin_interview(run, "3")
        turn = talk.ask("Why?", ScriptedLLM(lambda request: "<think>Hm."))
        assert not turn.valid and turn.answer == ""
        asked = []
        talk.ask("How?", talker(asked))
        assert [message["content"] for message in asked[0][1:]] == ["How?"]

    def test_it_finds_remembered_answers(self, run, tmp_path):  # noqa: F811
        """Of questionnaires after the run."""
        questionnaire = load_questionnaire(media(tmp_path))
        plan_after(run, questionnaire, MODEL, remember=True).carry_out(lambda: ScriptedLLM(respond))
        asked = []
        begin_interview(run, "3").ask("Why?", talker(asked))
        assert "You were asked: " in asked[0][0]["content"]

    def test_an_answer_that_a_kill_left_is_not_asked_for_again(self, run, monkeypatch):  # noqa: F811
        """It is durable before it is read."""
        talk = begin_interview(run, "3")
        with monkeypatch.context() as patched:
            patched.setattr("learning.surveys.interviews._turn", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                talk.ask("Why?", talker([]))
        assert talk.ask("Why?", ScriptedLLM(lambda request: pytest.fail("asked again"))).answer == "Answer 1."

    @pytest.mark.parametrize("question", ["", "  ", "x" * 3_000])
    def test_no_question_and_a_long_one(self, run, question):  # noqa: F811
        """Nothing is asked."""
        with pytest.raises(InputError):
            begin_interview(run, "3").ask(question, talker([]))
        assert not (run / INTERVIEWS).exists()

    def test_its_log_holds_nothing_else(self, run):  # noqa: F811
        """A log of answers is none of conversations."""
        talk = begin_interview(run, "3", folder=run / INTERVIEWS)
        talk.ask("Why?", talker([]))
        with pytest.raises(InputError, match="holds no interviews"):
            begin_interview(run, "3", folder=run).ask("Why?", talker([]))
        assert not (run / ANSWERS).exists() and len(list(read_events(run / INTERVIEWS))) == 3
