"""Classes of members and competitors by name, and which members are of which.

A class registers itself, in a module that the run's ``extensions`` name::

    @MEMBERS.register("loyal")
    class Loyal(Member):
        def react(self, offer):
            return 0

Knows nothing of what such a class decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from traceback import extract_tb
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from moloch import keyed
from moloch.errors import InputError, MolochError
from moloch.registry import Registry

if TYPE_CHECKING:  # Mesa, which a plan of the usual classes does without
    from abm.worlds.agents import Competitor, Member

A = TypeVar("A", "Member", "Competitor")
POLICY = "policy"
"""The usual class of competitors."""
MEMBERS: Registry[type[Member]] = Registry("member", {"usual": "abm.worlds.agents:Member"})
"""Name -> class of members."""
COMPETITORS: Registry[type[Competitor]] = Registry("competitor", {POLICY: "abm.worlds.agents:Competitor"})
"""Name -> class of competitors."""


def member_class(name: str) -> type[Member]:
    """Return the class of members of that name.

    Raises:
        InputError: there is none, or it is not a class of members.
    """
    from abm.worlds.agents import Member

    return _subclass(MEMBERS, name, Member)


def competitor_class(name: str) -> type[Competitor]:
    """Return the class of competitors of that name.

    Raises:
        InputError: there is none, or it is not a class of competitors.
    """
    from abm.worlds.agents import Competitor

    return _subclass(COMPETITORS, name, Competitor)


def roles(ids: NDArray[np.int64], shares: Mapping[str, float], seed: int) -> NDArray[np.int8]:
    """Return which of ``shares`` each member is of, shape (k,): its place in their order, -1 for the usual class.

    Drawn at random, keyed by persona index and seed: a member keeps its class in all stages and arms of a run, and
    however many others there are.

    Args:
        ids: shape (k,), persona indices.
        shares: name -> share of all members, 0 .. 1, at most 1 in all.
    """
    if not shares:
        return np.full(len(ids), -1, dtype=np.int8)
    bounds = np.cumsum(list(shares.values()))
    drawn = np.searchsorted(bounds, keyed.uniforms(ids, seed, "members"), side="right")
    return np.where(drawn < len(bounds), drawn, -1).astype(np.int8)


def failed(what: str, error: Exception) -> MolochError:
    """Return the error of a class of the user's own that raised another: what failed, and in which line of which file."""
    line = extract_tb(error.__traceback__)[-1]
    return MolochError(f"{what} failed", where=f"{line.filename}:{line.lineno}", why=f"{type(error).__name__}: {error}")


def _subclass(registry: Registry[type[A]], name: str, base: type[A]) -> type[A]:
    part = registry.get(name)
    if not (isinstance(part, type) and issubclass(part, base)):
        raise InputError(
            f"the {registry.kind} {name!r} is not a {registry.kind} class",
            where=registry.origin(name),
            fix=f"Derive it from abm.worlds.{base.__name__}.",
        )
    return part
