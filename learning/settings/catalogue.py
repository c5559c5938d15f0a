"""Every setting of a run, one by one: type, default, range, unit, meaning, and where it has an effect. Made of the schema alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, NamedTuple

import msgspec

from learning.settings.effects import effect_of
from learning.settings.environment import PREFIX
from learning.settings.examples import EXAMPLES
from learning.settings.origins import in_yaml
from learning.settings.schema import settings_schema
from learning.training.settings import GENERAL, PRESETS
from moloch.errors import InputError

NAME, ITEM = "NAME", "N"
"""What stands in a key for a name of the user's own, and for a place in a list."""
NOT_SET = "not set"
"""The default of a setting that is left open: its meaning says what then happens."""
ELSEWHERE = ("LearnerSettings", "LoraSettings", "Endpoint")
"""Settings that stand in several places, and are listed in one."""
AGAIN = {
    ("arms", NAME, "lora"): ("lora",),
    ("markets", NAME, "learners", NAME, "lora"): ("lora",),
    ("markets", NAME, "learners", NAME): ("arms", NAME),
    ("serving", "server"): ("serving", "models", NAME),
}
"""Where settings stand again -> where they are listed."""


class Setting(NamedTuple):
    """A setting.

    Attributes:
        key: its dotted name; ``NAME`` stands for a name of the user's own, ``N`` for a place in a list.
        kind: what it takes, in words.
        default: in YAML; empty where it has none.
        range: in words; empty where all values of its kind are taken.
        unit: empty where it has none.
        meaning: a sentence or several.
        applies: where it has an effect: ``every run``, or ``only where ...``.
        example: a value, in YAML.
    """

    key: str
    kind: str
    default: str
    range: str
    unit: str
    meaning: str
    applies: str
    example: str

    @property
    def variable(self) -> str:
        """The variable of the environment that sets it."""
        return PREFIX + self.key.upper().replace(".", "__")


@cache
def settings() -> dict[str, Setting]:
    """Return key -> setting, of all of a run, in the order of the types."""
    return {each.key: each for each in _of(settings_schema(), ())}


def within(key: str) -> list[Setting]:
    """Return the settings that a setting holds, by its dotted name; none for one that holds none, or is not there."""
    listed = _listed((*key.split("."), ""))[:-1]
    split = [(each, each.key.split(".")) for each in settings().values()]
    return [each for each, parts in split if len(parts) > len(listed) and _is(".".join(parts[: len(listed)]), listed)]


def keys_named(name: str) -> list[str]:
    """Return the settings of a name: that of the whole name, else those whose last part it is; at most three."""
    whole = [key for key in settings() if key == name or key.startswith(f"{name}.")]
    if whole:
        return [name]
    return [key for key in settings() if key.rpartition(".")[2] == name and not {ITEM, NAME} & set(key.split("."))][:3]


def explained(key: str) -> Setting:
    """Return a setting by its dotted name, with the names of the user's own as they are or as ``NAME``.

    Raises:
        InputError: there is no such setting; names the nearest.
    """
    known = settings()
    listed = _listed(tuple(key.split(".")))
    if (found := next((each for name, each in known.items() if _is(name, listed)), None)) is not None:
        return found._replace(key=key)
    near = keys_named(key) or get_close_matches(key, known, n=3, cutoff=0.5)
    meant = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise InputError(f"there is no setting {key!r}", fix=f"{meant}moloch config show --all lists all of them.")


def _is(name: str, key: tuple[str, ...]) -> bool:
    parts = name.split(".")
    return len(parts) == len(key) and all(
        part in (own, NAME) or (part == ITEM and (own.isdecimal() or own == ITEM))
        for part, own in zip(parts, key, strict=True)
    )


def _listed(key: tuple[str, ...]) -> tuple[str, ...]:
    """Return the key under which a setting is listed."""
    for again, first in AGAIN.items():
        if len(key) > len(again) and _is(".".join(again), key[: len(again)]) and key[len(again)] != "twin":
            return _listed((*first, *key[len(again) :]))
    return key


def _of(node: Mapping[str, Any], key: tuple[str, ...]) -> Iterator[Setting]:
    """Yield the settings of a mapping of fixed names; one that holds others stands before them."""
    for name, child in node.get("properties", {}).items():
        here = (*key, name)
        within = _together(_within(child, here))
        if here not in within:
            yield _setting(here, child)
        for deeper, properties in within.items():
            yield from _of({"properties": properties}, deeper)


