"""What a SolaraViz page reads out of a model, and when it draws it again."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytest.importorskip("solara", reason="the ui extra is not installed")

import ipyvuetify
import solara
from matplotlib.colors import to_rgb

from abm.events import ContestDecided, Engaged, FeedServed, MessageRejected, Reacted, VerdictGiven
from abm.views.replay_model import ReplayModel
from analysis.figures.palette import dark_of
from analysis.ui.data.places import stand
from analysis.ui.data.society import exposure
from analysis.ui.graph import DiffusionGraph
from analysis.ui.graph.palettes import HUES
from analysis.ui.solaraviz import Audience, Status, opinion_axis, share_axis, use_live
from analysis.ui.solaraviz.contest import step_contests
from analysis.ui.solaraviz.plots import NO_DATA, coloured, draw
from analysis.ui.solaraviz.reach import rounds_graph, step_cascades
from learning.runs.loop import Progress
from media_graph import build
from tests.learning.test_loop import CONFIG, NETWORKED, carry_out

LIMIT = 60
"""Seconds after which what should have happened is a failure."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each world."""
    folder = tmp_path_factory.mktemp("runs")
    carry_out(folder / "isolated", CONFIG)
    carry_out(folder / "networked", NETWORKED)
    return folder


class TestPlaces:
    """Members are drawn where they do not overlap."""

    @pytest.mark.system
    def test_without_ties_by_what_they_are_like(self, runs):
        """By rank of two traits, which are named; nobody lies on somebody, nobody outside of -1 .. 1."""
        voters = ReplayModel(runs / "isolated").voters
        traits = dict(zip(voters.trait_names, voters.traits.T, strict=True))
        found = stand(voters.names, np.zeros((0, 2), np.int64), traits)
        apart = np.linalg.norm(found.xy[:, None] - found.xy[None], axis=2) + np.eye(len(voters.ids))
        assert apart.min() > 0.01 and np.abs(found.xy).max() <= 1
        assert all(name in found.note for name in voters.trait_names[:2])

    def test_with_ties_a_layout(self):
        """The same for the same ties."""
        ties = np.stack(build("watts_strogatz", 30, 1, k=4).ties(), axis=1)
        first, again = (stand([str(i) for i in range(30)], ties, {}) for _ in range(2))
        assert np.array_equal(first.xy, again.xy) and np.abs(first.xy).max() <= 1 and not first.note


class TestExposure:
    """Whom a step's feeds reached."""

    def test_it_is_what_was_served_and_done(self, runs):
        """1 for those served something, 2 for those who did something with it, 0 for the rest."""
        model = ReplayModel(runs / "networked")
        model.step()
        served, acted = set(), set()
        for event in model.events:
            if isinstance(event, FeedServed | Engaged):
                members = np.frombuffer(event.members, "<i4").tolist()
                (served if isinstance(event, FeedServed) else acted).update(members)
        wanted = [2 if i in acted else 1 if i in served else 0 for i in model.voters.ids.tolist()]
        assert exposure(model.events, model.voters.ids).tolist() == wanted and acted <= served and acted


class TestAudience:
    """The graph of the model that is shown."""

    def test_another_models_graph_takes_its_place(self, runs):
        """The graph before is closed, which takes it from the browser; so is the last one when the page goes."""
        first, second = (ReplayModel(runs / "isolated") for _ in range(2))
        for model in (first, second):
            model.step()
        _, context = solara.render(solara.Column(children=[Audience(first)]), handle_error=False)
        before = context.find(DiffusionGraph).widget
        context.render(solara.Column(children=[Audience(second)]))
        now = context.find(DiffusionGraph).widget
        assert now is not before and before.comm is None and now.comm is not None
        context.close()
        assert now.comm is None


class TestContests:
    """What a card shows of a contest is in the log."""

    @pytest.mark.parametrize("world", ["isolated", "networked"])
    def test_each_contest_with_its_messages_and_votes(self, runs, world):
        """In order, published and rejected ones, with the anchor's text, the counts, thoughts, and the probes that found something."""
        model = ReplayModel(runs / world)
        rejected = 0
        while model.running:
            model.step()
            shown = step_contests(model)
            decided = [event for event in model.events if isinstance(event, ContestDecided)]
            assert [one["id"] for one in shown] == [event.contest for event in decided]
            for one, event in zip(shown, decided, strict=True):
                assert one["anchor"]["pieces"][0][0] and len(one["messages"]) == 2
                assert [votes["count"] for votes in one["votes"][:2]] == [f"{votes:,}" for votes in event.votes]
                rejected += sum(bool(message["rejected"]) for message in one["messages"])
                thoughts = {e.thought for e in model.events if isinstance(e, Reacted) and e.contest == one["id"]}
                assert {each["thought"]["pieces"][0][0] for each in one["reactions"] if not each["invalid"]} <= thoughts
            assert rejected >= sum(isinstance(event, MessageRejected) for event in model.events)
            found = [e for e in model.events if isinstance(e, VerdictGiven) and e.label == 1]
            verdicts = [v for one in shown for message in one["messages"] for v in message["verdicts"]]
            assert sum(verdict["bad"] for verdict in verdicts) == len(found)
        assert rejected > 0 or world == "networked"

    def test_names_are_the_personas(self, runs):
        """Who thought is called as they joined."""
        model = ReplayModel(runs / "isolated")
        model.step()
        names = {each["name"] for one in step_contests(model) for each in one["reactions"]}
        assert names and names <= set(model.voters.names)


