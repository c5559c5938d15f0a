"""Where personas come from: files and the built-in packs; who trains, and who is held out.

Knows files and splits; what a row means is :mod:`populations.personas`' matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from moloch.errors import InputError
from moloch.plain_text import quoted
from moloch.tables import suffix_of
from populations.mapping import SurveyMapping, read_mapping
from populations.personas import Persona, make_persona, node_persona, numbered
from populations.raking import Raked, rake
from populations.raking import resample as drawn_again
from populations.splits import stratified_split
from populations.tables import GRAPHS, KINDS
from populations.tables import rows as rows_of

BUILT_IN = ("biographic", "demographic")
SIDES = ("train", "held_out")


class PersonaSplit(msgspec.Struct, frozen=True):
    """Who trains and who is held out; no one is in both.

    Attributes:
        dropped: repetitions of earlier personas in the source, left out of both; where people are weighted, a repetition
            adds its weight to the earlier one's.
        weighting: ``train`` and ``held_out`` -> how much each different persona counts, and what that costs; empty where all
            count alike. Resampled personas are in proportion to it, and count alike.
        resampled: whether ``train`` and ``held_out`` hold some personas several times, as members of their own.
    """

    train: list[Persona]
    held_out: list[Persona]
    dropped: int
    weighting: dict[str, Raked] = {}
    resampled: bool = False

    def weights(self, split: str) -> NDArray[np.float64] | None:
        """Return how much each persona of ``train`` or ``held_out`` counts, mean 1; None where all count alike."""
        return None if self.resampled or split not in self.weighting else self.weighting[split].weights


class _Found(msgspec.Struct):
    """A persona of a source: where it stands, the split that the file declares ("" for none), and how much it counts."""

    where: str
    persona: Persona
    split: str
    weight: float


def read_personas(path: Path | str, mapping: SurveyMapping | None = None) -> tuple[list[Persona], int]:
    """Return the personas of a file without repetitions, and how many rows repeated one.

    Args:
        path: one of :data:`populations.tables.KINDS`, by its suffix.
        mapping: what the columns mean; by default the shapes that :func:`populations.make_persona` knows.

    Raises:
        InputError: the file cannot be read or is empty, or a line is malformed (with line, field and reason).
    """
    rows, dropped = _read(Path(path), mapping)
    return [each.persona for each in rows], dropped


def load_personas(
    source: Path | str | None = None,
    *,
    seed: int = 1,
    n_train: int | None = None,
    n_held_out: int | None = None,
    mapping: Path | str | None = None,
    stratify: Sequence[str] = (),
    resample: bool = False,
    up_to: bool = False,
) -> PersonaSplit:
    """Return personas to train with and held-out personas; nobody is in both.

    Where every row has a field ``split`` (``train`` or ``held_out``), as in the built-in packs, it decides. Where none has,
    personas are ranked by the SHA-256 of ``seed`` and their id, which no row order changes, and parted: the first
    half (the larger one, if odd) trains unless the counts say otherwise. Each side is then weighted, and raked, by itself.

    Args:
        source: ``"biographic"`` (also for None), ``"demographic"``, or a path as :func:`read_personas` takes it.
        seed: of the split, where the file does not declare one, and of resampling.
        n_train: how many train, exactly; by default all there are.
        n_held_out: how many are held out, likewise.
        mapping: YAML file that says what a survey's columns mean, and how much its people count.
        stratify: attributes of which both sides get the same mix; the file's own split then plays no part.
        resample: take as many as asked for from each side's half in proportion to their weights, the same persona several
            times if need be: each time a member of its own, with the same text.
        up_to: take fewer than the counts say, where a side's half has no more.

    Raises:
        InputError: as :func:`read_personas`; an unknown source; a row without ``split`` where others have one; more personas
            asked for than there are; nobody left to train with or to hold out; or margins that a side cannot meet.
    """
    path, plan = locate(source), read_mapping(mapping) if mapping else None
    rows, dropped = _read(path, plan)
    counts = (None, None) if resample else (n_train, n_held_out)
    if up_to:
        counts = _fitting(rows, *counts)
    train, held_out = _parted(rows, path, seed, *counts, stratify)
    if not train or not held_out:
        raise InputError(
            f"no personas left to {'hold out' if train else 'train with'}",
            where=str(path),
            why=f"it holds {len(rows)}, and nobody may both train and evaluate",
            fix="Give more personas, or ask for fewer.",
        )
    sides, weighting = {"train": train, "held_out": held_out}, {}
    if plan is not None and plan.weighs:
        weight = {each.persona.id: each.weight for each in rows}
        weighting = {side: _weighted(people, weight, plan, side, path) for side, people in sides.items()}
    if resample:
        for side, n in (("train", n_train), ("held_out", n_held_out)):
            weights = weighting[side].weights if weighting else np.ones(len(sides[side]))
            places = drawn_again(weights, len(weights) if n is None else n, f"{seed}/{side}")
            sides[side] = numbered([sides[side][i] for i in places])
    return PersonaSplit(sides["train"], sides["held_out"], dropped, weighting, resample)


def _parted(
    found: Sequence[_Found], path: Path, seed: int, n_train: int | None, n_held_out: int | None, stratify: Sequence[str]
) -> tuple[list[Persona], list[Persona]]:
    if stratify:
        people = [each.persona for each in found]
        half = (len(people) + 1) // 2
        wanted = n_train if n_train is not None else min(half, len(people) - (n_held_out or 0))
        rest = n_held_out if n_held_out is not None else len(people) - wanted
        return stratified_split(people, stratify, n_train=wanted, n_held_out=rest, seed=seed)
    if any(each.split for each in found):
        if alone := [each.where for each in found if not each.split]:
            raise InputError(
                "a row without 'split'",
                where=alone[0],
                why=f"other rows have one, and this one is on neither side ({len(alone)} of {len(found)})",
                fix=f"Say {' or '.join(SIDES)} in every row, or in none.",
            )
        sides = {side: [each.persona for each in found if each.split == side] for side in SIDES}
        return (
            take(sides["train"], n_train, "training personas", path),
            take(sides["held_out"], n_held_out, "held-out personas", path),
        )
    ranked = sorted((each.persona for each in found), key=lambda persona: _rank(seed, persona))
    asked = (n_train or 0) + (n_held_out or 0)
    if asked > len(ranked):
        take(ranked, asked, "personas", path)
    half = (len(ranked) + 1) // 2
    default = len(ranked) - n_held_out if n_held_out is not None and n_held_out > len(ranked) - half else half
    cut = n_train if n_train is not None else default
    return ranked[:cut], take(ranked[cut:], n_held_out, "held-out personas", path)


def _fitting(found: Sequence[_Found], n_train: int | None, n_held_out: int | None) -> tuple[int | None, int | None]:
    """Return counts that each side can give: at most its half, or those that the file declares."""
    half = (len(found) + 1) // 2
    declared = [sum(each.split == side for each in found) for side in SIDES]
    train, held_out = declared if any(declared) else (half, len(found) - half)
    return n_train and min(n_train, train), n_held_out and min(n_held_out, held_out)


def _weighted(
    people: Sequence[Persona], weight: Mapping[str, float], plan: SurveyMapping, side: str, path: Path
) -> Raked:
    try:
        return rake([p.attributes for p in people], plan.margins, weights=[weight[p.id] for p in people])
    except InputError as error:  # say whose margins, and where
        where = f"{path} ({side}, {len(people)} personas)"
        raise InputError(error.what, where=where, why=error.why, fix=error.fix) from error


def take(personas: Sequence[Persona], n: int | None, what: str = "personas", where: Path | str = "") -> list[Persona]:
    """Return the first ``n`` personas, exactly; all of them for None.

    Raises:
        InputError: more are asked for than there are (nobody votes twice in silence), or fewer than one.
    """
    if n is None:
        return list(personas)
    if not 1 <= n <= len(personas):
        raise InputError(
            f"asked for {n} {what}",
            where=str(where),
            why=f"there are {len(personas)}",
            fix="Ask for fewer, give a source with more, or declare resample: true.",
        )
    return list(personas[:n])


def _rank(seed: int, persona: Persona) -> bytes:
    return hashlib.sha256(f"{seed}/{persona.id}".encode()).digest()


def locate(source: Path | str | None) -> Path:
    """Return the file of a source.

    Raises:
        InputError: neither a built-in pack nor a path.
    """
    if source is None or source in BUILT_IN:
        return Path(str(resources.files("populations").joinpath(f"data/{source or BUILT_IN[0]}.jsonl")))
    path = Path(source)
    if not path.suffix and not path.exists():
        raise InputError(
            f"unknown personas {str(source)!r}",
            fix=f"Choose one of {', '.join(BUILT_IN)}, or give the path of a file of {', '.join(KINDS)}.",
        )
    return path


def _read(path: Path, mapping: SurveyMapping | None = None) -> tuple[list[_Found], int]:
    """Return each different persona, and the number of repetitions."""
    by_id: dict[str, _Found] = {}
    make, rows = rule(path, mapping), 0
    for where, row in rows_of(path):
        try:
            each = _Found(where, make(row), declared_split(row), mapping.weight_of(row) if mapping else 1.0)
        except ValueError as error:
            raise InputError(
                "not a persona",
                where=where,
                why=str(error),
                fix="Correct the row or the mapping."
                if mapping
                else "A persona is a biography, five demographic attributes, or preferences; other columns need a mapping.",
            ) from error
        if not each.weight:
            continue
        rows += 1
        first = by_id.setdefault(each.persona.id, each)
        if first is not each:
            first.weight += each.weight
    if not by_id:
        raise InputError(
            "no personas", where=str(path), why="it holds no row that counts", fix="Give one person a row."
        )
    return list(by_id.values()), rows - len(by_id)


def rule(path: Path, mapping: SurveyMapping | None) -> Callable[[Mapping[str, Any]], Persona]:
    """Return what makes a persona of a file's row: the mapping, the rule of graphs' nodes, or the known shapes."""
    if mapping is not None:
        return mapping.persona
    return node_persona if suffix_of(path) in GRAPHS else make_persona


def declared_split(row: Mapping[str, Any]) -> str:
    """Return on which side a row says that it is; "" where it does not say.

    Raises:
        ValueError: neither ``train`` nor ``held_out``.
    """
    split = row.get("split", "")
    if split and split not in SIDES:
        raise ValueError(
            f"field 'split' must be one of {', '.join(SIDES)}, not {quoted(split)}: rename it if it says else"
        )
    return split
