"""Graphs in XML are read whole or refused with their line."""

from __future__ import annotations

import time

import pytest

from moloch.errors import InputError
from moloch.xml_graphs import read_xml_graph

GRAPHML = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n{}\n</graphml>'
GROUP = (
    '<graph edgedefault="directed">\n<node id="g"><graph edgedefault="directed"><node id="a"/></graph></node></graph>'
)
PORT = '<graph edgedefault="directed"><node id="a">\n<port name="p"/></node></graph>'
HYPER = '<graph edgedefault="directed"><node id="a"/>\n<hyperedge/></graph>'
GEXF = '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2"><graph><nodes>\n{}</nodes><edges/></graph></gexf>'
BOMB = (
    "<!DOCTYPE g [\n<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(12))
    + "]>\n"
    + GRAPHML.format('<graph edgedefault="directed"><node id="&m;"/></graph>')
)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("g.graphml", GRAPHML.format(GROUP), "g.graphml:3: a group of nodes is not read. Ungroup"),
        ("g.graphml", GRAPHML.format(PORT), "g.graphml:3: a port is not read"),
        ("g.graphml", GRAPHML.format(HYPER), "g.graphml:3: a hyperedge is not read"),
        (
            "g.graphml",
            GRAPHML.format('<graph edgedefault="directed"/>\n<graph edgedefault="directed"/>'),
            "g.graphml:3: a second",
        ),
        ("g.gexf", GEXF.format('<node id="g"><nodes><node id="a"/></nodes></node>'), "g.gexf:2: a group of nodes"),
        ("g.gexf", GEXF.format('<node id="a"/><node id="b" pid="a"/>'), "g.gexf:2: a group of nodes"),
        ("g.graphml", BOMB, "g.graphml:2: the entity 'a' is not read"),
        ("g.graphml", GRAPHML.format("<a>" * 100_000), "elements are nested 64 levels deep"),
        ("g.graphml", GRAPHML.format("<graph"), "g.graphml:3: not a graph: not XML"),
        ("g.graphml", "<graphml/>", "g.graphml: not a graph"),
        (
            "g.graphml",
            GRAPHML.format('<graph edgedefault="directed">\n<node id="a"/>\n<node id="a"/></graph>'),
            "g.graphml:4: the node 'a' appears twice",
        ),
        ("g.gexf", GEXF.format('<node id="a" label="A"/><node id="a" label="B"/>'), "g.gexf:2: the node 'a' appears"),
        (
            "g.graphml",
            GRAPHML.format('<graph edgedefault="directed"><node id="a"/>\n<edge source="a" target="b"/></graph>'),
            "g.graphml:3: an edge of 'b': no node has this id",
        ),
        (
            "g.graphml",
            GRAPHML.format(
                '<graph edgedefault="directed"><node id="a"/><node id="b"/>\n<edge source="a" target="b" directed="false"/></graph>'
            ),
            "g.graphml:3: an edge is directed and others are not",
        ),
        (
            "g.graphml",
            GRAPHML.format(
                '<key id="p" for="node" attr.name="party"/>\n<key id="q" for="node" attr.name="party"/><graph/>'
            ),
            "g.graphml:3: two attributes of a node are named 'party'",
        ),
        ("g.gexf", "", "g.gexf:1: not a graph: not XML"),
        ("g.graphml", '<?xml version="1.0" encoding="x-no"?><graphml/>', "not a graph: not XML: unknown encoding"),
    ],
    ids=[
        "group",
        "port",
        "hyperedge",
        "two",
        "gexf group",
        "gexf pid",
        "bomb",
        "deep",
        "torn",
        "none",
        "node twice",
        "gexf node twice",
        "no such node",
        "both ways",
        "one name",
        "empty",
        "encoding",
    ],
)
def test_what_is_not_read_is_refused(tmp_path, name, text, says):
    """In one line, at once."""
    path = tmp_path / name
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(InputError) as error:
        read_xml_graph(path)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert time.process_time() - began < 5


def test_a_plain_doctype_is_no_mistake(tmp_path):
    """GraphML's own document type declares nothing."""
    path = tmp_path / "g.graphml"
    path.write_text(
        '<!DOCTYPE graphml SYSTEM "g.dtd">' + GRAPHML.format('<graph edgedefault="directed"><node id="a"/></graph>')
    )
    assert list(read_xml_graph(path)) == ["a"]


def test_what_holds_by_default_holds(tmp_path):
    """For nodes and edges that say nothing else."""
    keys = '<key id="p" for="node" attr.name="party" attr.type="string"><default>green</default></key>'
    keys += '<key id="w" for="edge" attr.name="weight" attr.type="double"><default>2</default></key>'
    nodes = '<node id="a"/><node id="b"><data key="p">red</data></node><edge source="a" target="b"/>'
    (tmp_path / "g.graphml").write_text(GRAPHML.format(f'{keys}<graph edgedefault="directed">{nodes}</graph>'))
    graph = read_xml_graph(tmp_path / "g.graphml")
    assert dict(graph.nodes(data="party")) == {"a": "green", "b": "red"}
    assert list(graph.edges(data="weight")) == [("a", "b", 2.0)]


def test_times_of_no_kind_are_told(tmp_path):
    """networkx says "None" of them."""
    text = GEXF.format('<node id="a" label="A"><spells><spell start="2020" end="2021"/></spells></node>')
    (tmp_path / "g.gexf").write_text(text)
    with pytest.raises(InputError, match=r"g\.gexf: not a graph: it says when things exist, but not in which format"):
        read_xml_graph(tmp_path / "g.gexf")
