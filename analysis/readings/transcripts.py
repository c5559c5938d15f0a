"""Chosen contests in full: anchor, messages with their verdicts, votes and thoughts. Reads past all others, so that a log may be long."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar

from abm.events import (
    AnchorsListed,
    ContestDecided,
    Event,
    MessagePublished,
    MessageRejected,
    PersonasJoined,
    Reacted,
    VerdictGiven,
)


@dataclass
class ReadContest:
    """One contest; ``thoughts`` are of members who were asked one by one: persona, slot chosen (-1 for none), thought."""

    contest: str
    subject: str = ""
    about: str = ""
    messages: dict[int, MessagePublished | MessageRejected] = field(default_factory=dict)
    verdicts: dict[int, list[VerdictGiven]] = field(default_factory=dict)
    thoughts: list[tuple[int, int, str]] = field(default_factory=list)
    decided: ContestDecided | None = None


class TranscriptReading:
    """Reads some contests by their ids."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset(
        {AnchorsListed, ContestDecided, MessagePublished, MessageRejected, PersonasJoined, Reacted, VerdictGiven}
    )

    def __init__(self, contests: Collection[str]) -> None:
        self._contests = {name: ReadContest(name) for name in contests}
        self._anchors: dict[str, tuple[str, str]] = {}
        self._about: dict[str, str] = {}
        self.names: dict[int, str] = {}
        """Persona index -> what it is called."""

    @property
    def subjects(self) -> dict[str, str]:
        """Anchor -> what it is called, of all anchors of the run."""
        return {anchor: subject for anchor, (subject, _) in self._anchors.items()}

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Reacted(contest=contest) if contest in self._contests:
                if event.thought:
                    self._contests[contest].thoughts.append((event.persona, event.choice, event.thought))
            case MessagePublished(contest=contest) | MessageRejected(contest=contest) if contest in self._contests:
                self._contests[contest].messages[event.slot] = event
                self._about[contest] = event.anchor
            case VerdictGiven():
                contest, _, slot = event.message.rpartition("/")
                if contest in self._contests:
                    self._contests[contest].verdicts.setdefault(int(slot), []).append(event)
            case ContestDecided(contest=contest) if contest in self._contests:
                self._contests[contest].decided = event
            case AnchorsListed():
                self._anchors |= {row["id"]: (row.get("subject", ""), row.get("text", "")) for row in event.anchors}
            case PersonasJoined():
                self.names |= dict(enumerate(event.names, event.first))
            case _:
                pass

    def result(self) -> dict[str, ReadContest]:
        """Return the contests by id."""
        for name, contest in self._contests.items():
            contest.subject, contest.about = self._anchors.get(self._about.get(name, ""), ("", ""))
        return self._contests
