"""What an audience paid for: the votes that an arm gained, by what its messages have more of than base's.

Each vote of a held-out contest was cast by somebody whose choice follows a logit: the choice model that reacted, or one fitted to
the votes of a language model (:mod:`learning.surrogates`). A feature's part in a vote is that member's weight times what the arm's
message has more of it, on the scale of shares (:func:`analysis.statistics.shares.share_parts`). Parts, standing first and what stays
unexplained add up to the win rate less one half, exactly, vote by vote. Weights are held at their values: intervals hold what
differs between anchors and people, not the error of a fit.

A part says what the audience's rule rewarded in these messages. It does not say why the arm writes so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.audience import ChoiceModel, audience, feature_matrix, feature_names, from_mapping
from abm.audience.weights import BUILT_IN
from abm.events import AudienceSet, Event
from abm.log import open_log
from analysis.readings.contests import BASE, Evaluation
from analysis.readings.evaluation import read_evaluation
from analysis.statistics.estimates import NOTHING, Estimate, clustered_mean, plain
from analysis.statistics.multiway import multiway_mean
from analysis.statistics.shares import logistic, share_parts
from analysis.tables.evaluation import comparator, note
from analysis.tables.surrogate import assess
from learning.arms.base_models import is_base
from learning.surrogates.surrogate import fit_surrogate
from learning.surrogates.votes import LoggedVotes, read_votes
from moloch.errors import InputError

Floats = NDArray[np.float64]

PLACE, UNEXPLAINED = "standing first", "unexplained"
"""Parts that are no feature."""
GAINED, LOST, ALIKE = "the arm's alone", "base's alone", "both or neither"
"""Whose message a probe flagged."""


class Part(msgspec.Struct, frozen=True):
    """One thing that votes may have been for.

    Attributes:
        name: a feature, :data:`PLACE` or :data:`UNEXPLAINED`.
        change: mean over votes of the feature in the arm's message less that in base's, each 0 .. 1.
        weight: mean over votes of the member's weight, in units of the noise; NaN for what is no feature.
        gain: its part of the win rate, as a share of votes; all parts add up to the win rate less one half.
        from_comparator: the same less the comparator's, over votes of the same people about the same anchors.
    """

    name: str
    change: float
    weight: float
    gain: Estimate
    from_comparator: Estimate


class Flagged(msgspec.Struct, frozen=True):
    """The votes of contests that a probe judges alike.

    Attributes:
        probe: its name; ``whose``: :data:`GAINED`, :data:`LOST` or :data:`ALIKE`.
        votes: how many; ``win_rate``: the share of them for the arm's message.
        gain: what these votes add to the win rate of all, less one half; a probe's rows add up to the whole.
    """

    probe: str
    whose: str
    votes: int
    win_rate: float
    gain: Estimate


class Explained(msgspec.Struct, frozen=True):
    """Why an arm's messages won.

    Attributes:
        audience: whose votes; ``rule``: the logit that they are explained by.
        fitted: whether that was fitted to these votes; ``fit_gain``: nats a vote by which it predicts held-out votes better than
            their place does, nothing where it was declared.
        compared_with: the comparator; empty for none.
        win_rate: of the arm's messages among valid votes, forfeits left out; null 0.5.
        parts: the largest first, then :data:`PLACE` and :data:`UNEXPLAINED`.
        note: what of it is not real.
    """

    arm: str
    epoch: int
    audience: str
    rule: str
    fitted: bool
    fit_gain: Estimate
    compared_with: str
    contests: int
    anchors: int
    personas: int
    win_rate: Estimate
    parts: list[Part]
    flagged: list[Flagged]
    note: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able mapping."""
        return plain(self)


