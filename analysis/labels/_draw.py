"""A random sample of messages to label: stratified, blinded, the same for the same seed, and never a message twice.

Strata are what one writer wrote and the rater found one thing in. Each gets an equal part of the sample, so that rare ones are
oversampled; what it lacks goes to the others. The order of messages within a stratum is drawn by the seed, so that a larger sample holds
the smaller ones.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from abm.label_events import DrawnMessage, DrawnStratum, LabelsDrawn
from analysis.labels._label_log import LabelLog
from analysis.labels._population import LabelledRun, Population, RatedMessage, populations
from moloch import keyed
from moloch.content import content_id
from moloch.errors import InputError

LABELLER = "labeller"
"""Who labels where nobody is named."""


USUAL = 200
"""Messages that are drawn where nobody says how many."""


@dataclass(frozen=True)
class LabelSampling:
    """How messages are drawn.

    Attributes:
        size: different messages, in all; None for :data:`USUAL`, or for all where there are fewer.
        labellers: who labels; several have a sheet each.
        shared: messages that all of them label; None for all. The others are dealt out.
    """

    probe: str
    question: str
    rater: str = ""
    size: int | None = None
    seed: int = 1
    labellers: tuple[str, ...] = (LABELLER,)
    shared: int | None = None


class DrawnItem(msgspec.Struct, frozen=True):
    """What a labeller sees: an id that says nothing, the anchor's text and the message."""

    id: str
    anchor: str
    message: str


class Allotment(msgspec.Struct, frozen=True):
    """Who labels which messages, in which order."""

    labeller: str
    ids: list[str]


@dataclass(frozen=True)
class Draw:
    """A sample that was drawn.

    Attributes:
        by_run: what the log of labels of each run keeps of it.
        items: id -> what labellers see.
        again: whether it had been drawn before, and is only given out again.
    """

    name: str
    runs: Sequence[LabelledRun]
    by_run: Sequence[LabelsDrawn]
    items: dict[str, DrawnItem]
    allotments: Sequence[Allotment]
    again: bool

    @property
    def strata(self) -> list[DrawnStratum]:
        """The strata over all runs."""
        return self.by_run[0].strata


def draw(runs: Sequence[LabelledRun], sampling: LabelSampling) -> Draw:
    """Return a sample of the runs' messages; the same one for the same seed, which nothing is written for.

    Raises:
        InputError: fewer messages are left than are to be drawn, nothing was judged, or a run has not ended.
        LogError: a run, or its log of labels, cannot be read.
    """
    there = populations(runs, sampling.probe, sampling.rater)
    name = _name(there, sampling)
    drawn = {each.run.cell: LabelLog(each.run.folder).draws() for each in there}
    known = [event for events in drawn.values() for event in events if event.draw == name]
    if len(known) == len(there):  # of fewer, a kill left a part: the rest is drawn as it would have been
        return _given_out(name, there, known, sampling, again=True)
    taken = {
        (cell, message.message)
        for cell, events in drawn.items()
        for event in events
        if event.probe == sampling.probe and event.draw != name
        for message in event.messages
    }
    strata, chosen = _chosen(there, taken, sampling)
    by_run = [
        LabelsDrawn(
            draw=name,
            probe=sampling.probe,
            rater=sampling.rater,
            question=sampling.question,
            seed=sampling.seed,
            epoch=each.epoch,
            head=each.head,
            runs=len(there),
            strata=strata,
            messages=[
                DrawnMessage(_id(sampling.seed, name, each, m), m.message, m.writer, m.found)
                for m in each.messages
                if (each.run.cell, m.message) in chosen
            ],
        )
        for each in there
    ]
    return _given_out(name, there, by_run, sampling, again=False)


def _name(there: Sequence[Population], sampling: LabelSampling) -> str:
    of = [sampling.probe, sampling.question, sampling.rater, sampling.size, sampling.seed, sampling.labellers]
    return content_id([*of, sampling.shared, [[each.run.cell, each.head, each.epoch] for each in there]])


