"""Members and competitors as Mesa agents: what a step of theirs is, and what a user's own class may decide."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np
import pytest
from mesa.datacollection import DataCollector

from abm.arenas import arena
from abm.arenas.anchors import make_anchor
from abm.arenas.completions import Completion
from abm.audience import AskedAudience, Voters, audience
from abm.events import ContestDecided, LLMReplied, MessagePublished, PersonasJoined, Reacted, ReactedMany, StepStarted
from abm.journal import LiveJournal, replay
from abm.llm import Sampling, ScriptedLLM
from abm.log import create, open_log, read_events
from abm.reactions import members as personas_of
from abm.views.replay_model import ReplayModel
from abm.worlds import COMPETITORS, MEMBERS, Competitor, IsolatedModel, Member, NamedPolicy, Society, Stage
from abm.worlds.networked.settings import NetworkConfig
from abm.worlds.networked.world import NetworkedModel
from abm.worlds.roles import roles
from moloch.errors import InputError, MolochError
from populations import TRAITS
from tests.abm.networked import world
from tests.abm.test_model import of, say

SALES = arena("sales")
ANCHORS = [make_anchor(SALES.anchor, {"title": f"Lamp {i}", "description": f"A lamp, the {i}th."}) for i in range(4)]
NETWORK = NetworkConfig(rounds=3, polls=(1,), purchases=2, followers=0.7)


class Last(Member):
    """Chooses what stood last, whatever it says."""

    def react(self, offer):
        return offer.order(self)[-1]

    def explain(self, offer, choice):
        return f"{choice} stood last of {len(offer.texts)}"


class Contrary(Member):
    """Chooses what the audience would not."""

    consults = True

    def react(self, offer):
        usual = super().react(offer)
        return usual if usual < 0 else next((each for each in offer.order(self) if each != usual), -1)


class Fickle(Member):
    """Chooses at random, as Mesa's agents do."""

    def react(self, offer):
        return self.random.choice(offer.order(self)) if self.rng.random() < 0.8 else -1


class Broken(Member):
    """Fails."""

    def react(self, offer):
        raise ValueError("no idea")


class Nowhere(Member):
    """Chooses what is not there."""

    def react(self, offer):
        return 7


class Named(Member):
    """Reacts as usual, with an attribute of its own."""

    colour = "red"


class Template(Competitor):
    """Writes without a model in its second slot."""

    def write(self, assignment):
        if self.slot == 0:
            return super().write(assignment)
        return Completion("", f"Buy it: {assignment.anchor.text[:10]}")


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Register the classes above for one test."""
    monkeypatch.setattr(MEMBERS, "_added", {})
    monkeypatch.setattr(COMPETITORS, "_added", {})
    for kind in (Last, Contrary, Fickle, Broken, Nowhere, Named):
        MEMBERS.add(kind.__name__.lower(), kind)
    COMPETITORS.add("template", Template)


class OneByOne(IsolatedModel):
    """Asks every member by Mesa's means."""

    def ask(self, offer):
        self.agents.select(agent_type=Member).do("step")


class OneByOneThere(NetworkedModel):
    """Asks every member who saw something by its agent."""

    def ask(self, offer):
        for row in offer.rows.tolist():
            self.member(row).step()


def people(k: int) -> Voters:
    traits = np.random.default_rng(1).uniform(-1, 1, (k, len(TRAITS))).astype(np.float32)
    return Voters(np.arange(k), [f"p{i}" for i in range(k)], TRAITS, traits)


def isolated(folder, *, kind=IsolatedModel, k=40, steps=99, asks=None, **society) -> IsolatedModel:
    """Hold contests before k members, for so many steps; the same call goes on with them."""
    log = open_log(folder, write=True) if folder.exists() else create(folder, {})
    journal, voters = LiveJournal(log), people(k)
    names = list(voters.names)
    with journal.transaction():
        journal.emit(PersonasJoined(split="train", first=0, ids=names, names=names, texts=names, traits={}))
    settings = {
        "arena": SALES,
        "audience": audience("default"),
        "llm": ScriptedLLM(asks or (lambda request: say(f"{request.site} is good!"))),
        "sampling": Sampling(),
        "seed": 1,
        "batch": 2,
    }
    stage = Stage(ANCHORS, [NamedPolicy("a"), NamedPolicy("b")], voters, "train", 1, "shared")
    model = kind(Society(**settings | society), journal, stage)
    while model.running and model.done < 2 * steps:
        model.step()
    log.close()
    return model


