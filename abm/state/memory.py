"""What a persona remembers: its newest notes within bounds, and counts of all that it did. Knows nothing of platforms and prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from abm.columns import Int32s, unpack
from abm.events import Remembered


@dataclass
class Memory:
    """One persona's.

    Attributes:
        notes: oldest first.
        tally: what it did so far, by verb: ``saw``, ``liked``, ``shared``, ``replied``, ``chose <name>``, ...
    """

    notes: list[str] = field(default_factory=list)
    tally: dict[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The memory as prompts put it; empty where there is none."""
        if not self.notes and not self.tally:
            return ""
        done = [_counted(verb, count) for verb, count in self.tally.items()]
        return "\n".join([*([f"So far you {listed(done)}."] if done else []), *self.notes])


def apply(memories: dict[int, Memory], event: Remembered) -> None:
    """Add what personas remember from an event on, and forget what is beyond its bounds.

    Raises:
        ValueError: the bounds are none, or there is not a note and a tally for each persona.
    """
    if event.entries < 1 or event.characters < 1:
        raise ValueError(f"{event.entries} notes of {event.characters} characters")
    personas = unpack(event.personas, Int32s).tolist()
    for persona, note, tally in zip(personas, event.notes, event.tallies, strict=True):
        before = memories.get(persona, Memory())
        notes = [note] if event.anew else [*before.notes, note]
        counts = {verb: before.tally.get(verb, 0) + tally.get(verb, 0) for verb in before.tally | tally}
        memories[persona] = Memory(bounded(notes, event.entries, event.characters), counts)


def bounded(notes: list[str], entries: int, characters: int) -> list[str]:
    """Return the newest notes that are no more than ``entries`` and hold no more than ``characters`` together.

    The newest one is cut where it is too long by itself.
    """
    kept: list[str] = []
    for note in reversed(notes[-entries:]):
        room = characters - sum(map(len, kept))
        if len(note) > room and kept:
            break
        kept.insert(0, note[:room])
    return kept


def _counted(verb: str, count: int) -> str:
    if verb == "saw":
        return f"saw {count} post{'' if count == 1 else 's'}"
    return f"{verb} {'once' if count == 1 else f'{count} times'}" if verb.startswith("chose ") else f"{verb} {count}"


def as_mapping(memories: Mapping[int, Memory]) -> list[list[object]]:
    """Return memories in a form that is the same for equal ones, for hashes."""
    return [[persona, memory.notes, memory.tally] for persona, memory in sorted(memories.items())]


def listed(parts: list[str]) -> str:
    """Return parts as a sentence lists them."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
