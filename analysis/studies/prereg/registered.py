"""What results say of a preregistered study: its hypotheses, where it stands among its looks, and where it deviates. Reads logs only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.studies.pages.declarations import Declaration, in_force, late_hypotheses
from analysis.studies.pages.page import label_of
from analysis.studies.prereg.deviations import Deviation, begun_runs, deviations
from analysis.studies.prereg.hypotheses import PlannedFactors, TestedHypothesis, decided
from analysis.studies.prereg.interim import InterimLook, look_of
from analysis.studies.prereg.looks import has_ended
from analysis.studies.record.inputs import ChangedInputs
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyState
from analysis.studies.values.corrections import EstimateRow, concluded
from analysis.studies.values.scopes import CellValues


@dataclass(frozen=True)
class Registered:
    """What results say of it.

    Attributes:
        declared: by which the study is confirmatory.
        look: where it stands.
        hypotheses: with what may be concluded, confirmatory ones first.
        deviations: from what was declared.
    """

    declared: Declaration
    look: InterimLook
    hypotheses: tuple[TestedHypothesis, ...]
    deviations: tuple[Deviation, ...]

    def sentence(self) -> str:
        """Return what these results are of: the end, a declared look, or neither."""
        look, looks = self.look, len(self.look.preregistration.looks) + 1
        if look.is_end:
            return ""
        if look.at is None:
            return "Before its end, and at no declared look: hypotheses are not decided."
        shown = f"Interim look {look.at + 1} of {looks}: the first {len(look.seeds)} of {len(look.of)} seeds"
        return f"{shown}; a single hypothesis is tested at {look.level(2):.2g}, two-sided."

    def rows(self, rows: Sequence[EstimateRow], by: Sequence[str]) -> list[EstimateRow]:
        """Return rows of the frame with those of the confirmatory hypotheses: in the place of the rows that are about as much, else
        behind them, without levels of factors that they average over or take a difference between. The others are corrected as a family without them. In the
        frame a difference is from the arm's own comparator: hypotheses with another one are not in it.

        Args:
            rows: all exploratory; ``by``: factors that split them.
        """
        ours = [row for each in self.hypotheses if each.family == "confirmatory" and (row := each.concluded_row())]
        own = {(row.measured, row.compared_with) for row in rows}
        ours = [row for row in ours if row.levels.keys() <= set(by)]
        ours = [row for row in ours if row.between or (row.measured, row.compared_with) in own]
        places = {_about(row): row for row in ours}
        others = iter(concluded([row for row in rows if _about(row) not in places]))
        placed = [places.pop(_about(row)) if _about(row) in places else next(others) for row in rows]
        return [*placed, *places.values()]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        primary, look = self.declared.preregistration, self.look
        return {
            "id": primary.id,
            "page_id": self.declared.page_id,
            "event": self.declared.seq,
            "at": self.declared.at,
            "declared": primary.canonical(),
            "alpha": primary.alpha,
            "look": None if look.at is None else look.at + 1,
            "looks": len(primary.looks) + 1,
            "seeds": list(look.seeds),
            "planned_seeds": list(look.of),
            "is_end": look.is_end,
            "said": self.sentence(),
            "hypotheses": [each.as_dict() for each in self.hypotheses],
            "deviations": [each.as_dict() for each in self.deviations],
        }


def why_exploratory(state: StudyState) -> str:
    """Return why no hypothesis of a study is confirmatory, as a sentence; empty for one that declared some in time."""
    if in_force(state.declarations) is not None:
        return ""
    if not state.declarations:
        return "Nothing was declared beforehand: every estimate is exploratory."
    first = state.declarations[0]
    if first.preregistration.is_earlier:
        said = f"{first.preregistration.said}"
        return f"The declaration of its page has the form of an earlier version, without hypotheses: {said}."
    return f"What its page declares came after {first.ended:,} cells had ended: every estimate is exploratory."


def _about(row: EstimateRow) -> tuple[object, ...]:
    """Return what a row is about: equal for rows of the same estimate."""
    levels = tuple(sorted((factor, label_of(level)) for factor, level in row.levels.items()))
    return row.measured, row.compared_with, levels, row.between, row.cells


def current_look(state: StudyState, layout: Layout) -> InterimLook | None:
    """Return where a study stands among its looks; None for one that declared nothing in time."""
    declared = in_force(state.declarations)
    return None if declared is None else look_of(declared, state, lambda cell: has_ended(layout, cell))


def registered(
    state: StudyState,
    layout: Layout,
    look: InterimLook | None,
    cells: Sequence[CellValues],
    missing: Iterable[str],
    changed: ChangedInputs,
) -> Registered | None:
    """Return what results say of a study that declared something in time; None for any other.

    Args:
        look: of :func:`current_look`.
        cells: that have ended and can be read; ``missing``: names of the others.
        changed: inputs that are not what cells began with.
    """
    declared = in_force(state.declarations)
    if declared is None or look is None:
        return None
    lacking = [PlannedFactors(name, state.cells[name].planned.factors) for name in missing]
    outcomes = dict.fromkeys(m.name for cell in cells for m in cell.tables if m.kind != "votes")
    found = deviations(
        state, look, begun_runs(state, layout, [cell.cell for cell in cells]), [each.cell for each in lacking], outcomes, changed
    )  # fmt: skip
    hypotheses = decided(look, declared.cells, late_hypotheses(state.declarations), cells, lacking)
    return Registered(declared, look, tuple(hypotheses), found)


def shown(look: InterimLook | None, cells: Sequence[CellValues]) -> list[CellValues]:
    """Return the cells whose effects are shown: at a declared look, those of its seeds alone."""
    if look is None or look.is_end or look.at is None:
        return list(cells)
    return [cell for cell in cells if cell.seed in look.seeds]
