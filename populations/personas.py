"""Personas: the members of a population, named by their content.

Knows the shapes in which people come: told in sentences (``biography``: a list), in attributes (``biography``: a
mapping, or the attributes themselves), or in preferences (``general``, ...). Knows nothing of files, splits,
graphs, contests or models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from moloch.column_names import NoColumn, renamed
from moloch.numerals import whole
from moloch.plain_text import one_line, quoted

DEMOGRAPHY = ("age", "sex", "education_level", "urban_rural", "income")
TOLD = ("biography", "name", "character_name", "gender", "mbti")
PREFERENCES = ("general", "shopping_preferences", "political_preferences", "socialmedia_preferences", "economic_status")

FIELDS = frozenset((*TOLD, *DEMOGRAPHY, *PREFERENCES, "split"))
"""Fields of a row that mean something without a mapping; a column may differ from one in case."""

_NOUNS = {"male": "man", "female": "woman"}
_PLACES = {"urban": "in a city", "rural": "in the countryside"}
_OPENERS = {
    *("a", "an", "as", "at", "born", "despite", "during", "for", "formerly", "he", "her", "his", "in", "living"),
    *("meet", "once", "originally", "she", "the", "they", "this", "with"),
}
_ids = msgspec.json.Encoder(order="deterministic")


class Persona(msgspec.Struct, frozen=True):
    """One member of a population.

    Attributes:
        id: 16 hex characters of the SHA-256 over ``text`` and ``attributes``.
        name: a short label for people who read results, such as ``Merrick`` or ``man, 39, urban``.
        text: one paragraph, as prompts render the persona.
        attributes: what is known in fields: age (years), sex, education_level, urban_rural, income, gender, mbti.
        about: the part of ``text`` that describes the persona in its own or others' words; empty where it is
            known by attributes only. Traits read words here.
    """

    id: str
    name: str
    text: str
    attributes: dict[str, str | int]
    about: str = ""


def make_persona(row: Mapping[str, Any]) -> Persona:
    """Return the persona of one row.

    Raises:
        ValueError: no known shape, or a field is missing or of the wrong type; the message names the field.
    """
    row = renamed(row, FIELDS)
    biography = row.get("biography")
    if isinstance(biography, dict):
        return _demographic(renamed(biography, FIELDS))
    if biography is not None:
        return _biographic(row)
    if "general" in row:
        return _preferring(row)
    if any(field in row for field in DEMOGRAPHY):
        if lacking := [field for field in DEMOGRAPHY if row.get(field) is None]:
            raise NoColumn(f"field 'biography' is missing; of a persona without one, {', '.join(map(repr, lacking))}")
        return _demographic(row)
    raise NoColumn(f"field 'biography' is missing (or 'general', or {', '.join(DEMOGRAPHY)})")


def node_persona(row: Mapping[str, Any]) -> Persona:
    """Return the persona of a graph's node: told, if it has a biography, else known by its name and attributes.

    Raises:
        ValueError: it has a biography that is none, or an age that is none.
    """
    row = renamed(row, FIELDS)
    if "biography" in row or "general" in row:
        return msgspec.structs.replace(make_persona(row), name=row["name"])
    attributes = {key: value for key, value in row.items() if key != "split"}
    if "age" in attributes:
        attributes["age"] = years(attributes["age"])
    return make_attributed(attributes, name=row["name"])


def years(age: Any) -> int:
    """Return an age in years, however a statistics package wrote it.

    Raises:
        ValueError: it is no whole number of 1 to 129; the message says what it is.
    """
    found = whole(age)
    if found is None or not 0 < found < 130:
        raise ValueError(f"{quoted(age)} is not a whole number of years (1 to 129)")
    return found


def make_attributed(attributes: Mapping[str, str | int], *, name: str = "", text: str = "") -> Persona:
    """Return the persona of somebody known by attributes of any kind.

    The rule: the five demographic attributes, where all are there, make the sentence that demographic personas have; all
    others follow as ``name: value`` in their order, with spaces for underscores. ``text`` replaces the whole. An age that is a
    text, such as ``18 to 29``, is one of the others.

    Raises:
        ValueError: an age that is a number is not one of years, a demographic attribute is of the wrong type, or there is no
            attribute at all.
    """
    if not attributes:
        raise ValueError("no attribute is given")
    attributes = {
        one_line(str(key)): one_line(value) if isinstance(value, str) else value for key, value in attributes.items()
    }
    if (age := attributes.get("age")) is not None and (not isinstance(age, str) or whole(age) is not None):
        attributes["age"] = _age(age)
    demographic = all(field in attributes for field in DEMOGRAPHY) and not isinstance(attributes["age"], str)
    base = _demographic(attributes) if demographic else None
    others = [
        f"{key.replace('_', ' ')}: {value}" for key, value in attributes.items() if not (base and key in DEMOGRAPHY)
    ]
    told = " ".join(filter(None, (base.text if base else "", _sentence(others))))
    label = name or (base.name if base else ", ".join(str(value) for value in list(attributes.values())[:3]))
    return _persona(one_line(label), one_line(text) or told, attributes, "")


def _age(age: Any) -> int:
    if age is None:
        raise NoColumn("field 'age' is missing")
    try:
        return years(age)
    except ValueError as error:
        raise ValueError(f"field 'age': {error}") from None


def first_alike(personas: Sequence[Persona]) -> list[int]:
    """Return the place of the first persona with the same content as each: copies differ in name and id only."""
    places: dict[tuple[str, bytes], int] = {}
    return [places.setdefault((each.text, _ids.encode(each.attributes)), i) for i, each in enumerate(personas)]


def numbered(personas: Sequence[Persona]) -> list[Persona]:
    """Return ``personas`` with each repetition a separate member: another id and name, the same text."""
    times: dict[str, int] = {}
    members = []
    for persona in personas:
        n = times[persona.id] = times.get(persona.id, 0) + 1
        members.append(persona if n == 1 else _again(persona, n))
    return members


def _again(persona: Persona, n: int) -> Persona:
    own = hashlib.sha256(f"{persona.id}/{n}".encode()).hexdigest()[:16]
    return msgspec.structs.replace(persona, id=own, name=f"{persona.name} #{n}")


def _sentence(parts: list[str]) -> str:
    joined = "; ".join(parts)
    return f"{joined[0].upper()}{joined[1:]}." if joined else ""


def _biographic(row: Mapping[str, Any]) -> Persona:
    biography = row["biography"]
    sentences = [biography] if isinstance(biography, str) else biography
    if (
        not isinstance(sentences, list)
        or not sentences
        or not all(isinstance(s, str) and one_line(s) for s in sentences)
    ):
        raise ValueError("field 'biography' must be a text, a list of texts, or a mapping of attributes")
    name = _text(row, "character_name" if "character_name" in row else "name")
    name = name.title() if name.isupper() else name
    attributes: dict[str, str | int] = {f: _text(row, f) for f in ("gender", "mbti") if row.get(f) is not None}
    about = " ".join(one_line(sentence) for sentence in sentences)
    return _persona(name, ", ".join([name, *map(str, attributes.values())]) + ".", attributes, about)


def _demographic(fields: Mapping[str, Any]) -> Persona:
    age = _age(fields.get("age"))
    values = {field: _text(fields, field) for field in DEMOGRAPHY[1:]}
    noun = _NOUNS.get(values["sex"].lower(), f"person ({values['sex']})")
    place = _PLACES.get(values["urban_rural"].lower(), f"in a place that is {values['urban_rural']}")
    head = (
        f"{age}-year-old {noun} living {place}, with a {values['education_level']} level of education "
        f"and a {values['income']} income."
    )
    return _persona(f"{noun}, {age}, {values['urban_rural']}", head, {"age": age, **values}, "")


def _preferring(row: Mapping[str, Any]) -> Persona:
    about = " ".join(_text(row, field) for field in PREFERENCES if field == "general" or row.get(field) is not None)
    return _persona(_first_name(about), "", {}, about)


def _first_name(about: str) -> str:
    """Return the first capitalized words that no sentence begins with in general: ``Ben``, ``Mrs. Robinson``."""
    words = about.split()
    begin = next((i for i, word in enumerate(words) if word[0].isupper() and word.lower() not in _OPENERS), 0)
    end = begin + (2 if words[begin].endswith(".") else 1)
    name = " ".join(words[begin:end]).strip(",.;:'\"").removesuffix("'s").removesuffix("’s")
    return name.title() if name.isupper() else name


def _persona(name: str, head: str, attributes: dict[str, str | int], about: str) -> Persona:
    text = " ".join(part for part in (head, about) if part)
    # the recipe of content ids throughout the project: SHA-256 of deterministic JSON, first 64 bits
    return Persona(hashlib.sha256(_ids.encode([text, attributes])).hexdigest()[:16], name, text, attributes, about)


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not one_line(value):
        kind = "missing" if value is None else "empty" if value == "" else f"a {type(value).__name__}, not a text"
        raise (NoColumn if value is None else ValueError)(f"field {field!r} is {kind}")
    return one_line(value)
