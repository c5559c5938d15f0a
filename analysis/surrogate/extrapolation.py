"""How much of a run lay outside what its fitted audiences were fitted on. A function of the log's events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from abm.audience import ChoiceModel, Support, Voters, feature_matrix, from_mapping
from abm.columns import Float32s, unpack
from abm.events import AudienceSet, CrowdJoined, Event, MessagePublished, PersonasJoined


class Extrapolation(msgspec.Struct):
    """What one fitted audience was asked.

    Attributes:
        part: of the audience: ``personas``, or ``crowd``.
        fitted_on: whose votes, as its file says.
        messages, outside: published while it reacted, and those with a feature outside the fit's range.
        features: feature -> messages outside; those with none are left out.
        traits: trait -> largest share of a split's members outside, 0 .. 1; those with none are left out.
    """

    part: str
    audience: str
    fitted_on: str
    messages: int = 0
    outside: int = 0
    features: dict[str, int] = {}
    traits: dict[str, float] = {}


def extrapolation(events: Iterable[Event]) -> list[Extrapolation]:
    """Return one row for each fitted audience that reacted in the log; none where audiences were declared, or asked."""
    found: dict[tuple[str, str], Extrapolation] = {}
    reacting: dict[str, tuple[Extrapolation, Support]] = {}
    joined: dict[str, list[Voters]] = {"personas": [], "crowd": []}
    for event in events:
        match event:
            case PersonasJoined() | CrowdJoined():
                joined["crowd" if isinstance(event, CrowdJoined) else "personas"].append(_voters(event))
            case AudienceSet():
                reacting.pop(event.part, None)
                model = from_mapping(event.choice_model)
                if model.support is not None:
                    row = found.setdefault((event.part, model.name), _row(event.part, model, joined))
                    reacting[event.part] = row, model.support
            case MessagePublished():
                for row, support in reacting.values():
                    _count(row, support, event.text)
    return list(found.values())


def extrapolation_lines(found: Iterable[dict[str, Any]]) -> list[str]:
    """Return one line per row of :func:`extrapolation` as builtins."""
    return [_line(row) for row in found]


def _voters(event: PersonasJoined | CrowdJoined) -> Voters:
    columns = {name: unpack(column, Float32s) for name, column in event.traits.items()}
    size = event.size if isinstance(event, CrowdJoined) else len(event.ids)
    ids = np.arange(event.first, event.first + size)
    return Voters(ids, [""] * size, tuple(columns), np.stack(list(columns.values()), axis=1))


def _row(part: str, model: ChoiceModel, joined: dict[str, list[Voters]]) -> Extrapolation:
    assert model.support is not None
    shares: dict[str, float] = {}
    for voters in joined[part]:
        for trait, share in model.support.shares(voters).items():
            shares[trait] = max(share, shares.get(trait, 0.0))
    traits = {trait: round(share, 6) for trait, share in shares.items() if share}
    return Extrapolation(part, model.name, str(model.support.origin.get("fitted_on", "")), traits=traits)


def _count(row: Extrapolation, support: Support, text: str) -> None:
    [beyond] = support.beyond(feature_matrix([text]))
    row.messages += 1
    row.outside += bool(beyond.any())
    for name, is_out in zip(support.features, beyond.tolist(), strict=True):
        if is_out:
            row.features[name] = row.features.get(name, 0) + 1


def _line(row: dict[str, Any]) -> str:
    asked = max(1, row["messages"])
    parts = [f"{row['outside']:,} of {row['messages']:,} messages ({100 * row['outside'] / asked:.1f} %)"]
    parts += [f"{name} {times:,}" for name, times in row["features"].items()]
    parts += [f"{name} of {100 * share:.1f} % of the members" for name, share in row["traits"].items()]
    fitted = f", fitted on {row['fitted_on']}" if row["fitted_on"] else ""
    return f"{row['audience']} ({row['part']}{fitted}): outside what it was fitted on: {'; '.join(parts)}"
