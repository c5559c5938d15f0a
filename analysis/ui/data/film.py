"""A society's frames as colours: by choice, by opinion of a competitor, or by exposure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.formats import DASH, signed
from analysis.readings.book import Book
from analysis.readings.society import PHASES, SHARED_ARM, SocietyKey, slot_names, societies_of
from analysis.ui.address import PageAddress
from analysis.ui.data.frames import ENDS, Frames
from analysis.ui.data.looks import ABSTAINED, NO_OPTION, slot_looks
from analysis.ui.data.places import traits_of
from analysis.ui.graph import Swatch, categories, opinion_bins, opinions, sequential

EXPOSURES = ("Saw nothing", "Saw a message", "Engaged with one")
ASIDE = (
    Swatch(label="Abstained", light=ABSTAINED[0], dark=ABSTAINED[1]),
    Swatch(label="Named no option", light=NO_OPTION[0], dark=NO_OPTION[1]),
)
"""Entries that are not a choice of a message, in the same colours everywhere."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Film:
    """What the widget draws.

    Attributes:
        fills, outlines: shape (T, N), codes of ``palette`` and of ``outline_labels``; no outlines where they would say the same.
        ramp: ends of an ordered palette, or empty.
    """

    fills: NDArray[np.uint8]
    outlines: NDArray[np.uint8] | None
    palette: list[Any]
    ramp: dict[str, float]
    title: str
    outline_labels: list[str]


def swatches(config: Mapping[str, Any], names: Sequence[str], neutral: str = "No choice yet") -> list[Swatch]:
    """Return the palette of choices: nobody's first, then each message in the colour of its arm."""
    shown = zip(names, slot_looks(config, names), strict=True)
    return [
        *categories((), neutral=neutral),
        *(Swatch(label=name, light=look[0], dark=look[1]) for name, look in shown),
    ]


def film(
    frames: Frames, fill: str, slot: int = 0, since: int = 0, least: float = 0.0, config: Mapping[str, Any] = NOTHING
) -> Film:
    """Return frames as colours; opinions where there are none are shown as choices.

    Args:
        since: leave out the frames before this one; there is one at least from there on.
        least: the scale of opinions ends at least there.
        config: the run's settings, by which arms have their colours.
    """
    exposed = _stacked(frames.exposures[since:], frames.n)
    labels: list[str] = list(EXPOSURES)
    if fill == "opinion" and frames.opinions:
        slot = min(slot, len(frames.slots) - 1)
        of = np.stack([opinion[slot] for opinion in frames.opinions[since:]])
        most = max(least, float(np.abs(of).max(initial=0)))
        end = next(end for end in ENDS if end >= most or end == ENDS[-1])
        ramp, title = {"low": -end, "high": end}, f"Opinion of {frames.slots[slot]}"
        return Film(opinion_bins(of, low=-end, high=end), exposed, opinions(low=-end, high=end), ramp, title, labels)
    if fill == "exposure":
        return Film(exposed, None, sequential(EXPOSURES[1:], neutral=EXPOSURES[0]), {}, "Exposure", labels)
    palette = [*swatches(config, frames.slots), *ASIDE]
    return Film(_stacked(frames.choices[since:], frames.n), exposed, palette, {}, "Last choice", labels)


def _stacked(codes: list[NDArray[np.uint8]], n: int) -> NDArray[np.uint8]:
    return np.stack(codes) if codes else np.zeros((0, n), dtype=np.uint8)


def society_choices(book: Book, address: PageAddress) -> tuple[SocietyKey | None, list[dict[str, Any]]]:
    """Return which society is shown, by default the evaluation of the first arm, and what can be chosen about it."""
    options = society_options(book)
    if not options:
        return None, []
    key = SocietyKey.parse(address.society)
    if key is None or str(key) not in dict(options):
        key = SocietyKey.parse(options[0][0])
    assert key is not None
    choices = [
        {"name": "society", "label": "Society", "value": str(key), "options": [list(option) for option in options]}
    ]
    fills = [["choice", "last choice"], ["exposure", "exposure"]]
    if book.networked:
        fills = [fills[0], ["opinion", "opinion"], fills[1], ["reach", "reach of a message"]]
    fill = address.fill if address.fill in dict(fills) else "choice"
    choices.append({"name": "fill", "label": "Colour by", "value": fill, "options": fills})
    if fill == "opinion":
        named = [[str(slot), name] for slot, name in enumerate(slot_names(key, book.config))]
        choices.append({"name": "slot", "label": "of", "value": str(address.slot), "options": named})
    traits = list(traits_of(book.people, key.split)) if not book.networked else []
    if len(traits) >= 2:
        for name, label, default in (("across", "Across", 0), ("up", "Up", 1)):
            chosen = getattr(address, name)
            value = chosen if chosen in traits else traits[default]
            choices.append(
                {"name": name, "label": label, "value": value, "options": [[trait, trait] for trait in traits]}
            )
    return key, choices


def society_options(book: Book) -> list[tuple[str, str]]:
    """Return key and label of every society, evaluations first; several epochs of one arm are also there as one."""
    there = book.societies()
    arms = list(dict.fromkeys(arm for _, arm, _ in there if arm != SHARED_ARM)) or ([SHARED_ARM] if there else [])
    keys: list[SocietyKey] = []
    for phase in PHASES:
        for arm in arms:
            epochs = sorted({epoch for p, a, epoch in there if p == phase and a in societies_of(arm, book.config)})
            keys += [SocietyKey(phase, arm, epoch) for epoch in ([None] if len(epochs) > 1 else []) + epochs]
    return [(str(key), key.label) for key in keys]


def society_of(book: Book, number: int) -> SocietyKey | None:
    """Return the society of one epoch that a step is of, the first arm's where all arms share it; None without such a step."""
    step = next((step for step in book.steps if step.number == number), None)
    if step is None:
        return None
    arms = (arm for _, arm, _ in book.societies() if arm != SHARED_ARM)
    return SocietyKey(step.phase, next(arms, SHARED_ARM) if step.arm == SHARED_ARM else step.arm, step.epoch)


def newest(book: Book) -> SocietyKey | None:
    """Return the society that a run that is being written is at; None before its first step."""
    return society_of(book, book.steps[-1].number) if book.steps else None


def is_written(book: Book, key: SocietyKey) -> bool:
    """Return whether a run's newest step is one of a society: more of it may come, if the run lives."""
    step = book.steps[-1] if book.steps else None
    if step is None or step.phase != key.phase or key.epoch not in (None, step.epoch):
        return False
    return step.arm in societies_of(key.arm, book.config)


def member_facts(frames: Frames, row: int, t: int) -> list[list[str]]:
    """Return what is known of one member in one frame: choice, exposure and opinions, in words."""
    named = ["none yet", *frames.slots, "abstained", "named no option"]
    facts = [["last choice", named[min(int(frames.choices[t][row]), len(named) - 1)]]]
    facts.append(["exposure", EXPOSURES[int(frames.exposures[t][row])].lower()])
    if frames.opinions:
        facts += [
            [f"opinion of {name}", signed(float(frames.opinions[t][slot][row]), 2)]
            for slot, name in enumerate(frames.slots)
        ]
    return facts or [["", DASH]]
