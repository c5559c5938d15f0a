"""An ASGI application asked without a server, and one that says yes to everything."""

from __future__ import annotations

import asyncio


def ask(app, *, kind: str = "http", path: str = "/", query: str = "session_id=1", method: str = "GET", **headers: str):
    """Return what an application sends; a list is a header that comes several times."""
    sent: list[dict] = []

    begun = {"type": "websocket.connect" if kind == "websocket" else "http.request", "body": b"", "more_body": False}
    coming = [{"type": "http.disconnect"}, begun]

    async def receive():
        return coming.pop() if coming else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    listed = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    scope = {
        "type": kind,
        "path": path,
        "headers": listed,
        "method": method,
        "root_path": "",
        "query_string": query.encode("latin-1"),
    }
    asyncio.run(app(scope, receive, send))
    return sent


async def yes(scope, receive, send):
    """Say yes to everything."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"yes"})


def headers_of(sent: list[dict]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}
