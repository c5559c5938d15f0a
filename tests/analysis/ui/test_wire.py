"""The server as another program meets it, without a browser's manners: names, origins, paths."""

from __future__ import annotations

import socket
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from analysis.ui.key import VARIABLE
from tests.support.ui_server import entered, serving

pytestmark = pytest.mark.browser
SOCKET = "/jupyter/api/kernels/x/channels"
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


@pytest.fixture(scope="module")
def ask(networked):
    """Return what asks the server for a path as it is written, with headers as they are given: status and body."""
    pytest.importorskip("solara", reason="the ui extra is not installed")
    with serving(networked) as url:
        own, cookie = urlsplit(url).netloc, entered(url)

        def asked(path: str, **headers: str) -> tuple[int, bytes]:
            connection = HTTPConnection(own, timeout=30)
            connection.putrequest("GET", path, skip_host=True)
            for name, value in ({"Host": own, "Cookie": cookie} | headers).items():
                connection.putheader(name.replace("_", "-"), value.replace("OWN", own))
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read() if answer.status != 101 else b""
            connection.close()
            return answer.status, body

        yield asked


class TestKey:
    """The real server's every path is behind its key."""

    PATHS = (
        "/", "/?run=networked", "/anything", "/readyz", "/take/rows.csv?run=networked&frame=votes", "/take/event.json?run=networked&seq=1", "/resourcez", "/jupyter/api/kernels/x", "/_solara/api/close/x", "/static/main.js",
        "/static/assets/custom.js", "/static/assets/custom.css", "/static/public/x", "/jupyter/nbextensions/x", "/favicon.ico",
        "/_solara/cdn/@widgetti/solara-vuetify-app@10.0.3/dist/solara-vuetify-app10.js", "/_solara/auth/login",
    )  # fmt: skip

    @pytest.mark.parametrize("path", PATHS)
    def test_nothing_without_it(self, ask, path):
        """Not a page, nor a file, nor a word about runs."""
        status, body = ask(path, Cookie="")
        assert status == 403 and b"key" in body and b"networked" not in body

    def test_no_socket_without_it(self, ask):
        """The socket carries everything: messages, and questions to a model at the owner's cost."""
        own = UPGRADE | {"Origin": "http://OWN"}
        assert ask(f"{SOCKET}?session_id=1", **own)[0] == 101
        assert ask(f"{SOCKET}?session_id=1", **own, Cookie="")[0] == 403
        assert ask(f"{SOCKET}?session_id=1", **own, Cookie="moloch-1=x")[0] == 403


class Enough(Exception):
    """Ends a server's block, so that what it wrote is sent."""


class TestLogs:
    """What the server writes while it serves."""

    def test_no_token(self, networked):
        """It is in no line, whatever comes with it: a page, an error, a socket, or what is no request at all."""
        token = "a-secret-of-my-own"
        pytest.importorskip("solara", reason="the ui extra is not installed")
        with pytest.raises(Enough) as caught, serving(networked, environment={VARIABLE: token}) as url:
            own = urlsplit(url).netloc
            cookie = entered(f"http://{own}/?token={token}")
            assert token in cookie
            for line in (
                f"GET /?token={token}&run=networked HTTP/1.1", f"GET /static/{token}?token={token} HTTP/1.1", f"POST /?token={token} HTTP/1.1",
                f"GET {SOCKET}?token={token} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket", f"GET /?token={token}\x00 HTTP/1.1",
                f"GET /jupyter/api/kernels/%ff?token={token} HTTP/9.9", f"NONSENSE {token}",
            ):  # fmt: skip
                for headers in (f"Host: {own}", f"Host: {own}\r\nCookie: {cookie}"):
                    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=30) as raw:
                        raw.sendall(f"{line}\r\n{headers}\r\nConnection: close\r\n\r\n".encode("latin-1"))
                        raw.recv(100)
            raise Enough
        wrote = caught.value.__notes__[0].partition("wrote:\n")[2]
        assert "?token=$MOLOCH_UI_TOKEN" in wrote and token not in wrote


class TestNames:
    """A name that is made to mean this machine is not its name."""

    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1.nip.io", "localhost.evil.example", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433", "127.1", ""]
    )  # fmt: skip
    def test_rebinding(self, ask, host):
        """Pages and sockets under other names are refused."""
        assert ask("/", Host=host)[0] == 403
        assert ask(f"{SOCKET}?session_id=1", **(UPGRADE | {"Host": host}))[0] == 403


class TestSockets:
    """The socket, which carries everything, is for the pages' own origin."""

    @pytest.mark.parametrize(
        "origin", ["http://evil.example", "null", "http://OWN.evil.example", "http://localhost:1", "https://OWN"]
    )
    def test_foreign(self, ask, origin):
        """A page of another origin gets none."""
        assert ask(f"{SOCKET}?session_id=1", **(UPGRADE | {"Origin": origin}))[0] == 403

    def test_own(self, ask):
        """The pages get theirs; without a session there is none, and no error of the server either."""
        assert ask(f"{SOCKET}?session_id=1", **(UPGRADE | {"Origin": "http://OWN"}))[0] == 101
        assert ask(SOCKET, **(UPGRADE | {"Origin": "http://OWN"}))[0] == 403


class TestPaths:
    """No path leads to a file that is not the pages'."""

    @pytest.mark.parametrize(
        "start", ["/_solara/cdn/", "/static/assets/", "/static/public/", "/static/", "/jupyter/nbextensions/", "/"]
    )
    @pytest.mark.parametrize(
        "rest", ["..%2f" * 8 + "etc/passwd", "%2e%2e/" * 8 + "etc/passwd", "/etc/passwd", "..%5c..%5cetc", "..%2fapp.py", "%00", "a" * 5_000]
    )  # fmt: skip
    def test_traversal(self, ask, start, rest):
        """What climbs out of a folder finds nothing."""
        status, body = ask(start + rest)
        assert status == 404 and b"root:" not in body and b"import" not in body

    @pytest.mark.parametrize(
        "path",
        ["/resourcez", "/resourcez/", "/%72esourcez", "/resourcez?verbose", "//resourcez", "/_solara/../resourcez"],
    )
    def test_closed(self, ask, path):
        """What the server underneath tells of itself stays closed, however its address is written."""
        assert ask(path)[0] == 404

    def test_a_query_of_100_kb(self, ask):
        """An address that is longer than any is refused in a sentence."""
        status, body = ask("/?run=" + "y" * 100_000)
        assert status == 400 and len(body) < 200 and b"Traceback" not in body
