"""A look at an arena before it is used: what is wrong with it, what its anchors are, how every prompt reads, which models can write it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from abm.arenas import ARENAS, BUILT_IN, Arena, Field, arena
from abm.arenas.anchor_rows import named
from abm.arenas.anchors import Anchor, load_anchors, read_anchors
from abm.arenas.prompts import Message
from learning.settings.arena_mistakes import mistakes_in
from moloch.errors import InputError, Mistakes
from moloch.plain_text import one_line
from moloch.tables import rows
from populations import load_personas

POCKET_ARENAS = BUILT_IN
"""The arenas whose prompts the pocket model was trained on."""


def check_arena(
    source: str,
    anchors: Path | str | None = None,
    personas: Path | str | None = None,
    mapping: Path | str | None = None,
) -> dict[str, Any]:
    """Return what an arena is, as one JSON-able mapping; mistakes in it and in its anchors are listed, not raised.

    Args:
        source: a built-in arena's name, or the path of a YAML file.
        anchors: a folder with ``train`` and ``test``, or a single table; by default the built-in pack of that name, if there is one.
        personas: who reads in the previews; by default the built-in pack.

    Raises:
        InputError: it cannot be read as an arena at all; or the personas cannot be read.
    """
    checked = arena(source)
    wrong = [str(each) for each in mistakes_in(source)]
    about, first, mistaken = _anchors(checked, anchors)
    persona = load_personas(personas, mapping=mapping).train[0]
    real = first is not None
    shown = first if first is not None else _made_up(checked)
    return {
        "source": source,
        "arena": checked.name,
        "noun": checked.anchor.noun,
        "writer": checked.writer,
        "message": checked.message,
        "tag": checked.tag,
        "format": checked.format,
        "probes": list(checked.probes),
        "fields": [_field(each) for each in checked.anchor.fields],
        "mistakes": [*wrong, *mistaken],
        "anchors": about,
        "anchor": {"real": real, "subject": shown.subject, "text": shown.text},
        "persona": persona.name,
        "prompts": _prompts(checked, shown.text, persona.text),
        "models": _models(checked, _options(source, anchors)),
    }


def _field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "column": field.column,
        "label": field.label,
        "subject": field.subject,
        "shown": field.shown,
        "required": field.required,
        "list": field.list,
    }


# -- anchors -----------------------------------------------------------------------------------------------


def _anchors(rules: Arena, source: Path | str | None) -> tuple[dict[str, Any] | None, Anchor | None, list[str]]:
    """Return what is known of the anchors, the first of them, and what is wrong with them; nothing where there are none."""
    if source is None and rules.name not in BUILT_IN:
        return None, None, []
    table = source is not None and Path(source).is_file()
    wrong: list[str] = []
    first: Anchor | None = None
    about: dict[str, Any] = {"source": str(source or f"the built-in pack of {rules.name}")}
    try:
        if table:  # one that cannot be divided still shows how its rows read
            listed = read_anchors(str(source), rules)
            first, about["anchors"] = listed[0], len(listed)
        split = load_anchors(source, rules)
        about |= {"train": len(split.train), "held_out": len(split.held_out)}
        about["dropped"] = {why: n for why, n in split.dropped.items() if n}
        first = split.train[0]
    except InputError as error:
        wrong = [str(each) for each in (error.each if isinstance(error, Mistakes) else (error,))]
        if first is None:
            return None, None, wrong
    files = (
        [path for path in sorted(Path(source).iterdir()) if path.stem.startswith("train")]
        if source and not table
        else []
    )
    return about | {"columns": _columns(rules, [Path(source)] if source and table else files)}, first, wrong


def _columns(rules: Arena, files: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Return column -> rows in which it holds something, and the field that it is; "" for a column that nothing reads."""
    fields = {name: field.name for field in rules.anchor.fields for name in (field.column, field.name) if name}
    counts: Counter[str] = Counter()
    meant: dict[str, str] = {}
    for path in files:
        for _, row in rows(path, "the anchors"):
            counts.update(row.keys())
            pairs = zip(row, named(rules.anchor, row), strict=True)
            meant |= {column: fields.get(name, "facts" if name == "facts" else "") for column, name in pairs}
    return {one_line(column): {"rows": n, "field": meant[column]} for column, n in counts.items()}


