"""One step of a model: decide, append, apply; contests go as the arena says."""

from __future__ import annotations

import numpy as np
import pytest

from abm.arenas import arena
from abm.arenas.anchors import make_anchor
from abm.audience import Reactions, Voters, audience
from abm.events import (
    ContestDecided,
    ContestOpened,
    MessagePublished,
    MessageRejected,
    PersonasJoined,
    Reacted,
    StepEnded,
)
from abm.journal import LiveJournal, replay
from abm.llm import Sampling, ScriptedLLM
from abm.log import create, read_events
from abm.state.state import fold
from abm.worlds.agents import NamedPolicy
from abm.worlds.isolated import IsolatedModel
from abm.worlds.model import Society, Stage
from moloch.errors import CorruptLog
from populations import TRAITS

SALES = arena("sales")
ANCHORS = [make_anchor(SALES.anchor, {"title": f"Lamp {i}", "description": f"A lamp, the {i}th."}) for i in range(5)]


class Slots:
    """An audience that votes by a rule on (member row, texts)."""

    def __init__(self, rule):
        self.rule, self.seen = rule, []

    def react(self, texts, shown, voters, key):
        self.seen += texts
        choices = np.array([self.rule(row, texts) for row in range(len(voters.ids))], dtype=np.int16)
        return Reactions(choices, ["because"] * len(choices))


def say(text):
    """Return a well-formed completion."""
    return f"<think>plan</think><sales_pitch>{text}</sales_pitch>"


def hold(tmp_path, answer, people, *, k=4, ties="skip", batch=2, writers=("a", "b"), llm=None):
    """Hold a contest about every anchor and return the model and the events."""
    log = create(tmp_path / "run", {})
    journal = LiveJournal(log)
    names = [f"p{i}" for i in range(k)]
    with journal.transaction():
        journal.emit(PersonasJoined(split="train", first=0, ids=names, names=names, texts=names, traits={}))
    society = Society(
        arena=SALES,
        audience=people,
        llm=llm or ScriptedLLM(answer),
        sampling=Sampling(),
        seed=1,
        ties=ties,
        batch=batch,
    )
    voters = Voters(np.arange(k), names, TRAITS, np.zeros((k, len(TRAITS)), dtype=np.float32))
    stage = Stage(ANCHORS, [NamedPolicy(name) for name in writers], voters, "train", 1, "shared")
    model = IsolatedModel(society, journal, stage)
    while model.running:
        model.step()
    log.close()
    return model, list(read_events(tmp_path / "run"))


def of(kind, events):
    """Return the events of one kind."""
    return [event for event in events if isinstance(event, kind)]


class TestContest:
    """A contest: messages, own orders, votes, a decision."""

    def test_everybody_reacts_once_to_every_contest(self, tmp_path):
        """k members, m contests: k * m reactions, each with a whole order and a thought."""
        _, events = hold(tmp_path, lambda r: say(r.site), audience("default"))
        reactions = of(Reacted, events)
        assert len(reactions) == 4 * len(ANCHORS)
        assert len({(r.contest, r.persona) for r in reactions}) == len(reactions)
        assert all(sorted(r.order) == [0, 1] and r.thought and r.choice in (0, 1) for r in reactions)
        assert len({tuple(r.order) for r in reactions}) == 2

    def test_votes_add_up_and_the_majority_wins(self, tmp_path):
        """Three of four members prefer slot 1."""
        _, events = hold(tmp_path, lambda r: say(r.site), Slots(lambda row, texts: int(row > 0)))
        assert {(tuple(d.votes), d.outcome, d.winner) for d in of(ContestDecided, events)} == {((1, 3), "majority", 1)}

    @pytest.mark.parametrize(("ties", "winners"), [("skip", {-1}), ("random", {0, 1})])
    def test_ties_go_by_the_declared_policy(self, tmp_path, ties, winners):
        """A tie is called a tie, whatever it decides, and the event says which policy decided."""
        _, events = hold(tmp_path, lambda r: say(r.site), Slots(lambda row, texts: row % 2), ties=ties)
        decided = of(ContestDecided, events)
        assert all(d.outcome == "tie" and d.ties == ties for d in decided)
        assert {d.winner for d in decided} == winners

    def test_abstentions_are_counted(self, tmp_path):
        """Nobody votes: the contest is void."""
        _, events = hold(tmp_path, lambda r: say(r.site), Slots(lambda row, texts: -1))
        assert {(d.abstained, d.outcome, d.winner) for d in of(ContestDecided, events)} == {(4, "void", -1)}

    def test_more_than_two_may_compete(self, tmp_path):
        """Three writers, three slots."""
        _, events = hold(tmp_path, lambda r: say(r.site), Slots(lambda row, texts: 2), writers=("a", "b", "c"))
        assert {tuple(d.votes) for d in of(ContestDecided, events)} == {(0, 0, 4)}
        assert all(sorted(r.order) == [0, 1, 2] for r in of(Reacted, events))