def networked(folder, *, kind=NetworkedModel, shares=(), steps=None, after_step=lambda model: None):
    """Hold contests in a small networked world, whose society has own members."""
    log = open_log(folder, write=True) if folder.exists() else create(folder, {})
    journal, voters = LiveJournal(log), world.people(60)
    names = list(voters.names)
    with journal.transaction():
        journal.emit(PersonasJoined(split="train", first=0, ids=names, names=names, texts=names, traits={}))
    society = Society(
        arena=world.SALES,
        audience=audience("default"),
        llm=ScriptedLLM(world.write),
        sampling=Sampling(),
        seed=1,
        batch=2,
        members=dict(shares),
    )
    stage = Stage(world.anchors(4), [NamedPolicy("a"), NamedPolicy("b")], voters, "train", 1, "shared")
    model = kind(society, journal, stage, NETWORK)
    while model.running and steps != 0:
        model.step()
        after_step(model)
        steps = steps and steps - 1
    log.close()
    return model


def decisions(folder):
    """Return a log's events without their times and numbers."""
    return [msgspec.structs.replace(event, at=0.0) for event in read_events(folder)]


class TestStep:
    """A member's step is its reaction to the contest that is open."""

    @pytest.mark.parametrize("bulk", [5_000, 10])
    def test_asking_each_is_asking_all(self, tmp_path, bulk):
        """Every member asked by ``AgentSet.do("step")``: the log of the one call."""
        isolated(tmp_path / "call", bulk=bulk)
        model = isolated(tmp_path / "agents", kind=OneByOne, bulk=bulk)
        assert decisions(tmp_path / "agents") == decisions(tmp_path / "call")
        assert len(model.agents.select(agent_type=Member)) == 40

    def test_asking_each_is_asking_all_in_a_network(self, tmp_path):
        """Polls and purchases, each member among what it saw."""
        networked(tmp_path / "call")
        networked(tmp_path / "agents", kind=OneByOneThere)
        assert decisions(tmp_path / "agents") == decisions(tmp_path / "call")
        assert of(Reacted, read_events(tmp_path / "call"))

    def test_without_a_contest_it_is_an_error(self, tmp_path):
        """Live or replayed, for members and competitors: nothing happens in silence."""
        model = isolated(tmp_path / "run")
        for agents in (model.agents, ReplayModel(tmp_path / "run").agents, model.agents.select(agent_type=Competitor)):
            with pytest.raises(MolochError, match=r"no contest is open.*Call model.step"):
                agents.do("step")
        assert replay(tmp_path / "run", verify=True).steps == 2


