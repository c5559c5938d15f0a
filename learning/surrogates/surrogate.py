"""Surrogate audiences: a choice model fitted to the votes that another audience left in a log.

A language model that votes is slow and expensive; a fitted choice model answers for a million members, and is only as good as
its held-out figures say. Votes about some anchors and of some personas are kept from the fit; no vote about an anchor, nor
of a persona, stands on both sides. Judges nothing: intervals and tables of the held-out votes are for :mod:`analysis`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abm.audience import ChoiceModel, Range, Support, feature_matrix, feature_names
from abm.audience.weights import BUILT_IN, LARGEST, YAML
from learning.surrogates import logit
from learning.surrogates.separation import check_fit, check_places
from learning.surrogates.votes import ABSTAINED, INVALID, LoggedVotes
from moloch import keyed
from moloch.errors import InputError
from populations import TRAITS

HELD_OUT, FOLDS = 0.2, 5
RIDGES = tuple(float(f"{10**power:.3g}") for power in np.arange(4.0, -1.1, -0.5))
"""Penalties that cross-validation chooses from, strongest first."""

DECIMALS = 6
"""Of a weight."""

NEW_ANCHORS, NEW_PERSONAS, BOTH = "new anchors", "new personas", "new anchors and personas"
BLOCKS = (NEW_ANCHORS, NEW_PERSONAS, BOTH)
"""What is new to the fit in a part of the held-out votes."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Votes that the fit never saw, and what was predicted of them.

    Attributes:
        block: shape (votes,), which of :data:`BLOCKS`.
        chances: shape (votes, slots + 1), predicted chance of each position shown, then of choosing none.
        letters: the same by position alone, regardless of the messages: the shares of the fitted votes.
    """

    votes: LoggedVotes
    block: NDArray[np.int64]
    chances: NDArray[np.float64]
    letters: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A fitted audience.

    Attributes:
        model: the audience; its support says what it was fitted on.
        audience: whose votes they were: its name in the settings, with its model where one played the personas.
        errors: standard errors of the weights, shape (features, 1 + traits).
        first_error, abstain_error: those of ``first`` and ``abstain``; NaN where nobody abstained.
        ridge: the penalty chosen.
        ridges: penalty -> mean log loss of votes about anchors left out, by cross-validation within the fitted votes.
        counts: votes, contests, anchors and personas that were fitted; votes left out and why.
        note: why this is no evidence about real language models; empty where real ones wrote and voted.
    """

    model: ChoiceModel
    audience: str
    errors: NDArray[np.float64]
    first_error: float
    abstain_error: float
    ridge: float
    ridges: dict[float, float]
    counts: dict[str, int]
    note: str
    held_out: HeldOut


def fit_surrogate(
    votes: LoggedVotes,
    *,
    audience: str | None = None,
    name: str = "surrogate",
    held_out: float = HELD_OUT,
    folds: int = FOLDS,
    ridges: Sequence[float] = RIDGES,
    seed: int = 0,
) -> Surrogate:
    """Return a choice model fitted to logged votes, with its forecasts of the votes that were kept from it.

    Args:
        votes: of one or more logs, as :func:`learning.surrogates.votes.read_votes` gives them.
        audience: fit only this audience's votes, named as in :class:`learning.surrogates.votes.Asked`; needed where there are several.
        held_out: share of the anchors, and of the personas, that the fit does not see.
        folds: of the cross-validation that chooses the ridge; folds part anchors.
        ridges: what it chooses from, strongest first.
        seed: decides who and what is held out, by content id: neither the order of logs nor of events matters.

    Raises:
        InputError: no votes, votes of several audiences or of a networked world, traits that the log does not tell,
            too few anchors, or votes that are nearly separated (:mod:`learning.surrogates.separation`).
    """
    votes, counts = _usable(votes, audience)
    check_places(votes)
    anchors, people = [c.anchor for c in votes.contests], votes.personas
    new_anchor = _drawn([anchors[row] for row in votes.contest], held_out, seed, "anchors")
    new_person = _drawn([people[row] for row in votes.persona], held_out, seed, "personas")
    in_fit = ~new_anchor & ~new_person
    data = choices(votes)
    fitted = data.of(in_fit)
    if not in_fit.any() or not (new_anchor & ~new_person).any():
        raise InputError("too few votes to hold any out", why=f"{len(votes)} votes", fix="Give more runs.")
    groups = _folds([anchors[row] for row in fitted.contest], folds, seed)
    losses = _cross_validated(fitted, groups, ridges)
    ridge = min(losses, key=lambda each: losses[each])  # of equals the strongest, which comes first
    theta = logit.fit(fitted, ridge)
    errors = logit.standard_errors(fitted, theta, ridge)
    check_fit(fitted, theta, errors)
    theta = np.clip(theta, -LARGEST, LARGEST).round(DECIMALS)  # as the file will say it
    first, abstain, weights = logit.split(theta, fitted.shape)
    model = ChoiceModel(
        name=name,
        weights=weights,
        first=first,
        abstain=abstain if fitted.may_abstain else None,
        support=_support(votes.of(in_fit), data.values),
    )
    return Surrogate(
        model=model,
        audience=votes.contests[votes.contest[0]].audience,
        errors=errors[2:].reshape(weights.shape),
        first_error=float(errors[0]),
        abstain_error=float(errors[1]) if fitted.may_abstain else float("nan"),
        ridge=ridge,
        ridges=losses,
        counts=_counts(votes.of(in_fit)) | counts,
        note=_note(votes),
        held_out=_predicted(votes, data, theta, in_fit, new_anchor, new_person),
    )


