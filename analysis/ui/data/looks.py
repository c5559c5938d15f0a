"""The colour of each arm on all pages: the one that it has in every figure (:mod:`analysis.figures.palette`).

What an arm did not write alone, such as one of several messages of a training contest, has a colour that no arm of the run has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.figures.palette import SPARE, Look, arm_looks
from learning.arms.arm import arms_of

ABSTAINED, NO_OPTION = ("#8c6d46", "#cfae84"), ("#847b00", "#f0e442")
"""Of votes that go to no message, on light and on dark."""


def looks(config: Mapping[str, Any]) -> dict[str, Look]:
    """Return arm -> its look, of the settings of a log; ``base``, too."""
    arms = arms_of(config)
    return arm_looks(
        {name: arm.method for name, arm in arms.items()}, {name: arm.repeat_of for name, arm in arms.items()}
    )


def slot_looks(config: Mapping[str, Any], names: Sequence[str]) -> list[Look]:
    """Return the looks of a contest's messages.

    Args:
        names: who wrote each; one that is no arm, or that is there already, has a look that no arm of the run has, as far as there are any.
    """
    of_arms = looks(config)
    taken = {ABSTAINED[0], NO_OPTION[0], *(look.light for look in of_arms.values())}
    free = [look for look in SPARE if look.light not in taken] or list(SPARE)
    shown: list[Look] = []
    for i, name in enumerate(names):
        look = of_arms.get(name)
        shown.append(look if look is not None and name not in names[:i] else free[i % len(free)])
    return shown


def css(look: Look | tuple[str, str] | None) -> str:
    """Return a colour as style sheets take it, on a light and on a dark page; that of soft text for None."""
    return f"light-dark({look[0]}, {look[1]})" if look is not None else "var(--soft)"


def colours(config: Mapping[str, Any]) -> dict[str, str]:
    """Return arm -> its colour as style sheets take it; ``base``, too."""
    return {name: css(look) for name, look in looks(config).items()}
