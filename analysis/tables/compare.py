"""Two runs side by side: which settings differ, where their decisions part, and how their outcomes differ.

Knows logs and evaluation tables; knows nothing of terminals. Runs are not paired: each outcome has its own interval.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import msgspec

from abm.events import (
    AudienceSet,
    EvaluationAudienceSet,
    Forked,
    Lifecycle,
    ReaderJoined,
    RunConfigured,
    StepStarted,
)
from abm.journal import NOTHING, Decision, Decisions, Difference, differences, equal, kind, place, shown
from abm.log import EventLog, open_log
from abm.log.about import lineage
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.reading import read
from analysis.readings.trainings import TrainingReading
from analysis.statistics.estimates import Estimate, plain
from analysis.tables.evaluation import table
from analysis.tables.retrained import Retrained, change_of_probe, change_of_win_rate, retrained
from learning.arms.arm_list import listed, names_of
from learning.runs.verdicts import judged

End = Literal["", "a", "b"]
KINDS = ("votes", "strategy", "copying")


class Shared(msgspec.Struct, frozen=True):
    """The run that both descend from by forks (or that one of them is), and how many of its events they share."""

    run: str
    events: int


class Parting(msgspec.Struct, frozen=True):
    """The first decision that is not the same.

    Attributes:
        event: its number among the decisions of a run, from 0; ``seq_a``, ``seq_b``: its places in the logs.
        type_a, type_b, place_a, place_b: what each holds there; a dash for nothing.
        fields: what differs, where both are of one type; ``left`` is A's, ``right`` B's.
    """

    event: int
    step: int
    seq_a: int
    seq_b: int
    type_a: str
    type_b: str
    place_a: str
    place_b: str
    fields: list[Difference]


class MeasuredPair(msgspec.Struct, frozen=True):
    """One measure of one arm: both runs' estimates (``value``, ``low``, ``high``, ``n``); None where there is none.

    Attributes:
        change: B less A, of the same people and anchors, where both runs were forked from one; else None.
    """

    measure: str
    kind: Literal["votes", "strategy", "copying"]
    arm: str
    a: dict[str, Any] | None
    b: dict[str, Any] | None
    change: dict[str, Any] | None = None


class Comparison(msgspec.Struct, frozen=True):
    """What :func:`compare` found.

    Attributes:
        same: whether both are one run; ``digest``: the digest that both ended with, if it is one.
        settings: dotted key, A's and B's value.
        shared: their common past by forks.
        equal: decisions that are the same before the first that is not (settings are not among them), in ``steps`` steps
            that began alike.
        parting: the first decision that is not the same.
        ends: which run ends where the other continues, if one ends before they part.
        outcomes: arms and measures of the last epoch evaluated in each.
        epochs: that epoch, 0 where nothing was evaluated.
        notes: what limits what the runs can show.
    """

    a: str
    b: str
    same: bool
    digest: str
    settings: list[Difference]
    shared: Shared | None
    equal: int
    steps: int
    parting: Parting | None
    ends: End
    outcomes: list[MeasuredPair]
    epochs: tuple[int, int]
    notes: list[str]
    retrained: list[Retrained] = []
    """Trainings that are not the same ones, where both runs were forked from one."""

    @property
    def identical(self) -> bool:
        """Whether nothing that was decided differs."""
        return self.same or bool(self.digest) or (not self.settings and self.parting is None and not self.ends)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able mapping, differences as ``a`` and ``b``."""
        fields = msgspec.to_builtins(self) | {"identical": self.identical}
        fields["settings"] = [_sides(difference, "key") for difference in self.settings]
        if self.parting is not None:
            fields["parting"]["fields"] = [_sides(difference, "field") for difference in self.parting.fields]
        return fields


def _sides(difference: Difference, name: str) -> dict[str, str]:
    return {name: difference.field, "a": difference.left, "b": difference.right}


