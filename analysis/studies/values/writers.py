"""Rows of results as LaTeX, Markdown or a Polars frame. Knows rows; knows nothing of studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, number, p_value, percent, points, points_bounds
from analysis.formats import bounds as share_bounds
from analysis.markup import markdown as in_markdown
from analysis.markup import tex

if TYPE_CHECKING:
    import polars as pl

Row = Mapping[str, Any]
NUMBERS = (
    "estimate", "low", "high", "se", "dof", "skew", "p", "low_90", "high_90", "low_adapters", "high_adapters", "low_seeds", "high_seeds", "p_randomised",
    "p_smallest", "p_adjusted", "margin", "p_equivalence", "p_equivalence_adjusted", "detectable",
)  # fmt: skip


def frame(rows: Sequence[Row], factors: Sequence[str]) -> pl.DataFrame:
    """Return the rows as a tidy frame: one row per levels, arm, outcome and measure.

    Args:
        factors: columns whose type is that of their levels: text where levels differ in type.
    """
    import polars as pl

    made = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    schema: dict[str, Any] = dict.fromkeys(made, pl.String())
    schema |= dict.fromkeys(NUMBERS, pl.Float64()) | dict.fromkeys(
        ("n", "anchors", "people", "cells", "missing"), pl.Int64()
    )
    for name in factors:
        kinds = {type(value) for value in made.get(name, ()) if value is not None}
        if kinds <= {int, float} and kinds:
            schema[name] = pl.Float64() if float in kinds else pl.Int64()
        elif kinds == {bool}:
            schema[name] = pl.Boolean()
        else:
            made[name] = [None if value is None else _label(value) for value in made.get(name, ())]
    return pl.DataFrame({name: pl.Series(name, values, dtype=schema[name]) for name, values in made.items()})


def markdown(rows: Sequence[Row], factors: Sequence[str]) -> str:
    """Return the rows as a table of Markdown."""
    head, body = _cells(rows, factors)
    rule = ["---"] * len(factors) + ["---", "---", "---", "--:", "--:", "--:", "--:"][: len(head) - len(factors)]
    lines = [map(in_markdown, head), rule, *(map(in_markdown, line) for line in body)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def latex(rows: Sequence[Row], factors: Sequence[str]) -> str:
    """Return the rows as a ``tabular`` of LaTeX with the rules of the package booktabs."""
    head, body = _cells(rows, factors)
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{'l' * (len(factors) + 3)}{'r' * (len(head) - len(factors) - 3)}}}",
        "\\toprule",
        *(" & ".join(map(tex, line)) + r" \\" for line in [head]),
        "\\midrule",
        *(" & ".join(map(tex, line)) + r" \\" for line in body),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines)


def _cells(rows: Sequence[Row], factors: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    head = [*factors, "arm", "outcome", "measure", "estimate", "95 % CI", "p (adjusted)", "cells"]
    body = [
        [
            *(DASH if row[name] is None else _label(row[name]) for name in factors),
            row["arm"],
            row["outcome"],
            measure_of(row),
            *estimate_of(row),
            p_value(row["p_adjusted"]),
            f"{row['cells']:,}" + (f" of {row['cells'] + row['missing']:,}" if row["missing"] else ""),
        ]
        for row in rows
    ]
    return head, body


def measure_of(row: Row) -> str:
    """Return what was measured, in words."""
    said = row["measure"].replace("from_comparator", f"from {row['compared_with'] or 'comparator'}")
    said = said.replace("_", " ").replace("mu star", "mu*") + (f", {row['between']}" if row.get("between") else "")
    return f"{row['sampled']}: {said}" if row["sampled"] else said


def estimate_of(row: Row) -> tuple[str, str]:
    """Return an estimate and its interval as they are shown: shares in per cent, differences in points, indices as numbers."""
    shown = {"value": row["estimate"], "low": row["low"], "high": row["high"], "se": row["se"]}
    if row["sampled"]:
        interval = [number(row[end], 2) for end in ("low", "high")]
        return number(row["estimate"], 2), f"[{', '.join(interval)}]" if row["low"] is not None else DASH
    if row["measure"].startswith("from_") or row["measure"] == "rivalry":
        return points(shown), points_bounds(shown) or DASH
    return percent(row["estimate"]), share_bounds(shown) or DASH


def _label(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
