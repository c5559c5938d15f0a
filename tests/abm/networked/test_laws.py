"""What holds in every networked world, whatever its settings: conservation, invariance, reproducibility."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.audience import Voters
from abm.columns import Int32s, unpack
from abm.events import (
    Engaged,
    Event,
    FeedOpened,
    FeedServed,
    PlatformOpened,
    Reacted,
    StepEnded,
    TiesCut,
    TiesFormed,
)
from abm.journal import replay
from abm.worlds.networked.settings import NetworkConfig
from media_graph.feeds import RANKERS
from tests.abm.networked.world import comparable, hold, of, pairs, people, random_ties, views

rate = st.sampled_from([0.0, 0.2, 0.6, 1.0])


@st.composite
def worlds(draw):
    """Return settings, members and ties of some small world."""
    n = draw(st.integers(2, 9))
    rounds = draw(st.integers(1, 4))
    network = NetworkConfig.model_validate(
        {
            "followers": draw(rate), "together": draw(st.integers(1, 3)), "rounds": rounds, "churn": draw(rate),
            "purchases": draw(st.integers(1, rounds)), "polls": draw(st.lists(st.integers(0, rounds - 1), max_size=2)),
            "feed": {
                "ranker": draw(st.sampled_from(sorted(RANKERS))), "slots": draw(st.integers(1, 3)), "discover": draw(rate)
            },
            "engagement": {name: draw(rate) for name in ("like", "share", "reply", "follow", "unfollow")},
            "influence": {"conformity": draw(rate), "bandwagon": draw(rate), "pull": draw(rate)},
        }
    )  # fmt: skip
    seed = draw(st.integers(0, 50))
    return network, people(n, seed, first=draw(st.sampled_from([0, 7]))), seed


def held(world, *, replayed=False, **options):
    """Return the events of a world, its replay where that is asked for, and its ties."""
    network, voters, seed = world
    first = int(voters.ids.min())
    ties = [(first + a, first + b) for a, b in random_ties(len(voters.ids), 0.4, seed)]
    with tempfile.TemporaryDirectory() as folder:
        _, events = hold(Path(folder) / "run", network, voters=voters, ties=ties, seed=seed, **options)
        return events, replay(Path(folder) / "run") if replayed else None, ties


FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.system
@FEW
@given(worlds())
def test_everything_that_members_do_has_an_exposure_before_it_and_a_path_to_its_origin(world):
    """A like, share or reply is of something served in that round; what was served came from an account that the member
    followed then, which wrote it or had shared it before; nobody sees a message twice, nor more than the slots hold."""
    network = world[0]
    events, _, ties = held(world)
    follows: set[tuple[int, int]] = set()
    pending: list[Event] = []
    shared: set[tuple[int, int]] = set()
    seen: dict[tuple[int, int], int] = {}
    slots: list[int] = []
    now: set[tuple[int, int]] = set()
    for event in events:
        match event:
            case PlatformOpened():
                follows = set(ties)
            case TiesFormed(why="graph"):
                pass
            case TiesFormed() | TiesCut():
                changed = zip(
                    unpack(event.sources, Int32s).tolist(), unpack(event.targets, Int32s).tolist(), strict=True
                )
                pending += [(isinstance(event, TiesFormed), tie) for tie in changed]
                for forms, tie in pending:
                    if tie[1] < -1:  # competitors: at once
                        (follows.add if forms else follows.discard)(tie)
                pending = [(forms, tie) for forms, tie in pending if tie[1] >= 0]
            case FeedOpened():
                for forms, tie in pending:
                    (follows.add if forms else follows.discard)(tie)
                pending, shared, seen = [], set(), {}
                slots = [int(message.rsplit("/", 1)[1]) for message in event.messages]
                at_opening = {tie for tie in follows if tie[1] < -1}
            case FeedServed():
                rows = views(event)
                now = {(member, item) for member, item, _, _ in rows}
                assert len(now) == len(rows) and not now & seen.keys(), "nobody sees a message twice"
                for member, item, rank, source in rows:
                    assert rank < network.feed.slots
                    if source == -1:
                        assert network.feed.discover > 0
                    elif source < -1:
                        assert source == -2 - slots[item] and (member, source) in at_opening
                    else:
                        assert (source, item) in shared and (member, source) in follows
                    seen[member, item] = source
                for member in {member for member, *_ in rows}:
                    ranks = sorted(rank for m, _, rank, _ in rows if m == member)
                    assert ranks == list(range(len(ranks)))
            case Engaged():
                assert set(pairs(event)) <= now, "exposure comes before engagement"
                if event.action == "share":
                    shared |= set(pairs(event))
            case StepEnded():
                for forms, tie in pending:
                    (follows.add if forms else follows.discard)(tie)
                pending = []


@pytest.mark.system
@FEW
@given(worlds())
def test_members_choose_among_what_they_saw(world):
    """The options of a choice are the messages of that contest that were served to that member, in that order."""
    events, _, _ = held(world)
    messages: list[str] = []
    saw: dict[tuple[int, str], list[int]] = {}
    for event in events:
        match event:
            case FeedOpened():
                messages, saw = event.messages, {}
            case FeedServed():
                for member, item, _, _ in views(event):
                    contest, slot = messages[item].rsplit("/", 1)
                    saw.setdefault((member, contest), []).append(int(slot))
            case Reacted():
                assert event.order == saw[event.persona, event.contest]
                assert event.choice == -1 or event.choice in event.order


@pytest.mark.system
@FEW
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_members_plays_no_part(world, random):
    """The same members in other rows decide the same log."""
    network, voters, seed = world
    order = list(range(len(voters.ids)))
    random.shuffle(order)
    shuffled = Voters(
        voters.ids[order],
        [voters.names[i] for i in order],
        voters.trait_names,
        np.ascontiguousarray(voters.traits[order]),
    )
    assert comparable(held(world)[0]) == comparable(held((network, shuffled, seed))[0])


@pytest.mark.system
@FEW
@given(worlds())
def test_equal_settings_and_seed_decide_alike_and_replay_alike(world):
    """Two runs hold the same events; folding the log gives each step's state hash again (else replay refuses)."""
    (first, replayed, _), (second, *_) = held(world, replayed=True), held(world)
    assert comparable(first) == comparable(second)
    assert replayed.steps == len(of(StepEnded, first)) > 0


@pytest.mark.system
@FEW
@given(worlds())
def test_how_many_are_written_at_once_plays_no_part(world):
    """The planned batch groups contests into steps, and decides nothing."""
    network = world[0].model_copy(update={"together": 1})
    one, two = (held((network, *world[1:]), batch=batch)[0] for batch in (1, 3))
    choices = [[(e.contest, e.persona, e.order, e.choice) for e in of(Reacted, events)] for events in (one, two)]
    assert choices[0] == choices[1]
    assert len(of(StepEnded, one)) == 3 and len(of(StepEnded, two)) == 1
