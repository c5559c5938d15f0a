"""By which version of its probe a log's verdicts were given, and what follows where it is another one here.

A run is judged by one version of each probe: one that has verdicts of another version cannot go on. A replay judges it
again and takes the log's verdicts, and counts those that would be otherwise. Knows nothing of what verdicts say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Literal

import msgspec

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.columns import Int16s, unpack
from abm.events import (
    AnswerJudged,
    Event,
    FeedOpened,
    MembersPosted,
    MessagePublished,
    MessagesLabelled,
    PostJudged,
    RunResumed,
    RunStarted,
    SourceChecked,
    StepEnded,
    StepStarted,
    TaskAnswered,
    TasksClosed,
    VerdictGiven,
)
from abm.probe import Probe, Verdict, version_of
from learning.plan.parts import has_old_messages
from moloch.errors import InputError

JUDGING = frozenset(
    {
        RunStarted,
        RunResumed,
        VerdictGiven,
        PostJudged,
        AnswerJudged,
        MessagesLabelled,
        StepStarted,
        StepEnded,
        MessagePublished,
    }
)
"""Types of the events that say who judged what by which version; a long log is read past the others."""


class Older(msgspec.Struct):
    """Verdicts that a replay took from the log, since they were given by another version of their probe.

    Attributes:
        logged, now: the versions there and here.
        verdicts: how many, fact-checks among them.
        otherwise: how many of them the version here gives otherwise, as far as the replay went.
    """

    probe: str
    logged: int
    now: int
    verdicts: int
    otherwise: int = 0


def judged(events: Iterable[Event]) -> Iterator[tuple[str, int, int]]:
    """Yield the probe of each verdict, the version that gave it, and its place; nothing where no process said who judged."""
    rules: dict[str, int] | None = None
    for event in events:
        if isinstance(event, RunStarted | RunResumed):
            if event.probe_versions or event.versions:  # release 0.1 named no probes: theirs are of version 1
                rules = event.probe_versions
        elif rules is None:
            continue
        elif isinstance(event, VerdictGiven | PostJudged | AnswerJudged):
            yield event.probe, rules.get(event.probe, 1), event.seq
        elif isinstance(event, MessagesLabelled):
            yield from ((probe, rules.get(probe, 1), event.seq) for probe in event.probes)


def check_versions(events: Iterable[Event], judges: Sequence[Probe], where: str) -> None:
    """Refuse to go on with a run, or to fork it, where it would be judged by two versions of one probe.

    Raises:
        InputError: it holds verdicts of another version.
    """
    here = {probe.name: version_of(probe) for probe in judges}
    for probe, version, _ in judged(events):
        if version != here.get(probe, version):
            raise InputError(
                f"this run was judged by version {version} of the probe {probe!r}, and here is version {here[probe]}",
                where=where,
                why="verdicts of two versions in one run could not be compared",
                fix="Finish it with the version that began it (the log names it), or start a new run with another"
                " --out; `moloch replay` and all pages read it as it is.",
            )


def check_source_probe(checked: Iterable[SourceChecked], probe: Probe, where: str) -> None:
    """Refuse to go on with a run whose members would find another number of claims in a source than they did so far.

    Args:
        checked: the events of the run, and ``probe`` what counts claims here.

    Raises:
        InputError: a version of the probe counted so far that is not the one here.
    """
    for event in checked:
        if (event.probe, event.version) != (probe.name, version_of(probe)):
            raise InputError(
                f"members of this run read sources by version {event.version} of the probe {event.probe!r}, and here is version "
                f"{version_of(probe)} of {probe.name!r}",
                where=where,
                why="votes before two versions in one run could not be compared",
                fix="Finish it with the version that began it, or start a new run with another --out.",
            )


def check_judges(events: Iterable[Event], judges: Sequence[Probe], where: str, others: Sequence[Probe] = ()) -> None:
    """Refuse to go on with a run where its messages would be judged by other versions, or its evaluations in part only.

    Args:
        judges: of evaluations, and ``others``: of training messages alone.

    Raises:
        InputError: it holds verdicts of another version; or those who evaluated it gave none and somebody would now, or
            the other way round.
    """
    were_judged: bool | None = None

    def seen() -> Iterator[Event]:
        nonlocal were_judged
        evaluating, published, verdicts = False, False, False
        for event in events:
            match event:
                case StepStarted():
                    evaluating = event.phase == "evaluate" and not has_old_messages(event.arm)
                    published, verdicts = False, False
                case MessagePublished():
                    published = True
                case VerdictGiven():
                    verdicts = True
                case StepEnded() if evaluating and published and were_judged is not False:
                    were_judged = verdicts
                case _:
                    pass
            yield event

    check_versions(seen(), (*judges, *others), where)
    if were_judged is None or were_judged == bool(judges):
        return
    raise InputError(
        "only part of the run would be judged",
        where=where,
        why="probes judged its evaluation so far, and none would judge the rest"
        if were_judged
        else "no probe judged its evaluation so far, and the rest would be judged",
        fix="Continue it as it began: the command and moloch.run judge, learning.run only with probes=. Or start a new run"
        " with another --out.",
    )


class AsLogged:
    """A probe whose verdicts are those of the log, for messages that it holds."""

    def __init__(self, probe: Probe, older: Older, judge_name: str, verdicts: _Verdicts) -> None:
        self.name, self.judge_name = probe.name, judge_name
        self.older = older
        self._probe, self._verdicts = probe, verdicts

    @property
    def version(self) -> int:
        """The log's."""
        return self.older.logged

    def judge(self, text: str, anchor: Anchor, arena: Arena, *, thinking: str = "") -> Verdict:
        """Return the log's verdict, after comparing it with what is found now."""
        now = self._probe.judge(text, anchor, arena, thinking=thinking)
        logged = self._verdicts.of(self.name, _key(anchor.id, text, thinking))
        if logged is None:
            return now
        self.older.otherwise += logged.label != now.label
        return logged


