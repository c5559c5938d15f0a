"""Reach over the rounds of the feeds as lines in a box of 100 x 60, and what is said of them.

Means and intervals are those of :mod:`analysis.tables.matched_cascades`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.formats import count, number, number_bounds, percent, signed
from analysis.readings.spreads import Spread
from analysis.statistics.estimates import Estimate, plain
from analysis.tables.matched_cascades import ReachPoint, matched_cascades, reach_points
from analysis.ui.address import PageAddress
from analysis.ui.data.cascade import SEEN
from analysis.ui.data.contests import PAGE
from analysis.ui.data.doors import message_url

KINDS = (("misbehaving", "strategy"), ("clean", "plain"))
"""Kinds of messages, and how their lines are dressed."""
BOX = 62
"""Height of the box with a margin of 1 above and below."""
MOST_DOTS = 40
"""Rounds up to which each has a dot."""


def message_curve(spread: Spread, members: int, address: PageAddress) -> dict[str, Any]:
    """Return the share of members that had seen a message by each round, as a line; dots lead to who saw it first in their round."""
    reached = [value / max(1, members) for value in np.cumsum([0, *spread.views]).tolist()]
    line = _line("seen", "reach", reached, percent(reached[-1]))
    title = "Members who had seen it, by round"
    dots = _dots(spread, reached, address)
    return {"lines": [line], "dots": dots, "rounds": len(spread.views), "top": "100 %", "title": title, "said": []}


def _dots(spread: Spread, reached: Sequence[float], address: PageAddress) -> list[dict[str, Any]]:
    """Return a dot per round in which somebody saw a message for the first time: where it stands, in per cent, and where it leads."""
    if len(spread.views) > MOST_DOTS:
        return []
    slot = int(spread.message.rpartition("/")[2])
    people = PageAddress.parse(message_url(address, spread.contest, slot)[2:]).at(frame=SEEN, society=address.society)
    dots, before = [], 0
    for i, views in enumerate(spread.views, 1):
        if views:
            dots.append(
                {
                    "x": round(100 * i / len(spread.views), 3),
                    "y": round(100 * (60 * (1 - min(1.0, reached[i])) + 1) / BOX, 3),
                    "said": f"Round {i}: {count(views, 'member')} saw it for the first time",
                    "to": people.at(page_no=before // PAGE).url,
                }
            )
        before += views
    return dots


def curve_take(spread: Spread) -> dict[str, str]:
    """Return how the numbers behind :func:`message_curve` are taken along: members reached by each round, as CSV."""
    reached = np.cumsum([0, *spread.views]).tolist()
    rows = [f"{spread.message},{number},{value}" for number, value in enumerate(reached)]
    return {"name": "reach", "csv": "\r\n".join(["message,round,reached", *rows, ""])}


def kinds_curve(spreads: Sequence[Spread]) -> dict[str, Any]:
    """Return mean reach of misbehaving and of clean messages by round, as lines, and how their cascades differ, in words.

    They are of equal cascade size where there are such; otherwise all count as they are, and the page says so.
    """
    clustered = [(spread, spread.anchor) for spread in spreads]
    points = reach_points(clustered)
    of = "messages of equal cascade size"
    if not points:
        points, of = reach_points(clustered, matched=False), "all messages, whatever their size"
    if not points:
        said = ["No probe found misbehaving and clean messages among those of this society: nothing to compare."]
        return {"lines": [], "dots": [], "rounds": 0, "top": "", "title": "Reach by kind of message", "said": said}
    top = max(float(getattr(point, kind).value) for point in points for kind, _ in KINDS) or 1.0
    lines = [
        _line(
            kind,
            css,
            [0.0, *(getattr(p, kind).value / top for p in points)],
            number(getattr(points[-1], kind).value, 1),
        )
        for kind, css in KINDS
    ]
    title = f"Members reached by round: mean over {of}"
    return {
        "lines": lines,
        "dots": [],
        "rounds": len(points),
        "top": number(top, 1),
        "title": title,
        "said": _said(points, clustered),
    }


def _said(points: Sequence[ReachPoint], clustered: Sequence[tuple[Spread, str]]) -> list[str]:
    rows = matched_cascades(clustered)
    matched = (
        f"{percent(rows[0].matched, 0)} of the misbehaving ones have a clean one of their size, and shapes are compared among these."
        if rows[0].matched
        else "No misbehaving and clean message have the same size: the difference may be due to size alone."
    )
    said = [
        f"{count(rows[0].misbehaving, 'misbehaving message')} against {rows[0].clean:,} clean. {matched}",
        f"Members reached in the end, misbehaving less clean: {_differs(points[-1].difference, 1)}.",
    ]
    shapes = [f"{row.measure} {_differs(row.difference, 2)}" for row in rows if row.matched]
    return [*said, f"Shape of the cascade, misbehaving less clean: {', '.join(shapes)}."] if shapes else said


def _differs(estimate: Estimate, digits: int) -> str:
    return f"{signed(estimate.value, digits)} {number_bounds(plain(estimate), digits)}".rstrip()


def _line(name: str, css: str, values: Sequence[float], last: str) -> dict[str, Any]:
    """Return values of 0 .. 1 at rounds 0, 1, ... as an SVG path."""
    spots = [(100 * i / max(1, len(values) - 1), 60 * (1 - min(1.0, value))) for i, value in enumerate(values)]
    return {"name": name, "css": css, "path": "M" + " L".join(f"{x:.2f} {y:.2f}" for x, y in spots), "last": last}
