"""Members who read the source: who they are, what they find in it, and how an audience gets it.

The source of a contest is its anchor, as writers see it. An audience that can weigh it has a method more than :class:`Audience` asks
for (:class:`Informable`); one without it is what it was, and is refused where somebody is to read the source. Knows nothing of how
anybody chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.audience.port import Audience, Reactions, Voters, choices
from abm.probe import Probe
from moloch import keyed
from moloch.errors import InputError
from moloch.keyed import Part

HALF = 1.0
"""Unsupported claims of a message that make :attr:`SourceFindings.unsupported` 0.5."""


class SourceFindings(NamedTuple):
    """What members know of a contest who read its source.

    Attributes:
        text: the anchor, as writers see it.
        claims: shape (n,), claims of each message that the source does not support, counted.
    """

    text: str
    claims: tuple[int, ...]

    @property
    def unsupported(self) -> NDArray[np.float64]:
        """How strongly a reader of the source notices them, shape (n,), 0 .. 1: ``1 - 2^(-claims / HALF)``, as features grow."""
        return 1.0 - 2.0 ** (-np.array(self.claims, dtype=np.float64) / HALF)


@runtime_checkable
class Informable(Protocol):
    """An audience whose members can weigh what the source says; without it an audience reads messages alone."""

    def informed(self, source: SourceFindings) -> Audience:
        """Return how members react to the messages of one contest who have read its source.

        Draws are those of the audience itself: a source that says nothing against a message changes no choice.
        """
        ...


class SourceReaders(msgspec.Struct, frozen=True):
    """Which members read the source, and by what they see that it does not support a claim.

    Attributes:
        share: of the members, 0 .. 1.
        probe: counts unsupported claims: the pieces of evidence where it labels a message 1.
    """

    share: float
    probe: Probe

    def among(self, ids: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
        """Return which members read the source, shape (k,): who does at one share does at every larger one, in all contests of a run.

        Args:
            ids: shape (k,), persona indices, and ``seed`` of the run: both key the draw.
        """
        if self.share >= 1:
            return np.ones(len(ids), dtype=np.bool_)
        return keyed.uniforms(ids, seed, "source") < self.share

    def source(self, texts: Sequence[str], anchor: Anchor, arena: Arena) -> SourceFindings:
        """Return what they know of messages about an anchor."""
        return SourceFindings(anchor.text, tuple(self.claims(text, anchor, arena) for text in texts))

    def claims(self, text: str, anchor: Anchor, arena: Arena) -> int:
        """Return how many claims of a message its anchor does not support; nobody sees its writer's thoughts."""
        verdict = self.probe.judge(text, anchor, arena)
        return max(1, len(verdict.evidence)) if verdict.label == 1 else 0


@dataclass(frozen=True, eq=False)
class PartlyInformed:
    """An audience before one contest whose source some of its members have read.

    Attributes:
        audience: how those react who have not; ``told``: those who have.
        readers: which they are, and ``seed`` of the run, which draws them.
    """

    audience: Audience
    told: Audience
    readers: SourceReaders
    seed: int

    def react(self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]) -> Reactions:
        """Return every member's choice; see :class:`abm.audience.Audience`."""
        chosen, thoughts, invalid = np.full(len(voters.ids), -1, dtype=np.int16), [""] * len(voters.ids), {}
        spoke = False
        for part, rows in self._parts(voters):
            reactions = part.react(texts, shown[rows], voters.of(rows), key)
            chosen[rows] = reactions.choices
            for row, thought in zip(rows.tolist(), reactions.thoughts, strict=False):
                thoughts[row], spoke = thought, True
            invalid |= {int(rows[at]): raw for at, raw in reactions.invalid.items()}
        return Reactions(chosen, thoughts if spoke else [], invalid)

    def choose(
        self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]
    ) -> NDArray[np.int16]:
        """Return every member's choice, shape (k,); see :class:`abm.audience.Chooser`."""
        reads = self.readers.among(voters.ids, self.seed)
        made = [
            choices(part, texts, shown, voters, key)
            for part, asked in ((self.told, reads), (self.audience, ~reads))
            if asked.any()
        ]
        return np.where(reads, made[0], made[-1])  # both of everybody: a crowd's rows are not copied

    def _parts(self, voters: Voters) -> list[tuple[Audience, NDArray[np.int64]]]:
        reads = self.readers.among(voters.ids, self.seed)
        parts = [(self.told, np.flatnonzero(reads)), (self.audience, np.flatnonzero(~reads))]
        return [part for part in parts if len(part[1])] or parts[:1]


def before_source(audience: Audience, source: SourceFindings, readers: SourceReaders, seed: int) -> Audience:
    """Return an audience before one contest, some members of which have read its source.

    Raises:
        InputError: it cannot weigh a source.
    """
    return PartlyInformed(audience, informed(audience, source), readers, seed)


def informed(audience: Audience, source: SourceFindings) -> Audience:
    """Return how an audience's members react who have read the source.

    Raises:
        InputError: it cannot weigh one.
    """
    if not isinstance(audience, Informable):
        raise InputError(
            "this audience cannot read sources",
            why=f"{type(audience).__name__} has no method `informed`",
            fix="Give it one (abm.audience.Informable), or leave source_readers out.",
        )
    return audience.informed(source)
