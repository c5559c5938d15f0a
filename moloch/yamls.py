"""YAML files of settings: read safely, checked by a model; a mistake is reported with its line and column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from moloch.errors import InputError

Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """YAML as people write it: ``1e-3`` is a number, as in YAML 1.2, and a duplicate key is a mistake."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add((key.tag, str(key.value)))
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
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
        yaml.YAMLError: it is not YAML.
    """
    return yaml.load(text, Loader=_AsWritten if as_written else _Loader)


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
            node = yaml.compose(self.text, Loader=yaml.SafeLoader)
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
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{self.where}:{mark.line + 1}:{mark.column + 1}" if mark else self.where
            why = getattr(error, "problem", None) or str(error)
            raise InputError("not valid YAML", where=place, why=" ".join(why.split())) from error

    def validated(self, model: type[Model], what: str) -> Model:
        """Return the text as a model.

        Args:
            what: the whole, for errors that concern no single key, such as ``"the arena"``.

        Raises:
            InputError: not YAML, or not what the model allows.
        """
        try:
            return model.model_validate(self.values())
        except ValidationError as error:
            first = first_mistake(error)
            key = ".".join(str(part) for part in first["loc"]) or what
            why, fix = first["msg"].removeprefix("Value error, "), ""
            if first["type"] == "extra_forbidden":
                why, fix = "there is no such key", others(model, first["loc"], "Keys")
            raise InputError(f"{key} is not valid", where=self.at(*first["loc"]), why=why, fix=fix) from error


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
        return Source(Path(path).read_text("utf-8"), str(path))
    except OSError as error:
        raise InputError(f"cannot read {what}", where=str(path), why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {what}", where=str(path), why=str(error), fix="Save it as UTF-8.") from error
