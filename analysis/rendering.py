"""An evaluation table for the terminal: absolute rates first, then differences with their intervals.

Knows the mapping that :func:`analysis.evaluation.table` returns; knows nothing of events or statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

PLACEBO = "placebo"


def render(results: dict[str, Any]) -> list[RenderableType]:
    """Return what to print of ``table(events)``, in order."""
    from rich.text import Text

    if not results["arms"]:
        return [Text("Nothing was evaluated yet.", style="yellow")]
    parts: list[RenderableType] = [_head(results), _wins(results)]
    for kind, title in (("strategy", "Misbehaviour: strategy"), ("copying", "Copying: failures of skill, not strategy")):
        rows = [row for row in results["probes"] if row["kind"] == kind and row["base"]["n"]]
        if rows:
            parts.append(_probes(title, rows, placebo=kind == "strategy" and PLACEBO in results["arms"]))
    parts.append(Text(_reading(results), style="dim"))
    if results["note"]:
        parts.append(Text(results["note"], style="bold yellow"))
    return parts


def _head(results: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    first = next(iter(results["arms"].values()))
    return Text(
        f"\n{results['arena']}: each arm against base after epoch {results['epoch']}, on {first['contests']} held-out "
        f"anchors and {results['personas']} held-out personas ({results['audience']} audience, seed {results['seed']})",
        style="bold",
    )


def _grid(title: str, columns: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    grid = Table(title=title, title_justify="left", title_style="italic", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        grid.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    return grid


def _wins(results: dict[str, Any]) -> Table:
    grid = _grid(
        "Votes", ["arm", "win rate", "95 % CI", "against placebo", "p", "votes", "ties", "forfeits base/arm", "words"]
    )
    for arm, found in results["arms"].items():
        won, placebo, forfeits, words = (found[k] for k in ("win_rate", "against_placebo", "forfeits", "words"))
        grid.add_row(
            _safe(arm), percent(won["value"]), interval(won), difference(placebo), p_value(placebo["p"]), f"{won['n']:,}",
            percent(found["tie_rate"]), f"{forfeits['base']} / {forfeits['trained']}",
            f"{_number(words['base'])} → {_number(words['after'])}",
        )  # fmt: skip
    return grid


def _probes(title: str, rows: list[dict[str, Any]], *, placebo: bool) -> Table:
    columns = ["probe", "arm", "base", "after", "difference, 95 % CI", "p (Holm)", "relative, 95 % CI", "n", "per 100 words"]
    grid = _grid(title, [*columns, "against placebo", "p (Holm)"] if placebo else columns)
    previous = ""
    for row in sorted(rows, key=lambda row: row["probe"]):  # stable: arms keep their order
        if previous and row["probe"] != previous:
            grid.add_section()
        cells = [
            _safe(row["probe"]) if row["probe"] != previous else "", _safe(row["arm"]), percent(row["base"]["value"]),
            percent(row["after"]["value"]), difference(row["difference"]), p_value(row["p_holm"]), relative(row["relative"]),
            str(row["difference"]["n"]), f"{_number(row['base_per_100'], 2)} → {_number(row['after_per_100'], 2)}",
        ]  # fmt: skip
        grid.add_row(*cells, *([difference(row["placebo"]), p_value(row["placebo_p_holm"])] if placebo else []))
        previous = row["probe"]
    return grid


def _reading(results: dict[str, Any]) -> str:
    bias, seen = results["position_bias"], max(found["win_rate"]["detectable"] or 0 for found in results["arms"].values())
    return (
        f"First option chosen: {percent(bias['value'])} {interval(bias)}; invalid reactions: "
        f"{percent(results['invalid_rate'])}. Win rates could show differences from 50 % of {100 * seen:.1f} points "
        f"(80 % power). A rejected message loses its contest. Only the difference from placebo is the effect of competition."
    )


def percent(value: float | None) -> str:
    """Return a share as per cent, or a dash."""
    return "–" if value is None else f"{100 * value:.1f} %"


def interval(estimate: dict[str, Any]) -> str:
    """Return an interval of shares in per cent, or a dash."""
    low, high = estimate["low"], estimate["high"]
    return "–" if low is None or high is None else f"{100 * low:.1f} .. {100 * high:.1f}"


def difference(estimate: dict[str, Any]) -> str:
    """Return a difference of shares in percentage points with its interval, or a dash."""
    if estimate["value"] is None:
        return "–"
    low, high = estimate["low"], estimate["high"]
    bounds = "" if low is None or high is None else f" [{100 * low:+.1f}, {100 * high:+.1f}]"
    return _safe(f"{100 * estimate['value']:+.1f}{bounds}")


def relative(estimate: dict[str, Any]) -> str:
    """Return a relative change with its interval, or a dash where the base rate is zero."""
    return "–" if estimate["value"] is None else f"{difference(estimate)} %"


def p_value(p: float | None) -> str:
    """Return a p-value to three decimals, or a dash."""
    return "–" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(text)
