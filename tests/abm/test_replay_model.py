"""What a replayed run promises as a Mesa model: the log's own states, step by step, with Mesa's controls."""

from __future__ import annotations

import math

import mesa
import msgspec
import numpy as np
import pytest

from abm.audience import audience
from abm.events import (
    ContestDecided,
    MessagePublished,
    Reacted,
    ReactedMany,
    RunEnded,
    StepEnded,
    StepStarted,
)
from abm.llm import ScriptedLLM
from abm.log import create, open_log, read_events
from abm.reactions import each
from abm.state.snapshots import state_at
from abm.state.state import Tally
from abm.views.replay_model import ReplayModel
from abm.worlds import peopled
from abm.worlds.agents import Competitor, Member
from analysis import win_rate
from analysis.readings.spreads import spreads
from analysis.tables.evaluation import invalid_rate
from learning import fork
from media_graph import from_csr, layout
from moloch.errors import CorruptLog, InputError, LogError
from tests.abm.test_model import hold, say
from tests.learning.test_loop import CONFIG, NETWORKED, carry_out
from tests.support.fakes import answer

CROWD = NETWORKED.model_copy(update={"crowd": NETWORKED.crowd.model_copy(update={"size": 6_000})})
ASKED = CONFIG.model_copy(update={"audience": "llm", "epochs": 1, "arms": ("rft",)})