def _id(seed: int, name: str, of: Population, message: RatedMessage) -> str:
    return f"{keyed.key(seed, 'label id', name, of.run.cell, message.message):032x}"[:10]


_Name = TypeVar("_Name", bound=Hashable)
_Place = tuple[str, str]
"""Cell and id of a message."""


def _chosen(
    there: Sequence[Population], taken: Collection[_Place], sampling: LabelSampling
) -> tuple[list[DrawnStratum], set[_Place]]:
    """Return the strata, and the messages that are drawn."""
    strata: dict[tuple[str, int], list[_Place]] = {}
    for each in there:
        for m in each.messages:
            if m.found >= 0 and (place := (each.run.cell, m.message)) not in taken:
                strata.setdefault((m.writer, m.found), []).append(place)
    left = sum(map(len, strata.values()))
    size = min(USUAL, left) if sampling.size is None else sampling.size
    if size > left or not left:
        before = f"; {len(taken):,} were drawn before" if taken else ""
        raise InputError(
            f"asked for {size or USUAL:,} messages to label",
            why=f"{left:,} are left{before}",
            fix=f"Give --n {left} or less." if left else "All of them have been drawn.",
        )
    parts = allocation({stratum: len(places) for stratum, places in strata.items()}, size)
    chosen: set[_Place] = set()
    for stratum, places in strata.items():
        ordered = sorted(places, key=lambda place: keyed.key(sampling.seed, "label", sampling.probe, *place))
        chosen.update(ordered[: parts[stratum]])
    said = [DrawnStratum(*stratum, len(places), parts[stratum]) for stratum, places in strata.items()]
    return said, chosen


def allocation(sizes: Mapping[_Name, int], total: int) -> dict[_Name, int]:
    """Return how many to draw from each stratum: equally many, and all of one that has fewer.

    >>> allocation({"rare": 3, "common": 90, "usual": 40}, 30)
    {'rare': 3, 'common': 14, 'usual': 13}
    """
    parts = dict.fromkeys(sizes, 0)
    for place, name in enumerate(
        sorted(sizes, key=lambda each: sizes[each])
    ):  # what small ones lack goes to larger ones
        parts[name] = min(sizes[name], (total - sum(parts.values())) // (len(sizes) - place))
    return parts


def _given_out(
    name: str, there: Sequence[Population], by_run: Sequence[LabelsDrawn], sampling: LabelSampling, *, again: bool
) -> Draw:
    items: dict[str, DrawnItem] = {}
    for each, drawn in zip(there, by_run, strict=True):
        texts = {m.message: m for m in each.messages}
        for one in drawn.messages:
            m = texts[one.message]
            items[one.id] = DrawnItem(one.id, each.anchors.get(m.anchor, ""), m.text)
    return Draw(name, [each.run for each in there], by_run, items, _allotments(sorted(items), name, sampling), again)


def _allotments(ids: Sequence[str], name: str, sampling: LabelSampling) -> list[Allotment]:
    """Return who labels what: some messages all of them, the others one of them; each in an order of their own."""
    mixed = sorted(ids, key=lambda each: keyed.key(sampling.seed, "dealt", name, each))
    shared = len(mixed) if sampling.shared is None else sampling.shared
    if shared > len(mixed):
        raise InputError(f"all labellers are to share {shared:,} messages", why=f"{len(mixed):,} are drawn")
    dealt: dict[str, list[str]] = {labeller: list(mixed[:shared]) for labeller in sampling.labellers}
    for place, one in enumerate(mixed[shared:]):
        dealt[sampling.labellers[place % len(sampling.labellers)]].append(one)
    return [
        Allotment(labeller, sorted(own, key=lambda each: keyed.key(sampling.seed, "order", name, labeller, each)))
        for labeller, own in dealt.items()
    ]