def choices(votes: LoggedVotes) -> logit.ChoiceData:
    """Return what a fit needs of votes; every one must choose an option that it saw, or none.

    Raises:
        InputError: a persona's traits are not known.
    """
    slots = votes.orders.shape[1]
    slots = max([slots, *(slot + 1 for contest in votes.contests for slot in contest.texts)])
    values = np.zeros((len(votes.contests), slots, len(feature_names())))
    for row, contest in enumerate(votes.contests):
        values[row, list(contest.texts)] = feature_matrix(list(contest.texts.values()))
    missing = [trait for trait in TRAITS if trait not in votes.traits or np.isnan(votes.traits[trait]).any()]
    if missing:
        raise InputError(
            f"the log does not hold the personas' {missing[0]}",
            why="an audience is fitted on traits",
            fix="Give runs whose personas joined with their traits.",
        )
    people = np.stack([np.ones(len(votes.personas)), *(votes.traits[trait] for trait in TRAITS)], axis=1)
    offered = np.zeros((len(votes), slots + 1), dtype=bool)
    np.put_along_axis(offered, votes.orders.astype(np.int64), True, axis=1)  # -1 falls on the last column
    first, chosen = votes.orders[:, 0].astype(np.int64), votes.choices.astype(np.int64)
    may_abstain = bool((chosen == ABSTAINED).any())
    return logit.ChoiceData(
        values, people.astype(np.float64), votes.contest, votes.persona, offered[:, :slots], first, chosen, may_abstain
    )


def _usable(votes: LoggedVotes, audience: str | None) -> tuple[LoggedVotes, dict[str, int]]:
    """Return the votes that can be fitted, and how many others there are."""
    if any(config.get("world") == "networked" for config in votes.configs):
        raise InputError(
            "votes of a networked world cannot be fitted",
            why="neighbours influenced them, too",
            fix="Give runs of the isolated world.",
        )
    named = np.array([contest.audience for contest in votes.contests], dtype=object)
    if audience is not None:
        votes = votes.of(named[votes.contest] == audience)
    audiences = sorted({str(each) for each in named[votes.contest]})
    if not len(votes):
        raise InputError(
            "no votes to fit",
            why=f"no persona of audience '{audience}' was asked" if audience else "no persona was asked",
            fix="Give runs in which personas voted; crowds are choice models already.",
        )
    if len(audiences) > 1:
        raise InputError(
            "votes of several audiences", why=f"they are {', '.join(audiences)}", fix="Choose one of them: --audience."
        )
    invalid, single = votes.choices == INVALID, votes.options < 2
    strange = ~invalid & (votes.choices != ABSTAINED) & (votes.positions < 0)
    usable = ~(invalid | single | strange)
    counts = {
        "invalid": int(invalid.sum()),
        "saw_one": int((single & ~invalid).sum()),
        "repeated_contests": votes.repeated,
    }
    return votes.of(usable), counts


def _drawn(items: Sequence[str], share: float, seed: int, what: str) -> NDArray[np.bool_]:
    """Return which of ``items`` are held out: equal ones together, at least one where there are three or more."""
    ranked = sorted(set(items), key=lambda item: keyed.key(seed, "held out", what, item))
    taken = round(share * len(ranked)) or int(len(ranked) >= 3)
    out = set(ranked[: min(taken, len(ranked) - 1)])
    return np.array([item in out for item in items])


