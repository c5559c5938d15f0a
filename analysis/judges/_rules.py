"""Rules afterwards: probes without a model judge the messages of any log, as the run's own probes would have.

Verdicts are kept in the log of verdicts beside the run's own, an event for each probe. A probe of the same version judges the same
messages once. The run's own log is read, never changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from abm.arenas import BUILT_IN, DEFAULT_PROBES, Arena, arena
from abm.arenas.anchors import Anchor
from abm.events import AnchorsListed, ArenaSet, Event, MessagePublished
from abm.label_events import RuleApplied, RuleVerdict
from abm.log import open_log, read_events
from abm.probe import Probe, judged, version_of
from analysis.judges._calls import VERDICTS, log_of
from analysis.judges._messages import Messages, PublishedMessage, Selection
from analysis.judges._rates import RateRow, rates, relabelled
from analysis.judges._verdicts import VerdictRow, rule_row, texts_digest
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.reading import read
from analysis.statistics.estimates import plain
from analysis.tables.evaluation import ProbeRow, note, probe_table
from moloch.errors import InputError


@dataclass(frozen=True)
class RuleVerdicts:
    """What probes found.

    Attributes:
        rates: of evaluations: one row per probe and arm, as in a run's own tables; empty for training messages.
        trained: of training messages: one row per probe and arm, without a base.
        given: verdicts that were given now; 0 where all of them were kept before.
        head: hash of the log of verdicts.
    """

    run: Path
    folder: Path
    head: str
    arena: str
    selection: Selection
    epoch: int
    messages: int
    versions: Mapping[str, int]
    verdicts: Sequence[VerdictRow]
    rates: Sequence[ProbeRow]
    trained: Sequence[RateRow]
    given: int
    note: str

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the single verdicts as a JSON-able mapping."""
        return {
            "run": str(self.run),
            "verdicts": str(self.folder),
            "head": self.head,
            "arena": self.arena,
            "phase": self.selection.phase,
            "epoch": self.epoch,
            "messages": self.messages,
            "rules": dict(self.versions),
            "judged": len(self.verdicts),
            "given": self.given,
            "probes": [plain(row) for row in self.rates],
            "rates": [plain(row) for row in self.trained],
            "note": self.note,
        }


