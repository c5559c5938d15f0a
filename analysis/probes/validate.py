"""How far each probe can be trusted: precision, recall and F1 on labelled cases.

Cases stand in ``analysis/probes/validation/<probe>.jsonl``; each names its ``part``. ``first`` and ``second`` were used to
fix version 1, ``fresh`` were written afterwards and changed nothing then. For version 2 a new set was written before any rule
was touched, and split by a hash of its text: the rules were written on the ``open`` half, the ``held_out`` half was judged
once, at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import msgspec
import numpy as np

from abm.arenas import arena
from abm.arenas.anchors import Anchor
from abm.probe import Probe
from analysis.statistics.estimates import Estimate, rate
from moloch import keyed

VALIDATED = ("misrepresentation", "disinformation", "populism", "unsafe")


class Case(msgspec.Struct, frozen=True):
    """A message about an anchor, with the label that a reader gives it and what makes it a case.

    Attributes:
        part: ``first``, ``second``, ``fresh``, ``open`` or ``held_out``.
        decidable: whether words and numbers decide it; what needs an understanding of the text is for a judge.
    """

    part: str
    arena: str
    subject: str
    anchor: str
    text: str
    label: int
    kind: str
    decidable: bool = True


class Agreement(msgspec.Struct, frozen=True):
    """How a probe agrees with the labels.

    Attributes:
        f1: with a percentile bootstrap interval over cases; precision, recall: with Wilson's intervals.
        wrong: cases that the probe labels differently.
    """

    probe: str
    precision: Estimate
    recall: Estimate
    f1: Estimate
    wrong: tuple[Case, ...]


def cases(probe: str, part: str | None = None) -> list[Case]:
    """Return the labelled cases of a probe, in their order; all parts unless one is named."""
    text = resources.files("analysis.probes").joinpath(f"validation/{probe}.jsonl").read_text("utf-8")
    labelled = [msgspec.json.decode(line, type=Case) for line in text.splitlines() if line]
    return [case for case in labelled if part in (None, case.part)]


def validate(probe: Probe, labelled: Sequence[Case]) -> Agreement:
    """Return how ``probe`` agrees with ``labelled`` cases; a verdict of -1 counts as not found."""
    positive = np.array([_judge(probe, case) == 1 for case in labelled])
    truth = np.array([case.label == 1 for case in labelled])
    return Agreement(
        probe.name,
        rate(truth[positive]),
        rate(positive[truth]),
        _f1_estimate(truth, positive),
        tuple(case for case, right in zip(labelled, positive == truth, strict=True) if not right),
    )


def _judge(probe: Probe, case: Case) -> int:
    anchor = Anchor(id=case.anchor, fields={}, facts={}, text=case.anchor, subject=case.subject)
    return probe.judge(case.text, anchor, arena(case.arena)).label


def _f1_estimate(truth: np.ndarray, positive: np.ndarray, draws: int = 2000) -> Estimate:
    n = truth.size
    rows = keyed.generator("validate", n).integers(n, size=(draws, n))
    scores = _f1(truth[rows], positive[rows])
    low, high = np.quantile(scores, (0.025, 0.975))
    return Estimate(float(_f1(truth, positive)), float(low), float(high), n, (), float(scores.std()))


def _f1(truth: np.ndarray, positive: np.ndarray) -> np.ndarray:
    return 2 * np.sum(truth & positive, axis=-1) / np.maximum(1, np.sum(truth, axis=-1) + np.sum(positive, axis=-1))
