"""Rivals: writers of training contests that do not learn. Base, an adapter that was learnt before, or any model that is served.

Reads settings as they are recorded; which files an adapter has says :mod:`learning.runs.rival_adapters`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from learning.arms.arm import arms_of, bases_of
from learning.arms.markets import BASE, MOST_MESSAGES


@dataclass(frozen=True)
class Rival:
    """A rival with a name of its own.

    Attributes:
        model: that writes, as settings name it; empty for the run's.
        adapter: that it writes with: ``RUN#ARM``, ``RUN#ARM@EPOCH``, or a folder; empty for none.
        id: content id of the adapter; empty where it is not known yet.
    """

    name: str
    model: str = ""
    adapter: str = ""
    id: str = ""


def rivals_of(record: Mapping[str, Any]) -> dict[str, Rival]:
    """Return name -> rival of recorded settings, base left out; what is none is left out.

    Args:
        record: settings as a log holds them (:class:`abm.events.RunConfigured`).
    """
    markets = record.get("markets")
    found: dict[str, Rival] = {}
    for _, market in sorted(markets.items()) if isinstance(markets, Mapping) else ():
        given = market.get("rivals") if isinstance(market, Mapping) else None
        for each in given[:MOST_MESSAGES] if isinstance(given, list | tuple) else ():
            if isinstance(each, Mapping) and (name := str(each.get("name", ""))) not in ("", BASE):
                found.setdefault(name, Rival(name, *(_text(each.get(key)) for key in ("model", "adapter", "id"))))
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def other_models(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the competitors for whom another model writes than the run's, each with that model: base models first, then the learners
    that stand on them, then rivals."""
    arms = arms_of(record)
    bases = bases_of(record, arms)
    yield from {bases[name]: arms[name].model for name in bases}.items()
    yield from ((name, arms[name].model) for name in bases)
    for rival in rivals_of(record).values():
        if rival.model and rival.model != record.get("model"):
            yield rival.name, rival.model
