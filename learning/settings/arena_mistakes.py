"""Whether an arena's templates ask for what they must: placeholders, tags, probes. Each mistake with its line and column.

Knows an arena, and where its file says what; knows no anchors and no models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from importlib import resources
from typing import Any

from abm.arenas import ARENAS, BUILT_IN, Arena, arena
from abm.arenas.completions import Completion
from abm.arenas.messages import read_answer
from abm.arenas.prompts import Template
from abm.probe import PROBES
from moloch.errors import InputError, Mistakes
from moloch.yamls import Keys, Source, read_source

Mistake = tuple[Keys, InputError]
"""What leads to the place in the file, and what is wrong there."""

NEEDED = {
    ("write",): ("anchor",),
    ("react",): ("persona", "options"),
    ("feedback",): ("persona", "options"),
    ("react_source",): ("persona", "options", "source"),
    ("plain", "write"): ("anchor",),
    ("plain", "feedback"): ("persona", "options"),
}
"""Template -> the placeholders that it has to show."""
ALLOWED = {("feedback",): ("anchor",), ("plain", "feedback"): ("anchor",)}
"""Template -> those that it may show, too; no other one is filled."""

OWN_TAGS = ("think", "choice")
"""Tags that mean something in every arena."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TAG = re.compile(r"</?([a-z][a-z0-9_]*)>")


def check_arena_file(source: str) -> None:
    """Refuse an arena of the user's own in which no contest could be held, or none about its anchor.

    Raises:
        InputError: of each mistake, with its line and column.
    """
    if source not in BUILT_IN and source not in ARENAS and (found := mistakes_in(source)):
        raise Mistakes(found)


def mistakes_in(source: str) -> list[InputError]:
    """Return what is wrong with an arena's templates, each with its place.

    Args:
        source: a built-in or registered arena's name, or the path of a YAML file.

    Raises:
        InputError: it cannot be read as an arena at all.
    """
    return _text_of(source).placed(mistakes(arena(source)))


def _text_of(source: str) -> Source:
    """Return the text of an arena, so that its mistakes have a place; a registered one of an extension has none."""
    if source in BUILT_IN:
        text = resources.files("abm").joinpath(f"arenas/data/{source}.yaml").read_text("utf-8")
        return Source(text, f"arena {source}")
    return Source("", f"arena {source}") if source in ARENAS else read_source(source, "the arena")


def mistakes(arena: Arena) -> list[Mistake]:
    """Return what is wrong with an arena's templates, each with the keys that lead to it."""
    found = [mistake for keys in NEEDED for mistake in _placeholders(arena, keys)]
    return [*found, *_tags(arena), *_probes(arena)]


def _template(arena: Arena, keys: Keys) -> Template | None:
    held: Any = arena
    for key in keys:
        held = getattr(held, str(key), None)  # an arena may have no plain form
    return held


def _placeholders(arena: Arena, keys: Keys) -> Iterator[Mistake]:
    template, needed, name = _template(arena, keys), NEEDED[keys], ".".join(map(str, keys))
    if template is None:
        return
    shown = set(_PLACEHOLDER.findall(f"{template.system}\n{template.user}"))
    for missing in [each for each in needed if each not in shown]:
        fix = f"Write {{{missing}}} where it belongs."
        yield keys, InputError(f"{name} does not show {{{missing}}}", why=_shows(missing, arena), fix=fix)
    for part in ("system", "user"):
        for unknown in dict.fromkeys(_PLACEHOLDER.findall(getattr(template, part))):
            known = (*ALLOWED.get(keys, ()), *needed)
            if unknown not in known:
                near = get_close_matches(unknown, known, n=1)
                guess = f"Did you mean {{{near[0]}}}? " if near else ""
                fix = f"{guess}This template knows {', '.join(f'{{{each}}}' for each in known)}."
                yield (*keys, part), InputError(f"{name} names {{{unknown}}}, which nothing fills in", fix=fix)


def _shows(placeholder: str, arena: Arena) -> str:
    """Return what a placeholder stands for."""
    return {
        "anchor": f"the {arena.anchor.noun} that a {arena.message} is about",
        "persona": "the person whom the model plays",
        "options": f"each {arena.message} of a contest, lettered",
        "source": f"the {arena.anchor.noun} as writers see it",
    }[placeholder] + " stands there"


def _tags(arena: Arena) -> Iterator[Mistake]:
    if arena.tag in OWN_TAGS:
        yield (
            ("tag",),
            InputError(
                f"the tag cannot be {arena.tag!r}", why="it already has another meaning", fix="Give another name."
            ),
        )
        return
    asked = set(_TAG.findall(f"{arena.write.system}\n{arena.write.user}"))
    if arena.format == "tags":
        yield from _asked_for(arena, asked)
    elif arena.tag in asked:
        fix = "Ask for the text alone, or leave format out."
        yield ("write",), InputError(f"write asks for <{arena.tag}>", why="format is plain: no tag is read", fix=fix)
    if arena.plain is not None and arena.plain.write is not None:
        text = f"{arena.plain.write.system}\n{arena.plain.write.user}"
        if f"<{arena.tag}>" in text:
            why = "in plain format the whole text is the message"
            yield ("plain", "write"), InputError(f"plain.write asks for <{arena.tag}>", why=why, fix="Leave it out.")
    if "<choice>" not in f"{arena.react.system}\n{arena.react.user}":
        why = "a reader's choice is read from that tag first"
        fix = "Ask for the letter of an option inside <choice></choice>."
        yield ("react",), InputError("react does not ask for <choice>", why=why, fix=fix)
    if not isinstance(read_answer(arena.trajectory("Plan.", "It is blue."), arena).message, Completion):
        yield ("tag",), InputError(f"a {arena.message} in <{arena.tag}> cannot be read back", fix="Give another tag.")


def _asked_for(arena: Arena, asked: set[str]) -> Iterator[Mistake]:
    text = f"{arena.write.system}\n{arena.write.user}"
    if lacking := [tag for tag in (f"<{arena.tag}>", f"</{arena.tag}>") if tag not in text]:
        others = [f"<{tag}>" for tag in sorted(asked - {*OWN_TAGS, arena.tag})]
        seen = f"; it asks for {', '.join(others)}" if others else ""
        yield (
            ("write",),
            InputError(
                f"write does not ask for {' and '.join(lacking)}",
                why=f"a {arena.message} is read from that tag alone{seen}",
                fix=f"Ask for it inside <{arena.tag}></{arena.tag}>, or change 'tag'.",
            ),
        )


def _probes(arena: Arena) -> Iterator[Mistake]:
    for i, name in enumerate(arena.probes):
        if name not in PROBES:
            yield ("probes", i), PROBES.unknown(name)
    for i, name in enumerate(arena.probes):
        if name in arena.probes[:i]:
            yield ("probes", i), InputError(f"the probe {name!r} appears twice", fix="Leave one of them out.")
