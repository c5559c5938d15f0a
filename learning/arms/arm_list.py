"""The list form of the setting ``arms``: names of methods, and arms with settings of their own, in the order in which they learn::

    arms: [rft, {slow: {method: rft, lora: {lr: 1e-4}}}, placebo]

What an item leaves open is what a bare name stands for. Reads plain values, which may be anybody's; knows no arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

CONTROL = "placebo"
"""In a list, the name of the arm that the others are compared with."""


def listed(items: object) -> dict[str, Mapping[str, Any]]:
    """Return name -> settings of a list, in its order, with what the list says without words: each arm is compared with the one called
    ``placebo``, and that has the rows of the first arm, if it stands behind it. What is no arm is left out.

    Args:
        items: the setting ``arms`` as a log holds it.
    """
    given = {name: settings or {} for name, settings in _arms(items)}
    control = CONTROL if CONTROL in given else ""
    first = next(iter(given), "")
    learner = first if first != control else ""  # what a later arm learns is not there yet
    meant = {name: {"method": name, "compared_with": control} for name in given}
    if control:
        meant[control] = {"method": control, "rows_of": learner}
    return {name: meant[name] | dict(settings) for name, settings in given.items()}


def _arms(items: object) -> list[tuple[str, Mapping[str, Any] | None]]:
    """Return the name and the settings of each item that is one arm, the first of each name; None for a bare name."""
    found: dict[str, Mapping[str, Any] | None] = {}
    for item in items if isinstance(items, list | tuple) else ():
        if isinstance(item, str):
            found.setdefault(item, None)
        elif isinstance(item, Mapping) and len(item) == 1:
            name, settings = next(iter(item.items()))
            if isinstance(settings, Mapping):
                found.setdefault(str(name), settings)
    return list(found.items())


def names_of(arms: object) -> list[str]:
    """Return the names of the setting ``arms`` in any form, as a log holds it, in its order."""
    return [*map(str, arms)] if isinstance(arms, Mapping) else [name for name, _ in _arms(arms)]


def by_name(items: list[Any] | tuple[Any, ...]) -> dict[str, Any] | None:
    """Return name -> settings of a list, an empty mapping for a bare name; None where an item is no arm, or two have one name."""
    arms = _arms(items)
    return {name: dict(settings or {}) for name, settings in arms} if len(arms) == len(items) else None


def as_list(arms: Mapping[str, Any]) -> list[Any]:
    """Return the list that holds ``arms``: without settings, or with the method of its name alone, an arm is its bare name. One that has
    settings, and no method among them, keeps that of its name."""
    return [
        name if settings in ({}, {"method": name}) else {name: _whole(name, settings)}
        for name, settings in arms.items()
    ]


def _whole(name: str, settings: object) -> object:
    return {"method": name, **settings} if isinstance(settings, Mapping) else settings


def no_such_arm(name: str, names: list[str]) -> str:
    """Return what to do about an arm that a list does not have."""
    near = get_close_matches(name, names, n=1)
    return (
        f"{f'Did you mean {near[0]!r}? ' if near else ''}Arms are {', '.join(names)}; to add one, give the whole list."
    )
