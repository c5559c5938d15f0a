"""Whether an engine computes with the weights it was given: log-probabilities of a fixed text, recorded and compared.

Who makes an adapter records them beside it (``check.json``); every engine that loads it is held against them. An engine
that went on with older weights, or with none, would otherwise go unnoticed. Knows numbers and files, no engine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec

from moloch.errors import CorruptLog, MolochError
from moloch.exit_codes import ExitCode

FILE = "check.json"
ROUNDING = 0.02
"""Nats per token, on average, that other kernels and half precision may differ by."""


class Fingerprint(msgspec.Struct, frozen=True):
    """A text and how likely each of its tokens but the first is.

    Attributes:
        tokens: the text, at least two.
        adapted, base: log-probabilities with the adapter and without, shape (tokens - 1,), in nats.
        before: with the adapter that it was learnt from, the likeliest to be taken for it; empty if there was none.
    """

    tokens: list[int]
    adapted: list[float]
    base: list[float]
    before: list[float] = []


class OutOfSync(MolochError):
    """An engine that does not compute with the weights that it was given."""

    exit_code = ExitCode.WEIGHTS


def record(folder: Path, known: Fingerprint) -> None:
    """Write ``known`` beside an adapter."""
    (folder / FILE).write_bytes(msgspec.json.encode(known))


def recorded(folder: Path) -> Fingerprint | None:
    """Return what was recorded beside an adapter; None if nothing was.

    Raises:
        CorruptLog: what is there cannot be read, or is none: an engine would go unchecked.
    """
    path = folder / FILE
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Fingerprint)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error
    sides = [known.adapted, known.base, *([known.before] if known.before else [])]
    if len(known.tokens) < 2 or any(len(side) != len(known.tokens) - 1 for side in sides):
        raise _unreadable(path, "it needs a log-probability for each token but the first")
    if min(known.tokens) < 0 or not all(math.isfinite(value) for side in sides for value in side):
        raise _unreadable(path, "it holds something that is not a token or a log-probability")
    return known


def _unreadable(path: Path, why: str) -> CorruptLog:
    return CorruptLog(
        "cannot read the fingerprints that engines are checked against",
        where=str(path),
        why=next(iter(why.splitlines()), ""),
        fix="Put the file back from a copy of the run; or remove it: engines are then not checked.",
    )


def deviation(known: Fingerprint, found: Sequence[float], *, where: str) -> float:
    """Return the mean distance of ``found`` from what the adapter gives, in nats per token.

    Raises:
        OutOfSync: it is more than rounding and half of the way to the base or to what it was learnt from, whichever is
            nearer: these are other weights.
    """
    others = [other for other in (known.base, known.before) if other]
    changes, off = min(_distance(other, known.adapted) for other in others), _distance(found, known.adapted)
    if not off <= ROUNDING + changes / 2:  # NaN is out of sync, too
        raise OutOfSync(
            "the engine computes with other weights",
            where=where,
            why=f"log-probabilities are {off:.3f} nats per token from the adapter's, which are {changes:.3f} from those before",
            fix="Restart the engine; if this happens again, model and adapter do not belong together.",
        )
    return off


def _distance(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(abs(a - b) for a, b in zip(left, right, strict=True)) / len(right)
