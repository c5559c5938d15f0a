"""A run as a questionnaire meets it: who lives in it, what they remember of which society, and who plays them. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from abm.events import Event, PersonasJoined, ReaderJoined, StepEnded, StepStarted
from abm.log import EventLog, Head, open_log
from abm.societies import is_before_another
from abm.surveys import Memories, Respondent, SocietyPlace, remembered
from learning.runs.own_data import kept
from learning.runs.parts import computing, recorded_config
from learning.runs.sides import people_of
from learning.settings.config import LLM_AUDIENCE
from moloch.content import content_id
from moloch.errors import InputError, MolochError
from moloch.plain_text import quoted
from populations.sources import read_pool


@dataclass(frozen=True)
class SurveyedRun:
    """A run's people and societies, as its log has them now.

    Attributes:
        path: its folder.
        log: open for reading.
        head: of the log, when it was read.
        people: who joined; members of a crowd, who have no biography, are not among them.
        societies: those that held contests, in their order.
        reader: the language model that plays the personas, as the log names it last; empty where none does.
    """

    path: Path
    log: EventLog
    head: Head
    people: list[PersonasJoined] = field(default_factory=list)
    societies: list[SocietyPlace] = field(default_factory=list)
    reader: str = ""

    @classmethod
    def read(cls, path: Path | str) -> SurveyedRun:
        """Read a run.

        Raises:
            InputError: nobody joined it who could be asked.
            LogError: there is no run, or it cannot be read.
        """
        log = open_log(path, write=False)
        run = cls(Path(path), log, log.head())
        people, societies, reader = run.people, dict[SocietyPlace, None](), ""
        started: SocietyPlace | None = None
        kinds = {PersonasJoined, StepStarted, StepEnded, ReaderJoined}
        for event in (event for block in log.blocks() for event in block.events(kinds)):
            match event:
                case PersonasJoined():
                    people.append(event)
                case ReaderJoined():
                    reader = event.model
                case StepStarted():
                    started = SocietyPlace(event.phase, event.epoch, event.arm)
                case StepEnded() if started is not None:  # an unfinished step is not remembered yet
                    societies[started] = None
                case _:
                    pass
        if not people:
            raise InputError("this run has no personas yet", where=str(path), fix="Start it first: moloch run.")
        played = log.config.get("audience") == LLM_AUDIENCE
        return cls(run.path, log, run.head, people, list(societies), reader if played else "")

    @property
    def id(self) -> str:
        """Content id of the run's settings."""
        return content_id(self.log.config)

    @property
    def played(self) -> bool:
        """Whether a language model plays the personas in the run itself."""
        return bool(self.reader)

    @property
    def reader_settings(self) -> dict[str, Any]:
        """How the run's reader was asked, as its settings have it."""
        settings = self.log.config.get("reader")
        return settings if isinstance(settings, dict) else {}

    @property
    def computing(self) -> dict[str, Any]:
        """How models of this process compute in the run, as :class:`abm.llm.backends.Backends` takes it."""
        return computing(self.log.config)

    @property
    def seed(self) -> int:
        """The run's seed."""
        seed = self.log.config.get("seed")
        return seed if type(seed) is int else 0

    def ids(self, split: str) -> list[int]:
        """Return the persona indices of a split."""
        return [j.first + i for j in self.people if j.split == split for i in range(len(j.ids))]

    def respondents(self, personas: Collection[int], memories: Memories | None = None) -> list[Respondent]:
        """Return some personas as they are asked, in the order of their indices."""
        wanted = set(personas)
        return [
            Respondent(joined.first + i, joined.ids[i], text, memories.text(joined.first + i) if memories else "")
            for joined in self.people
            for i, text in enumerate(joined.texts)
            if joined.first + i in wanted
        ]

    def memories(
        self, place: SocietyPlace, personas: Collection[int], beside: Sequence[Event] = (), until: str = ""
    ) -> Memories:
        """Return what personas remember of a society.

        Args:
            beside: what was asked after the run, of which they remember what was to be remembered.
            until: id of a survey at whose opening to stop.
        """
        return remembered(chain(self._lived(), beside), Memories(place, personas), until)

    def _lived(self) -> Iterator[Event]:
        return (event for block in self.log.blocks() for event in block.events(set(Memories.TAKES)))

    def place(self, phase: str, epoch: int | None = None, arms: Collection[str] = ()) -> list[SocietyPlace]:
        """Return the societies of a phase's epoch, by default its last; those before other audiences only by their names.

        Raises:
            InputError: there is none.
        """
        of_phase = [place for place in self.societies if place.phase == phase]
        last = max((place.epoch for place in of_phase), default=0)
        there = [place for place in of_phase if place.epoch == (epoch or last)]
        chosen = [place for place in there if (place.arm in arms if arms else not is_before_another(place.arm))]
        if not chosen or len({place.arm for place in chosen} & set(arms)) < len(set(arms)):
            lived = ", ".join(f"{place.phase} epoch {place.epoch} {place.arm}" for place in self.societies)
            raise InputError(
                "there is no such society to remember",
                where=str(self.path),
                why=f"the run has held {lived}" if lived else "the run has held no contest yet",
                fix="Choose --phase, --epoch and --arm among them, or ask --at before.",
            )
        return chosen

    def find(self, who: str) -> int:
        """Return the index of a persona, given by index, content id or name.

        Raises:
            InputError: there is nobody, or several.
        """
        people = [(j.first + i, j.ids[i], j.names[i]) for j in self.people for i in range(len(j.ids))]
        by_index = [index for index, _, _ in people if who.isdecimal() and index == int(who)]
        matches = by_index or [index for index, own, name in people if who in (own, name)]
        matches = matches or [index for index, _, name in people if name.casefold() == who.casefold()]
        if len(matches) == 1:
            return matches[0]
        names = ", ".join(f"{name} ({index})" for index, _, name in people[:6])
        raise InputError(
            f"{'several personas are' if matches else 'no persona is'} called {quoted(who)}",
            where=str(self.path),
            why=f"they are {', '.join(map(str, matches[:12]))}" if matches else "",
            fix=f"Give an index, an id or a name, such as {names}.",
        )

    def name(self, persona: int) -> str:
        """Return what a persona is called."""
        return next(j.names[persona - j.first] for j in self.people if 0 <= persona - j.first < len(j.names))

    def split_of(self, persona: int) -> str:
        """Return the split in which a persona lives."""
        return next(j.split for j in self.people if 0 <= persona - j.first < len(j.names))


def attributes_of(run: Path | str) -> dict[str, dict[str, str | int]]:
    """Return persona id -> what is known of it in fields: a log holds traits and texts, attributes stand in the personas' file.

    They are read as the run read them, from its own copy where it kept one.

    Raises:
        InputError: the file is gone, or is not the run's any more.
        LogError: there is no run, or it cannot be read.
    """
    log = open_log(run, write=False)
    try:
        config = kept(recorded_config(log), Path(run))
        people = people_of(config, read_pool(config.personas, config.mapping))
    except MolochError as error:
        raise InputError("the personas' attributes cannot be read", where=str(run), why=str(error)) from error
    return {each.id: each.attributes for each in (*people.train, *people.held_out)}
