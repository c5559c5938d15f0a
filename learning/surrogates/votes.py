"""Logged votes as columns: who was asked about which messages, in which order, and chose what.

Reads the members who are asked one by one, which personas are. A crowd is known only by its traits, votes by a
choice model, and is left out. Knows events; fits nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from abm.columns import Float32s, Int8s, unpack
from abm.events import (
    CompetitorsJoined,
    ContestDecided,
    Event,
    Forked,
    MessagePublished,
    PersonasJoined,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    ReaderJoined,
    RunConfigured,
    StepStarted,
)
from abm.reactions import members
from learning.settings.config import LLM_AUDIENCE

ABSTAINED, INVALID = -1, -2
"""Choices that are no slot."""


@dataclass(frozen=True)
class Asked:
    """A contest that was put before an audience.

    Attributes:
        run: place of its log among those that were read.
        audience: the audience's name in the settings of that time, with its model where one played the personas.
        texts, competitors: by slot, of the messages that were published.
    """

    run: int
    contest: str
    anchor: str
    phase: str
    epoch: int
    arm: str
    audience: str
    texts: dict[int, str]
    competitors: dict[int, str]


@dataclass(frozen=True, eq=False)
class LoggedVotes:
    """What personas answered; row i of the vote columns is one answer.

    Attributes:
        contests: what was asked.
        personas: content id of each persona, each once however many logs it is in. One that was asked several times over
            (resampled) is one still, under the least of its ids.
        traits: trait -> shape (personas,), NaN where the log does not say.
        contest, persona: shape (votes,), rows of the two above.
        orders: shape (votes, slots), slots in the order shown, -1 after the last.
        choices: shape (votes,), the slot chosen, :data:`ABSTAINED` or :data:`INVALID`.
        configs: settings of each log, as they began.
        models: names of the language models that wrote, or played the personas, in any log.
        repeated: contests left out because another log holds them alike, as a fork and its parent do.
    """

    contests: list[Asked]
    personas: list[str]
    traits: dict[str, NDArray[np.float32]]
    contest: NDArray[np.int64]
    persona: NDArray[np.int64]
    orders: NDArray[np.int8]
    choices: NDArray[np.int8]
    configs: list[dict[str, Any]]
    models: set[str]
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.choices)

    @property
    def options(self) -> NDArray[np.int64]:
        """How many options each saw, shape (votes,)."""
        return (self.orders >= 0).sum(axis=1)

    @property
    def positions(self) -> NDArray[np.int64]:
        """Position of the chosen option as shown, from 0, shape (votes,); -1 for answers that chose none."""
        is_chosen = (self.orders == self.choices[:, None]) & (self.choices[:, None] >= 0)
        return np.where(is_chosen.any(axis=1), is_chosen.argmax(axis=1), -1)

    @property
    def anchors(self) -> NDArray[np.int64]:
        """The anchor of each vote as a number, equal for equal anchors, shape (votes,)."""
        codes: dict[str, int] = {}
        by_contest = np.array([codes.setdefault(c.anchor, len(codes)) for c in self.contests], dtype=np.int64)
        return by_contest[self.contest]

    def of(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> LoggedVotes:
        """Return some of the answers, of the same contests and personas."""
        columns = (self.contest[rows], self.persona[rows], self.orders[rows], self.choices[rows])
        return LoggedVotes(
            self.contests, self.personas, self.traits, *columns, self.configs, self.models, self.repeated
        )


def read_votes(*runs: Iterable[Event]) -> LoggedVotes:
    """Return the personas' answers in one or more logs.

    A contest that two logs hold alike, as a fork and its parent do, counts once: its id, its messages, the audience, who
    was asked, and in which order each saw the options.
    """
    reading = _VoteReading()
    for events in runs:
        reading.begin()
        for event in events:
            reading.take(event)
    return reading.result()


class _VoteReading:
    """A reading of the votes in several logs, one after the other; it does as the readings of :mod:`analysis` do."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({
        CompetitorsJoined, ContestDecided, Forked, MessagePublished, PersonasJoined, Reacted, ReactedMany, ReactionInvalid,
        ReaderJoined, RunConfigured, StepStarted,
    })  # fmt: skip
    """Types of events that it looks at."""

    def __init__(self) -> None:
        self._contests: list[Asked] = []
        self._seen: dict[tuple[str | bytes, ...], int] = {}
        self._rows: list[tuple[NDArray, NDArray, NDArray, NDArray]] = []
        self._people: dict[str, int] = {}
        self._contents: dict[tuple[str | float, ...], int] = {}
        self._ids: list[str] = []
        self._traits: list[dict[str, float]] = []
        self._configs: list[dict[str, Any]] = []
        self._models: set[str] = set()
        self._repeated, self._run = 0, -1

    def begin(self) -> None:
        """Move on to the next log."""
        self._run += 1
        self._configs.append({})
        self._config: dict[str, Any] = {}
        self._model = ""
        self._index: dict[int, int] = {}
        self._step: StepStarted | None = None
        self._texts: dict[str, dict[int, MessagePublished]] = {}
        self._cast: dict[str, list[Reacted | ReactedMany | ReactionInvalid]] = {}

    def take(self, event: Event) -> None:
        match event:
            case RunConfigured():
                self._config = self._configs[-1] = event.config
            case Forked():
                self._config = event.config
            case PersonasJoined():
                self._join(event)
            case CompetitorsJoined():
                self._models.add(event.model)
            case ReaderJoined():
                self._model = event.model
                self._models.add(event.model)
            case StepStarted():
                self._step = event
            case MessagePublished():
                self._texts.setdefault(event.contest, {})[event.slot] = event
            case Reacted() | ReactedMany() | ReactionInvalid() if self._step is None or not self._step.audience:
                self._cast.setdefault(event.contest, []).append(event)
            case ContestDecided():
                self._decided(event.contest)

    def _join(self, event: PersonasJoined) -> None:
        columns = {name: unpack(column, Float32s) for name, column in event.traits.items()}
        for i, persona in enumerate(event.ids):
            traits = {name: float(column[i]) for name, column in columns.items()}
            content = (event.texts[i] or persona, *traits.values())
            if persona not in self._people:
                self._people[persona] = self._contents.setdefault(content, len(self._ids))
            row = self._people[persona]
            if row == len(self._ids):
                self._ids.append(persona)
                self._traits.append(traits)
            self._ids[row] = min(self._ids[row], persona)
            self._index[event.first + i] = row

    @property
    def _audience(self) -> str:
        name = str(self._config.get("audience", ""))
        return f"{name} ({self._model})" if name == LLM_AUDIENCE else name

    def _decided(self, name: str) -> None:
        messages, cast = self._texts.pop(name, {}), self._cast.pop(name, [])
        if not cast or not messages or self._step is None:
            return
        texts = {slot: message.text for slot, message in sorted(messages.items())}
        step, anchor, audience = self._step, next(iter(messages.values())).anchor, self._audience
        answers = []
        for personas, orders, choices in _columns(cast):
            rows = self._known(personas)
            told = rows >= 0
            answers.append((rows[told], orders[told], choices[told]))
        asked = [column.tobytes() for rows, orders, _ in answers for column in (rows, orders)]
        if self._seen.setdefault((name, audience, *texts.values(), *asked), self._run) != self._run:
            self._repeated += 1
            return
        competitors = {slot: message.competitor for slot, message in messages.items()}
        self._contests.append(
            Asked(self._run, name, anchor, step.phase, step.epoch, step.arm, audience, texts, competitors)
        )
        contest = len(self._contests) - 1
        self._rows += [(np.full(len(rows), contest), rows, orders, choices) for rows, orders, choices in answers]

    def _known(self, personas: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which people these are, -1 for a crowd's members, who are known only by their traits."""
        if not self._index:
            return np.full(len(personas), -1)
        indices, rows = np.array(sorted(self._index.items())).T
        at = np.minimum(np.searchsorted(indices, personas), len(indices) - 1)
        return np.where(indices[at] == personas, rows[at], -1)

    def result(self) -> LoggedVotes:
        """Return the votes of the logs so far."""
        slots = max((orders.shape[1] for _, _, orders, _ in self._rows), default=0)
        padded = [np.pad(o, ((0, 0), (0, slots - o.shape[1])), constant_values=-1) for _, _, o, _ in self._rows]
        none = np.zeros(0, dtype=np.int64)
        names = dict.fromkeys(name for row in self._traits for name in row)
        return LoggedVotes(
            contests=self._contests,
            personas=self._ids,
            traits={n: np.array([row.get(n, np.nan) for row in self._traits], dtype=np.float32) for n in names},
            contest=np.concatenate([none, *(row[0] for row in self._rows)]),
            persona=np.concatenate([none, *(row[1] for row in self._rows)]),
            orders=np.concatenate([np.zeros((0, slots), dtype=np.int8), *padded]),
            choices=np.concatenate([none.astype(np.int8), *(row[3] for row in self._rows)]),
            configs=self._configs,
            models=self._models,
            repeated=self._repeated,
        )


def _columns(
    cast: list[Reacted | ReactedMany | ReactionInvalid],
) -> Iterator[tuple[NDArray, NDArray[np.int8], NDArray[np.int8]]]:
    """Yield personas, orders and choices of one contest's answers: those logged one by one, then those in bulk."""
    single = [event for event in cast if not isinstance(event, ReactedMany)]
    if single:
        orders = np.full((len(single), max(len(event.order) for event in single)), -1, dtype=np.int8)
        for row, event in enumerate(single):
            orders[row, : len(event.order)] = event.order
        choices = [event.choice if isinstance(event, Reacted) else INVALID for event in single]
        yield np.array([event.persona for event in single]), orders, np.array(choices, dtype=np.int8)
    for event in cast:
        if isinstance(event, ReactedMany):
            choices = unpack(event.choices, Int8s)
            yield members(event), unpack(event.orders, Int8s).reshape(len(choices), -1), choices
