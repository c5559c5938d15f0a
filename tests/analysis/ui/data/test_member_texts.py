"""A persona's story holds what members wrote: what it saw of that, and what it wrote itself."""

from __future__ import annotations

import pytest

from abm.columns import Int16s, Int32s, unpack
from abm.events import FeedServed, MembersPosted
from abm.llm import ScriptedLLM
from abm.log import read_events
from analysis.readings.book import Book
from analysis.readings.reading import result_of
from analysis.readings.society import SocietyKey
from analysis.ui.data.persona import find_person
from analysis.ui.data.society import SocietyReading
from analysis.ui.data.story import read_story
from analysis.ui.data.told import story_rows
from tests.learning.test_loop import carry_out
from tests.learning.test_society import SOCIETY
from tests.support.fakes import reply

KEY = SocietyKey("train", "shared", 1)


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """A run in which personas reply and comment."""
    folder = tmp_path_factory.mktemp("texts") / "run"
    carry_out(folder, SOCIETY, llm=ScriptedLLM(reply))
    return list(read_events(folder))


def test_all_that_was_seen_and_written_is_there(events):
    """Of every persona, by the log alone."""
    book = result_of(events, Book())
    wrote, saw = 0, 0
    for persona in range(4):
        person = find_person(book, persona)
        assert person is not None
        texts = [text for each in read_story(events, book, person, KEY).encounters for text in each.texts]
        own, others = {t.message for t in texts if t.own}, {t.message for t in texts if t.came}
        posted, served = _by_hand(events, persona)
        assert (own, others) == (posted, served)
        wrote, saw = wrote + len(own), saw + len(others)
    assert wrote and saw


def _by_hand(events, persona):
    posted, served, items, training = set(), set(), [], True
    for event in events:
        match type(event).__name__:
            case "StepStarted":
                training = event.phase == "train"
            case "FeedOpened" if training:
                items = list(event.messages)
            case "MembersPosted" if training and isinstance(event, MembersPosted):
                items += event.messages
                whose = unpack(event.personas, Int32s).tolist()
                posted |= {message for message, author in zip(event.messages, whose, strict=True) if author == persona}
            case "FeedServed" if training and isinstance(event, FeedServed):
                seen = zip(unpack(event.members, Int32s).tolist(), unpack(event.items, Int16s).tolist(), strict=True)
                served |= {items[item] for member, item in seen if member == persona and "/said/" in items[item]}
    return posted, served


def test_rows_and_frames_can_be_made(events):
    """Pages show them, and the society's film goes through the whole run."""
    book = result_of(events, Book())
    person = find_person(book, 0)
    assert person is not None
    rows = story_rows(read_story(events, book, person, KEY), 0, 99)
    texts = [text for row in rows for text in row["texts"]]
    assert texts and all(text["text"]["pieces"] and text["what"] for text in texts)
    frames = result_of(events, SocietyReading(KEY))
    assert frames is not None and len(frames) > 5
