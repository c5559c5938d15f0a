"""Graphs in GraphML and GEXF as networkx reads them, checked before: no entities, no groups, ports or hyperedges, one graph.

Knows files; what nodes and edges mean is for others to say.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from moloch.errors import InputError
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
            return read(io.BytesIO(data))
    except Exception as error:  # the readers raise whatever they meet
        raise InputError("not a graph", where=str(path), why=_said(error)) from error


def _said(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError | StopIteration) else first_line(error)


def _check(data: bytes, path: Path) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    open_elements: list[str] = []
    graphs = 0

    def refuse(what: str, fix: str) -> None:
        raise InputError(what, where=f"{path}:{parser.CurrentLineNumber}", fix=fix)

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal graphs
        element = name.rpartition(" ")[2]
        within_node = "node" in open_elements
        graphs += element == "graph"
        if (within_node and element in ("graph", "nodes")) or (element == "node" and attributes.get("pid")):
            refuse("a group of nodes is not read", "Ungroup the nodes before you export the graph.")
        if element in ("port", "hyperedge"):
            refuse(f"a {element} is not read", "Export plain nodes, and edges between two of them.")
        if element == "graph" and graphs > 1:
            refuse("a second graph is not read", "Give each graph a file of its own.")
        open_elements.append(element)
        if len(open_elements) > DEEPEST:
            refuse(f"elements stand {DEEPEST} deep in each other", "Export the graph again.")

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
