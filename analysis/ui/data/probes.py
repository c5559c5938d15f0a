"""What the probes found: each arm after each epoch against base and against its comparator, with intervals; and what judges said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from analysis.formats import bounds, comparator_name, comparisons, known, p_value, percent, points, points_bounds, short
from analysis.judges import VerdictRow, rates
from analysis.readings.contests import Evaluation
from analysis.statistics.estimates import plain
from analysis.tables.evaluation import probe_table
from analysis.ui.address import PageAddress
from analysis.ui.data.bars import bar
from analysis.ui.data.behind import Side, messages_url, verdicts_url
from analysis.ui.data.looks import colours

NOWHERE = PageAddress()
AXES = (0.1, 0.25, 0.5, 1.0)
"""Ends of the axis of differences, as shares; the least that holds every interval is taken."""
KINDS = (
    ("strategy", "Misbehaviour", "What a competitor might do to win."),
    (
        "copying",
        "Miscopying",
        "Failures of skill: a number or a name that the writer did not copy. This is not strategy.",
    ),
)


def epoch_of(evaluation: Evaluation, asked: int) -> int:
    """Return the epoch that is shown: the one asked for where it was evaluated, else the last."""
    epochs = evaluation.epochs
    return asked if asked in epochs else epochs[-1] if epochs else 0


def probe_tables(evaluation: Evaluation, epoch: int, address: PageAddress = NOWHERE) -> list[dict[str, Any]]:
    """Return one table per kind of probe, its rows by probe and arm; each number with what is behind it."""

    def to(row: dict[str, Any], side: Side, other: str = "") -> str:
        return verdicts_url(address, evaluation.config, row["arm"], epoch, row["probe"], side, other)

    rows = [plain(row) for row in probe_table(evaluation, epoch=epoch) if evaluation.of(row.arm, epoch)]
    tables, of_arms = [], colours(evaluation.config)
    for kind, title, text in KINDS:
        of_kind = sorted(
            (row for row in rows if row["kind"] == kind and row["base"]["n"]), key=lambda row: row["probe"]
        )
        if of_kind:
            shown = [
                _shown(row, to, of_arms, first=not i)
                for _, group in groupby(of_kind, key=lambda row: row["probe"])
                for i, row in enumerate(group)
            ]
            tables.append({"title": title, "text": text, "kind": kind} | _bars(of_kind, shown))
    return tables


def judge_tables(
    rows: Sequence[VerdictRow], evaluation: Evaluation, epoch: int, address: PageAddress = NOWHERE
) -> list[dict[str, Any]]:
    """Return one table per judge of the run's messages of that epoch; each number with the messages that were judged."""

    def to(row: dict[str, Any], side: Side, other: str = "") -> str:
        return messages_url(address, evaluation.config, row["arm"], epoch, side)

    of_epoch = [row for row in rows if row.phase == "evaluate" and row.epoch == epoch]
    tables, of_arms = [], colours(evaluation.config)
    for judge in dict.fromkeys(row.judge for row in of_epoch):
        rate_rows = [
            plain(row) for row in rates([r for r in of_epoch if r.judge == judge], evaluation, evaluation.config)
        ]
        rate_rows.sort(key=lambda row: row["probe"])
        shown = [
            _shown(row, to, of_arms, first=not i)
            for _, group in groupby(rate_rows, key=lambda row: row["probe"])
            for i, row in enumerate(group)
        ]
        asked = sum(row["asked"] for row in rate_rows)
        by_rule = any(row.version for row in of_epoch if row.judge == judge)
        title, who = ("Rules", "rules after the run") if by_rule else ("Judge", "a language model")
        text = f"{asked:,} verdicts of {who}." if by_rule else f"{asked:,} answers of {who}."
        tables.append({"title": f"{title}: {short(judge, 60)}", "text": text} | _bars(rate_rows, shown))
    return tables


def _bars(rows: list[dict[str, Any]], shown: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a table's rows, each with its difference from its comparator on one axis, and that axis's end in points."""
    ends = [abs(row["placebo"][end]) for row in rows for end in ("low", "value", "high") if known(row["placebo"][end])]
    axis = next((end for end in AXES if end >= max(ends, default=0)), AXES[-1])
    bars = (bar(row["placebo"], -axis, axis) for row in rows)
    return {
        "rows": [row | {"bar": drawn} for row, drawn in zip(shown, bars, strict=True)],
        "axis": f"{100 * axis:.0f}",
        "from": f"From {comparator_name(row['compared_with'] for row in rows)}",
        "compared": comparisons({row["arm"]: row["compared_with"] for row in rows}),
    }


def _shown(row: dict[str, Any], to: Callable[..., str], of_arms: Mapping[str, str], *, first: bool) -> dict[str, Any]:
    both, other = to(row, "both"), row.get("compared_with", "")
    return {
        "probe": row["probe"],
        "first": first,
        "arm": row["arm"],
        "colour": of_arms.get(row["arm"], ""),
        "base": _rate(row["base"]) | {"to": to(row, "base")},
        "after": _rate(row["after"]) | {"to": to(row, "after")},
        "difference": _points(row["difference"]) | {"to": both},
        "p": p_value(row["p_holm"]),
        "placebo": _points(row["placebo"]) | {"to": to(row, "after", other) if other else ""},
        "n": f"{row['difference']['n']:,}",
        "to": both,
        "unknown": f"{row['unknown']:,} unclear" if row.get("unknown") else "",
    }


def _rate(estimate: dict[str, Any]) -> dict[str, str]:
    return {"value": percent(estimate["value"]), "bounds": bounds(estimate)}


def _points(estimate: dict[str, Any]) -> dict[str, str]:
    return {"value": points(estimate), "bounds": points_bounds(estimate)}
