"""Single mechanisms of the networked world, each seen alone."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from abm.audience import Reactions
from abm.audience.vocal import THINKERS
from abm.columns import Int8s, Int16s, Int32s, unpack
from abm.events import (
    ContestDecided,
    Engaged,
    FeedOpened,
    FeedServed,
    Intervened,
    MessagePublished,
    MessagesLabelled,
    PollTaken,
    Reacted,
    ReactedMany,
    TiesFormed,
)
from abm.journal import replay
from abm.probe import Verdict
from abm.state.platform import UNIT
from abm.state.state import State, apply
from abm.worlds.networked.influence import shifted_opinions
from abm.worlds.networked.settings import InfluenceConfig, NetworkConfig
from media_graph.feeds import RANKERS
from moloch.errors import CorruptLog, InputError
from tests.abm.networked.world import anchors, comparable, hold, of, pairs, people, random_ties, views

QUIET = {"like": 0.0, "share": 0.0, "reply": 0.0, "follow": 0.0, "unfollow": 0.0}
STILL = {"conformity": 0.0, "trust": 0.0, "opinion": 0.0, "persuasion": 0.0, "pull": 0.0, "trust_gain": 0.0}
LINE = [(i + 1, i) for i in range(5)]
"""Each follows the one before: what 0 shares goes down the line."""


def always(text="It is blue."):
    """Return a writer whose messages all parse."""
    return lambda request: f"<think>x</think><sales_pitch>{text}</sales_pitch>"


def network(**settings):
    """Return a quiet world with some settings of its own."""
    base = {"engagement": QUIET, "influence": STILL, "followers": 1.0, "together": 1, "feed": {"slots": 9}}
    for name, value in settings.items():
        base[name] = {**base.get(name, {}), **value} if isinstance(value, dict) and name != "graph" else value
    return NetworkConfig.model_validate(base)


class Ignorant:
    """An audience that only reacts."""

    def react(self, texts, shown, voters, key):
        return Reactions(np.zeros(len(voters.ids), dtype=np.int16), [])


class Finds:
    """A probe that finds a word."""

    name, judge_name = "misrepresentation", "exact"

    def __init__(self, word):
        self.word = word

    def judge(self, text, anchor, arena, *, thinking=""):
        return Verdict(int(self.word in text), ())


class TestServing:
    """Who sees what."""

    def test_ties_to_who_is_no_member_play_no_part(self, tmp_path):
        """A society of some of a graph's members has the ties among them."""
        model, _ = hold(tmp_path / "r", network(), voters=people(3), ties=[(0, 1), (0, 5), (5, 0)], say=always())
        assert set(model.graph().subgraph(range(6)).edges) == {(0, 1)}

    def test_only_followers_see_what_nobody_shares(self, tmp_path):
        """Without shares a message reaches exactly its author's followers."""
        _, events = hold(
            tmp_path / "r", network(followers=0.5), voters=people(8), ties=random_ties(8, 0.9), say=always()
        )
        first = of(TiesFormed, events)[1]
        followers = set(unpack(first.sources, Int32s).tolist())
        assert len(followers) == 4
        assert {member for served in of(FeedServed, events) for member, *_ in views(served)} == followers

    def test_competitors_start_with_the_same_followers(self, tmp_path):
        """Nobody starts ahead."""
        _, events = hold(tmp_path / "r", network(followers=0.5), voters=people(8), ties=[], writers=3)
        columns = [event.sources for event in of(TiesFormed, events) if event.why == "audience"]
        assert len(columns) == 3 and len(set(columns)) == 1

    def test_hubs_are_those_whom_most_follow(self, tmp_path):
        """Placement at hubs gives competitors the members with the most followers."""
        star = [(i, 3) for i in (0, 1, 2, 4, 5)]
        _, events = hold(tmp_path / "r", network(followers=0.1, placement="hubs"), voters=people(6), ties=star)
        assert {unpack(e.sources, Int32s).item() for e in of(TiesFormed, events) if e.why == "audience"} == {3}

    def test_a_share_carries_a_message_to_followers_one_round_later(self, tmp_path):
        """On a line where everybody shares, each sees it one round after the one whom it follows, and from that one."""
        settings = network(followers=0.01, placement="hubs", rounds=6, engagement={"share": 1.0})
        ties = [*LINE, (2, 0)]  # 0 is the hub, with two followers
        _, events = hold(tmp_path / "r", settings, voters=people(6), ties=ties, contests=1, say=always())
        seen = {
            (member, event.round, source) for event in of(FeedServed, events) for member, _, _, source in views(event)
        }
        first = {(0, 0, -2), (0, 0, -3)}  # from the authors
        assert seen == first | {(1, 1, 0), (2, 1, 0), (3, 2, 2), (4, 3, 3), (5, 4, 4)}

    def test_discovery_shows_what_nobody_followed_shared(self, tmp_path):
        """At chance 1 everybody sees everything, from the platform itself."""
        settings = network(followers=0.0, feed={"discover": 1.0})
        _, events = hold(tmp_path / "r", settings, voters=people(5), ties=[], contests=1, say=always())
        (served,) = of(FeedServed, events)
        assert len(views(served)) == 5 * 2 and {source for *_, source in views(served)} == {-1}

    def test_slots_hold_the_rest_back_for_the_next_round(self, tmp_path):
        """Two messages and one slot: one in each of two rounds."""
        _, events = hold(
            tmp_path / "r", network(feed={"slots": 1}), voters=people(4), ties=[], contests=1, say=always()
        )
        assert [len(views(served)) for served in of(FeedServed, events)] == [4, 4]

    @pytest.mark.parametrize("name", ["chronological", "popularity", "engagement", "similarity", "random"])
    def test_every_ranker_runs_and_is_named(self, tmp_path, name):
        """The log says which ranker ordered a feed, and gives its scores."""
        settings = network(feed={"ranker": name, "slots": 1}, engagement={"like": 0.5, "share": 0.5})
        _, events = hold(tmp_path / "r", settings, voters=people(8), ties=random_ties(8, 0.5), contests=4)
        served = of(FeedServed, events)
        assert served and {event.ranker for event in served} == {name}

    def test_members_who_see_nothing_do_not_choose(self, tmp_path):
        """No exposure, no reaction, and no abstention either."""
        _, events = hold(tmp_path / "r", network(followers=0.0), voters=people(5), ties=[], say=always())
        assert not of(Reacted, events)
        assert {(d.outcome, d.abstained) for d in of(ContestDecided, events)} == {("void", 0)}


