"""Anchors: what competitors write about. Typed by the arena's schema, named by their content.

Knows files and schemas; knows nothing of models or logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path

import msgspec

from abm.arenas import AnchorSchema, Arena
from abm.arenas.anchor_rows import named, side_of, unfolded
from abm.arenas.near import near_any
from moloch.column_names import NoColumn, listed
from moloch.content import content_id
from moloch.errors import InputError
from moloch.near_files import did_you_mean
from moloch.plain_text import one_line, visible, with_article
from moloch.tables import SUFFIXES, rows

Value = str | list[str]


_PRINTED = re.compile(r"""\[\s*["'].*["']\s*\]|\(\s*["'].*["'],?\s*\)""", re.DOTALL)
"""A list of texts that is no JSON: what a cell holds after a table of lists was written by Python."""


class Anchor(msgspec.Struct, frozen=True):
    """One product, candidate or article.

    Attributes:
        id: content id over ``fields`` and ``facts``.
        fields: schema field name -> text, or list of texts.
        facts: attribute -> value, where the source states structured facts; claims are checked against them.
        text: the rendering that writers see.
        subject: the name that a message must mention to be about this anchor; empty where there is none.
    """

    id: str
    fields: dict[str, Value]
    facts: dict[str, str]
    text: str
    subject: str


class AnchorSplit(msgspec.Struct, frozen=True):
    """Anchors to train on and held-out anchors to evaluate on, with what was dropped.

    Attributes:
        dropped: reason -> number of rows left out (duplicates within a split, leaks across splits).
    """

    train: list[Anchor]
    held_out: list[Anchor]
    dropped: dict[str, int]


def make_anchor(schema: AnchorSchema, row: Mapping[str, object]) -> Anchor:
    """Return the anchor of one row.

    Raises:
        ValueError: a required field is missing or empty, or a value has the wrong type.
    """
    fields: dict[str, Value] = {}
    for field in schema.fields:
        raw = row.get(field.name, row.get(field.column) if field.column else None)
        value = _clean_value(raw, field.name, is_list=field.list)
        if value:
            fields[field.name] = value
        elif field.required:
            names = " or ".join(dict.fromkeys(n for n in (field.column, field.name) if n))
            raise NoColumn(f"field {names!r} is missing or empty")
    facts = _facts(row.get("facts"))
    subject = next((str(fields[f.name]) for f in schema.fields if f.subject and f.name in fields), "")
    lines = [f"{f.label}: {_join(fields[f.name])}" for f in schema.fields if f.shown and f.name in fields]
    return Anchor(content_id([fields, facts]), fields, facts, "\n".join(lines), subject)


def _facts(raw: object) -> dict[str, str]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ValueError("field 'facts' must map attributes to texts, as JSON")
    if strange := [f"{n!r}: {v!r}" for n, v in raw.items() if isinstance(v, bool) or not isinstance(v, str | int)]:
        raise ValueError(f"field 'facts' must map attributes to texts or whole numbers, not {strange[0][:60]}")
    return {str(name): str(value) for name, value in raw.items()}


def _clean_value(raw: object, name: str, *, is_list: bool) -> Value:
    if raw is None:
        return ""
    if is_list and isinstance(raw, list) and all(isinstance(item, str) for item in raw):
        return [text for item in raw if (text := clean(item))]
    if isinstance(raw, str):
        text = clean(raw)
        if is_list and _PRINTED.fullmatch(text):
            raise ValueError(
                f"field {name!r} holds a list as Python prints it ({one_line(text):.40}); write lists as JSON"
            )
        return [text] if is_list and text else text
    wanted = "a list of texts" if is_list else "text"
    strange = [item for item in raw if not isinstance(item, str)] if is_list and isinstance(raw, list) else []
    held = f"a list with {strange[0]!r:.60}" if strange else type(raw).__name__
    raise ValueError(f"field {name!r} must be {wanted}, not {held}")


def clean(text: str) -> str:
    """Return ``text`` without anything hidden, with single spaces and at most one line break in a row."""
    text = re.sub(r"[\r\n\u2028\u2029]+", "\n", text)
    text = re.sub(r"[^\S\n]+", " ", visible(text))
    return re.sub(r" ?\n[ \n]*", "\n", text).strip()


def _join(value: Value) -> str:
    return value if isinstance(value, str) else " > ".join(value)


def read_anchors(path: Path | str, arena: Arena) -> list[Anchor]:
    """Return the anchors of a file, in its order; of any kind that :mod:`moloch.tables` reads.

    A field stands in the column of its name, or in the only one that differs from it in case alone. In a table of texts, a cell of
    a list or of facts may hold JSON.

    Raises:
        InputError: the file cannot be read, is empty, or a row is malformed (with line, field and reason).
    """
    return [anchor for anchor, _ in _read_all(Path(path), arena, sided=False)]


def _read_all(path: Path, arena: Arena, *, sided: bool) -> list[tuple[Anchor, str]]:
    """Return the anchors of a file, each with the side that its row declares; "" for none.

    Args:
        sided: whether rows may declare one; in a file of one side a column ``split`` is any other.
    """
    anchors = list(_read(path, arena.anchor, sided))
    if not anchors:
        raise InputError(
            "no anchors", where=str(path), why="the file is empty", fix=f"Give one {arena.anchor.noun} per row."
        )
    return anchors


def _read(path: Path, schema: AnchorSchema, sided: bool) -> Iterator[tuple[Anchor, str]]:
    for where, row in rows(path, "the anchors"):
        try:
            yield make_anchor(schema, unfolded(schema, named(schema, row))), side_of(schema, row) if sided else ""
        except ValueError as error:
            found = f"; the row has {listed(row)}" if isinstance(error, NoColumn) else ""
            raise InputError(
                f"not {with_article(schema.noun)}",
                where=where,
                why=f"{error}{found}",
                fix=f"{with_article(schema.noun).capitalize()} has the fields {_required(schema)}.",
            ) from error


def _required(schema: AnchorSchema) -> str:
    return ", ".join(field.column or field.name for field in schema.fields if field.required)


def load_anchors(source: Path | str | None, arena: Arena, *, drop_near: bool = False) -> AnchorSplit:
    """Return the anchors of a folder with ``train`` and ``test``, each a file of a table, of one table, or the built-in pack.

    Rows of one table are on the side that their ``split`` says. Where none says one, half of the anchors are held out: those whose
    content ids come last, whatever the order of the rows.

    Duplicates within a split are dropped. A held-out anchor whose shown text is also in the training split is
    dropped from the held-out split, so that nothing evaluated was trained on; so is, where that is asked for, one whose text is nearly the same.

    Args:
        drop_near: drop held-out anchors that are nearly the same as one to train on, too; see :mod:`abm.arenas.near`.

    Raises:
        InputError: the folder or a file of it cannot be read, or nothing is left of a split.
    """
    if source is None:
        folder = Path(str(resources.files("abm").joinpath(f"data/anchors/{arena.name}")))
        if not folder.is_dir():
            raise InputError(
                f"arena {arena.name!r} has no built-in anchors",
                fix="Give --anchors a folder with train.jsonl and test.jsonl.",
            )
    else:
        folder = Path(source)
    if folder.is_dir():
        train_rows, held_out_rows = (read_anchors(_file(folder, split), arena) for split in ("train", "test"))
    elif folder.is_file():
        train_rows, held_out_rows = _sides(folder, arena)
    else:
        raise InputError(
            "no such anchors",
            where=str(folder),
            why="there is neither a folder nor a file of that name",
            fix=f"{did_you_mean(folder)}Give a folder with train.jsonl and test.jsonl, or one table.",
        )
    train, twice = _unique(train_rows, set())
    unseen = unleaked(held_out_rows, train)
    held_out, held_twice = _unique(unseen, set())
    dropped = {
        "duplicate in train": twice,
        "duplicate in test": held_twice,
        "test text stands in train": len(held_out_rows) - len(unseen),
    }
    if drop_near:
        near = near_any([_leak_key(anchor) for anchor in held_out], [_leak_key(anchor) for anchor in train])
        held_out = [anchor for anchor, is_near in zip(held_out, near, strict=True) if not is_near]
        dropped["test text nearly stands in train"] = sum(near)
    if not held_out:
        raise InputError("no held-out anchors are left", where=str(folder), why="all of them are in the training split")
    return AnchorSplit(train, held_out, dropped)


def _sides(path: Path, arena: Arena) -> tuple[list[Anchor], list[Anchor]]:
    """Return the anchors of one table to train on, and those held out.

    Raises:
        InputError: some rows say on which side they are and others do not, or a side has nobody.
    """
    listed = _read_all(path, arena, sided=True)
    declared = [side for _, side in listed]
    if not any(declared):
        distinct, _ = _unique([anchor for anchor, _ in listed], set())
        ids = sorted(anchor.id for anchor in distinct)
        first = set(ids[: (len(ids) + 1) // 2])
        bodies = {_leak_key(anchor) for anchor in distinct if anchor.id in first}
        listed = [(anchor, "train" if _leak_key(anchor) in bodies else "held_out") for anchor, _ in listed]
    elif not all(declared):
        why = f"it is on neither side, and other rows say which side they are on ({declared.count('')} of {len(declared)} do not)"
        where = f"{path}: anchor {declared.index('') + 1}"
        raise InputError(
            "an anchor without 'split'", where=where, why=why, fix="Say train or test in every row, or in none."
        )
    train, held_out = ([anchor for anchor, side in listed if side == wanted] for wanted in ("train", "held_out"))
    if not train or not held_out:
        what = f"no anchors to {'train on' if not train else 'hold out'}"
        raise InputError(what, where=str(path), fix=f"Give at least two {arena.anchor.noun}s on each side.")
    return train, held_out


_ENDS = tuple(f"{suffix}{packed}" for suffix in SUFFIXES for packed in ("", ".gz"))


def _file(folder: Path, split: str) -> Path:
    """Return the file of a split, of whatever kind.

    Raises:
        InputError: there is none, or there are several.
    """
    files = sorted(
        path
        for path in folder.iterdir()
        if path.name.startswith(f"{split}.") and path.name[len(split) :].lower() in _ENDS
    )
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise InputError(f"several files of {split!r}", where=str(folder), why=names, fix="Leave one of them there.")
    if not files:
        raise InputError(
            f"no file of {split!r}",
            where=str(folder),
            why="there is none of a kind that is read",
            fix=f"Give {split}.jsonl, or {', '.join(SUFFIXES)}.",
        )
    return files[0]


def unleaked(held_out: Sequence[Anchor], train: Sequence[Anchor]) -> list[Anchor]:
    """Return those of some held-out anchors whose shown text is not that of an anchor to train on."""
    seen = {_leak_key(anchor) for anchor in train}
    return [anchor for anchor in held_out if _leak_key(anchor) not in seen]


def _leak_key(anchor: Anchor) -> str:
    """Return the shown text without its subject line, case and spacing: what a leak would repeat."""
    body = anchor.text.split("\n", 1)[-1] if anchor.subject else anchor.text
    return " ".join(body.lower().split())


def _unique(anchors: Sequence[Anchor], seen: set[str]) -> tuple[list[Anchor], int]:
    kept: list[Anchor] = []
    for anchor in anchors:
        mark = _leak_key(anchor)
        if mark not in seen:
            seen.add(mark)
            kept.append(anchor)
    return kept, len(anchors) - len(kept)
