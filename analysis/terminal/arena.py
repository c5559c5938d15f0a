"""What ``moloch arena check`` prints: mistakes first, then fields, anchors, models and every prompt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analysis.formats import count


def arena_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of :func:`analysis.checks.arenas.check_arena`'s result, but for the prompts."""
    yield f"{'arena':9} {found['arena']} ({found['source']}): {_a(found['writer'])} writes {_a(found['message'])} about {_a(found['noun'])}"
    yield f"{'mistakes':9} {len(found['mistakes']) or 'none'}"
    yield from (f"{'':9} {mistake}" for mistake in found["mistakes"])
    for i, field in enumerate(found["fields"]):
        yield f"{'' if i else 'fields':9} {_field(field)}"
    yield f"{'probes':9} {', '.join(found['probes']) or 'none'}"
    yield from _anchors(found)
    for i, each in enumerate(found["models"]):
        yield f"{'' if i else 'models':9} {each['model']} {'can' if each['writes'] else 'cannot'} write in it: {each['why']}"


def _a(noun: str) -> str:
    """Return a noun with its article."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _field(field: dict[str, Any]) -> str:
    marks = [
        "the subject" if field["subject"] else "",
        "" if field["shown"] else "writers do not see it",
        "" if field["required"] else "may be empty",
        "a list" if field["list"] else "",
    ]
    names = " or ".join(dict.fromkeys(name for name in (field["name"], field["column"]) if name))
    about = "; ".join(filter(None, marks))
    return f"{names}, shown as {field['label']!r}{f' ({about})' if about else ''}"


def _anchors(found: dict[str, Any]) -> Iterator[str]:
    about = found["anchors"]
    if about is None:
        if found["mistakes"]:
            yield f"{'anchors':9} none were read"
            return
        yield f"{'anchors':9} none: give --anchors a folder with train and test, or a table, to see real prompts"
        return
    if "train" in about:
        held = f"{about['train']:,} to train on, {about['held_out']:,} held out ({about['source']})"
    else:
        held = f"{about['anchors']:,} in {about['source']}"
    dropped = "; ".join(f"{n:,} left out: {why}" for why, n in about["dropped"].items()) if about.get("dropped") else ""
    yield f"{'anchors':9} {held}{f'; {dropped}' if dropped else ''}"
    for i, (column, each) in enumerate(about["columns"].items()):
        meant = f"is {each['field']}" if each["field"] else "is not read"
        yield f"{'' if i else 'columns':9} {column!r} {meant}, in {count(each['rows'], 'row')}"


def prompt_lines(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each prompt as a heading and its text."""
    shown = found["anchor"]
    real = shown["subject"] or f"the first {found['noun']}"
    about = f"about {real}" if shown["real"] else f"with names of fields in place of {_a(found['noun'])}"
    for each in found["prompts"]:
        text = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in each["messages"])
        yield f"{each['prompt']}, {about}", text
