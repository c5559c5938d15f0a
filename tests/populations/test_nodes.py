"""A graph's nodes as personas."""

from __future__ import annotations

import networkx as nx
import pytest

from media_graph import read_graph
from populations import InputError, read_personas


def written(folder, graph, suffix=".graphml"):
    path = folder / f"g{suffix}"
    (nx.write_graphml if suffix == ".graphml" else nx.write_gexf)(graph, path)
    return path


@pytest.fixture
def graph():
    """Two of the same age, one with a name; one who is described."""
    made = nx.DiGraph([("a", "b"), ("c", "b")])
    made.add_node("a", age=40, club="left", x=0.5, persona=0)
    made.add_node("b", age=40, club="left", name="Bea")
    made.add_node("c", biography="I mend nets.")
    return made


class TestNodes:
    """Attributes of networkx nodes are attributes of personas."""

    def test_each_node_is_a_persona_with_its_name(self, tmp_path, graph):
        """Known by attributes or told; nodes that are alike are still two; where a node is drawn is no attribute."""
        found, dropped = read_personas(written(tmp_path, graph))
        assert [p.name for p in found] == ["a", "Bea", "c"] and dropped == 0
        assert found[0].attributes == {"name": "a", "age": 40, "club": "left"}
        assert found[1].text == "Name: Bea; age: 40; club: left." and found[2].about == "I mend nets."

    def test_gexf_says_the_same(self, tmp_path):
        """But for labels, which it gives to all nodes."""
        graph = nx.Graph()
        graph.add_node("a", age=40)
        (one,), _ = read_personas(written(tmp_path, graph))
        (other,), _ = read_personas(written(tmp_path, graph, ".gexf"))
        assert one == other

    def test_two_of_a_name(self, tmp_path, graph):
        """Cannot be distinguished in a table of ties."""
        graph.nodes["a"]["name"] = "Bea"
        with pytest.raises(InputError, match="nodes 'a' and 'b' are both named 'Bea'"):
            read_personas(written(tmp_path, graph))

    def test_what_is_no_graph(self, tmp_path):
        """Is said."""
        (tmp_path / "x.gexf").write_text("no")
        with pytest.raises(InputError, match="not a graph"):
            read_personas(tmp_path / "x.gexf")


GEXF = """<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2"><graph mode="dynamic" defaultedgetype="directed" timeformat="date">
<attributes class="node" mode="dynamic"><attribute id="0" title="party" type="string"/></attributes>
<attributes class="node" mode="static"><attribute id="1" title="age" type="double"/></attributes>
<nodes><node id="n0" label="Ann" start="2020-01-01" end="2024-01-01"><attvalues>
<attvalue for="0" value="blue" start="2020-01-01" end="2022-01-01"/><attvalue for="1" value="33.0"/></attvalues></node>
<node id="n1" label="Bo"><attvalues><attvalue for="1" value="{}"/></attvalues>
<spells><spell start="2020-01-01" end="2021-01-01"/></spells></node></nodes>
<edges><edge id="0" source="n0" target="n1" start="2020-01-01"/></edges></graph></gexf>"""


class TestDynamic:
    """A graph over time."""

    def test_only_single_values_are_told(self, tmp_path):
        """Not courses over time, nor when a node is there; a whole number is one."""
        (tmp_path / "g.gexf").write_text(GEXF.format("41.0"))
        first, second = read_personas(tmp_path / "g.gexf")[0]
        assert (first.text, second.text) == ("Name: Ann; age: 33.", "Name: Bo; age: 41.")
        assert read_graph(tmp_path / "g.gexf", ["Ann", "Bo"]).neighbors(0).tolist() == [1]

    @pytest.mark.parametrize("age", ["-9.0", "999", "41.5"])
    def test_what_is_no_age(self, tmp_path, age):
        """Is refused with its node."""
        (tmp_path / "g.gexf").write_text(GEXF.format(age))
        with pytest.raises(InputError, match=r"g.gexf:node n1: not a persona: .* is not a whole number of years"):
            read_personas(tmp_path / "g.gexf")

    def test_nothing_is_nothing(self, tmp_path):
        """NaN and empty texts are no attributes; suffixes are of either case."""
        graph = nx.DiGraph()
        graph.add_node("a", score=float("nan"), club=" ", height=1.5)
        nx.write_graphml(graph, tmp_path / "g.GRAPHML")
        assert read_personas(tmp_path / "g.GRAPHML")[0][0].attributes == {"name": "a", "height": "1.5"}
