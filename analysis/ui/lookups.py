"""What pages read from a run's log beyond its book: how it stands, evaluations, verdicts, the events of a contest, a persona's story and
answers, rows of frames, one event with its causes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from abm.events import Event
from abm.llm.ledger import Cost, Ledger
from abm.log import open_log, verify
from abm.surveys import Questionnaire
from analysis.judges import VerdictRow, read_verdicts
from analysis.readings.answers import AnswerRow, AnswersReading, read_answers
from analysis.readings.book import Contest, Step
from analysis.readings.cascades import Cascade, CascadeReading
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.kind_views import KindViews, KindViewsReading
from analysis.readings.mind_changes import MindsReading
from analysis.readings.minds import Minds
from analysis.readings.progress import ProgressReading
from analysis.readings.reading import read
from analysis.readings.society import SocietyKey
from analysis.readings.spreads import Spread, SpreadReading
from analysis.tables.event import event_dict, led_to
from analysis.ui.address import PageAddress
from analysis.ui.data.asked import answer_rows
from analysis.ui.data.event import EFFECTS
from analysis.ui.data.life import last_written
from analysis.ui.data.lineage import NodeRates
from analysis.ui.data.lineage import node_rates as make_node_rates
from analysis.ui.data.partings import PartedSide, items_before
from analysis.ui.data.persona import Person
from analysis.ui.data.pulse import pulse as strip
from analysis.ui.data.pulse import resuming, standing
from analysis.ui.data.rows import RowsPage, RowsQuery, rows_page
from analysis.ui.data.story import Story, StoryReading
from analysis.ui.data.writings import Reached
from analysis.ui.library import Follower
from learning.runs.last_words import last_words
from learning.runs.traffic import read_traffic
from learning.surveys import ANSWERS, INTERVIEWS, Conversation, conversations
from moloch.errors import MolochError

T = TypeVar("T")


def evaluation(follower: Follower) -> Evaluation:
    """Return the run's evaluation contests; the same object until contests are added or verdicts change."""
    return follower.fold("evaluation", EvaluationReading, EvaluationReading.result)


def pulse(follower: Follower) -> dict[str, Any] | None:
    """Return what the strip above a run shows; None where it has ended or cannot be read."""
    now = follower.fold("progress", ProgressReading, standing)
    said = last_words(follower.path)
    try:
        spent = Ledger(follower.path).read()
    except MolochError:
        spent = Cost()
    silent = max(0.0, time.time() - last_written(follower.path))
    why = said.why if said else ""
    state = follower.state()
    traffic, command = read_traffic(follower.path), resuming(follower.path)
    return follower.read(lambda book: strip(state, book, now, spent, silent, why, command, traffic))


def node_rates(follower: Follower) -> NodeRates:
    """Return what evaluations found of each adapter; nothing where they cannot be read, which the pages of numbers say."""
    try:
        found = evaluation(follower)
        return follower.once(("rates", id(found)), lambda: (found, make_node_rates(found)))[1]
    except Exception:  # whatever a log holds, what was learnt is shown
        return NodeRates({}, {}, False)


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


def cascade(follower: Follower, contest: Contest, message: str) -> tuple[Cascade, Spread] | None:
    """Return a message's way through the feeds, and its counts; None where it was in no feed so far."""

    def look() -> tuple[Cascade, Spread] | None:
        way, counts = CascadeReading(message), SpreadReading()
        read(of_step(follower, contest), way, counts)
        spread = next((each for each in counts.result() if each.message == message), None)
        return (way.result(), spread) if spread is not None else None

    return follower.once(("cascade", message, contest.step.last, contest.seq), look)


def spreads(follower: Follower) -> list[Spread]:
    """Return what became of every message that was in the feeds so far."""
    return follower.fold("spreads", SpreadReading, SpreadReading.result)


def kind_views(follower: Follower, key: SocietyKey) -> KindViews:
    """Return what a society's members saw of misbehaving and of clean messages."""
    config = follower.read(lambda book: book.config)
    return follower.fold(("kinds", key), lambda: KindViewsReading(key, config), KindViewsReading.result)


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


def talks(follower: Follower, persona: int) -> list[Conversation]:
    """Return the conversations with a persona, as the log beside the run has them; none where that cannot be read."""
    folder = follower.path / INTERVIEWS
    if not folder.is_dir():
        return []
    stamp = max((path.stat().st_mtime_ns for path in folder.rglob("*")), default=0)

    def read() -> list[Conversation]:
        try:
            return conversations(follower.path)
        except MolochError:  # damaged, or being written for the first time
            return []

    return [each for each in follower.once(("talks", stamp), read) if each.opened.persona == persona]


def parted_side(follower: Follower, seq: int) -> PartedSide | None:
    """Return a decision of a run, and the messages that were in the feeds by then; None where it cannot be read."""
    book = follower.read(lambda book: book)
    first = next((step.first for step in reversed(book.steps) if step.first <= seq), seq)
    try:
        events = list(open_log(follower.path, write=False).read(first, seq + 1))
    except MolochError:
        return None
    return PartedSide(events[-1], book, items_before(events)) if events and events[-1].seq == seq else None


def rows(follower: Follower, query: RowsQuery, address: PageAddress, opened: float) -> RowsPage:
    """Return a page of rows of a frame, as they were when somebody opened it: a log that grows is not read again for each event.

    Raises:
        InputError, LogError: as :func:`analysis.ui.data.rows.rows_page`.
    """
    key = ("rows", address, opened)
    return follower.once(key, lambda: rows_page(query, follower.path, address.page_no))


class Traced(NamedTuple):
    """An event with what led to it (:func:`analysis.tables.event.event_dict`), and what it led to."""

    event: dict[str, Any]
    effects: tuple[int, list[dict[str, Any]]]


def traced(follower: Follower, seq: int, opened: float) -> Traced:
    """Return an event of a run, and what it had led to when somebody opened its page.

    Raises:
        InputError, LogError: as :func:`analysis.tables.event.event_dict`.
    """

    def read() -> Traced:
        found = event_dict(open_log(follower.path, write=False), seq)
        return Traced(found, led_to(follower.path, seq, EFFECTS))

    return follower.once(("event", seq, opened), read)


def verified(follower: Follower) -> str:
    """Return what is said of a log whose every byte agrees with its hash chain.

    Raises:
        LogError: it does not, or it cannot be read.
    """
    head = verify(follower.path)
    return f"Whole: {head.seq:,} events agree with the chain; head {head.hash[:12]}."


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

    return follower.fold("spreads", SpreadReading, look)
