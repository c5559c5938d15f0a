"""The lineage of adapters as a tree: which continues which, how each was evaluated, and which alarms there were.

Rates are those of :mod:`analysis.tables.evaluation`; none is computed here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from abm.events import AdapterTrained
from analysis.formats import bounds, count, percent, short
from analysis.readings.book import Book
from analysis.readings.contests import Evaluation
from analysis.statistics.estimates import plain
from analysis.tables.evaluation import probe_table, win_rate
from analysis.ui.address import PageAddress
from analysis.ui.data.behind import contests_url, verdicts_url
from analysis.ui.data.doors import event_url
from analysis.ui.data.looks import colours
from learning.arms.arm import arms_of, bases_of
from learning.arms.markets import BASE
from learning.fitness.observation import NOT_A_READER
from learning.runs.watch import said

MOST_RATES = 3
"""Probes of strategy whose rates stand at a node."""


class NodeRates(NamedTuple):
    """What evaluations found of the adapters.

    Attributes:
        wins: (arm, epoch) -> its win rate over base, as plain numbers.
        probes: (arm, epoch) -> the rows of its strategy probes, as plain numbers.
        withheld: whether votes are evidence of nothing, so that there are no win rates.
    """

    wins: dict[tuple[str, int], dict[str, Any]]
    probes: dict[tuple[str, int], list[dict[str, Any]]]
    withheld: bool

    @property
    def said(self) -> str:
        """What they are of, in a sentence; empty where nothing was evaluated."""
        if not (self.wins or self.probes):
            return ""
        estimates = [*self.wins.values(), *(row["after"] for rows in self.probes.values() for row in rows)]
        held = ", with 95 % intervals" if any(each["low"] is not None for each in estimates) else ""
        return f"Shares of votes and rates of probes are of held-out anchors{held}."


def node_rates(evaluation: Evaluation) -> NodeRates:
    """Return what the tree shows of evaluations; it may take a while."""
    wins, probes = {}, defaultdict(list)
    withheld = bool(evaluation.models.withheld)
    for epoch in evaluation.epochs:
        for arm in evaluation.arms():
            if not withheld and evaluation.of(arm, epoch):
                wins[arm, epoch] = plain(win_rate(evaluation, arm, epoch=epoch))
        for row in probe_table(evaluation, epoch=epoch):
            if row.kind == "strategy" and row.base.n and evaluation.of(row.arm, epoch):
                probes[row.arm, epoch].append(plain(row))
    return NodeRates(wins, dict(probes), withheld)


def tree(book: Book, rates: NodeRates | None, address: PageAddress) -> list[dict[str, Any]]:
    """Return the roots of the tree, with all that continues them; ``rates``: None while they are read."""
    nodes = {(each.arm, each.epoch): _node(book, each, rates, address) for each in book.adapters}
    bases = bases_of(book.config, arms_of(book.config))
    roots: dict[str, dict[str, Any]] = {}
    for each in book.adapters:
        parent = _parent(book, each)
        if parent is not None:
            nodes[parent.arm, parent.epoch]["children"].append(nodes[each.arm, each.epoch])
            continue
        name = bases.get(each.arm, BASE) if not each.parent else ""
        key = name or each.parent
        if key not in roots:
            roots[key] = _root(book, each, name, rates, address)
        roots[key]["children"].append(nodes[each.arm, each.epoch])
    _align(
        list(roots.values()), {epoch: i for i, epoch in enumerate(sorted({each.epoch for each in book.adapters}))}, -1
    )
    return list(roots.values())


def _align(nodes: list[dict[str, Any]], columns: Mapping[int, int], left: int) -> None:
    """Say of each node how many columns are empty between it and what it continues, so that those of one epoch stand in one column.

    Args:
        columns: epoch -> its column; roots stand in column -1, ``left`` of which there is nothing.
    """
    for node in nodes:
        column = columns.get(node["epoch"], left)
        node["skip"] = max(0, column - left - 1)
        _align(node["children"], columns, column)


def _parent(book: Book, trained: AdapterTrained) -> AdapterTrained | None:
    """Return the training that another continues: the newest before it that came to its parent, its own arm's where there are several."""
    if not trained.parent:
        return None
    found = [each for each in book.adapters if each.adapter == trained.parent and each.seq < trained.seq]
    own = [each for each in found if each.arm == trained.arm]
    return (own or found)[-1] if found else None


def _node(book: Book, trained: AdapterTrained, rates: NodeRates | None, address: PageAddress) -> dict[str, Any]:
    place = trained.arm, trained.epoch
    alarms = [said(alarm) for alarm in book.alarms if (alarm.arm, alarm.epoch) == place]
    return {
        "key": f"{trained.arm}/{trained.epoch}",
        "name": f"{trained.arm}, epoch {trained.epoch}",
        "colour": colours(book.config).get(trained.arm, ""),
        "epoch": trained.epoch,
        "id": trained.adapter,
        "to": event_url(address, trained.seq),
        "text": f"{trained.method}: {count(trained.rows, 'row')}, {count(trained.steps, 'step')}",
        "figures": _figures(book.config, *place, rates, address),
        "alarms": alarms,
        "children": [],
    }


def _root(
    book: Book, first: AdapterTrained, name: str, rates: NodeRates | None, address: PageAddress
) -> dict[str, Any]:
    """Return a node that is no training of this run: a base model, or an adapter that was learnt elsewhere."""
    seen = next((rows for (arm, _), rows in (rates.probes if rates else {}).items() if name and arm == first.arm), [])
    epoch = next((epoch for arm, epoch in (rates.probes if rates else {}) if arm == first.arm), 0)
    figures = [
        _rate(row, "base", verdicts_url(address, book.config, first.arm, epoch, row["probe"], "base"))
        for row in seen[:MOST_RATES]
    ]
    return {
        "key": name or first.parent,
        "name": "base model" if name == BASE else name or "an adapter of another run",
        "colour": colours(book.config).get(name, ""),
        "epoch": 0,
        "id": "" if name else first.parent,
        "to": "",
        "text": short(book.model) if name == BASE else "",
        "figures": figures,
        "alarms": [],
        "children": [],
    }


def _figures(
    config: Mapping[str, Any], arm: str, epoch: int, rates: NodeRates | None, address: PageAddress
) -> list[dict[str, str]]:
    """Return the rates that stand at a node; none where it was not evaluated."""
    if rates is None:
        return []
    figures = []
    win = rates.wins.get((arm, epoch))
    if win is not None:
        to = contests_url(address, config, arm, epoch)
        figures.append({"name": "wins over base", "value": percent(win["value"]), "bounds": bounds(win), "to": to})
    elif rates.withheld and (arm, epoch) in rates.probes:
        figures.append({"name": "wins over base", "value": NOT_A_READER, "bounds": "", "to": ""})
    for row in rates.probes.get((arm, epoch), [])[:MOST_RATES]:
        figures.append(_rate(row, "after", verdicts_url(address, config, arm, epoch, row["probe"], "after")))
    return figures


def _rate(row: dict[str, Any], side: str, to: str) -> dict[str, str]:
    return {"name": row["probe"], "value": percent(row[side]["value"]), "bounds": bounds(row[side]), "to": to}
