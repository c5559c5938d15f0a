"""Who is answered: this machine's own browser, on the pages' own address."""

from __future__ import annotations

import os
import re

import pytest

from analysis.ui import key
from analysis.ui.guard import Guard, is_loopback, is_own
from analysis.ui.key import VARIABLE, Key, chosen_token, door
from moloch.errors import InputError
from tests.support.asgi import ask, headers_of, yes

pytest.importorskip("starlette", reason="the ui extra is not installed")
TOKEN = "a-token-of-our-own"


@pytest.fixture
def guarded(tmp_path):
    """A guarded application that says yes to everything, without a key."""
    (tmp_path / "there.js").write_text("1")
    return Guard(yes, tmp_path)


@pytest.fixture
def locked(tmp_path):
    """The same one with a key."""
    (tmp_path / "there.js").write_text("1")
    return Guard(yes, tmp_path, TOKEN)


class TestHosts:
    """Names that are not of loopback are refused, so that no other site can be made to mean this machine."""

    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1:8765", "localhost:1", "[::1]:80", "[::1]:8000", "localhost", "LOCALHOST:8765", "localhost.:8765", "LocalHost."],
    )  # fmt: skip
    def test_loopback(self, guarded, host):
        """The machine's own names are answered, however they are written."""
        assert ask(guarded, host=host)[0]["status"] == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example", "127.0.0.1.evil.example:8765", "10.0.0.1:8765", "", "[", "localhost@evil.example",
            "evil@localhost", "evil:x@localhost:8765", "evil@127.0.0.1", "localhost.evil.com", "evil.localhost", "localhost..",
            ".localhost", "localhost:8765:1", "localhost:", "localhost:x", "localhost:99999", "localhost:8765/", "localhost/",
            "localhost#", "localhost?", "localhost\\", "localhost ", " localhost", "localhost\n", "localhost\t", "::1",
            "[::1", "::1]", "[::1].evil.com", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "localho\xdft",
            "localhost:\xb2", "localhost, evil.com",
        ],
    )  # fmt: skip
    def test_others(self, guarded, host):
        """All others are not: a host is parsed, and what is no host is none of ours."""
        assert ask(guarded, host=host)[0]["status"] == 403
        assert not is_loopback(host)

    def test_one_host(self, guarded):
        """None, or two of them, are no host, whichever comes first."""
        assert ask(guarded)[0]["status"] == 403
        assert ask(guarded, host=["localhost", "evil.com"])[0]["status"] == 403
        assert ask(guarded, host=["evil.com", "localhost"])[0]["status"] == 403


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

    def test_an_origin_is_parsed(self):
        """Letters' case, a root's dot and the port that goes without saying are no difference; all else is."""
        assert is_own("http://localhost", "LOCALHOST.:80") and is_own("http://[::1]:8000", "[::1]:8000")
        for origin in (
            "http://evil@localhost:1",
            "http://localhost:1/x",
            "https://localhost:1",
            "localhost:1",
            "http://",
            "//localhost:1",
        ):
            assert not is_own(origin, "localhost:1"), origin


class TestFiles:
    """The front end comes from a folder and from nowhere else."""

    def test_there_or_not(self, guarded):
        """A file that is missing is missing: nothing is fetched in its place."""
        assert ask(guarded, host="localhost", path="/_solara/cdn/there.js")[0]["status"] == 200
        assert ask(guarded, host="localhost", path="/_solara/cdn/vega@5/vega.js")[0]["status"] == 404
        assert ask(guarded, host="localhost", path="/_solara/cdn/../../etc/passwd")[0]["status"] == 404

    def test_policy(self, guarded):
        """The browser may ask no other host, and no page may frame it."""
        headers = dict(ask(guarded, host="localhost:5")[0]["headers"])
        policy = headers[b"content-security-policy"].decode()
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "ws://localhost:5" in policy

    def test_closed(self, guarded):
        """What the server underneath tells about itself is not served."""
        assert ask(guarded, host="localhost", path="/resourcez")[0]["status"] == 404


