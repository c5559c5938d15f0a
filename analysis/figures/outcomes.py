"""Primary outcomes in one forest plot: what each arm does beyond its comparator, with margins, and with what the design could have found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.figures.charts import interval_chart
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.frames import estimate_columns, frame_of_marks
from analysis.figures.rows import Panel, interval_rows
from analysis.figures.scopes import scope_of
from analysis.figures.subject import Subject, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDS = ("estimate", "low", "high", "low_adapters", "high_adapters")
EFFECTS = ("from_comparator", "rivalry")
CONFIRMATORY, EXPLORATORY = "confirmatory", "exploratory"
Tidy = Mapping[str, Any]


def content(subject: Subject) -> FigureContent | LeftOut:
    """Return a row per outcome and arm, confirmatory ones first, or why there is none."""
    measures = EFFECTS if any(row["measure"] in EFFECTS for row in subject.rows) else ("from_base", "rate")
    rows = [row for row in subject.rows if row["kind"] in ("votes", "strategy") and row["measure"] in measures]
    rows = [row for row in rows if not (row["kind"] == "votes" and row.get("withheld"))]
    rows = [row for row in rows if row.get("family")] or rows  # conventions that are checks stand in the table alone
    if not rows:
        return LeftOut("No outcome was measured: no arm has votes that count, or verdicts of a probe of strategy.")
    marks = list(_marks(subject, sorted(rows, key=lambda row: _rank(subject, row))))
    said = [
        subject.extent,
        scope_of(marks),
        "Thick: 90 % (the interval of the test of equivalence)."
        if any(mark["low_90"] is not None for mark in marks)
        else "",
        "Grey band: the margin of the page." if any(mark["margin"] for mark in marks) else "",
        "Brackets: the smallest effect that this design finds with 80 % power."
        if any(mark["detectable"] for mark in marks)
        else "",
        _families(rows),
        *subject.notes,
    ]
    compared = list(dict.fromkeys(words(row["compared_with"] or "base") for row in rows))
    return FigureContent(
        frame_of_marks(marks),
        " ".join(filter(None, said)),
        subject.looks,
        {"compared": compared, "beyond": measures is EFFECTS},
    )


def _rank(subject: Subject, row: Tidy) -> tuple[bool, int, bool, str, int]:
    """Return where a row stands: confirmatory ones first, then groups, win rates before probes, and arms in their order."""
    place = subject.order.index(row["arm"]) if row["arm"] in subject.order else len(subject.order)
    group = (
        list(subject.groups).index(subject.group(row)) if subject.group(row) in subject.groups else len(subject.groups)
    )
    return row.get("family") != CONFIRMATORY, group, row["kind"] != "votes", row["outcome"], place


def _marks(subject: Subject, rows: Sequence[Tidy]) -> Iterator[dict[str, Any]]:
    for row in rows:
        heading, family = subject.group(row), row.get("family") or ""
        aside = ", ".join(filter(None, [heading, family if family == CONFIRMATORY else ""]))
        shift = 0.5 if row["measure"] == "rate" else 0.0
        moved = {**row, **{name: None if row.get(name) is None else row[name] - shift for name in ENDS}}
        at = estimate_columns(moved, 100)
        inner = {name: None if row.get(name) is None else 100 * (row[name] - shift) for name in ("low_90", "high_90")}
        found = {name: None if row.get(name) is None else 100 * row[name] for name in ("margin", "detectable")}
        said = row.get("conclusion") or ""
        yield {
            "panel": "effect",
            "group": f"{words(row['outcome'])}{': effect of rivalry' if row['measure'] == 'rivalry' else ''}{f' ({aside})' if aside else ''}",
            "label": words(row["arm"]),
            "arm": row["arm"],
            "unit": "percentage points",
            **at,
            **inner,
            **found,
            "shown": f"{at['shown']}  {said}".rstrip(),
            "outcome": row["outcome"],
            "measure": row["measure"],
            "levels": heading,
            "family": family,
            "p": row["p"],
            "p_adjusted": row.get("p_adjusted"),
            "conclusion": said,
        }


def _families(rows: Sequence[Tidy]) -> str:
    families = {row.get("family") for row in rows} - {None, ""}
    if CONFIRMATORY in families:
        return "Confirmatory outcomes were declared in the page; all others are exploratory."
    return "All outcomes are exploratory: the page declares none." if families else ""


def _panels(shown: FigureContent) -> list[Panel]:
    compared = shown.facts["compared"]
    name = compared[0] if len(compared) == 1 else "the comparator"
    return [Panel("effect", f"beyond {name}", "percentage points", far=100)]


def _draw(shown: FigureContent) -> Figure:
    return interval_rows(shown.frame, _panels(shown), shown.looks)


def _chart(shown: FigureContent) -> Chart:
    return interval_chart(shown.frame, _panels(shown), shown.looks)


OUTCOMES = FigureKind(
    "Outcomes beyond what they are compared with", "outcomes with an estimate", content, _draw, _chart
)
