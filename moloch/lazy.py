"""Lazy doors: a package lists its public names, and the module of each is imported when the name is first used.

``dir()`` of such a package shows its public names and nothing else. A name is looked up once: the package keeps it. No
submodule may have the name of a public object, since importing the submodule would hide the object (a test holds this).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

OURS = ("abm", "analysis", "learning", "media_graph", "populations")
"""Top-level packages that are installed beside this one; a user's folder of one of these names hides ours."""


def door(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package.

    Args:
        package: the package's ``__name__``.
        homes: public name -> dotted name of the module that defines it; with a colon at its end, the name is the module.
    """

    def __getattr__(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        refuse_shadow(home.partition(".")[0].rstrip(":"))
        module = import_module(home.rstrip(":"))
        part = module if home.endswith(":") else getattr(module, name)
        setattr(sys.modules[package], name, part)
        return part

    def __dir__() -> list[str]:
        return sorted(homes)

    return __getattr__, __dir__


def refuse_shadow(package: str) -> None:
    """Refuse to import one of our packages where a user's folder or file of that name would be imported instead.

    Raises:
        ImportError: names that folder or file, and what to do.
    """
    if package not in OURS:
        return
    loaded = sys.modules.get(package)
    spec = loaded.__spec__ if loaded is not None else find_spec(package)
    if spec is None:
        return
    ours = Path(__file__).resolve().parents[1] / package
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    place = Path(places[0]).resolve() if places else ours
    hiding = place.parent if place.name == "__init__.py" else place
    if hiding == ours:
        return
    raise ImportError(f"{hiding} hides moloch's package {package!r}: rename it, or start Python in another folder")
