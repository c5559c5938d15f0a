"""Audience graphs from and to files: GraphML, GEXF, tables of ties, and edge lists.

A table of ties has the columns ``source`` (who follows) and ``target`` (whom), names or indices of members; ``from`` and ``to``
do as well, in any case, and Gephi's ``Type`` may say which ties stand for two. In a file a graph may be undirected; then each tie
stands for two. Ties count alike: a weight is not read, but one that is no number above 0 is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np

from media_graph.csr import CSR, PERSONA, from_csr, from_ties
from moloch import tables
from moloch.errors import InputError
from moloch.near_files import did_you_mean
from moloch.numerals import number, whole
from moloch.plain_text import one_line, quoted
from moloch.tables import read_bytes, suffix_of
from moloch.texts import same_letters
from moloch.utf8 import from_utf8
from moloch.xml_graphs import SUFFIXES as XML
from moloch.xml_graphs import read_xml_graph

FORMATS = (".graphml", ".gexf", ".csv", ".parquet")
"""What :func:`write_graph` writes."""

LISTS = (".edgelist", ".edges", ".ncol")
"""Edge lists: two members a line, parted by space, and what else is known of the tie."""

READ = (*XML, *tables.SUFFIXES, *LISTS)
"""What :func:`read_graph` reads; ``.gz`` may follow."""

HEAVIEST = 1e12
"""A tie's weight beyond that is a mistake."""

_ENDS = (("source", "from", "src", "follower"), ("target", "to", "dst", "followed"))
"""Names of the two columns, in lower case: who follows, and whom."""


_WEIGHT = re.compile(r"""["']weight["']\s*:([^,}]*)""")


class _Tie(NamedTuple):
    where: str
    source: int
    target: int
    mutual: bool


def read_graph(path: Path | str, members: Sequence[str] | int, *, mutual: bool = False) -> CSR:
    """Return the ties of a file between members.

    Nodes are named by a member's name, or by its index where there is no such name. In GraphML and GEXF the node attribute
    ``persona``, where it is a number, comes first. Space around a name does not count.

    Args:
        members: their names, in order; or how many there are.
        mutual: whether each tie of a table stands for two; GraphML and GEXF say so themselves.

    Raises:
        InputError: no such file or format; or a node that is not a member, a tie twice or of a member to itself, or of a weight
            that is no number above 0, with its place in the file; or an attribute ``persona`` that is a number and no member's.
    """
    path = Path(path)
    lookup = _Members([str(i) for i in range(members)] if isinstance(members, int) else list(map(str, members)))
    suffix = suffix_of(path)
    if suffix not in READ:
        raise InputError(f"cannot read a graph from {path.name!r}", fix=f"Give a file of {', '.join(READ)}.")
    if not path.exists():
        fix = did_you_mean(path).rstrip()
        raise InputError("cannot read the graph", where=str(path), why="there is no such file", fix=fix)
    if suffix in XML:
        ties = _drawn(read_xml_graph(path), lookup, path)
    else:
        ties = _listed(_list(path) if suffix in LISTS else tables.rows(path, "the graph"), lookup, mutual)
    return _checked(list(ties), lookup)


