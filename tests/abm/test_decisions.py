"""What the canonical form of decisions promises: it is the same for runs that decided alike, and names places among decisions."""

from __future__ import annotations

import random

import pytest

from abm.events import AdapterTrained, Event, LLMReplied, MessageRejected, RunResumed, StepStarted
from abm.journal import Decisions

STARTED = StepStarted(step=0, phase="train", epoch=1, arm="shared", seq=0, at=5.0)


def reply(seq: int, site: str) -> LLMReplied:
    return LLMReplied(
        seq=seq, at=float(seq), step=0, cause=0, key=site, site=site, model="m", adapter="", template="", refs=[], prompt="",
        text=f"answer to {site}", finish="stop", tokens_in=1, tokens_out=1, temperature=1.0, top_p=1.0, max_tokens=9, seed=1,
    )  # fmt: skip


def rejected(seq: int, cause: int) -> MessageRejected:
    return MessageRejected(
        seq=seq, cause=cause, message="m", contest="c", slot=0, competitor="a", anchor="x", adapter="", reason="empty"
    )


def log_of(sites: list[str], resumed_after: int | None = None) -> list[Event]:
    """Return a step whose answers came in the order of ``sites``, and what was decided by each, twice, in plan order."""
    events: list[Event] = [STARTED]
    places: dict[str, int] = {}
    for number, site in enumerate(sites):
        if number == resumed_after:
            events.append(RunResumed(seq=len(events), versions={}))
        places[site] = len(events)
        events.append(reply(len(events), site))
    for site in sorted(sites) * 2:
        events.append(rejected(len(events), places[site]))
    return events


SITES = [f"write/{letter}" for letter in "abcdef"]
PLANNED = list(Decisions.of(log_of(SITES)))


class TestDecisions:
    """Equal decisions, however they came into the log."""

    @pytest.mark.parametrize("seed", range(20))
    def test_answers_may_come_in_any_order(self, seed):
        """Their decisions, and those that name them as their cause, are those of the planned order."""
        draw = random.Random(seed)
        came = draw.sample(SITES, len(SITES))
        decisions = list(Decisions.of(log_of(came, resumed_after=draw.choice([None, 0, 2, 5]))))
        assert [decision.event for decision in decisions] == [decision.event for decision in PLANNED]

    def test_each_knows_its_place_in_the_log(self):
        """``seq`` leads back to the event that was decided."""
        events = log_of(SITES[::-1], resumed_after=3)
        for decision in Decisions.of(events):
            logged = events[decision.seq]
            assert type(logged) is type(decision.event) and logged.step == decision.event.step
            if isinstance(logged, LLMReplied):
                assert logged.site == decision.event.site

    def test_causes_are_places_among_decisions(self):
        """A cause leads to the decision at that place; what was left out has no place."""
        decisions = list(Decisions.of(log_of(SITES[::-1], resumed_after=3)))
        for decision in decisions[len(SITES) + 1 :]:
            cause = decisions[decision.event.cause].event
            assert isinstance(cause, LLMReplied)
        sites = [decisions[decision.event.cause].event.site for decision in decisions[len(SITES) + 1 :]]
        assert sites == SITES * 2
        [orphan] = Decisions.of([RunResumed(seq=0, versions={}), rejected(1, cause=0)])
        assert orphan.event.cause == -1

    def test_what_is_left_out_can_be_chosen(self):
        """Types that are left out are not counted either."""
        events = log_of(SITES)
        for left_out in ((StepStarted,), (StepStarted, LLMReplied)):
            decisions = list(Decisions.of(events, left_out))
            assert len(decisions) == sum(not isinstance(event, left_out) for event in events)
        assert {decision.event.cause for decision in decisions} == {-1}

    def test_the_range_of_training_data_is_counted_too(self):
        """``data_range`` names events like ``cause`` does."""
        trained = AdapterTrained(
            seq=3, adapter="a", arm="rft", epoch=1, method="rft", parent="", data="d", data_range=[1, 3], rows=1, tokens=2,
            over_long=0, steps=3, seed=4, loss_before=2.0, loss_after=1.0, settings={},
        )  # fmt: skip
        events = [STARTED, rejected(1, 0), RunResumed(seq=2, versions={}), trained]
        assert list(Decisions.of(events))[-1].event.data_range == [1, 2]

    def test_the_newest_answers_wait_for_others(self):
        """Until something else follows, an answer may still come before them."""
        decisions = Decisions()
        assert len(decisions.add(STARTED)) == 1
        assert decisions.add(reply(1, "b")) == decisions.add(reply(2, "a")) == ()
        assert [decision.event.site for decision in decisions.waiting()] == ["a", "b"]
        settled = decisions.add(rejected(3, 1))
        assert [decision.seq for decision in settled] == [2, 1, 3]
        assert settled[-1].event.cause == 2 and decisions.waiting() == []