def _made_up(rules: Arena) -> Anchor:
    """Return what stands in a preview for an anchor where none was given."""
    held = {field.name: f"(the {field.label.lower()})" for field in rules.anchor.fields}
    lines = [f"{field.label}: {held[field.name]}" for field in rules.anchor.fields if field.shown]
    subject = next((held[field.name] for field in rules.anchor.fields if field.subject), "")
    return Anchor("", {**held}, {}, "\n".join(lines), subject)


# -- previews ----------------------------------------------------------------------------------------------


def _prompts(rules: Arena, anchor: str, persona: str) -> list[dict[str, Any]]:
    """Return every prompt of a contest: who is asked, and the chat messages."""
    options = [f"(the first {rules.message})", f"(the second {rules.message})"]
    asked: list[tuple[str, list[Message]]] = [
        (f"write: what a {rules.writer} is asked", rules.write_prompt(anchor)),
        (f"react: what a persona is asked who is asked to {rules.verb}", rules.react_prompt(persona, options)),
        ("react_source: the same, for a persona who reads the source", rules.react_prompt(persona, options, anchor)),
        ("feedback: what TFB learns to predict", rules.feedback_prompt(anchor, persona, options)),
    ]
    if (plain := _in_plain(rules)) is not None:
        asked += [
            ("write, with format=plain", plain.write_prompt(anchor)),
            ("feedback, with format=plain", plain.feedback_prompt(anchor, persona, options)),
        ]
    return [{"prompt": name, "messages": messages} for name, messages in asked]


def _in_plain(rules: Arena) -> Arena | None:
    """Return the arena as it is asked for in plain text; None where it is plain already, or cannot be."""
    try:
        return rules.asked("plain") if rules.format != "plain" else None
    except InputError:
        return None


# -- models ------------------------------------------------------------------------------------------------


def _models(rules: Arena, options: str) -> list[dict[str, Any]]:
    """Return which models can write in the arena, and why."""
    knows = _knows_pocket(rules)
    pocket = (
        f"its prompts are those of the arena {knows}"
        if knows
        else (f"it writes {', '.join(POCKET_ARENAS)} alone: their prompts, labels and tags, word for word")
    )
    tags = rules.format == "tags"
    asks = f"it is asked for <{rules.tag}>" if tags else "it is asked for the text alone"
    chat = f"{asks}; see whether it does: moloch llm check MODEL {options}"
    found = [
        {"model": "pocket", "writes": bool(knows), "why": pocket},
        {"model": "a model that follows instructions", "writes": True, "why": chat},
    ]
    if tags:
        plain = _in_plain(rules)
        why = (
            "--set format=plain asks for the text alone"
            if plain
            else "the system text asks for the tag: give it a section 'plain'"
        )
        found.append({"model": "a model that does not know the tags", "writes": plain is not None, "why": why})
    return found


def _options(source: str, anchors: Path | str | None) -> str:
    """Return the options of a command that name the arena and its anchors."""
    folder = "" if source in BUILT_IN else f" --anchors {shlex.quote(str(anchors or 'FOLDER'))}"
    return f"--arena {shlex.quote(source)}{folder}"


def _knows_pocket(rules: Arena) -> str:
    """Return the built-in arena whose messages are asked for in the same words; "" for none."""
    for name in POCKET_ARENAS:
        known = ARENAS.get(name)()
        if (rules.write, rules.tag, rules.format) == (known.write, known.tag, known.format) and _labels(
            rules
        ) <= _labels(known):
            return name
    return ""


def _labels(rules: Arena) -> set[str]:
    return {field.label for field in rules.anchor.fields if field.shown}