def write_graph(
    csr: CSR,
    path: Path | str,
    members: Sequence[str] | None = None,
    attributes: Mapping[str, Sequence[Any]] | None = None,
) -> None:
    """Write ties to a file, by its suffix; directed, with members' names where they are given.

    Args:
        attributes: name -> one value per member, for GraphML and GEXF: a layout, opinions, communities.

    Raises:
        InputError: no such format, or one of ties alone for attributes.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if attributes and suffix not in XML:
        raise InputError(f"{path.name!r} holds ties only", fix="Write attributes to a file of .graphml or .gexf.")
    if suffix in XML:
        graph = from_csr(csr, attributes={**({"name": list(members)} if members else {}), **(attributes or {})})
        (nx.write_graphml if suffix == ".graphml" else nx.write_gexf)(graph, path)
    elif suffix in FORMATS:
        import polars as pl

        frame = pl.DataFrame(dict(zip(("source", "target"), csr.ties(), strict=True)))
        if members is not None:
            named = pl.Series(list(members))
            frame = frame.select(pl.col("source", "target").map_batches(lambda column: named.gather(column)))
        frame.write_csv(path) if suffix == ".csv" else frame.write_parquet(path)
    else:
        raise InputError(f"cannot write a graph to {path.name!r}", fix=f"Give a file of {', '.join(FORMATS)}.")


class _Members:
    """Members by name, or else by index."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = [one_line(name) for name in names]
        called = [_called(name) for name in self.names]
        self._index = {name: i for i, name in enumerate(called)}
        self._repeated = {name for name, times in Counter(called).items() if times > 1}
        self._is_numbered = all(whole(name) is not None for name in called)
        self._seen: dict[tuple[type, Any], int] = {}

    def __len__(self) -> int:
        return len(self.names)

    def knows(self, called: str) -> bool:
        """Return whether a member has this name."""
        return _called(called) in self._index

    def place(self, called: Any, where: str, end: str = "") -> int:
        """Return a member's index.

        Args:
            end: of the tie, for errors.

        Raises:
            InputError: nobody is called so, or several are.
        """
        if not isinstance(called, str | int | float):
            raise InputError(f"not the name or index of a {end}", where=where, why=f"it is a {type(called).__name__}")
        key = (type(called), called)  # True is no 1
        known = self._seen.get(key)
        if known is None:
            known = self._seen[key] = self._looked_up(called, f"{where}:{end}" if end else where)
        return known

    def _looked_up(self, called: str | float, where: str) -> int:
        name = _called(called)
        if name in self._repeated:
            raise InputError(
                f"{quoted(called)} is not one member",
                where=where,
                why="several have this name",
                fix="Give persona indices, or personas with different names.",
            )
        if name in self._index:
            return self._index[name]
        index = whole(called)
        if self._is_numbered or index is None or not 0 <= index < len(self):
            known = f"members are {self.names[0] if self.names else 'none'} ... ({len(self)})"
            known += ", which are names" if self._is_numbered else f", or 0 to {len(self) - 1}"
            fix = "Ties name people as they are called: in a table by its column name, with a mapping by its key name."
            raise InputError(f"{quoted(called)} is not a member", where=where, why=known, fix=fix)
        return index


def _called(name: Any) -> str:
    """Return a name as names are compared: composed, and a whole number (``1.0``) in its usual form."""
    number_of = whole(name)
    return same_letters(one_line(str(name))) if number_of is None else str(number_of)


def _list(path: Path) -> Iterator[tables.Row]:
    """Yield the ties of an edge list, as networkx and igraph write it; what follows the two members may be a weight."""
    text = from_utf8(read_bytes(path, "the graph"), str(path))
    for line_number, line in enumerate(re.split("\r\n?|\n", text), start=1):
        cells = line.partition("#")[0].split(None, 2)
        where = f"{path}:{line_number}"
        if len(cells) == 1:
            raise InputError("not a tie", where=where, why="it names one member", fix="Give two members per line.")
        if cells:
            more = cells[2].strip() if len(cells) > 2 else ""
            if more.startswith("{"):  # what networkx knows of a tie
                known = _WEIGHT.search(more)
                more = known[1].strip() if known else ""
            yield where, {"source": cells[0], "target": cells[1]} | ({"weight": more} if more else {})


def _listed(rows: Iterator[tables.Row], members: _Members, mutual: bool) -> Iterator[_Tie]:
    """Yield the ties of a table."""
    columns: dict[str, str] = {}
    names = [""] * 4
    for where, row in rows:
        if not columns.keys() >= row.keys():
            columns = _by_lower(dict.fromkeys((*columns.values(), *row)), where)
            names = [
                *(_end(ends, columns, where) for ends in _ENDS),
                columns.get("weight", ""),
                columns.get("type", ""),
            ]
        source, target, weight, kind = map(row.get, names)
        if source is None or target is None:
            raise _no_end("source" if source is None else "target", list(columns.values()), where)
        if weight is not None:
            _weigh(weight, where)
        two = mutual or (kind is not None and _undirected(kind))
        yield _Tie(where, members.place(source, where, "source"), members.place(target, where, "target"), two)


def _end(ends: Sequence[str], columns: Mapping[str, str], where: str) -> str:
    """Return the column that says one end of a tie; "" where there is none. The first of ``ends`` needs no other."""
    known = [columns[end] for end in ends if end in columns]
    if len(known) > 1 and ends[0] not in columns:
        why = f"{quoted(known[0])} and {quoted(known[1])}"
        raise InputError(f"two columns for the {ends[0]} of a tie", where=where, why=why, fix=f"Name one {ends[0]}.")
    return known[0] if known else ""


