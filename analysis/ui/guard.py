"""A guard between the browser and the pages: loopback names only, own pages' sockets only, and only with the key.

An ASGI application around another one. A page of another site, or a name that resolves to this machine (DNS rebinding), gets
no answer, nor do other users of this machine, who lack the key. The content security policy keeps the browser from
asking any other host for anything.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.ui.key import Key, leading_to, tokens, without_token

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HOSTS = ("127.0.0.1", "localhost", "[::1]")
ASSETS = "/_solara/cdn/"
CLOSED = ("/resourcez", "/_solara/auth/", "/_solara/api/evict/")
"""Addresses of the server underneath that the pages do not need."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host} blob: data:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
ELSEWHERE = b"This page is for this machine only.\n"
LOCKED = (
    b"These pages have a key.\n\n"
    b"Open the whole address that `moloch ui` printed, with ?token= and what follows. Each start makes a new one.\n"
)
ABSENT = b"Not here.\n"
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_HOST = re.compile(r"(\[[0-9a-f:]+\]|[a-z0-9.-]+?)\.?(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)


def parsed_host(host: str) -> tuple[str, int] | None:
    """Return the name, in lower case and without the root's dot, and the port that a ``Host`` header names; None for neither.

    >>> parsed_host("LOCALHOST.:8765"), parsed_host("[::1]"), parsed_host("evil@localhost")
    (('localhost', 8765), ('[::1]', 80), None)
    """
    match = _HOST.fullmatch(host)
    if match is None or int(match[2] or 80) > 65_535:
        return None
    return match[1].lower(), int(match[2] or 80)


def is_loopback(host: str) -> bool:
    """Return whether a ``Host`` header names this machine itself.

    >>> is_loopback("127.0.0.1:8765"), is_loopback("evil.example:8765"), is_loopback("")
    (True, False, False)
    """
    parsed = parsed_host(host)
    return parsed is not None and parsed[0] in HOSTS


def is_own(origin: str, host: str) -> bool:
    """Return whether an ``Origin`` header is that of the pages themselves; a client that is not a browser sends none."""
    scheme, _, rest = origin.partition("://")
    return not origin or (scheme == "http" and parsed_host(rest) is not None and parsed_host(rest) == parsed_host(host))


@dataclass(frozen=True)
class WebRequest:
    """What a request says of itself. ``host``: empty where there is none, or more than one."""

    path: str
    query: str
    host: str
    headers: dict[str, str]
    reads: bool

    @classmethod
    def of(cls, scope: Scope) -> WebRequest:
        """Return that of an ASGI scope."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts = headers.get("host", [])
        joined = {name: ("; " if name == "cookie" else ", ").join(values) for name, values in headers.items()}
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        query = scope["query_string"].decode("latin-1")
        return cls(str(scope["path"]), query, hosts[0] if len(hosts) == 1 else "", joined, reads)

    @property
    def port(self) -> int:
        """The port of the address that the browser has; behind a tunnel it is another one than ours."""
        return (parsed_host(self.host) or ("", 0))[1]

    @property
    def follows_link(self) -> bool:
        """Whether another site, or a file, sent the browser here: it then keeps its cookies back."""
        return self.headers.get("sec-fetch-site") == "cross-site" and self.headers.get("sec-fetch-mode") == "navigate"


class Guard:
    """Refuses requests from elsewhere, serves the front end's files from a folder, and passes the rest on.

    Args:
        app: the pages.
        assets: folder of the front end's files; a file that it lacks is not found, and is fetched from nowhere else.
        token: what opens the pages; empty for pages that are open to all users of this machine.
    """

    def __init__(self, app: App, assets: Path, token: str = "") -> None:
        from starlette.staticfiles import StaticFiles  # pyright: ignore[reportMissingImports]

        self.app, self.files, self.key = app, StaticFiles(directory=assets), Key(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = WebRequest.of(scope)
        send = _with_headers(send, asked.host)
        if not is_loopback(asked.host) or not is_own(asked.headers.get("origin", ""), asked.host):
            await _refuse(scope, receive, send, 403, ELSEWHERE)
        elif not self._admits(asked):
            await self._lock(asked, scope, receive, send)
        elif asked.reads and tokens(asked.query):
            await self._enter(asked, send)
        elif asked.path.startswith(CLOSED) or (scope["type"] == "websocket" and "session_id=" not in asked.query):
            await _refuse(scope, receive, send, 404, ABSENT)
        elif scope["type"] == "http" and asked.path.startswith(ASSETS):
            await self._file(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _admits(self, asked: WebRequest) -> bool:
        """Return whether a request has the key: in its cookie, or where it only reads in its address."""
        held = self.key.held(asked.headers.get("cookie", ""), asked.port)
        return held or (asked.reads and any(self.key.opens(token) for token in tokens(asked.query)))

    async def _enter(self, asked: WebRequest, send: Send) -> None:
        """Hand out the cookie, and lead to the same address without the token, which is then in no history and no link."""
        place, cookie = without_token(asked.path, asked.query), self.key.cookie(asked.port).encode()
        if asked.follows_link:
            await _answer(send, 200, leading_to(place).encode(), "text/html", (b"set-cookie", cookie))
        else:
            await _answer(send, 303, b"", "text/plain", (b"set-cookie", cookie), (b"location", place.encode()))

    async def _lock(self, asked: WebRequest, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse; but a link of another site is followed once more from here, for which the browser shows its cookies."""
        if asked.reads and asked.follows_link and not tokens(asked.query):
            await _answer(send, 403, leading_to(without_token(asked.path, asked.query)).encode(), "text/html")
        else:
            await _refuse(scope, receive, send, 403, LOCKED)

    async def _file(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.exceptions import HTTPException  # pyright: ignore[reportMissingImports]

        inner = dict(scope) | {"path": "/" + scope["path"].removeprefix(ASSETS), "root_path": ""}
        try:
            await self.files(inner, receive, send)
        except HTTPException as error:
            await _refuse(scope, receive, send, error.status_code, ABSENT)


def _with_headers(send: Send, host: str) -> Send:
    more = _HEADERS | {"content-security-policy": POLICY.format(host=host if is_loopback(host) else "127.0.0.1")}

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
    await _answer(send, status, why, "text/plain")


async def _answer(send: Send, status: int, body: bytes, kind: str, *more: tuple[bytes, bytes]) -> None:
    """Send an answer of the guard's own, which no browser keeps."""
    headers = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
