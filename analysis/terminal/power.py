"""What a study can find, in the terminal: the answer first, then tables that fit 80 columns. Knows mappings; knows nothing of pages and logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, count, measured, number, short
from analysis.terminal.grid import add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

ROWS = 24
"""Outcomes that are shown; --json has all."""
MOST = 100.0
"""Points that two shares may differ by at most; a design that would take more finds nothing."""
ENDS = {
    "training": "training",
    "anchor": "anchor",
    "person": "person",
    "training x anchor": "message",
    "residual": "rest",
}
"""Components that have a column of their own, and its heading; all others together are the rest."""


def render_power(told: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what to print, in order.

    Args:
        told: as ``analysis.studies.designs.planned_power.StudyPower.as_dict`` makes it.
    """
    from rich.text import Text

    yield Text(f"{told['name']}: {told['answer']}", style="bold")
    rows = _distinct(told["outcomes"])
    if any(row["detectable"] is not None for row in rows):
        yield from _found(rows, told["power"])
    yield from _components(rows)
    if told["wanted"] is not None or len(told["designs"]) > 1:
        yield from _designs(told["designs"])
    yield from (Text(line) for line in _single(told["single_trainings"]))
    yield Text("\n".join(_notes(told, rows)), style="dim")


def detectable_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what can be detected, in a line for each design: as the plan of a study shows it.

    Args:
        rows: as ``analysis.studies.power.detectable.Detectable.as_dict`` makes them.
    """
    by_levels: dict[tuple[str, float], list[str]] = {}
    for row in _distinct(rows):
        found = _possible(row["detectable"])
        said = f"{number(found, 1)} points of {row['said']}" if found is not None else f"no effect on {row['said']}"
        by_levels.setdefault((_levels(row), row["power"]), []).append(said + _beyond(row))
    for (levels, power), parts in by_levels.items():
        yield f"{levels + ': ' if levels else ''}can detect {', '.join(parts)}, at power {power:g} (default components)"


def _possible(points: float | None) -> float | None:
    """Return a difference of shares in points, or None where there can be none so large."""
    return points if points is not None and points <= MOST else None


def _beyond(row: Mapping[str, Any]) -> str:
    """Return that an outcome's margin cannot be found, or that none is within it cannot be shown; nothing where both can."""
    margin, found = row["margin"], (row["detectable"], row["equivalence_margin"])
    if margin is None or all(each is not None and each <= margin for each in found):
        return ""
    return f" (its margin is {margin:g}: the result would be 'cannot tell')"


def _levels(row: Mapping[str, Any]) -> str:
    return ", ".join(row["levels"].values())