class TestActing:
    """What members do."""

    def test_rates_of_one_do_everything_and_of_zero_nothing(self, tmp_path):
        """The ends of a rate are certain, whatever the appeal."""
        settings = network(engagement={"like": 1.0, "reply": 1.0})
        _, events = hold(tmp_path / "r", settings, voters=people(5), ties=[], contests=1, say=always())
        acted = {event.action: len(pairs(event)) for event in of(Engaged, events)}
        assert acted == {"like": 10, "reply": 10}

    def test_appeal_moves_rates(self, tmp_path):
        """Warm words are liked more by an audience that weighs warmth."""
        counts = []
        for text in ("It is blue.", "Welcome, dear friend! We care for you and love your family."):
            settings = network(engagement={"like": 0.3})
            _, events = hold(
                tmp_path / str(len(counts)), settings, voters=people(200), ties=[], contests=1, say=always(text)
            )
            counts.append(sum(len(pairs(event)) for event in of(Engaged, events)))
        assert counts[1] > counts[0] > 0

    def test_who_likes_a_stranger_may_follow_it(self, tmp_path):
        """Follow at rate 1: everybody who liked or shared follows the author from then on, once."""
        settings = network(followers=0.0, feed={"discover": 1.0}, engagement={"like": 1.0, "follow": 1.0})
        model, events = hold(tmp_path / "r", settings, voters=people(5), ties=[], say=always())
        formed = [event for event in of(TiesFormed, events) if event.why == "follow"]
        assert len(formed) == 1 and model.platform.audience.all()
        later = of(FeedServed, events)[1]
        assert {source for *_, source in views(later)} == {-2, -3}

    def test_who_is_bored_may_unfollow(self, tmp_path):
        """Unfollow at rate 1: everybody who did nothing drops the source."""
        settings = network(engagement={"unfollow": 1.0})
        model, events = hold(tmp_path / "r", settings, voters=people(5), ties=[], say=always(), contests=2)
        assert not model.platform.audience.any()
        assert len(of(FeedServed, events)) == 1

    def test_churn_replaces_ties_by_contacts_contacts(self, tmp_path):
        """At churn 1 nobody keeps a tie, and every new tie is to somebody whom a contact followed."""
        ring = [(i, (i + 1) % 6) for i in range(6)]
        model, _ = hold(tmp_path / "r", network(churn=1.0), voters=people(6), ties=ring, contests=1, say=always())
        assert set(model.graph().subgraph(range(6)).edges) == {(i, (i + 2) % 6) for i in range(6)}


