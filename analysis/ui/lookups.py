"""What pages read from a run's log beyond its book: evaluations, verdicts, the events of a contest, a persona's story and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from abm.events import Event
from abm.log import open_log
from abm.surveys import Questionnaire
from analysis.judges import VerdictRow, read_verdicts
from analysis.readings.answers import AnswerRow, AnswersReading, read_answers
from analysis.readings.book import Contest, Step
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.minds import Minds, MindsReading
from analysis.readings.society import SocietyKey
from analysis.readings.spreads import SpreadReading
from analysis.ui.data.asked import answer_rows
from analysis.ui.data.persona import Person
from analysis.ui.data.story import Story, StoryReading
from analysis.ui.data.writings import Reached
from analysis.ui.library import Follower
from learning.surveys import ANSWERS
from moloch.errors import MolochError

T = TypeVar("T")


def evaluation(follower: Follower) -> Evaluation:
    """Return the run's evaluation contests; the same object until contests are added or verdicts change."""
    return follower.fold("evaluation", EvaluationReading, EvaluationReading.result)


def verdicts(follower: Follower) -> tuple[list[VerdictRow], str]:
    """Return what judges found under ``RUN/verdicts``, and why nothing can be read where that is so."""
    folder = follower.path / "verdicts"
    if not folder.is_dir():
        return [], ""
    stamp = max((path.stat().st_mtime_ns for path in folder.rglob("*")), default=0)

    def read() -> tuple[list[VerdictRow], str]:
        try:
            return read_verdicts(follower.path), ""
        except MolochError as error:
            return [], str(error)

    return follower.once(("verdicts", stamp), read)


def of_step(follower: Follower, contest: Contest) -> list[Event]:
    """Return the events of a contest's step, as far as they can be read."""
    step = contest.step
    key = ("step", step.first, contest.seq)
    return follower.once(key, lambda: list(_events(follower, step)))


def story(follower: Follower, person: Person, key: SocietyKey) -> Story:
    """Return a persona's story in a society."""
    book = follower.read(lambda book: book)
    return follower.fold(("story", key, person.persona), lambda: StoryReading(book, person, key), StoryReading.result)


def answers(follower: Follower, persona: int) -> list[dict[str, Any]]:
    """Return what a persona answered to questionnaires: to those of the run itself, as far as it is, and to those after it."""
    rows: list[AnswerRow] = []
    put: dict[str, Questionnaire] = {}
    if follower.read(lambda book: book.config.get("surveys")):
        rows, put = follower.fold("answers", AnswersReading, lambda read: (read.result(), read.questionnaires()))
    beside = follower.path / ANSWERS
    if beside.is_dir():
        stamp = max((path.stat().st_mtime_ns for path in beside.rglob("*")), default=0)
        later, asked = follower.once(("answers", stamp), lambda: _beside(follower))
        rows, put = [*rows, *later], put | asked
    return answer_rows(rows, put, persona)


def _beside(follower: Follower) -> tuple[list[AnswerRow], dict[str, Questionnaire]]:
    try:
        read = read_answers(follower.path)
    except MolochError:  # damaged, or being written for the first time
        return [], {}
    return [row for row in read.result() if row.head], read.questionnaires()


def _events(follower: Follower, step: Step) -> Iterator[Event]:
    stop = step.last + 1 if step.last >= 0 else None
    try:
        yield from open_log(follower.path, write=False).read(step.first, stop)
    except MolochError:  # damaged from here on; the header says so
        return


def minds(follower: Follower, key: SocietyKey, look: Callable[[Minds | None], T]) -> T:
    """Return what ``look`` makes of the members of a society as they are now; None before it has begun."""
    return follower.fold(("minds", key), lambda: MindsReading(key), lambda reading: look(reading.result()))


def reached(follower: Follower) -> dict[str, Reached]:
    """Return message -> how far it came in the feeds; empty in a world without feeds."""
    if not follower.read(lambda book: book.networked):
        return {}

    def look(reading: SpreadReading) -> dict[str, Reached]:
        return {each.message: Reached(each.seen, each.likes, len(each.sharers)) for each in reading.result()}

    return follower.fold(SpreadReading, SpreadReading, look)
