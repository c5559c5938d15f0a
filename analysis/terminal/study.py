"""A study in the terminal: its results, its plan and how far it is, in tables that fit 80 columns.

Knows rows and mappings; knows nothing of logs, pages or statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.answers import answer, flag_lines
from analysis.formats import (
    DASH,
    bounds,
    comparator_name,
    comparisons,
    conclusions_corrected,
    count,
    difference,
    number,
    p_value,
    percent,
    short,
)
from analysis.tables.conventions import WIN_RATE
from analysis.terminal._answer import answer_lines
from analysis.terminal._conventions import convention_tables
from analysis.terminal._registered import render_registered
from analysis.terminal._scopes import scope_tables
from analysis.terminal.grid import Row, add_row, new_table
from moloch.plain_text import near_paths

if TYPE_CHECKING:
    from rich.console import RenderableType

NAMED = 8
"""Missing cells, impossible combinations and the like that are named one by one."""
LEVEL = 14
"""Characters of a level in a table."""


def render_results(results: Mapping[str, Any], *, full: bool = False) -> Iterator[RenderableType]:
    """Yield what to print of the results of a study, in order: the answer, then the tables.

    Args:
        full: with failures of skill, what each interval speaks of, and the same outcomes by other conventions, too.
        results: as ``analysis.studies.findings.results.StudyResults.as_dict`` makes it.
    """
    from rich.text import Text

    rows, by = results["rows"], results["by"]
    yield Text(_head(results), style="bold")
    yield from (Text(line, style="bold yellow") for line in _warnings(results))
    levels = [row for row in rows if not row["sampled"]]
    estimates = [
        row for row in levels if not row.get("between") and all(row[name] is not None for name in by)
    ]  # others are of hypotheses alone
    if lines := _withheld(estimates):
        yield from (Text(line, style="bold red") for line in lines)
    yield from answer_lines(answer(results))
    yield Text("")
    yield from render_registered(results["preregistration"], results["exploratory"])
    yield Text("")
    yield from _votes(estimates, by)
    if any(row["kind"] == "votes" for row in estimates):
        yield Text(_primary(results["preregistration"], full=full), style="dim")
    for kind, title in {"strategy": "Misbehaviour", **({"copying": "Copying"} if full else {})}.items():
        yield from _probes([row for row in estimates if row["kind"] == kind], by, title)
    if full:
        yield from scope_tables(estimates, lambda row: levels_of(row, by))
        yield from convention_tables(estimates, by)
    yield from _sensitivity([row for row in rows if row["sampled"]], by)
    if compared := comparisons({row["arm"]: row["compared_with"] for row in rows}):
        yield Text(compared)
    hold = (
        ""
        if all(row["low"] is None for row in estimates)
        else "Differences are in percentage points; intervals hold 95 %."
    )
    corrected = conclusions_corrected(estimates)
    yield Text(f"{hold}{corrected and f' {corrected}'}{_averaged(results)}".strip(), style="dim")
    yield from (Text(line, style="dim") for line in _told(results, "validity"))
    yield from (Text(line, style="yellow") for line in absent_lines(results))
    yield from (Text(line, style="bold yellow") for line in _told(results, "note"))


def _head(results: Mapping[str, Any]) -> str:
    seeds = results["seeds"]
    return f"{results['name']}: {count(results['cells'], 'cell')}, {count(len(seeds), 'seed')}"


def _warnings(results: Mapping[str, Any]) -> list[str]:
    return [
        *([] if results["preregistration"] else stopping_lines(results["extensions"], results["looks"])),
        *changed_lines(results["changed_said"]),
        *(f"Flagged: {line}." for line in flag_lines(_flags(results), results["cells"])),
    ]


def _flags(results: Mapping[str, Any]) -> dict[str, int]:
    said = results["said"]
    return {line: number for line, number in said.get("flags", {}).items() if line not in said.get("withheld", {})}


def stopping_lines(extensions: int, looks: int) -> Iterator[str]:
    """Yield how often a study was extended, and looked at before its end: one could have stopped there."""
    if extensions:
        yield f"Extended {_times(extensions)} after it had begun: its log says when, and with what."
    if looks:
        yield f"Looked at {_times(looks)} before its end: its log says when."


def changed_lines(said: str) -> Iterator[str]:
    """Yield that inputs are not what cells began with, and what these results are of; nothing for none."""
    if said:
        yield f"Since then {said}. Results are of the inputs that each cell began with, which its run keeps."


def _times(times: int) -> str:
    return "once" if times == 1 else f"{times} times"


def _told(results: Mapping[str, Any], name: str) -> list[str]:
    """Return sentences that runs say of themselves, with how many say it where not all do."""
    said = results["said"].get(name, {})
    return [
        line if n == results["cells"] else f"{line} ({n:,} of {results['cells']:,} cells)" for line, n in said.items()
    ]


def _withheld(rows: Sequence[Row]) -> list[str]:
    reasons = dict.fromkeys(row["withheld"] for row in rows if row["withheld"])
    return [f"No win rates where: {reason}. With --json the numbers are there, flagged." for reason in reasons]


def _averaged(results: Mapping[str, Any]) -> str:
    others = [name for name in results["factors"] if name not in results["by"]]
    return f" Averaged over {', '.join(others)}." if others else ""


def _votes(rows: Sequence[Row], by: Sequence[str]) -> Iterator[RenderableType]:
    groups = _measures([row for row in rows if row["outcome"] == WIN_RATE], by)
    if not groups:
        return
    every = [each for group in groups.values() for each in group.values()]
    grid, counts = _grid("Votes", by, [_beyond(every), "p (adjusted)", "win rate"], every)
    for labels, group in blocks(groups, grid):
        share, beyond = group.get("rate"), group.get("from_comparator")
        changes = points_of(beyond), p_value(beyond and beyond["p_adjusted"])
        add_row(grid, *labels, *changes, _share(share), *_cells(group, counts))
    yield grid


def _primary(preregistration: Mapping[str, Any] | None, *, full: bool) -> str:
    """Return which way to count forfeits is the primary one, and where the other stands."""
    declared = (preregistration or {}).get("declared", {}).get("forfeits")
    other = "" if full else "; --full shows the other conventions"
    return f"Primary: forfeits {declared or 'lost'}{', as the page declares' if declared else ''}{other}."


def _probes(rows: Sequence[Row], by: Sequence[str], title: str) -> Iterator[RenderableType]:
    for probe in dict.fromkeys(sorted(row["outcome"] for row in rows)):
        of_probe = [row for row in rows if row["outcome"] == probe]
        columns = [_beyond(of_probe), "base", "after", "from base"]
        grid, counts = _grid(f"{title}: {probe}", by, columns, of_probe)
        for labels, group in blocks(_measures(of_probe, by), grid):
            rates = [percent(group[name]["estimate"]) if name in group else DASH for name in ("base", "after")]
            changes = [points_of(group.get("from_comparator")), *rates, points_of(group.get("from_base"))]
            add_row(grid, *labels, *changes, *_cells(group, counts))
        yield grid


def _beyond(rows: Sequence[Row]) -> str:
    """Return the heading of the decisive column."""
    return f"beyond {comparator_name(row['compared_with'] for row in rows)}"


def _grid(title: str, by: Sequence[str], columns: Sequence[str], rows: Sequence[Row]) -> tuple[Any, bool]:
    """Return a table, and whether it has a column of cells: where all rows have as many, its title says so."""
    numbers = {(row["cells"], row["missing"]) for row in rows}
    alike = len(numbers) == 1 and not next(iter(numbers))[1]
    of = f" ({count(next(iter(numbers))[0], 'cell')} in each row)" if alike else ""
    grid = new_table(title + of, [*by, "arm", *columns, *([] if alike else ["cells"])])
    for column in grid.columns[: len(by) + 1]:
        column.justify = "left"
    return grid, not alike


def _sensitivity(rows: Sequence[Row], by: Sequence[str]) -> Iterator[RenderableType]:
    for outcome, measure in dict.fromkeys((row["outcome"], row["measure"]) for row in rows):
        of_measure = [row for row in rows if (row["outcome"], row["measure"]) == (outcome, measure)]
        sampled = list(dict.fromkeys(row["sampled"] for row in of_measure))
        index, _, of = measure.replace("_", " ").partition(" of ")
        title = f"Sensitivity: {index.replace('mu star', 'mu*')} of {outcome}, {of}"
        grid, counts = _grid(title, by, sampled, of_measure)
        groups: dict[tuple[str, ...], dict[str, Row]] = {}
        for row in of_measure:
            groups.setdefault((*levels_of(row, by), row["arm"]), {})[row["sampled"]] = row
        for labels, group in blocks(groups, grid):
            add_row(grid, *labels, *(_index(group.get(name)) for name in sampled), *_cells(group, counts))
        yield grid


def _measures(rows: Sequence[Row], by: Sequence[str]) -> dict[tuple[str, ...], dict[str, Row]]:
    groups: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        groups.setdefault((*levels_of(row, by), row["arm"]), {})[row["measure"]] = row
    return groups


def levels_of(row: Row, by: Sequence[str]) -> tuple[str, ...]:
    """Return the levels of a row, as a table shows them."""
    return tuple(DASH if row[name] is None else short(level(row[name]), LEVEL) for name in by)


def level(value: object) -> str:
    """Return how a level is shown."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def blocks(groups: Mapping[tuple[str, ...], Any], grid: Any, inner: int = 1) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each group with its labels, without those that the row above has, too.

    Args:
        groups: labels -> what stands in the row.
        grid: gets a line between rows whose labels differ in more than the last ``inner``.
    """
    before: tuple[str, ...] = ()
    for labels, group in groups.items():
        if before and labels[:-inner] != before[:-inner]:
            grid.add_section()
        same = 0
        while same < min(len(before), len(labels) - 1) and before[same] == labels[same]:
            same += 1
        yield ("",) * same + labels[same:], group
        before = labels


def measure_name(row: Row) -> str:
    """Return what was measured, in words."""
    return row["measure"].replace("from_comparator", f"from {row['compared_with'] or 'comparator'}").replace("_", " ")


def _share(row: Row | None) -> str:
    if row is None or row["withheld"]:
        return DASH
    shown = _shown(row)
    return f"{percent(shown['value'])} {bounds(shown)}".rstrip()


def points_of(row: Row | None) -> str:
    """Return a difference with its interval; a dash for none, or where it is withheld."""
    return DASH if row is None or row["withheld"] else difference(_shown(row))


def _index(row: Row | None) -> str:
    if row is None:
        return DASH
    interval = f" [{number(row['low'], 2)}, {number(row['high'], 2)}]" if row["low"] is not None else ""
    return f"{number(row['estimate'], 2)}{interval}"


def _shown(row: Row) -> dict[str, Any]:
    return {"value": row["estimate"], "low": row["low"], "high": row["high"], "se": row["se"]}


def _cells(group: Mapping[str, Row], counts: bool) -> list[str]:
    if not counts:
        return []
    row = max(group.values(), key=lambda row: row["cells"])
    return [f"{row['cells']:,} of {row['cells'] + row['missing']:,}" if row["missing"] else f"{row['cells']:,}"]


def absent_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of a study is not there: cells without results, and combinations that are no runs."""
    missing, impossible = told["missing"], told["impossible"]
    for each in missing[:NAMED]:
        why = f": {short(near_paths(each['message']), 120)}" if each["message"] else ""
        gone = "; its folder is gone" if each["state"] in ("ended", "reused") and not why else ""
        yield f"Missing: {each['cell']} ({each['state']}{why or gone})"
    if len(missing) > NAMED:
        yield f"and {len(missing) - NAMED:,} more missing cells"
    for each in impossible[:NAMED]:
        yield f"Impossible: {_factors(each['factors'])}: {short(each['why'], 200)}"
    if len(impossible) > NAMED:
        yield f"and {len(impossible) - NAMED:,} more impossible combinations"


def _factors(factors: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={level(value)}" for name, value in factors.items())