class TestReach:
    """One message's way through the feeds of a step."""

    def test_a_frame_per_round_for_the_message_that_is_picked(self, runs):
        """Each message of the feeds has a name of its own; its graph ends with everybody who saw it. In the isolated world there is none."""
        model = ReplayModel(runs / "networked")
        model.step()
        found = step_cascades(model)
        rounds = {event.round for event in model.events if isinstance(event, FeedServed)}
        assert len({each.name for each in found}) == len(found) > 1
        one = max(found, key=lambda each: len(each.cascade.members)).cascade
        graph = rounds_graph(model, one)
        assert (graph.total, graph.t) == (1 + len(rounds), len(rounds))
        fills = np.frombuffer(graph.fills, np.uint8).reshape(graph.total, -1)
        assert (fills[-1] > 0).sum() == len(one.members) > 0 and not fills[0].any()
        isolated = ReplayModel(runs / "isolated")
        isolated.step()
        assert step_cascades(isolated) == []


class TestPlots:
    """Measures over steps, as somebody can read them."""

    def test_a_step_is_a_point(self, runs):
        """Of each step its value; before the first there is none, and the plot says so."""
        model = ReplayModel(runs / "networked")
        empty = draw(model.datacollector.get_model_vars_dataframe(), {"votes": HUES[0][0]}, None, False).axes[0]
        assert [text.get_text() for text in empty.texts] == [NO_DATA]
        model.step()
        model.step()
        rows = model.datacollector.get_model_vars_dataframe()
        axes = draw(rows, {"votes": HUES[0][0]}, None, False).axes[0]
        assert axes.lines[0].get_xydata().tolist() == [[1, rows.votes[0]], [2, rows.votes[1]]]  # pyright: ignore[reportAttributeAccessIssue]
        assert axes.get_ylabel() == "votes" and not axes.texts

    @pytest.mark.parametrize("axis", [share_axis, opinion_axis])
    def test_letters_can_be_read_on_either_ground(self, runs, axis):
        """They are light on a dark page and dark on a light one, and so are the lines that have a colour of ours."""
        model = ReplayModel(runs / "networked")
        while model.running:
            model.step()
        rows = model.datacollector.get_model_vars_dataframe()
        names = [name for name in rows.columns if name.startswith("opinion of")]
        lines = coloured(names, model.config)
        assert lines["opinion of rft"] == "#0072b2" and lines["opinion of base"] == "#8a939c", "as in every figure"
        for dark in (False, True):
            axes = draw(rows, lines, axis, dark).axes[0]
            legend = axes.get_legend()
            assert legend is not None
            letters = [axes.xaxis.label, axes.yaxis.label, *legend.get_texts()]
            brightness = {np.mean(to_rgb(text.get_color())) for text in letters}  # pyright: ignore[reportArgumentType]
            assert all(bool(value > 0.7) is dark for value in brightness) and axes.get_ylabel()
            assert axes.lines[0].get_color() == (dark_of()[lines[names[0]]] if dark else lines[names[0]])


class TestWaking:
    """A page shows that its run is ready, whenever that comes to be."""

    @pytest.mark.parametrize("when", ["before it is drawn", "while it is drawn", "afterwards"])
    def test_it_is_never_missed(self, when):
        """Also where nobody receives it, since the page does not listen yet."""
        go, drawn = threading.Event(), threading.Event()

        def carried(settings, folder, *, probes):
            assert go.wait(LIMIT)
            yield Progress(0, 1, "writing")

        @solara.component
        def Page():
            model = use_live(
                CONFIG.model_dump(exclude={"serving", "budget"}) | {"background": True, "carry_out": carried}
            )
            if when == "before it is drawn":
                let_it_be_ready(model.value)
            Status(model.value)
            if when == "while it is drawn":
                let_it_be_ready(model.value)

        def let_it_be_ready(run):
            go.set()
            assert run.wait_until_ready(LIMIT)

        _, context = solara.render(Page(), handle_error=False)

        def look(*_):
            if "Before the first step" in str([html.children for html in context.find(ipyvuetify.Html).widgets]):
                drawn.set()

        try:
            for html in context.find(ipyvuetify.Html).widgets:
                html.observe(look, "children")
            go.set()
            look()
            assert drawn.wait(LIMIT)
        finally:
            context.close()
