"""Mitigations by name. Knows names only: a mitigation's file is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learning.mitigations._mitigation import Mitigation
from moloch.errors import InputError
from moloch.registry import Registry

MITIGATIONS: Registry[type[Mitigation]] = Registry(
    "mitigation",
    {
        "truth_gate": "learning.mitigations.truth_gate:TruthGate",
        "auditor": "learning.mitigations.auditor:Auditor",
        "penalty": "learning.mitigations.penalty:Penalty",
        "kl_anchor": "learning.mitigations.kl_anchor:KLAnchor",
    },
)
"""Mitigation by name; your own is added with ``@MITIGATIONS.register("name")``."""


def mitigations(settings: Mapping[str, Mapping[str, Any]]) -> list[Mitigation]:
    """Return the mitigations of an arm, in the order of their names.

    Args:
        settings: name -> its settings.

    Raises:
        InputError: there is no such mitigation, or a setting is not valid.
    """
    return [named(name).configured(own) for name, own in sorted(settings.items())]


def named(name: str) -> type[Mitigation]:
    """Return the mitigation of that name.

    Raises:
        InputError: there is none, or it calls itself otherwise: the log would not say which one it was.
    """
    kind = MITIGATIONS.get(name)
    if kind.name != name:
        raise InputError(
            f"the mitigation {name!r} calls itself {kind.name!r}",
            where=kind.__module__,
            fix=f'Set name: ClassVar[str] = "{name}" in {kind.__name__}.',
        )
    return kind
