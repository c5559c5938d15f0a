"""Why there was nothing to learn from: what became of the contests, and what was wrong with the messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from abm.arenas import Arena
from abm.events import ContestDecided, Event, StepStarted
from learning.runs.plan_parts import Learn
from learning.runs.written import WrittenReading, advice, total
from moloch.errors import InputError


def nothing_to_learn(
    events: Iterable[Event], part: Learn, arena: Arena, *, rivals: bool = False, mitigated: Mapping[str, int] = {}
) -> InputError:
    """Return the error for a training without a single contest that votes decided.

    Args:
        events: the whole log, in order.
        part: the training.
        rivals: whether others wrote in the same contests, from whose messages it does not learn.
        mitigated: mitigation -> contests and rows that it changed or took away.
    """
    place = ("train", part.source.arm, part.epoch)
    inside, outcomes, reading = False, Counter[str](), WrittenReading(arena)
    for event in events:
        if isinstance(event, StepStarted):
            inside = (event.phase, event.arm, event.epoch) == place
        elif inside and isinstance(event, ContestDecided):
            outcomes[event.outcome] += 1
        elif inside:
            reading.take(event)
    what = f"nothing to learn from in epoch {part.epoch} for {part.arm}"
    if mitigated:
        taken = ", ".join(f"{name}: {count}" for name, count in mitigated.items())
        return InputError(
            what,
            why=f"its mitigations left no row of {outcomes.total()} contests ({taken} changed or taken away)",
            fix="Make them milder, use more anchors, or set alarms.action=stop: the run then goes on without the arm.",
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
    counts = total(reading.result().values())
    contests = ", ".join(f"{n} {outcome}" for outcome, n in outcomes.most_common())
    why = f"votes decided none of its {outcomes.total()} contests ({contests})"
    if not counts.rejected:
        fix = "Use more anchors or personas, or look at the contests with `moloch show`."
        return InputError(what, why=why, fix=fix)
    causes = "; ".join(f"{reason}: {n}" for reason, n in list(counts.reasons.items())[:3])
    why += f"; {counts.rejected} of {counts.messages} messages could not be read ({causes})"
    fix = " ".join(advice(counts, arena)) or "Look at what was written with `moloch show`, or use another model."
    return InputError(what, why=why, fix=fix)