def _by_lower(names: Iterable[str], where: str) -> dict[str, str]:
    """Return columns by their names in lower case, which two must not share."""
    columns: dict[str, str] = {}
    for name in names:
        if columns.setdefault(name.lower(), name) != name:
            why = f"{quoted(columns[name.lower()])} and {quoted(name)} differ only in case"
            raise InputError("two columns have one name", where=where, why=why, fix="Rename one of them.")
    return columns


def _no_end(end: str, columns: Sequence[str], where: str) -> InputError:
    return InputError(
        f"a tie without {end}",
        where=where,
        why=f"the cell is empty, or there is no such column among {', '.join(map(quoted, columns))}",
        fix="Name the columns source (who follows) and target (whom), and fill both in.",
    )


def _undirected(kind: Any) -> bool:
    """Return whether Gephi's column ``Type`` says that a tie stands for two."""
    return str(kind).strip().lower() in ("undirected", "mutual", "bidirectional", "reciprocal")


def _weigh(weight: Any, where: str) -> None:
    """Refuse a weight that is no weight of a tie."""
    value = number(weight)
    if value is None or not 0 < value <= HEAVIEST:
        raise InputError(
            f"a tie of weight {quoted(weight)}",
            where=where,
            why=f"a weight is a number above 0, up to {HEAVIEST:g}",
            fix="Remove the tie, or its weight: all ties count the same.",
        )


def _drawn(graph: nx.Graph[Any], members: _Members, path: Path) -> Iterator[_Tie]:
    """Yield the ties of a graph of GraphML or GEXF."""
    places = {
        node: _place(node, attributes, members, f"{path}:node {node}") for node, attributes in graph.nodes(data=True)
    }
    if twice := [place for place, times in Counter(places.values()).items() if times > 1]:
        nodes = [str(node) for node, place in places.items() if place == twice[0]]
        raise InputError("two nodes are the same member", where=str(path), why=f"{nodes[0]!r} and {nodes[1]!r}")
    mutual = not graph.is_directed()
    for u, v, attributes in graph.edges(data=True):
        weight = next((value for name, value in attributes.items() if str(name).lower() == "weight"), None)
        if isinstance(weight, str | int | float):  # else it is a course over time
            _weigh(weight, f"{path}:edge {u} {v}")
        yield _Tie(str(path), places[u], places[v], mutual)


def _place(node: Any, attributes: Mapping[str, Any], members: _Members, where: str) -> int:
    marked = attributes.get(PERSONA)
    index = whole(marked)
    if index is not None or (isinstance(marked, float) and not isinstance(marked, bool)):
        if index is None or not 0 <= index < len(members):
            why = f"personas are 0 to {len(members) - 1}"
            raise InputError(f"node {node!r} has persona {marked}", where=where.rpartition(":node")[0], why=why)
        return index
    called = [one_line(str(attributes[key])) for key in ("name", "label") if key in attributes] + [one_line(str(node))]
    return members.place(next(filter(members.knows, called), called[0]), where)


def _checked(ties: Sequence[_Tie], members: _Members) -> CSR:
    """Return ties as rows; a mutual one stands for two."""
    sources, targets = (
        np.fromiter(column, np.int64, len(ties)) for column in ((t.source for t in ties), (t.target for t in ties))
    )
    both = np.flatnonzero(np.fromiter((tie.mutual for tie in ties), bool, len(ties)))
    places = np.concatenate([np.arange(len(ties)), both])
    sources, targets = np.concatenate([sources, targets[both]]), np.concatenate([targets, sources[both]])

    def refuse(row: int, why: str) -> None:
        tie = ties[row]
        named = f"{members.names[tie.source]} -> {members.names[tie.target]}"
        raise InputError(f"tie {named} {why}", where=tie.where, fix="Remove it.")

    if (loops := np.flatnonzero(sources == targets)).size:
        refuse(int(places[loops[0]]), "ties a member to itself")
    keys = sources * len(members) + targets
    order = np.lexsort((places, keys))
    if (twice := np.flatnonzero(keys[order][1:] == keys[order][:-1])).size:
        refuse(int(places[order[1:][twice]].min()), "appears twice")
    return from_ties(len(members), sources, targets)
