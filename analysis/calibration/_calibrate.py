"""A run and tables of people to rows of agreement. Puts the other modules of this room together; asks no model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from abm.events import Event, MessagePublished, PersonasJoined, Reacted, ReactedMany, ReaderJoined
from abm.log import EventLog, open_log
from abm.reactions import each
from abm.societies import is_before_another
from analysis.calibration._human import read_human
from analysis.calibration._rows import CalibrationRow, PersonaNames, PersonaVote, answer_rows, vote_rows
from analysis.readings.answers import read_answers
from learning.surveys import attributes_of, notes_on
from moloch.errors import InputError


@dataclass(frozen=True)
class Calibrated:
    """How a run's personas agree with people.

    Attributes:
        head: of the run's log.
        missing: cells that declared codes leave out.
        notes: what limits what the numbers show.
    """

    run: Path
    head: str
    rows: Sequence[CalibrationRow]
    missing: int
    notes: Sequence[str]


def calibrate(
    run: Path | str,
    human: Sequence[Path | str],
    *,
    by: Collection[str] = (),
    missing: Collection[str] = (),
    answers: Path | str | None = None,
) -> Calibrated:
    """Compare answers and votes of a run's personas with those of people.

    Args:
        human: tables; see :func:`analysis.calibration.read_human`.
        by: attributes whose groups are compared, too.
        missing: codes that stand for no answer.
        answers: the log of answers after the run; by default that in the run's folder.

    Raises:
        InputError: a table that cannot be read, or nothing in it that the personas were asked.
        LogError: no such run, or one of the logs cannot be read.
    """
    log = open_log(run, write=False)
    reading = read_answers(run, answers)
    questionnaires = reading.questionnaires()
    slots, people, reader = _contests(log)
    told = read_human(human, list(questionnaires.values()), slots, missing)
    names = PersonaNames(
        {j.first + i: own for j in people for i, own in enumerate(j.ids)},
        {j.first + i: name for j in people for i, name in enumerate(j.names)},
        _attributes(run, people) if by else {},
    )
    given = reading.result()
    audience = reader or str(log.config.get("audience", ""))
    rows = answer_rows(given, questionnaires, told, names, by)
    if told.votes:
        rows += vote_rows(_votes(log), slots, told, names, audience, by)
    if not rows:
        raise InputError(
            "nothing to compare", where=str(run), why="no persona answered or voted on what the tables hold"
        )
    models = {(row.model, row.played) for row in given} if told.answers else set()
    models |= {(reader, False)} if told.votes and reader else set()
    notes = [note for model, played in sorted(models) for note in notes_on(model, played)]
    return Calibrated(Path(run), log.head().hash, rows, told.missing, list(dict.fromkeys(notes)))


def _contests(log: EventLog) -> tuple[dict[str, set[int]], list[PersonasJoined], str]:
    """Return contest -> slots of its messages, who joined, and the model that plays them."""
    slots: dict[str, set[int]] = {}
    people: list[PersonasJoined] = []
    reader = ""
    for event in _of(log, {MessagePublished, PersonasJoined, ReaderJoined}):
        match event:
            case MessagePublished():
                slots.setdefault(event.contest, set()).add(event.slot)
            case PersonasJoined():
                people.append(event)
            case ReaderJoined():
                reader = event.model
            case _:
                pass
    return slots, people, reader


def _votes(log: EventLog) -> Iterator[PersonaVote]:
    for event in _of(log, {Reacted, ReactedMany}):
        for one in each(event) if isinstance(event, ReactedMany) else (event,):
            if isinstance(one, Reacted) and one.choice >= 0 and not is_before_another(one.contest):
                yield PersonaVote(one.contest, one.persona, one.choice)


def _of(log: EventLog, kinds: set[type[Event]]) -> Iterator[Event]:
    return (event for block in log.blocks() for event in block.events(kinds))


def _attributes(run: Path | str, people: Sequence[PersonasJoined]) -> dict[int, dict[str, str | int]]:
    by_id = attributes_of(run)
    return {j.first + i: by_id.get(own, {}) for j in people for i, own in enumerate(j.ids)}