class TestOwnClass:
    """A user's own members decide as they like; the others as before."""

    def test_a_share_of_the_members_is_of_it(self, tmp_path):
        """They choose by their own rule and say why; everybody else chooses and thinks as without them."""
        isolated(tmp_path / "without")
        model = isolated(tmp_path / "with", members={"last": 0.3})
        own = {member.index for member in model.members if isinstance(member, Last)}
        assert 0 < len(own) < 25 and own == set(model.own_members)
        without = {(e.contest, e.persona): e for e in of(Reacted, read_events(tmp_path / "without"))}
        reactions = of(Reacted, read_events(tmp_path / "with"))
        assert len(reactions) == len(without)
        for event in reactions:
            usual = without[event.contest, event.persona]
            if event.persona in own:
                assert event.choice == event.order[-1] and event.thought.endswith("stood last of 2")
            else:
                assert (event.order, event.choice, event.thought) == (usual.order, usual.choice, usual.thought)
        assert replay(tmp_path / "with", verify=True).steps == 2

    def test_in_a_crowd_they_are_columns_too(self, tmp_path):
        """One event for the crowd, a few with thoughts; the own rule holds in both."""
        model = isolated(tmp_path / "run", k=300, bulk=100, members={"last": 0.5})
        own, checked = set(model.own_members), 0
        for event in read_events(tmp_path / "run"):
            if isinstance(event, ReactedMany):
                orders = np.frombuffer(event.orders, np.int8).reshape(-1, 2)
                choices = np.frombuffer(event.choices, np.int8)
                rows = np.isin(personas_of(event), list(own))
                assert (choices[rows] == orders[rows, -1]).all()
                checked += int(rows.sum())
            elif isinstance(event, Reacted) and event.persona in own:
                assert event.choice == event.order[-1] and "stood last" in event.thought
                checked += 1
        assert checked == len(own) * len(ANCHORS)

    def test_in_a_network_they_choose_among_what_they_saw(self, tmp_path):
        """At polls and purchases, in the order of their own feeds."""
        model = networked(tmp_path / "run", shares={"last": 0.5})
        own = set(model.own_members)
        mine = [event for event in of(Reacted, read_events(tmp_path / "run")) if event.persona in own]
        assert mine and all(event.choice == event.order[-1] for event in mine)
        assert {len(event.order) for event in mine} == {1, 2}
        assert all("stood last" in event.thought for event in mine if len(event.order) == 2)
        assert replay(tmp_path / "run", verify=True).steps == 2

    def test_the_audience_can_be_heard_first(self, tmp_path):
        """``super().react()`` is what the member would have chosen."""
        isolated(tmp_path / "without")
        isolated(tmp_path / "with", members={"contrary": 1.0})
        pairs = zip(
            of(Reacted, read_events(tmp_path / "without")), of(Reacted, read_events(tmp_path / "with")), strict=True
        )
        assert all(after.choice == 1 - before.choice for before, after in pairs)

    def test_only_those_who_decide_are_asked_one_by_one(self, tmp_path, monkeypatch):
        """A class that overrides nothing costs nothing: it is in the one call, and its agents are of that class."""
        monkeypatch.setattr(Member, "react", lambda self, offer: pytest.fail("a usual member was asked by its agent"))
        model = isolated(tmp_path / "run", members={"named": 0.5, "last": 0.2})
        assert {type(member) for member in model.own_members.values()} == {Last}
        assert {type(member) for member in model.members} == {Member, Named, Last}
        assert len(model.agents_by_type[Named]) > 10

    def test_a_member_keeps_its_class(self):
        """By persona and seed, independent of who else there is; shares come out as asked."""
        ids = np.arange(20_000)
        drawn = roles(ids, {"a": 0.1, "b": 0.3}, seed=3)
        assert np.bincount(drawn + 1) / len(ids) == pytest.approx([0.6, 0.1, 0.3], abs=0.01)
        assert (roles(ids[5_000:5_100], {"a": 0.1, "b": 0.3}, seed=3) == drawn[5_000:5_100]).all()
        assert (roles(ids, {"a": 0.1, "b": 0.3}, seed=4) != drawn).any()

    @pytest.mark.parametrize("hold", [isolated, networked])
    def test_mesas_random_numbers_survive_a_resume(self, tmp_path, hold):
        """``self.random`` and ``self.rng`` are seeded by the contest: a cut run goes on as one that was not."""
        own = {"members": {"fickle": 0.6}} if hold is isolated else {"shares": {"fickle": 0.6}}
        hold(tmp_path / "whole", **own)
        hold(tmp_path / "cut", steps=1, **own)
        assert len(decisions(tmp_path / "cut")) < len(decisions(tmp_path / "whole"))
        hold(tmp_path / "cut", **own)
        assert decisions(tmp_path / "cut") == decisions(tmp_path / "whole")

    def test_a_language_model_is_not_asked_about_them(self, tmp_path):
        """Calls are saved, unless the class says that it consults the audience."""

        def answer(request):
            return say(request.site) if request.site.startswith("write") else "<think>Hm.</think><choice>A</choice>"

        llm, voters = ScriptedLLM(answer), people(40)
        asked = AskedAudience(llm, SALES, {i: (f"p{i}", f"I am p{i}.") for i in range(40)}, Sampling(), 1)
        model = isolated(tmp_path / "alone", audience=asked, asks=answer, members={"last": 0.3})
        sites = [e.site for e in of(LLMReplied, read_events(tmp_path / "alone")) if e.site.startswith("react")]
        assert len(sites) == (len(voters.ids) - len(model.own_members)) * len(ANCHORS) < 40 * len(ANCHORS)
        isolated(tmp_path / "both", audience=asked, asks=answer, members={"contrary": 0.3})
        events = list(read_events(tmp_path / "both"))
        assert len([e for e in of(LLMReplied, events) if e.site.startswith("react")]) == 40 * len(ANCHORS)
        assert {e.order.index(e.choice) for e in of(Reacted, events)} == {0, 1}

    def test_consulting_unasked_is_said(self, tmp_path, monkeypatch):
        """The error says how a class declares it."""
        monkeypatch.setattr(Contrary, "consults", False)
        asked = AskedAudience(
            ScriptedLLM(lambda r: "<choice>A</choice>"), SALES, dict.fromkeys(range(40), ("p", "I.")), Sampling(), 1
        )
        with pytest.raises(InputError, match="Set consults = True"):
            isolated(
                tmp_path / "run", audience=asked, members={"contrary": 1.0}, asks=lambda r: say("x") if "write" in r.site else "A"
            )  # fmt: skip


class TestMistakes:
    """A user's own class that fails is one clear error, and nothing of its step is logged."""

    def test_what_failed_and_where(self, tmp_path):
        with pytest.raises(MolochError, match=r"test_members\.py:\d+: Broken.react failed: ValueError: no idea"):
            isolated(tmp_path / "run", members={"broken": 0.2})
        assert not of(ContestDecided, read_events(tmp_path / "run"))

    def test_an_answer_that_is_no_option(self, tmp_path):
        with pytest.raises(MolochError, match=r"member \d+ chose 7: the options that it saw are [01], [01]"):
            isolated(tmp_path / "run", members={"nowhere": 0.2})

    @pytest.mark.parametrize("wrong", [0.5, None, "0"])
    def test_an_answer_of_another_type(self, tmp_path, monkeypatch, wrong):
        monkeypatch.setattr(Nowhere, "react", lambda self, offer: wrong)
        with pytest.raises(MolochError, match=r"member \d+ chose"):
            isolated(tmp_path / "run", members={"nowhere": 0.2})

    def test_a_class_that_is_not_there(self, tmp_path):
        with pytest.raises(InputError, match=r"unknown member 'lost'.*Did you mean 'last'"):
            isolated(tmp_path / "run", members={"lost": 0.2})

    def test_a_part_that_is_no_class_of_members(self, tmp_path):
        MEMBERS.add("wrong", Competitor)  # pyright: ignore[reportArgumentType]
        with pytest.raises(InputError, match="'wrong' is not a member class"):
            isolated(tmp_path / "run", members={"wrong": 0.2})