def compare(a: Path | str, b: Path | str) -> Comparison:
    """Compare two runs: settings, lineage, decisions one by one up to the first that differs, and outcomes.

    Raises:
        LogError: no run, or it cannot be read.
        CorruptLog: bytes that contradict the chain.
    """
    one, other = open_log(a, write=False), open_log(b, write=False)
    same = one.path.resolve() == other.path.resolve()
    digest = "" if same else _common_digest(one, other)
    if same or digest:
        return Comparison(
            a=str(a),
            b=str(b),
            same=same,
            digest=digest,
            settings=[],
            shared=common_past(one.path, other.path),
            equal=0,
            steps=0,
            parting=None,
            ends="",
            outcomes=[],
            epochs=(0, 0),
            notes=[],
        )
    count, steps, parting, ends = part(one, other)
    readings = [(EvaluationReading(), TrainingReading()) for _ in range(2)]
    for log, each in zip((one, other), readings, strict=True):
        read(log.read(), *each)
    found = [evaluation.result() for evaluation, _ in readings]
    tables = [table(each) for each in found]
    shared = common_past(one.path, other.path)
    measured, epochs = outcomes(*tables), (tables[0]["epoch"], tables[1]["epoch"])
    others = retrained(*(trained.result() for _, trained in readings)) if shared is not None else []
    if shared is not None and epochs[0] == epochs[1]:
        arms = {each.arm for each in others}
        measured = [
            msgspec.structs.replace(each, change=_change(found[0], found[1], each, epochs[0], arms))
            for each in measured
        ]
    return Comparison(
        a=str(a),
        b=str(b),
        same=False,
        digest="",
        settings=settings(one.config, other.config),
        shared=shared,
        equal=count,
        steps=steps,
        parting=parting,
        ends=ends,
        outcomes=measured,
        epochs=epochs,
        retrained=others,
        notes=[
            *_on_models(tables),
            *dict.fromkeys(result["note"] for result in tables if result["note"]),
            *_judged_apart(one, other),
        ],
    )


def _change(a: Evaluation, b: Evaluation, of: MeasuredPair, epoch: int, arms: Collection[str]) -> dict[str, Any] | None:
    """Return how a measure changed from one run to one that shares its past; None where nothing is paired.

    Args:
        arms: those that learnt otherwise; the others' messages are the same ones, so that rates of probes have no interval.
    """
    if of.arm == "base" or of.a is None or of.b is None:
        return None
    votes = of.kind == "votes"
    change = change_of_win_rate(a, b, of.arm, epoch) if votes else change_of_probe(a, b, of.arm, of.measure, epoch)
    if not votes and of.arm not in arms and not change.value:
        change = Estimate(0.0, float("nan"), float("nan"), change.n)
    return plain(change) if change.n else None


