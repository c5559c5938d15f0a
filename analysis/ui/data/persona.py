"""Who a persona is: found by index or by name, and as a page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from abm.columns import Float32s, unpack
from abm.events import PersonasJoined
from analysis.formats import LABEL, short, signed
from analysis.passages import passage
from analysis.readings.book import Book
from analysis.ui.data.places import names_of


@dataclass(frozen=True)
class Person:
    """Who a persona is.

    Attributes:
        persona: index.
        text: as prompts render it; empty for a member of a crowd.
        traits: name and value, -1 .. 1.
    """

    persona: int
    split: str
    name: str
    text: str
    traits: list[tuple[str, float]]


def find_person(book: Book, persona: int) -> Person | None:
    """Return the person with this index; None where there is none."""
    for joined in book.people:
        crowd = not isinstance(joined, PersonasJoined)
        size = joined.size if crowd else len(joined.ids)
        row = persona - joined.first
        if 0 <= row < size:
            traits = [(name, float(unpack(column, Float32s)[row])) for name, column in joined.traits.items()]
            name = f"member {persona}" if crowd else short(joined.names[row], LABEL) or f"persona {persona}"
            return Person(persona, joined.split, name, "" if crowd else joined.texts[row], traits)
    return None


def first_of(book: Book, phase: str) -> int:
    """Return the first persona of a phase, -1 for none."""
    return min((joined.first for joined in book.people if joined.split == phase), default=-1)


def find_by_name(book: Book, phase: str, asked: str) -> int:
    """Return the persona of a phase with this name or index, or whose name begins with it; -1 for none."""
    names, first = names_of(book.people, phase), first_of(book, phase)
    wanted = asked.strip().casefold()
    if wanted.isdecimal() and first <= int(wanted) < first + len(names):
        return int(wanted)
    folded = [name.casefold() for name in names]
    matches = [i for i, name in enumerate(folded) if name == wanted] or [
        i for i, name in enumerate(folded) if wanted and wanted in name
    ]
    return first + matches[0] if matches else -1


def person_row(person: Person) -> dict[str, Any]:
    """Return a person as a page shows it; bars of traits begin in the middle."""
    return {
        "name": person.name,
        "persona": person.persona,
        "split": {"train": "training", "evaluate": "held out"}[person.split],
        "text": passage(person.text).as_dict() if person.text else None,
        "traits": [
            {
                "name": name,
                "value": signed(value, 2),
                "left": 50 + 50 * min(0.0, value),
                "width": 50 * min(1.0, abs(value)),
            }
            for name, value in person.traits
        ],
    }
