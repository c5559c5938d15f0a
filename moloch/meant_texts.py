"""Text where text is meant: YAML takes ``no``, ``off``, ``010`` and ``1e3`` for truth values and numbers, also as a name.

Knows what a model takes, and what was written; reads no YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from pydantic import BaseModel, ValidationError

Path = tuple[str | int, ...]
"""What leads to a value, from the whole inwards."""
Written = Callable[[Iterable[Path]], Mapping[Path, str]]
"""Returns the texts of values as they were written, of those that are plain values of a text."""


def as_meant(model: type[BaseModel], values: Any, written: Written) -> Any:
    """Return values in which a truth value or a number is what was written, where the model takes that and not the value."""
    wrong = _mistaken(model, values)
    texts = written(wrong) if wrong else {}
    if not texts:
        return values
    changed = deepcopy(values)
    for path, text in texts.items():
        _put(changed, path, text)
    for path in texts.keys() & _mistaken(model, changed, texts=True):
        _put(changed, path, _get(values, path))
    return changed


def leading(values: Any, keys: Sequence[str | int]) -> tuple[Path, Any]:
    """Return those of ``keys`` that lead somewhere, without kinds that a model's path names, and what is there."""
    path: list[str | int] = []
    for key in keys:
        if isinstance(values, list):
            values = dict(enumerate(values))
        if isinstance(values, dict) and key in values:
            path.append(key)
            values = values[key]
    return tuple(path), values


def _mistaken(model: type[BaseModel], values: Any, *, texts: bool = False) -> set[Path]:
    """Return the paths of plain values that the model does not take: truth values and numbers, or texts as well."""
    kinds = (bool, int, float, str) if texts else (bool, int, float)
    try:
        model.model_validate(values)
    except ValidationError as error:
        found = (leading(values, each["loc"]) for each in error.errors(include_url=False))
        return {path for path, value in found if isinstance(value, kinds)}
    return set()


def _get(values: Any, path: Path) -> Any:
    for key in path:
        values = values[key]
    return values


def _put(values: Any, path: Path, value: Any) -> None:
    _get(values, path[:-1])[path[-1]] = value
