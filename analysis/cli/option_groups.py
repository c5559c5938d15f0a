"""Options that several commands share as a group: a parameter that is a dataclass of options stands for each of its fields.

A group may hold a group.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the fields of its dataclass parameters one by one, as typer reads them.

    A field is annotated as an option of typer is, and has a default. A mistake that the dataclass finds in its own fields is raised
    when the command is called.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if _is_group(kind)}
    parameters = list[inspect.Parameter]()
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            parameters += _options(groups[name])
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name]))

    @functools.wraps(command)
    def called(**given: Any) -> None:
        made = {name: _made(kind, given) for name, kind in groups.items()}
        command(**given, **made)

    called.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    return called


def _is_group(kind: object) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _made(group: Any, given: dict[str, Any]) -> Any:
    """Take the options of a group out of ``given``, and return the group; an option that is not given has its default."""
    hints = get_type_hints(group)
    inner = {each.name: _made(hints[each.name], given) for each in fields(group) if _is_group(hints[each.name])}
    return group(**inner, **{each.name: given.pop(each.name) for each in fields(group) if each.name in given})


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    found = list[inspect.Parameter]()
    for each in fields(group):
        kind = hints[each.name]
        if _is_group(kind):
            found += _options(kind)
        else:
            found.append(
                inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=kind)
            )
    return found
