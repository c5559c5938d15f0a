"""Where personas come from: files and the built-in packs; who trains, and who is held out.

Knows files and splits; what a row means is :mod:`populations.personas`' matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from populations.errors import InputError
from populations.mapping import SurveyMapping, read_mapping
from populations.personas import Persona, make_persona
from populations.splitting import stratified_split
from populations.tables import rows as rows_of

BUILT_IN = ("biographic", "demographic")
_SPLITS = ("train", "held_out")


class PersonaSplit(msgspec.Struct, frozen=True):
    """Personas whose votes are learnt from, and held-out personas who only ever evaluate.

    Attributes:
        dropped: number of rows left out because the same persona came before.
    """

    train: list[Persona]
    held_out: list[Persona]
    dropped: int


def read_personas(path: Path | str, mapping: SurveyMapping | None = None) -> tuple[list[Persona], int]:
    """Return the personas of a file without repetitions, and how many rows repeated one.

    Args:
        path: JSON Lines, JSON (a list), CSV or Parquet, by its suffix.
        mapping: what the columns mean; by default the shapes that :func:`populations.make_persona` knows.

    Raises:
        InputError: the file cannot be read or is empty, or a line is malformed (with line, field and reason).
    """
    found, dropped = _read(Path(path), mapping)
    return [persona for persona, _ in found], dropped


def load_personas(
    source: Path | str | None = None,
    *,
    seed: int = 1,
    n_train: int | None = None,
    n_held_out: int | None = None,
    mapping: Path | str | None = None,
    stratify: Sequence[str] = (),
) -> PersonaSplit:
    """Return personas to train with and held-out personas; nobody is in both.

    Where every row has a field ``split`` (``train`` or ``held_out``), as in the built-in packs, it decides. Else
    personas are ranked by the SHA-256 of ``seed`` and their id, which no row order changes, and parted: the first
    half (the larger one, if odd) trains unless the counts say otherwise.

    Args:
        source: ``"biographic"`` (also for None), ``"demographic"``, or a path as :func:`read_personas` takes it.
        seed: of the split, where the file does not declare one.
        n_train, n_held_out: how many of each, exactly; by default all there are.
        mapping: YAML file that says what a survey's columns mean.
        stratify: attributes of which both sides get the same mix; the file's own split then plays no part.

    Raises:
        InputError: as :func:`read_personas`; an unknown source; more personas asked for than there are; or nobody
            left to train with or to hold out.
    """
    path = locate(source)
    found, dropped = _read(path, read_mapping(mapping) if mapping else None)
    if stratify:
        people = [persona for persona, _ in found]
        half = (len(people) + 1) // 2
        wanted = n_train if n_train is not None else min(half, len(people) - (n_held_out or 0))
        rest = n_held_out if n_held_out is not None else len(people) - wanted
        train, held_out = stratified_split(people, stratify, n_train=wanted, n_held_out=rest, seed=seed)
    elif all(split for _, split in found):
        train = take([p for p, split in found if split == "train"], n_train, "training personas", path)
        held_out = take([p for p, split in found if split == "held_out"], n_held_out, "held-out personas", path)
    else:
        ranked = sorted((persona for persona, _ in found), key=lambda persona: _rank(seed, persona))
        asked = (n_train or 0) + (n_held_out or 0)
        if asked > len(ranked):
            take(ranked, asked, "personas", path)
        half = (len(ranked) + 1) // 2
        default = len(ranked) - n_held_out if n_held_out is not None and n_held_out > len(ranked) - half else half
        cut = n_train if n_train is not None else default
        train = ranked[:cut]
        held_out = take(ranked[cut:], n_held_out, "held-out personas", path)
    if not train or not held_out:
        raise InputError(
            f"no personas left to {'hold out' if train else 'train with'}",
            where=str(path),
            why=f"it holds {len(found)}, and nobody may both train and evaluate",
            mend="Give more personas, or ask for fewer.",
        )
    return PersonaSplit(train, held_out, dropped)


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
            mend="Ask for fewer, or give a source with more.",
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
            mend=f"Choose one of {', '.join(BUILT_IN)}, or give the path of a file (jsonl, json, csv, parquet).",
        )
    return path


def _read(path: Path, mapping: SurveyMapping | None = None) -> tuple[list[tuple[Persona, str]], int]:
    """Return each different persona with its declared split ("" for none), and the number of repetitions."""
    found: dict[str, tuple[Persona, str]] = {}
    rows = 0
    for where, row in rows_of(path):
        rows += 1
        try:
            persona, split = mapping.persona(row) if mapping else make_persona(row), _declared(row)
        except ValueError as error:
            raise InputError(
                "not a persona",
                where=where,
                why=str(error),
                mend="Mend the row or the mapping."
                if mapping
                else "A persona is a biography in sentences, five demographic attributes, or preferences.",
            ) from error
        found.setdefault(persona.id, (persona, split))
    if not found:
        raise InputError("no personas", where=str(path), why="the file is empty", mend="Give one JSON object a line.")
    return list(found.values()), rows - len(found)


def _declared(row: Mapping[str, Any]) -> str:
    split = row.get("split", "")
    if split and split not in _SPLITS:
        raise ValueError(f"field 'split' must be one of {', '.join(_SPLITS)}")
    return split