@pytest.mark.parametrize("kind", ["http", "websocket"])
class TestKey:
    """Whoever has no key gets nothing, on any path; this machine has other users."""

    PATHS = (
        "/",
        "/_solara/cdn/there.js",
        "/static/main.js",
        "/jupyter/api/kernels/x/channels",
        "/resourcez",
        "/favicon.ico",
    )

    @pytest.mark.parametrize(
        "cookie",
        [
            None, "", "moloch-8765", "moloch-8765=", f"moloch-8765={TOKEN}x", f"moloch-8765={TOKEN[:-1]}", f"moloch-9={TOKEN}",
            f"moloch-87={TOKEN}", f"moloch-8765x={TOKEN}", f"xmoloch-8765={TOKEN}", TOKEN, f'moloch-8765="{TOKEN}"', "moloch-8765=\xff",
        ],
    )  # fmt: skip
    def test_without_it(self, locked, kind, cookie):
        """No page, no file, no socket: not with another server's cookie, nor with a part of ours."""
        cookies = {} if cookie is None else {"cookie": cookie}
        for path in self.PATHS:
            first = ask(locked, kind=kind, path=path, host="127.0.0.1:8765", **cookies)[0]
            assert first["type"] == "websocket.close" or first["status"] == 403

    @pytest.mark.parametrize(
        "cookie",
        [f"moloch-8765={TOKEN}", f"a=b; moloch-8765={TOKEN}; c", f"moloch-8765=old;moloch-8765={TOKEN}", ["a=b", f"moloch-8765={TOKEN}"]],
    )  # fmt: skip
    def test_with_it(self, locked, kind, cookie):
        """Everything, among whatever other cookies."""
        for path in ("/", "/_solara/cdn/there.js", "/static/main.js"):
            first = ask(locked, kind=kind, path=path, host="127.0.0.1:8765", cookie=cookie)[0]
            assert first["type"] == "websocket.accept" or first["status"] == 200

    def test_a_key_does_not_open_for_elsewhere(self, locked, kind):
        """A page of another site, or under another name, is refused though the browser sends the cookie."""
        for headers in ({"host": "evil.com:8765"}, {"host": "127.0.0.1:8765", "origin": "http://evil.com"}):
            first = ask(locked, kind=kind, cookie=f"moloch-8765={TOKEN}", **headers)[0]
            assert first["type"] == "websocket.close" or first["status"] == 403


class TestEntering:
    """The printed address hands out the cookie once, and leaves no token behind."""

    def test_it_leads_to_the_same_place(self, locked):
        """Without the token, and with everything else as it was."""
        sent = ask(locked, host="localhost:8765", query=f"run=a%20b&token={TOKEN}&page=agents&x=%ff")
        headers = headers_of(sent)
        assert sent[0]["status"] == 303 and headers["location"] == "/?run=a%20b&page=agents&x=%ff"
        assert headers["set-cookie"] == f"moloch-8765={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
        assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
        assert ask(locked, host="localhost:8765", cookie=headers["set-cookie"].partition(";")[0])[0]["status"] == 200

    @pytest.mark.parametrize(
        "path", ["//evil.com/", "/\\evil.com", "///evil.com", "\\\\evil.com", "/a\r\nset-cookie: x=1"]
    )
    def test_it_leads_nowhere_else(self, locked, path):
        """Whatever the path, the browser stays here, and no header is added."""
        location = headers_of(ask(locked, host="localhost", path=path, query=f"token={TOKEN}"))["location"]
        assert re.fullmatch(r"/[\w.%-][\w.%/:-]*", location)

    @pytest.mark.parametrize(
        "query", ["token=", "token", f"token={TOKEN}x", f"Token={TOKEN}", f"t={TOKEN}", "token=\xff", "token=%ff"]
    )
    def test_another_token_opens_nothing(self, locked, query):
        """Nor is a cookie handed out for it."""
        sent = ask(locked, host="localhost", query=query)
        assert sent[0]["status"] == 403 and "set-cookie" not in headers_of(sent)

    def test_only_reading_enters(self, locked):
        """A form of another page cannot enter for somebody, nor can a socket."""
        assert ask(locked, host="localhost", method="POST", query=f"token={TOKEN}")[0]["status"] == 403
        assert (
            ask(locked, kind="websocket", host="localhost", query=f"session_id=1&token={TOKEN}")[0]["type"]
            == "websocket.close"
        )

    def test_an_old_address_still_leads_in(self, locked):
        """A browser that has the cookie loses a token of an earlier start, so that it is in no address."""
        sent = ask(locked, host="localhost:8765", query="run=a&token=old", cookie=f"moloch-8765={TOKEN}")
        assert (sent[0]["status"], headers_of(sent)["location"]) == (303, "/?run=a")

    def test_each_port_has_its_own_cookie(self, locked):
        """Behind a tunnel too: browsers send a name's cookies to all of its ports."""
        for host, name in (("localhost:9000", "moloch-9000"), ("localhost", "moloch-80")):
            assert headers_of(ask(locked, host=host, query=f"token={TOKEN}"))["set-cookie"].startswith(f"{name}=")

    def test_from_a_file_or_another_site(self, locked):
        """Browsers keep a strict cookie back where another site sends them; a page of ours then leads on."""
        elsewhere = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
        entered = ask(locked, host="localhost", query=f"run=a&token={TOKEN}", **elsewhere)
        assert entered[0]["status"] == 200 and "set-cookie" in headers_of(entered)
        assert b'content="0; url=/?run=a"' in entered[1]["body"] and TOKEN.encode() not in entered[1]["body"]
        linked = ask(locked, host="localhost", query='run="><script>', **elsewhere)
        assert linked[0]["status"] == 403 and b"/?run=%22%3E%3Cscript%3E" in linked[1]["body"]
        wrong = ask(locked, host="localhost", query="token=x", **elsewhere)
        assert wrong[0]["status"] == 403 and b"refresh" not in wrong[1]["body"]

    def test_every_answer_has_the_headers(self, locked):
        """Refusals, files and pages alike tell the browser to pass no address on and to ask nobody else."""
        key = {"cookie": f"moloch-80={TOKEN}"}
        for more in (
            {},
            key,
            key | {"path": "/_solara/cdn/there.js"},
            key | {"path": "/resourcez"},
            {"query": f"token={TOKEN}"},
        ):
            headers = headers_of(ask(locked, host="localhost", **more))
            assert (
                headers["referrer-policy"] == "no-referrer"
                and "default-src 'self'" in headers["content-security-policy"]
            )

    def test_a_host_cannot_write_the_policy(self, guarded):
        """What is refused is not repeated in a header."""
        headers = headers_of(ask(guarded, host="localhost; script-src *"))
        assert "script-src *" not in headers["content-security-policy"]


