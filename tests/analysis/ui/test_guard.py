"""Who is answered: this machine's own browser, on the pages' own address."""

from __future__ import annotations

import asyncio

import pytest

from analysis.ui.guard import Guard, is_loopback, is_own

pytest.importorskip("starlette", reason="the ui extra is not installed")


def ask(app, *, kind: str = "http", path: str = "/", **headers: str) -> list[dict]:
    """Return what an application sends."""
    sent: list[dict] = []

    begun = {"type": "websocket.connect" if kind == "websocket" else "http.request", "body": b"", "more_body": False}
    coming = [{"type": "http.disconnect"}, begun]

    async def receive():
        return coming.pop() if coming else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": kind,
        "path": path,
        "headers": listed,
        "method": "GET",
        "root_path": "",
        "query_string": b"session_id=1",
    }
    asyncio.run(app(scope, receive, send))
    return sent


@pytest.fixture
def guarded(tmp_path):
    """A guarded application that says yes to everything."""

    async def yes(scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"yes"})

    (tmp_path / "there.js").write_text("1")
    return Guard(yes, tmp_path)


class TestHosts:
    """Names that are not of loopback are refused, so that no other site can be made to mean this machine."""

    @pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:1", "[::1]:80", "localhost"])
    def test_loopback(self, guarded, host):
        """The machine's own names are answered."""
        assert ask(guarded, host=host)[0]["status"] == 200

    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1.evil.example:8765", "10.0.0.1:8765", "", "[", "localhost@evil.example"]
    )
    def test_others(self, guarded, host):
        """All others are not."""
        assert ask(guarded, host=host)[0]["status"] == 403
        assert not is_loopback(host)


class TestOrigins:
    """A page of another site may not speak to this one."""

    def test_a_foreign_socket_is_closed(self, guarded):
        """The socket that carries everything is for the pages' own origin."""
        assert (
            ask(guarded, kind="websocket", host="127.0.0.1:1", origin="http://evil.example")[0]["type"]
            == "websocket.close"
        )
        assert (
            ask(guarded, kind="websocket", host="127.0.0.1:1", origin="http://127.0.0.1:2")[0]["type"]
            == "websocket.close"
        )
        assert (
            ask(guarded, kind="websocket", host="127.0.0.1:1", origin="http://127.0.0.1:1")[0]["type"]
            == "websocket.accept"
        )

    def test_no_origin_is_no_browser(self):
        """Programs on this machine send none."""
        assert is_own("", "127.0.0.1:1") and not is_own("null", "127.0.0.1:1")


class TestFiles:
    """The front end comes from a folder and from nowhere else."""

    def test_there_or_not(self, guarded):
        """A file that is missing is missing: nothing is fetched in its place."""
        assert ask(guarded, host="localhost", path="/_solara/cdn/there.js")[0]["status"] == 200
        assert ask(guarded, host="localhost", path="/_solara/cdn/vega@5/vega.js")[0]["status"] == 404
        assert ask(guarded, host="localhost", path="/_solara/cdn/../../etc/passwd")[0]["status"] == 404

    def test_policy(self, guarded):
        """The browser is told to ask nobody else, and to be framed by nobody."""
        headers = dict(ask(guarded, host="localhost:5")[0]["headers"])
        policy = headers[b"content-security-policy"].decode()
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "ws://localhost:5" in policy

    def test_closed(self, guarded):
        """What the server underneath tells about itself is not served."""
        assert ask(guarded, host="localhost", path="/resourcez")[0]["status"] == 404
