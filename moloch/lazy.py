"""Lazy doors: a package lists its public names, and the module of each is imported when the name is first used.

``dir()`` of such a package shows its public names and nothing else. A name is never looked up twice: it is kept in
the package once it was found. No submodule may have the name of a public object, since importing it would hide the
object (a test holds this).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def door(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package.

    Args:
        package: the package's ``__name__``.
        homes: public name -> dotted name of the module that defines it.
    """

    def __getattr__(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, found)
        return found

    def __dir__() -> list[str]:
        return sorted(homes)

    return __getattr__, __dir__
