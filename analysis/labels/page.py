"""A sheet as a page to label on, on this machine alone: what is labelled is in the sheet before the next message is shown.

Python's own server, for one person; nothing to install. Everything is behind the token of the printed address, and comes from three files and
the sheet. Texts go to the browser as data and are shown letter by letter.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from abm.label_events import Label
from analysis.labels._batch import sheets
from analysis.labels._sheet import read_sheet, set_label
from analysis.ui.guard import WebRequest, is_loopback, is_own
from analysis.ui.key import Key, leading_to, tokens, without_token
from analysis.ui.server import bound, ended_by_signals
from moloch.errors import InputError, MolochError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
LONGEST = 4096
"""Bytes of a request's body."""
ELSEWHERE = "This page is for this machine only.\n"
LOCKED = "This page has a key: open the whole address that `moloch labels page` printed.\n"


class _Given(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    label: Label


class LabelDesk:
    """A sheet that is being labelled; each label is durable before it is acknowledged.

    Args:
        path: of the sheet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def as_dict(self) -> dict[str, Any]:
        """Return what the page shows.

        Raises:
            InputError: the sheet cannot be read.
        """
        rows = read_sheet(self.path)
        items = [{"id": r.id, "anchor": r.anchor, "message": r.message, "label": r.meant or ""} for r in rows]
        return {"sheet": str(self.path), "question": rows[0].question if rows else "", "items": items}

    def label(self, one: str, label: Label) -> None:
        """Write a label into the sheet as it is now, so that nothing that another program saved is lost.

        Raises:
            InputError: the sheet has no such row, or cannot be read or written.
        """
        with self._lock:
            set_label(self.path, one, label)


def serve_sheet(path: Path, *, port: int, token: str, ready: Callable[[str], None]) -> None:
    """Serve a sheet until the process is interrupted.

    Args:
        path: of a sheet, or of a folder with one.
        port: 0 for any free one.
        token: what opens the page.
        ready: called with the page's address, without the token.

    Raises:
        InputError: no sheet there, or several; or the port is taken.
    """
    _, files = sheets(path)
    if len(files) > 1:
        raise InputError(
            "the folder has several sheets", where=str(path), fix=f"Name yours: {', '.join(map(str, files))}."
        )
    desk = LabelDesk(next(iter(files)))
    desk.as_dict()
    with ended_by_signals(), bound(port) as listening, label_server(desk, listening, token) as server:
        ready(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def label_server(desk: LabelDesk, listening: socket.socket, token: str) -> ThreadingHTTPServer:
    """Return a server of a desk on a bound socket, which it listens on."""
    key, files = Key(token), {path: (_asset(name), kind) for path, (name, kind) in FILES.items()}

    class Handler(_Handler):
        pass

    Handler.desk, Handler.key, Handler.files = desk, key, files
    server = ThreadingHTTPServer(listening.getsockname()[:2], Handler, bind_and_activate=False)
    server.socket.close()
    server.socket, server.daemon_threads = listening, True
    server.server_activate()
    return server


def _asset(name: str) -> bytes:
    return resources.files("analysis.labels").joinpath(f"assets/{name}").read_bytes()


class _Handler(BaseHTTPRequestHandler):
    """Answers one browser; a request without the key, or from another site, gets nothing."""

    desk: LabelDesk
    key: Key
    files: dict[str, tuple[bytes, str]]
    timeout = 30

    def do_GET(self) -> None:
        """Answer with the page, one of its files, or the sheet."""
        if (asked := self._admitted()) is None:
            return
        if tokens(asked.query):
            self._enter(asked)
        elif asked.path == "/sheet.json":
            self._said(self.desk.as_dict)
        elif asked.path in self.files:
            self._answer(HTTPStatus.OK, *self.files[asked.path])
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"Not here.\n", "text/plain")

    def do_POST(self) -> None:
        """Keep a label."""
        if (asked := self._admitted()) is None:
            return
        length = asked.headers.get("content-length", "")
        if asked.path != "/label" or asked.headers.get("content-type", "") != "application/json":
            self._answer(HTTPStatus.NOT_FOUND, b"Not here.\n", "text/plain")
        elif not length.isascii() or not length.isdigit() or int(length) > LONGEST:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"Too much.\n", "text/plain")
        else:
            self._said(lambda: self._keep(self.rfile.read(int(length))))

    def _keep(self, body: bytes) -> dict[str, Any]:
        try:
            given = msgspec.json.decode(body, type=_Given)
        except (ValueError, RecursionError) as error:
            raise InputError("no label", why=str(error)) from error
        self.desk.label(given.id, given.label)
        return {"saved": given.id}

    def _admitted(self) -> WebRequest | None:
        """Return the request if it is one of the page's own; else refuse it."""
        path, _, query = self.path.partition("?")
        headers = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in self.headers.items()]
        asked = WebRequest.of({
            "type": "http", "method": self.command, "path": path, "query_string": query.encode("latin-1", "replace"), "headers": headers
        })  # fmt: skip
        if not is_loopback(asked.host) or not is_own(asked.headers.get("origin", ""), asked.host):
            self._answer(HTTPStatus.FORBIDDEN, ELSEWHERE.encode(), "text/plain")
        elif self.key.held(asked.headers.get("cookie", ""), asked.port) or (
            asked.reads and any(map(self.key.opens, tokens(query)))
        ):
            return asked
        elif asked.reads and asked.follows_link and not tokens(query):
            self._answer(HTTPStatus.FORBIDDEN, leading_to(without_token(path, query)).encode(), "text/html")
        else:
            self._answer(HTTPStatus.FORBIDDEN, LOCKED.encode(), "text/plain")
        return None

    def _enter(self, asked: WebRequest) -> None:
        """Hand out the cookie and lead to the address without the token."""
        place, cookie = without_token(asked.path, asked.query), ("Set-Cookie", self.key.cookie(asked.port))
        if asked.follows_link:
            self._answer(HTTPStatus.OK, leading_to(place).encode(), "text/html", cookie)
        else:
            self._answer(HTTPStatus.SEE_OTHER, b"", "text/plain", cookie, ("Location", place))

    def _said(self, make: Callable[[], dict[str, Any]]) -> None:
        try:
            status, told = HTTPStatus.OK, make()
        except MolochError as error:
            status, told = HTTPStatus.CONFLICT, {"error": str(error)}
        self._answer(status, msgspec.json.encode(told), "application/json")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str, *more: tuple[str, str]) -> None:
        self.send_response_only(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
            *more,
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: addresses hold the token."""