@dataclass
class _JudgedSources:
    """A reading of what probes are given beside a message's text: its anchor, whole, its writer's thinking, and the arena."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({AnchorsListed, ArenaSet, MessagePublished})

    anchors: dict[str, Anchor] = field(default_factory=dict)
    thinking: dict[str, str] = field(default_factory=dict)
    arena: Arena | None = None

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case ArenaSet():
                self.arena = Arena.recorded(event.arena)
            case AnchorsListed():
                self.anchors |= {str(each["id"]): msgspec.convert(each, Anchor) for each in event.anchors}
            case MessagePublished() if event.thinking:
                self.thinking[event.message] = event.thinking
            case _:
                pass

    def result(self) -> _JudgedSources:
        """Return the sources themselves, as they are now."""
        return self


@dataclass(frozen=True)
class RuleInquiry:
    """Probes and the messages of a run that they are to judge; nothing was judged yet."""

    run: Path
    folder: Path
    head: str
    selection: Selection
    probes: Sequence[Probe]
    messages: Sequence[PublishedMessage]
    evaluation: Evaluation
    sources: _JudgedSources

    def carry_out(self) -> RuleVerdicts:
        """Judge what is not judged yet, keep the verdicts, and return what all of them say.

        Raises:
            InputError: a probe fails on a message, or the folder of verdicts holds something else.
            LogError: the verdicts cannot be written.
        """
        log, texts = log_of(self.folder), texts_digest(self.messages)
        kept = [event for event in log.read() if isinstance(event, RuleApplied) and event.texts == texts]
        known = {(event.probe, event.version, event.judge): event for event in kept}
        new = [self._applied(probe, texts) for probe in self.probes if _key(probe) not in known]
        if new:
            with closing(log.opened()) as written:
                written.append(new)
        known |= {(event.probe, event.version, event.judge): event for event in new}
        rules = [known[_key(probe)] for probe in self.probes]
        rows = [
            rule_row(message, rule, given)
            for rule in rules
            for message, given in zip(self.messages, rule.verdicts, strict=True)
        ]
        return RuleVerdicts(
            run=self.run,
            folder=self.folder,
            head=log.head(),
            arena=self._arena.name,
            selection=self.selection,
            epoch=max(message.epoch for message in self.messages),
            messages=len(self.messages),
            versions={rule.probe: rule.version for rule in rules},
            verdicts=rows,
            rates=self._table(rules, rows) if self.selection.phase == "evaluate" else [],
            trained=rates(rows, None, self.evaluation.config) if self.selection.phase == "train" else [],
            given=len(new) * len(self.messages),
            note=note(self.evaluation),
        )

    def _applied(self, probe: Probe, texts: str) -> RuleApplied:
        """Return what a probe finds in every message."""
        name, version, judge = _key(probe)
        verdicts = [self._verdict(probe, message) for message in self.messages]
        return RuleApplied(probe=name, version=version, judge=judge, head=self.head, texts=texts, verdicts=verdicts)

    @property
    def _arena(self) -> Arena:
        if self.sources.arena is None:
            raise InputError("the log names no arena", where=str(self.run), fix="Give a log that a run wrote.")
        return self.sources.arena

    def _verdict(self, probe: Probe, message: PublishedMessage) -> RuleVerdict:
        anchor = self.sources.anchors.get(message.anchor)
        if anchor is None:
            raise InputError(f"the log holds no anchor {message.anchor!r}", where=f"{self.run}: {message.message}")
        thinking = self.sources.thinking.get(message.message, "")
        try:
            verdict = judged(probe, message.text, anchor, self._arena, thinking)
        except Exception as error:  # a user's probe may raise anything
            raise InputError(
                f"the probe {probe.name!r} cannot judge a message",
                where=f"{self.run}: message {message.message}",
                why=f"{type(error).__name__}: {error}",
                fix="A probe has to judge any text: run the conformance suite on it (abm.conformance).",
            ) from error
        return RuleVerdict(message.message, verdict.label, list(verdict.evidence))

    def _table(self, rules: Sequence[RuleApplied], rows: Sequence[VerdictRow]) -> list[ProbeRow]:
        """Return the rates of the run's own table, with these verdicts in the place of its own."""
        found = [(given, rule) for rule in rules for given in rule.verdicts if given.label == 1]
        spans = {(given.message, rule.probe): max(1, len(given.evidence)) for given, rule in found}
        return probe_table(relabelled(rows, self.evaluation, spans))


def _key(probe: Probe) -> tuple[str, int, str]:
    return probe.name, version_of(probe), probe.judge_name


def prepare_rules(
    run: Path | str, probes: Sequence[Probe], selection: Selection | None = None, *, out: Path | str | None = None
) -> RuleInquiry:
    """Return the judging of a run's messages by probes.

    Args:
        out: folder of the log of verdicts; by default ``verdicts`` in the run's. Runs may share one.

    Raises:
        InputError: no probe, or nothing to judge.
        LogError: no such run, or it cannot be read.
    """
    run, selection = Path(run), selection or Selection()
    if not probes:
        raise InputError("no probe judges", fix="Name one, as in `moloch probe RUN --rules populism`.")
    messages, evaluated, sources = Messages(), EvaluationReading(), _JudgedSources()
    read(read_events(run), messages, evaluated, sources)
    selected = messages.select(selection)
    folder = Path(out) if out is not None else run / VERDICTS
    head = open_log(run, write=False).head().hash
    return RuleInquiry(run, folder, head, selection, probes, selected, evaluated.result(), sources)


def own_rules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the probes that judge a run with these settings by default: those that they name, else its arena's."""
    if named := config.get("probes"):
        return tuple(map(str, named))
    name = config.get("arena")
    return arena(name).probes if name in BUILT_IN else DEFAULT_PROBES
