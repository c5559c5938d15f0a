"""Arms: what one run compares. An arm is a name for a way of learning with its settings, and for what it is compared with.

The short form of the setting ``arms`` is a list of methods, each an arm of that name. The long form names the arms::

    arms:
      slow: {method: rft, compared_with: control}
      fast: {method: rft, lora: {lr: 1e-2}, compared_with: control}
      control: {method: placebo, rows_of: slow}

Arms of the long form go in the order of their names, as those of a log do: a mapping has no order of its own. Those that are brought
to another's number of rows come last: what that arm learns has to be there.

Reads settings and records of old and new logs; knows nothing of how methods work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from learning.runs.plan import BASE, SHARED, in_order

Market = Literal["solo"]
"""Whom an arm meets while it learns. ``solo``: messages of its own policy."""
CONTROL = "placebo"
"""In the short form, the method whose arm the others are compared with."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""Names of arms are parts of call sites, files and addresses."""


@dataclass(frozen=True)
class Arm:
    """One arm.

    Attributes:
        method: how it learns, by name.
        lora: settings of the trainer that differ from those of the run.
        compared_with: the arm that differences are taken from, beside those from the base model; empty for none.
        rows_of: the arm to whose number of rows its training sets are brought, in every epoch; empty for none.
        market: whom it meets while it learns.
        mitigations: what is done against misbehaviour, by name.
    """

    name: str
    method: str
    lora: Mapping[str, Any] = field(default_factory=dict)
    compared_with: str = ""
    rows_of: str = ""
    market: Market = "solo"
    mitigations: tuple[str, ...] = ()


def arms_of(record: Mapping[str, Any]) -> dict[str, Arm]:
    """Return name -> arm of recorded settings, in their order; empty where they are not those of a run.

    Args:
        record: settings as a log holds them (:class:`abm.events.RunConfigured`), of the short or the long form.
    """
    arms = record.get("arms")
    if isinstance(arms, Mapping):
        held = {
            str(name): _arm(str(name), settings) for name, settings in arms.items() if isinstance(settings, Mapping)
        }
        return {name: held[name] for name in in_order(arms) if name in held}
    if not isinstance(arms, list | tuple):
        return {}
    names = list(dict.fromkeys(name for name in arms if isinstance(name, str)))
    control = CONTROL if CONTROL in names else ""
    learner = names[0] if control and names[0] != control else ""
    return {
        name: Arm(name, name, rows_of=learner) if name == control else Arm(name, name, compared_with=control)
        for name in names
    }


def _arm(name: str, given: Mapping[str, Any]) -> Arm:
    lora = given.get("lora")
    return Arm(
        name=name,
        method=str(given.get("method", "")),
        lora=lora if isinstance(lora, Mapping) else {},
        compared_with=str(given.get("compared_with") or ""),
        rows_of=str(given.get("rows_of") or ""),
    )


def comparators(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Return arm -> the arm that it is compared with, for those that are compared with one.

    Args:
        record: settings as a log holds them.
        names: the arms of the log; where the settings name none, they count as the short form.
    """
    arms = arms_of(record) or arms_of({"arms": list(names)})
    return {arm.name: arm.compared_with for arm in arms.values() if arm.compared_with}


# -- as a setting ------------------------------------------------------------------------------------------

NAMES, TABLE = "<names>", "<table>"
"""Tags of the two forms; they appear in the paths of pydantic's errors, where :func:`setting_keys` takes them out."""


class ArmSettings(BaseModel):
    """An arm of the long form. Its record holds what was given, so that a later default changes no old record."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    lora: dict[str, Any] = {}
    compared_with: str | None = None
    rows_of: str | None = None

    @model_serializer(mode="wrap")
    def _given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


def _name(name: str) -> str:
    if name in (BASE, SHARED):
        raise _mistake(f"the name {name!r} is reserved", "Give the arm another name.")
    if not NAME.fullmatch(name):
        raise _mistake("a name has small letters, digits and _, a letter first", f"Give {name!r} another name.")
    return name


def _checked(arms: Arms) -> Arms:
    """Reject arms that cannot be told apart, and comparisons that are meaningless."""
    if not arms:
        raise _mistake("a run has at least one arm", "For example [rft, placebo].")
    if not isinstance(arms, Mapping):
        if twice := next((name for i, name in enumerate(arms) if name in arms[:i]), ""):
            fix = f"Name them: {{{twice}: {{method: {twice}}}, other: {{method: {twice}, lora: {{lr: 1e-3}}}}}}."
            raise _mistake(f"two arms are called {twice!r}", fix)
        return arms
    for name, arm in arms.items():
        _check_named(arms, name, "compared_with", arm.compared_with, "be compared with")
        _check_named(arms, name, "rows_of", arm.rows_of, "have the rows of")
        if arm.rows_of and (first := arms[arm.rows_of].rows_of):
            why = f"{arm.rows_of!r} is brought to the rows of {first!r} itself"
            raise _mistake(why, f"Write rows_of: {first}.", (name, "rows_of"))
    return {name: arms[name] for name in in_order({name: arm.model_dump() for name, arm in arms.items()})}


def _check_named(arms: Mapping[str, ArmSettings], name: str, setting: str, other: str | None, does: str) -> None:
    """Refuse a setting that names no other arm."""
    if other == name:
        raise _mistake(f"an arm cannot {does} itself", "Name another arm.", (name, setting))
    if other and other not in arms:
        near = get_close_matches(other, arms, n=1)
        fix = f"Did you mean {near[0]!r}? " if near else ""
        raise _mistake(f"there is no arm {other!r}", f"{fix}Arms are {', '.join(arms)}.", (name, setting))


def _mistake(why: str, fix: str, keys: tuple[str, ...] = ()) -> PydanticCustomError:
    return PydanticCustomError("arms", "{why}", {"why": why, "fix": fix, "keys": keys})


def _form(arms: Any) -> str:
    return TABLE if isinstance(arms, Mapping) else NAMES


Name = Annotated[str, AfterValidator(_name)]
Arms = Annotated[
    Annotated[tuple[Name, ...], Tag(NAMES)] | Annotated[dict[Name, ArmSettings], Tag(TABLE)],
    Discriminator(_form),
    AfterValidator(_checked),
]
"""The type of the setting ``arms``; iterated, it yields the names."""


def arms_in(arms: Arms) -> dict[str, Arm]:
    """Return name -> arm of the setting ``arms``."""
    return arms_of({"arms": {n: arm.model_dump() for n, arm in arms.items()} if isinstance(arms, Mapping) else arms})


def named_methods(arms: Arms) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the methods that arms name, each with the keys of the setting that names it."""
    if isinstance(arms, Mapping):
        yield from ((("arms", name, "method"), arm.method) for name, arm in arms.items())
    else:
        yield from ((("arms", i), name) for i, name in enumerate(arms))


def setting_keys(error: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Return the keys of the setting that one of pydantic's errors is about, as the settings' file has them."""
    keys = (key for key in error["loc"] if key not in (NAMES, TABLE, "[key]"))
    return (*keys, *error.get("ctx", {}).get("keys", ()))