def said(request) -> str:
    """Return a message, or what a reader answers: some name no option, even when they are asked again."""
    if request.site.startswith("write"):
        return answer(request)
    return "<think>Hm.</think><choice>A</choice>" if request.seed % 3 else "Neither, thank you."


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of both worlds, with a crowd, with asked readers, a fork, and a fork of it."""
    folder = tmp_path_factory.mktemp("runs")
    for name, config in {"isolated": CONFIG, "networked": NETWORKED, "crowd": CROWD, "asked": ASKED}.items():
        carry_out(folder / name, config, llm=ScriptedLLM(said))
    for name, parent, at in (("fork", "isolated", 3), ("again", "fork", 5)):
        config, _ = fork(folder / parent, at, ["audience=neutral" if name == "fork" else "ties=random"], folder / name)
        carry_out(folder / name, config)
    return folder


def replayed(run, **options) -> ReplayModel:
    """Return a model of a run, stepped to its end."""
    model = ReplayModel(run, **options)
    while model.running:
        model.step()
    return model


def ends(run) -> list[int]:
    """Return the ``seq`` after each step."""
    return [event.seq + 1 for event in read_events(run) if isinstance(event, StepEnded)]


class TestStepping:
    """One call, one step of the log."""

    @pytest.mark.system
    @pytest.mark.parametrize("name", ["isolated", "networked", "crowd", "asked", "fork", "again"])
    def test_every_state_is_the_logs_own(self, runs, name):
        """After each step the state has the hash that folding the log to there gives."""
        model, run = ReplayModel(runs / name), runs / name
        assert isinstance(model, mesa.Model) and model.steps == 0
        events = list(read_events(run))
        starts = [event.seq for event in events if isinstance(event, StepStarted)]
        for step, before in enumerate([*starts[1:], len(events)], start=1):
            assert model.running
            model.step()
            assert (model.steps, model.time, model.waiting) == (step, step, False)
            assert model.state.hash() == state_at(run, before).hash()
        assert not model.running

    @pytest.mark.parametrize("name", ["isolated", "networked", "again"])
    def test_nothing_is_left_out_or_read_twice(self, runs, name):
        """What was before the first step and in each step is, together, the log."""
        model = ReplayModel(runs / name)
        seen = list(model.setting)
        while model.running:
            model.step()
            assert sum(isinstance(event, StepEnded) for event in model.events) == 1
            seen += model.events
        assert seen == list(read_events(runs / name))

    def test_at_the_end_nothing_happens_and_it_says_so(self, runs):
        """A further call changes neither state nor measures, and does not wait."""
        model = replayed(runs / "isolated")
        steps, state, rows = model.steps, model.state.hash(), len(model.datacollector.model_vars["votes"])
        model.step()
        assert (model.steps, model.state.hash()) == (steps, state) and model.waiting and not model.running
        assert len(model.datacollector.model_vars["votes"]) == rows
        assert "no further complete step" in model.status

    def test_a_new_model_begins_anew(self, runs):
        """Reset, as SolaraViz does it: the same class with the same parameters, the same rows in the end."""
        first = replayed(runs / "networked", follow=False)
        again = type(first)(run=str(runs / "networked"), follow=False)
        assert again.steps == 0 and again.running
        while again.running:
            again.step()
        before, after = (m.datacollector.get_model_vars_dataframe() for m in (first, again))
        assert before.equals(after)

    def test_reading_leaves_the_folder_alone(self, runs):
        """No lock, no file, no changed byte; a writer may hold the run meanwhile."""
        run = runs / "isolated"
        with open_log(run, write=True):
            before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
            replayed(run)
            assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


class TestGrowing:
    """A run that is being written is followed, step by complete step."""

    @pytest.mark.parametrize("name", ["isolated", "networked"])
    def test_no_step_is_taken_before_it_is_complete(self, runs, name, tmp_path):
        """Between any two commits a call takes what is complete, and nothing else; in the end nothing is missing."""
        whole, ended = list(read_events(runs / name)), RunEnded(digest="", seconds=1.0)
        with create(tmp_path / "run", {}) as log:
            model = ReplayModel(tmp_path / "run", follow=True)
            done = 0
            for start in range(0, len(whole), 7):
                log.append(whole[start : start + 7])
                complete = sum(isinstance(event, StepEnded) for event in whole[: start + 7])
                for _ in range(2):
                    model.step()
                    done = min(complete, done + 1)
                    assert model.steps == done and model.running
            while done < len(ends(runs / name)):
                model.step()
                done += 1
            assert model.running and not model.ended
            log.append([ended])
            model.step()
        assert model.ended and not model.running and model.steps == done and "ended" in model.status
        rows = replayed(runs / name).datacollector.get_model_vars_dataframe()
        assert model.datacollector.get_model_vars_dataframe().equals(rows)

    def test_half_a_commit_is_waited_for(self, runs, tmp_path):
        """Bytes of a commit that is not whole are no step, and no error."""
        with create(tmp_path / "run", {}) as log:
            log.append(list(read_events(runs / "isolated"))[: ends(runs / "isolated")[0]])
        whole = list(read_events(tmp_path / "run"))
        segment = next((tmp_path / "run" / "log").iterdir())
        data = segment.read_bytes()
        segment.write_bytes(data[:-5])
        model = ReplayModel(tmp_path / "run", follow=True)
        model.step()
        assert model.steps == 0 and model.waiting and model.running and not model.setting
        segment.write_bytes(data)
        model.step()
        assert model.steps == 1 and model.setting + model.events == whole
        assert isinstance(model.events[0], StepStarted) and len(model.members) == CONFIG.train_personas

    def test_an_unfinished_log_ends_a_model_that_does_not_follow(self, runs, tmp_path):
        """``while model.running`` comes to an end where the log does; a call later takes what came since."""
        whole, stops = list(read_events(runs / "isolated")), ends(runs / "isolated")
        with create(tmp_path / "run", {}) as log:
            log.append(whole[: stops[1] + 3])
            model = replayed(tmp_path / "run")
            assert model.steps == 2
            log.append(whole[stops[1] + 3 :])
            model.step()
        assert model.steps == 3 and model.running


class TestAgents:
    """Competitors and members are thin views of the state."""

    def test_members_read_the_state(self, runs):
        """Each knows its name, traits, reactions and opinions, and follows the state from then on."""
        model = ReplayModel(runs / "networked")
        first = model.members[0]
        assert isinstance(first, Member) and first.reactions == 0 and first.opinions == ()
        assert (first.name, first.traits) == (model.voters.names[0], model.member(0).traits)
        model.step()
        assert model.members[0] is first
        platform = model.state.platform
        assert platform is not None
        for row, member in enumerate(model.members):
            assert member.reactions == model.state.reactions[member.index]
            assert member.opinions == tuple((platform.opinions[:, row] / 10_000).tolist())
        assert sum(member.reactions for member in model.members) > 0

    def test_competitors_are_those_who_wrote(self, runs):
        """With their adapters, and with what they did so far."""
        model = ReplayModel(runs / "isolated")
        assert model.competitors == []
        while model.running:
            model.step()
            wrote = {(e.slot, e.competitor, e.adapter) for e in model.events if isinstance(e, MessagePublished)}
            assert wrote <= {(c.slot, c.name, c.adapter) for c in model.competitors}
            for competitor in model.competitors:
                assert competitor.tally == model.state.tallies[f"{model.phase}/{competitor.name}"]
        assert {c.name for c in model.competitors} == {"base", "placebo"}

    def test_mesa_sees_each_of_them_once(self, runs):
        """However long it runs, and when others are evaluated than trained."""
        model = ReplayModel(runs / "isolated")
        sizes = {"train": CONFIG.train_personas, "evaluate": CONFIG.held_out_personas}
        while model.running:
            model.step()
            kinds = [type(agent) for agent in model.agents]
            assert kinds.count(Competitor) == 2 and kinds.count(Member) == len(kinds) - 2 == sizes[model.phase]
            assert {agent.index for agent in model.agents if isinstance(agent, Member)} == set(
                model.voters.ids.tolist()
            )

    def test_the_space_is_the_audience_graph(self, runs):
        """A cell per member, a connection per tie whichever way it runs, everybody in their cell, made when it is asked for."""
        model = ReplayModel(runs / "networked")
        graph = from_csr(model.ties).to_undirected()
        assert graph.number_of_edges() > 0 and len(model.agents) == len(graph)
        for row, member in enumerate(model.members):
            assert member.cell is model.space[row] and list(member.cell.agents) == [member]
            assert {cell.coordinate for cell in member.cell.connections.values()} == set(graph.neighbors(row))

    def test_mesas_own_view_draws_it(self, runs):
        """Everybody at the place that was computed once; the view computes none."""
        pytest.importorskip("matplotlib", reason="the ui extra is not installed")
        from matplotlib.collections import PathCollection
        from mesa.visualization.components import AgentPortrayalStyle
        from mesa.visualization.mpl_space_drawing import draw_space

        model = ReplayModel(runs / "networked")
        model.step()
        places = dict(enumerate(layout(model.ties)))
        axes = draw_space(
            model.space, lambda member: AgentPortrayalStyle(color="tab:blue"), layout_alg=lambda graph, **_: places
        )
        dots = [np.asarray(c.get_offsets()) for c in axes.collections if isinstance(c, PathCollection)]
        assert any(np.allclose(found, list(places.values())) for found in dots if len(found) == len(places))

    def test_a_crowd_gets_no_agents_unasked(self, runs, monkeypatch):
        """Beyond a grid's size only those are made that somebody looks at; beyond Mesa's, not all at once."""
        model = ReplayModel(runs / "crowd")
        assert list(model.agents) == [] and len(model.voters.ids) > peopled.GRID
        assert model.member(3).name == model.voters.names[3] and len(model.agents) == 1
        monkeypatch.setattr(peopled, "VIEWS", 100)
        with pytest.raises(InputError, match="too many"):
            _ = model.members

    @pytest.mark.parametrize("name", ["isolated", "networked", "crowd"])
    def test_choices_are_those_of_the_last_contest(self, runs, name):
        """One slot per member, -1 for those who chose nothing."""
        model = ReplayModel(runs / name)
        while model.running:
            model.step()
            last = [event for event in model.events if isinstance(event, ContestDecided)][-1]
            chose = dict.fromkeys(model.voters.ids.tolist(), -1)
            for event in model.events:
                reactions = each(event) if isinstance(event, ReactedMany) else [event]
                chose |= {
                    e.persona: e.choice for e in reactions if isinstance(e, Reacted) and e.contest == last.contest
                }
            assert model.choices.tolist() == list(chose.values())


class TestCollector:
    """Mesa's data collector says what analysis says."""

    @pytest.mark.parametrize("name", ["isolated", "fork"])
    def test_win_shares_add_up_to_win_rates(self, runs, name):
        """Votes over an arm's evaluation are its win rate, contests without a rival left out."""
        table = replayed(runs / name).datacollector.get_table_dataframe("competitors")
        for arm in CONFIG.arms:
            mine = table[(table.phase == "evaluate") & (table.arm == arm)]
            share = mine[mine.competitor == arm].votes.sum() / mine.votes.sum()
            assert share == pytest.approx(win_rate(read_events(runs / name), arm, forfeits="left out").value)

    def test_rows_are_steps(self, runs):
        """One for each, under its number in the log; the columns are the log's own counts."""
        model = replayed(runs / "isolated")
        rows = model.datacollector.get_model_vars_dataframe()
        assert list(rows.index) == list(range(model.steps))
        decided = [event for event in read_events(runs / "isolated") if isinstance(event, ContestDecided)]
        for step, row in rows.iterrows():
            of_step = [event for event in decided if event.step == step]
            assert (row.contests, row.votes) == (len(of_step), sum(sum(event.votes) for event in of_step))
            shares = [row[f"win share {name}"] for name in ("base", *CONFIG.arms)]
            known = [share for share in shares if not math.isnan(share)]
            assert (len(known), sum(known)) == ((2, pytest.approx(1)) if row.phase == "evaluate" else (0, 0))

    def test_the_table_adds_up_to_the_state(self, runs):
        """What each competitor did in each step is, together, what the state counts; misbehaviour is counted another way."""
        for name in ("isolated", "networked", "asked"):
            model = replayed(runs / name)
            table = model.datacollector.get_table_dataframe("competitors")
            counts = [name for name in Tally.__struct_fields__ if name != "misbehaved"]
            for (phase, competitor), rows in table.groupby(["phase", "competitor"]):
                tally = msgspec.structs.asdict(model.state.tallies[f"{phase}/{competitor}"])
                assert {count: rows[count].sum() for count in counts} == {count: tally[count] for count in counts}

    def test_exposures_are_views(self, runs):
        """In feeds: what members were served; without them: every option that somebody was shown."""
        rows = replayed(runs / "networked").datacollector.get_model_vars_dataframe()
        assert rows.exposures.sum() == sum(spread.seen for spread in spreads(read_events(runs / "networked"))) > 0
        rows = replayed(runs / "isolated").datacollector.get_model_vars_dataframe()
        shown = sum(len(event.order) for event in read_events(runs / "isolated") if isinstance(event, Reacted))
        assert rows.exposures.sum() == shown

    def test_answers_that_name_nothing_are_a_rate(self, runs):
        """The share that analysis gives, of all answers in evaluation."""
        rows = replayed(runs / "asked").datacollector.get_model_vars_dataframe()
        mine = rows[rows.phase == "evaluate"]
        rate = mine.invalid.sum() / (mine.votes + mine.abstained + mine.invalid).sum()
        assert rate == pytest.approx(invalid_rate(read_events(runs / "asked"))) and rate > 0
        assert (mine["invalid rate"] * (mine.votes + mine.abstained + mine.invalid) == mine.invalid).all()

    def test_opinions_are_means_over_members(self, runs):
        """Of each competitor, over its slots; nothing in an isolated world."""
        model = replayed(runs / "networked")
        rows = model.datacollector.get_model_vars_dataframe()
        assert model.state.platform is not None
        for slot, name in enumerate(("base", "rft")):
            mean = model.state.platform.opinions[slot].mean() / 10_000
            assert rows[f"opinion of {name}"].iloc[-1] == pytest.approx(mean)
        rows = replayed(runs / "isolated").datacollector.get_model_vars_dataframe()
        assert np.isnan(rows["opinion of base"].astype(float)).all()

    def test_a_log_without_names_is_collected_too(self, tmp_path):
        """Where a log does not say who competes, those who write in the first step are the columns."""
        hold(tmp_path, lambda request: say(request.site), audience("default"))
        model = replayed(tmp_path / "run")
        rows = model.datacollector.get_model_vars_dataframe()
        assert len(rows) == model.steps > 0
        assert (rows["win share a"] + rows["win share b"]).tolist() == pytest.approx([1.0] * model.steps)


