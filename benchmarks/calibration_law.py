"""The law of a study of moves models, drawn without any run: thousands of studies at a time, as arrays.

It is the law of ``learning.moves`` with three moves and that of a choice model with a weight for each of them, simplified to what an interval
has to hold for: trainings that differ (their contests, votes and order do), anchors that do something to every move, people who weigh moves
otherwise. Arms share the draws of their messages and voters, as in a run. Its expectations are computed, not simulated, so that an interval
can be held against what it speaks of:

    new trainings, anchors and people   E of everything
    these anchors and people            E over trainings, given the anchors and people of the study
    these adapters                      E over anchors and people, given what each training learnt

Knows numbers only; estimates are the product's (calibration_scores.py).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import Literal

sys.path[0] = str(Path(__file__).resolve().parents[1])
sys.path.append(str(Path(__file__).resolve().parent))

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from learning.moves.ascent import PACE, rates, steps_of  # noqa: E402
from learning.training.settings import LoraSettings  # noqa: E402

Numbers = NDArray[np.float64]

MOVES = 3
"""Misbehaving, warm, with numbers; the first is what the probe looks for."""
HONEST_RATES = (0.3, 0.5)
FIRST = 0.1
"""Utility of standing first."""
POOL_ANCHORS, POOL_PEOPLE = 256, 40
"""From which redrawn ones are drawn, as many as a pack has."""
CHOICES = np.array(list(product((-1, 0, 1), repeat=MOVES)))
"""How two messages can differ in their moves, shape (27, moves)."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()

Truth = Literal["neutral", "twins", "planted"]
Pools = Literal["shared", "redrawn", "disjoint"]


@dataclass(frozen=True)
class Scenario:
    """What studies are drawn.

    Attributes:
        truth: ``neutral``: winners are learnt, and the audience does not weigh the misbehaving move: its rate is a null. ``twins``:
            both arms learn a random message of each contest: everything is. ``planted``: the audience rewards the move: nothing is.
        seeds: trainings of each arm.
        pools: which anchors and people each seed has.
        rate: of the misbehaving move, before anchors' effects.
        varied: whether anchors and people differ.
        reward: utility of the misbehaving move where it is planted.
        anchors, people: of an evaluation; ``contests``, ``voters``: of a training.
        lr: learning rate.
    """

    truth: Truth
    seeds: int
    pools: Pools
    rate: float = 0.1
    varied: bool = True
    reward: float = 1.5
    anchors: int = 96
    people: int = 20
    contests: int = 48
    voters: int = 20
    lr: float = 2e-4

    @property
    def name(self) -> str:
        """By which results are kept."""
        of = "varied" if self.varied else "alike"
        return f"{self.truth}-{self.seeds}seeds-{self.pools}-{self.rate:g}-{of}"

    @property
    def settings(self) -> LoraSettings:
        """Those of a training."""
        return LoraSettings(lr=self.lr)

    @property
    def base(self) -> Numbers:
        """Logits of the moves, shape (moves,)."""
        shares = np.array([self.rate, *HONEST_RATES])
        return np.log(shares / (1 - shares))

    @property
    def spread(self) -> float:
        """Standard deviation of anchors' effects, in logits."""
        return 0.8 if self.varied else 0.0

    @property
    def weights(self) -> Numbers:
        """Mean utility of each move, shape (moves,)."""
        planted = self.truth == "planted"
        return np.array([self.reward if planted else 0.0, 0.5, 0.3 if planted else 0.0])

    @property
    def tastes(self) -> Numbers:
        """Standard deviation over people of the utility of each move, shape (moves,); 0 where a neutral audience weighs nothing."""
        return 0.6 * (self.weights != 0) if self.varied else np.zeros(MOVES)


