"""Columns of a table that a click sorts: what an address says of the order, and the links in a table's head. Pure functions of text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from analysis.ui.address import PageAddress

T = TypeVar("T")


@dataclass(frozen=True)
class TableOrder:
    """By which column rows stand in order."""

    column: str
    descending: bool


def order_of(address: PageAddress, columns: Collection[str], default: str) -> TableOrder:
    """Return the order that an address asks for.

    Args:
        columns: those that can be sorted by; an address that names another one means ``default``, which is written as an address writes it.
    """
    asked = address.sort if address.sort.removeprefix("-") in columns else default
    return TableOrder(asked.removeprefix("-"), asked.startswith("-"))


def ranked(rows: Iterable[T], order: TableOrder, value: Callable[[T], Any]) -> list[T]:
    """Return rows in an order; those that the column says nothing of stand last either way, as they stood.

    Args:
        value: what a row has in the column; None for nothing.
    """
    values = [(value(row), row) for row in rows]
    known = sorted((pair for pair in values if pair[0] is not None), key=lambda pair: pair[0], reverse=order.descending)
    return [row for _, row in known] + [row for found, row in values if found is None]


def heading(
    address: PageAddress,
    order: TableOrder,
    name: str,
    label: str,
    *,
    number: bool = False,
    left: bool = False,
    title: str = "",
) -> dict[str, Any]:
    """Return the head of a column, with a link that sorts by it: numbers from the largest, words from the first, and again the other way round.

    Args:
        number: whether it is sorted as numbers, and stands to the right; not so with ``left``.
    """
    current = order.column == name
    descending = not order.descending if current else number
    return {
        "label": label,
        "title": title,
        "number": number and not left,
        "url": address.at(sort=f"{'-' if descending else ''}{name}", page_no=0).url,
        "sorted": ("descending" if order.descending else "ascending") if current else "none",
    }


def plain_heading(label: str, title: str = "") -> dict[str, Any]:
    """Return the head of a column that nothing is sorted by."""
    return {"label": label, "title": title, "number": False, "url": "", "sorted": ""}
