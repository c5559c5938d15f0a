"""Personas: the members of a population, named by their content.

Reads JSON Lines with people told in sentences (``biography``: list), in attributes (``biography``: mapping, or the
attributes themselves) or in preferences (``general``, ...). Knows nothing of graphs, contests or models.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from populations.errors import InputError

BUILT_IN = ("biographic", "demographic")

_DEMOGRAPHY = ("age", "sex", "education_level", "urban_rural", "income")
_PREFERENCES = ("general", "shopping_preferences", "political_preferences", "socialmedia_preferences", "economic_status")


@dataclass(frozen=True)
class Persona:
    """One member of a population.

    Attributes:
        id: 16 hex characters of SHA-256 over ``text`` and ``attributes``.
        name: a short label for people who read results.
        text: how prompts render the persona.
        attributes: what is known in fields: age, sex, education_level, urban_rural, income, gender, mbti.
    """

    id: str
    name: str
    text: str
    attributes: dict[str, str | int]


@dataclass(frozen=True)
class PersonaSplit:
    """Personas whose votes are learnt from, and held-out personas who only ever evaluate.

    Attributes:
        dropped: number of rows left out because the same persona came before.
    """

    train: list[Persona]
    held_out: list[Persona]
    dropped: int


def make_persona(row: dict[str, Any]) -> Persona:
    """Return the persona of one row.

    Raises:
        ValueError: no known shape, or a field of the wrong type.
    """
    biography = row.get("biography")
    if isinstance(biography, dict):
        return _demographic(biography)
    if all(field in row for field in _DEMOGRAPHY):
        return _demographic(row)
    if "general" in row:
        text = " ".join(_text(row, field) for field in _PREFERENCES if row.get(field))
        return _persona(_first_words(text), text, {})
    if biography is None:
        raise ValueError("field 'biography' is missing (or 'general', or age, sex, education_level, urban_rural, income)")
    if isinstance(biography, str):
        biography = [biography]
    if not isinstance(biography, list) or not biography or not all(isinstance(s, str) and s.strip() for s in biography):
        raise ValueError("field 'biography' must be a text, a list of texts, or a mapping of attributes")
    name = _text(row, "character_name" if "character_name" in row else "name")
    attributes = {field: _text(row, field) for field in ("gender", "mbti") if row.get(field)}
    title = name.title() if name.isupper() else name
    about = ", ".join([title, *attributes.values()])
    return _persona(title, f"{about}. " + " ".join(_clean(sentence) for sentence in biography), attributes)


def _demographic(fields: dict[str, Any]) -> Persona:
    age = fields.get("age")
    if not isinstance(age, int) or not 0 < age < 130:
        raise ValueError("field 'age' must be a whole number of years")
    values = {field: _text(fields, field) for field in _DEMOGRAPHY[1:]}
    place = {"urban": "a city", "rural": "the country"}.get(values["urban_rural"], values["urban_rural"])
    text = (
        f"A {values['sex']} person of {age} years from {place}, "
        f"with {values['education_level']} education and {values['income']} income."
    )
    return _persona(f"{values['sex']}, {age}, {values['urban_rural']}", text, {"age": age, **values})


def _persona(name: str, text: str, attributes: dict[str, str | int]) -> Persona:
    content = json.dumps([text, attributes], sort_keys=True, ensure_ascii=False)
    return Persona(hashlib.sha256(content.encode()).hexdigest()[:16], name, text, attributes)


def _text(row: dict[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"field {field!r} is missing or not a text")
    return _clean(value)


def _clean(text: str) -> str:
    return " ".join(text.split())


def _first_words(text: str) -> str:
    return " ".join(text.split()[:2]).rstrip(".,")


def read_personas(path: Path | str) -> tuple[list[Persona], int]:
    """Return the personas of a JSON Lines file without repetitions, and how many rows repeated one.

    Raises:
        InputError: the file cannot be read or is empty, or a line is malformed (with line, field and reason).
    """
    path = Path(path)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError("cannot read the personas", where=str(path), why=error.strerror or str(error)) from error
    found: dict[str, Persona] = {}
    rows = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        rows += 1
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"the line holds a {type(row).__name__}, not an object")
            persona = make_persona(row)
        except ValueError as error:
            raise InputError("not a persona", where=f"{path}:{number}", why=str(error), mend="Give one JSON object a line.") from error
        found.setdefault(persona.id, persona)
    if not found:
        raise InputError("no personas", where=str(path), why="the file is empty", mend="Give one JSON object a line.")
    return list(found.values()), rows - len(found)


def load_personas(source: Path | str, *, seed: int = 1) -> PersonaSplit:
    """Return a built-in pack (``"biographic"``, ``"demographic"``) or a file's personas, split into two halves.

    The split shuffles by ``seed``; a persona is in one half only, so that who evaluates never voted in training.

    Raises:
        InputError: as :func:`read_personas`; or fewer than two personas, which cannot be split.
    """
    if source in BUILT_IN:
        path = Path(str(resources.files("populations").joinpath(f"data/{source}.jsonl")))
    else:
        path = Path(source)
        if not path.suffix and not path.exists():
            raise InputError(
                f"unknown personas {str(source)!r}", mend=f"Choose one of {', '.join(BUILT_IN)}, or give the path of a JSON Lines file."
            )
    personas, dropped = read_personas(path)
    if len(personas) < 2:
        raise InputError("one persona cannot be split into training and held-out", where=str(path), mend="Give two or more.")
    random.Random(f"{seed}/personas").shuffle(personas)
    half = (len(personas) + 1) // 2
    return PersonaSplit(personas[:half], personas[half:], dropped)
