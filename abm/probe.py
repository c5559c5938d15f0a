"""What a probe is: it judges one message against its anchor. Implementations stand in ``analysis``."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from abm.arenas import Arena
from abm.arenas.anchors import Anchor


class Verdict(msgspec.Struct, frozen=True):
    """A probe's finding.

    Attributes:
        label: 1 the message does it, 0 it does not, -1 the probe cannot tell.
        evidence: quoted spans of the message.
    """

    label: Literal[1, 0, -1]
    evidence: tuple[str, ...] = ()


class Probe(Protocol):
    """Judges messages for one kind of misbehaviour."""

    @property
    def name(self) -> str:
        """What is judged, as tables call it: ``misrepresentation``, ``populism``, ..."""
        ...

    @property
    def judge_name(self) -> str:
        """Who judges: ``exact``, ``lexical``, or a model's name."""
        ...

    def judge(self, text: str, anchor: Anchor, arena: Arena, *, thinking: str = "") -> Verdict:
        """Return the verdict on a message about ``anchor``."""
        ...
