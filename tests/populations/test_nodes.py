"""A graph's nodes as personas."""

from __future__ import annotations

import networkx as nx
import pytest

from populations import InputError, read_personas


def written(folder, graph, suffix=".graphml"):
    path = folder / f"g{suffix}"
    (nx.write_graphml if suffix == ".graphml" else nx.write_gexf)(graph, path)
    return path


@pytest.fixture
def graph():
    """Two of the same age, one of whom has a name; one who is told."""
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
        """Cannot be told apart in a table of ties."""
        graph.nodes["a"]["name"] = "Bea"
        with pytest.raises(InputError, match="nodes 'a' and 'b' are both named 'Bea'"):
            read_personas(written(tmp_path, graph))

    def test_what_is_no_graph(self, tmp_path):
        """Is said."""
        (tmp_path / "x.gexf").write_text("no")
        with pytest.raises(InputError, match="not a graph"):
            read_personas(tmp_path / "x.gexf")
