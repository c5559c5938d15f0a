"""Steps and their contests: what was put before the audience, how members reacted, what was decided."""

from __future__ import annotations

from typing import Literal

from abm.columns import Int8s, Int32s
from abm.events._event import Event, Phase


class StepStarted(Event, frozen=True, kw_only=True, tag="step_started"):
    """A planned batch of contests began."""

    phase: Phase
    epoch: int
    """1, 2, ...; an evaluation carries the epoch whose adapters it evaluates."""
    arm: str
    """Whose society this is: ``shared`` before arms differ, else the arm's name; ``ARM@AUDIENCE`` where another audience votes."""
    audience: str = ""
    """Who votes, by the name that ``evaluation_audience_set`` gives; empty: the run's own audience."""


class ContestOpened(Event, frozen=True, kw_only=True, tag="contest_opened"):
    """An anchor was put before the audience."""

    contest: str
    anchor: str
    messages: list[str]
    """Published messages that compete, by slot; fewer than two make a forfeit."""


class SourceChecked(Event, frozen=True, kw_only=True, tag="source_checked"):
    """What members know of a contest's messages who read their source, the anchor.

    Which members do follows from the seed and their share (:meth:`abm.audience.SourceReaders.among`).
    """

    contest: str
    share: float
    """Of the members, 0 .. 1, who read it."""
    probe: str
    """By what they see that a claim is not supported."""
    version: int
    """Of its rules."""
    claims: list[int]
    """Unsupported claims of each message, in the order of ``contest_opened``."""


class Reacted(Event, frozen=True, kw_only=True, tag="reacted"):
    """One persona read the options in its own order, thought, and chose or abstained."""

    contest: str
    persona: int
    order: list[int]
    """Slots in the order shown: ``order[0]`` was option A."""
    choice: int
    """Slot chosen; -1 for an abstention."""
    thought: str


class ReactedMany(Event, frozen=True, kw_only=True, tag="reacted_many"):
    """A crowd's reactions to one contest, as columns; no thoughts."""

    contest: str
    first: int
    """Index of the first persona; the others follow it where ``personas`` is empty."""
    personas: Int32s = b""
    """Persona indices, shape (members,), where they are not one unbroken range."""
    orders: Int8s
    """Slots in the order shown, shape (members, options), row by row."""
    choices: Int8s
    """Slots chosen; -1 for an abstention. Shape (members,)."""


class ReactionInvalid(Event, frozen=True, kw_only=True, tag="reaction_invalid"):
    """A persona's answer that names no option, after its retry; counted, never guessed."""

    contest: str
    persona: int
    order: list[int]
    raw: str


class ContestDecided(Event, frozen=True, kw_only=True, tag="contest_decided"):
    """The votes were counted."""

    contest: str
    votes: list[int]
    """Votes per slot."""
    abstained: int
    invalid: int
    outcome: Literal["majority", "tie", "forfeit", "void"]
    """``forfeit``: one valid message; ``void``: none, or no vote."""
    winner: int
    """Slot; -1 where there is none."""
    ties: str
    """The declared tie policy."""


class StepEnded(Event, frozen=True, kw_only=True, tag="step_ended"):
    """The step's events are complete."""

    state_hash: str
    """Of the state before this event is applied."""
