"""YAML files of settings: read safely and within bounds, and where each value stands, by line and column. Knows no models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import yaml
from yaml.reader import ReaderError

from moloch.errors import InputError
from moloch.near_files import did_you_mean
from moloch.texts import whole
from moloch.utf8 import from_utf8

Keys = tuple[str | int, ...]
"""What leads to a value, from the whole inwards: ``("network", "feed", "ranker")``."""

MERGE = "tag:yaml.org,2002:merge"
TEXT = "tag:yaml.org,2002:str"
PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float")}
"""Kinds of plain values that stand for a name where they are a key: an arm may be called ``no``."""
DEEPEST = 64
"""Levels of mappings and lists that a file may have."""
MOST_VALUES = 100_000
"""Values that a file may hold once its aliases stand for what they repeat; a file without aliases may hold more."""
LARGEST = 1 << 22
"""Characters of the longest file."""

_OWN = {"int", "float", "timestamp"}
"""Kinds of YAML 1.1 whose plain forms are not read as it does: ``010`` would be 8, ``1:30`` would be 90, and dates are text here."""
_NEVER = {"timestamp", "set", "omap", "pairs", "binary"}
"""Kinds that settings do not have; the order of a set, for one, differs from process to process."""
NOWHERE = (0, 0)
"""Line and column of what a text does not hold."""


def _kind(tag: str | None) -> str:
    return str(tag).rpartition(":")[2]


class _Loader(yaml.SafeLoader):
    """YAML as people write it: numbers are those of YAML 1.2, a date is text, and a duplicate key is a mistake.

    What it reads is bounded: levels, and values behind aliases and merge keys, of which a few lines can name billions.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        first: [(tag, pattern) for tag, pattern in resolvers if _kind(tag) not in _OWN]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors: ClassVar[dict[Any, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items() if _kind(tag) not in _NEVER
    }

    KEYS_ARE_TEXT: ClassVar[bool] = True

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._repeated = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        mark = self.peek_event().start_mark  # pyright: ignore[reportOptionalMemberAccess]
        is_alias = self.check_event(yaml.AliasEvent)
        if self._depth == DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"more than {DEEPEST} levels", problem_mark=mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if not is_alias:
            self._sizes[id(node)] = 1 + sum(self._sizes[id(child)] for child in _children(node))
        elif id(node) not in self._sizes:
            raise yaml.MarkedYAMLError(problem="it contains itself", problem_mark=mark)
        else:
            self._repeated += self._sizes[id(node)]
        if self._repeated and self._sizes[id(node)] > MOST_VALUES:
            raise yaml.MarkedYAMLError(problem=f"aliases stand for more than {MOST_VALUES:,} values", problem_mark=mark)
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if not node.value.isascii():
            joined = whole(node.value)  # of two escapes, as JSON writes what is beyond 16 bits
            if joined.count("\ufffd") > node.value.count("\ufffd"):
                raise yaml.MarkedYAMLError(problem="an escape is half of a character", problem_mark=node.start_mark)
            node.value = joined
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if self.KEYS_ARE_TEXT and key.tag in PLAIN:
                    key.tag = TEXT
                value = key.tag if key.tag == MERGE else self.construct_object(key)
                if value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} appears twice", problem_mark=key.start_mark
                    )
                seen.add(value)
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            kind = _kind(node.tag)
            said = f"{node.value[:40]!r} is not a {kind}" if isinstance(node.value, str) else f"this is not a {kind}"
            raise yaml.MarkedYAMLError(problem=said, problem_mark=node.start_mark) from error