class TestDamage:
    """What is wrong with a log is one clear error, where it is, and no step before it is lost."""

    def test_a_changed_byte(self, runs, tmp_path):
        """The steps before it go well; then the same error at every call, and the model stands still."""
        whole, stops = list(read_events(runs / "isolated")), ends(runs / "isolated")
        with create(tmp_path / "run", {}) as log:
            for start, stop in zip([0, *stops], stops, strict=False):
                log.append(whole[start:stop])
        segment = next((tmp_path / "run" / "log").iterdir())
        data = bytearray(segment.read_bytes())
        data[len(data) * 2 // 3] ^= 1
        segment.write_bytes(data)
        for follow in (False, True):
            model = ReplayModel(tmp_path / "run", follow=follow)
            with pytest.raises(CorruptLog) as first:
                while model.running:
                    model.step()
            assert 1 < model.steps < len(stops) and not model.running
            assert model.state.hash() == state_at(runs / "isolated", stops[model.steps - 1]).hash()
            with pytest.raises(CorruptLog, match=r"segment|commit|byte") as second:
                model.step()
            assert str(second.value) == str(first.value) and str(first.value) in model.status

    def test_an_event_that_contradicts_the_state(self, runs, tmp_path):
        """A vote that was changed under a whole chain is found where its step's votes are counted."""
        whole = list(read_events(runs / "isolated"))
        place = next(i for i, event in enumerate(whole) if isinstance(event, Reacted) and event.step == 1)
        whole[place] = msgspec.structs.replace(whole[place], choice=1 - whole[place].choice)
        with create(tmp_path / "run", {}) as log:
            log.append(whole)
        model = ReplayModel(tmp_path / "run")
        model.step()
        for _ in range(2):
            with pytest.raises(CorruptLog, match="votes do not add up"):
                model.step()
            assert not model.running and model.steps == 1

    def test_no_run(self, tmp_path):
        """A folder without a run is said to be none."""
        with pytest.raises(LogError, match="no run here"):
            ReplayModel(tmp_path)