def explained(
    runs: Sequence[Path | str], arm: str, *, epoch: int | None = None, surrogate: Path | str | None = None
) -> Explained:
    """Return what the votes for an arm's held-out messages were for, in one run or over several.

    Args:
        runs: folders of runs; over several, intervals cluster on runs, anchors and people.
        arm: one of theirs.
        epoch: of the evaluation, by default the last one.
        surrogate: a choice model's YAML file to explain the votes by. Without it, that is the model that reacted, or one that is
            fitted to the runs' votes.

    Raises:
        InputError: no such arm, no votes of personas, several audiences, a networked world, or votes that cannot be fitted.
        LogError: no run, or it cannot be read.
    """
    logs = [list(open_log(run, write=False).read()) for run in runs]
    found = [read_evaluation(events) for events in logs]
    votes = read_votes(*logs)
    _check(found, arm)
    epoch = epoch if epoch is not None else max((e for each in found for e in each.epochs), default=0)
    ours = _ballots(votes, arm, epoch)
    if not len(ours):
        raise InputError(
            f"no votes to explain in epoch {epoch}",
            why=f"no persona chose between a message of {arm} and one of base; a crowd's votes are not kept one by one",
            fix="Name another arm or epoch, or a run with personas.",
        )
    rule, fit_gain = _rule(logs, votes, ours.audience, surrogate)
    parts = _parts(ours, votes, rule)
    other = comparator(found[0], arm)
    theirs = _ballots(votes, other, epoch) if other else ours.of(np.zeros(0, dtype=np.int64))
    less = _less(ours, parts, theirs, _parts(theirs, votes, rule))
    return Explained(
        arm=arm,
        epoch=epoch,
        audience=ours.audience,
        rule=rule.name,
        fitted=fit_gain is not NOTHING,
        fit_gain=fit_gain,
        compared_with=other if len(theirs) else "",
        contests=len(np.unique(ours.contest)),
        anchors=len(np.unique(ours.anchor)),
        personas=len(np.unique(ours.persona)),
        win_rate=_mean(ours.won, ours, null=0.5).within(0, 1),
        parts=_rows(ours, parts, less),
        flagged=_flagged(ours, votes, found, arm, epoch),
        note=note(found[0]),
    )


def _check(found: Sequence[Evaluation], arm: str) -> None:
    for each in found:
        if each.config.get("world") == "networked":
            raise InputError(
                "votes of a networked world cannot be explained by messages alone",
                why="neighbours influenced them, too",
                fix="Give a run of the isolated world.",
            )
    arms = list(dict.fromkeys(name for each in found for name in each.arms()))
    if arm not in arms:
        raise InputError(f"no arm {arm!r} was evaluated", fix=f"Its arms are {', '.join(arms) or 'none yet'}.")


def _rule(
    logs: Sequence[Sequence[Event]], votes: LoggedVotes, voted: str, surrogate: Path | str | None
) -> tuple[ChoiceModel, Estimate]:
    """Return the logit to explain votes by, and how well it predicts them if it was fitted here."""
    if surrogate is not None:
        return audience(surrogate), NOTHING
    declared = [
        event for events in logs for event in events if isinstance(event, AudienceSet) and event.part == "personas"
    ]
    if not voted.startswith("llm"):
        if declared:
            return from_mapping(declared[-1].choice_model), NOTHING
        if voted in BUILT_IN:  # release 0.1 named it, and wrote no weights down
            return audience(voted), NOTHING
    fitted = fit_surrogate(votes, audience=voted, name=f"fitted to {voted}")
    blocks = {block.name: block for block in assess(fitted.held_out).blocks}
    return fitted.model, blocks["all"].gain


# -- votes -------------------------------------------------------------------------------------------------


class _Pairs(NamedTuple):
    """Votes between an arm's message and base's; row i is one vote."""

    audience: str
    contest: NDArray[np.int64]
    persona: NDArray[np.int64]
    anchor: NDArray[np.int64]
    run: NDArray[np.int64]
    won: Floats
    first: Floats
    """1 where the arm's message stood first, else -1."""
    slots: NDArray[np.int64]
    """Shape (n, 2), the slots of the arm's and of base's message."""

    def __len__(self) -> int:
        return len(self.won)

    def of(self, rows: NDArray[Any]) -> _Pairs:
        columns: list[NDArray[Any]] = [column[rows] for column in self[1:]]
        return _Pairs(self.audience, *columns)


