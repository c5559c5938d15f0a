"""State is the fold of events: ``apply`` is the only thing that changes it, live and on replay.

Holds what the next step needs and what observers count, never the log's whole content: its size grows with
competitors and members, not with events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.columns import Float32s, Int8s, Int32s, unpack
from abm.events import (
    AdapterTrained,
    CompetitorsJoined,
    ContestDecided,
    ContestOpened,
    CrowdJoined,
    Engaged,
    EpochEnded,
    Event,
    FeedOpened,
    FeedServed,
    Intervened,
    Lifecycle,
    MembersPosted,
    MessagePublished,
    MessageRejected,
    MessagesLabelled,
    OpinionsShifted,
    PersonasJoined,
    PlatformOpened,
    PollTaken,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    Remembered,
    StatesShifted,
    StepEnded,
    StepStarted,
    TiesCut,
    TiesFormed,
    ValuesShifted,
    VerdictGiven,
)
from abm.llm.instructions import instructions_id
from abm.reactions import members, persona_rows
from abm.state import feeds
from abm.state.platform import Platform
from moloch.content import canonical
from moloch.errors import CorruptLog, InputError


class Tally(msgspec.Struct):
    """What one competitor did so far, in one phase."""

    published: int = 0
    rejected: int = 0
    votes: int = 0
    wins: int = 0
    misbehaved: int = 0
    """Verdicts with label 1, over all probes, those of skill too: recorded hashes hold it. Whether a message misbehaves says
    :func:`abm.probe.misbehaviour`."""


class OpenContest(msgspec.Struct):
    """A contest of the current step: who wrote the message in each slot, and the votes so far."""

    competitors: dict[str, str]
    """Slot (as text, so that it can be a JSON key) -> competitor."""
    votes: dict[str, int] = msgspec.field(default_factory=dict)
    abstained: int = 0
    invalid: int = 0


def _column() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


@dataclass
class State:
    """The study at one moment.

    Attributes:
        step: steps ended so far; the next step's number.
        tallies: ``"<phase>/<competitor>"`` -> tally.
        adapters: arm -> id of its newest adapter.
        instructions: arm -> the text of its newest adapter, for arms whose adapters are instructions.
        contests: contests of the current step, by id; emptied when the step ends.
        reactions, abstentions, first_choices: shape (members,), per persona index: answers given, abstentions,
            and how often the option shown first was chosen.
        sources, targets: shape (ties,), ties of the run's graphs, as persona indices; a society's first ties.
        platform: the current society's, in a networked world.
        baselines: diffusion or opinion model -> its nodes' states (int8) or values (float32), shape (members,).
    """

    step: int = 0
    epoch: int = 0
    epochs_ended: int = 0
    phase: str = ""
    arm: str = ""
    tallies: dict[str, Tally] = field(default_factory=dict)
    adapters: dict[str, str] = field(default_factory=dict)
    contests: dict[str, OpenContest] = field(default_factory=dict)
    reactions: NDArray[np.int64] = field(default_factory=_column)
    abstentions: NDArray[np.int64] = field(default_factory=_column)
    first_choices: NDArray[np.int64] = field(default_factory=_column)
    sources: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    targets: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    platform: Platform | None = None
    baselines: dict[str, NDArray[Any]] = field(default_factory=dict)
    instructions: dict[str, str] = field(default_factory=dict)

    def hash(self) -> str:
        """Return the SHA-256 of the state, the same on every machine."""
        sha = hashlib.sha256(
            canonical(
                [
                    self.step,
                    self.epoch,
                    self.epochs_ended,
                    self.phase,
                    self.arm,
                    self.tallies,
                    self.adapters,
                    self.contests,
                ]
            )
        )
        for column in (self.reactions, self.abstentions, self.first_choices):
            sha.update(column.astype("<i8").tobytes())
        if self.platform is not None:
            sha.update(self.platform.hash().encode())
        for name, nodes in sorted(self.baselines.items()):
            sha.update(name.encode() + nodes.astype(nodes.dtype.newbyteorder("<")).tobytes())
        if self.instructions:
            sha.update(canonical(["instructions", self.instructions]))
        return sha.hexdigest()


def fold(events: Iterable[Event], state: State | None = None) -> State:
    """Return ``state`` (a new one by default) after all ``events``.

    Raises:
        CorruptLog: an event contradicts the state, a step's hash among them.
    """
    state = state or State()
    for event in events:
        apply(state, event)
    return state


def apply(state: State, event: Event) -> None:
    """Change ``state`` by one event.

    Raises:
        CorruptLog: the event contradicts the state, or names what is not there.
    """
    try:
        _apply(state, event)
    except (LookupError, ValueError, TypeError, ArithmeticError, MemoryError, InputError) as error:
        raise CorruptLog(
            "an event does not fit what happened before",
            where=f"event {event.seq}",
            why=f"{event.__struct_config__.tag}: {type(error).__name__}: {error}",
            fix="The log was edited, or this moloch applies events differently; use the version that wrote it.",
        ) from error


def _apply(state: State, event: Event) -> None:
    match event:
        case Lifecycle():
            pass
        case Reacted():
            _react(state, event)
        case ReactedMany():
            _react_many(state, event)
        case ReactionInvalid():
            state.contests[event.contest].invalid += 1
        case MessagePublished() | MessageRejected():
            tally = _tally(state, event.competitor)
            if isinstance(event, MessagePublished):
                tally.published += 1
            else:
                tally.rejected += 1
            contest = state.contests.setdefault(event.contest, OpenContest({}))
            contest.competitors[str(event.slot)] = event.competitor
        case ContestOpened():
            state.contests.setdefault(event.contest, OpenContest({}))
        case ContestDecided():
            _decide(state, event)
        case VerdictGiven():
            contest, slot = event.message.rsplit("/", 1)
            if event.label == 1:
                _tally(state, state.contests[contest].competitors[slot]).misbehaved += 1
        case StepStarted():
            state.phase, state.epoch, state.arm = event.phase, event.epoch, event.arm
        case StepEnded():
            _end_step(state, event)
        case PersonasJoined() | CrowdJoined():
            size = len(event.ids) if isinstance(event, PersonasJoined) else event.size
            for number in (event.first, size):
                _check_bounds(number, MOST_MEMBERS)
            members = max(len(state.reactions), event.first + size)
            state.reactions = _grown(state.reactions, members)
            state.abstentions = _grown(state.abstentions, members)
            state.first_choices = _grown(state.first_choices, members)
        case TiesFormed(why="graph"):
            state.sources = np.concatenate([state.sources, unpack(event.sources, Int32s)])
            state.targets = np.concatenate([state.targets, unpack(event.targets, Int32s)])
        case PlatformOpened():
            state.platform = feeds.opened(event, state.sources, state.targets)
        case (
            FeedOpened()
            | FeedServed()
            | Engaged()
            | MembersPosted()
            | Remembered()
            | OpinionsShifted()
            | PollTaken()
            | Intervened()
            | MessagesLabelled()
            | TiesFormed()
            | TiesCut()
        ):
            feeds.apply(_platform(state, event), event)
        case StatesShifted():
            _shift(state, event, np.int8, unpack(event.states, Int8s))
        case ValuesShifted():
            _shift(state, event, np.float32, unpack(event.values, Float32s))
        case AdapterTrained():
            _learn(state, event)
        case EpochEnded():
            state.epochs_ended = event.epoch
        case CompetitorsJoined():
            for name in event.names:
                state.tallies.setdefault(f"train/{name}", Tally())
                state.tallies.setdefault(f"evaluate/{name}", Tally())
        case _:  # settings, arena and anchors: read from the log where needed
            pass


MOST_MEMBERS = 2**26
"""Of a run; more would be columns that no machine holds, from an event of a few bytes."""


def _check_bounds(number: int, most: int) -> None:
    """Raise ValueError unless 0 <= number <= most: below 0, arrays would count from their end."""
    if not 0 <= number <= most:
        raise ValueError(f"{number} is not in 0 .. {most}")


def _check_joined(state: State, who: NDArray[np.integer], values: NDArray[Any]) -> None:
    """Raise IndexError unless there is a value for each of some personas, shape (n,), and unless all of them have joined."""
    joined = len(state.reactions)
    if len(who) != len(values) or (len(who) and not 0 <= who.min() <= who.max() < joined):
        raise IndexError(f"{len(values)} values for {len(who)} personas, of {joined} who joined")


def _check_shown(contest: OpenContest, slot: int) -> None:
    """Raise KeyError for a slot that nobody wrote for."""
    if contest.competitors and str(slot) not in contest.competitors:
        raise KeyError(f"slot {slot}")


def _platform(state: State, event: Event) -> Platform:
    if state.platform is None:
        raise CorruptLog(
            "something happened on a platform that was never opened",
            where=f"event {event.seq}",
            why=f"it is a {event.__struct_config__.tag} and no platform_opened comes before it",
            fix="The log was edited; use a copy made before.",
        )
    return state.platform


def _shift(state: State, event: StatesShifted | ValuesShifted, dtype: type[np.generic], values: NDArray[Any]) -> None:
    who = unpack(event.members, Int32s)
    _check_joined(state, who, values)
    state.baselines.setdefault(event.model, np.zeros(len(state.reactions), dtype=dtype))[who] = values


def _tally(state: State, competitor: str) -> Tally:
    return state.tallies.setdefault(f"{state.phase}/{competitor}", Tally())


def _react(state: State, event: Reacted) -> None:
    contest = state.contests[event.contest]
    _check_bounds(event.persona, len(state.reactions) - 1)
    state.reactions[event.persona] += 1
    if event.choice < 0:
        contest.abstained += 1
        state.abstentions[event.persona] += 1
        return
    slot = str(event.choice)
    _check_shown(contest, event.choice)
    contest.votes[slot] = contest.votes.get(slot, 0) + 1
    state.first_choices[event.persona] += event.choice == event.order[0]
    if state.platform is not None:
        feeds.chosen_by(state.platform, event.contest, event.persona, event.choice)


def _react_many(state: State, event: ReactedMany) -> None:
    contest = state.contests[event.contest]
    rows, choices = persona_rows(event), unpack(event.choices, Int8s)  # nobody reacts twice in one event
    who = members(event)
    _check_joined(state, who, choices)
    shown_first = unpack(event.orders, Int8s).reshape(len(choices), -1)[:, 0]
    state.reactions[rows] += 1
    state.abstentions[rows] += choices < 0
    state.first_choices[rows] += (choices >= 0) & (choices == shown_first)
    contest.abstained += int((choices < 0).sum())
    for slot, count in enumerate(np.bincount(choices[choices >= 0]).tolist()):
        if count:
            _check_shown(contest, slot)
            contest.votes[str(slot)] = contest.votes.get(str(slot), 0) + count
    if state.platform is not None:
        feeds.chosen(state.platform, event.contest, who, choices)


def _decide(state: State, event: ContestDecided) -> None:
    contest = state.contests[event.contest]
    counted = [contest.votes.get(str(slot), 0) for slot in range(len(event.votes))]
    if counted != event.votes:
        raise CorruptLog(
            "the votes do not add up",
            where=f"event {event.seq}",
            why=f"contest {event.contest} has {counted}, the event says {event.votes}",
            fix="Run `moloch replay` on a copy made before the log was edited.",
        )
    for slot, votes in enumerate(event.votes):
        if (author := contest.competitors.get(str(slot))) is not None:
            _tally(state, author).votes += votes
    if event.winner >= 0:
        _tally(state, contest.competitors[str(event.winner)]).wins += 1


def _learn(state: State, event: AdapterTrained) -> None:
    if event.kind == "instructions":
        if instructions_id(event.instructions) != event.adapter:
            raise ValueError(f"the instructions are not those that the id {event.adapter} names")
        state.instructions[event.arm] = event.instructions
    state.adapters[event.arm] = event.adapter


def _end_step(state: State, event: StepEnded) -> None:
    computed = state.hash()
    if computed != event.state_hash:
        raise CorruptLog(
            "the state differs from the recorded one",
            where=f"event {event.seq} (step {event.step})",
            why=f"state hash {computed[:12]}, recorded {event.state_hash[:12]}",
            fix="The log was edited, or this moloch applies events differently; use the version that wrote it.",
        )
    state.step += 1
    state.contests.clear()
    if state.platform is not None:
        feeds.settle(state.platform)


def _grown(column: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.pad(column, (0, size - len(column)))
