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
        ("g.graphml", GRAPHML.format("<a>" * 100_000), "elements stand 64 deep in each other"),
        ("g.graphml", GRAPHML.format("<graph"), "g.graphml:3: not a graph: not XML"),
        ("g.graphml", "<graphml/>", "g.graphml: not a graph"),
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