def _ballots(votes: LoggedVotes, arm: str, epoch: int) -> _Pairs:
    """Return the valid votes of an arm's held-out contests in which both messages were published."""
    sides: dict[int, tuple[int, int]] = {}
    for row, contest in enumerate(votes.contests):
        if (contest.phase, contest.arm, contest.epoch) != ("evaluate", arm, epoch):
            continue
        slot_of = {name: slot for slot, name in contest.competitors.items()}
        base = next(filter(is_base, slot_of), BASE)
        if set(slot_of) == {base, arm} and len(contest.texts) == 2:
            sides[row] = slot_of[arm], slot_of[base]
    audiences = sorted({votes.contests[row].audience for row in sides})
    if len(audiences) > 1:
        raise InputError("votes of several audiences", why=f"they are {', '.join(audiences)}", fix="Give runs of one.")
    rows = np.flatnonzero(np.isin(votes.contest, list(sides)) & (votes.choices >= 0) & (votes.options == 2))
    contest = votes.contest[rows]
    slots = np.array([sides[row] for row in contest.tolist()], dtype=np.int64).reshape(-1, 2)
    return _Pairs(
        audiences[0] if audiences else "",
        contest,
        votes.persona[rows],
        votes.anchors[rows],
        np.array([votes.contests[row].run for row in contest.tolist()], dtype=np.int64),
        (votes.choices[rows] == slots[:, 0]).astype(np.float64),
        np.where(votes.orders[rows, 0] == slots[:, 0], 1.0, -1.0) if len(rows) else np.zeros(0),
        slots,
    )


# -- parts -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Parts:
    """Of each vote: by feature what the arm's message has more of, what the member weighs, what that adds; then the rest."""

    changes: Floats
    weights: Floats
    gains: Floats
    """Shape (n, features + 2): features, :data:`PLACE`, :data:`UNEXPLAINED`."""


def _parts(pairs: _Pairs, votes: LoggedVotes, rule: ChoiceModel) -> _Parts:
    """Return the parts of each vote.

    Raises:
        InputError: the log does not say a trait that the rule weighs.
    """
    missing = [name for name in rule.traits if name not in votes.traits or np.isnan(votes.traits[name]).any()]
    if missing and len(pairs):
        raise InputError(
            f"the log does not say the personas' {missing[0]}", fix="Give runs whose personas have traits."
        )
    changes = _changes(pairs, votes)
    traits = [
        np.ones(len(pairs)),
        *(votes.traits[name][pairs.persona].astype(np.float64) for name in rule.traits if len(pairs)),
    ]
    weights = sum((np.multiply.outer(trait, rule.weights[:, i]) for i, trait in enumerate(traits)), np.zeros(()))
    weights = np.asarray(weights) / rule.temperature
    start = pairs.first * rule.first / rule.temperature
    terms = share_parts(weights * changes, start)
    place = logistic(start) - 0.5
    unexplained = pairs.won - 0.5 - place - terms.sum(axis=1)
    return _Parts(changes, weights, np.column_stack([terms, place, unexplained]))


def _changes(pairs: _Pairs, votes: LoggedVotes) -> Floats:
    """Return what features the arm's message has more of, shape (votes, features)."""
    of_contest: dict[int, Floats] = {}
    for contest, (arm, base) in zip(pairs.contest.tolist(), pairs.slots.tolist(), strict=True):
        if contest not in of_contest:
            texts = votes.contests[contest].texts
            ours, theirs = feature_matrix([texts[arm], texts[base]])
            of_contest[contest] = ours - theirs
    return np.array([of_contest[contest] for contest in pairs.contest.tolist()]).reshape(-1, len(feature_names()))


