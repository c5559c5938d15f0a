"""How far each probe can be trusted: precision, recall and F1 on labelled cases; ``python -m analysis.probes.validate``.

Cases stand in ``analysis/probes/validation/<probe>.jsonl``; each names its ``part``. ``first`` and ``second`` were used to
fix version 1, ``fresh`` were written afterwards and changed nothing then. For version 2 a new set was written before any rule
was touched, and split by a hash of its text: the rules were written on the ``open`` half, the ``held_out`` half was judged
once, at the end. ``after`` were written when the rules were done, ``last`` when the word lists had been widened once more.
``outside`` are a reader's who had not seen the rules: judged once, then used for version 3; ``again`` were written after it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import resources

import msgspec
import numpy as np

from abm.arenas import arena
from abm.arenas.anchors import Anchor
from abm.probe import Probe, probes
from analysis.statistics.estimates import Estimate, rate
from moloch import keyed

VALIDATED = ("misrepresentation", "disinformation", "populism", "unsafe")
"""Probes of which a judge may be asked as well."""
PARTS = ("first", "second", "fresh", "open", "held_out", "after", "last", "outside", "again")


class Case(msgspec.Struct, frozen=True):
    """A message about an anchor, with the label that a reader gives it and what makes it a case.

    Attributes:
        part: one of :data:`PARTS`.
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Print precision, recall and F1 of the built-in probes, by part; with ``--wrong`` the cases that they get wrong."""
    parser = argparse.ArgumentParser(prog="python -m analysis.probes.validate", description=main.__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="only these cases; repeatable")
    parser.add_argument("--wrong", action="store_true", help="list the cases that a probe labels differently")
    asked = parser.parse_args(arguments)
    print(f"{'probe':18}{'cases':22}{'n':>4}  {'precision':20}{'recall':20}F1")
    for name in (*VALIDATED, "copy_error"):
        [probe] = probes([name])
        for part in asked.part or PARTS:
            _print(probe, part, cases(name, part), wrong=asked.wrong)


def _print(probe: Probe, part: str, labelled: Sequence[Case], *, wrong: bool) -> None:
    decidable = [case for case in labelled if case.decidable]
    groups = {part: labelled} | ({f"{part}, decidable": decidable} if len(decidable) < len(labelled) else {})
    for group, chosen in groups.items():
        if chosen:
            agreement = validate(probe, chosen)
            figures = "  ".join(
                f"{each.value:.2f} [{each.low:.2f}, {each.high:.2f}]"
                for each in (agreement.precision, agreement.recall, agreement.f1)
            )
            print(f"{probe.name:18}{group:22}{len(chosen):4}  {figures}")
    for case in validate(probe, labelled).wrong if wrong and labelled else ():
        print(f"    labelled {case.label} ({case.kind}): {case.text}")


if __name__ == "__main__":
    main()
