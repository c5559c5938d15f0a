"""Graphs in GraphML and GEXF as networkx reads them, checked before: no entities, no groups, ports or hyperedges, one graph,
each node once, edges between them alone, all in one way. What an attribute is by default it is where a node or an edge says nothing.

Knows files; what nodes and edges mean is for others to say.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from moloch.errors import InputError
from moloch.plain_text import quoted
from moloch.tables import first_line, read_bytes, suffix_of

if TYPE_CHECKING:
    import networkx as nx

SUFFIXES = (".graphml", ".gexf")
DEEPEST = 64
"""Elements within each other; a plain graph has fewer than ten."""


def read_xml_graph(path: Path | str, what: str = "the graph") -> nx.Graph[Any]:
    """Return the graph of a file, by its suffix.

    Args:
        what: for errors, such as ``"the personas"``.

    Raises:
        InputError: the file cannot be read, holds no graph or several, or what is not read: entities, groups of nodes, ports and
            hyperedges; with its line where there is one.
    """
    import networkx as nx

    path = Path(path)
    data = read_bytes(path, what)
    _check(data, path)
    read = nx.read_graphml if suffix_of(path) == ".graphml" else nx.read_gexf
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # what it says in passing would be lost
            return _with_defaults(read(io.BytesIO(data)))
    except Exception as error:  # the readers raise whatever they meet
        raise InputError("not a graph", where=str(path), why=_said(error)) from error


def _with_defaults(graph: nx.Graph[Any]) -> nx.Graph[Any]:
    """Give nodes and edges what the file says of those that say nothing; networkx leaves it in the graph."""
    for of, all_attributes in (
        ("node_default", (attributes for _, attributes in graph.nodes(data=True))),
        ("edge_default", (attributes for _, _, attributes in graph.edges(data=True))),
    ):
        if defaults := graph.graph.get(of):
            for attributes in all_attributes:
                attributes.update({name: value for name, value in defaults.items() if name not in attributes})
    return graph


def _said(error: Exception) -> str:
    if isinstance(error, KeyError) and error.args == (None,):
        return "it says when things exist, but not in which format (timeformat)"
    return f"it lacks {error}" if isinstance(error, KeyError | StopIteration) else first_line(error)


def _check(data: bytes, path: Path) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    open_elements: list[str] = []
    graphs, is_directed, of = 0, False, ""
    nodes: set[str] = set()
    keys: set[tuple[str, str]] = set()
    ends: list[tuple[str, int]] = []

    def refuse(what: str, fix: str) -> None:
        raise InputError(what, where=f"{path}:{parser.CurrentLineNumber}", fix=fix)

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal graphs, is_directed, of
        element = name.rpartition(" ")[2]
        within_node = "node" in open_elements
        graphs += element == "graph"
        if (within_node and element in ("graph", "nodes")) or (element == "node" and attributes.get("pid")):
            refuse("a group of nodes is not read", "Ungroup the nodes before you export the graph.")
        if element in ("port", "hyperedge"):
            refuse(f"a {element} is not read", "Export plain nodes, and edges between two of them.")
        if element == "graph" and graphs > 1:
            refuse("a second graph is not read", "Put each graph into a separate file.")
        if element == "graph":
            is_directed = attributes.get("edgedefault", attributes.get("defaultedgetype")) == "directed"
        elif element == "node":
            if (name := attributes.get("id", "")) in nodes:
                refuse(f"the node {quoted(name)} appears twice", "Remove one of them.")
            nodes.add(name)
        elif element == "attributes":
            of = attributes.get("class", "")
        elif declared := attributes.get({"key": "attr.name", "attribute": "title"}.get(element, "")):
            key = attributes.get("for", of), declared
            if key in keys:
                refuse(f"two attributes of a {key[0]} are named {quoted(key[1])}", "Rename one of them.")
            keys.add(key)
        elif element == "edge":
            way = attributes.get("directed", attributes.get("type"))
            if way in (("false", "undirected") if is_directed else ("true", "directed")):
                refuse("an edge is directed and others are not", "Export a graph whose edges are all of one kind.")
            ends.extend(
                (attributes[end], parser.CurrentLineNumber) for end in ("source", "target") if end in attributes
            )
        open_elements.append(element)
        if len(open_elements) > DEEPEST:
            refuse(f"elements are nested {DEEPEST} levels deep", "Export the graph again.")

    def entity(name: str, *_: object) -> None:
        refuse(f"the entity {name!r} is not read", "Write the text itself in its place.")

    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda name: open_elements.pop()
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError("not a graph", where=f"{path}:{error.lineno}", why=f"not XML: {error}") from error
    except (ValueError, LookupError) as error:  # an encoding that expat does not know
        raise InputError("not a graph", where=str(path), why=f"not XML: {first_line(error)}") from error
    if strange := next((end for end in ends if end[0] not in nodes), None):
        why = "no node has this id"
        raise InputError(f"an edge of {quoted(strange[0])}", where=f"{path}:{strange[1]}", why=why, fix="Add the node.")