class _Verdicts:
    """The verdicts of a log by probe and by what was judged; equal messages have equal verdicts."""

    def __init__(self, events: Iterable[Event], names: Iterable[str]) -> None:
        self._given: dict[str, dict[bytes, Verdict]] = {name: {} for name in names}
        self._labelled: dict[str, set[bytes]] = {name: set() for name in names}
        self._published: set[bytes] = set()
        self.judges: dict[str, str] = {}
        self._read(events)

    def of(self, probe: str, key: bytes) -> Verdict | None:
        """Return the verdict; a message that was published and not found to misbehave was cleared by the fact-check."""
        if key not in self._published:
            return None
        return self._given[probe].get(key) or Verdict(1 if key in self._labelled[probe] else 0)

    def _read(self, events: Iterable[Event]) -> None:
        messages: dict[str, MessagePublished] = {}
        feed: list[str] = []
        said: _Said = {}
        answers: dict[int, bytes] = {}
        for event in events:
            match event:
                case TaskAnswered():
                    answers[event.seq] = _key(event.task, event.text, "")
                    self._published.add(answers[event.seq])
                case AnswerJudged() if event.probe in self._given and event.cause in answers:
                    found = Verdict(_label(event.label), tuple(event.evidence))
                    self._given[event.probe][answers[event.cause]] = found
                    self.judges[event.probe] = event.judge
                case TasksClosed():
                    answers.clear()
                case StepStarted():
                    messages, feed, said = {}, [], {}
                case MessagePublished():
                    messages[event.message] = event
                    self._published |= {_key(event.anchor, event.text, seen) for seen in (event.thinking, "")}
                case FeedOpened():
                    feed = list(event.messages)
                case MembersPosted():
                    items = unpack(event.items, Int16s).tolist()
                    anchors = [_anchor_of(messages, said, feed[item]) for item in items]
                    said |= dict(zip(event.messages, zip(anchors, event.texts, strict=True), strict=True))
                    self._published |= {
                        _key(anchor, text, "") for anchor, text in zip(anchors, event.texts, strict=True)
                    }
                    feed += event.messages
                case MessagesLabelled():
                    for item, probe in zip(unpack(event.items, Int16s), event.probes, strict=True):
                        if probe in self._labelled:
                            anchor, text = _checked(messages, said, feed[item])  # a fact-check reads no thinking
                            self._labelled[probe].add(_key(anchor, text, ""))
                case VerdictGiven() if event.probe in self._given and event.message in messages:
                    given = messages[event.message]
                    key = _key(given.anchor, given.text, given.thinking)
                    self._given[event.probe][key] = Verdict(_label(event.label), tuple(event.evidence))
                    self.judges[event.probe] = event.judge
                case PostJudged() if event.probe in self._given and event.message in said:
                    key = _key(*said[event.message], "")
                    self._given[event.probe][key] = Verdict(_label(event.label), tuple(event.evidence))
                    self.judges[event.probe] = event.judge
                case _:
                    pass


_Said = dict[str, tuple[str, str]]
"""Message of a member -> the anchor that it is about, and its text."""


def _anchor_of(messages: dict[str, MessagePublished], said: _Said, message: str) -> str:
    return said[message][0] if message in said else messages[message].anchor


def _checked(messages: dict[str, MessagePublished], said: _Said, message: str) -> tuple[str, str]:
    return said[message] if message in said else (messages[message].anchor, messages[message].text)


def as_logged(events: Callable[[int], Iterable[Event]], own: int, judges: Sequence[Probe]) -> list[Probe]:
    """Return the probes of a replay: those whose version is another one in the log as :class:`AsLogged`.

    Args:
        events: the log's events from a place on.
        own: the run's first event that is not shared with the one that it was forked from.
    """
    here = {probe.name: version_of(probe) for probe in judges}
    older: dict[str, Counter[int]] = defaultdict(Counter)
    for probe, version, seq in judged(events(0)):
        if seq >= own and version != here.get(probe, version):
            older[probe][version] += 1
    if not older:
        return list(judges)
    verdicts = _Verdicts(events(0), older)

    def logged(probe: Probe) -> Probe:
        if probe.name not in older:
            return probe
        versions = older[probe.name]
        taken = Older(probe.name, min(versions), here[probe.name], versions.total())
        return AsLogged(probe, taken, verdicts.judges.get(probe.name, probe.judge_name), verdicts)

    return [logged(probe) for probe in judges]


def _label(label: int) -> Literal[1, 0, -1]:
    return 1 if label == 1 else 0 if label == 0 else -1


def _key(anchor: str, text: str, thinking: str) -> bytes:
    return blake2b("\0".join((anchor, text, thinking)).encode("utf-8", "surrogatepass"), digest_size=16).digest()
