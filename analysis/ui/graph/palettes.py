"""Colours that colour-blind readers can tell apart, each in two forms: one for a light ground, one for a dark one.

Categories are the hues of Okabe & Ito (2008), moved in lightness until each stands at least 3 : 1 against both grounds of the
widget (WCAG 2.2, 1.4.11). What is ordered, as rounds of reach are, has one hue from weak to strong. Opinions are a diverging ramp, blue to grey to orange, with even steps in OKLab (Ottosson 2020).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypedDict

from moloch.errors import InputError

GROUNDS = {"light": "#fbfcfd", "dark": "#0f1318"}
"""What the widget draws on."""
NEUTRAL = ("#c6ced5", "#4b5661")
"""Nobody's colour: no choice yet. Paler than the grey of the base model, so that nobody's choice does not look like one."""
HUES = (
    ("#0072b2", "#3f9fe0"),  # blue
    ("#d55e00", "#e8752a"),  # vermillion
    ("#00906a", "#14b88a"),  # bluish green
    ("#b5548c", "#d98bb8"),  # reddish purple
    ("#b07a00", "#f0b429"),  # orange
    ("#3a93c9", "#8fd0f5"),  # sky blue
    ("#847b00", "#f0e442"),  # yellow
    ("#3b444d", "#c9d1d9"),  # near black, near white
)
KINDS = {"strategy": ("#b3261e", "#ff9d94"), "copying": ("#55606c", "#a9b5c0")}
"""What probes found: misbehaviour in red, which nothing else has, and failures of skill in grey. As letters: 4.5 : 1."""
BINS = 21
_HEX = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)


class Swatch(TypedDict):
    """One entry of a palette: what it means, and ``#rrggbb`` on a light and on a dark ground."""

    label: str
    light: str
    dark: str


def categories(labels: Iterable[str], *, neutral: str | None = None) -> list[Swatch]:
    """Return one colour per label, in order; eight hues, then the same ones paler.

    Args:
        neutral: label of a grey entry put first (index 0), for members who have not chosen.
    """
    swatches = [] if neutral is None else [Swatch(label=neutral, light=NEUTRAL[0], dark=NEUTRAL[1])]
    for i, label in enumerate(labels):
        light, dark = HUES[i % len(HUES)]
        if i >= len(HUES):
            light, dark = _towards(light, GROUNDS["light"]), _towards(dark, GROUNDS["dark"])
        swatches.append(Swatch(label=str(label), light=light, dark=dark))
    return swatches


def opinions(bins: int = BINS, low: float = -1.0, high: float = 1.0) -> list[Swatch]:
    """Return a diverging ramp of ``bins`` colours, from ``low`` (blue) over grey to ``high`` (orange), each labelled by its range.

    Raises:
        InputError: fewer than 3 bins or more than 255, or an even number: the middle would have no colour.
    """
    if not 3 <= bins <= 255 or bins % 2 == 0:
        raise InputError(f"cannot make a ramp of {bins} colours", fix="Give an odd number from 3 to 255.")
    width = (high - low) / bins
    made: list[Swatch] = []
    for i in range(bins):
        at = 2 * i / (bins - 1) - 1
        label = f"{low + i * width:+.2f} to {low + (i + 1) * width:+.2f}"
        made.append(Swatch(label=label, light=_diverging(at, 0.66, 0.42), dark=_diverging(at, 0.50, 0.82)))
    return made


SEQUENCES = {"reach": (283.0, 0.11, 0.86), "strategy": (27.0, 0.16, 0.76)}
"""Hue in degrees, chroma, and lightness of the strongest on a dark ground, of ordered colours: exposure and reach, which no competitor's colour resembles; misbehaviour, which is red."""


def sequential(
    labels: Iterable[str],
    *,
    neutral: str | None = None,
    of: Literal["reach", "strategy"] = "reach",
    falling: bool = False,
) -> list[Swatch]:
    """Return one colour per label of a single hue, in even steps from weak to strong.

    Args:
        neutral: label of a grey entry put first (index 0), for members without a value.
        of: which of :data:`SEQUENCES`.
        falling: from strong to weak instead.
    """
    names, (hue, chroma, lightest) = list(labels), SEQUENCES[of]
    swatches = [] if neutral is None else [Swatch(label=neutral, light=NEUTRAL[0], dark=NEUTRAL[1])]
    for i, label in enumerate(names):
        at = 1.0 if len(names) == 1 else i / (len(names) - 1)
        at = 1 - at if falling else at
        light, dark = (
            _hued(low + (high - low) * at, chroma * (0.75 + 0.25 * at), hue)
            for low, high in ((0.64, 0.34), (0.52, lightest))
        )
        swatches.append(Swatch(label=str(label), light=light, dark=dark))
    return swatches


def check_palette(given: Iterable[Mapping[str, object]]) -> list[Swatch]:
    """Return a palette as it is sent to the browser.

    Raises:
        InputError: an entry lacks a label or a colour, a colour is not ``#rrggbb``, or there are more than 255.
    """
    made: list[Swatch] = []
    for i, entry in enumerate(given):
        where = f"palette[{i}]"
        if not isinstance(entry, Mapping) or not {"label", "light"} <= set(entry):
            raise InputError(
                "not a colour entry", where=where, fix="Give {'label': ..., 'light': '#rrggbb', 'dark': '#rrggbb'}."
            )
        light, dark = str(entry["light"]), str(entry.get("dark", entry["light"]))
        for colour in (light, dark):
            if not _HEX.fullmatch(colour):
                raise InputError(f"not a colour: {colour!r}", where=where, fix="Write it as #rrggbb.")
        made.append(Swatch(label=str(entry["label"]), light=light.lower(), dark=dark.lower()))
    if len(made) > 255:
        raise InputError(f"a palette of {len(made)} colours", where="palette", fix="Give at most 255.")
    return made


def _towards(colour: str, ground: str, share: float = 0.4) -> str:
    mixed = (round(a + (b - a) * share) for a, b in zip(_parts(colour), _parts(ground), strict=True))
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def _parts(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _diverging(at: float, middle: float, end: float) -> str:
    """Return the colour at -1 .. 1: lightness goes from ``middle`` to ``end``, chroma from nothing to full, both evenly."""
    return _hued(middle + (end - middle) * abs(at), 0.125 * abs(at), 250 if at < 0 else 55)


def _hued(lightness: float, chroma: float, degrees: float) -> str:
    hue = math.radians(degrees)
    return _oklab(lightness, chroma * math.cos(hue), chroma * math.sin(hue))


def _oklab(lightness: float, a: float, b: float) -> str:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    mid = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * mid + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * mid - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * mid + 1.7076147010 * short,
    )
    return "#{:02x}{:02x}{:02x}".format(*(round(255 * min(1.0, max(0.0, _gamma(v)))) for v in linear))


def _gamma(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