class _Less(NamedTuple):
    """An arm's parts less its comparator's; row i is one person's about one anchor."""

    gains: Floats
    where: _Pairs


def _less(ours: _Pairs, parts: _Parts, theirs: _Pairs, others: _Parts) -> _Less:
    """Return the differences of those who voted in both; several votes of one person about one anchor count as their mean."""
    first, mean = _by_person(ours, parts)
    second, mean_of_others = _by_person(theirs, others)
    both = sorted(first.keys() & second.keys())
    rows = np.array([first[key] for key in both], dtype=np.int64)
    gains = [mean[key] - mean_of_others[key] for key in both]
    return _Less(np.array(gains).reshape(-1, parts.gains.shape[1]), ours.of(rows))


def _by_person(pairs: _Pairs, parts: _Parts) -> tuple[dict[tuple[int, ...], int], dict[tuple[int, ...], Floats]]:
    """Return (run, anchor, person) -> a row of theirs, and the mean of their parts."""
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, key in enumerate(zip(pairs.run.tolist(), pairs.anchor.tolist(), pairs.persona.tolist(), strict=True)):
        rows.setdefault(key, []).append(row)
    return {key: each[0] for key, each in rows.items()}, {k: parts.gains[each].mean(axis=0) for k, each in rows.items()}


def _rows(ours: _Pairs, parts: _Parts, less: _Less) -> list[Part]:
    names = [*feature_names(), PLACE, UNEXPLAINED]
    features = len(names) - 2
    rows = [
        Part(
            name=name,
            change=float(parts.changes[:, i].mean()) if i < features else float("nan"),
            weight=float(parts.weights[:, i].mean()) if i < features else float("nan"),
            gain=_mean(parts.gains[:, i], ours),
            from_comparator=_mean(less.gains[:, i], less.where),
        )
        for i, name in enumerate(names)
    ]
    return [*sorted(rows[:features], key=lambda row: -abs(row.gain.value)), *rows[features:]]


def _flagged(ours: _Pairs, votes: LoggedVotes, found: Sequence[Evaluation], arm: str, epoch: int) -> list[Flagged]:
    """Return a row per probe and verdict, in the order of names."""
    sides = {(run, c.contest): c for run, each in enumerate(found) for c in each.of(arm, epoch)}
    probes = sorted({probe for contest in sides.values() for probe in contest.trained.labels})
    contests = [sides[votes.contests[row].run, votes.contests[row].contest] for row in ours.contest.tolist()]
    rows = []
    for probe in probes:
        pairs = [(c.trained.labels.get(probe, -1), c.base.labels.get(probe, -1)) for c in contests]
        flags = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        more, less = (flags[:, 0] == 1) & (flags[:, 1] != 1), (flags[:, 0] != 1) & (flags[:, 1] == 1)
        for whose, inside in ((GAINED, more), (LOST, less), (ALIKE, ~more & ~less)):
            gain = _mean((ours.won - 0.5) * inside, ours)
            won = float(ours.won[inside].mean()) if inside.any() else float("nan")
            rows.append(Flagged(probe, whose, int(inside.sum()), won, gain))
    return rows


def _mean(values: Floats, pairs: _Pairs, *, null: float = 0.0) -> Estimate:
    """Return a mean over votes, clustered on anchors and people; over several runs on these, too."""
    if not len(values):
        return NOTHING
    if len(np.unique(pairs.run)) > 1:
        return multiway_mean(values, [pairs.run, pairs.anchor, pairs.persona], null=null)
    return clustered_mean(values, pairs.anchor, pairs.persona, null=null)


def parts_of(found: Explained) -> Iterable[Part]:
    """Yield the parts that are something: features that the rule does not weigh, and none differ in, are left out."""
    return (part for part in found.parts if part.name in (PLACE, UNEXPLAINED) or part.gain.value)
