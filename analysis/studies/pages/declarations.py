"""What a study declared, as its log has it: when, of which cells, and whether anything could have been seen by then.

A hypothesis is *confirmatory* if it was declared before any cell had ended and before any look; one that came or changed later is
exploratory, for ever. One that was dropped later stays in the family: leaving it out would make the others easier to pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from abm.study_events import StudyExtended, StudyPlanned
from analysis.studies.pages.preregistration import Hypothesis, Preregistration, recorded_preregistration


@dataclass(frozen=True)
class Declaration:
    """What a page declared when it was planned or extended.

    Attributes:
        seq, at: place in the study's log, and seconds since 1970.
        preregistration: what it says.
        page_id: content id of the page that it stood on.
        cells: all cells that were planned by then.
        ended, looks: cells that had ended, and looks that had been taken.
        probes: probe -> version of its rules.
        version: of moloch, and the state of its ``code`` where that is a working tree.
    """

    seq: int
    at: float
    preregistration: Preregistration
    page_id: str
    cells: tuple[str, ...]
    ended: int
    looks: int
    probes: Mapping[str, int]
    version: str
    code: str

    @property
    def is_blind(self) -> bool:
        """Whether nothing could have been seen by then."""
        return not (self.ended or self.looks)


def declaration_of(event: StudyPlanned | StudyExtended, cells: Sequence[str], looks: int) -> Declaration | None:
    """Return what an event declares; None for nothing.

    Args:
        cells: of the study, with those that the event brings.
        looks: taken before it.
    """
    said = recorded_preregistration(event.page.get("primary"))
    if said is None:
        return None
    return Declaration(
        seq=event.seq,
        at=event.at,
        preregistration=said,
        page_id=event.page_id,
        cells=tuple(cells),
        ended=event.ended if isinstance(event, StudyExtended) else 0,
        looks=looks,
        probes=event.probes,
        version=event.versions.get("moloch-abm", ""),
        code=event.code,
    )


class LateHypothesis(NamedTuple):
    """A hypothesis that was declared when results could have been seen."""

    hypothesis: Hypothesis
    ended: int
    looks: int


def in_force(declarations: Sequence[Declaration]) -> Declaration | None:
    """Return the declaration by which a study is confirmatory: the last one that was made blind; None for none."""
    blind = [each for each in declarations if each.is_blind and not each.preregistration.is_earlier]
    return blind[-1] if blind else None


def late_hypotheses(declarations: Sequence[Declaration]) -> list[LateHypothesis]:
    """Return the hypotheses that came or changed afterwards, as they were last declared."""
    first = in_force(declarations)
    known = first.preregistration.hypotheses if first else ()
    late: dict[str, LateHypothesis] = {}
    for each in declarations:
        if each is first or each.is_blind:
            continue
        for hypothesis in each.preregistration.hypotheses:
            if hypothesis not in known:
                late[hypothesis.name] = LateHypothesis(hypothesis, each.ended, each.looks)
    return list(late.values())


def amended(before: Preregistration, now: Preregistration) -> list[str]:
    """Return what an amendment changes, in words."""
    old, new = ({each.name: each for each in of.hypotheses} for of in (before, now))
    words = [f"added {name}" for name in new if name not in old]
    words += [f"left out {name}" for name in old if name not in new]
    words += [f"changed {name}" for name in new if name in old and new[name] != old[name]]
    others = [
        name for name in type(now).model_fields if name != "hypotheses" and getattr(before, name) != getattr(now, name)
    ]
    return words + [f"changed {name}" for name in others]
