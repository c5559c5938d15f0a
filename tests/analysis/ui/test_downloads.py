"""Files that pages hand out."""

from __future__ import annotations

import io
import json

import polars as pl
import pytest

from analysis.frames import of_run
from analysis.ui.address import PageAddress
from analysis.ui.data.takes import figure_take, rows_take
from moloch.errors import InputError
from tests.support.asgi import ask, headers_of, yes

pytest.importorskip("starlette", reason="the ui extra is not installed")
HERE = PageAddress(run="isolated")


def draw(run, name, form):
    """Draw nothing but one figure."""
    if name != "outcomes":
        raise InputError(f"no figure {name!r}")
    return f"{run.name} as {form}".encode()


@pytest.fixture(scope="module")
def asked(isolated):
    """Return what asks for an address: status, headers and body."""
    from analysis.ui.downloads import Downloads
    from analysis.ui.library import open_library

    library, app = open_library([isolated]), Downloads(yes, draw)

    def asks(address: str, method: str = "GET"):
        path, _, query = address.partition("?")
        sent = ask(app, path=path, query=query, method=method)
        return sent[0]["status"], headers_of(sent), b"".join(each.get("body", b"") for each in sent[1:])

    yield asks
    library.close()


class TestDownloads:
    """An address gives exactly what the page at it shows."""

    def test_rows(self, asked, isolated):
        """All of them, on whatever page one is, under a name that says what they are."""
        status, headers, body = asked(rows_take(HERE, isolated, "votes", phase="evaluate", arm="rft")["href"])
        wanted = of_run(isolated, "votes").filter(phase="evaluate", arm="rft").collect()
        found = pl.read_csv(io.BytesIO(body))
        assert (status, found.height, found.columns) == (200, wanted.height, wanted.columns)
        assert found["seq"].to_list() == wanted["seq"].to_list()
        assert headers["content-disposition"] == 'attachment; filename="isolated-votes.csv"'
        assert headers["cache-control"] == "no-store" and headers["content-type"].startswith("text/csv")

    def test_an_event(self, asked):
        """With its causes and its hash."""
        found = json.loads(asked("/take/event.json?run=isolated&seq=9")[2])
        assert found["event"]["seq"] == 9 and len(found["commit"]["hash"]) == 64

    def test_figures(self, asked, isolated):
        """As a drawing, and the numbers behind it."""
        take = figure_take(HERE, isolated, "outcomes")
        assert asked(take["svg"])[2] == b"isolated as svg" and asked(take["href"])[2] == b"isolated as csv"

    @pytest.mark.parametrize(
        "address",
        [
            "/take/rows.csv?run=gone&frame=votes", "/take/rows.csv?run=isolated&frame=nothing", "/take/event.json?run=isolated&seq=99999999",
            "/take/figure.svg?run=isolated&name=../../x", "/take/figure.exe?run=isolated&name=outcomes", "/take/../run.json?run=isolated",
            "/take/rows.csv?run=isolated&frame=votes&where=nothing:1", "/take/?run=isolated",
        ],
    )  # fmt: skip
    def test_what_is_not_there(self, asked, address):
        """One sentence, and no file."""
        status, headers, body = asked(address)
        assert status == 404 and b"Traceback" not in body and "content-disposition" not in headers

    def test_the_pages_are_passed_on(self, asked):
        """And files are only read."""
        assert asked("/?run=isolated")[2] == b"yes" and asked("/take/rows.csv?run=isolated", method="POST")[0] == 405