class TestCompetitors:
    """A user's own competitor writes otherwise, with the model or without."""

    def test_it_may_write_without_a_model(self, tmp_path):
        """The step's start is then the cause of its messages; a model is asked for the rest only."""
        isolated(tmp_path / "run", competitor="template")
        events = list(read_events(tmp_path / "run"))
        by_seq = {event.seq: event for event in events}
        for event in of(MessagePublished, events):
            assert isinstance(by_seq[event.cause], StepStarted if event.slot else LLMReplied)
            assert event.text.startswith("Buy it: ") == bool(event.slot)
        assert len(of(LLMReplied, events)) == len(ANCHORS)
        assert replay(tmp_path / "run", verify=True).steps == 2

    def test_what_it_writes_is_read_as_strictly(self, tmp_path, monkeypatch):
        """A text with tags of its own is rejected, as a model's would be."""
        monkeypatch.setattr(Template, "write", lambda self, assignment: Completion("", "<b>Buy</b>"))
        isolated(tmp_path / "run", competitor="template")
        assert not of(MessagePublished, read_events(tmp_path / "run"))

    def test_a_writer_may_name_its_class(self, tmp_path):
        """Beside others who write by their policy."""
        model = isolated(tmp_path / "run")
        stage = msgspec.structs.replace(model.stage, writers=[NamedPolicy("a"), NamedPolicy("house", kind="template")])
        mixed = IsolatedModel(model.society, model.journal, stage)
        assert [type(each) for each in mixed.competitors] == [Competitor, Template]


class TestMesaSets:
    """Mesa's sets of agents and its collector work on a live model and on a replay."""

    def test_select_and_agg(self, tmp_path):
        """Over what the state says of each member."""
        model = isolated(tmp_path / "run")
        again = ReplayModel(tmp_path / "run")
        while again.running:
            again.step()
        for each in (model, again):
            everybody = each.agents.select(agent_type=Member)
            assert everybody.agg("reactions", sum) == 40 * len(ANCHORS)
            third = everybody.select(lambda member: member.index % 3 == 0)
            assert len(third) == 14
            assert {agent.name for agent in each.agents if isinstance(agent, Competitor)} == {"a", "b"}

    def test_agent_reporters_of_a_live_model(self, tmp_path):
        """A user's own collector has a row per agent and step."""
        collector = DataCollector(agenttype_reporters={Member: {"reactions": "reactions", "opinions": "opinions"}})
        model = networked(tmp_path / "run", after_step=collector.collect)
        rows = collector.get_agenttype_vars_dataframe(Member)
        assert len(rows) == 60 * model.steps
        assert rows.reactions.groupby("Step").sum().is_monotonic_increasing and rows.reactions.sum() > 0
        assert {len(opinions) for opinions in rows.opinions} == {2}

    def test_agent_reporters_of_a_replay(self, tmp_path):
        """A subclass names them; what agents report stands beside the model's row of the same step."""

        class Watched(ReplayModel):
            agent_reporters: ClassVar = {"reactions": "reactions"}

        isolated(tmp_path / "run")
        model = Watched(tmp_path / "run")
        while model.running:
            model.step()
        rows = model.datacollector.get_agent_vars_dataframe()
        assert rows.reactions.dropna().groupby("Step").sum().tolist() == [80, 160]
        assert sorted(model.datacollector._agent_records) == [0, 1]

    def test_the_live_space_is_the_audience_graph(self, tmp_path):
        """A connection per tie that stands in the log; every member in its cell."""
        model, _ = world.hold(tmp_path / "ties", NETWORK, voters=world.people(20), ties=world.random_ties(20, 0.2))
        assert model.ties.ties()[0].size > 0
        neighbours = {tuple(sorted(pair)) for pair in zip(*(each.tolist() for each in model.ties.ties()), strict=True)}
        edges = {
            tuple(sorted((cell.coordinate, other.coordinate)))
            for cell in model.space.all_cells.cells
            for other in cell.connections.values()
        }
        assert edges == neighbours
        assert all(member.cell.coordinate == member.row for member in model.members)