def _together(
    within: Iterable[tuple[tuple[str, ...], Mapping[str, Any]]],
) -> dict[tuple[str, ...], dict[str, Mapping[str, Any]]]:
    """Return key -> properties; of several kinds of settings in one place those of all, ``kind`` with the name of each."""
    found: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for key, node in within:
        properties = found.setdefault(key, {})
        for name, child in node["properties"].items():
            if "const" in child:
                first = properties.get(name, {})
                properties[name] = {**child, **first, "enum": [*first.get("enum", []), child["const"]]}
            else:
                properties.setdefault(name, child)
    return found


def _within(node: Mapping[str, Any], key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield the mappings of fixed names that a setting holds, each with the keys that lead to it."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name not in ELSEWHERE or key in (("lora",), ("serving", "models", NAME)):
            yield key, settings_schema()["$defs"][name]
        elif name == "LearnerSettings":
            twin = settings_schema()["$defs"][name]["properties"]["twin"]
            yield key, {"properties": {"twin": twin}}
        return
    for each in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _within(each, key)
    for word, part in (("items", ITEM), ("additionalProperties", NAME)):
        if isinstance(inner := node.get(word), Mapping) and not (word == "items" and key == ("arms",)):
            yield from _within(inner, (*key, part))


def _setting(key: tuple[str, ...], node: Mapping[str, Any]) -> Setting:
    name, effect = ".".join(key), effect_of(key)
    options = [each for each in (*node.get("anyOf", ()), *node.get("oneOf", ()), node) if each.get("type") != "null"]
    default = _default(key, node)
    unit = next((each["unit"] for each in options if "unit" in each), "")
    return Setting(
        key=name,
        kind=_kind(node),
        default=default,
        range="; ".join(filter(None, map(_range, options))),
        unit=unit,
        meaning=node.get("description", ""),
        applies=f"only where {effect.when}" if effect else "every run",
        example=in_yaml(EXAMPLES[name]) if name in EXAMPLES else _example(node, default),
    )


def _default(key: tuple[str, ...], node: Mapping[str, Any]) -> str:
    if key[0] == "lora" and len(key) == 2:
        of = {name: msgspec.to_builtins(PRESETS[name]).get(key[1], ...) for name in ("pocket", GENERAL)}
        if of["pocket"] != of[GENERAL]:
            return ", ".join(f"{in_yaml(value)} ({name})" for name, value in of.items())
        return "" if of[GENERAL] is ... else in_yaml(of[GENERAL])
    if "default" not in node or node["default"] in ({}, [], ""):
        return NOT_SET if "default" in node else ""
    return NOT_SET if node["default"] is None else in_yaml(node["default"])


def _kind(node: Mapping[str, Any]) -> str:
    """Return what a node takes, in words."""
    if "$ref" in node:
        return "settings"
    parts = [each for each in (*node.get("anyOf", ()), *node.get("oneOf", ())) if each.get("type") != "null"]
    if parts:
        return ", or ".join(dict.fromkeys(map(_kind, parts)))
    if "enum" in node or "const" in node:
        return "one of " + ", ".join(map(in_yaml, node.get("enum", [node.get("const")]))).replace("'", "")
    items, values = node.get("items"), node.get("additionalProperties")
    match node.get("type"):
        case "integer":
            return "whole number"
        case "number":
            return "number"
        case "boolean":
            return "true or false"
        case "string":
            return "text"
        case "array":
            return f"list: {_kind(items)}" if isinstance(items, Mapping) and items else "list"
        case _:
            return f"mapping: name to {_kind(values)}" if isinstance(values, Mapping) else "mapping"


def _range(node: Mapping[str, Any]) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if node.get("type") == "integer" and below is not None:
        high, below = below - 1, None
    if low is not None and high is not None:
        return f"{low:g} to {high:,.12g}"
    words = {"at least": low, "above": above, "at most": high, "below": below}
    if "maxItems" in node:
        words |= {"at most": node["maxItems"]}
    said = [f"{word} {bound:,.12g}" for word, bound in words.items() if bound is not None]
    return ", ".join(said) + (" items" if "maxItems" in node and said else "")


def _example(node: Mapping[str, Any], default: str) -> str:
    """Return a value that differs from the default where the type names one, else the default."""
    if "default" in node and isinstance(node["default"], bool):
        return in_yaml(not node["default"])
    others = [json.loads(json.dumps(each)) for each in node.get("enum", ()) if each != node.get("default")]
    return in_yaml(others[0]) if others else default
