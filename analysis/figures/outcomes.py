"""Primary outcomes in one forest plot: what each arm does beyond its comparator, with margins, and with what the design could have found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.figures.charts import interval_chart
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.frames import estimate_columns, frame_of_marks
from analysis.figures.rows import Panel, interval_rows
from analysis.figures.scopes import scope_of
from analysis.figures.subject import Subject, words
from analysis.tables.conventions import headline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDS = ("estimate", "low", "high", "low_adapters", "high_adapters")
EFFECTS = ("from_comparator", "rivalry")
CONFIRMATORY, EXPLORATORY = "confirmatory", "exploratory"
Tidy = Mapping[str, Any]


def content(subject: Subject) -> FigureContent | LeftOut:
    """Return a row per outcome and arm, confirmatory ones first, or why there is none."""
    marks = outcome_marks(subject.rows, subject.order, list(subject.groups), subject.group)
    if not marks:
        return LeftOut("No outcome was measured: no arm has votes that count, or verdicts of a probe of strategy.")
    said = [subject.extent, *explained(marks), *subject.notes]
    own = [row for row in marks if not row["between"]] or marks
    compared = list(dict.fromkeys(words(row["compared_with"] or "base") for row in own))
    return FigureContent(
        frame_of_marks(marks),
        " ".join(said),
        subject.looks,
        {"compared": compared, "beyond": own[0]["measure"] in EFFECTS},
    )


def explained(marks: Sequence[Tidy]) -> list[str]:
    """Return what lines, bands and brackets of marks stand for, a sentence each."""
    said = [
        scope_of(marks),
        "Thick: 90 % (the interval of the test of equivalence)."
        if any(mark["low_90"] is not None for mark in marks)
        else "",
        "Grey band: the margin of the page." if any(mark["margin"] for mark in marks) else "",
        "Brackets: the smallest effect that this design finds with 80 % power."
        if any(mark["detectable"] for mark in marks)
        else "",
        _families(marks),
    ]
    return [sentence for sentence in said if sentence]


def outcome_marks(
    rows: Sequence[Tidy], order: Sequence[str], headings: Sequence[str], heading: Callable[[Tidy], str]
) -> list[dict[str, Any]]:
    """Return the marks of the forest plot, in its order; none where nothing was measured.

    Args:
        rows: of the tidy frame.
        order: of arms; ``headings``: of levels, as ``heading`` makes them of a row.
    """
    measures = EFFECTS if any(row["measure"] in EFFECTS for row in rows) else ("from_base", "rate")
    found = [
        row
        for row in rows
        if row["kind"] in ("votes", "strategy") and (row["measure"] in measures or row.get("between"))
    ]
    found = [row for row in found if not (row["kind"] == "votes" and row.get("withheld"))]
    found = [row for row in found if row.get("family") or headline(row["outcome"])]  # checks stand in the table alone

    def rank(row: Tidy) -> tuple[bool, int, bool, str, int]:
        place = order.index(row["arm"]) if row["arm"] in order else len(order)
        group = headings.index(heading(row)) if heading(row) in headings else len(headings)
        return row.get("family") != CONFIRMATORY, group, row["kind"] != "votes", row["outcome"], place

    return list(_marks(sorted(found, key=rank), heading))


def _marks(rows: Sequence[Tidy], group: Callable[[Tidy], str]) -> Iterator[dict[str, Any]]:
    for row in rows:
        heading, family = group(row), row.get("family") or ""
        aside = ", ".join(filter(None, [heading, _between(row), family if family == CONFIRMATORY else ""]))
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
            "compared_with": row["compared_with"] if row["measure"] in EFFECTS else "",
            **inner,
            **found,
            "shown": f"{at['shown']}  {said}".rstrip(),
            "outcome": row["outcome"],
            "measure": row["measure"],
            "levels": heading,
            "between": row.get("between") or "",
            "family": family,
            "p": row["p"],
            "p_adjusted": row.get("p_adjusted"),
            "conclusion": said,
        }


def _between(row: Tidy) -> str:
    """Return the levels that a row subtracts, and from what each is taken where the panel does not say so."""
    if not row.get("between"):
        return ""
    return f"{row['between']}{', from base' if row['measure'] == 'from_base' else ''}"


def _families(rows: Sequence[Tidy]) -> str:
    families = {row.get("family") for row in rows} - {None, ""}
    if CONFIRMATORY in families:
        return "Confirmatory outcomes were declared in the page; all others are exploratory."
    return "All outcomes are exploratory: none was declared beforehand." if families else ""


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