def _folds(anchors: Sequence[str], folds: int, seed: int) -> NDArray[np.int64]:
    """Return each item's fold; equal anchors share it."""
    ranked = sorted(set(anchors), key=lambda anchor: keyed.key(seed, "fold", anchor))
    fold = {anchor: rank % folds for rank, anchor in enumerate(ranked)}
    return np.array([fold[anchor] for anchor in anchors])


def _cross_validated(data: logit.ChoiceData, groups: NDArray[np.int64], ridges: Sequence[float]) -> dict[float, float]:
    """Return ridge -> mean loss of a vote in a fold that the fit did not see."""
    folds = np.unique(groups)
    if len(folds) < 2:
        raise InputError(
            "too few anchors to fit an audience", why="cross-validation splits the anchors", fix="Give more."
        )
    total = dict.fromkeys(ridges, 0.0)
    for fold in folds:
        rest, left, theta = data.of(groups != fold), data.of(groups == fold), None
        for ridge in ridges:
            theta = logit.fit(rest, ridge, theta)
            total[ridge] -= float(np.log(chance_of_choice(left, theta)).sum())
    return {ridge: value / len(data) for ridge, value in total.items()}


def chance_of_choice(data: logit.ChoiceData, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the predicted chance of what each vote chose, shape (votes,)."""
    chances = logit.probabilities(data, theta)
    return chances[np.arange(len(data)), data.choice]  # -1, none, is the last column


def _support(votes: LoggedVotes, features: NDArray[np.float64]) -> Support:
    """Return the ranges of ``features``, shape (contests, slots, features), where there were messages, and of traits."""
    asked = np.unique(votes.contest)
    values = np.concatenate([features[row, list(votes.contests[row].texts)] for row in asked.tolist()])
    people = np.unique(votes.persona)
    return Support(
        features={name: _range(values[:, i]) for i, name in enumerate(feature_names())},
        traits={trait: _range(votes.traits[trait][people]) for trait in TRAITS},
    )


def _range(values: NDArray) -> Range:
    return Range(round(float(values.min()), 6), round(float(values.max()), 6))


def _counts(votes: LoggedVotes) -> dict[str, int]:
    return {
        "votes": len(votes),
        "contests": len(np.unique(votes.contest)),
        "anchors": len(np.unique(votes.anchors)),
        "personas": len(np.unique(votes.persona)),
        "abstained": int((votes.choices == ABSTAINED).sum()),
    }


def _predicted(
    votes: LoggedVotes,
    data: logit.ChoiceData,
    theta: NDArray[np.float64],
    known: NDArray[np.bool_],
    new_anchor: NDArray[np.bool_],
    new_person: NDArray[np.bool_],
) -> HeldOut:
    rows = np.flatnonzero(~known)
    left = votes.of(rows)
    chances = logit.probabilities(replace(data.of(rows), may_abstain=data.may_abstain), theta)
    by_position = np.take_along_axis(chances, np.where(left.orders >= 0, left.orders, 0).astype(np.int64), axis=1)
    by_position[left.orders < 0] = 0.0
    return HeldOut(
        left,
        np.where(new_anchor & new_person, 2, np.where(new_person, 1, 0))[rows],
        np.concatenate([by_position, chances[:, -1:]], axis=1),
        _letters(votes.of(known), left),
    )


def _letters(fitted: LoggedVotes, asked: LoggedVotes) -> NDArray[np.float64]:
    """Return the chances by position alone, after the shares of ``fitted``, one more added to each count."""
    slots = asked.orders.shape[1]
    chances = np.zeros((len(asked), slots + 1))
    for options in np.unique(asked.options).tolist():
        places = fitted.positions[fitted.options == options]
        counts = np.bincount(np.where(places < 0, slots, places), minlength=slots + 1).astype(np.float64)
        counts[:options] += 1
        if (asked.choices == ABSTAINED).any() or (fitted.choices == ABSTAINED).any():
            counts[slots] += 1
        chances[asked.options == options] = counts / counts.sum()
    return chances


def _note(votes: LoggedVotes) -> str:
    """Return the sentence that limits what the fit can show."""
    audiences = {votes.contests[row].audience for row in np.unique(votes.contest)}
    stand_ins = ["a choice model voted"] if any(each in BUILT_IN or each.endswith(YAML) for each in audiences) else []
    stand_ins += ["the pocket model wrote or voted"] if "pocket" in votes.models else []
    return f"Not evidence about real LLMs: {', and '.join(stand_ins)}." if stand_ins else ""
