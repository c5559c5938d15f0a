"""YAML files of settings: read safely, checked by a model; a mistake is reported with its line and column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.reader import ReaderError

from moloch.errors import InputError
from moloch.utf8 import from_utf8

Model = TypeVar("Model", bound=BaseModel)


MERGE = "tag:yaml.org,2002:merge"
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
            raise yaml.MarkedYAMLError(problem="it holds itself", problem_mark=mark)
        else:
            self._repeated += self._sizes[id(node)]
        if self._repeated and self._sizes[id(node)] > MOST_VALUES:
            raise yaml.MarkedYAMLError(problem=f"aliases stand for more than {MOST_VALUES:,} values", problem_mark=mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):  # 1 and 0x1 are one key, 1 and "1" are two
                value = key.tag if key.tag == MERGE else self.construct_object(key)
                if value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                    )
                seen.add(value)
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            kind = _kind(node.tag)
            said = f"{node.value[:40]!r} is no {kind}" if isinstance(node.value, str) else f"this is no {kind}"
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
        try:
            node = _read(self.text).get_single_node()
        except yaml.YAMLError:
            return self.where
        mark = None
        for key in keys:  # a model's path also names kinds, which are no keys: passed over
            if isinstance(node, yaml.MappingNode):
                entry = next(((name, value) for name, value in node.value if name.value == str(key)), None)
                mark, node = (entry[0].start_mark, entry[1]) if entry else (mark, node)
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
                mark = node.start_mark
        return f"{self.where}:{mark.line + 1}:{mark.column + 1}" if mark else self.where

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

    def validated(self, model: type[Model], what: str) -> Model:
        """Return the text as a model.

        Args:
            what: the whole, for errors that concern no single key, such as ``"the arena"``.

        Raises:
            InputError: not YAML, or not what the model allows.
        """
        values = self.values()
        try:
            made = model.model_validate(values)
            if (keys := truth_for_number(values, made)) is not None:
                raise InputError(f"{'.'.join(map(str, keys))} is not valid", where=self.at(*keys), why=NO_NUMBER)
            return made
        except ValidationError as error:
            first = first_mistake(error)
            key = ".".join(str(part) for part in first["loc"]) or what
            why, fix = first["msg"].removeprefix("Value error, "), first.get("ctx", {}).get("fix", "")
            if first["type"] == "extra_forbidden":
                why, fix = "there is no such key", others(model, first["loc"], "Keys")
            raise InputError(f"{key} is not valid", where=self.at(*first["loc"]), why=why, fix=fix) from error


def truth_for_number(values: Any, model: Any) -> tuple[str | int, ...] | None:
    """Return where ``values`` say yes or no and what was made of them holds a number, as ``epochs: yes`` gave 1; None for nowhere."""
    if isinstance(values, bool):
        return () if isinstance(model, int | float) and not isinstance(model, bool) else None
    pairs: list[tuple[str | int, Any, Any]] = []
    if isinstance(values, dict):
        held: Any = model if isinstance(model, dict) else getattr(model, "__dict__", {})
        pairs = [(key, value, held.get(key)) for key, value in values.items()]
    elif isinstance(values, list) and isinstance(model, list | tuple):
        pairs = [(i, value, made) for i, (value, made) in enumerate(zip(values, model, strict=False))]
    for key, value, made in pairs:
        if (inner := truth_for_number(value, made)) is not None:
            return key, *inner
    return None


NO_NUMBER = "yes, no, on, off, true and false are truth values, and it takes a number"
"""Why such a value is refused."""


def first_mistake(error: ValidationError) -> Any:
    """Return the mistake to tell: an unknown key, which explains a missing one, else the first."""
    return next((each for each in error.errors() if each["type"] == "extra_forbidden"), error.errors()[0])


def others(model: type[BaseModel], keys: Sequence[str | int], what: str) -> str:
    """Return what may stand where the last of ``keys`` does not, the one that may be meant first; "" where that is not plain."""
    here: Any = model
    for key in keys[:-1]:
        field = here.model_fields.get(str(key))
        here = field.annotation if field else None
        if not (isinstance(here, type) and issubclass(here, BaseModel)):
            return ""
    meant = get_close_matches(str(keys[-1]), here.model_fields, n=1)
    return f"{f'Did you mean {meant[0]!r}? ' if meant else ''}{what} are {', '.join(here.model_fields)}."


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
        raise InputError(f"cannot read {what}", where=str(path), why=error.strerror or str(error)) from error
