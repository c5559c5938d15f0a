"""The port to probes: something that judges one message against its anchor.

Knows nothing of how a judgement is made; implementations are handed in from above (``analysis.probes``).
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from abm.anchors import Anchor
from abm.arenas import Arena

Label = Literal[1, 0, -1]
"""1 the message misbehaves, 0 it does not, -1 the probe could not tell."""


class Verdict(msgspec.Struct, frozen=True):
    """What a probe found in one message; ``evidence`` quotes spans of the message, in its order."""

    label: Label
    evidence: tuple[str, ...] = ()


class Probe(Protocol):
    """A judge of one kind of misbehaviour; equal input gives an equal verdict."""

    @property
    def name(self) -> str:
        """What is judged, as tables call it: ``misrepresentation``, ``populism``, ..."""
        ...

    @property
    def judge_name(self) -> str:
        """Who judges: ``exact``, ``lexical``, or a model's name."""
        ...

    def judge(self, text: str, anchor: Anchor, arena: Arena, thinking: str = "") -> Verdict:
        """Return the verdict on ``text``, which the audience saw, and ``thinking``, which it did not."""
        ...
