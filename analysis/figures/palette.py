"""What marks an arm in every figure: one colour, one mark and one line, by its name or else by its method.

Hues are those of Okabe & Ito (2008), moved in lightness until each stands at least 3 : 1 against white and against a dark ground. Base is
grey. Red is for misbehaviour alone, so that no arm has it. Marks and lines say the same once more, for a print in grey.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

INK, QUIET, RULE, GROUND = (
    ("#1a1a1a", "#e8ecf1"),
    ("#6b6b6b", "#a3afbb"),
    ("#d0d0d0", "#3a444f"),
    ("#ffffff", "#12161b"),
)
"""Text, lesser text, lines and ground: on light paper, and on a dark page."""
MISBEHAVING, CLEAN = ("#b3261e", "#ff9d94"), ("#55606c", "#a9b5c0")
BASE = "base"


class Look(NamedTuple):
    """How an arm is marked.

    Attributes:
        light, dark: its colour on a light and on a dark ground, ``#rrggbb``.
        mark: matplotlib's name of its mark; ``shape``: the same in Vega.
        dash: lengths of ink and gap of its line in points; () for a line without gaps.
    """

    light: str
    dark: str
    mark: str
    shape: str
    dash: tuple[float, ...] = ()


_SQUARE, _DIAMOND, _UP, _DOWN, _CROSS = (
    ("s", "square"),
    ("D", "diamond"),
    ("^", "triangle-up"),
    ("v", "triangle-down"),
    ("P", "cross"),
)
_OF_METHODS = {
    BASE: Look("#8a939c", "#7c8792", "o", "circle"),
    "placebo": Look(
        "#3b444d", "#c9d1d9", "X", "M-1,-.6L-.6,-1 0,-.4 .6,-1 1,-.6 .4,0 1,.6 .6,1 0,.4 -.6,1 -1,.6 -.4,0Z", (1.0, 1.5)
    ),
    "rft": Look("#0072b2", "#3f9fe0", "o", "circle"),
    "tfb": Look("#00906a", "#14b88a", *_SQUARE, (4.0, 1.5)),
    "dpo": Look("#b07a00", "#f0b429", *_DIAMOND, (6.0, 1.5, 1.0, 1.5)),
    "grpo": Look("#b5548c", "#d98bb8", *_UP, (2.5, 1.2)),
}
"""Method -> its look; an arm of the method's own name has it in every figure of every run."""
SPARE = (
    Look("#3a93c9", "#8fd0f5", *_DOWN, (5.0, 1.0, 1.0, 1.0, 1.0, 1.0)),
    Look("#847b00", "#f0e442", *_CROSS, (3.0, 2.0)),
    Look("#6a51a3", "#b8a4f0", "<", "triangle-left", (7.0, 2.0)),
    Look("#00798c", "#56c7d8", ">", "triangle-right", (1.5, 1.0)),
    Look("#8c6d46", "#cfae84", "p", "M0,-1L.95,-.31 .59,.81 -.59,.81 -.95,-.31Z", (4.0, 3.0)),
)  # fmt: skip
"""For arms whose method's look is taken, in this order."""


def arm_looks(methods: Mapping[str, str], originals: Mapping[str, str] | None = None) -> dict[str, Look]:
    """Return the look of each arm, and of ``base``.

    An arm that is called as a method has that method's look; of the others the first of a method has it, if it is still free, and the rest
    take spare ones, in the order given. Beyond those, looks repeat.

    Args:
        methods: arm -> its method, in a fixed order.
        originals: arm -> the arm of which it is a further training, which has the same look.
    """
    repeats = {arm: of for arm, of in (originals or {}).items() if of and of in methods}
    looks = {BASE: _OF_METHODS[BASE]} | {arm: _OF_METHODS[arm] for arm in methods if arm in _OF_METHODS}
    for arm, method in methods.items():
        if arm in looks or arm in repeats:
            continue
        free = [
            look
            for look in (_OF_METHODS.get(method), *SPARE, *_OF_METHODS.values())
            if look and look not in looks.values()
        ]
        looks[arm] = free[0] if free else SPARE[len(looks) % len(SPARE)]
    return looks | {arm: looks[of] for arm, of in repeats.items()}


def dark_of() -> dict[str, str]:
    """Return light colour -> the one in its place on a dark ground, for all that figures use."""
    looks = {look.light: look.dark for look in (*_OF_METHODS.values(), *SPARE)}
    return looks | dict((INK, QUIET, RULE, GROUND, MISBEHAVING, CLEAN))
