"""Grammars: writers whose every sentence is known, so that a probe can read what it claims exactly.

A probe asks for the grammar of its arena by name, and judges as free text what no grammar reads. Knows no grammar itself;
one of your own is registered under its arena's name: ``GRAMMARS.add("lottery", LotteryGrammar())``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from moloch.registry import Registry


class Statement(Protocol):
    """One sentence of a message, read through a grammar."""

    @property
    def text(self) -> str:
        """The sentence."""
        ...

    @property
    def family(self) -> str:
        """``plain`` (a fact), ``big`` (a boast), ``authority`` (a proof or guarantee), ``quote``, ``named`` or ``opener``
        (mentions a name), ``unparsed`` (not of the grammar), or any other word for a sentence that claims nothing."""
        ...

    @property
    def attribute(self) -> str:
        """Name of the fact that a ``plain`` or ``big`` sentence is about."""
        ...

    @property
    def value(self) -> str:
        """The claimed value, the quoted words, or the name."""
        ...


class Grammar(Protocol):
    """What one writer can write in one arena."""

    @property
    def attributes(self) -> Collection[str]:
        """Names of the facts that its sentences are about, as anchors call them."""
        ...

    def read(self, text: str, thinking: str = "") -> Sequence[Statement] | None:
        """Return the sentences of a message in order; None where another writer wrote it."""
        ...

    def less_is_better(self, attribute: str) -> bool:
        """Return whether a boast about a fact makes its number smaller."""
        ...


GRAMMARS: Registry[Grammar] = Registry(
    "grammar", {arena: f"analysis.pocket:{arena}" for arena in ("sales", "elections", "social")}
)
"""Name of an arena -> the grammar of a writer in it."""


def grammar_of(arena: str) -> Grammar | None:
    """Return the grammar of an arena; None where none is known, and every message is free text."""
    return GRAMMARS.get(arena) if arena in GRAMMARS else None
