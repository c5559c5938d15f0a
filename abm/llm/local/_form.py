"""A bounded JSON Schema as a form: the program writes keys and punctuation, a model what stands between them.

A form is an automaton over tokens. Keys are paths without a choice; where the schema lists possibilities, the tokens of one of
them may come; a text may hold any token that is safe inside JSON's quotes, up to its bound, and ends with a quote. A schema with a
text that has no bound, or with anything that is not handled here, makes no form: then nothing is enforced.
Knows schemas and tokenizers; knows no model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from abm.llm.local._guide import Node
from moloch.errors import InputError

_UNSAFE = re.compile('["\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]')
_MOST_NUMBERS = 1001
"""Of a range of whole numbers that is written out as possibilities."""


class Form(NamedTuple):
    """What a completion is held to.

    Attributes:
        root: the first node.
        lengths: shape (tokens,), characters that each token adds to a text; 0 for one that may not stand in a text.
    """

    root: Node
    lengths: torch.Tensor


class Speller:
    """Turns schemas into forms for one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._before = self._ids("a")
        self._lengths: torch.Tensor | None = None
        self._forms: dict[str, Form | None] = {}

    def form(self, schema: str, site: str) -> Form | None:
        """Return the form of a schema; None where it has no bounds, or is none.

        Raises:
            InputError: the tokenizer cannot spell a key or a possibility.
        """
        if schema not in self._forms:
            decoded = _decoded(schema)
            bounded = decoded is not None and _is_bounded(decoded)
            self._forms[schema] = Form(self._value(decoded, Node(), "", "", site), self.lengths) if bounded else None
        return self._forms[schema]

    @property
    def lengths(self) -> torch.Tensor:
        """Characters of each token inside a text; see :class:`Form`."""
        if self._lengths is None:
            size = len(self._tokenizer)
            texts = self._tokenizer.batch_decode([[*self._before, token] for token in range(size)])
            special = {*self._tokenizer.all_special_ids, *self._tokenizer.added_tokens_decoder}
            self._lengths = torch.tensor(
                [0 if i in special or _UNSAFE.search(text[1:]) else len(text) - 1 for i, text in enumerate(texts)]
            )
        return self._lengths

    # -- from the end to the beginning: what follows a value is there before it -----------------------------

    def _value(self, schema: Any, after: Node, before: str, tail: str, site: str) -> Node:
        """Return the node at which a value begins.

        Args:
            before, tail: what the program writes directly before and after the value.
        """
        if "anyOf" in schema:
            return self._alternatives(schema["anyOf"], after, before, tail, site)
        if "properties" in schema:
            return self._object(list(schema["properties"].items()), after, before + "{", "}" + tail, site)
        if schema.get("type") == "array":
            items = list(enumerate(_items(schema)))
            return self._sequence([("", item) for _, item in items], after, before + "[", "]" + tail, site)
        if (options := _options(schema)) is not None:
            written = {f"{option}{tail}": after for option in options}
            return self._literal(before, self._pick(written, site), site)
        return self._literal(before + '"', self._text(schema["maxLength"], '"' + tail, after, site), site)

    def _object(self, fields: list[tuple[str, Any]], after: Node, before: str, tail: str, site: str) -> Node:
        return self._sequence([(f"{_quoted(name)}: ", value) for name, value in fields], after, before, tail, site)

    def _sequence(self, values: list[tuple[str, Any]], after: Node, before: str, tail: str, site: str) -> Node:
        if not values:
            return self._literal(before + tail, after, site)
        node, behind = after, tail
        for i, (key, value) in reversed(list(enumerate(values))):
            node = self._value(value, node, (before if i == 0 else "") + key, behind, site)
            behind = ", "
        return node

    def _alternatives(self, objects: list[Any], after: Node, before: str, tail: str, site: str) -> Node:
        """Return the node of objects that differ in their first field."""
        key = next(iter(objects[0]["properties"]))
        written: dict[str, Node] = {}
        for each in objects:
            (_, first), *rest = each["properties"].items()
            for option in _options(first) or ():
                if rest:
                    node = self._object(rest, after, "", "}" + tail, site)
                    written[f"{option}, "] = node
                else:
                    written[f"{option}}}{tail}"] = after
        return self._literal(f"{before}{{{_quoted(key)}: ", self._pick(written, site), site)

    def _literal(self, text: str, after: Node, site: str) -> Node:
        for token in reversed(self._spelled(text, site)):
            after = _reached(Node({token: after}))
        return after

    def _pick(self, written: Mapping[str, Node], site: str) -> Node:
        """Return the root of a trie of texts, each of which leads to a node; none is the beginning of another."""
        root = Node()
        for text, after in written.items():
            *path, last = self._spelled(text, site)
            node = root
            for token in path:
                node = node.setdefault(token, Node())
            node[last] = after
        return _settled(root, {id(after) for after in written.values()})

    def _text(self, characters: int, close: str, after: Node, site: str) -> Node:
        """Return the node of a text: it may end with any token that begins what closes it."""
        node = Node({})
        node.free = characters
        for end in range(1, len(close) + 1):
            tokens = self._spelled(close[:end], site)
            if len(tokens) == 1 or end == 1:
                rest = self._literal(close[end:], after, site)
                node.setdefault(tokens[0], self._literal_of(tokens[1:], rest))
        return _reached(node)

    @staticmethod
    def _literal_of(tokens: list[int], after: Node) -> Node:
        for token in reversed(tokens):
            after = _reached(Node({token: after}))
        return after

    def _spelled(self, text: str, site: str) -> list[int]:
        """Return the tokens of a text in the middle of another.

        Raises:
            InputError: none spell it.
        """
        if not text:
            return []
        alone = self._ids(text)
        inside = self._ids("a" + text)
        for tokens in (alone, inside[len(self._before) :] if inside[: len(self._before)] == self._before else []):
            if tokens and self._tokenizer.decode([*self._before, *tokens]) == "a" + text:
                return tokens
        raise InputError("the model cannot write a form", where=site, why=f"its tokens cannot spell {text!r}")

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]


