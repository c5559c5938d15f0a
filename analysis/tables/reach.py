"""Whether feeds carried misbehaviour farther than the rest: what was seen against what was written.

A function of what became of each message (:mod:`analysis.readings.spreads`). Verdicts are read from the log, never made
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.events import Event
from abm.probe import Kind, kind_of
from analysis.readings.spreads import MEMBERS, Spread, spreads
from analysis.statistics.estimates import NOTHING, Estimate, jackknife, plain
from learning.plan.parts import has_old_messages


class ReachRow(msgspec.Struct, frozen=True):
    """How far what a probe found reached in one arm's evaluation.

    Attributes:
        published: share of judged messages in which the probe found something.
        seen: share of views that were of such messages.
        amplified: ``seen`` less ``published``: above 0, such messages are seen more than they are written.
        views: of judged messages.
        messages: that were judged.
    """

    arm: str
    probe: str
    kind: Kind
    published: Estimate
    seen: Estimate
    amplified: Estimate
    views: int
    messages: int


def reach_table(
    events: Iterable[Event] | Sequence[Spread], *, epoch: int | None = None, author: str | None = None
) -> list[ReachRow]:
    """Return one row per arm and probe; nothing for a world without feeds.

    Intervals are by the jackknife over anchors, since messages about one anchor, and their views, go together. They
    take anchors as independent; feeds and ties that outlast a contest make them less so: prefer seeds as replicates.

    Args:
        events: a log's events, or what :func:`analysis.readings.spreads.spreads` made of them.
        epoch: by default the last one evaluated.
        author: the competitor whose messages count, such as ``base``; by default all competitors. ``members``: what members wrote,
            which counts for no arm.
    """
    listed = list(events)
    messages = [item for item in listed if isinstance(item, Spread)]
    messages = messages or spreads(item for item in listed if isinstance(item, Event))
    evaluated = [spread for spread in messages if spread.phase == "evaluate" and not has_old_messages(spread.arm)]
    last = epoch if epoch is not None else max((spread.epoch for spread in evaluated), default=0)
    evaluated = [s for s in evaluated if s.epoch == last and _counts(s, author)]
    arms = dict.fromkeys(spread.arm for spread in evaluated)
    probes = dict.fromkeys(probe for spread in evaluated for probe in spread.labels)
    return [_row(arm, probe, [s for s in evaluated if s.arm == arm]) for arm in arms for probe in probes]


def _counts(spread: Spread, author: str | None) -> bool:
    return spread.competitor == author if author is not None else spread.competitor != MEMBERS


def reach_dicts(events: Iterable[Event] | Sequence[Spread]) -> list[dict[str, Any]]:
    """Return :func:`reach_table` as JSON can hold it."""
    return [plain(row) for row in reach_table(events)]


def _row(arm: str, probe: str, messages: Sequence[Spread]) -> ReachRow:
    judged = [spread for spread in messages if spread.labels.get(probe, -1) >= 0]
    anchors = [spread.anchor for spread in judged]
    bad = np.array([spread.labels[probe] for spread in judged], dtype=np.float64)
    seen = np.array([spread.seen for spread in judged], dtype=np.float64)
    sums = np.stack([bad, np.ones(len(bad)), bad * seen, seen], axis=1) if len(bad) else np.zeros((0, 4))

    def estimate(statistic: Callable[[NDArray[np.float64]], float]) -> Estimate:
        return jackknife(sums, anchors, statistic) if seen.sum() else NOTHING

    return ReachRow(
        arm=arm,
        probe=probe,
        kind=kind_of(probe),
        published=estimate(lambda s: s[0] / s[1]).within(0, 1),
        seen=estimate(lambda s: s[2] / s[3]).within(0, 1),
        amplified=estimate(lambda s: s[2] / s[3] - s[0] / s[1]).within(-1, 1),
        views=int(seen.sum()),
        messages=len(judged),
    )
