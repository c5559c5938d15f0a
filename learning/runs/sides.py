"""Which anchors and people of their pools a run takes, on either side, and whom its crowd is like.

Knows pools and settings; knows nothing of files, nor of what happens to whom.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.arenas.anchors import Anchor, AnchorSplit
from abm.events import Split
from learning.settings.config import RunConfig
from moloch import keyed
from moloch.errors import InputError, MolochWarning
from populations import PersonaSplit
from populations.sides import part
from populations.sources import PersonaPool
from populations.splits import lot

HELD_OUT_ANCHORS = 96
"""Default; with :data:`learning.plan.order.TRAIN_ANCHORS` as many as let the default run end in three minutes on two cores."""


def anchors_of(config: RunConfig, pool: AnchorSplit) -> AnchorSplit:
    """Return a run's anchors: those to train on in the order in which epochs take them, and those that it evaluates.

    Raises:
        InputError: the pool has too few.
    """
    where = config.anchors or "the built-in pack"
    _enough(config, config.train_anchors, pool.train, "training anchors", where)
    _enough(config, config.held_out_anchors, pool.held_out, "held-out anchors", where)
    redraw = config.redraw
    if redraw.train_anchors == "common":
        train = ranked(pool.train, "train_anchors", "common")
    else:
        order = keyed.generator(config.seed, "anchors").permutation(len(pool.train))
        train = [pool.train[i] for i in order]
    held_out = pool.held_out
    if redraw.held_out_anchors == "per_seed":
        held_out = ranked(held_out, "held_out_anchors", config.seed)
    return msgspec.structs.replace(pool, train=train, held_out=held_out[: config.held_out_anchors or HELD_OUT_ANCHORS])


def ranked(anchors: Sequence[Anchor], what: str, seed: int | str) -> list[Anchor]:
    """Return anchors in a random order that depends neither on how they stand nor on which others there are."""
    return sorted(anchors, key=lambda anchor: keyed.key("redraw", what, seed, anchor.id))


def people_of(config: RunConfig, pool: PersonaPool) -> PersonaSplit:
    """Return a run's personas.

    Raises:
        InputError: the pool has too few.
    """
    people = part(
        pool,
        seed=config.seed,
        n_train=config.train_personas,
        n_held_out=config.held_out_personas,
        stratify=config.stratify,
        resample=config.resample,
        up_to=config.up_to,
        train=config.redraw.train_personas,
        held_out=config.redraw.held_out_personas,
    )
    _enough(config, config.train_personas, people.train, "training personas", config.personas)
    _enough(config, config.held_out_personas, people.held_out, "held-out personas", config.personas)
    return people


def _enough(config: RunConfig, wanted: int | None, items: Sequence, what: str, where: str) -> None:
    """Refuse a count that is larger than the source, or say so where counts are ``up_to``."""
    if wanted is None or wanted <= len(items):
        return
    if config.up_to:
        warnings.warn(f"{len(items):,} {what} are taken, of up to {wanted:,}: {where} has no more", MolochWarning, 2)
        return
    raise InputError(
        f"asked for {wanted} {what}",
        where=where,
        why=f"there are {len(items)}",
        fix="Ask for fewer, give more, or declare up_to: true.",
    )


def crowd_of(config: RunConfig, split: Split, n: int, weights: NDArray[np.float64] | None) -> NDArray[np.int64]:
    """Return which of a side's personas its crowd's members are like: drawn with replacement, in proportion to their weights.

    Args:
        n: personas of the side.
        weights: shape (n,); None where all count alike.
    """
    draw = config.redraw.train_personas if split == "train" else config.redraw.held_out_personas
    generator, size = keyed.generator(lot(draw, config.seed), "crowd", split), config.crowd.size
    if weights is None:
        return generator.integers(n, size=size)
    return generator.choice(n, size=size, p=weights / weights.sum())
