"""Where personas come from: files and the built-in packs.

Knows files; what a row means is :mod:`populations.personas`' matter, and who trains that of :mod:`populations.sides`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from moloch.column_names import NoColumn, listed, renamed
from moloch.errors import InputError
from moloch.plain_text import quoted
from moloch.tables import suffix_of
from populations.mapping import SurveyMapping, read_mapping
from populations.personas import FIELDS, Persona, make_persona, node_persona
from populations.tables import GRAPHS, KINDS
from populations.tables import rows as rows_of

BUILT_IN = ("biographic", "demographic", "adults")
"""The packs; their people are invented."""
SIDES = ("train", "held_out")
_KEPT_BYTES = 4_000_000
"""Largest file whose people are kept in memory after they were read."""


class FoundPersona(msgspec.Struct):
    """A persona of a source: where it stands, the split that the file declares ("" for none), and how much it counts."""

    where: str
    persona: Persona
    split: str
    weight: float


class PersonaPool(msgspec.Struct, frozen=True):
    """Everybody whom a source holds, each different persona once.

    Attributes:
        dropped: repetitions of earlier personas that were left out.
        mapping: what the source's columns mean, and how people are weighed; None where there is none.
    """

    path: Path
    people: list[FoundPersona]
    dropped: int
    mapping: SurveyMapping | None

    @property
    def declared(self) -> bool:
        """Whether the source says who trains and who is held out."""
        return any(each.split for each in self.people)


def read_pool(source: Path | str | None, mapping: Path | str | None = None) -> PersonaPool:
    """Return everybody whom a built-in pack or a file holds.

    Raises:
        InputError: an unknown source; the file or the mapping cannot be read; nobody is in it, or a row is no persona.
    """
    path, plan = locate(source), _mapping_file(source, mapping)
    written = _written(path), _written(plan) if plan else None
    if written[0] is None or written[0][1] > _KEPT_BYTES:
        return _pool(path, plan)
    return _kept_pool(path, plan, written)


def _pool(path: Path, mapping: Path | str | None) -> PersonaPool:
    plan = read_mapping(mapping) if mapping else None
    people, dropped = _read(path, plan)
    return PersonaPool(path, people, dropped, plan)


@lru_cache(maxsize=2)  # a plan asks for the same few times, and making personas takes longest in it
def _kept_pool(path: Path, mapping: Path | str | None, written: object) -> PersonaPool:
    """Return a pool that is read again only where its files were ``written`` since; nobody changes a pool."""
    return _pool(path, mapping)


def _written(path: Path | str) -> tuple[int, int] | None:
    """Return when a file was written last, and its size; None where that cannot be known."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


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


def locate(source: Path | str | None) -> Path:
    """Return the file of a source.

    Raises:
        InputError: neither a built-in pack nor a path.
    """
    if source is None or source in BUILT_IN:
        name = source or BUILT_IN[0]
        return _data(f"{name}.csv" if _data(f"{name}.csv").exists() else f"{name}.jsonl")
    path = Path(source)
    if not path.suffix and not path.exists():
        raise InputError(
            f"unknown personas {str(source)!r}",
            fix=f"Choose one of {', '.join(BUILT_IN)}, or give the path of a file of {', '.join(KINDS)}.",
        )
    return path


def mapping_of(source: Path | str | None, mapping: Path | str | None = None) -> SurveyMapping | None:
    """Return what a source's columns mean: the given mapping, else a built-in pack's own; None where there is none.

    Raises:
        InputError: the file cannot be read or is no mapping.
    """
    file = _mapping_file(source, mapping)
    return read_mapping(file) if file else None


def _mapping_file(source: Path | str | None, mapping: Path | str | None) -> Path | str | None:
    if not mapping and source in BUILT_IN and (own := _data(f"{source}.yaml")).exists():
        return own
    return mapping


def _data(name: str) -> Path:
    return Path(str(resources.files("populations").joinpath(f"data/{name}")))


def _read(path: Path, mapping: SurveyMapping | None = None) -> tuple[list[FoundPersona], int]:
    """Return each different persona, and the number of repetitions."""
    by_id: dict[str, FoundPersona] = {}
    make, rows = rule(path, mapping), 0
    for where, row in rows_of(path):
        try:
            each = FoundPersona(where, make(row), declared_split(row), mapping.weight_of(row) if mapping else 1.0)
        except ValueError as error:
            raise InputError(
                "not a persona",
                where=where,
                why=why(error, row),
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
            "no personas", where=str(path), why="it holds no row that can be used", fix="Give one person per row."
        )
    return list(by_id.values()), rows - len(by_id)


def why(error: ValueError, row: Mapping[str, Any]) -> str:
    """Return why a row is no persona, with the columns in which it has something where it lacks one."""
    return f"{error}; the row has {listed(row)}" if isinstance(error, NoColumn) else str(error)


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
    split = renamed(row, FIELDS).get("split", "")
    if split and split not in SIDES:
        raise ValueError(
            f"field 'split' must be one of {', '.join(SIDES)}, not {quoted(split)}: rename it if it means something else"
        )
    return split
