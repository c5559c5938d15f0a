"""Why there was nothing to learn from: what became of the contests, and what was wrong with the messages and with readers' answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from abm.arenas import Arena
from abm.events import ContestDecided, Event, StepStarted
from learning.plan.parts import Learn
from learning.runs.gate import GateClosed
from learning.runs.reactions import ReactionCounts, ReactionsReading, reading_advice
from learning.runs.written import WritingCounts, WrittenReading, advice, total
from moloch.errors import InputError, MolochError
from moloch.plain_text import one_line, quoted

SAMPLE = 160
"""Characters of an answer that are shown."""


def nothing_to_learn(
    events: Iterable[Event], part: Learn, arena: Arena, *, rivals: bool = False, mitigated: Mapping[str, int] = {}
) -> MolochError:
    """Return the error for a training without a single contest that votes decided: that a model is not fit for the study, where most
    messages or answers of the readers could not be read, else that the input is wrong.

    Args:
        events: the whole log, in order.
        part: the training.
        rivals: whether others wrote in the same contests, from whose messages it does not learn.
        mitigated: mitigation -> contests and rows that it changed or took away.
    """
    place = ("train", part.source.arm, part.epoch)
    inside, outcomes, reading, read = False, Counter[str](), WrittenReading(arena), ReactionsReading()
    for event in events:
        if isinstance(event, StepStarted):
            inside = (event.phase, event.arm, event.epoch) == place
        elif inside and isinstance(event, ContestDecided):
            outcomes[event.outcome] += 1
        elif inside:
            reading.take(event)
            read.take(event)
    what = f"nothing to learn from in epoch {part.epoch} for {part.arm}"
    if mitigated:
        taken = ", ".join(f"{name}: {count}" for name, count in mitigated.items())
        return InputError(
            what,
            why=f"its mitigations left no row of {outcomes.total()} contests ({taken} changed or taken away)",
            fix="Make them milder, use more anchors, or set alarms.action=stop: the run then continues without the arm.",
        )
    if outcomes["majority"] and rivals:
        return InputError(
            what,
            why=f"its method picked none of its own messages in {outcomes.total()} contests, of which {outcomes['majority']} "
            "had a majority",
            fix="Use more anchors, or more messages of each writer; or look with `moloch show` at why its rivals win them all.",
        )
    if outcomes["majority"]:
        return InputError(
            what,
            why=f"its method made no row of {outcomes.total()} contests, of which {outcomes['majority']} had a majority",
            fix="Look at what the method leaves out, or use more anchors.",
        )
    counts, answers = total(reading.result().values()), read.result()
    contests = ", ".join(f"{n} {outcome}" for outcome, n in outcomes.most_common())
    why = f"votes decided none of its {outcomes.total()} contests ({contests})"
    if not (counts.rejected or answers.invalid):
        fix = "Use more anchors or personas, or look at the contests with `moloch show`."
        return InputError(what, why=why, fix=fix)
    why = "; ".join([why, *_unread(counts, answers)])
    fix = " ".join([*advice(counts, arena), *reading_advice(answers, arena.name)])
    unfit = 2 * counts.rejected > counts.messages or 2 * answers.invalid > answers.answers
    error = GateClosed if unfit else InputError
    return error(what, why=why, fix=fix or "Look at what was written with `moloch show`, or use another model.")


def _unread(counts: WritingCounts, answers: ReactionCounts) -> Iterator[str]:
    """Yield how many messages and how many of the readers' answers could not be read, why, and one of each."""
    if counts.rejected:
        said = f"{counts.rejected} of {counts.messages} messages could not be read"
        yield f"{said} ({_causes(counts.reasons)}){_sample(counts.unread)}"
    if answers.invalid:
        said = f"{answers.invalid} of {answers.answers} answers of the readers could not be counted"
        yield f"{said} ({_causes(answers.reasons)}){_sample(answers.sample)}"


def _causes(reasons: Mapping[str, int]) -> str:
    return "; ".join(f"{reason}: {n}" for reason, n in Counter(reasons).most_common(3))


def _sample(text: str) -> str:
    return f", for example {quoted(one_line(text), SAMPLE)}" if text.strip() else ""
