"""A persona answers about what it saw; it is kept beside the run, and nothing of it reaches the run."""

from __future__ import annotations

import shutil

import pytest

from abm.events import InterviewAnswered
from abm.llm import ScriptedLLM
from abm.log import open_log, read_events, verify
from analysis.readings.book import Book
from analysis.readings.reading import result_of
from analysis.readings.society import SocietyKey
from analysis.ui.data.asked import talk_rows
from analysis.ui.data.runs import find_runs
from analysis.ui.interview import Interviewer
from learning.surveys import INTERVIEWS, conversations

KEY = SocietyKey("evaluate", "rft", 2)


@pytest.fixture
def run(isolated, tmp_path):
    """A copy of a finished run."""
    return shutil.copytree(isolated, tmp_path / "runs" / "run")


def _somebody(run):
    book = result_of(read_events(run), Book())
    return book, next(joined.first for joined in book.people if joined.split == "evaluate")


class TestWhen:
    """Who can be asked."""

    def test_only_played_personas(self, isolated):
        """A choice model has nothing to say."""
        book, _ = _somebody(isolated)
        assert not Interviewer("http://127.0.0.1:9/v1").note(book)[0]

    def test_only_where_a_model_is_served(self, isolated):
        """Without --llm the page says how to give one; with it, where the answers are kept."""
        book, _ = _somebody(isolated)
        book.config = book.config | {"audience": "llm"}
        assert Interviewer("").note(book, "RUN").command == "moloch ui RUN --llm transformers"  # pocket has no server
        book.config = book.config | {"reader": {"model": "another"}}
        assert "--llm http://" in Interviewer("").note(book).command
        note = Interviewer("http://127.0.0.1:9/v1").note(book)
        assert note.ready and f"kept in {INTERVIEWS}/" in note.text and not note.command


class TestAsking:
    """One question, one call."""

    def test_answers_are_kept_beside_the_run(self, run):
        """The answer is shown with what it cost; the run ends where it ended; what was said stands before the next question."""
        book, persona = _somebody(run)
        head, asked = open_log(run, write=False).head(), []
        interviewer = Interviewer("transformers")
        interviewer._open = lambda book: ScriptedLLM(lambda request: asked.append(request) or "<b>Because.</b>")  # type: ignore[method-assign]
        shown = interviewer.ask(run, book, persona, KEY, "Why?", "a page")
        interviewer.ask(run, book, persona, KEY, "Really?", "a page")
        interviewer.ask(run, book, persona, KEY, "Why?", "another page")
        assert shown["answer"]["pieces"] == [["<b>Because.</b>", False]] and "tokens read" in shown["cost"]
        assert [[m["content"] for m in request.messages[1:]] for request in asked] == [
            ["Why?"], ["Why?", "<b>Because.</b>", "Really?"], ["Why?"],
        ]  # fmt: skip
        assert "You chose option" in asked[0].messages[0]["content"]
        assert verify(run) == head
        kept = [each for each in read_events(run / INTERVIEWS) if isinstance(each, InterviewAnswered)]
        assert [(each.interview, each.question) for each in kept] == [
            (f"1/{persona}", "Why?"), (f"1/{persona}", "Really?"), (f"2/{persona}", "Why?"),
        ]  # fmt: skip

    def test_a_conversation_goes_on_until_a_new_one_is_begun(self, run):
        """Who looks finds it in the log beside the run, the one that goes on by its id."""
        book, persona = _somebody(run)
        interviewer = Interviewer("transformers")
        interviewer._open = lambda book: ScriptedLLM(lambda request: "So.")  # type: ignore[method-assign]
        assert interviewer.going_on(run, persona, KEY) == ""
        for question in ("Why?", "Really?"):
            interviewer.ask(run, book, persona, KEY, question)
        assert interviewer.going_on(run, persona, KEY) == f"1/{persona}"
        interviewer.begin_anew(run, persona, KEY)
        interviewer.ask(run, book, persona, KEY, "Again?")
        rows = talk_rows(conversations(run), interviewer.going_on(run, persona, KEY))
        assert [[said["question"] for said in row["said"]] for row in rows] == [["Again?"], ["Why?", "Really?"]]
        assert [row["current"] for row in rows] == [True, False] and "remembering evaluate epoch 2" in rows[0]["label"]

    def test_what_is_kept_beside_a_run_is_no_run(self, run):
        """The list of runs shows the run alone."""
        book, persona = _somebody(run)
        interviewer = Interviewer("transformers")
        interviewer._open = lambda book: ScriptedLLM(lambda request: "So.")  # type: ignore[method-assign]
        interviewer.ask(run, book, persona, KEY, "Why?")
        assert find_runs(run.parent) == [run]