def _reached(node: Node) -> Node:
    """Return a node once it knows how many tokens complete it at least."""
    node.least = 1 + min(next_.least for next_ in node.values())
    return node


def _settled(node: Node, done: set[int]) -> Node:
    for next_ in node.values():
        if id(next_) not in done:
            _settled(next_, done)
    return _reached(node)


# -- what of JSON Schema is handled -----------------------------------------------------------------------


def _decoded(schema: str) -> Any:
    try:
        return json.loads(schema)
    except ValueError:
        return None


def _is_bounded(schema: Any) -> bool:
    """Return whether a schema bounds everything that may be written, and asks for nothing that is not handled."""
    if not isinstance(schema, dict):
        return False
    if "anyOf" in schema:
        return _are_told_apart(schema["anyOf"])
    if "properties" in schema:
        fields = schema["properties"]
        return (
            bool(fields) and set(schema.get("required", ())) == set(fields) and all(map(_is_bounded, fields.values()))
        )
    if schema.get("type") == "array":
        return bool(items := _items(schema)) and all(map(_is_bounded, items))
    return bool(_options(schema)) or (schema.get("type") == "string" and isinstance(schema.get("maxLength"), int))


def _are_told_apart(objects: Any) -> bool:
    """Return whether bounded objects begin with one and the same field, of which each lists possibilities of its own."""
    if not isinstance(objects, list) or not all(isinstance(each, dict) and "properties" in each for each in objects):
        return False
    if not objects or not all(map(_is_bounded, objects)):
        return False
    firsts = [next(iter(each["properties"].items())) for each in objects]
    options = [option for _, first in firsts for option in _options(first) or [""]]
    return len({name for name, _ in firsts}) == 1 and "" not in options and len(set(options)) == len(options)


def _items(schema: Mapping[str, Any]) -> list[Any]:
    """Return the schemas of an array's items; empty where their number is not fixed."""
    if "prefixItems" in schema:
        return list(schema["prefixItems"])
    fixed = schema.get("minItems") == schema.get("maxItems") and isinstance(schema.get("maxItems"), int)
    return [schema.get("items")] * schema["maxItems"] if fixed else []


def _options(schema: Mapping[str, Any]) -> list[str] | None:
    """Return the possibilities that a schema lists, as JSON writes them; None where it lists none."""
    if "enum" in schema:
        return [_quoted(value) for value in schema["enum"]]
    if "const" in schema:
        return [_quoted(schema["const"])]
    if schema.get("type") == "boolean":
        return ["true", "false"]
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema.get("type") == "integer" and isinstance(low, int) and isinstance(high, int):
        return [str(number) for number in range(low, high + 1)] if 0 <= high - low < _MOST_NUMBERS else None
    return None


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
