"""How the attributes of people are distributed, beside the margins that their population is said to have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from populations import Persona
from populations.margins import Margins, shares

VALUES = 12
"""Values of an attribute that are shown, the most frequent ones; those of a margin all are."""


def distributions(
    personas: Sequence[Persona], weight: Mapping[str, float], margins: Margins
) -> dict[str, dict[str, Any]]:
    """Return attribute -> how it is distributed among ``personas``, as a JSON-able mapping.

    Args:
        weight: persona's id -> how much it counts.
        margins: of the population, by attribute.

    Returns:
        For each attribute its ``values`` (each with ``people``, its weighted ``share`` of them, and the ``margin``, None where
        there is none), how many ``different`` values there are, how many ``people`` have it and how many ``lack`` it, and of
        numbers ``least`` and ``most``.
    """
    names = list(dict.fromkeys(name for persona in personas for name in persona.attributes))
    return {name: _one(name, personas, weight, margins.get(name)) for name in names}


def _one(
    name: str, personas: Sequence[Persona], weight: Mapping[str, float], margin: Mapping[Any, float] | None
) -> dict[str, Any]:
    having = [persona for persona in personas if name in persona.attributes]
    people = Counter(persona.attributes[name] for persona in having)
    weighed: Counter[str | int] = Counter()
    for persona in having:
        weighed[persona.attributes[name]] += weight[persona.id]  # pyright: ignore[reportArgumentType]
    total = sum(weighed.values())
    target = shares(name, margin) if margin else {}
    shown = sorted(people, key=lambda value: (-people[value], str(value)))[:VALUES]
    shown += [value for value in target if value not in shown]
    numbers = [value for value in people if not isinstance(value, str)]
    return {
        "values": [
            {
                "value": value,
                "people": people[value],
                "share": round(weighed[value] / total, 6) if total else 0.0,
                "margin": round(target.get(value, 0.0), 6) if target else None,
            }
            for value in shown
        ],
        "different": len(people),
        "people": len(having),
        "lack": len(personas) - len(having),
        "least": min(numbers, default=None),
        "most": max(numbers, default=None),
    }
