"""A society over time: one frame after each round of its feeds and after each decision, as codes per member.

Knows events; knows nothing of colours or places. Takes events one by one, so that a run that is being written can be followed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, Int32s, unpack
from abm.events import (
    AdapterTrained,
    AnchorsListed,
    ContestDecided,
    ContestOpened,
    CrowdJoined,
    Engaged,
    Event,
    FeedOpened,
    FeedServed,
    Forked,
    Intervened,
    MembersPosted,
    MessagePublished,
    MessagesLabelled,
    OpinionsShifted,
    PersonasJoined,
    PlatformOpened,
    PollTaken,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    RunConfigured,
    StepEnded,
    StepStarted,
    TiesCut,
    TiesFormed,
    VerdictGiven,
    split_of,
)
from abm.probe import misbehaviour, miscopying
from abm.reactions import members
from abm.state import feeds
from abm.state.platform import LIKED, REPLIED, SERVED, SHARED, UNIT, Platform
from analysis.formats import count, short
from analysis.readings.society import SocietyKey, slot_names
from analysis.ui.data.frames import FIRST_SLOT, Frames

MOST_CELLS = 48 * 2**20
"""Frames times members that are kept of each kind; of a longer society every second frame goes, and again."""


class SocietyReading:
    """Reads one society's frames, from the beginning of the log.

    Attributes:
        frames: what was read so far; None until the society's members are known.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({
        AdapterTrained, AnchorsListed, ContestDecided, ContestOpened, CrowdJoined, Engaged, FeedOpened, FeedServed,
        Forked, Intervened, MembersPosted, MessagePublished, MessagesLabelled, OpinionsShifted, PersonasJoined, PlatformOpened,
        PollTaken, Reacted, ReactedMany, ReactionInvalid, RunConfigured, StepEnded, StepStarted, TiesCut,
        TiesFormed, VerdictGiven,
    })  # fmt: skip

    def __init__(self, key: SocietyKey) -> None:
        self.key = key
        self.frames: Frames | None = None
        self._first: dict[str, int] = {}
        self._size: dict[str, int] = {}
        self._config: dict[str, Any] = {}
        self._subjects: dict[str, str] = {}
        self._graph: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
        self._step: StepStarted | None = None
        self._epoch = 0
        self._platform: Platform | None = None
        self._round = -1
        self._changed = False
        self._anchors: dict[str, str] = {}
        self._singles: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        self._crowds: defaultdict[str, list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = defaultdict(list)
        self._verdicts: defaultdict[str, list[VerdictGiven]] = defaultdict(list)
        self._seen = 0

    def result(self) -> Frames | None:
        """Return the frames as they are now; None until the society has begun."""
        return self.frames

    def take(self, event: Event) -> None:
        """Take the next event of the log."""
        match event:
            case StepStarted():
                self._begin(event)
            case AdapterTrained() if self.frames is not None and event.arm == self.key.arm:
                loss = f"loss {event.loss_before:.3f} to {event.loss_after:.3f}"
                self._mark("training", f"{event.method} learnt in epoch {event.epoch}, {loss}")
            case Forked() if self.frames is not None:
                self._mark("fork", f"forked: other {', '.join(event.changed)}")
            case _ if self._step is not None and self.frames is not None:
                self._happen(event, self._step, self.frames)
            case _:
                self._prepare(event)

    # -- before and between steps ----------------------------------------------------------------------------------

    def _prepare(self, event: Event) -> None:
        match event:
            case RunConfigured() | Forked():
                self._config = event.config
            case AnchorsListed():
                self._subjects |= {
                    str(row.get("id")): short(str(row.get("subject") or row.get("text") or row.get("id")))
                    for row in event.anchors
                }
            case PersonasJoined() | CrowdJoined():
                size = event.size if isinstance(event, CrowdJoined) else len(event.ids)
                self._first.setdefault(event.split, event.first)
                self._size[event.split] = self._size.get(event.split, 0) + size
            case TiesFormed(why="graph"):
                self._graph.append((unpack(event.sources, Int32s), unpack(event.targets, Int32s)))

    def _begin(self, event: StepStarted) -> None:
        self._step = event if self.key.holds(event, self._config) else None
        if self._step is None:
            return
        if self.frames is None:
            first, size = self._first.get(split_of(event.phase), 0), self._size.get(split_of(event.phase), 0)
            self.frames = Frames(first + np.arange(size), self._slots())
        if event.epoch != self._epoch:
            self._epoch, self._platform = event.epoch, None
            self._mark("epoch", f"epoch {event.epoch}, {event.arm}")
            nobody = np.zeros(self.frames.n, dtype=np.uint8)
            self._add(nobody, nobody.copy(), {"label": "before anyone read anything"})

    def _slots(self) -> list[str]:
        return slot_names(self.key, self._config)

    # -- within a step of the society ------------------------------------------------------------------------------

    def _happen(self, event: Event, step: StepStarted, frames: Frames) -> None:
        match event:
            case Reacted():  # first, for most events are
                self._flush(frames)
                self._singles[event.contest].append((event.persona, event.choice))
            case PlatformOpened():
                self._open(event, frames)
            case FeedOpened() | FeedServed():
                self._flush(frames)
                if isinstance(event, FeedServed):
                    self._round = event.round
                self._change(event)
            case (
                Engaged()
                | MembersPosted()
                | OpinionsShifted()
                | MessagesLabelled()
                | PollTaken()
                | Intervened()
                | TiesFormed()
                | TiesCut()
            ):
                self._change(event)
                self._note(event, frames)
            case MessagePublished():
                self._anchors[event.contest] = event.anchor
            case ContestOpened():
                self._anchors[event.contest] = event.anchor
            case ReactedMany():
                self._flush(frames)
                self._crowds[event.contest].append((members(event), unpack(event.choices, Int8s).astype(np.int64)))
            case ReactionInvalid():
                self._singles[event.contest].append((event.persona, -2))
            case ContestDecided():
                self._decided(event, frames)
            case VerdictGiven():
                self._verdicts[event.message].append(event)
            case StepEnded():
                self._flush(frames)
                self._end(frames)

    def _open(self, event: PlatformOpened, frames: Frames) -> None:
        sources = np.concatenate([np.zeros(0, dtype=np.int32), *(ties[0] for ties in self._graph)])
        targets = np.concatenate([np.zeros(0, dtype=np.int32), *(ties[1] for ties in self._graph)])
        self._platform = feeds.opened(event, sources, targets)
        frames.formed = frames.cut = 0
        if not np.array_equal(self._platform.personas, frames.personas):  # some were left out, or the splits overlap
            changed = Frames(self._platform.personas, frames.slots, marks=frames.marks)
            self.frames = changed
            nobody = np.zeros(changed.n, dtype=np.uint8)
            self._add(nobody, nobody.copy(), {"label": "before anyone read anything"})
        elif not frames.opinions:
            frames.opinions = [np.zeros((event.competitors, frames.n), dtype=np.float32) for _ in frames.labels]

    def _change(self, event: Any) -> None:
        if self._platform is not None:
            feeds.apply(self._platform, event)
            self._changed = self._changed or isinstance(event, FeedServed)

    def _note(self, event: Event, frames: Frames) -> None:
        match event:
            case TiesFormed() | TiesCut():
                among = int((unpack(event.targets, Int32s) >= 0).sum())
                if isinstance(event, TiesFormed):
                    frames.formed += among
                else:
                    frames.cut += among
            case PollTaken():
                before = frames.marks[-1] if frames.marks else {}
                if (before.get("kind"), before.get("t")) != (
                    "poll",
                    len(frames),
                ):  # one mark for all contests of a round
                    self._mark("poll", f"poll in round {event.round + 1}", ahead=1)
            case Intervened():
                self._mark("intervention", event.kind.replace("_", "-"), ahead=1)

    def _flush(self, frames: Frames) -> None:
        """Add the frame of a round that is over."""
        if not self._changed:
            return
        self._changed = False
        before = frames.choices[-1] if frames.choices else np.zeros(frames.n, dtype=np.uint8)
        self._add(before, self._exposed(frames), {"label": f"round {self._round + 1} of the feeds"})

    def _exposed(self, frames: Frames) -> NDArray[np.uint8]:
        posts = self._platform.posts if self._platform is not None else None
        if posts is None:
            return np.zeros(frames.n, dtype=np.uint8)
        seen = np.bitwise_or.reduce(posts.seen, axis=0)
        engaged = (seen & (LIKED | SHARED | REPLIED)) > 0
        return np.where(engaged, 2, (seen & SERVED) > 0).astype(np.uint8)

    def _decided(self, event: ContestDecided, frames: Frames) -> None:
        """Add the frame of a decision: what each chose in this contest; those who were not asked keep what they chose before."""
        singles = np.array(self._singles.pop(event.contest, []), dtype=np.int64).reshape(-1, 2)
        parts = [(singles[:, 0], singles[:, 1]), *self._crowds.pop(event.contest, [])]
        personas, choices = (np.concatenate(column) for column in zip(*parts, strict=True))
        codes = frames.choices[-1].copy() if frames.choices else np.zeros(frames.n, dtype=np.uint8)
        asked = np.zeros(frames.n, dtype=bool)
        rows = np.searchsorted(frames.personas, personas)
        inside = (rows < frames.n) & (frames.personas[np.minimum(rows, frames.n - 1)] == personas)
        rows, choices = rows[inside], choices[inside]
        slots = np.minimum(choices, len(frames.slots) - 1) + FIRST_SLOT
        codes[rows] = np.where(choices >= 0, slots, np.where(choices == -1, frames.abstained, frames.abstained + 1))
        asked[rows] = True
        exposed = self._exposed(frames) if self._platform is not None else asked.astype(np.uint8)
        subject = self._subjects.get(self._anchors.get(event.contest, ""), event.contest.rsplit("/", 1)[-1])
        self._add(codes, exposed, {"label": f"{event.outcome}: {subject}"}, event.contest)

    def _add(
        self, choices: NDArray[np.uint8], exposed: NDArray[np.uint8], label: dict[str, Any], contest: str = ""
    ) -> None:
        frames, step = self.frames, self._step
        assert frames is not None and step is not None
        self._seen += 1
        if (self._seen - 1) % frames.thinned:
            return
        frames.choices.append(choices)
        frames.exposures.append(exposed)
        if self._platform is not None:
            frames.opinions.append((self._platform.opinions / UNIT).astype(np.float32))
        elif frames.opinions:
            frames.opinions.append(np.zeros_like(frames.opinions[-1]))
        frames.labels.append({"step": step.step, "epoch": step.epoch, "phase": step.phase, "arm": step.arm} | label)
        frames.contests.append(contest)
        if len(frames) * frames.n > MOST_CELLS and len(frames) > 2:
            frames.thin()

    def _mark(self, kind: str, label: str, ahead: int = 0) -> None:
        if self.frames is not None:
            at = max(0, len(self.frames) - 1 + ahead) if kind != "epoch" else len(self.frames)
            self.frames.marks.append({"t": at, "kind": kind, "label": label})

    def _end(self, frames: Frames) -> None:
        if self._platform is not None:
            feeds.settle(self._platform)
        if self._verdicts:
            bad = sum(bool(misbehaviour(given)) for given in self._verdicts.values())
            slips = sum(bool(miscopying(given)) for given in self._verdicts.values())
            skill = f"; {slips:,} copied wrongly" if slips else ""
            self._mark("probe", f"probes: {bad:,} of {count(len(self._verdicts), 'message')} misbehaved{skill}")
        self._verdicts.clear()
        self._singles.clear()
        self._crowds.clear()
        self._step = None


def exposure(events: Iterable[Event], ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return whom the feeds of one step reached, shape (n,), as the codes of :attr:`Frames.exposures`.

    Args:
        events: the step's.
        ids: the members' persona indices, ascending.
    """
    reached = np.zeros(len(ids), dtype=np.uint8)
    for event in events:
        if isinstance(event, FeedServed | Engaged):
            rows = np.searchsorted(ids, unpack(event.members, Int32s))
            reached[rows] = np.maximum(reached[rows], 1 if isinstance(event, FeedServed) else 2)
    return reached
