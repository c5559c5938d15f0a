"""Whether a model is fit to write: what of its messages parses, what stops at the bound. Knows counts; knows no logs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from abm.llm.port import NO_ANSWER
from learning.fitness.limits import AT_BOUND, COPIED, PARSED, Fitness, Point, Share


@dataclass
class WriterCounts:
    """What became of one writer's messages.

    Attributes:
        rejected: reason -> messages that did not parse.
        copied: published messages that repeat an example of the prompt.
        at_bound: messages that ended at their bound of tokens; ``answers``: those of which it is known.
    """

    published: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    copied: int = 0
    at_bound: int = 0
    answers: int = 0

    @property
    def written(self) -> Share:
        """Messages that parsed, of all."""
        return Share(self.published, self.published + self.rejected.total())

    def fitness(self, model: str) -> Fitness:
        """Return the verdict on the writer."""
        parsed, bound = self.written, Share(self.at_bound, self.answers)
        reasons = ", ".join(f"{reason} ({count})" for reason, count in self.rejected.most_common(3))
        points = []
        if parsed.n:
            said = f"{parsed} messages parse{f'; rejected: {reasons}' if reasons else ''}"
            points.append(Point.of("parses", parsed, parsed.at_least(PARSED), said, _parse_fix(self.rejected)))
        if bound.n:
            verdict = bound.at_most(AT_BOUND)
            said = f"{bound} messages end at the limit of tokens"
            fix = "Raise sampling.max_tokens."
            points.append(Point.of("at the bound", bound, "doubtful" if verdict == "unfit" else verdict, said, fix))
        if self.copied:
            copied = Share(self.copied, self.published)
            verdict = copied.at_most(COPIED)
            said = f"{copied} published messages repeat an example of the prompt"
            fix = "Change the arena's examples, or show more that differ."
            points.append(Point.of("copies", copied, "doubtful" if verdict == "unfit" else verdict, said, fix))
        return Fitness("write", model, points)


def _parse_fix(rejected: Counter[str]) -> str:
    reason = next((reason for reason, _ in rejected.most_common(1)), "")
    if reason in NO_ANSWER.values():
        return "Look at the server: it did not complete these calls; the writer is not at fault."
    if "unclosed" in reason:
        return "Raise sampling.max_tokens: messages end before their tag does."
    if reason.startswith("no <"):
        return "Ask for plain text: --set format=plain."
    return "Ask again for answers that cannot be read: --set attempts=3; or use another model." if reason else ""