class TestInfluence:
    """What others do to a member."""

    @pytest.mark.parametrize(("confidence", "after"), [(2.0, 0.25), (0.7, 0.5), (0.1, 0.0)])
    def test_opinions_are_pulled_to_contacts_that_are_listened_to(self, tmp_path, confidence, after):
        """0 follows one at +1 and one at 0 (mean 0.5): half of the way; only who is near enough counts."""
        model, _ = hold(tmp_path / "r", network(), voters=people(4), ties=[(0, 1), (0, 2)], contests=1, say=always())
        model.platform.opinions[0] = [0, UNIT, 0, 0] if confidence == 2.0 else [0, UNIT // 2, UNIT // 2, 0]
        if confidence == 0.7:
            model.platform.opinions[0, 1:3] = [UNIT // 2, UNIT]  # the farther one is not heard
        weights = InfluenceConfig(persuasion=0.0, pull=0.5 if confidence == 2.0 else 1.0, confidence=confidence)
        rows, values = shifted_opinions(model.platform, 0, np.array([0, 3]), np.zeros(2), weights)
        assert dict(zip(rows.tolist(), (values / UNIT).tolist(), strict=True)) == ({0: after} if after else {})

    def test_persuasion_moves_towards_what_the_message_says(self, tmp_path):
        """At persuasion 1 the opinion is tanh(appeal / 2) of the message just seen."""
        settings = network(influence={"persuasion": 1.0}, rounds=1)
        text = "Welcome, dear friend! We care for you."
        model, _ = hold(tmp_path / "r", settings, voters=people(6), ties=[], contests=1, say=always(text))
        appeal = model.reader.appeal([text], model.voters, np.arange(6), np.zeros(6, dtype=int))
        assert np.abs(model.platform.opinions[0] / UNIT - np.tanh(appeal / 2)).max() < 1 / UNIT

    def test_trust_grows_with_likes(self, tmp_path):
        """Each like of a competitor's message adds its gain."""
        settings = network(influence={"trust_gain": 0.25}, engagement={"like": 1.0})
        model, _ = hold(tmp_path / "r", settings, voters=people(3), ties=[], contests=3, say=always())
        assert (model.platform.trust == 0.75 * UNIT).all()

    def test_what_contacts_endorse_is_chosen_more(self, tmp_path):
        """With overwhelming conformity, members choose what the one whom all follow liked."""
        ties = [(i, 0) for i in range(1, 40)]
        calm = network(engagement={"like": 0.5}, rounds=2, feed={"slots": 1})
        hard = network(engagement={"like": 0.5}, rounds=2, feed={"slots": 1}, influence={"conformity": 60.0})
        agreeing = []
        for world in (calm, hard):
            _, events = hold(
                tmp_path / str(len(agreeing)), world, voters=people(40), ties=ties, contests=6, say=always()
            )
            agreeing.append(self._agreeing(events))
        assert agreeing[1] > 0.9 > agreeing[0]

    @staticmethod
    def _agreeing(events):
        """Return the share of choices by followers of 0, where it liked one message of two, that are of that one."""
        liked, messages, chosen = {}, [], []
        for event in events:
            match event:
                case FeedOpened():
                    messages = event.messages
                case Engaged(action="like"):
                    for member, item in pairs(event):
                        if member == 0:
                            liked.setdefault(messages[item].rsplit("/", 1)[0], []).append(item % 2)
                case Reacted() if event.persona > 0 and len(liked.get(event.contest, [])) == 1:
                    chosen.append(event.choice == liked[event.contest][0])
        return sum(chosen) / len(chosen)

    @staticmethod
    def _endorsed(events):
        """Return how many contacts endorsed each message before each member in the end, shape (messages, members)."""
        state, found = State(), []
        for event in events:
            apply(state, event)
            if state.platform and state.platform.posts:
                found = state.platform.posts.endorsed.tolist()
        return found

    def test_a_contact_counts_once_however_often_it_endorses(self, tmp_path):
        """0 likes and shares both messages, and buys one again and again: 1, who follows it, sees one endorsement of each."""
        settings = network(purchases=4, engagement={"like": 1.0, "share": 1.0}, outside=-50.0)
        _, events = hold(tmp_path / "r", settings, voters=people(2), ties=[(1, 0)], contests=1, say=always())
        assert len([event for event in of(Reacted, events) if event.persona == 0]) == 4
        assert self._endorsed(events) == [[0, 1], [0, 1]]

    def test_to_choose_is_to_endorse(self, tmp_path):
        """Nobody likes or shares: after four purchases 1 sees an endorsement of each message that 0 ever bought."""
        settings = network(purchases=4, outside=-50.0)
        _, events = hold(tmp_path / "r", settings, voters=people(2), ties=[(1, 0)], contests=1, say=always())
        bought = {event.choice for event in of(Reacted, events) if event.persona == 0}
        assert self._endorsed(events) == [[0, int(slot in bought)] for slot in (0, 1)]

    def test_thoughts_name_others_where_they_decided(self, tmp_path):
        """Who follows the crowd says so."""
        settings = network(engagement={"like": 0.5}, rounds=2, feed={"slots": 1}, influence={"conformity": 60.0})
        ties = [(i, 0) for i in range(1, 40)]
        _, events = hold(tmp_path / "r", settings, voters=people(40), ties=ties, contests=4, say=always())
        said = [event.thought for event in of(Reacted, events)]
        assert any("People whom I follow liked option" in thought for thought in said)
        assert any("People" not in thought for thought in said if thought)


class TestNothingToRead:
    """Contests of which no message could be published."""

    @pytest.mark.parametrize("ranker", sorted(RANKERS))
    def test_the_feeds_stay_empty_and_the_society_goes_on(self, tmp_path, ranker):
        """The first contest is void, after rounds, a poll and purchases before nobody; the second is held."""

        def say(request):
            return "no tag" if anchors(1)[0].id in request.site else always()(request)

        settings = network(feed={"ranker": ranker}, polls=[0], purchases=2)
        _, events = hold(tmp_path / "r", settings, voters=people(5), ties=LINE, contests=2, say=say, batch=1)
        assert [len(opened.messages) for opened in of(FeedOpened, events)] == [0, 2]
        decided = of(ContestDecided, events)
        assert decided[0].outcome == "void" and [sum(d.votes) + d.abstained for d in decided] == [0, 10]
        assert replay(tmp_path / "r").steps == 2


class TestDeciding:
    """Votes, polls and purchases."""

    def test_a_poll_asks_for_what_would_be_chosen(self, tmp_path):
        """Where nothing happens between, a poll gives the votes; it counts none."""
        settings = network(polls=[0, 3])
        _, events = hold(tmp_path / "r", settings, voters=people(30), ties=[], contests=1, say=always())
        (decided,) = of(ContestDecided, events)
        polls = of(PollTaken, events)
        assert [(poll.round, poll.asked) for poll in polls] == [(0, 30), (3, 30)]
        assert [poll.votes for poll in polls] == [decided.votes] * 2 and sum(decided.votes) <= 30

    def test_a_poll_moves_those_who_follow_the_majority(self, tmp_path):
        """With an overwhelming bandwagon the winner of the poll takes more than it polled."""
        settings = network(polls=[0], influence={"bandwagon": 20.0})
        _, events = hold(tmp_path / "r", settings, voters=people(60), ties=[], contests=3, say=always())
        for poll, decided in zip(of(PollTaken, events), of(ContestDecided, events), strict=True):
            best = int(np.argmax(poll.votes))
            assert decided.votes[best] > poll.votes[best] and int(np.argmax(decided.votes)) == best

    def test_purchases_are_repeated_with_a_mind_of_their_own(self, tmp_path):
        """Two purchases: everybody chooses twice, not always alike; the contest counts both."""
        settings = network(purchases=2)
        _, events = hold(tmp_path / "r", settings, voters=people(30), ties=[], contests=1, say=always())
        (decided,) = of(ContestDecided, events)
        bought = {}
        for event in of(Reacted, events):
            bought.setdefault(event.persona, []).append(event.choice)
        assert {len(choices) for choices in bought.values()} == {2}
        assert any(a != b for a, b in bought.values())
        assert sum(decided.votes) + decided.abstained == 60

    def test_a_crowd_is_columns_with_a_sample_of_thoughts(self, tmp_path):
        """From ``bulk`` members on: columns, and the thoughts of a few; all votes count."""
        settings = network(followers=0.7, feed={"slots": 1}, rounds=1)
        _, events = hold(tmp_path / "r", network(), voters=people(300), ties=[], contests=2, say=always(), bulk=100)
        assert len(of(Reacted, events)) == 2 * THINKERS and all(event.thought for event in of(Reacted, events))
        crowd = of(ReactedMany, events)
        assert [len(unpack(event.choices, Int8s)) for event in crowd] == [300 - THINKERS] * 2
        assert all(sum(d.votes) + d.abstained == 300 for d in of(ContestDecided, events))
        _, events = hold(tmp_path / "s", settings, voters=people(300), ties=[], contests=1, say=always(), bulk=100)
        (crowd,) = of(ReactedMany, events)
        orders = unpack(crowd.orders, Int8s).reshape(-1, 2)
        assert set(orders[:, 1].tolist()) == {-1} and len(orders) == 210, "who saw one message has one option"

    def test_everybody_may_choose_nothing(self, tmp_path):
        """A high utility outside leaves the contest void."""
        _, events = hold(tmp_path / "r", network(outside=50.0), voters=people(9), ties=[], contests=1, say=always())
        assert {(d.outcome, d.abstained) for d in of(ContestDecided, events)} == {("void", 9)}


class TestInterventions:
    """What comes from outside."""

    def test_a_banned_competitor_reaches_nobody(self, tmp_path):
        """From the feed on at which it comes into force; before, it did."""
        settings = network(interventions=[{"kind": "ban", "slot": 1, "after": 2}], feed={"discover": 1.0})
        _, events = hold(tmp_path / "r", settings, voters=people(5), ties=[], contests=4, say=always())
        assert [(e.kind, e.contests) for e in of(Intervened, events)] == [("ban", 2)]
        reached = []
        for event in events:
            match event:
                case FeedOpened():
                    reached.append(set())
                case FeedServed():
                    reached[-1] |= {item for _, item, *_ in views(event)}
        assert reached == [{0, 1}, {0, 1}, {0}, {0}]

    def test_a_rule_changes_the_ranker_and_the_slots(self, tmp_path):
        """The log names the new rule, and the feeds follow it."""
        rule = {"kind": "rule", "ranker": "random", "slots": 1, "after": 1}
        _, events = hold(
            tmp_path / "r", network(interventions=[rule]), voters=people(5), ties=[], contests=2, say=always()
        )
        assert [(e.ranker, len(views(e))) for e in of(FeedServed, events)] == [
            ("chronological", 10), ("random", 5), ("random", 5)
        ]  # fmt: skip

    def test_a_fact_check_labels_what_misbehaves_and_costs_trust(self, tmp_path):
        """Slot 1 misbehaves: its messages are labelled, those who saw them trust it less, and choose it less."""

        def say(request):
            return always("Best ever, blue." if request.site.endswith("/1") else "It is blue.")(request)

        check = {"kind": "fact_check", "round": 1, "penalty": 50.0, "distrust": 0.3}
        settings = network(interventions=[check])
        model, events = hold(
            tmp_path / "r", settings, voters=people(20), ties=[], contests=2, say=say, checkers=[Finds("Best")]
        )
        labels = of(MessagesLabelled, events)
        assert [unpack(label.items, Int16s).tolist() for label in labels] == [[1], [1]]
        assert {label.probes[0] for label in labels} == {"misrepresentation"}
        assert (model.platform.trust[1] == -0.6 * UNIT).all() and not model.platform.trust[0].any()
        assert {d.votes[1] for d in of(ContestDecided, events)} == {0}

    def test_a_fact_check_that_finds_nothing_changes_nothing(self, tmp_path):
        """Its event says that it is in force; no label, no distrust."""
        settings = network(interventions=[{"kind": "fact_check"}])
        model, events = hold(
            tmp_path / "r", settings, voters=people(5), ties=[], contests=1, say=always(), checkers=[Finds("Best")]
        )
        assert of(Intervened, events) and not of(MessagesLabelled, events) and not model.platform.trust.any()

    def test_a_shock_reaches_a_share(self, tmp_path):
        """About half of 400 members, by lot."""
        shock = {"kind": "shock", "slot": 0, "shift": -0.5, "share": 0.5}
        model, _ = hold(
            tmp_path / "r", network(interventions=[shock]), voters=people(400), ties=[], contests=2, say=always()
        )
        moved = (model.platform.opinions[0] == -0.5 * UNIT).sum()
        assert 160 < moved < 240 and (model.platform.opinions[0] != 0).sum() == moved

    @pytest.mark.parametrize("after", [0, 1, 2])
    def test_a_fork_in_the_middle_of_a_society_brings_it_at_once(self, tmp_path, after):
        """Two contests without it, then two with it: it comes into force after two, whatever its own ``after`` up to then."""
        ban = {"kind": "ban", "slot": 1, "after": after}
        world = {"voters": people(5), "ties": [], "say": always(), "contests": 4, "batch": 1}
        hold(tmp_path / "r", network(), steps=2, **world)
        _, events = hold(tmp_path / "r", network(interventions=[ban]), **world)
        assert [(e.kind, e.contests) for e in of(Intervened, events)] == [("ban", 2)]
        served = [{item for _, item, *_ in views(event)} for event in of(FeedServed, events)]
        assert served == [{0, 1}, {0, 1}, {0}, {0}]

    def test_a_fork_cannot_begin_to_rank_by_tastes_that_nobody_kept(self, tmp_path):
        """One clear refusal, and the log ends where the society stood."""
        rule = {"kind": "rule", "ranker": "similarity"}
        world = {"voters": people(5), "ties": [], "say": always(), "contests": 4, "batch": 1}
        hold(tmp_path / "r", network(), steps=2, **world)
        with pytest.raises(InputError, match="'similarity' cannot begin in the middle of this society"):
            hold(tmp_path / "r", network(interventions=[rule]), **world)

    def test_it_comes_once_also_where_a_society_is_resumed(self, tmp_path):
        """Cut in the middle and gone on with: the events are those of a society that was not cut."""
        shocks = [{"kind": "shock", "slot": 0, "shift": 0.2, "after": after} for after in (1, 0, 0, 3)]
        world = {"voters": people(5), "ties": [], "say": always(), "contests": 4, "batch": 1}
        _, whole = hold(tmp_path / "whole", network(interventions=shocks), **world)
        hold(tmp_path / "cut", network(interventions=shocks), steps=2, **world)
        _, cut = hold(tmp_path / "cut", network(interventions=shocks), **world)
        assert [e.contests for e in of(Intervened, whole)] == [0, 0, 1, 3]
        assert comparable(cut) == comparable(whole)

    def test_two_shocks_of_one_slot_reach_members_of_lots_of_their_own(self, tmp_path):
        """Half of 400 each: about a quarter is moved twice, and a quarter not at all."""
        shock = {"kind": "shock", "slot": 0, "shift": 0.25, "share": 0.5}
        settings = network(interventions=[shock, shock])
        model, _ = hold(tmp_path / "r", settings, voters=people(400), ties=[], contests=1, say=always())
        moved = np.bincount(model.platform.opinions[0] * 4 // UNIT, minlength=3)
        assert 70 < moved[0] < 130 and 160 < moved[1] < 240 and 70 < moved[2] < 130

    def test_two_fact_checks_look_at_messages_of_lots_of_their_own(self, tmp_path):
        """Half of 60 messages each, all of which misbehave: the second finds some that the first left."""
        checks = [{"kind": "fact_check", "share": 0.5, "round": round_} for round_ in (0, 1)]
        _, events = hold(
            tmp_path / "r", network(interventions=checks), voters=people(2), ties=[], contests=30, say=always("Best."),
            checkers=[Finds("Best")],
        )  # fmt: skip
        found = [0, 0]
        for label in of(MessagesLabelled, events):
            found[label.round] += len(unpack(label.items, Int16s))
        assert 20 < found[0] < 40 and 5 < found[1] < 25

    def test_slots_are_those_of_its_phase(self, tmp_path):
        """What names slot 3 of four who train plays no part where two meet."""
        ban = {"kind": "ban", "slot": 3, "phase": "evaluate"}
        _, events = hold(tmp_path / "r", network(interventions=[ban]), voters=people(3), ties=[], say=always())
        assert not of(Intervened, events)

    @pytest.mark.parametrize(
        ("intervention", "message"),
        [
            ({"kind": "ban", "slot": 2}, "no competitor in slot 2"),
            ({"kind": "rule", "ranker": "magic"}, "unknown ranker 'magic'"),
            ({"kind": "fact_check", "probes": ["nonsense"]}, "no probe 'nonsense'"),
            ({"kind": "fact_check"}, "no probe to check facts with"),
        ],
    )
    def test_what_is_not_there_is_named(self, tmp_path, intervention, message):
        """Before anything is written."""
        with pytest.raises(InputError, match=message):
            hold(tmp_path / "r", network(interventions=[intervention]), voters=people(3), ties=[])


class TestViews:
    """Mesa's and networkx' views of it."""

    def test_members_and_ties_can_be_looked_at(self, tmp_path):
        """Ties as a networkx graph, with competitors as nodes whom members follow; members as agents at their nodes."""
        model, _ = hold(tmp_path / "r", network(), voters=people(6), ties=LINE, contests=1, say=always())
        graph = model.graph()
        assert isinstance(graph, nx.DiGraph) and set(graph.subgraph(range(6)).edges) == set(LINE)
        assert dict(graph.nodes(data="competitor"))[-3] == "w1" and set(graph.predecessors(-3)) == set(range(6))
        assert {member.reactions for member in model.members} == {1}

    def test_an_audience_that_cannot_read_is_refused(self, tmp_path):
        """With what it lacks."""
        with pytest.raises(InputError, match="cannot read in a networked world"):
            hold(tmp_path / "r", network(), voters=people(3), ties=[], people_are=Ignorant())

    def test_an_event_without_its_platform_is_corrupt(self):
        """A fold of half a log says so."""
        with pytest.raises(CorruptLog, match="never opened"):
            apply(State(), FeedOpened(messages=[], topics=b""))

    def test_messages_are_those_that_were_published(self, tmp_path):
        """What is in the feeds are the contests' published messages."""
        _, events = hold(tmp_path / "r", network(), voters=people(3), ties=[])
        in_feeds = [message for event in of(FeedOpened, events) for message in event.messages]
        assert in_feeds == [event.message for event in of(MessagePublished, events)]