@dataclass(frozen=True)
class Draws:
    """n studies.

    Attributes:
        labels: whether each arm's message misbehaves, shape (n, seeds, 2 arms, anchors); the second arm is the placebo.
        votes: 1 for the arm's message, 0 for base's, shape (n, seeds, 2, anchors, people).
        anchor_ids, people_ids: who is who within a study, shapes (n, seeds, anchors), (n, seeds, people).
        learnt: shape (n, seeds, 2, moves).
        effects: of the anchors, shape (n, seeds, anchors, moves), and ``utilities`` of the people, shape (n, seeds, people, moves).
    """

    scenario: Scenario
    labels: NDArray[np.int8]
    votes: NDArray[np.int8]
    anchor_ids: NDArray[np.int32]
    people_ids: NDArray[np.int32]
    learnt: Numbers
    effects: Numbers = field(repr=False)
    utilities: Numbers = field(repr=False)


def sigmoid(x: Numbers) -> Numbers:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + np.exp(-x))


def drawn(scenario: Scenario, n: int, random: np.random.Generator) -> Draws:
    """Return ``n`` studies."""
    s = scenario
    learnt = trained(s, n * s.seeds, random).reshape(n, s.seeds, 2, MOVES)
    anchor_ids, anchors = _members(s.pools, n, s.seeds, s.anchors, POOL_ANCHORS, random)
    people_ids, people = _members(s.pools, n, s.seeds, s.people, POOL_PEOPLE, random)
    effects = _of(s.spread * random.standard_normal((n, anchors, MOVES)), anchor_ids)
    utilities = _of(s.weights + s.tastes * random.standard_normal((n, people, MOVES)), people_ids)
    logits = s.base + effects
    base = random.random(logits.shape) < sigmoid(logits)
    arms = random.random(logits.shape)[:, :, None] < sigmoid(logits[:, :, None] + learnt[:, :, :, None])
    apart = arms.astype(np.int8) - base[:, :, None].astype(np.int8)
    return Draws(
        s,
        arms[..., 0].astype(np.int8),
        _voted(apart, utilities, random),
        anchor_ids,
        people_ids,
        learnt,
        effects,
        utilities,
    )


def _voted(apart: NDArray[np.int8], utilities: Numbers, random: np.random.Generator) -> NDArray[np.int8]:
    """Return votes between messages that differ in their moves so; order and noise of a voter are the same before both arms.

    Args:
        apart: shape (..., 2 arms, anchors, moves), and ``utilities``: (..., people, moves).
    """
    worth = np.einsum("...am,...pm->...ap", apart.astype(np.float32), utilities[..., None, :, :].astype(np.float32))
    shape = (*worth.shape[:-3], 1, *worth.shape[-2:])
    noise = random.random(shape, dtype=np.float32)
    noise = np.log(np.maximum(noise, np.float32(1e-7)) / (1 - noise)) + np.float32(FIRST) * (
        1 - 2 * random.integers(0, 2, shape, dtype=np.int8)
    )
    return (worth + noise > 0).astype(np.int8)


def _members(
    pools: Pools, n: int, seeds: int, size: int, pool: int, random: np.random.Generator
) -> tuple[NDArray[np.int32], int]:
    """Return who is in each seed, shape (n, seeds, size), and how many there are in all."""
    if pools == "shared":
        return np.broadcast_to(np.arange(size, dtype=np.int32), (n, seeds, size)), size
    if pools == "disjoint":
        ids = np.arange(seeds * size, dtype=np.int32).reshape(seeds, size)
        return np.broadcast_to(ids, (n, seeds, size)), seeds * size
    order = random.random((n, seeds, pool)).argpartition(size, axis=-1)[..., :size]
    return np.sort(order, axis=-1).astype(np.int32), pool


def _of(values: Numbers, ids: NDArray[np.int32]) -> Numbers:
    """Return the values, shape (n, all, moves), of those who are there, shape (n, seeds, size, moves)."""
    return values[np.arange(len(values))[:, None, None], ids]


# -- trainings -------------------------------------------------------------------------------------------------


