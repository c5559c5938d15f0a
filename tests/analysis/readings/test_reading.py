"""Readings: every fold of a log keeps the same promises, so that one pass over a log serves them all."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from abm.events import Event, RunConfigured, StepStarted
from abm.log import read_events
from analysis.judges._messages import Messages
from analysis.readings.book import Book
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.extrapolation import ExtrapolationReading
from analysis.readings.left_out import LeftOutReading
from analysis.readings.positions import PositionReading
from analysis.readings.reading import read, result_of
from analysis.readings.service import ServiceReading
from analysis.readings.society import SocietyKey
from analysis.readings.spreads import SpreadReading
from analysis.ui.data.persona import find_person
from analysis.ui.data.society import SocietyReading
from analysis.ui.data.story import StoryReading

RUNS = Path(__file__).parents[2] / "golden" / "runs"
FRAMED = (
    Book,
    EvaluationReading,
    ExtrapolationReading,
    LeftOutReading,
    PositionReading,
    ServiceReading,
    SpreadReading,
)
SOCIETY = SocietyKey("evaluate", "rft")


@pytest.fixture(scope="module", params=["elections-isolated", "social-networked"])
def events(request):
    """A run of each world."""
    return list(read_events(RUNS / request.param))


def story_of(events: list[Event]) -> StoryReading:
    """Return the reading of what one held-out persona saw."""
    book = result_of(events, Book())
    person = find_person(book, min(joined.first for joined in book.people if joined.split == "evaluate"))
    assert person is not None
    return StoryReading(book, person, SOCIETY)


def plain(value: object) -> object:
    """Return a reading's result as something that can be compared."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, msgspec.Struct):
        return plain(msgspec.structs.asdict(value))
    if hasattr(value, "__iter__") and not isinstance(value, str | bytes):
        return plain(list(value))
    if hasattr(value, "__dict__"):
        return {name: plain(each) for name, each in vars(value).items() if not callable(each)}
    return value


class TestEveryReading:
    """What holds for each of them."""

    @pytest.mark.parametrize("make", [*FRAMED, Messages, lambda: SocietyReading(SOCIETY)])
    def test_it_needs_no_other_events_than_those_that_it_takes(self, events, make):
        """A log of these types alone gives the same result: nobody has to decode the others."""
        whole, some = make(), make()
        for event in events:
            whole.take(event)
        for event in events:
            if isinstance(event, tuple(some.TAKES)):
                some.take(event)
        if isinstance(whole, Book):  # counts all events, as far as it takes them
            whole.seq = some.seq
        assert plain(whole.result()) == plain(some.result())

    def test_so_does_a_persona_s_story(self, events):
        """It stands on a book, and then on its own types alone."""
        whole, some = story_of(events), story_of(events)
        for event in events:
            whole.take(event)
        read(events, some)
        assert whole.result().encounters and plain(whole.result().encounters) == plain(some.result().encounters)

    @pytest.mark.parametrize("make", FRAMED)
    def test_its_result_can_be_had_at_any_time(self, events, make):
        """Looking changes nothing of what is read afterwards."""
        looked, once = make(), make()
        for number, event in enumerate(events):
            looked.take(event)
            once.take(event)
            if number % 50 == 0:
                plain(looked.result())
        assert plain(looked.result()) == plain(once.result())

    @pytest.mark.parametrize("make", FRAMED)
    def test_its_frame_has_its_columns_before_anything_was_read(self, events, make):
        """A query written for a frame runs on an empty one."""
        reading = make()
        empty = reading.frame()
        read(events, reading)
        assert empty.is_empty() and empty.schema == reading.frame().schema


class TestRead:
    """One pass over a log."""

    def test_each_event_goes_once_to_those_that_take_it(self):
        """In the order of the log and of the readings; a base class stands for all its types."""
        heard = []

        class Ear:
            def __init__(self, name, *takes):
                self.name, self.TAKES = name, frozenset(takes)

            def take(self, event):
                heard.append((self.name, type(event).__name__))

            def result(self):
                return None

        begun = StepStarted(phase="train", epoch=1, arm="rft")
        read([RunConfigured(config={}), begun], Ear("all", Event), Ear("steps", StepStarted), Ear("none"))
        assert heard == [("all", "RunConfigured"), ("all", "StepStarted"), ("steps", "StepStarted")]


class TestFrames:
    """Rows that lead back to the log."""

    def test_messages(self, events):
        """Each names the event in which it stands."""
        frame = result_of(events, Book()).frame()
        for row in frame.iter_rows(named=True):
            event = events[row["seq"]]
            assert (event.message, event.anchor, event.competitor) == (row["message"], row["anchor"], row["competitor"])
        assert frame["won"].any() and set(frame["phase"]) == {"train", "evaluate"}

    def test_contests_votes_and_labels_agree(self, events):
        """The share of votes in a contest's row is the mean of its votes' rows; labels are those of its messages."""
        evaluation = result_of(events, EvaluationReading())
        contests, votes, labels = evaluation.frame(), evaluation.votes_frame(), evaluation.labels_frame()
        means = votes.group_by("contest").agg(pl.len().alias("n"), pl.col("vote").mean())
        joined = contests.join(means, on="contest")
        assert joined.height == contests.filter(pl.col("votes") > 0).height > 0
        assert joined.select((pl.col("votes") == pl.col("n")).all(), (pl.col("trained") == pl.col("vote")).all()).row(0)
        assert (joined["trained"] - joined["vote"]).abs().max() == pytest.approx(0, abs=1e-12)
        assert [events[seq].contest for seq in contests["seq"]] == contests["contest"].to_list()
        assert labels.group_by("contest", "side", "probe").len()["len"].max() == 1

    def test_places_of_votes(self, events):
        """A row per valid vote; each place is one of those that were shown."""
        frame = PositionReading()
        read(events, frame)
        rows = frame.frame()
        assert rows.height == sum(len(votes.places) for votes in frame.result()) > 0
        assert rows.select((pl.col("place") >= 1).all() & (pl.col("place") <= pl.col("options")).all()).item()

    def test_messages_in_the_feeds(self, events):
        """Whoever shares is in the cascade, whose root is the author."""
        reading = SpreadReading()
        read(events, reading)
        frame = reading.frame()
        assert frame.filter(pl.col("size") != pl.col("shares") + 1).is_empty()
        assert frame.height == len({spread.message for spread in reading.result()})
