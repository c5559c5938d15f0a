"""The strip above a run that has not ended: how far it is, what it has asked and spent, how long it takes, and why it stands still.

Pure functions of what was read of it; the numbers are those of :mod:`analysis.readings.progress` and of the book.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from abm.events import PersonasJoined
from abm.llm.ledger import Cost
from analysis.formats import count, duration, short
from analysis.readings.book import Book
from analysis.readings.progress import CellProgress, ProgressReading
from analysis.readings.traffic import calls_words, left_words, money_words, speed_words, waiting_words
from analysis.studies.record.layout import Layout, is_study
from analysis.ui.data.life import LIVE, State
from analysis.ui.data.runs import quoted
from learning.arms.arm import arms_of
from learning.methods import learn_weights
from learning.plan.counts import contests, messages
from learning.plan.parts import AnswerTasks, Learn, Plan, Survey
from learning.runs.traffic import Traffic
from learning.settings.config import LLM_AUDIENCE
from moloch.errors import InputError

SERVED = "The log does not hold where models are served: give --llm and --reader as when the run began."
NO_WORD = "its process ended without saying why; it was killed, or the machine stopped."


class RunStanding(NamedTuple):
    """How a run stands, as far as its log says it.

    Attributes:
        parts: of its plan; ``under_way``: what comes next, in words for a sentence; empty where that is not known.
        usual_s: mean seconds of what is under way, of its kind; None where nothing of the kind was done.
    """

    progress: CellProgress
    parts: Plan
    under_way: str
    usual_s: float | None


def standing(reading: ProgressReading) -> RunStanding:
    """Return how a run stands, of a reading of its log."""
    part = reading.part
    if part is None:
        return RunStanding(reading.result(), reading.parts, "", None)
    if isinstance(part, Learn):
        under_way = f"{part.arm} learns (epoch {part.epoch})"
    elif reading.in_step:
        under_way = "a step is under way: models have not answered all of it, or votes are counted"
    else:
        under_way = "it is between two steps"
    return RunStanding(reading.result(), reading.parts, under_way, reading.took(part))


def pulse(
    state: State,
    book: Book,
    now: RunStanding,
    spent: Cost,
    silent_s: float,
    why: str,
    command: str,
    traffic: Traffic | None = None,
) -> dict[str, Any] | None:
    """Return what the strip shows; None for a run that has ended, or whose log cannot be read.

    Args:
        spent: as the run's ledger has it.
        silent_s: seconds since something was written.
        why: what its last process said when it ended; empty for nothing.
        command: resumes it.
        traffic: what the process that carries it out says of its models; None where none does.
    """
    if state not in (*LIVE, "stopped"):
        return None
    live, progress = state in LIVE, now.progress
    return {
        "live": live,
        "doing": progress.doing or ("beginning" if live else ""),
        "done": progress.done,
        "total": progress.total,
        "facts": [list(fact) for fact in _facts(book, now, spent, traffic)],
        "eta": left_words(progress, traffic) if live else "",
        "silent": _silence(now, silent_s) if state == "waiting" else "",
        "stopped": "" if live else _stop(progress, why or NO_WORD),
        "command": "" if live else command,
        "served": "" if live or not book.served else SERVED,
    }


def _facts(book: Book, now: RunStanding, spent: Cost, traffic: Traffic | None) -> list[tuple[str, str]]:
    facts = list[tuple[str, str]]()
    if traffic is not None:
        facts += _under_way(traffic)
    elif book.replies:
        planned = calls(book, now.parts)
        of = f" of {planned:,}" if planned is not None and planned >= book.replies - book.again else ""
        again = f" (and {book.again:,} once more)" if book.again else ""
        facts.append(("calls answered", f"{book.replies - book.again:,}{of}{again}"))
        facts.append(("tokens", f"{book.tokens_in:,} read, {book.tokens:,} written"))
    usd = max(spent.usd, book.usd) or (traffic.usd if traffic is not None else 0.0)
    if paid := money_words(usd):
        facts.append(("spent", paid))
    if now.progress.elapsed_s:
        facts.append(("began", f"{duration(now.progress.elapsed_s)} ago"))
    return facts


def _under_way(traffic: Traffic) -> Iterator[tuple[str, str]]:
    """Yield what the process that carries the run out says, which holds what is in no log yet."""
    if answered := calls_words(traffic):
        yield "calls answered", answered
        yield "tokens", f"{traffic.tokens_in:,} read, {traffic.tokens_out:,} written"
    if speed := speed_words(traffic):
        yield "speed", speed
    if waiting := waiting_words(traffic):
        yield "server", waiting


def calls(book: Book, parts: Plan) -> int | None:
    """Return how many calls a plan makes, without those that ask once more; None where the log alone does not say it.

    Calls of a networked world's readers depend on what their feeds show.
    """
    config = book.config
    read = config.get("audience") == LLM_AUDIENCE
    unknown = any(isinstance(part, Survey) for part in parts) or _learns_instructions(config)
    if not parts or unknown or config.get("evaluation_audiences") or (read and book.networked):
        return None
    total = messages(parts) + sum(part.answers for part in parts if isinstance(part, AnswerTasks))
    if not read:
        return total
    people = dict.fromkeys(("train", "evaluate"), 0)
    for joined in book.people:
        people[joined.split] += len(joined.ids) if isinstance(joined, PersonasJoined) else 0
    reader = config.get("reader")
    orders = 2 if isinstance(reader, Mapping) and reader.get("answer") == "letters" else 1
    return total + orders * sum(contests(parts, split) * people[split] for split in ("train", "evaluate"))


def _learns_instructions(config: Mapping[str, Any]) -> bool:
    try:
        return any(not learn_weights([arm.method]) for arm in arms_of(config).values())
    except InputError:  # a method of an extension, which is not imported here
        return True


def _silence(now: RunStanding, silent_s: float) -> str:
    said = f"Nothing was written for {duration(silent_s)}"
    why = f": {now.under_way}" if now.under_way else ""
    usual = f"; earlier ones took {duration(now.usual_s)} each" if now.usual_s is not None else ""
    return f"{said}{why}{usual}."


def _stop(progress: CellProgress, why: str) -> str:
    done = f" after {progress.done:,} of {count(progress.total, 'step or training', 'steps and trainings')}"
    return f"Stopped{done if progress.total else ''}: {short(why, 600)}"


def resuming(run: Path) -> str:
    """Return the command that goes on with a run; of a study's cell, with the study."""
    study = run.parent.parent
    if run.parent == Layout(study).cells and is_study(study):
        return f"moloch study run {quoted(study)}"
    return f"moloch resume {quoted(run)}"