class TestInvalidMessages:
    """What does not parse never reaches the audience and counts against its author."""

    def test_a_message_that_does_not_parse_is_not_shown(self, tmp_path):
        """Its rival wins by forfeit, without a vote; nobody reads the text "None"."""
        people = Slots(lambda row, texts: 0)
        _, events = hold(tmp_path, lambda r: say("fine") if r.site.endswith("/a/0") else "None", people)
        assert people.seen == [] and not of(Reacted, events)
        assert {(d.outcome, d.winner) for d in of(ContestDecided, events)} == {("forfeit", 0)}
        assert {(m.competitor, m.reason) for m in of(MessageRejected, events)} == {("b", "no <sales_pitch>")}

    def test_two_that_do_not_parse_make_a_void_contest(self, tmp_path):
        """Nobody wins, and nothing is learnt from it."""
        _, events = hold(tmp_path, lambda r: "", Slots(lambda row, texts: 0))
        assert {(d.outcome, d.winner) for d in of(ContestDecided, events)} == {("void", -1)}
        assert {tuple(o.messages) for o in of(ContestOpened, events)} == {()}

    def test_with_three_writers_the_other_two_still_compete(self, tmp_path):
        """Votes land in the slots of those who wrote."""
        _, events = hold(
            tmp_path,
            lambda r: "" if "/b/1" in r.site else say(r.site),
            Slots(lambda row, texts: 1),
            writers=("a", "b", "c"),
        )
        assert {tuple(d.votes) for d in of(ContestDecided, events)} == {(0, 0, 4)}
        assert all(sorted(r.order) == [0, 2] for r in of(Reacted, events))


class TestLog:
    """Everything is an event; state is their fold."""

    def test_replay_gives_every_recorded_state(self, tmp_path):
        """Live and replay share ``apply``; the final states are equal."""
        model, events = hold(tmp_path, lambda r: say(r.site), audience("default"))
        assert fold(events).hash() == model.state.hash()
        assert replay(tmp_path / "run", verify=True).steps == 3

    def test_a_changed_vote_is_noticed(self, tmp_path):
        """An event that contradicts the others stops the fold."""
        import msgspec

        _, events = hold(tmp_path, lambda r: say(r.site), audience("default"))
        at = next(i for i, e in enumerate(events) if isinstance(e, Reacted))
        events[at] = msgspec.structs.replace(events[at], choice=1 - events[at].choice)
        with pytest.raises(CorruptLog, match="votes do not add up"):
            fold(events)

    def test_causes_lead_back_to_the_answer(self, tmp_path):
        """A reaction comes from its contest, a message from its answer."""
        _, events = hold(tmp_path, lambda r: say(r.site), audience("default"))
        by_seq = {e.seq: type(e).__name__ for e in events}
        assert {by_seq[e.cause] for e in of(Reacted, events)} == {"ContestOpened"}
        assert {by_seq[e.cause] for e in of(MessagePublished, events)} == {"LLMReplied"}
        assert all(e.cause < e.seq for e in events)

    def test_batches_do_not_change_what_members_choose(self, tmp_path):
        """Randomness is keyed by who and where: another batch size holds the same contests."""
        choices = []
        for batch in (1, 5):
            _, events = hold(tmp_path / str(batch), lambda r: say(r.site), audience("default"), batch=batch)
            choices.append({(e.contest, e.persona): (e.order, e.choice, e.thought) for e in of(Reacted, events)})
        assert choices[0] == choices[1]
        assert len(of(StepEnded, events)) == 1


class TestMesa:
    """It is a Mesa model."""

    def test_agents_and_space_are_mesas(self, tmp_path):
        """Competitors and members are agents; each member stands at its node and is a view of the state."""
        model, _ = hold(tmp_path, lambda r: say(r.site), audience("default"))
        assert len(model.agents) == 2 + 4 and len(model.members) == 4
        assert [member.cell.coordinate for member in model.members] == [0, 1, 2, 3]
        assert {member.reactions for member in model.members} == {len(ANCHORS)}
        assert set(model.members[0].traits) == set(TRAITS)
        assert model.steps == 3
