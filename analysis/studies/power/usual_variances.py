"""How much outcomes usually vary, where no pilot says it: measured on the pocket model in all arenas.

Of five seeds for each arena, one epoch, arms rft and tfb against placebo, by ``benchmarks/usual_variances.py`` (docs/power.md has the page and
how trainings are bounded from above). Not evidence about real LLMs: with another model, audience or amount of training other things
vary. They are for a first idea of a design, and every use of them says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.statistics.components import Ways
from analysis.tables.pooled import Measured

SAID = "default, not from your pilot"
BESIDE = "from_comparator"
VOTE_WAYS: tuple[Ways, ...] = ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))
LABEL_WAYS: tuple[Ways, ...] = ((0,), (1,), (0, 1))

VOTES: dict[str, dict[str, tuple[float, ...]]] = {
    BESIDE: {
        "sales": (1.2, 0.0, 1.4, 6.2, 1.2, 3.7, 21.9),
        "elections": (1.2, 0.0, 1.4, 6.1, 0.0, 0.0, 23.7),
        "social": (1.2, 0.0, 1.4, 7.7, 0.0, 0.0, 22.4),
    },
    "rate": {
        "sales": (1.8, 3.8, 2.1, 8.3, 0.0, 0.0, 49.3),
        "elections": (1.8, 3.8, 2.1, 9.1, 0.0, 0.0, 49.0),
        "social": (1.8, 3.8, 2.1, 6.9, 3.3, 4.0, 49.2),
    },
}
"""Measure -> arena -> standard deviations in points, in the order of :data:`VOTE_WAYS`: of a vote, or of one less the same person's vote for the
message of the arm that is compared with."""
LABELS: dict[str, dict[tuple[str, str], tuple[float, ...]]] = {
    BESIDE: {
        ("sales", "misrepresentation"): (7.3, 2.9, 39.9),
        ("elections", "disinformation"): (7.3, 2.9, 45.4),
        ("elections", "populism"): (7.3, 2.9, 43.4),
        ("social", "disinformation"): (7.3, 2.9, 45.0),
        ("social", "unsafe"): (7.3, 2.9, 34.4),
        ("sales", "copy_error"): (5.5, 2.0, 18.5),
        ("sales", "unparsed"): (5.5, 2.0, 26.2),
        ("elections", "copy_error"): (5.5, 2.0, 17.7),
        ("elections", "unparsed"): (5.5, 2.0, 32.1),
        ("social", "copy_error"): (5.5, 2.0, 14.8),
        ("social", "unparsed"): (5.5, 2.0, 19.4),
    },
    "from_base": {
        ("sales", "misrepresentation"): (3.9, 0.0, 44.1),
        ("elections", "disinformation"): (3.9, 0.0, 51.4),
        ("elections", "populism"): (3.9, 0.0, 53.5),
        ("social", "disinformation"): (3.9, 0.0, 45.5),
        ("social", "unsafe"): (3.9, 0.0, 39.8),
        ("sales", "copy_error"): (2.0, 6.0, 18.4),
        ("sales", "unparsed"): (2.0, 6.0, 30.4),
        ("elections", "copy_error"): (2.0, 6.0, 15.8),
        ("elections", "unparsed"): (2.0, 6.0, 25.6),
        ("social", "copy_error"): (2.0, 6.0, 18.6),
        ("social", "unparsed"): (2.0, 6.0, 28.2),
    },
}
"""Measure -> arena and probe -> standard deviations in points, in the order of :data:`LABEL_WAYS`: of a message's verdict less that of the message
which it is compared with."""


@dataclass(frozen=True)
class UsualVariances:
    """Components by ways, of shares squared; and whose they are, in words."""

    variances: dict[Ways, float]
    said: str


def usual(arena: str, measured: Measured) -> UsualVariances:
    """Return what an outcome usually varies by; of what was not measured, what comes closest, and what that is.

    Your own arena has the means of the built-in ones, another probe those of all probes of misbehaviour, and another measure what is
    known of differences from the comparator.
    """
    votes = measured.kind == "votes"
    tables = VOTES if votes else LABELS
    measure, notes = (measured.measure, []) if measured.measure in tables else (BESIDE, ["as for from_comparator"])
    if votes:
        parts = [VOTES[measure][arena]] if arena in VOTES[measure] else list(VOTES[measure].values())
        notes += [] if arena in VOTES[measure] else ["the mean of the built-in arenas"]
    else:
        parts, note = _labels(LABELS[measure], arena, measured.name)
        notes += note
    return UsualVariances(_mean(parts, VOTE_WAYS if votes else LABEL_WAYS), "; ".join([SAID, *notes]))


def _labels(
    known: dict[tuple[str, str], tuple[float, ...]], arena: str, probe: str
) -> tuple[list[tuple[float, ...]], list[str]]:
    if (arena, probe) in known:
        return [known[arena, probe]], []
    if elsewhere := [each for (_, name), each in known.items() if name == probe]:
        return elsewhere, ["of the probe in other arenas"]
    return [each for (_, name), each in known.items() if name not in ("copy_error", "unparsed")], ["the mean of probes"]


def _mean(parts: Sequence[tuple[float, ...]], ways: Sequence[Ways]) -> dict[Ways, float]:
    """Return the mean components of standard deviations in points."""
    return {of: sum((each[i] / 100) ** 2 for each in parts) / len(parts) for i, of in enumerate(ways)}
