"""The societies of a run as files that the audience graph of a site is drawn from: what the widget takes, packed for a script.

A file is a call of ``moloch_society`` with one object: pages that are opened from disk may load scripts, and nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from abm.log import open_log
from analysis.formats import count
from analysis.readings.book import Book
from analysis.readings.cascades import Cascade, CascadeReading
from analysis.readings.reading import read
from analysis.readings.society import SocietyKey
from analysis.readings.spreads import Spread
from analysis.site.sources import SiteSociety, SiteSource
from analysis.ui.data import reach as reach_data
from analysis.ui.data.film import film
from analysis.ui.data.frames import Frames
from analysis.ui.data.places import Places, place
from analysis.ui.data.reach import ReachFilm, kinds_film, message_film
from analysis.ui.graph import buffers
from analysis.ui.graph.palettes import check_palette

MESSAGES = 60
"""Messages of a society whose reach can be drawn: those that most members saw."""
LEAST = 36
"""Bytes that a member takes, about, in a society of two frames: place, name and colours."""


@dataclass(frozen=True)
class DrawnSociety:
    """A society that a site draws.

    Attributes:
        key: as keys write it; ``label``: in words.
        script: what its file holds.
        messages: whose reach can be drawn.
        note: what is left out, in words; empty for nothing.
    """

    key: str
    label: str
    script: bytes
    messages: list[str]
    note: str


def drawn_society(source: SiteSource, society: SiteSociety, most: int) -> DrawnSociety | str:
    """Return a society as the graph takes it, or why it is not drawn.

    Args:
        most: bytes of its file, about.
    """
    key, frames = society.key, society.frames
    if frames is None or not len(frames):
        return f"{key.label}: it has not begun."
    if LEAST * frames.n > most:
        return f"{key.label}: {count(frames.n, 'member')} take {LEAST * frames.n / 1e6:.1f} MB or more; --site-mb gives more room."
    places = place(source.book.people, source.book.header, frames.personas, key.split, source.path)
    ways = _ways(source, key)
    room = most - (LEAST - 4) * frames.n  # for colours
    kept = _thinned(frames, room // 2)
    reach = list(_reach(source, society, ways, room // 2)) if ways else []
    left_out = [f"one frame in {kept.thinned:,} is kept"] if kept.thinned > 1 else []
    drawn = [name for name, *_ in reach if name != reach_data.MISBEHAVED]
    if len(drawn) < len(ways):
        left_out.append(f"reach is shown for the {len(drawn):,} most seen of {count(len(ways), 'message')}")
    held = _held(places, kept, key) | {
        "views": _views(kept, source.book),
        "messages": [_film(made) | {"value": name, "label": label} for name, label, made in reach],
    }
    text = json.dumps(held, separators=(",", ":"))
    note = f"{key.label}: {'; '.join(left_out)}." if left_out else ""
    return DrawnSociety(str(key), key.label, f"moloch_society({text})\n".encode(), drawn, note)


def _held(places: Places, frames: Frames, key: SocietyKey) -> dict[str, Any]:
    """Return what is the same whatever colours the members."""
    ties, there = buffers.sample_ties(places.ties, frames.n)
    sampled = f"Showing {len(ties):,} of {there:,} ties" if there > len(ties) else ""
    return {
        "key": str(key),
        "title": f"Audience: {key.label}",
        "note": " · ".join(part for part in (places.note, sampled) if part),
        "names": buffers.check_names(places.names, frames.n),
        "places": _packed(places.xy.astype("<f4")),
        "ties": _packed(ties),
        "sizes": _packed(buffers.size_steps(places.followers, frames.n)),
        "communities": _packed(buffers.check_communities(places.communities, frames.n)),
        "frames": buffers.check_frames(frames.labels, len(frames)),
        "marks": buffers.check_marks(frames.marks),
    }


def _views(frames: Frames, book: Book) -> list[dict[str, Any]]:
    """Return what can colour the members: their last choice, opinions of each competitor, exposure; ``ringed``: with exposure around."""
    named = [("choice", 0, "last choice")]
    named += [("opinion", slot, f"opinion of {name}") for slot, name in enumerate(frames.slots) if frames.opinions]
    views = []
    for fill, slot, label in (*named, ("exposure", 0, "exposure")):
        made = film(frames, fill, slot, config=book.config)
        view = {
            "value": f"{fill}-{slot}",
            "label": label,
            "fills": _packed(made.fills),
            "ringed": made.outlines is not None,
        }
        views.append(view | _dress(made.palette, made.ramp, made.title, made.outline_labels))
    return views


def _film(made: ReachFilm) -> dict[str, Any]:
    rings = made.film.outlines
    return {
        "fills": _packed(made.film.fills),
        "outlines": _packed(rings) if rings is not None else "",
        "arrows": _packed(made.arrows.astype("<u4")),
        "frames": buffers.check_frames(made.labels, len(made.labels)),
        "outlines_title": "What it did",
    } | _dress(made.film.palette, {}, made.film.title, made.film.outline_labels)


def _dress(palette: Sequence[Any], ramp: Mapping[str, float], title: str, outlines: list[str]) -> dict[str, Any]:
    return {
        "palette": check_palette(palette),
        "ramp": dict(ramp),
        "fills_title": title,
        "outline_labels": outlines,
    }


def _packed(array: ArrayLike) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _thinned(frames: Frames, most: int) -> Frames:
    """Return frames that take about ``most`` bytes, every second one left out until they do."""
    kept = frames.copy()
    layers = 2 + (len(kept.slots) if kept.opinions else 0)
    while len(kept) * kept.n * layers * 4 // 3 > most and len(kept) > 2:
        kept.thin()
    return kept


def _ways(source: SiteSource, key: SocietyKey) -> list[Spread]:
    return reach_data.of_society(source.spreads, key, source.book) if source.book.networked else []


def _reach(
    source: SiteSource, society: SiteSociety, ways: list[Spread], most: int
) -> Iterator[tuple[str, str, ReachFilm]]:
    """Yield what can be drawn of reach, each with its name and label: both kinds against each other, then single messages."""
    key, book = society.key, source.book
    assert society.frames is not None
    personas = society.frames.personas
    labels = dict(reach_data.message_options(ways, book, ""))
    if reach_data.MISBEHAVED in labels:
        place = {"phase": key.phase, "arm": key.arm}
        yield reach_data.MISBEHAVED, labels[reach_data.MISBEHAVED], kinds_film(society.kinds, personas, place)
    for spread, cascade in zip(shown := ways[:MESSAGES], _cascades(source, shown), strict=True):
        place = {"epoch": spread.epoch, "phase": spread.phase, "arm": spread.arm}
        made = message_film(cascade, personas, place)
        most -= 4 * (2 * made.film.fills.size + made.arrows.nbytes) // 3
        if most < 0:
            return
        yield spread.message, labels[spread.message], made


def _cascades(source: SiteSource, spreads: Sequence[Spread]) -> list[Cascade]:
    """Return each message's way, in order; a step's events are read once."""
    steps = {contest.contest: contest.step for contest in source.book.contests.values()}
    readings = {spread.message: CascadeReading(spread.message) for spread in spreads}
    by_step: dict[int, list[CascadeReading]] = {}
    for spread in spreads:
        if (step := steps.get(spread.contest)) is not None:
            by_step.setdefault(step.first, []).append(readings[spread.message])
    last = {step.first: step.last for step in steps.values()}
    log = open_log(source.path, write=False)
    for first, of_step in sorted(by_step.items()):
        read(log.read(first, last[first] + 1 if last[first] >= 0 else source.book.seq), *of_step)
    return [readings[spread.message].result() for spread in spreads]
