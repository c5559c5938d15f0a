"""Why there was nothing to learn from: what became of the contests, and what was wrong with the messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from abm.events import ContestDecided, Event, MessagePublished, MessageRejected, StepStarted
from learning.runs.plan import Learn
from moloch.errors import InputError


def nothing_to_learn(events: Iterable[Event], part: Learn) -> InputError:
    """Return the error for a training without a single contest that votes decided.

    Args:
        events: the whole log, in order.
        part: the training.
    """
    place = ("train", part.source.arm, part.epoch)
    inside, outcomes, reasons, published = False, Counter[str](), Counter[str](), 0
    for event in events:
        if isinstance(event, StepStarted):
            inside = (event.phase, event.arm, event.epoch) == place
        elif inside and isinstance(event, ContestDecided):
            outcomes[event.outcome] += 1
        elif inside and isinstance(event, MessageRejected):
            reasons[event.reason] += 1
        elif inside and isinstance(event, MessagePublished):
            published += 1
    if outcomes["majority"]:
        return InputError(
            f"nothing to learn from in epoch {part.epoch} for {part.arm}",
            why=f"its method made no row of {outcomes.total()} contests, of which {outcomes['majority']} had a majority",
            fix="Look at what the method leaves out, or use more anchors.",
        )
    contests = ", ".join(f"{n} {outcome}" for outcome, n in outcomes.most_common())
    rejected, written = reasons.total(), reasons.total() + published
    why = f"votes decided none of its {outcomes.total()} contests ({contests})"
    fix = "Use more anchors or personas, or look at the contests with `moloch show`."
    if rejected:
        causes = "; ".join(f"{reason}: {n}" for reason, n in reasons.most_common(3))
        why += f"; {rejected} of {written} messages could not be read ({causes})"
        if 2 * rejected > written:
            fix = (
                "Have the arena's write template ask for the tag that the arena names, or use a model that follows it."
            )
    return InputError(f"nothing to learn from in epoch {part.epoch} for {part.arm}", why=why, fix=fix)
