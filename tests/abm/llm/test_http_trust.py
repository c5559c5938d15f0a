"""What is promised where a server is out of step, says nonsense, or goes wrong in the middle: no hang, no mixed-up answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import traceback
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from abm.llm.http import HTTPLLM, ServiceError
from abm.llm.http._dial import Dialer
from abm.llm.http._exchange import Address
from abm.llm.http._retries import FRUITLESS
from abm.llm.http._window import Window
from abm.llm.http.endpoint import Endpoint, parsed
from moloch.errors import InputError
from tests.abm.llm.test_http import RIGHT, _quick, asked, first_then, llm, texts  # noqa: F401 (a fixture)
from tests.support.server import completion, echo, ok, serving


@contextlib.contextmanager
def answers_once(data: bytes) -> Iterator[int]:
    """Answer whatever comes first with these bytes; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.recv(1)
                line.sendall(data)
                line.recv(2**16)

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


class TestConnections:
    """A connection carries one exchange after another, and an answer counts for its own call only."""

    def test_closed_while_idle(self):
        """A connection that the server closed during a pause is not written to: the call would wait for its timeout."""
        busy = ok({}, "429 Too Many Requests", Retry_After="0.1"), "close"
        with serving(first_then(busy)) as server:
            model = llm(server, timeout=60)
            assert texts(model.complete(asked(8))).items() <= RIGHT.items()
            assert model.service().retried == {"HTTP 429": 8}

    def test_two_answers_to_one_call(self):
        """What follows an answer unasked is not taken for the answer to the next call."""
        with serving(lambda call: echo(call) + completion("stale")) as server:
            assert texts(llm(server, concurrency=1).complete(asked(20))) == RIGHT

    def test_garbage_after_an_answer(self):
        """An answer counts whatever follows it."""
        with serving(lambda call: echo(call) + b"\r\nnonsense\r\n\r\n") as server:
            assert texts(llm(server, concurrency=2).complete(asked(20))) == RIGHT

    def test_another_protocol(self):
        """A server that changes the protocol is asked again."""
        change = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n??"
        with serving(first_then(change)) as server:
            model = llm(server)
            assert texts(model.complete(asked(20))) == RIGHT
            assert model.service().retried == {"not HTTP": 20}

    def test_tls_where_there_is_none(self):
        """Is said in words, with the URL that would do."""
        with answers_once(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as port:
            place = f"https://127.0.0.1:{port}/v1"
            with pytest.raises(ServiceError) as caught:
                _ = HTTPLLM("m", Endpoint(url=place)).served
        assert "it does not answer in TLS (wrong version number)" in str(caught.value)
        assert f"give http://127.0.0.1:{port}/v1." in caught.value.fix

    def test_headers_without_end(self):
        """Headers are bounded as bodies are."""
        endless = b"HTTP/1.1 200 OK\r\n" + b"X-More: yes\r\n" * 400_000
        with serving(first_then(endless)) as server:
            model = llm(server)
            assert texts(model.complete(asked(2))).items() <= RIGHT.items()
            assert model.service().retried == {"answer too large": 2}

    def test_plain_bodies_are_asked_for(self):
        """Nothing is asked for that would have to be unpacked."""
        with serving() as server:
            list(llm(server).complete(asked(1)))
        assert server.calls[0].headers["accept-encoding"] == "identity"

    def test_an_address_that_swallows_everything(self, monkeypatch):
        """Where the first address of a name never answers, the next one is tried."""
        monkeypatch.setattr("abm.llm.http._dial.PATIENCE", 0.05)
        with socket.socket() as full, serving() as server:
            full.bind(("127.0.0.2", 0))
            port = int(server.url.rsplit(":", 1)[1].split("/")[0])

            async def dial():
                loop, dialer = asyncio.get_running_loop(), Dialer(Address("somewhere", port, False), 1000)
                connect = loop.create_connection

                async def found(*args, **kwargs):
                    return [(0, 0, 0, "", (place, port)) for place in ("127.0.0.2", "127.0.0.1")]

                async def slow(factory, place, *args, **kwargs):
                    if place == "127.0.0.2":
                        await asyncio.Event().wait()
                    return await connect(factory, place, *args, **kwargs)

                monkeypatch.setattr(loop, "getaddrinfo", found)
                monkeypatch.setattr(loop, "create_connection", slow)
                connection = await dialer.connect(None)  # type: ignore[arg-type]
                connection.abort()
                return dialer._places

            assert asyncio.run(dial())[0] == "127.0.0.1", "the address that answered is tried first from now on"


class TestOurOwnErrors:
    """An error of the program ends the calls; it never leaves them waiting."""

    @pytest.mark.parametrize("method", ["read", "write"])
    def test_in_a_callback(self, monkeypatch, method):
        """Wherever it happens, the code that takes the answers gets it."""
        with serving() as server:
            model = llm(server, timeout=60, patience=60)
            real, seen = getattr(model, method), []

            def breaks(*args):
                seen.append(args)
                if len(seen) > 5:
                    raise ValueError("ours")
                return real(*args)

            monkeypatch.setattr(model, method, breaks)
            with pytest.raises(ValueError, match="ours"):
                list(model.complete(asked(20)))


class TestNonsense:
    """A completion is not lost for what stands beside it, and a broken one is none."""

    @pytest.mark.parametrize(
        "usage", [None, [], "many", {"prompt_tokens": "12"}, {"prompt_tokens": -1}, {"prompt_tokens": 10**30}, {"prompt_tokens": None}]
    )  # fmt: skip
    def test_counts(self, usage):
        """Tokens that are counted wrongly are counted by us."""
        body = {"choices": [{"message": {"content": "four words of text"}}], "usage": usage}
        with serving(lambda call: ok(body)) as server:
            model = llm(server)
            (found,) = model.complete(asked(1))
            assert not model.service().retried
        assert (found.text, found.tokens_in, found.tokens_out) == ("four words of text", 6, 5)

    @pytest.mark.parametrize("why", ["abort", "error"])
    def test_broken_off(self, why):
        """A completion that broke off on the server's side is asked for again."""
        with serving(first_then(completion("It begi", why))) as server:
            model = llm(server)
            assert texts(model.complete(asked(20))) == RIGHT
            assert model.service().retried == {"unfinished answer": 20}

    def test_too_large_a_bound(self):
        """A bound that is too large for the model is reported, whatever its names; it is not taken for the newer name."""
        said = "'max_tokens' or 'max_completion_tokens' is too large: 1480. This model's maximum context length is 512."
        with serving(lambda call: ok({"error": {"message": said}}, "400 Bad")) as server:
            with pytest.raises(InputError, match="is too large: 1480"):
                list(llm(server).complete(asked(1)))
            assert len(server.calls) == 1

    def test_no_name_is_right(self):
        """A server that wants the other name whichever it gets does not keep a run for ever."""
        said = "Use 'max_completion_tokens' instead of 'max_tokens'."
        with (
            serving(lambda call: ok({"error": {"message": said}}, "400 Bad")) as server,
            pytest.raises(ServiceError, match="field renamed"),
        ):
            list(llm(server, attempts=2).complete(asked(40)))

    def test_wrong_from_some_moment_on(self):
        """A server that goes wrong in the middle stops the run after some calls, instead of filling its log with errors."""
        page, lock = ok(b"<html>Please log in to the Wi-Fi</html>"), threading.Lock()
        found = []

        def answer(call):
            with lock:
                return echo(call) if len(server.calls) <= 50 else page

        with serving(answer) as server, pytest.raises(ServiceError, match=f"not one of the last {FRUITLESS + 1} calls"):
            found.extend(llm(server, attempts=2, concurrency=4).complete(asked(500)))
        assert 40 <= sum(reply.finish == "stop" for reply in found) <= 50
        assert sum(reply.finish == "error" for reply in found) == FRUITLESS

    def test_models_not_listed_just_now(self):
        """A server that cannot list its models now is not taken for one of another kind."""
        with (
            serving() as server,
            pytest.raises(ServiceError, match="HTTP 503 to the list"),
        ):
            server.listed = ok({}, "503 Starting")
            list(llm(server).complete(asked(1)))


class TestKeys:
    """A key is what it should be before it is sent, and no message repeats it."""

    KEY = "sk-test-0123456789"

    def test_line_end(self, monkeypatch):
        """The line end of a file of secrets is not part of the key."""
        monkeypatch.setenv("MOLOCH_API_KEY", f" {self.KEY}\n")
        with serving() as server:
            list(llm(server).complete(asked(1)))
        assert server.calls[0].headers["authorization"] == f"Bearer {self.KEY}"

    @pytest.mark.parametrize("key", ["sk-one\r\nX-Other: two", "sk-schlüssel"])
    def test_no_key(self, monkeypatch, key):
        """What cannot be a header is refused by the name of its variable."""
        monkeypatch.setenv("MOLOCH_API_KEY", key)
        with pytest.raises(InputError, match="MOLOCH_API_KEY is not a key") as caught:
            _ = Endpoint(url="http://host/v1").secret
        assert "sk-" not in str(caught.value)

    def test_cut_in_the_middle(self, monkeypatch):
        """A message that is shortened within the key shows no part of it."""
        monkeypatch.setenv("MOLOCH_API_KEY", self.KEY)
        said = "x" * 290 + self.KEY
        refusal = ok({"error": {"message": said}}, "401 No")
        with serving(lambda call: refusal) as server, pytest.raises(InputError) as caught:
            list(llm(server).complete(asked(1)))
        assert "sk-" not in str(caught.value)

    def test_in_an_answer(self, monkeypatch):
        """A completion that holds the key, as a server's that repeats what it got, is kept without it."""
        monkeypatch.setenv("MOLOCH_API_KEY", self.KEY)
        with serving(lambda call: completion(f"I got {call.headers['authorization']}")) as server:
            (found,) = llm(server).complete(asked(1))
        assert found.text == "I got Bearer [key]"

    def test_in_a_redirect(self, monkeypatch):
        """Nor does the place that a server sends us to."""
        monkeypatch.setenv("MOLOCH_API_KEY", self.KEY)
        there = ok({}, "307 There", Location=f"http://there/?key={self.KEY}")
        with serving(lambda call: there) as server, pytest.raises(InputError, match="elsewhere") as caught:
            list(llm(server).complete(asked(1)))
        assert self.KEY not in str(caught.value)


class TestURLs:
    """A URL is a place, and is checked before anything is sent, printed or kept."""

    @pytest.mark.parametrize(
        "url",
        ["http://a..b/v1", "http://höst/v1", "http://host/ü", "http://host:port/v1", "http://ho st/v1", "ftp://host/v1",
         "http:///v1", "http://host/v1\nX: y"],
    )  # fmt: skip
    def test_refused(self, url):
        """What cannot be one is reported."""
        with pytest.raises(InputError, match="not the URL of a server"):
            parsed(url)

    @pytest.mark.parametrize(
        "url", ["https://me:hunter2@host/v1", "https://host/v1?key=hunter2", "https://host/v1#hunter2"]
    )
    def test_more_than_a_place(self, url):
        """So is one that holds more, without repeating it; also where settings are only read, as for a plan."""
        for read in (parsed, lambda url: Endpoint.of({"url": url}), lambda url: Endpoint(url=url)):
            with pytest.raises((InputError, ValidationError), match="more than an address") as caught:
                read(url)
            assert "hunter2" not in "".join(traceback.format_exception(caught.value))

    def test_numbers(self):
        """IPv6 addresses stand in brackets; ports and /v1 go without saying."""
        assert parsed("http://[::1]:8000/v1/") == (Address("::1", 8000, False), "/v1")
        assert parsed("https://host") == (Address("host", 443, True), "/v1")

    def test_a_server_at_an_ipv6_address(self):
        """One that is only there is reached."""
        try:
            with socket.create_server(("::1", 0), family=socket.AF_INET6):
                pass
        except OSError:
            pytest.skip("no IPv6 here")
        with serving(host="::1") as server:
            assert texts(llm(server).complete(asked(20))) == RIGHT
            assert server.url.startswith("http://[::1]:")


class TestWindow:
    """How many calls a server bears is learnt from how it answers."""

    def test_halves_once_per_window(self):
        """Calls that were sent before the last cut tell nothing new."""
        window = Window(64, 10)
        for _ in range(10):
            window.throttled(sent=1.0, now=2.0, flying=63)
        assert window.size == 32
        window.throttled(sent=3.0, now=4.0, flying=31)
        assert window.size == 16

    def test_recovers_from_one(self):
        """However far it fell, it grows again to the bound and not beyond."""
        window = Window(8, 10)
        for now in range(10):
            window.throttled(sent=now + 0.5, now=now + 0.6, flying=0)
        assert window.size == 1
        for now in range(20, 100):
            window.succeeded(sent=now, now=now + 0.1, flying=int(window.size) - 1)
        assert window.size == 8

    def test_slowness_leaves_a_quarter(self):
        """Timeouts alone never cut it below a quarter of the bound."""
        window = Window(100, 10)
        for now in range(50):
            window.slow(sent=now + 0.5, now=now + 0.6, flying=99)
        assert window.size == 25

    def test_slow_answers(self):
        """Answers that take more than half of the timeout are too many at once; quick ones let it grow again."""
        window = Window(100, 10)
        for now in range(0, 600, 10):
            window.succeeded(sent=now, now=now + 8, flying=int(window.size) - 1)
        assert window.size == 25
        for now in range(600, 3000):
            window.succeeded(sent=now, now=now + 0.1, flying=int(window.size) - 1)
        assert window.size > 40
