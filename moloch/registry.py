"""Parts by name: what users may add to a study, each kind in one registry.

A part comes from one of three places: it is built in, an extension module registered it (:mod:`moloch.extensions`), or
an installed package offers it as an entry point of the group ``moloch.<kind>s``. Knows names, not what parts do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module, metadata
from typing import Any, Generic, TypeVar, cast

from moloch.errors import InputError

T = TypeVar("T")
P = TypeVar("P")

DISTRIBUTION = "moloch-abm"
"""Entry points of this distribution are built in."""
BUILT_IN = "built in"
"""The origin of a part that belongs to this package."""


class Registry(Generic[T]):
    """The parts of one kind.

    Args:
        kind: what a part is called, in the singular: ``"ranker"``. Its entry points are in the group ``moloch.rankers``.
        built_in: name -> part, or ``"module:attribute"``, which is imported when the part is first asked for.
    """

    def __init__(self, kind: str, built_in: Mapping[str, T | str] | None = None) -> None:
        self.kind, self.group = kind, f"moloch.{kind.replace(' ', '_')}s"
        self._built_in = dict(built_in or {})
        self._added: dict[str, tuple[T, str]] = {}

    def get(self, name: str) -> T:
        """Return the part of that name.

        Raises:
            InputError: there is none, or the package that offers it cannot be imported.
        """
        if name in self._added:
            return self._added[name][0]
        if name in self._built_in:
            part = self._built_in[name]
            if isinstance(part, str):
                part = self._built_in[name] = _attribute(part)
            return cast(T, part)
        if name in self._offered:
            return self._load(self._offered[name])
        raise self.unknown(name)

    def unknown(self, name: object, where: str = "", also: str = "") -> InputError:
        """Return the error for a name that no part has, with the name that was probably meant.

        Args:
            where: file, line and column of the name.
            also: what else could be given, as the end of a sentence: ``"or the path of a YAML file"``.
        """
        names = self.names()
        near = get_close_matches(str(name), names, n=1)
        guess = f"Did you mean {near[0]!r}? " if near else ""
        choice = f"Choose one of {', '.join(names)}{f', {also}' if also else ''}" if names else f"Give {also}"
        return InputError(
            f"unknown {self.kind} {name!r}",
            where=where,
            fix=f"{guess}{choice}; your own comes from a module that `extensions` names.",
        )

    def register(self, name: str) -> Callable[[P], P]:
        """Return a decorator that adds what it decorates under ``name``."""

        def decorate(part: P) -> P:
            self.add(name, cast(Any, part))
            return part

        return decorate

    def add(self, name: str, part: T) -> None:
        """Add a part; the same object, or the same code imported again, may be added again.

        Raises:
            InputError: another part has that name: results of earlier runs would no longer mean what they say.
        """
        module = _module(part)
        if (
            name in self._built_in
            or (name in self._added and not _same(self._added[name][0], part))
            or (name in self._offered and self._offered[name].module != module)
        ):
            raise InputError(
                f"the {self.kind} {name!r} already exists",
                where=module,
                why=f"it is {self.origin(name) if name not in self._built_in else BUILT_IN}",
                fix="Give yours another name.",
            )
        self._added[name] = (part, module)

    def names(self) -> list[str]:
        """Return all names: built-in ones first, in their order, then added and offered ones."""
        return list(dict.fromkeys([*self._built_in, *self._added, *self._offered]))

    def origin(self, name: str) -> str:
        """Return the module that a part comes from, or :data:`BUILT_IN`.

        Raises:
            InputError: there is no such part.
        """
        if name in self._added:
            return self._added[name][1]
        if name in self._built_in:
            return BUILT_IN
        if name not in self._offered:
            raise self.unknown(name)
        entry = self._offered[name]
        ours = entry.dist is not None and entry.dist.name == DISTRIBUTION
        return BUILT_IN if ours else entry.module

    def __contains__(self, name: object) -> bool:
        return name in self._added or name in self._built_in or name in self._offered

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    @cached_property
    def _offered(self) -> dict[str, metadata.EntryPoint]:
        return {entry.name: entry for entry in metadata.entry_points(group=self.group)}

    def _load(self, entry: metadata.EntryPoint) -> T:
        try:
            return entry.load()
        except (ImportError, AttributeError) as error:
            package = entry.dist.name if entry.dist else entry.module
            raise InputError(
                f"the {self.kind} {entry.name!r} cannot be imported",
                where=package,
                why=str(error),
                fix=f"Install a version of {package} that works with this one, or remove it.",
            ) from error


def _attribute(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _module(part: object) -> str:
    return getattr(part, "__module__", None) or type(part).__module__


def _same(left: object, right: object) -> bool:
    """Return whether two parts are one: the same object, or the same definition after its module was imported again."""
    name = getattr(left, "__qualname__", None)
    return left is right or (
        name is not None and name == getattr(right, "__qualname__", None) and _module(left) == _module(right)
    )