def _on_models(tables: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is to be said of the models of both runs: why there are no win rates, what speaks against them, how they read."""
    lines = []
    for name, result in zip("AB", tables, strict=True):
        lines += [f"{name}: no win rates: {result['withheld']}."] if result["withheld"] else []
        lines += [f"{name}: {flag}." for flag in result["flags"] if flag != result["withheld"]]
        lines += [f"{name}: {result['validity']}"] if result["validity"] and not result["withheld"] else []
    return lines


def _judged_apart(a: EventLog, b: EventLog) -> list[str]:
    """Return, for each probe of which the runs had two versions, that its figures are not of one kind."""
    one, other = ({probe: version for probe, version, _ in judged(log.read())} for log in (a, b))
    return [
        f"A was judged by version {one[probe]} of the probe {probe}, B by version {other[probe]}: do not compare its rates."
        for probe in one
        if one[probe] != other.get(probe, one[probe])
    ]


def _common_digest(a: EventLog, b: EventLog) -> str:
    """Return the digest that both runs ended with; empty if there is no such digest."""
    one, other = a.ended(), b.ended()
    return one.digest if one is not None and other is not None and one.digest == other.digest else ""


# -- settings and lineage ----------------------------------------------------------------------------------


def settings(a: dict[str, Any], b: dict[str, Any]) -> list[Difference]:
    """Return the settings that differ, nested ones by dotted keys, in the order of ``a``.

    Arms of a list are compared by their names, with what the list says without words, once one of them has settings.
    """
    lists = [side["arms"] for side in (a, b) if isinstance(side.get("arms"), list)]
    bare = all(isinstance(item, str) for arms in lists for item in arms) and len(lists) == 2
    one, other = (dict(_flat(side) if bare else _by_arm(side)) for side in (a, b))
    return [
        Difference(key, *(shown(side[key]) if key in side else NOTHING for side in (one, other)))
        for key in {**one, **other}
        if key not in one or key not in other or one[key] != other[key]
    ]


def _by_arm(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield settings as :func:`_flat` does, of a list of arms their names in order and the settings of each."""
    if isinstance(arms := config.get("arms"), list):
        yield "arms", names_of(arms)
        config = config | {"arms": listed(arms)}
    yield from _flat(config)


def _flat(config: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict):  # an empty one sets nothing
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value


def common_past(a: Path, b: Path) -> Shared | None:
    """Return the nearest common ancestor by forks, which may be one of the two runs.

    Raises:
        LogError: a run that one of them was forked from is gone.
    """
    one, other = _past(a), _past(b)
    for run, until in one.items():
        if run in other:
            events = min(until, other[run])
            return Shared(str(run), int(events)) if events != float("inf") else None
    return None


def _past(run: Path) -> dict[Path, float]:
    """Return the run and its ancestors, nearest first, each with how many of its events it holds."""
    past: dict[Path, float] = {run.resolve(): float("inf")}
    until = float("inf")
    for fork in lineage(run):
        until = min(until, fork["seq"])
        past[Path(fork["run"]).resolve()] = until
    return past


# -- decisions ---------------------------------------------------------------------------------------------


_NOT_COMPARED = (Lifecycle, Forked, RunConfigured, ReaderJoined, AudienceSet, EvaluationAudienceSet)
"""Events that are not compared here: about the process, or settings, which are compared separately."""


def part(a: EventLog, b: EventLog) -> tuple[int, int, Parting | None, End]:
    """Walk the decisions of two logs side by side until they part.

    Returns:
        How many are the same, how many steps they began, the first that is not, and which log ended before.
    """
    count = steps = 0
    for one, other in zip_longest(*(Decisions.of(log.read(), _NOT_COMPARED) for log in (a, b))):
        if one is None or other is None:
            return count, steps, None, "a" if one is None else "b"
        if not equal(one.event, other.event):
            return count, steps, _parting(count, one, other), ""
        count += 1
        steps += isinstance(one.event, StepStarted)
    return count, steps, None, ""


def _parting(number: int, a: Decision, b: Decision) -> Parting:
    left, right = a.event, b.event
    return Parting(
        event=number,
        step=max(left.step, right.step),
        seq_a=a.seq,
        seq_b=b.seq,
        type_a=kind(left),
        type_b=kind(right),
        place_a=place(left),
        place_b=place(right),
        fields=differences(left, right),
    )


# -- outcomes ----------------------------------------------------------------------------------------------


def outcomes(a: dict[str, Any], b: dict[str, Any]) -> list[MeasuredPair]:
    """Return the win rates, then the probe rates, of every arm of two evaluation tables; base's rates as arm ``base``.

    Win rates that a table withholds are not compared.
    """
    rates = [_rates(a), _rates(b)]
    pairs = [MeasuredPair(*key, a=rates[0].get(key), b=rates[1].get(key)) for key in {**rates[0], **rates[1]}]
    first = {each.measure: i for i, each in reversed(list(enumerate(pairs)))}  # arms of one measure together
    return sorted(pairs, key=lambda outcome: (KINDS.index(outcome.kind), first[outcome.measure]))


def _rates(results: dict[str, Any]) -> dict[tuple[str, Any, str], dict[str, Any]]:
    arms = {} if results["withheld"] else results["arms"]
    rates = {("win rate", "votes", arm): _estimate(of["win_rate"]) for arm, of in arms.items()}
    for row in sorted(results["probes"], key=lambda row: row["probe"]):
        rates.setdefault((row["probe"], row["kind"], "base"), _estimate(row["base"]))
        rates[row["probe"], row["kind"], row["arm"]] = _estimate(row["after"])
    return rates


def _estimate(estimate: dict[str, Any]) -> dict[str, Any]:
    return {name: estimate[name] for name in ("value", "low", "high", "n")}
