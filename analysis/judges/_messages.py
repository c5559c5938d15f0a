"""Which messages of a run are judged: read out of its log, narrowed by phase, epoch, arm and a sample of anchors.

Knows events; knows nothing of judges or statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from abm.events import (
    AnchorsListed,
    ArenaSet,
    Event,
    MessagePublished,
    Phase,
    StepStarted,
    VerdictGiven,
)
from learning.plan.parts import has_old_messages
from moloch import keyed
from moloch.errors import InputError


class PublishedMessage(msgspec.Struct, frozen=True):
    """A published message and its place in the run."""

    message: str
    contest: str
    slot: int
    phase: Phase
    epoch: int
    arm: str
    competitor: str
    anchor: str
    text: str


class Selection(msgspec.Struct, frozen=True):
    """Which messages are judged.

    Attributes:
        epoch: None for the last one of the phase.
        arms: none named for all.
        sample: that many anchors, drawn by ``seed``; a larger sample holds the smaller ones. None for all.
    """

    phase: Phase = "evaluate"
    epoch: int | None = None
    arms: tuple[str, ...] = ()
    sample: int | None = None
    seed: int = 1


class Messages:
    """A reading of a run's messages.

    Attributes:
        arena: the arena's name.
        anchors: anchor id -> the text that writers saw.
        published: in the order of the log.
        rules: (message id, probe) -> label and judge's name, of the run's own probes.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset(
        {AnchorsListed, ArenaSet, MessagePublished, StepStarted, VerdictGiven}
    )

    def __init__(self) -> None:
        self.arena = ""
        self.anchors: dict[str, str] = {}
        self.published: list[PublishedMessage] = []
        self.rules: dict[tuple[str, str], tuple[int, str]] = {}
        self._step = StepStarted(phase="train", epoch=0, arm="")

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case StepStarted():
                self._step = event
            case ArenaSet():
                self.arena = str(event.arena.get("name", ""))
            case AnchorsListed():
                self.anchors |= {str(anchor["id"]): str(anchor["text"]) for anchor in event.anchors}
            case MessagePublished() if self._step.phase != "elsewhere" and not has_old_messages(self._step.arm):
                # what is repeated was published against base, too; judges are asked about the run's own arena
                self.published.append(self._message(event))
            case VerdictGiven():
                self.rules[event.message, event.probe] = (event.label, event.judge)

    def result(self) -> Messages:
        """Return the messages themselves, as they are now."""
        return self

    def _message(self, event: MessagePublished) -> PublishedMessage:
        step = self._step
        place = event.message, event.contest, event.slot, step.phase, step.epoch, step.arm
        return PublishedMessage(*place, event.competitor, event.anchor, event.text)

    @property
    def arms(self) -> list[str]:
        """Arms, in the order of the log."""
        return list(dict.fromkeys(message.arm for message in self.published))

    def select(self, selection: Selection) -> list[PublishedMessage]:
        """Return the messages of a selection, those about one anchor together.

        Raises:
            InputError: there are none, or an arm that does not exist is named.
        """
        strangers = [arm for arm in selection.arms if arm not in self.arms]
        if strangers:
            raise InputError(f"no arm {strangers[0]!r} in the run", fix=f"It has {', '.join(self.arms)}.")
        messages = [m for m in self.published if m.phase == selection.phase and m.arm in (selection.arms or self.arms)]
        epochs = sorted({message.epoch for message in messages})
        epoch = selection.epoch if selection.epoch is not None else (epochs[-1] if epochs else 0)
        messages = [message for message in messages if message.epoch == epoch]
        if not messages:
            there = f"its epochs of that phase are {', '.join(map(str, epochs))}" if epochs else ""
            raise InputError(f"no message to judge in phase {selection.phase!r}", why=there)
        order = sampled([message.anchor for message in messages], selection.sample, selection.seed)
        return sorted((m for m in messages if m.anchor in order), key=lambda m: order[m.anchor])


def sampled(anchors: Sequence[str], size: int | None, seed: int) -> dict[str, int]:
    """Return anchor -> place, of ``size`` anchors drawn by ``seed``, or of all in their order.

    Raises:
        InputError: there are fewer.
    """
    distinct = list(dict.fromkeys(anchors))
    if size is not None:
        if size > len(distinct):
            raise InputError(f"asked for {size} anchors", why=f"the messages are about {len(distinct)}")
        distinct = sorted(distinct, key=lambda anchor: keyed.key(seed, "judge", anchor))[:size]
    return {anchor: place for place, anchor in enumerate(distinct)}
