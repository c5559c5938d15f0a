"""What can be taken along from a panel: files, by their addresses, and the Python code that gives the same. Pure functions.

Each is a mapping of the arguments of the front end's ``m-export``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from abm.societies import arena_in, arm_and_audience, arm_in
from analysis.readings.society import SocietyKey, societies_of
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import Value, rows_url
from analysis.ui.data.rows import RowsQuery
from analysis.ui.data.runs import plain_path

TAKE = "/take/"
"""The part of the server's addresses below which files are handed out."""


def rows_take(address: PageAddress, run: Path, frame: str, **equals: Value | None) -> dict[str, str]:
    """Return how the rows of a frame are taken along in which columns have these values.

    Raises:
        InputError: no such frame or column, or a value that it cannot have.
    """
    search = rows_url(address, frame, **equals).partition("?")[2]
    code = RowsQuery.of(PageAddress.parse(search)).code(plain_path(run))
    return {"name": frame, "href": f"{TAKE}rows.csv?{search}", "code": code}


def figure_take(address: PageAddress, run: Path, name: str) -> dict[str, str]:
    """Return how a figure of a run (:data:`analysis.figures.FIGURES`) is taken along, and the numbers behind it."""
    search = f"{PageAddress(run=address.run).search()}&{urlencode({'name': name})}"
    files = {kind: f"{TAKE}figure.{form}?{search}" for kind, form in (("href", "csv"), ("svg", "svg"), ("png", "png"))}
    folder = plain_path(run)
    code = (
        "from pathlib import Path\n\nfrom analysis.figures import draw_all\n\n"
        f"(figure,) = draw_all(Path({folder!r}), names=[{name!r}])\nprint(figure.frame)"
    )
    return {"name": name, "code": code, **files}


def graph_take(
    address: PageAddress, run: Path, config: Mapping[str, Any], key: SocietyKey | None
) -> dict[str, Any] | None:
    """Return how a graph is taken along: its picture, and what the members of the society did; None without a society."""
    if key is None:
        return None
    society, audience = arm_and_audience(key.arm)
    arms = tuple(dict.fromkeys(arm_in(arm_and_audience(arm)[0]) for arm in societies_of(key.arm, config)))
    place = {"phase": key.phase, "epoch": key.epoch, "audience": audience or None, "held_in": arena_in(society) or None}
    rows = rows_take(address, run, "reactions", arm=arms, **place)
    return rows | {"name": "graph", "drawing": ".md-stage", "raster": True}
