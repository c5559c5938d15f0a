"""A run's log as a Mesa model: ``step()`` applies what the log's next step says, through the same ``apply`` as live.

Decides nothing, asks no model, and writes nothing: Mesa's own controls, spaces and collectors then show any run, also one
that is being written. Knows events and state; knows nothing of what they mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from abm.audience import Voters
from abm.events import (
    CompetitorsJoined,
    CrowdJoined,
    Event,
    MessagePublished,
    MessageRejected,
    PersonasJoined,
    PlatformOpened,
    RunEnded,
    Split,
    StepEnded,
    StepStarted,
    split_of,
)
from abm.log.segments import read_manifest
from abm.log.tail import Tail
from abm.state.state import State, Tally, apply
from abm.views.collector import collector
from abm.views.lookahead import Lookahead
from abm.views.measures import Measures, last_choices, measure
from abm.views.voters import Joined
from abm.worlds.agents import Competitor, NamedPolicy
from abm.worlds.peopled import Peopled
from moloch.errors import MolochError


class ReplayModel(Peopled):
    """A Mesa model that a run's log drives.

       Made, it stands before the first step: who takes part is known. ``step()`` waits for nothing: where the log holds no
       further complete step, nothing happens, and :attr:`waiting` says so. Every step's state is checked against the recorded
       hash. Reading takes no lock.

       Args:
           run: the run's folder; a fork begins with the steps that it shares.
           follow: keep running where the log ends before the run does, since it may be being written.

       Attributes:
           steps: steps applied so far, as the run counts them; ``time`` is the same number.
           running: whether a further step may come.
           waiting: whether the last call found no complete step.
           ended: whether the run's end was reached.
           error: what is wrong with the log from the next step on.
           setting: events before the first step: settings, anchors, personas, ties.
           events: those of the last step, and those after it and before the next.
           measures: counts of the last step.
           agent_reporters: what agents report at each step, as Mesa's collector takes it; a subclass may name it.
           datacollector: one row per step: ``phase``, ``epoch``, ``arm``, ``contests``, ``votes``, ``abstained``,
    ``invalid``, ``invalid rate``, ``exposures``, and for each competitor ``win share NAME`` (of the step's votes;
               NaN where it had no rival) and ``opinion of NAME`` (members' mean, -1 .. 1; NaN in an isolated world). Its table
               ``competitors`` is the long form, one row per step and competitor, with counts.

       Raises:
           LogError: no run, or it cannot be read.
           CorruptLog: here or by ``step()``: bytes that contradict the chain, or an event that contradicts the state. A model
               that raised it goes no further, and raises it again.
    """

    agent_reporters: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, run: Path | str, follow: bool = False) -> None:
        super().__init__(seed=0)
        self.run, self.follow = Path(run), follow
        self._state = State()
        self.setting: list[Event] = []
        self.events: list[Event] = []
        self.measures = Measures()
        self.time, self.waiting, self.ended = 0, False, False
        self.config: dict[str, Any] = {}
        self.error: MolochError | None = None
        self._ahead = Lookahead()
        self._joined = Joined()
        self._names: list[str] = []
        self._misbehaved: Counter[str] = Counter()
        self._meet([])
        self._open()

    def _open(self) -> None:
        manifest = read_manifest(self.run)
        self.config, self._ahead = manifest.config, Lookahead(Tail(self.run, manifest))
        self._settle()
        if self.error is not None:
            raise self.error
        self.running = self._goes_on()

    # -- stepping ------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Apply the log's next step and what follows it up to the one after; if no complete one is there, nothing."""
        try:
            self._advance()
        except MolochError as error:
            self.error, self.running = error, False
            self._ahead.stop(error)  # the state may be between two events
            raise
        finally:
            self.steps = self.time = self.state.step  # Mesa counted the call

    def _advance(self) -> None:
        self._settle()
        end = self._find(StepEnded)
        if end is None and self.error is not None:
            raise self.error
        self.waiting = end is None
        if end is not None:
            self._apply(self._ahead.take(end + 1))
            self._settle()
        self.running = self._goes_on()

    def _apply(self, step: list[Event]) -> None:
        """Apply the events of one step, and count them."""
        if not self._names:
            self._meet(list(dict.fromkeys(writer.name for writer in _writers(step).values())))
        before = self.split
        for event in step:
            apply(self.state, event)
        self.events, self.measures = step, measure(step)
        for name, deeds in self.measures.competitors.items():
            self._misbehaved[f"{self.phase}/{name}"] += deeds.misbehaved
        self.steps = self.time = self.state.step
        if self.split != before or (self.state.step > 1 and any(isinstance(event, PlatformOpened) for event in step)):
            self._forget_members()  # another society
        self._seat(_writers(step))
        self.datacollector.collect(self)
        self.datacollector.collect_competitors(self)

    def _settle(self) -> None:
        """Apply what is there before the next step: who takes part, what was learnt, that the run ended."""
        events = self._ahead.take(self._find(StepStarted))
        for event in events:
            apply(self.state, event)
            match event:
                case PersonasJoined() | CrowdJoined():
                    self._joined.take(event)
                case CompetitorsJoined():
                    self._meet(event.names)
                case RunEnded():
                    self.ended = True
        (self.events if self.state.step else self.setting).extend(events)

    def _goes_on(self) -> bool:
        """Return whether a further step, or an error, may come."""
        return not self.ended and (self.follow or self._find(StepEnded) is not None or self.error is not None)

    def _find(self, kind: type[Event]) -> int | None:
        """Return the place of the first event of a kind ahead.

        What is wrong with the log beyond stops no step before it: it is kept for the one that would need it.
        """
        place = self._ahead.find(kind)
        self.error = self.error or self._ahead.error
        return place

    @property
    def state(self) -> State:
        """The run's state after the last step, and what was learnt from it."""
        return self._state

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """``"<phase>/<competitor>"`` -> what it did so far; ``misbehaved`` counts messages, as :attr:`measures` do."""
        return {
            name: structs.replace(tally, misbehaved=self._misbehaved[name])
            for name, tally in self.state.tallies.items()
        }

    @property
    def status(self) -> str:
        """The replay's position, in words."""
        at = (
            f"step {self.steps}: {self.phase}, epoch {self.epoch}, {self.arm}"
            if self.steps
            else "before the first step"
        )
        if self.error is not None:
            return f"{at}; {self.error}"
        if self.ended:
            return f"{at}; the run has ended"
        return f"{at}; the log holds no further complete step" if self.waiting else at

    @property
    def phase(self) -> str:
        """``train`` or ``evaluate``; empty before the first step."""
        return self.state.phase

    @property
    def epoch(self) -> int:
        """The last step's epoch, from 1; 0 before the first step."""
        return self.state.epoch

    @property
    def arm(self) -> str:
        """Whose society the last step was of."""
        return self.state.arm

    # -- agents: views of the state ------------------------------------------------------------------------

    @property
    def split(self) -> Split:
        """Whose members there are now: those who train, until the first evaluation."""
        return split_of(self.state.phase or "train")

    @property
    def voters(self) -> Voters:
        """The current society's members, as columns."""
        return self._joined.voters(self.split)

    @property
    def choices(self) -> NDArray[np.int8]:
        """What members chose in the last contest, as slots, shape (members,); -1: nothing."""
        return last_choices(self.events, self.voters.ids)

    def _seat(self, writers: dict[int, NamedPolicy]) -> None:
        """Let those who wrote in a step be the competitors; the same ones stay the same agents."""
        seated = {each.slot: NamedPolicy(each.name, each.adapter) for each in self.competitors}
        if writers and writers != seated:
            for competitor in self.competitors:
                competitor.remove()
            self.competitors = [Competitor(self, writers[slot], slot) for slot in sorted(writers)]

    # -- measures ------------------------------------------------------------------------------------------

    def _meet(self, names: Sequence[str]) -> None:
        """Begin to collect, with columns for these competitors."""
        if names and list(names) == self._names:
            return
        self._names = list(names)
        self.datacollector = collector(self._names, self.agent_reporters)


def _writers(step: Sequence[Event]) -> dict[int, NamedPolicy]:
    """Return who wrote in a step, by slot."""
    wrote = (event for event in step if isinstance(event, MessagePublished | MessageRejected))
    return {event.slot: NamedPolicy(event.competitor, event.adapter) for event in wrote}
