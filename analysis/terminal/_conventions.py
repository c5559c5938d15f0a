"""Outcomes by other conventions for the terminal: forfeits, ties, length and format, of a run or over a study's cells.

Knows rows of :func:`analysis.tables.controlled.controlled` and of a study's frame; knows nothing of how they were estimated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, bounds, difference, known, number, number_bounds, percent, points, short
from analysis.tables.conventions import (
    CONTESTS_WON,
    CONTROLLED,
    OF_VOTES,
    TIES_HALF,
    WIN_RATE,
    WITHOUT_FORFEITS,
    at_equal_length,
    per_100_words,
)
from analysis.terminal.grid import Row, add_row, from_comparator, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

CONVENTIONS = {
    WIN_RATE: "votes, forfeits lost",
    WITHOUT_FORFEITS: "votes, forfeits left out",
    CONTROLLED: "votes, at equal style",
    CONTESTS_WON: "contests, ties left out",
    TIES_HALF: "contests, ties half",
}
"""Outcome -> how it counts."""
LEVEL = 12
MEDIATOR = "Style is length and format. It may be how an arm wins: the comparison at equal style answers another question and is not a correction."
_PER_100 = per_100_words("")
_Key = tuple[str, ...]


def convention_tables(rows: Sequence[Row], by: Sequence[str]) -> Iterator[RenderableType]:
    """Yield wins by each convention, and probes at equal length and per 100 words.

    Args:
        rows: of a study's frame.
        by: factors that split them.
    """
    from rich.text import Text

    found: dict[_Key, dict[tuple[str, str], Row]] = {}
    for row in rows:
        key = (*(DASH if row[name] is None else short(str(row[name]), LEVEL) for name in by), row["arm"])
        found.setdefault(key, {})[row["outcome"], row["measure"]] = row
    if not found:
        return
    yield _wins(found, by, from_comparator(rows))
    yield Text(MEDIATOR, style="dim")
    probes = dict.fromkeys(row["outcome"].removesuffix(_PER_100) for row in rows if row["outcome"].endswith(_PER_100))
    if probes:
        yield from _probes(found, by, list(probes), from_comparator(rows))


def controlled_tables(arms: Mapping[str, Any], beside: Mapping[str, Any], *, withheld: bool) -> list[RenderableType]:
    """Return the same of a run, and how much of what was won length and format predict.

    Args:
        arms: as a run's table has them.
        beside: as :func:`analysis.tables.controlled.controlled` returns it.
        withheld: whether votes are evidence of nothing.
    """
    rows = [_flat(row, row["estimate"], withheld=withheld) for row in beside["rows"]]
    for arm, row in arms.items():
        lost, kept = ("win_rate", "against_placebo"), ("without_forfeits", "against_placebo_without_forfeits")
        for outcome, names in ((WIN_RATE, lost), (WITHOUT_FORFEITS, kept)):
            for measure, name in zip(("rate", "from_comparator"), names, strict=True):
                place = {"arm": arm, "outcome": outcome, "measure": measure, "compared_with": row["compared_with"]}
                rows.append(_flat(place, row[name], withheld=withheld))
    tables = list(convention_tables(rows, ()))
    if withheld:
        return tables
    from rich.text import Text

    said = Text(f"Style cannot be controlled for:  {beside['why']}.", style="dim") if beside["why"] else None
    return [*tables[:1], said or _gains(beside["gains"]), *tables[1:]]


def _flat(place: Mapping[str, Any], estimate: Mapping[str, Any], *, withheld: bool) -> dict[str, Any]:
    """Return an estimate of a run as a row of a study's frame."""
    numbers = {"estimate": estimate["value"], "low": estimate["low"], "high": estimate["high"]}
    return {**place, **numbers, "withheld": "yes" if withheld and place["outcome"] in OF_VOTES else ""}


def _wins(found: Mapping[_Key, Mapping[tuple[str, str], Row]], by: Sequence[str], beyond: str) -> Any:
    grid = new_table("Wins by several conventions, 95 % CI", [*by, "arm", "counted", "share", beyond])
    for column in grid.columns[: len(by) + 2]:
        column.justify = "left"
    for key, of in found.items():
        labels = list(key)
        for outcome, counted in CONVENTIONS.items():
            rate, less = of.get((outcome, "rate")), of.get((outcome, "from_comparator"))
            if rate is not None:
                add_row(grid, *labels, counted, _share(rate), _difference(less))
                labels = [""] * len(key)
        grid.add_section()
    return grid


def _probes(
    found: Mapping[_Key, Mapping[tuple[str, str], Row]], by: Sequence[str], probes: Sequence[str], beyond: str
) -> Iterator[Any]:
    """Yield probes at equal length, then per 100 words."""
    equal = new_table("Probes at equal length, 95 % CI", [*by, "arm", "probe", "from base", beyond])
    dense = new_table("Spans of evidence per 100 words, 95 % CI", [*by, "arm", "probe", "base", "after", beyond])
    for grid in (equal, dense):
        for column in grid.columns[: len(by) + 2]:
            column.justify = "left"
        for key, of in found.items():
            labels = list(key)
            for probe in (probe for probe in probes if (per_100_words(probe), "after") in of):
                add_row(grid, *labels, probe, *(_equal(of, probe) if grid is equal else _dense(of, probe)))
                labels = [""] * len(key)
            grid.add_section()
        yield grid


def _equal(of: Mapping[tuple[str, str], Row], probe: str) -> list[str]:
    return [_difference(of.get((at_equal_length(probe), measure))) for measure in ("from_base", "from_comparator")]


def _dense(of: Mapping[tuple[str, str], Row], probe: str) -> list[str]:
    rows = [of.get((per_100_words(probe), measure)) for measure in ("base", "after", "from_comparator")]
    return [_number(rows[0]), _number(rows[1]), _number_difference(rows[2])]


def _gains(rows: Sequence[Row]) -> Any:
    grid = new_table(
        "What style has to do with votes (forfeits left out), points",
        ["arm", "beyond", "won", "at equal style", "by style", "share, 95 % CI"],
    )
    for row in rows:
        if row["why"]:
            add_row(
                grid, row["arm"], row["compared_with"] or "base", points(row["raw"]), short(row["why"], 60), DASH, DASH
            )
            continue
        share = f"{percent(row['share']['value'], 0)} {bounds(row['share'], 0)}".rstrip()
        values = (points(row[name]) for name in ("raw", "controlled", "from_style"))
        add_row(grid, row["arm"], row["compared_with"] or "base", *values, share)
    return grid


def _shown(row: Row) -> dict[str, Any]:
    return {"value": row["estimate"], "low": row["low"], "high": row["high"]}


def _share(row: Row) -> str:
    return DASH if row["withheld"] else f"{percent(row['estimate'])} {bounds(_shown(row))}".rstrip()


def _difference(row: Row | None) -> str:
    return DASH if row is None or row["withheld"] else difference(_shown(row))


def _number(row: Row | None) -> str:
    return DASH if row is None else number(row["estimate"], 2)


def _number_difference(row: Row | None) -> str:
    if row is None or not known(row["estimate"]):
        return DASH
    return f"{number(row['estimate'], 2)} {number_bounds(_shown(row))}".rstrip()