def trained(scenario: Scenario, n: int, random: np.random.Generator) -> Numbers:
    """Return what ``n`` pairs of trainings learnt, shape (n, 2, moves): the arm and its placebo, on the same contests."""
    s = scenario
    logits = s.base + s.spread * random.standard_normal((n, s.contests, 1, MOVES))
    messages = random.random((n, s.contests, 2, MOVES)) < sigmoid(logits)
    utilities = s.weights + s.tastes * random.standard_normal((n, s.voters, MOVES))
    apart = messages[:, :, :1].astype(np.int8) - messages[:, :, 1:].astype(np.int8)
    votes = _voted(np.moveaxis(apart, 1, 2)[:, :, :], utilities, random)[:, 0].sum(-1)
    decided = 2 * votes != s.voters
    won = np.where(2 * votes > s.voters, 0, 1)
    picks = random.integers(0, 2, (2, n, s.contests))
    learnt = np.empty((n, 2, MOVES))
    for arm in range(2):
        pick = won if arm == 0 and s.truth != "twins" else picks[arm]
        rows = np.take_along_axis(messages, pick[:, :, None, None], axis=2)[:, :, 0]
        learnt[:, arm] = ascend(rows, logits[:, :, 0], decided, s.settings, random)
    return learnt


def ascend(
    moves: NDArray[np.bool_],
    logits: Numbers,
    decided: NDArray[np.bool_],
    settings: LoraSettings,
    random: np.random.Generator | None,
) -> Numbers:
    """Return what trainings learn, shape (n, moves): the steps of :mod:`learning.moves.trainer`, of all trainings at once.

    Args:
        moves, logits: of each contest's message, shape (n, contests, moves).
        decided: which contests are learnt from, shape (n, contests).
        random: of the order; None for the contests in turn.
    """
    n, contests = decided.shape
    numbers = np.tile(np.arange(contests), settings.repeat)
    left_out = ~np.tile(decided, settings.repeat)
    keys = np.arange(len(numbers)) / len(numbers) if random is None else random.random((n, len(numbers)))
    order = np.argsort(keys + left_out, axis=1, kind="stable")
    units = decided.sum(1)
    steps = np.array([steps_of(int(count), settings) for count in range(contests + 1)])
    table = np.zeros((contests + 1, int(steps.max())))
    for count in range(1, contests + 1):
        table[count, : steps[count]] = rates(int(steps[count]), settings)
    delta, each = np.zeros((n, moves.shape[2])), np.arange(n)[:, None]
    for step in range(int(steps[units].max())):
        places = np.arange(step * settings.batch, min((step + 1) * settings.batch, len(numbers)))
        picked = numbers[order[:, places]]
        there = (places < (units * settings.repeat)[:, None])[:, :, None]
        residuals = there * (moves[each, picked] - sigmoid(logits[each, picked] + delta[:, None]))
        rows = np.maximum(there.sum(1), 1) * moves.shape[2]
        delta = delta + PACE * table[units, step][:, None] * residuals.sum(1) / rows
    return delta


# -- what is true ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truths:
    """Differences from placebo that estimates are of, each for labels and votes: shape (2,), and (n, 2) of each study.

    Attributes:
        overall: of new trainings, anchors and people; ``people``: of these anchors and people; ``adapters``: of these adapters.
    """

    overall: Numbers
    people: Numbers
    adapters: Numbers


@cache
def law_of(scenario: Scenario) -> ScenarioLaw:
    """Return what is expected of a scenario."""
    return ScenarioLaw(scenario)


