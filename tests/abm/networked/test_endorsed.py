"""What members choose is seen by those who follow them: one by one as all at once, whatever else is in the feeds."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from abm.events import Reacted
from abm.state import feeds
from abm.state.platform import CHOSEN
from abm.state.state import State, apply
from abm.worlds.networked.settings import NetworkConfig
from tests.abm.networked.world import hold, people, random_ties

MEMBERS, CONTESTS = 30, 4


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """Return the events of contests that share their feeds, with single reactions."""
    network = NetworkConfig(together=CONTESTS)
    ties = random_ties(MEMBERS, 0.2)
    return hold(
        tmp_path_factory.mktemp("held") / "run",
        network,
        voters=people(MEMBERS),
        ties=ties,
        contests=CONTESTS,
        batch=CONTESTS,
    )[1]


def before_reactions(events) -> tuple[State, list[Reacted]]:
    """Return the state before the first member chose, and all reactions."""
    first = next(i for i, event in enumerate(events) if isinstance(event, Reacted))
    state = State()
    for event in events[:first]:
        apply(state, event)
    return state, [event for event in events if isinstance(event, Reacted) and event.choice >= 0]


def test_one_by_one_as_all_at_once(events):
    """Both ways of telling who chose what give the same feeds."""
    single, reactions = before_reactions(events)
    assert len(reactions) > MEMBERS
    bulk = copy.deepcopy(single)
    for contest in {event.contest for event in reactions}:
        of = [event for event in reactions if event.contest == contest]
        who, slots = (np.array([getattr(event, name) for event in of]) for name in ("persona", "choice"))
        feeds.chosen(bulk.platform, contest, who, slots)
        for event in of:
            feeds.chosen_by(single.platform, contest, event.persona, event.choice)
    for name in ("seen", "endorsed"):
        assert np.array_equal(getattr(single.platform.posts, name), getattr(bulk.platform.posts, name))
    assert (single.platform.posts.seen & CHOSEN).any() and single.platform.posts.endorsed.any()


def test_nobody_endorses_twice(events):
    """A member who chose a message twice is counted once."""
    state, [first, *_] = before_reactions(events)
    feeds.chosen_by(state.platform, first.contest, first.persona, first.choice)
    once = state.platform.posts.endorsed.copy()
    feeds.chosen_by(state.platform, first.contest, first.persona, first.choice)
    assert np.array_equal(state.platform.posts.endorsed, once)


def test_other_messages_are_not_gone_through(events):
    """A reaction looks at its contest alone: what is in the feeds besides costs it nothing."""

    class Closed(list):
        def __iter__(self):
            raise AssertionError("all messages in the feeds were gone through")

    state, reactions = before_reactions(events)
    state.platform.posts.messages = Closed(state.platform.posts.messages)
    for event in reactions:
        apply(state, event)


@pytest.mark.parametrize("persona", [-1, MEMBERS, 10**9])
def test_who_is_no_member_chooses_nothing(events, persona):
    """As with many at once, it is an error."""
    state, [first, *_] = before_reactions(events)
    with pytest.raises(KeyError, match="not all of these personas are members"):
        feeds.chosen_by(state.platform, first.contest, persona, first.choice)


def test_members_whose_personas_are_no_range(events):
    """Where some were left out, each is found all the same."""
    state, _ = before_reactions(events)
    platform = state.platform
    platform.personas = platform.personas * 3 + 1
    assert [platform.row(int(persona)) for persona in platform.personas] == list(range(platform.n))
    with pytest.raises(KeyError):
        platform.row(2)
