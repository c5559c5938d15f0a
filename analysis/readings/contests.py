"""Evaluation contests as data: who wrote, who voted for whom, what the probes said; and as frames.

A contest of the evaluate phase is between a base model, which is named ``base`` or ``base:NAME``, and the competitor that carries its
arm's name.
:mod:`analysis.readings.evaluation` reads them. Knows nothing of events or statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.readings.originals import Originals
from analysis.readings.reading import frame_of
from learning.fitness import Observation

if TYPE_CHECKING:
    import polars as pl

BASE = "base"
"""The competitor that writes with the run's base model; :func:`learning.arms.base_models.is_base` knows those of others."""
CONTESTS = {
    "contest": str,
    "epoch": int,
    "arm": str,
    "anchor": str,
    "outcome": str,
    "forfeited_by": str,
    "votes": int,
    "trained": float,
    "abstained": int,
    "invalid": int,
    "base_text": str,
    "trained_text": str,
    "seq": int,
}
LABELS = {
    "contest": str,
    "epoch": int,
    "arm": str,
    "anchor": str,
    "side": str,
    "probe": str,
    "label": int,
    "hits": int,
}
NOBODY: NDArray[np.int32] = np.zeros(0, dtype=np.int32)


@dataclass
class Side:
    """One side's message: its text, or why it was rejected, and its verdicts."""

    text: str = ""
    rejected: str = ""
    labels: dict[str, int] = field(default_factory=dict)
    """Probe -> 1, 0 or -1."""
    hits: dict[str, int] = field(default_factory=dict)
    """Probe -> spans that it quoted as evidence."""


@dataclass
class EvaluationContest:
    """Base against trained about one anchor."""

    contest: str
    epoch: int
    arm: str
    anchor: str
    base: Side
    trained: Side
    personas: NDArray[np.int32] = field(default_factory=lambda: NOBODY)
    """Who cast valid votes, ascending."""
    votes: NDArray[np.int8] | NDArray[np.float64] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))
    """1 for the trained message, 0 for the base message, by persona; the mean where one chose more than once."""
    first: NDArray[np.int8] | NDArray[np.float64] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))
    """1 for the option that was seen first, else 0, likewise; -1 for those who saw only one."""
    abstained: int = 0
    invalid: int = 0
    outcome: str = ""
    seq: int = -1
    """Of the event that decided it."""
    arena: str = ""
    """Of another arena than the run's, its name."""
    reached: NDArray[np.int32] | None = None
    """Who saw the one message of a forfeited contest that was in the feeds, ascending; None where everybody sees all."""

    @property
    def forfeited_by(self) -> str:
        """``base``, ``trained``, ``both``, or empty where both messages were published."""
        sides = [name for name, side in (("base", self.base), ("trained", self.trained)) if side.rejected]
        return "both" if len(sides) == 2 else "".join(sides)


@dataclass
class Evaluation:
    """All evaluation contests of a log.

    Attributes:
        panel: indices of the held-out personas, shape (n,).
        originals: whom each of them was drawn from.
        config: the run's settings; empty where the log has none.
        model: the name of the model that writes.
        reader: of the one that plays the personas; empty where none does.
        models: whether the models that wrote and read were fit for it, over all phases of the run.
        fitted_on: whose votes the choice model that reacts was fitted on; empty where none was.
        elsewhere: other arena -> the contests there.
        probe_versions: probe -> version of the rules that gave its verdicts; empty where no process said who judged.
    """

    contests: list[EvaluationContest] = field(default_factory=list)
    panel: NDArray[np.int32] = field(default_factory=lambda: NOBODY)
    originals: Originals = field(default_factory=Originals)
    config: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    reader: str = ""
    fitted_on: str = ""
    probe_versions: dict[str, int] = field(default_factory=dict)
    elsewhere: dict[str, list[EvaluationContest]] = field(default_factory=dict)
    models: Observation = field(default_factory=Observation)

    @property
    def epochs(self) -> list[int]:
        """Epochs that were evaluated, in order."""
        return sorted({contest.epoch for contest in self.contests})

    @property
    def seed(self) -> int:
        """The run's; 0 where the settings have no number for it."""
        seed = self.config.get("seed")
        return seed if isinstance(seed, int) else 0

    def arms(self) -> list[str]:
        """Return the arms, in the order of the log."""
        return list(dict.fromkeys(contest.arm for contest in self.contests))

    def of(self, arm: str, epoch: int | None = None) -> list[EvaluationContest]:
        """Return an arm's contests in one epoch, by default the last one evaluated; ordered by anchor."""
        epochs = self.epochs
        epoch = epoch if epoch is not None else (epochs[-1] if epochs else 0)
        return [c for c in self.contests if c.arm == arm and c.epoch == epoch]

    def abroad(self, arena: str) -> Evaluation:
        """Return the same evaluation with the contests of another arena in place of the run's own."""
        return replace(self, contests=self.elsewhere.get(arena, []), elsewhere={})

    # -- frames, of decided contests -----------------------------------------------------------------------------

    def frame(self) -> pl.DataFrame:
        """Return a row per contest: ``votes`` valid ones, ``trained`` the share of them for the trained message."""
        rows = []
        for c in self.contests:
            place = c.contest, c.epoch, c.arm, c.anchor, c.outcome, c.forfeited_by
            share = float(c.votes.mean()) if len(c.votes) else None
            rows.append((*place, len(c.votes), share, c.abstained, c.invalid, c.base.text, c.trained.text, c.seq))
        return frame_of(rows, CONTESTS)

    def votes_frame(self) -> pl.DataFrame:
        """Return a row per persona and contest: ``vote`` 1 for the trained message, ``first`` 1 for what was seen first."""
        import polars as pl

        types = {"contest": pl.String, "epoch": pl.Int64, "arm": pl.String, "anchor": pl.String, "persona": pl.Int32}
        none = pl.DataFrame(schema=types | {"vote": pl.Float64, "first": pl.Float64})
        frames = [
            pl.DataFrame({"persona": c.personas, "vote": c.votes, "first": c.first}).select(
                *(pl.lit(getattr(c, name), dtype=types[name]).alias(name) for name in list(types)[:4]),
                "persona",
                pl.col("vote", "first").cast(pl.Float64),
            )
            for c in self.contests
        ]
        return pl.concat([none, *frames])

    def labels_frame(self) -> pl.DataFrame:
        """Return a row per message and probe: ``label`` 1, 0 or -1 (cannot tell), ``hits`` spans of evidence."""
        rows = [
            (c.contest, c.epoch, c.arm, c.anchor, name, probe, label, side.hits[probe])
            for c in self.contests
            for name, side in (("base", c.base), ("trained", c.trained))
            for probe, label in side.labels.items()
        ]
        return frame_of(rows, LABELS)


def words(texts: Sequence[str]) -> int:
    """Return the number of words in ``texts``, split at white space."""
    return sum(len(text.split()) for text in texts)
