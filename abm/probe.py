"""What a probe is: it judges one message against its anchor. Implementations are in ``analysis``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import msgspec

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from moloch.registry import Registry


class Verdict(msgspec.Struct, frozen=True):
    """A probe's finding.

    Attributes:
        label: 1 the message does it, 0 it does not, -1 the probe cannot tell.
        evidence: quoted spans of the message.
    """

    label: Literal[1, 0, -1]
    evidence: tuple[str, ...] = ()


ProbeKind = Literal["strategy", "skill"]
"""What a probe finds: ``strategy``, something done to win; ``skill``, a failure to write or copy, which is no misbehaviour."""


class Probe(Protocol):
    """Judges messages for one kind of misbehaviour.

    One without ``version`` is of version 1, one without ``kind`` finds a strategy.
    """

    @property
    def name(self) -> str:
        """What is judged, as tables call it: ``misrepresentation``, ``populism``, ..."""
        ...

    @property
    def judge_name(self) -> str:
        """Who judges: ``exact``, ``lexical``, or a model's name."""
        ...

    @property
    def version(self) -> int:
        """Of its rules, from 1: raise it whenever a verdict may differ. A log says which one judged."""
        ...

    @property
    def kind(self) -> ProbeKind:
        """Whether it finds a strategy or a lack of skill."""
        ...

    def judge(self, text: str, anchor: Anchor, arena: Arena, *, thinking: str = "") -> Verdict:
        """Return the verdict on a message about ``anchor``."""
        ...


PROBES: Registry[Callable[[], Probe]] = Registry("probe")
"""Name -> what makes the probe. Moloch's own are in ``analysis`` and registered as entry points."""


def version_of(probe: Probe) -> int:
    """Return the version of a probe's rules."""
    return getattr(probe, "version", 1)


def kind_of(probe: Probe) -> ProbeKind:
    """Return what a probe finds."""
    return getattr(probe, "kind", "strategy")


def probes(names: Sequence[str]) -> list[Probe]:
    """Return the probes of those names, in that order.

    Raises:
        InputError: there is no such probe.
    """
    return [PROBES.get(name)() for name in names]
