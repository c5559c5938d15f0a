"""Audience graphs from and to files: GraphML, GEXF, and tables of ties in CSV or Parquet.

A table of ties has the columns ``source`` (who follows) and ``target`` (whom), names or indices of members. In a file a graph
may be undirected; then each tie stands for two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from media_graph.csr import CSR, PERSONA, from_csr, from_ties
from moloch.errors import InputError

if TYPE_CHECKING:
    import polars as pl

FORMATS = (".graphml", ".gexf", ".csv", ".parquet")


def read_graph(path: Path | str, members: Sequence[str] | int, *, mutual: bool = False) -> CSR:
    """Return the ties of a file between members.

    Nodes are named by a member's name, or by its index where there is no such name. In GraphML and GEXF the node attribute
    ``persona``, where it is a number, comes first. Space around a name does not count in a table.

    Args:
        members: their names, in order; or how many there are.
        mutual: whether each tie of a table stands for two; GraphML and GEXF say so themselves.

    Raises:
        InputError: no such file or format; or a node that is no member, a tie twice or of a member to itself, with its
            place in the file; or an attribute ``persona`` that is a number and no member's.
    """
    path = Path(path)
    names = [str(i) for i in range(members)] if isinstance(members, int) else [str(name) for name in members]
    if path.suffix not in FORMATS:
        raise InputError(f"cannot read a graph from {path.name!r}", fix=f"Give a file of {', '.join(FORMATS)}.")
    if not path.exists():
        raise InputError("cannot read the graph", where=str(path), why="there is no such file")
    if path.suffix in (".csv", ".parquet"):
        sources, targets = _table(path, names)
        first_line = 2 if path.suffix == ".csv" else 1
    else:
        graph = _networkx(path)
        sources, targets = _edges(graph, names, path)
        mutual, first_line = not graph.is_directed(), None
    _check(sources, targets, path, first_line, names, mutual)
    if mutual:
        sources, targets = np.concatenate([sources, targets]), np.concatenate([targets, sources])
    return from_ties(len(names), sources, targets)


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
    if attributes and path.suffix not in (".graphml", ".gexf"):
        raise InputError(f"{path.name!r} holds ties only", fix="Write attributes to a file of .graphml or .gexf.")
    if path.suffix in (".graphml", ".gexf"):
        graph = from_csr(csr, attributes={**({"name": list(members)} if members else {}), **(attributes or {})})
        (nx.write_graphml if path.suffix == ".graphml" else nx.write_gexf)(graph, path)
    elif path.suffix in (".csv", ".parquet"):
        import polars as pl

        frame = pl.DataFrame(dict(zip(("source", "target"), csr.ties(), strict=True)))
        if members is not None:
            named = pl.Series(list(members))
            frame = frame.select(pl.col("source", "target").map_batches(lambda column: named.gather(column)))
        frame.write_csv(path) if path.suffix == ".csv" else frame.write_parquet(path)
    else:
        raise InputError(f"cannot write a graph to {path.name!r}", fix=f"Give a file of {', '.join(FORMATS)}.")


def _table(path: Path, names: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    import polars as pl

    try:
        frame = pl.read_csv(path, infer_schema=False) if path.suffix == ".csv" else pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise InputError("cannot read the graph", where=str(path), why=str(error).splitlines()[0]) from error
    if missing := [name for name in ("source", "target") if name not in frame.columns]:
        raise InputError(
            f"the table of ties has no column {missing[0]!r}",
            where=f"{path}:1",
            why=f"it has {', '.join(frame.columns)}",
            fix="Name the columns source (who follows) and target (whom).",
        )
    first_line = 2 if path.suffix == ".csv" else 1
    return tuple(_looked_up(frame[name], names, path, first_line, name) for name in ("source", "target"))  # pyright: ignore[reportReturnType]


def _looked_up(column: pl.Series, names: list[str], path: Path, first_line: int, name: str) -> NDArray[np.int64]:
    """Return members' indices, by name or else by number."""
    import polars as pl

    keys = [each.strip() for each in names]
    lookup = pl.DataFrame({"key": keys, "index": range(len(names))}, schema={"key": pl.String, "index": pl.Int64})
    try:
        asked = column.cast(pl.String).str.strip_chars()
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{name!r} holds no names or indices", where=str(path), why=str(error)) from error
    joined = pl.DataFrame({"key": asked}).join(
        lookup.unique("key", keep="first"), on="key", how="left", maintain_order="left"
    )
    number = asked.cast(pl.Int64, strict=False)
    number = number.set((number < 0) | (number >= len(names)), None)
    repeated = asked.is_in(lookup.filter(lookup["key"].is_duplicated())["key"].unique().implode())
    if repeated.any():
        row = int(repeated.arg_max() or 0)
        raise _ambiguous(str(asked[row]), f"{path}:{first_line + row}:{name}")
    index = joined["index"].fill_null(number)
    if index.null_count():
        row = int(index.is_null().arg_max() or 0)
        raise InputError(
            f"{column[row]!r} is no member",
            where=f"{path}:{first_line + row}:{name}",
            why=f"members are {names[0] if names else 'none'} ... ({len(names)}), or 0 to {len(names) - 1}",
        )
    return index.to_numpy()


