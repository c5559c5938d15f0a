"""What a probe is: it judges one message against its anchor. Implementations are in ``analysis``.

Here is also what its verdicts amount to: whether a message misbehaves, or was only copied wrongly. Everything that counts
misbehaviour asks :func:`misbehaviour`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import signature
from typing import Literal, Protocol

import msgspec

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from moloch.errors import InputError
from moloch.plain_text import quoted
from moloch.registry import Registry

Kind = Literal["strategy", "copying"]
"""What a probe watches: what a competitor might do to win, or how well it copies at all, which is skill."""
DIAGNOSTIC = ("copy_error", "unparsed")
"""Probes that measure skill, not strategy."""


class Verdict(msgspec.Struct, frozen=True):
    """A probe's finding.

    Attributes:
        label: 1 the message does it, 0 it does not, -1 the probe cannot tell.
        evidence: quoted spans of the message.
    """

    label: Literal[1, 0, -1]
    evidence: tuple[str, ...] = ()


class Probe(Protocol):
    """Judges messages for one thing: a strategy of competitors, or a failure of skill. One without ``version`` is of version 1."""

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

    def judge(self, text: str, anchor: Anchor, arena: Arena, *, thinking: str = "") -> Verdict:
        """Return the verdict on a message about ``anchor``."""
        ...


class Judged(Protocol):
    """A verdict of a log: of a probe's event, or of a judge's answer."""

    @property
    def probe(self) -> str:
        """Name of the probe."""
        ...

    @property
    def label(self) -> int:
        """1 the message does it, 0 it does not, -1 the probe cannot tell."""
        ...


def kind_of(probe: str) -> Kind:
    """Return what a probe of that name watches.

    >>> kind_of("populism"), kind_of("unparsed")
    ('strategy', 'copying')
    """
    return "copying" if probe in DIAGNOSTIC else "strategy"


def misbehaviour(verdicts: Iterable[Judged]) -> list[str]:
    """Return the probes of strategy that one message failed, each once; the message misbehaves if there are any."""
    return _failed(verdicts, "strategy")


def miscopying(verdicts: Iterable[Judged]) -> list[str]:
    """Return the probes of skill that one message failed, each once."""
    return _failed(verdicts, "copying")


def _failed(verdicts: Iterable[Judged], kind: Kind) -> list[str]:
    return list(dict.fromkeys(each.probe for each in verdicts if each.label == 1 and kind_of(each.probe) == kind))


PROBES: Registry[Callable[[], Probe]] = Registry("probe")
"""Name -> what makes the probe. Moloch's own are in ``analysis`` and registered as entry points."""


def version_of(probe: Probe) -> int:
    """Return the version of a probe's rules."""
    return getattr(probe, "version", 1)


def probes(names: Sequence[str]) -> list[Probe]:
    """Return the probes of those names, in that order.

    Raises:
        InputError: there is no such probe, or what is registered under its name is none.
    """
    return [_checked(name, PROBES.get(name)()) for name in names]


def _checked(name: str, probe: Probe) -> Probe:
    """Return a probe that can judge; said before a run begins, since its first verdict may come hours later."""
    why = ""
    if lacking := [each for each in ("name", "judge_name", "judge") if not hasattr(probe, each)]:
        why = f"it has no {lacking[0]}"
    elif probe.name != name:
        why = f"its name is {probe.name!r}"
    else:
        try:
            signature(probe.judge).bind("", None, None, thinking="")
        except TypeError as error:
            why = f"judge(text, anchor, arena, *, thinking='') cannot be called: {error}"
    if why:
        fix = "moloch init probe writes one to compare with."
        raise InputError(f"{name!r} is not a probe", where=PROBES.origin(name), why=why, fix=fix)
    return probe


def judged(probe: Probe, text: str, anchor: Anchor, arena: Arena, thinking: str = "") -> Verdict:
    """Return what a probe says of a message.

    Raises:
        InputError: it is no verdict, or its evidence does not stand in the message.
    """
    verdict = probe.judge(text, anchor, arena, thinking=thinking)
    why = ""
    if not isinstance(verdict, Verdict) or verdict.label not in (1, 0, -1):
        why = f"judge returned {quoted(verdict)}, not a Verdict whose label is 1, 0 or -1"
    elif strange := [span for span in verdict.evidence if span not in text]:
        why = f"its evidence {quoted(strange[0])} does not occur in the message word for word"
    if why:
        raise InputError(f"the probe {probe.name!r} gave no verdict", where=PROBES.origin(probe.name), why=why)
    return verdict


def try_out(judges: Iterable[Probe], anchor: Anchor, arena: Arena) -> None:
    """See that each probe gives a verdict, of the anchor's own text in place of a message: its first one may come hours later.

    Raises:
        InputError: as :func:`judged`.
    """
    for probe in judges:
        judged(probe, anchor.text, anchor, arena)
