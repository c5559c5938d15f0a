"""The pocket model's grammar, as the probes ask for it (:class:`analysis.probes.grammar.Grammar`). Is no probe itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from learning.pocket.grammar import world
from learning.pocket.parse import Sentence, parse_message

WRITTEN_BY_IT = 0.6
"""Share of a message's sentences from which on the model is taken for its writer, where its thinking does not say so."""


@dataclass(frozen=True)
class PocketGrammar:
    """What the pocket model can write in one arena."""

    arena: str

    @property
    def attributes(self) -> Collection[str]:
        """Names of the facts that its sentences are about."""
        return [attribute.name for attribute in world(self.arena).attributes]

    def read(self, text: str, thinking: str = "") -> Sequence[Sentence] | None:
        """Return the sentences of a message; None where the pocket model did not write it.

        It did where its plan stands in ``thinking``, or where most sentences are of its grammar.
        """
        sentences = parse_message(text, self.arena)
        parsed = sum(sentence.family != "unparsed" for sentence in sentences)
        planned = thinking.startswith("Plan:")
        return sentences if parsed and (planned or parsed >= WRITTEN_BY_IT * len(sentences)) else None

    def less_is_better(self, attribute: str) -> bool:
        """Return whether a boast makes the number smaller, as with weight."""
        return world(self.arena).attribute(attribute).down


sales, elections, social = map(PocketGrammar, ("sales", "elections", "social"))
