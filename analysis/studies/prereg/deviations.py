"""Where a study deviates from what it declared: found by machine, each in a sentence, with the place that shows it. Reads logs only.

What was declared is what stood on the page before any cell had ended and before any look. Before that, everything may change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from abm.events import RunStarted, StepStarted
from abm.log import open_log
from analysis.formats import count
from analysis.judges import judges_of
from analysis.studies.pages.declarations import Declaration, amended, in_force
from analysis.studies.prereg.interim import InterimLook
from analysis.studies.record.inputs import ChangedInputs
from analysis.studies.record.layout import LOG, Layout
from analysis.studies.record.places import run_of
from analysis.studies.record.study_log import PACKAGE, StudyState
from moloch.errors import MolochError

Kind = Literal[
    "amended", "extended", "looked", "missing", "inputs", "probes", "outcomes", "judges", "version", "carried out before"
]  # fmt: skip
NAMED = 3
"""Cells that a sentence names."""


@dataclass(frozen=True)
class Deviation:
    """One of them.

    Attributes:
        says: a sentence.
        where: event of the study's log, or cells, that show it.
    """

    kind: Kind
    says: str
    where: str

    def as_dict(self) -> dict[str, str]:
        """Return it as a JSON-able mapping."""
        return asdict(self)


@dataclass(frozen=True)
class BegunRun:
    """How a cell's run began, as far as deviations are about it.

    Attributes:
        at: when, in seconds since 1970.
        version: of moloch; ``probes``: probe -> version of its rules, those of version 1 left out or not.
        judges: models that judged its messages afterwards.
    """

    at: float
    version: str
    probes: Mapping[str, int]
    judges: tuple[str, ...]


def deviations(
    state: StudyState,
    look: InterimLook,
    begun: Mapping[str, BegunRun],
    missing: Sequence[str] = (),
    outcomes: Iterable[str] = (),
    changed: ChangedInputs | None = None,
) -> tuple[Deviation, ...]:
    """Return where a study deviates; nothing for one that declared nothing.

    Args:
        look: where it stands.
        begun: cell -> how its run began, of those that have ended.
        missing: cells without results.
        outcomes: probes that judged its cells.
        changed: inputs that are not what cells began with.
    """
    if (declared := in_force(state.declarations)) is None:
        return ()
    return (
        *_amendments(state, declared),
        *_extensions(state, declared),
        *_looks(state, declared),
        *_missing(state, declared, look, missing),
        *_older(declared, begun),
        *_probes(declared, begun),
        *_outcomes(declared, outcomes),
        *_judges(declared, begun),
        *_versions(state, declared, begun),
        *_inputs(changed),
    )


def begun_runs(state: StudyState, layout: Layout, names: Iterable[str]) -> dict[str, BegunRun]:
    """Return how the runs of cells began; those whose log cannot be read are left out."""
    found: dict[str, BegunRun] = {}
    for name in names:
        run = run_of(layout, state.cells[name])
        try:
            started = _started(run) if run is not None else None
            judges = judges_of(run) if run is not None else ()
        except MolochError:
            continue
        if started is not None:
            version = started.versions.get(PACKAGE, "")
            found[name] = BegunRun(started.at, version, started.probe_versions, judges)
    return found


def _started(run: Path) -> RunStarted | None:
    """Return how a run began; reads what precedes its first step."""
    for block in open_log(run, write=False).blocks():
        for event in block.events((RunStarted, StepStarted)):
            return event if isinstance(event, RunStarted) else None
    return None


def _at(seq: int) -> str:
    return f"{LOG}, event {seq}"


def _amendments(state: StudyState, declared: Declaration) -> Iterator[Deviation]:
    before = declared
    for each in state.declarations:
        if each.seq <= declared.seq:
            continue
        if each.preregistration.id != before.preregistration.id:
            words = ", ".join(amended(before.preregistration, each.preregistration)) or "changed"
            looks = f" and {count(each.looks, 'look')}" if each.looks else ""
            said = f"The preregistration was amended after {count(each.ended, 'cell')} had ended{looks}: {words}."
            yield Deviation("amended", f"{said} Hypotheses are tested as they were first declared.", _at(each.seq))
        before = each


def _extensions(state: StudyState, declared: Declaration) -> Iterator[Deviation]:
    for each in state.extensions:
        added = [what for what in each.what if what != "another primary"]
        if each.seq > declared.seq and added:
            said = f"The study was extended after {count(each.ended, 'cell')} had ended: {'; '.join(added)}."
            kept = " Hypotheses are tested on the cells that were declared." if each.cells else ""
            yield Deviation("extended", said + kept, _at(each.seq))


def _looks(state: StudyState, declared: Declaration) -> Iterator[Deviation]:
    planned = declared.preregistration.looks
    for look in state.looks:
        if look.seq < declared.seq or look.declared or not look.left:
            continue
        after = f"after {count(look.seeds, 'seed')}, " if look.seeds else ""
        plan = f"looks were declared after {', '.join(map(str, planned))} seeds" if planned else "no look was declared"
        said = f"Someone looked at effects before the end ({look.door}; {after}{look.ended:,} of {look.of:,} cells): {plan}."
        yield Deviation("looked", f"{said} No p-value accounts for it.", _at(look.seq))


def _missing(
    state: StudyState, declared: Declaration, look: InterimLook, missing: Sequence[str]
) -> Iterator[Deviation]:
    lacking = [name for name in missing if name in declared.cells]
    if not look.is_end or not lacking:
        return
    by_origin: dict[str, list[str]] = defaultdict(list)
    for name in lacking:
        failures = state.cells[name].failures
        by_origin[failures[-1].origin if failures else "whose log is gone or damaged"].append(name)
    why = ", ".join(f"{len(names):,} {origin}" for origin, names in by_origin.items())
    said = f"{len(lacking):,} of {len(declared.cells):,} declared cells have no results ({why})."
    yield Deviation("missing", said, _cells(lacking))


def _older(declared: Declaration, begun: Mapping[str, BegunRun]) -> Iterator[Deviation]:
    older = [name for name, run in begun.items() if run.at and declared.at and run.at < declared.at]
    if older:
        said = f"{count(len(older), 'cell')} had been carried out before anything was declared: results could have been seen."
        yield Deviation("carried out before", said, _cells(older))


def _probes(declared: Declaration, begun: Mapping[str, BegunRun]) -> Iterator[Deviation]:
    others: dict[tuple[str, int, int], list[str]] = defaultdict(list)
    for name, run in begun.items():
        for probe, version in declared.probes.items():
            if probe in run.probes and run.probes[probe] != version:
                others[probe, version, run.probes[probe]].append(name)
    for (probe, version, other), names in others.items():
        said = f"The probe {probe} judged by rules of version {other} in {count(len(names), 'cell')}: version {version} was declared."
        yield Deviation("probes", said, _cells(names))


def _outcomes(declared: Declaration, outcomes: Iterable[str]) -> Iterator[Deviation]:
    if declared.probes and (added := [name for name in dict.fromkeys(outcomes) if name not in declared.probes]):
        said = (
            f"Results have {count(len(added), 'probe')} that no cell was declared to be judged by: {', '.join(added)}."
        )
        yield Deviation("outcomes", said, "the cells' verdicts")


def _judges(declared: Declaration, begun: Mapping[str, BegunRun]) -> Iterator[Deviation]:
    by_judge: dict[str, list[str]] = defaultdict(list)
    for name, run in begun.items():
        for judge in run.judges:
            if judge not in declared.preregistration.judges:
                by_judge[judge].append(name)
    for judge, names in by_judge.items():
        said = f"The judge {judge} was added: it judged messages of {count(len(names), 'cell')}, and was not declared."
        yield Deviation("judges", said, _cells(names))


def _versions(state: StudyState, declared: Declaration, begun: Mapping[str, BegunRun]) -> Iterator[Deviation]:
    others: dict[str, list[str]] = defaultdict(list)
    for name, run in begun.items():
        if run.version and declared.version and run.version != declared.version:
            others[run.version].append(name)
    for version, names in others.items():
        said = f"{count(len(names), 'cell')} began under moloch {version}: {declared.version} was declared."
        yield Deviation("version", said, _cells(names))


def _inputs(changed: ChangedInputs | None) -> Iterator[Deviation]:
    if changed is None:
        return
    code = {name: cells for name, cells in changed.code.items() if not name.startswith("probe ")}  # they have their own
    if others := ChangedInputs(changed.data, code, changed.ended):
        yield Deviation("inputs", f"Inputs are not what they were: {others.sentence()}.", _cells(others.cells))


def _cells(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{'cell' if len(names) == 1 else 'cells'} {', '.join(names[:NAMED])}{more}"
