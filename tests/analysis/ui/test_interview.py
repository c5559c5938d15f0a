"""A persona answers about what it saw, and nothing of it reaches the run."""

from __future__ import annotations

from abm.llm import ScriptedLLM
from abm.log import open_log, read_events
from analysis.readings.book import Book
from analysis.readings.reading import result_of
from analysis.readings.society import SocietyKey
from analysis.ui.data.persona import find_person
from analysis.ui.data.story import read_story
from analysis.ui.interview import Interviewer, prompt


def _somebody(run):
    book = result_of(read_events(run), Book())
    person = find_person(book, next(joined.first for joined in book.people if joined.split == "evaluate"))
    assert person is not None
    return book, person, read_story(read_events(run), book, person, SocietyKey("evaluate", "rft", 2))


class TestPrompt:
    """What is put before the model."""

    def test_who_it_is_and_what_it_saw(self, isolated):
        """Its biography, its newest contests with what it did, and the question last."""
        _, person, story = _somebody(isolated)
        system, user = prompt(person, story.encounters, "buy", "Why?")
        assert person.text in system["content"] and user == {"role": "user", "content": "Why?"}
        assert story.encounters[-1].seen[0].text in system["content"] and story.encounters[-1].said in system["content"]
        assert story.encounters[0].subject not in system["content"]


class TestWhen:
    """Who can be asked."""

    def test_only_played_personas(self, isolated):
        """A choice model has nothing to say."""
        book, *_ = _somebody(isolated)
        assert not Interviewer("http://127.0.0.1:9/v1").note(book)[0]

    def test_only_where_a_model_is_served(self, isolated):
        """Without --llm the page says how to give one."""
        book, *_ = _somebody(isolated)
        book.config = book.config | {"audience": "llm"}
        assert "--llm" in Interviewer("").note(book)[1]
        ready, text = Interviewer("http://127.0.0.1:9/v1").note(book)
        assert ready and "not written to the run" in text


class TestAsking:
    """One question, one call."""

    def test_answer_and_cost_and_no_trace(self, isolated):
        """The answer is shown with what it cost; the log ends where it ended."""
        book, person, story = _somebody(isolated)
        head, asked = open_log(isolated, write=False).head(), []
        interviewer = Interviewer("transformers")
        interviewer._open = lambda model: ScriptedLLM(lambda request: asked.append(request) or "<b>Because.</b>")  # type: ignore[method-assign]
        found = interviewer.ask(book, person, story.encounters, "Why?")
        assert found["answer"]["pieces"] == [["<b>Because.</b>", False]] and "tokens read" in found["cost"]
        assert len(asked) == 1 and open_log(isolated, write=False).head() == head
