"""How much of a run lay outside what its fitted audiences were fitted on. A function of the log's events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import msgspec
import numpy as np

from abm.audience import ChoiceModel, Support, Voters, feature_matrix, from_mapping
from abm.columns import Float32s, unpack
from abm.events import AudienceSet, CrowdJoined, Event, MessagePublished, PersonasJoined
from abm.societies import is_before_another
from analysis.readings.reading import frame_of, result_of
from moloch.content import content_id

if TYPE_CHECKING:
    import polars as pl

COLUMNS = {"part": str, "audience": str, "fitted_on": str, "messages": int, "outside": int}


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
    return result_of(events, ExtrapolationReading())


class ExtrapolationReading:
    """Reads what :func:`extrapolation` returns; it holds the traits of those who joined. A row of its frame is an audience."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({AudienceSet, CrowdJoined, MessagePublished, PersonasJoined})

    def __init__(self) -> None:
        self._audiences: dict[tuple[str, str], Extrapolation] = {}
        self._reacting: dict[str, tuple[Extrapolation, Support]] = {}
        self._joined: dict[str, list[PersonasJoined | CrowdJoined]] = {"personas": [], "crowd": []}

    def result(self) -> list[Extrapolation]:
        """Return a row per fitted audience that has reacted so far."""
        return list(self._audiences.values())

    def frame(self) -> pl.DataFrame:
        """Return a row per fitted audience, without the single features and traits."""
        return frame_of(([getattr(row, name) for name in COLUMNS] for row in self.result()), COLUMNS)

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case PersonasJoined() | CrowdJoined():
                self._joined["crowd" if isinstance(event, CrowdJoined) else "personas"].append(event)
            case AudienceSet():
                self._set(event)
            case MessagePublished() if not is_before_another(
                event.contest
            ):  # the same message as before the run's own audience
                for row, support in self._reacting.values():
                    _count(row, support, event.text)

    def _set(self, event: AudienceSet) -> None:
        self._reacting.pop(event.part, None)
        model = from_mapping(event.choice_model)
        if model.support is not None:
            same = event.part, content_id(event.choice_model)
            if same not in self._audiences:
                self._audiences[same] = _row(event.part, model, model.support, self._joined[event.part])
            self._reacting[event.part] = self._audiences[same], model.support


def _row(part: str, model: ChoiceModel, support: Support, joined: list[PersonasJoined | CrowdJoined]) -> Extrapolation:
    splits: dict[str, list[PersonasJoined | CrowdJoined]] = {}
    for event in joined:  # a crowd joins in many events
        splits.setdefault(event.split, []).append(event)
    shares = [support.shares(_voters(events)) for events in splits.values()]
    largest = {trait: max(share[trait] for share in shares) for trait in support.traits} if shares else {}
    traits = {trait: round(share, 6) for trait, share in largest.items() if share}
    return Extrapolation(part, model.name, str(support.origin.get("fitted_on", "")), traits=traits)


def _voters(joined: list[PersonasJoined | CrowdJoined]) -> Voters:
    """Return the members who joined in some events as one table."""
    columns = [[unpack(event.traits[name], Float32s) for event in joined] for name in joined[0].traits]
    traits = np.stack([np.concatenate(column) for column in columns], axis=1)
    return Voters(np.arange(len(traits)), [""] * len(traits), tuple(joined[0].traits), traits)


def _count(row: Extrapolation, support: Support, text: str) -> None:
    [beyond] = support.beyond(feature_matrix([text]))
    row.messages += 1
    row.outside += bool(beyond.any())
    for name, is_out in zip(support.features, beyond.tolist(), strict=True):
        if is_out:
            row.features[name] = row.features.get(name, 0) + 1