def _distinct(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows without those that differ in the arm alone; a row of several arms says so."""
    kept: dict[Any, dict[str, Any]] = {}
    for row in rows:
        rest = {name: value for name, value in row.items() if name not in ("arm", "variances")}
        key = repr(rest) + repr(row["variances"]["components"])
        if key in kept:
            kept[key]["arms"].append(row["arm"])
        else:
            kept[key] = dict(row, arms=[row["arm"]])
    return [
        {name: value for name, value in row.items() if name != "arms"} | {"arm": _arms(row)} for row in kept.values()
    ]


def _arms(row: Mapping[str, Any]) -> str:
    return ", ".join(row["arms"]) if len(row["arms"]) < 3 else f"{len(row['arms'])} arms"


def _found(rows: Sequence[Mapping[str, Any]], power: float) -> Iterator[RenderableType]:
    from rich.text import Text

    sizes = {(row["seeds"], row["anchors"], row["people"]) for row in rows}
    one_size = len({size[:2] for size in sizes}) == 1 and len({people for *_, people in sizes} - {None}) < 2
    ranges = any(row["detectable_low"] != row["detectable_high"] for row in rows)
    wanted = any(row["wanted"] is not None for row in rows)
    columns = [*([] if one_size else ["seeds", "anchors", "people"]), "finds, 80 % range" if ranges else "finds"]
    columns += ["none within", *(["power for"] if wanted else [])]
    if one_size:
        yield Text(_size(rows))
    grid = _grid(f"Found with power {power:g}, in points", columns)
    for row in _sections(grid, rows[:ROWS]):
        cells = [] if one_size else [str(row["seeds"]), str(row["anchors"]), _or_dash(row["people"])]
        cells.append(_finds(row))
        cells.append(number(row["equivalence_margin"], 1))
        if wanted:
            shown = f"{row['wanted']:g}: {number(row['power_at_wanted'], 2)}" if row["wanted"] is not None else DASH
            cells.append(shown)
        add_row(grid, *_label(row), *cells)
    yield grid
    if len(rows) > ROWS:
        yield Text(f"and {len(rows) - ROWS:,} more; --json has them")


def _finds(row: Mapping[str, Any]) -> str:
    """Return the detectable effect in points, with its range where the pilots leave one open; ``none`` if it cannot be so large."""
    if row["detectable"] is not None and _possible(row["detectable"]) is None:
        return "none"
    low, high = row["detectable_low"], row["detectable_high"]
    return (
        measured({"value": row["detectable"], "low": low, "high": high}, 1)
        if low != high
        else number(row["detectable"], 1)
    )


def _grid(title: str, columns: Sequence[str]) -> Any:
    """Return a table whose rows begin with an outcome and an arm."""
    grid = new_table(title, ["outcome", "arm", *columns])
    grid.columns[1].justify = "left"
    return grid


def _sections(grid: Any, rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield rows; before the first of those levels, a line of the table names them."""
    before = ""
    for row in rows:
        if (levels := _levels(row)) != before:
            if before:
                grid.add_section()
            add_row(grid, short(levels, 30))
            before = levels
        yield row


def _label(row: Mapping[str, Any]) -> list[str]:
    said = short(row["said"].split(" from ")[0], 18)
    name = f"{row['hypothesis']} {said}" if row["hypothesis"] else said
    return [f"  {name}" if _levels(row) else name, short(row["arm"], 14)]


def _size(rows: Sequence[Mapping[str, Any]]) -> str:
    people = next((row["people"] for row in rows if row["people"] is not None), None)
    voting = f" and {people:,} people" if people is not None else ""
    return (
        f"The page's design: {count(rows[0]['seeds'], 'seed')}, {rows[0]['anchors']:,} held-out anchors{voting} each."
    )


def _or_dash(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def _components(rows: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    grid = _grid("By what outcomes vary: standard deviations in points", [*ENDS.values(), "from"])
    grid.columns[-1].justify = "left"
    for row in _sections(grid, rows[:ROWS]):
        parts = row["variances"]["components"]
        named = {part["name"]: (part["sd"], part["negative"]) for part in parts}
        rest = sum(sd**2 for name, (sd, _) in named.items() if name not in ENDS or name == "residual") ** 0.5
        named["residual"] = rest, False
        cells = [
            f"{number(named[name][0], 1)}{'*' if named[name][1] else ''}" if name in named else DASH for name in ENDS
        ]
        add_row(grid, *_label(row), *cells, _origin(parts))
    yield grid


def _origin(parts: Sequence[Mapping[str, Any]]) -> str:
    origins = {"default" if part["origin"] == "default" else "pilot" for part in parts}
    return ", ".join(sorted(origins, reverse=True))


def _designs(designs: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    hardest = designs[0]["hardest"]
    where = f" ({_levels(hardest)})" if _levels(hardest) else ""
    costs = [design["cost"] or {"calls": None, "usd": None, "hours": None} for design in designs]
    paid, timed = any(cost["usd"] for cost in costs), any(cost["hours"] is not None for cost in costs)
    margins = any(design["hardest"]["margin"] is not None for design in designs)
    columns = [
        "design",
        "seeds",
        "anchors",
        "people",
        "drawn",
        "finds",
        "power",
        *(["within"] if margins else []),
        "calls",
    ]
    grid = new_table(
        f"Designs, by {hardest['said']}{where}", [*columns, *(["USD"] if paid else []), *(["hours"] if timed else [])]
    )
    for design, cost in zip(designs, costs, strict=True):
        row = design["hardest"]
        add_row(
            grid, design["design"], str(design["seeds"]), str(design["anchors"]), str(design["people"]),
            "anew" if design["redrawn"] else "once", number(row["detectable"], 1), number(row["power_at_wanted"], 2),
            *([number(row["equivalence_margin"], 1)] if margins else []), number(cost["calls"]),
            *([number(cost["usd"], 2)] if paid else []), *([number(cost["hours"], 1)] if timed else []),
        )  # fmt: skip
    yield grid


def _single(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        than = row["compared_with"] or "its comparator"
        has = f"{count(row['repeats'], 'training')} of {than}"
        effect = f"{number(row['detectable'], 1)} points of {row['said']}"
        if row["allowed"]:
            yield f"With {has}, the sharp null can be tested ({row['arm']}): it finds {effect}. There is no interval for the effect."
        else:
            yield (
                f"With {has} nothing can be tested ({row['arm']}). repeats: {row['with_repeats']} of {than} would test the sharp null, and find {effect}; "
                "an interval of the effect takes two seeds or more."
            )


def _notes(told: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    tests = {(row["alpha"], row["sides"]) for row in rows}
    for alpha, sides in sorted(tests):
        family = f", the strictest of {round(0.05 / alpha)} (Holm)" if alpha < 0.05 else ""
        yield f"Tests are {'two' if sides == 2 else 'one'}-sided at {alpha:.3g}{family}; equivalence is two one-sided tests at {alpha:.3g}."
    yield "Finds: the true effect that is found. None within, within: the margin that an effect of 0 is shown to be within."
    if any(row["detectable"] is not None and _possible(row["detectable"]) is None for row in rows):
        yield "None: it would take a difference of more than 100 points."
    if any(row["detectable_low"] != row["detectable_high"] for row in rows):
        yield "80 % range: of what is found, by what the pilots leave open."
    for said in dict.fromkeys(row["variances"]["said"] for row in rows):
        yield f"Components: {said}."
    if any(part["negative"] for row in rows for part in row["variances"]["components"]):
        yield "* The pilots' equations give less than 0; the nearest components that are not negative are taken."
    if any("default" in row["variances"]["said"] for row in rows):
        yield "Defaults were measured on the pocket model and its choice audience: no evidence about real LLMs. --pilot RUN measures yours."
    yield from (f"{said[:1].upper()}{said[1:]}: outcomes may vary in another way." for said in told["differences"])
    if told["designs"] and any(design["redrawn"] for design in told["designs"]):
        yield "Drawn again for each seed: redraw: {held_out_anchors: per_seed, held_out_personas: per_seed}."
    if told["scope"]:
        yield told["scope"]
