"""Where personas come from: JSON Lines files and the built-in packs; who trains, and who is held out.

Knows files and splits; what a row means is :mod:`populations.personas`' matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from populations.errors import InputError
from populations.personas import Persona, make_persona

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


def read_personas(path: Path | str) -> tuple[list[Persona], int]:
    """Return the personas of a JSON Lines file without repetitions, and how many rows repeated one.

    Raises:
        InputError: the file cannot be read or is empty, or a line is malformed (with line, field and reason).
    """
    found, dropped = _read(Path(path))
    return [persona for persona, _ in found], dropped


def load_personas(
    source: Path | str | None = None, *, seed: int = 1, n_train: int | None = None, n_held_out: int | None = None
) -> PersonaSplit:
    """Return personas to train with and held-out personas; nobody is in both.

    Where every row has a field ``split`` (``train`` or ``held_out``), as in the built-in packs, it decides. Else
    personas are ranked by the SHA-256 of ``seed`` and their id, which no row order changes, and parted: the first
    half (the larger one, if odd) trains unless the counts say otherwise.

    Args:
        source: ``"biographic"`` (also for None), ``"demographic"``, or the path of a JSON Lines file.
        seed: of the split, where the file does not declare one.
        n_train, n_held_out: how many of each, exactly; by default all there are.

    Raises:
        InputError: as :func:`read_personas`; an unknown source; more personas asked for than there are; or nobody
            left to train with or to hold out.
    """
    path = _path(source)
    found, dropped = _read(path)
    if all(split for _, split in found):
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


def _path(source: Path | str | None) -> Path:
    if source is None or source in BUILT_IN:
        return Path(str(resources.files("populations").joinpath(f"data/{source or BUILT_IN[0]}.jsonl")))
    path = Path(source)
    if not path.suffix and not path.exists():
        raise InputError(
            f"unknown personas {str(source)!r}",
            mend=f"Choose one of {', '.join(BUILT_IN)}, or give the path of a JSON Lines file.",
        )
    return path


def _read(path: Path) -> tuple[list[tuple[Persona, str]], int]:
    """Return each different persona with its declared split ("" for none), and the number of repetitions."""
    found: dict[str, tuple[Persona, str]] = {}
    rows = 0
    for number, row in _rows(path):
        rows += 1
        try:
            persona, split = make_persona(row), _declared(row)
        except ValueError as error:
            raise InputError(
                "not a persona",
                where=f"{path}:{number}",
                why=str(error),
                mend="A persona is a biography in sentences, five demographic attributes, or preferences.",
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


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError("cannot read the personas", where=str(path), why=error.strerror or str(error)) from error
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            why, mend = str(error), "Give one JSON object a line, in UTF-8."
            raise InputError("not a JSON object", where=where, why=why, mend=mend) from error
        if not isinstance(row, dict):
            raise InputError("not a JSON object", where=where, why=f"the line holds a {type(row).__name__}")
        yield number, row