def _ambiguous(name: str, where: str) -> InputError:
    return InputError(
        f"{name!r} is not one member",
        where=where,
        why="several have this name",
        fix="Give persona indices, or personas with different names.",
    )


def _networkx(path: Path) -> nx.Graph[Any]:
    try:
        return nx.read_graphml(path) if path.suffix == ".graphml" else nx.read_gexf(path)
    except Exception as error:  # the readers raise any error of their XML parser
        raise InputError("cannot read the graph", where=str(path), why=str(error)) from error


def _edges(graph: nx.Graph[Any], names: list[str], path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    index_of = {name: i for i, name in enumerate(names)}
    repeated = {name for name, times in Counter(names).items() if times > 1}
    index: dict[Any, int] = {}
    for node, attributes in graph.nodes(data=True):
        called = [str(attributes[key]) for key in ("name", "label") if key in attributes] + [str(node)]
        marked = attributes.get(PERSONA)
        if isinstance(marked, int | float):
            index[node] = _indexed(marked, node, len(names), path)
            continue
        number = str(called[0] if marked is None else marked)
        name = next((name for name in called if name in index_of), None)
        if number.isdecimal() and int(number) < len(names) and (PERSONA in attributes or name is None):
            index[node] = int(number)
        elif name is None:
            raise InputError(f"node {node!r} is no member", where=str(path), why=f"there are {len(names)} members")
        elif name in repeated:
            raise _ambiguous(name, str(path))
        else:
            index[node] = index_of[name]
    if len(set(index.values())) < len(index):
        raise InputError("two nodes are the same member", where=str(path))
    ties = [(index[u], index[v]) for u, v in graph.edges()]
    both = np.array(ties, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _indexed(given: float, node: Any, n: int, path: Path) -> int:
    if given not in range(n):
        raise InputError(f"node {node!r} has persona {given}", where=str(path), why=f"personas are 0 to {n - 1}")
    return int(given)


def _check(
    sources: NDArray[np.int64],
    targets: NDArray[np.int64],
    path: Path,
    first_line: int | None,
    names: list[str],
    mutual: bool,
) -> None:
    def refuse(row: int, why: str) -> None:
        tie = f"{names[sources[row]]} -> {names[targets[row]]}"
        where = str(path) if first_line is None else f"{path}:{first_line + row}"
        raise InputError(f"tie {tie} {why}", where=where, fix="Remove it.")

    if (loops := np.flatnonzero(sources == targets)).size:
        refuse(int(loops[0]), "ties a member to itself")
    low, high = (np.minimum(sources, targets), np.maximum(sources, targets)) if mutual else (sources, targets)
    keys = low * len(names) + high
    order = np.argsort(keys, kind="stable")
    if (twice := np.flatnonzero(keys[order][1:] == keys[order][:-1])).size:
        refuse(int(order[1:][twice].min()), "stands there twice")