def _children(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile("[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0b[01_]+)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"(?:[-+]?[0-9][0-9_]*(?:\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


class _AsWritten(_Loader):
    """YAML whose plain scalars are text as written (``yes``, ``NO``, ``on``, ``010``, ``1e3``, ``2020-01-01``), but for whole
    numbers in their usual form, and for nothing at all."""

    KEYS_ARE_TEXT = False  # they are codes


_AsWritten.yaml_implicit_resolvers = {"<": [("tag:yaml.org,2002:merge", re.compile("<<$"))]}
_AsWritten.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("(?:0|-?[1-9][0-9]{0,14})$"), list("-0123456789"))
_AsWritten.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("$"), [""])


def plain(text: str, *, as_written: bool = False) -> Any:
    """Return what a YAML text says, as plain values.

    Args:
        as_written: leave texts, truth values, dates and numbers but whole ones as they are written.

    Raises:
        yaml.YAMLError: it is not YAML, or larger than the bounds of this module.
    """
    return _read(text, _AsWritten if as_written else _Loader).get_single_data()


def _node_at(node: Any, path: Keys) -> Any:
    """Return the node that a path leads to; None where it leads nowhere."""
    for key in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for name, value in node.value if name.value == str(key)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
        else:
            return None
    return node


def _read(text: str, loader: type[_Loader] = _Loader) -> _Loader:
    if len(text) > LARGEST:
        raise yaml.YAMLError(f"more than {LARGEST:,} characters")
    return loader(text)


def _mistake(error: yaml.YAMLError, text: str) -> tuple[str, str]:
    """Return where a mistake is, as ``:line:column``, and what it is, on one line."""
    if isinstance(error, ReaderError):  # a character that YAML does not allow
        line = text.count("\n", 0, error.position)
        column = error.position - (text.rfind("\n", 0, error.position) + 1)
        return f":{line + 1}:{column + 1}", f"the character {chr(error.character)!a} is not allowed"
    mark = getattr(error, "problem_mark", None)
    place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    return place, " ".join((getattr(error, "problem", None) or str(error)).split())


class Source(NamedTuple):
    """A YAML text, and the name that errors give it: its path.

    Attributes:
        as_written: whether its values are codes and labels, and not settings; see :func:`plain`.
    """

    text: str
    where: str
    as_written: bool = False

    def at(self, *keys: str | int) -> str:
        """Return ``where:line:column`` of what ``keys`` lead to, or of the last one that is there; else ``where``."""
        return self._place(next(self._marks([keys])))

    def placed(self, mistakes: Sequence[tuple[Keys, InputError]]) -> list[InputError]:
        """Return mistakes, each given with the keys that lead to it, with their places and in the order of the text."""
        marks = self._marks(keys for keys, _ in mistakes)
        in_order = sorted(zip(marks, (error for _, error in mistakes), strict=True), key=lambda each: each[0])
        return [InputError(e.what, where=self._place(mark), why=e.why, fix=e.fix) for mark, e in in_order]

    def _place(self, mark: tuple[int, int]) -> str:
        return f"{self.where}:{mark[0]}:{mark[1]}" if mark != NOWHERE else self.where

    def _marks(self, paths: Iterable[Sequence[str | int]]) -> Iterator[tuple[int, int]]:
        """Yield line and column of what each path leads to, or of the last key of it that is there; else :data:`NOWHERE`."""
        try:
            whole = _read(self.text).get_single_node()
        except yaml.YAMLError:
            whole = None
        for path in paths:
            node, mark = whole, None
            for key in path:  # a model's path also names kinds, which are no keys: passed over
                if isinstance(node, yaml.MappingNode):
                    entry = next(((name, value) for name, value in node.value if name.value == str(key)), None)
                    mark, node = (entry[0].start_mark, entry[1]) if entry else (mark, node)
                elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                    node = node.value[key]
                    mark = node.start_mark
            yield (mark.line + 1, mark.column + 1) if mark else NOWHERE

    def texts_at(self, paths: Iterable[Keys]) -> dict[Keys, str]:
        """Return path -> what is written there, for those of ``paths`` that lead to a plain value."""
        try:
            whole = _read(self.text).get_single_node()
        except yaml.YAMLError:
            return {}
        found = ((path, _node_at(whole, path)) for path in paths)
        return {path: node.value for path, node in found if isinstance(node, yaml.ScalarNode)}

    def values(self) -> Any:
        """Return what the text says, as plain values.

        Raises:
            InputError: it is not YAML.
        """
        try:
            return plain(self.text, as_written=self.as_written)
        except yaml.YAMLError as error:
            place, why = _mistake(error, self.text)
            raise InputError("not valid YAML", where=self.where + place, why=why) from error


def read_source(path: Path | str, what: str) -> Source:
    """Return a file.

    Args:
        what: for errors, such as ``"the arena"``.

    Raises:
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        return Source(
            from_utf8(Path(path).read_bytes(), str(path)).replace("\r\n", "\n").replace("\r", "\n"), str(path)
        )
    except OSError as error:
        why, fix = error.strerror or str(error), did_you_mean(path).rstrip()
        raise InputError(f"cannot read {what}", where=str(path), why=why, fix=fix) from error
