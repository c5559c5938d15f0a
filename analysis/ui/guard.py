"""A guard between the browser and the pages: loopback names only, own pages' sockets only, nothing from elsewhere.

An ASGI application around another one. A page of another site, or a name that resolves to this machine (DNS rebinding), gets
no answer; the content security policy keeps the browser from asking any other host for anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HOSTS = ("127.0.0.1", "localhost", "[::1]", "::1")
ASSETS = "/_solara/cdn/"
CLOSED = ("/resourcez", "/_solara/auth/", "/_solara/api/evict/")
"""Addresses of the server underneath that the pages do not need."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host} blob: data:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Return whether a ``Host`` header names this machine itself.

    >>> is_loopback("127.0.0.1:8765"), is_loopback("evil.example:8765"), is_loopback("")
    (True, False, False)
    """
    try:
        return urlsplit(f"//{host}").hostname in HOSTS
    except ValueError:
        return False


def is_own(origin: str, host: str) -> bool:
    """Return whether an ``Origin`` header is that of the pages themselves; a client that is not a browser sends none."""
    try:
        return not origin or urlsplit(origin)[:2] == ("http", host)
    except ValueError:
        return False


class Guard:
    """Refuses requests from elsewhere, serves the front end's files from a folder, and passes the rest on.

    Args:
        app: the pages.
        assets: folder of the front end's files; a file that it lacks is not found, and is fetched from nowhere else.
    """

    def __init__(self, app: App, assets: Path) -> None:
        from starlette.staticfiles import StaticFiles  # pyright: ignore[reportMissingImports]

        self.app, self.files = app, StaticFiles(directory=assets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, path = headers.get("host", ""), str(scope["path"])
        if not is_loopback(host) or not is_own(headers.get("origin", ""), host):
            await _refuse(scope, receive, send, 403, b"This page is for this machine only.\n")
        elif path.startswith(CLOSED) or (scope["type"] == "websocket" and b"session_id=" not in scope["query_string"]):
            await _refuse(scope, receive, send, 404, b"Not here.\n")
        elif scope["type"] == "http" and path.startswith(ASSETS):
            await self._file(scope, receive, send)
        else:
            await self.app(scope, receive, _with_headers(send, host))

    async def _file(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.exceptions import HTTPException  # pyright: ignore[reportMissingImports]

        inner = dict(scope) | {"path": "/" + scope["path"].removeprefix(ASSETS), "root_path": ""}
        try:
            await self.files(inner, receive, send)
        except HTTPException as error:
            await _refuse(scope, receive, send, error.status_code, b"Not here.\n")


def _with_headers(send: Send, host: str) -> Send:
    more = _HEADERS | {"content-security-policy": POLICY.format(host=host)}

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = [(name.encode(), value.encode("latin-1")) for name, value in more.items()]
            message = dict(message) | {"headers": [*message.get("headers", []), *own]}
        await send(message)

    return sending


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: bytes) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(why)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": why})
