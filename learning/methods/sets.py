"""Training sets: pure functions of the log. Every row knows the events that it comes from.

Imports neither torch nor a data frame library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Protocol

import msgspec

from abm.arenas import Arena
from abm.events import Event
from learning.methods._contests import Contests, Owned, collect
from learning.methods._method import Method
from learning.methods._registry import METHODS, check_options
from learning.methods._rows import LossTerm, Row, TrainingSet, rows_digest
from learning.methods.tfb import TFB
from moloch.errors import InputError


class ChangesSet(Protocol):
    """What changes what an arm learns; :class:`learning.mitigations.Mitigation` is one.

    All of it is a pure function of its arguments, as methods are.
    """

    name: ClassVar[str]
    """By which it is recorded."""

    def contests(self, contests: Contests, method: Method, seed: int) -> Contests:
        """Return the contests as they are to be learnt from."""
        ...

    def rows(self, rows: list[Row], contests: Contests, method: Method, seed: int) -> list[Row]:
        """Return what is left of the rows that ``method`` made of ``contests``, and as what."""
        ...

    def term(self) -> LossTerm | None:
        """Return what is added to the loss; None for nothing."""
        ...


def training_set(
    events: Iterable[Event],
    method: str | Method,
    *,
    source_arm: str,
    epoch: int,
    arena: Arena,
    seed: int,
    rendered: bool = False,
    owned: Owned | None = None,
    mitigations: Sequence[ChangesSet] = (),
    learner: str = "",
    **settings: Any,
) -> TrainingSet:
    """Return the rows that ``method`` learns from one arm's training contests of one epoch.

    Only contests that votes decided are learnt from: ties without a winner, forfeits and void contests are counted
    and left out, for every method alike, so that all methods have the same contests. In a market a learner learns from its own
    messages, whatever its method picks among all of them: what others wrote only where its own lost to it, and never alone. A random
    message, too, is drawn among all and kept if it is its own, so that a placebo has as many in expectation.

    Args:
        events: a whole log, in order.
        method: a name in :data:`learning.methods.METHODS`, or a method with its settings.
        source_arm: whose contests: ``"shared"`` in the first epoch, else the name of the arm or of its market.
        rendered: learn messages as release 0.1 did, rendered from their thinking and text, not as they were sampled.
        owned: which messages are the learner's; None for all.
        mitigations: of the arm, in the order in which they change its contests, and then its rows.
        learner: name of the arm, whose audits are read where its mitigations make some.
        settings: of a method that is given by name, such as ``tfb_lambda=0.5``. Those of ``tfb`` may be given with any
            method: one call then serves them all.

    Raises:
        InputError: unknown method or setting, or a value that the setting cannot have.
    """
    if isinstance(method, str):
        kind = METHODS.get(method)
        check_options([method], settings.keys() - set(TFB.__struct_fields__))
        method = kind.configured(settings)
    held = collect(events, source_arm, epoch, arena, rendered=rendered, owned=owned, learner=learner)
    contests, rows, mitigated = _made(held, method, mitigations, seed)
    digest = rows_digest(rows)
    as_rendered = _made(msgspec.structs.replace(held, rendered=True), method, mitigations, seed)[1]
    return TrainingSet(
        rows=rows,
        digest=digest,
        data_range=contests.data_range,
        counts=_counts(contests, rows),
        loss=method.loss,
        options=method.loss_options(contests),
        as_sampled=digest != rows_digest(as_rendered),
        apart=method.apart,
        terms=[term for each in mitigations if (term := each.term()) is not None],
        mitigated={name: count for name, count in mitigated.items() if count},
    )


def _made(
    contests: Contests, method: Method, mitigations: Sequence[ChangesSet], seed: int
) -> tuple[Contests, list[Row], Counter[str]]:
    """Return the contests as mitigations decide them, the rows that are left of what a method makes of them, and how much each
    mitigation changed."""
    changed = Counter[str]()
    for each in mitigations:
        before, contests = contests, each.contests(contests, method, seed)
        if contests is not before:
            changed[each.name] += _otherwise(before, contests)
    rows = _own(contests, _checked(method, method.rows(contests, seed)))
    for each in mitigations:
        before, rows = rows, _checked(each, each.rows(rows, contests, method, seed))
        changed[each.name] += _unlike(before, rows)
    return contests, rows, changed


def _otherwise(before: Contests, after: Contests) -> int:
    """Return how many contests have other votes."""
    votes = {contest.id: contest.votes for contest in after.held}
    return sum(votes.get(contest.id) != contest.votes for contest in before.held)


def _unlike(before: Sequence[Row], after: Sequence[Row]) -> int:
    """Return how many rows are gone or are other ones."""
    left = {(row.kind, row.contest, row.message, row.persona): row for row in after}
    return sum(left.get((row.kind, row.contest, row.message, row.persona)) != row for row in before)


def _own(contests: Contests, rows: list[Row]) -> list[Row]:
    """Return the rows that a learner may learn: of its own messages, of those that they lost to or won against, and thoughts of both."""
    if all(contest.own is None for contest in contests.learnable):
        return rows
    own = {contest.messages[slot].message for contest in contests.learnable for slot in contest.own_slots}
    lost = {row.contest for row in rows if row.kind == "rejected" and row.message in own}
    kept = [row for row in rows if row.kind != "trajectory" or row.message in own or row.contest in lost]
    taught = {row.contest for row in kept if row.kind == "trajectory"}
    return [row for row in kept if row.contest in taught]


def _checked(maker: Method | ChangesSet, rows: object) -> list[Row]:
    """Return what a method or mitigation returned as a list of rows, if that is what it is."""
    listed = list(rows) if isinstance(rows, Iterable) else None
    if listed is None or not all(isinstance(row, Row) for row in listed):
        kind = "method" if isinstance(maker, Method) else "mitigation"
        raise InputError(
            f"the {kind} {type(maker).__name__} returned no rows",
            where=type(maker).__module__,
            why=f"its rows() returned {type(rows).__name__}, not a list of Row",
            fix="Return the rows, an empty list where there are none.",
        )
    return listed


def _counts(contests: Contests, rows: Sequence[Row]) -> dict[str, int]:
    used = {row.contest for row in rows if row.kind == "trajectory"}
    learned = [contest for contest in contests.learnable if contest.id in used]
    winners = [contests.trajectory(contest, contest.winner) for contest in learned]
    return {
        "contests": len(contests.learnable) + sum(contests.left_out.values()),
        "decided": len(contests.learnable),
        "learnt": len(learned),
        **contests.left_out,
        "characters": sum(len(row.completion) for row in rows if row.kind == "trajectory"),
        "winner_characters": sum(len(row.completion) for row in winners),
    }
