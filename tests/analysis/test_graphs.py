"""A run's audience graph, from its log."""

from __future__ import annotations

import networkx as nx
import pytest
from typer.testing import CliRunner

from abm.columns import Float32s, unpack
from abm.events import PersonasJoined
from abm.journal import LiveJournal
from abm.log import create, read_events
from abm.state.state import fold
from analysis import audience_graph, battery
from analysis.cli.app import app
from learning.runs.inputs import gather
from learning.runs.loop import Loop
from learning.settings.sources import load_config
from moloch.errors import InputError
from tests.support.fakes import FakeTrainer, fake_llm

CHANGING = {"churn": 0.3, "engagement": {"unfollow": 0.5}, "graph": {"kind": "barabasi_albert", "options": {"m": 3}}}


def hold(folder, **settings):
    """Run a small study with a scripted model, to its end."""
    config = load_config(None, {"train_anchors": 4, "held_out_anchors": 4, "epochs": 1, "arms": ("rft",)} | settings)
    with create(folder, config.model_dump(mode="json")) as log:
        Loop(config, gather(config), LiveJournal(log), fake_llm(), FakeTrainer(), probes=battery).run()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A networked run in which ties change."""
    return hold(tmp_path_factory.mktemp("graphs") / "run", world="networked", network=CHANGING)


class TestAudienceGraph:
    """The log as networkx."""

    def test_nodes_are_personas_with_what_is_known_of_them(self, run):
        """Names, traits and places of those held out, under their persona indices."""
        graph = audience_graph(run)
        joined = next(e for e in read_events(run) if isinstance(e, PersonasJoined) and e.split == "evaluate")
        assert list(graph) == [joined.first + i for i in range(len(joined.ids))]
        assert list(nx.get_node_attributes(graph, "name").values()) == joined.names
        warmth = list(nx.get_node_attributes(graph, "warmth").values())
        assert warmth == pytest.approx(unpack(joined.traits["warmth"], Float32s))
        assert all(abs(graph.nodes[node][axis]) <= 1 for node in graph for axis in "xy")

    def test_a_networked_world_without_ties_has_a_graph_without_ties(self, tmp_path):
        """All its members, each alone: as it began, and as its society left it."""
        run = hold(tmp_path / "run", world="networked", network={"graph": {"kind": "isolated"}}, crowd={"size": 3})
        for graph in (audience_graph(run), audience_graph(run, arm="rft")):
            assert len(graph) > 3 and not graph.edges

    def test_places_are_computed_once(self, run, monkeypatch):
        """The second look reads them; it does not compute them."""
        first = audience_graph(run)
        monkeypatch.setattr("media_graph.layouts.layout", None)
        assert nx.get_node_attributes(audience_graph(run), "x") == nx.get_node_attributes(first, "x")

    def test_a_society_as_it_ended(self, run):
        """The last society's ties and opinions are those of the state that the log folds into."""
        graph = audience_graph(run, arm="rft")
        platform = fold(read_events(run)).platform
        assert platform is not None
        assert graph.number_of_edges() == len(platform.follows.indices)
        first = min(graph)
        edges = zip(*(ends + first for ends in platform.follows.ties()), strict=True)
        assert set(graph.edges) == {(int(u), int(v)) for u, v in edges} != set(audience_graph(run).edges)
        said = [graph.nodes[node]["opinion_0"] for node in graph]
        assert said == (platform.opinions[0] / 10_000).tolist() and any(said)

    @pytest.mark.parametrize("asked", [{"arm": "tfb"}, {"arm": "rft", "epoch": 2}])
    def test_a_society_that_was_not(self, run, asked):
        """Is said, not guessed."""
        with pytest.raises(InputError, match="no society"):
            audience_graph(run, **asked)

    def test_an_isolated_run_has_none(self, tmp_path):
        """And the error says how to get one."""
        with pytest.raises(InputError, match="isolated"):
            audience_graph(hold(tmp_path / "run"))


class TestGraphFile:
    """``moloch graph``, and its file as another run's graph."""

    @pytest.mark.system
    @pytest.mark.parametrize("suffix", ["graphml", "gexf"])
    def test_a_written_graph_is_another_runs(self, run, tmp_path, suffix):
        """The held-out members' graph comes back as it was; those who train have no ties in it, which is an error."""
        files = [tmp_path / f"{split}.{suffix}" for split in ("train", "evaluate")]
        for split, file in zip(("train", "evaluate"), files, strict=True):
            done = CliRunner().invoke(app, ["graph", str(run), str(file), "--split", split])
            assert done.exit_code == 0 and "20 members" in done.stdout
        with pytest.raises(InputError, match="no ties among the 20 members of 'train'"):
            hold(tmp_path / "half", world="networked", network={"graph": {"kind": str(files[1])}})
        both = nx.compose(*(audience_graph(run, split) for split in ("train", "evaluate")))
        both.add_edge(0, 39)  # across the splits: nobody will see it
        {"graphml": nx.write_graphml, "gexf": nx.write_gexf}[suffix](both, tmp_path / f"both.{suffix}")
        again = hold(
            tmp_path / "again", world="networked", network={"graph": {"kind": str(tmp_path / f"both.{suffix}")}}
        )
        for split in ("train", "evaluate"):
            assert set(audience_graph(again, split).edges) == set(audience_graph(run, split).edges)

    def test_what_cannot_be_written(self, run, tmp_path):
        """One clear error each."""
        for out, what in ((tmp_path / "x.png", ".graphml or .gexf"), (tmp_path / "no" / "x.gexf", "No such file")):
            done = CliRunner().invoke(app, ["graph", str(run), str(out)])
            assert (
                done.exit_code != 0
                and what in f"{done.exception!r}{getattr(done.exception, 'fix', '')}{done.exception}"
            )