class TestToken:
    """Where the token comes from, and where it goes."""

    def test_fresh_at_each_start(self, monkeypatch):
        """256 bits that nobody has seen."""
        monkeypatch.delenv(VARIABLE, raising=False)
        made = {chosen_token() for _ in range(50)}
        assert len(made) == 50 and all(len(token) >= 43 for token in made)

    def test_one_of_ones_own(self, monkeypatch):
        """For scripts; an empty one is none."""
        monkeypatch.setenv(VARIABLE, TOKEN)
        assert chosen_token() == TOKEN
        monkeypatch.setenv(VARIABLE, "")
        assert len(chosen_token()) >= 43

    @pytest.mark.parametrize("token", ["x1y2", "fifteen-letters"])
    def test_a_short_one_is_none(self, monkeypatch, token):
        """It could be tried out; the error does not repeat it."""
        monkeypatch.setenv(VARIABLE, token)
        with pytest.raises(InputError, match="fewer than 16 characters") as caught:
            chosen_token()
        assert token not in str(caught.value)

    @pytest.mark.parametrize("token", ["a b", "a;b", "a&b", "a%b", "a\nb", "\u00e9", "a=b"])
    def test_one_that_cannot_be_used(self, monkeypatch, token):
        """Is refused, and not repeated."""
        monkeypatch.setenv(VARIABLE, token)
        with pytest.raises(InputError, match=VARIABLE) as caught:
            chosen_token()
        assert token not in str(caught.value)

    def test_comparison_takes_equal_time(self, monkeypatch):
        """Every comparison is the one that does not stop at the first difference."""
        compared = []
        monkeypatch.setattr(key.secrets, "compare_digest", lambda a, b: compared.append((a, b)) or a == b)
        assert Key(TOKEN).held(f"moloch-1={TOKEN}", 1) and not Key(TOKEN).held("moloch-1=x", 1)
        assert compared == [(TOKEN.encode(), TOKEN.encode()), (b"x", TOKEN.encode())]

    def test_it_is_in_no_text(self):
        """Not in what a traceback or a log would show of the key."""
        assert TOKEN not in repr(Key(TOKEN))

    def test_the_door_is_for_its_owner(self, tmp_path):
        """The page that leads the browser in is nobody else's to read, whatever the umask."""
        before = os.umask(0)
        try:
            page = door(tmp_path, f"http://127.0.0.1:1/?token={TOKEN}")
        finally:
            os.umask(before)
        assert page.stat().st_mode & 0o777 == 0o600 and f"url=http://127.0.0.1:1/?token={TOKEN}" in page.read_text()
