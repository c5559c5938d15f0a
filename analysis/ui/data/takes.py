"""What can be taken along from a panel: files, by their addresses, and the Python code that gives the same. Pure functions.

Each is a mapping of the arguments of the front end's ``m-export``.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

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
