"""Memory of past rounds: what an arm wrote in its newest contests, what others wrote there, and how members voted, as its prompts show it.

A fold of the log up to a step, so that a run that resumes, and one that is decided again, remember the same. Rounds are training contests
that are over when a step begins; the contests of one step are held at once and know nothing of each other. Held-out evaluations and
trials of instructions show no memory: what is measured there is a policy, which may not depend on whom it met
(docs/decisions/0068-memory-of-rounds.md). Knows events and the words of an arena; knows no model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from abm.arenas import Arena
from abm.events import AnchorsListed, ContestDecided, Event, MessagePublished, RoundsRecalled, StepStarted
from abm.llm.port import text_tokens
from abm.log import EventLog
from learning.arms.memory_settings import RoundMemory
from learning.methods import Owned
from learning.plan.parts import Part, Simulate, SocietyId
from learning.runs.inputs import Inputs
from moloch.content import content_id


def memory_tokens(inputs: Inputs, parts: Iterable[Part]) -> int:
    """Return how many tokens of prompts are memories in a plan, at most: every message after the first epoch has its writer's."""
    total = 0
    for part in parts:
        if isinstance(part, Simulate):
            for writer in part.writers:
                memory = inputs.arms[writer.arm].memory if writer.epoch else None
                total += memory.tokens * len(part.anchors) if memory else 0
    return total


class Remembering(NamedTuple):
    """An arm that remembers.

    Attributes:
        owned: society -> which of its messages are the arm's own, None for all; of other societies it remembers nothing.
    """

    memory: RoundMemory
    owned: Mapping[SocietyId, Owned | None]


class PastRounds:
    """What the arms of a run remember, as its log goes on.

    Args:
        arms: name -> what it remembers of where; those that remember.
    """

    def __init__(self, log: EventLog, arena: Arena, arms: Mapping[str, Remembering]) -> None:
        self._log, self._arena, self._arms = log, arena, arms
        self._read = 0
        self._society: SocietyId | None = None
        self._subjects: dict[str, str] = {}
        self._messages: dict[str, dict[int, MessagePublished]] = {}
        self._rounds = {name: deque[tuple[str, str]](maxlen=each.memory.rounds) for name, each in arms.items()}

    def recall(self, name: str, step: int) -> RoundsRecalled | None:
        """Return what an arm has before it in a step, of the steps before; None where that is nothing."""
        if name not in self._arms:
            return None
        self._read_to(step)
        head = f"Your latest {self._arena.message} texts, with what others wrote and how readers voted:"
        left, kept = self._arms[name].memory.tokens - text_tokens(head), list[tuple[str, str]]()
        for contest, text in reversed(self._rounds[name]):
            if (left := left - text_tokens(f"\n\n{text}")) < 0:
                break
            kept.insert(0, (contest, text))
        left_out = len(self._rounds[name]) - len(kept)
        if not self._rounds[name]:
            return None
        remembered = "\n\n".join([head, *(text for _, text in kept)]) if kept else ""
        return RoundsRecalled(
            competitor=name,
            recalled=[contest for contest, _ in kept],
            left_out=left_out,
            remembered=remembered,
            memory=content_id(remembered) if kept else "",
        )

    def _read_to(self, step: int) -> None:
        """Read what the log holds before a step."""
        for event in self._log.read(self._read):
            if isinstance(event, StepStarted) and event.step >= step:
                return
            self._read = event.seq + 1
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case AnchorsListed(split="train"):
                self._subjects |= {row["id"]: row["subject"] for row in event.anchors}
            case StepStarted():
                self._society, self._messages = SocietyId(event.phase, event.epoch, event.arm), {}
            case MessagePublished():
                self._messages.setdefault(event.contest, {})[event.slot] = event
            case ContestDecided() if self._society is not None:
                for name, each in self._arms.items():
                    if self._society in each.owned:
                        self._add(name, event, each.owned[self._society])
            case _:
                pass

    def _add(self, name: str, decided: ContestDecided, owned: Owned | None) -> None:
        messages = self._messages.get(decided.contest, {})
        own = owned.of(decided.contest, messages) if owned else sorted(messages)
        if any(slot in messages for slot in own):
            self._rounds[name].append((decided.contest, self._text(decided, messages, own)))

    def _text(self, decided: ContestDecided, messages: Mapping[int, MessagePublished], own: list[int]) -> str:
        subject = self._subjects.get(messages[min(messages)].anchor, "")
        noun = self._arena.anchor.noun
        lines, total = [f"# {subject}" if subject else f"# A {noun}"], sum(decided.votes)
        for slot, message in sorted(messages.items()):
            whose = "You" if slot in own else "Another"
            lines.append(f"{whose}, {decided.votes[slot]} of {total} votes: {message.text}")
        return "\n".join(lines)