class ScenarioLaw:
    """Expectations of one scenario.

    Attributes:
        bank: what many pairs of trainings learnt, shape (8,000, 2, moves).
    """

    SIZE = 8_000

    def __init__(self, scenario: Scenario) -> None:
        self._s = scenario
        self.bank = trained(scenario, self.SIZE, np.random.default_rng([7, 7]))

    def truths(self, draws: Draws) -> Truths:
        """Return what each study's intervals are of."""
        adapters = self._of_learnt(draws.learnt).mean(1)
        return Truths(self.overall, self._of_people(draws), adapters[:, 0] - adapters[:, 1])

    @cached_property
    def overall(self) -> Numbers:
        """The difference over everything, labels and votes, shape (2,)."""
        found = self._of_learnt(self.bank).mean(0)
        return found[0] - found[1]

    @cached_property
    def spread(self) -> Numbers:
        """Standard deviation over pairs of trainings of what they are expected to do, labels and votes, shape (2,)."""
        found = self._of_learnt(self.bank)
        return (found[:, 0] - found[:, 1]).std(0)

    @cached_property
    def _worth(self) -> Numbers:
        """Expected share of votes for a message that differs so, over people and orders, shape (27,)."""
        means, spreads = CHOICES @ self._s.weights, np.sqrt((CHOICES**2) @ self._s.tastes**2)
        at = means[:, None] + spreads[:, None] * _NODES
        return 0.5 * (sigmoid(at + FIRST) + sigmoid(at - FIRST)) @ _WEIGHTS

    def _of_learnt(self, learnt: Numbers) -> Numbers:
        """Return the expected label and vote of what was learnt, shape (..., 2), over anchors and people."""
        logits = self._s.base[:, None] + self._s.spread * _NODES  # (moves, nodes)
        before, after = sigmoid(logits), sigmoid(logits + learnt[..., None])
        labels = after[..., 0, :] @ _WEIGHTS
        return np.stack([labels, _differing(after, before, _WEIGHTS) @ self._worth], axis=-1)

    def _of_people(self, draws: Draws) -> Numbers:
        """Return the difference over trainings, given the anchors and people of each study, shape (n, 2).

        Moves are taken to be learnt independently of each other given the anchor, which they nearly are.
        """
        grid = np.linspace(-4.5, 4.5, 91) * max(self._s.spread, 1e-9)
        logits = self._s.base + draws.effects  # (n, seeds, anchors, moves)
        before = sigmoid(logits)
        worth = _worth_to(draws.utilities)  # (n, seeds, 27)
        found = []
        for arm in range(2):
            after = np.empty_like(before)
            for move in range(MOVES):
                mean = sigmoid(self._s.base[move] + grid[:, None] + self.bank[:, arm, move][None, ::8]).mean(1)
                after[..., move] = np.interp(draws.effects[..., move], grid, mean)
            apart = _pairs(after, before).mean(-2)  # over anchors: (n, seeds, 27)
            found.append(np.stack([after[..., 0].mean((1, 2)), (apart * worth).sum(-1).mean(1)], axis=-1))
        return found[0] - found[1]


def _worth_to(utilities: Numbers) -> Numbers:
    """Return the share of votes that these people give on average to a message that differs so, shape (..., 27)."""
    at = utilities @ CHOICES.T
    return 0.5 * (sigmoid(at + FIRST) + sigmoid(at - FIRST)).mean(-2)


def _pairs(after: Numbers, before: Numbers) -> Numbers:
    """Return how probable each difference is of a message with the first probabilities to one with the second, shape (..., 27)."""
    each = np.stack([(1 - after) * before, after * before + (1 - after) * (1 - before), after * (1 - before)], axis=-1)
    joint = np.ones((*after.shape[:-1], len(CHOICES)))
    for move in range(MOVES):
        joint = joint * each[..., move, :][..., CHOICES[:, move] + 1]
    return joint


def _differing(after: Numbers, before: Numbers, weights: Numbers) -> Numbers:
    """Return the same over anchors, whose effects on each move are independent, shape (..., 27); last axes are (moves, nodes)."""
    before = np.broadcast_to(before, after.shape)
    parts = ((1 - after) * before, after * before + (1 - after) * (1 - before), after * (1 - before))
    each = np.stack([part @ weights for part in parts], axis=-1)  # (..., moves, 3)
    joint = np.ones((*each.shape[:-2], len(CHOICES)))
    for move in range(MOVES):
        joint = joint * each[..., move, :][..., CHOICES[:, move] + 1]
    return joint
