"""``prompt``: a learner without weights, for writers that are served. It looks back, proposes, and keeps what voters prefer.

Reflection in words as a step of learning, checked on held-back examples: Pryzant et al., "Automatic Prompt Optimization with 'Gradient Descent'
and Beam Search", arXiv 2305.03495; Agrawal et al., "GEPA", arXiv 2507.19457. Here the examples are contests and the score is votes, so that
instructions are selected for what the audience prefers (docs/decisions/0067-prompt-learner.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from abm.arenas import Arena, Message
from abm.arenas.prompts import Template
from learning.methods._contests import DecidedContest
from learning.methods._instructions import InstructionMethod, Retrospect, Trial
from moloch import keyed
from moloch.content import content_id

REFLECT = Template(
    system="You are a {writer}, and you look back at your work. Readers saw several {message} texts about the same {noun}, and each of "
    "them chose the one that they would {verb}.",
    user="Your instructions so far:\n{instructions}\n\n{contests}\n\nWhy did readers choose as they did? Think inside <think></think>. "
    "Then write better instructions for the next {message} texts that you write, inside <instructions></instructions>: at most "
    "{words} words, about how to write for any {noun}, not about those above.",
)
NONE_YET = "(none)"


class Prompt(InstructionMethod, frozen=True):
    """The proposal with the largest share of votes is kept, if it has more than half of them and the lead.

    Attributes:
        lead: share of votes beyond one half that a proposal needs.
    """

    lead: Annotated[float, msgspec.Meta(ge=0.0, lt=0.5)] = 0.0

    def reflection(self, of: Retrospect) -> list[Message]:
        arena = of.contests.arena
        shown = "\n\n".join(self._contest(of, i, contest) for i, contest in enumerate(of.shown, 1))
        return REFLECT.render(
            **_words(arena), instructions=of.instructions or NONE_YET, contests=shown, words=str(self.words)
        )

    def pick(self, trials: Sequence[Trial], seed: int) -> int:
        best = max(trials, key=lambda trial: (trial.share, -trial.proposal), default=None)
        return best.proposal if best is not None and best.share > 0.5 + self.lead else 0

    @property
    def template(self) -> str:
        return content_id([REFLECT.digest, msgspec.to_builtins(self)])

    def _contest(self, of: Retrospect, number: int, contest: DecidedContest) -> str:
        own = contest.own_slots
        lines = [f"# {of.contests.arena.anchor.noun.capitalize()} {number}", of.contests.anchors[_anchor(contest)]]
        names = {slot: f"text {place}" for place, slot in enumerate(contest.slots, 1)}
        for slot, name in names.items():
            whose = "yours" if slot in own else "another's"
            lines.append(
                f"{name.capitalize()}, {whose}, {contest.votes[slot]} of {sum(contest.votes)} votes:\n{contest.messages[slot].text}"
            )
        thoughts = [f"- {names.get(each.choice, 'none')}: {each.thought}" for each in self.drawn_thoughts(of, contest)]
        if thoughts:
            lines.append("\n".join(["What some readers chose, and thought:", *thoughts]))
        return "\n\n".join(lines)


class RandomPrompt(Prompt, frozen=True):
    """The twin of ``prompt``: as many reflections and trials, and of the proposals and the instructions that the arm has one is kept at random."""

    def pick(self, trials: Sequence[Trial], seed: int) -> int:
        choices = [0, *(trial.proposal for trial in trials)]
        return choices[int(keyed.generator(seed, "random prompt").integers(len(choices)))]


def _anchor(contest: DecidedContest) -> str:
    return contest.messages[contest.slots[0]].anchor


def _words(arena: Arena) -> dict[str, str]:
    return {"writer": arena.writer, "message": arena.message, "noun": arena.anchor.noun, "verb": arena.verb}
