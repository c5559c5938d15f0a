"""Files that a page hands out: rows as CSV, an event as JSON, a figure. An ASGI application in front of the pages, behind the guard.

An address is that of the page on which the link stands: what a page shows and what the file holds cannot differ.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from analysis.ui.address import PageAddress
from analysis.ui.data.rows import RowsQuery
from analysis.ui.data.study_rows import rows_of_cells
from analysis.ui.data.takes import TAKE
from analysis.ui.library import library
from analysis.ui.studies import ShownStudy
from moloch.errors import InputError, MolochError

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Draw = Callable[[Path, str, str], bytes]
"""Returns a figure of a run, by its name, as ``csv``, ``svg`` or ``png``.

Raises InputError where there is no such figure of this run.
"""
FORMS = ("csv", "svg", "png")
"""Of figures."""
AT_ONCE = 1 << 18
"""Bytes that are read of a file and sent at once."""
_TYPES = {".csv": "text/csv", ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png"}


class Downloads:
    """Answers for the addresses below ``/take/``, and passes the rest on.

    Args:
        app: the pages.
        draw: draws figures, one at a time.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], draw: Draw) -> None:
        self.app, self.draw, self._drawing = app, draw, threading.Lock()

    def _figure(self, run: Path, name: str, form: str) -> bytes:
        with self._drawing:
            return self.draw(run, name, form)

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(TAKE):
            await self.app(scope, receive, send)
        elif scope["method"] != "GET":
            await _say(send, 405, "Files are read.")
        else:
            with tempfile.TemporaryDirectory(prefix="moloch-take-") as scratch:
                name, query = scope["path"].removeprefix(TAKE), scope["query_string"].decode("latin-1")
                try:
                    made = await asyncio.to_thread(make_file, name, query, Path(scratch), self._figure)
                except MolochError as error:
                    await _say(send, 404, str(error))
                else:
                    await _hand_out(send, made)


def make_file(name: str, query: str, folder: Path, draw: Draw) -> Path:
    """Return the file of that name for the part of an address after ``?``, made in a folder.

    Raises:
        InputError: there is no such file or run, or nothing to put into it.
        LogError: the log is damaged, or a newer version wrote it.
    """
    address = PageAddress.parse(query)
    what, _, form = name.partition(".")
    study = library().study(address.study) if address.study and not address.run else None
    if study is not None and (what, form) == ("rows", "csv"):
        return _rows_of_study(study, address, _stem(folder, study.path))
    run = library().paths().get(address.run)
    if run is None:
        raise InputError(f"no run {address.run!r}")
    stem = _stem(folder, run)
    if (what, form) == ("rows", "csv"):
        return _rows(RowsQuery.of(address), run, stem)
    if (what, form) == ("event", "json"):
        return _event(run, address, stem)
    if what == "figure" and form in FORMS:
        asked = next(iter(parse_qs(query).get("name", ())), "")
        drawn = draw(run, asked, form)
        path = stem.with_name(f"{stem.name}{asked}.{form}")
        path.write_bytes(drawn)
        return path
    raise InputError(f"no file {name[:80]!r}")


def _stem(folder: Path, source: Path) -> Path:
    """Return how the names of a run's or a study's files begin."""
    return folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', source.name).strip('-.') or 'run'}-"


def _rows(query: RowsQuery, source: Path, stem: Path) -> Path:
    from analysis.frames import export

    path = stem.with_name(f"{stem.name}{query.frame}.csv")
    export(query.rows(source), path, list(query.columns.values()))
    return path


def _rows_of_study(study: ShownStudy, address: PageAddress, stem: Path) -> Path:
    from analysis.studies.frames.study_frames import cell_runs

    if study.closed:
        raise InputError(f"no rows of study {study.key!r} yet", why="declared outcomes are hidden until its end")
    query = RowsQuery.of(address, tuple(cell_runs(study.path)))
    return _rows(rows_of_cells(query, study.path, study.status(), 0).query, study.path, stem)


def _event(run: Path, address: PageAddress, stem: Path) -> Path:
    from abm.log import open_log
    from analysis.tables.event import event_dict

    path = stem.with_name(f"{stem.name}event-{address.seq}.json")
    found = event_dict(open_log(run, write=False), address.seq)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False), "utf-8", errors="backslashreplace")
    return path


async def _hand_out(send: Send, path: Path) -> None:
    headers = [
        (b"content-type", f"{_TYPES[path.suffix]}; charset=utf-8".encode()),
        (b"content-length", str(path.stat().st_size).encode()),
        (b"content-disposition", f'attachment; filename="{path.name}"'.encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    with path.open("rb") as file:
        while some := file.read(AT_ONCE):
            await send({"type": "http.response.body", "body": some, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _say(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode("utf-8", "replace")})
