"""Servers that trickle, compress, redirect, and keys that are words: what is beside the answers themselves."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
import zlib

import pytest

from abm.llm.http import HTTPLLM, ServiceError
from abm.llm.http._compression import plain
from abm.llm.http._control import Control
from abm.llm.http.endpoint import Endpoint, parsed
from abm.llm.trial import check
from moloch.errors import InputError, MolochWarning
from tests.abm.llm.test_http import RIGHT, _quick, asked, llm, texts  # noqa: F401 (a fixture)
from tests.support.server import completion, echo, ok, serving

GOOD = json.dumps({"data": [{"id": "m"}]}).encode()


@contextlib.contextmanager
def trickling(first: bytes, then: bytes):
    """Yield the URL of a server that sends ``first``, and then ``then`` again and again, without end."""

    def serve(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = listening.accept()
                with line:
                    line.recv(65_536)
                    line.sendall(first)
                    with contextlib.suppress(OSError):
                        while not done.wait(0.02):
                            line.sendall(then)

    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            done.set()
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


class TestTime:
    """A question to a server ends in time, however it is answered."""

    @pytest.mark.parametrize(
        ("first", "then"),
        [
            (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b" "),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
            (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + GOOD[:9], b""),
        ],
        ids=["a body without length", "a long body", "chunks", "a header", "always to be continued", "silence"],
    )
    def test_a_trickle(self, first, then):
        """Each read of it is in time, the whole never is."""
        with trickling(first, then) as url:
            address, path = parsed(url)
            began = time.monotonic()
            with pytest.raises(ServiceError, match=r"cannot reach the server.*no whole answer within 0\.3 s|timed out"):
                Control(address, path, Endpoint(url=url)).ask("GET", "/models", seconds=0.3)
            assert time.monotonic() - began < 10

    def test_a_deep_answer_to_the_check(self):
        """What ``moloch llm check`` is given ends in a finding, not in a stack."""
        with serving(lambda call: completion("[" * 100_000)) as server:
            found = {each.what: each for each in check(llm(server)).findings}
        assert found["JSON"].ok is None


class TestNames:
    """A host whose name cannot be one is an error; so is a name that the resolver would choke on."""

    @pytest.mark.parametrize("host", ["a" * 64 + ".example", ".".join(["a" * 60] * 5)])
    def test_too_long(self, host):
        """DNS has names of 253 signs, of parts of 63."""
        with pytest.raises(InputError, match="not the URL of a server"):
            parsed(f"http://{host}/v1")

    @pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "x" * 2000, "", "a\u202eb"])
    def test_of_models(self, name):
        """What cannot be shown is no model's name."""
        with serving(models=[{"id": name}, {"id": "m"}]) as server:
            assert HTTPLLM(server.url, Endpoint(url=server.url)).served.name == "m"


class TestElsewhere:
    """A server that is not there says where it is, in its list as in its answers."""

    @pytest.mark.parametrize("named", [True, False])
    @pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
    def test_a_redirect(self, status, named, monkeypatch):
        """It is reported, not followed; the key does not go there, nor is it shown."""
        monkeypatch.setenv("MOLOCH_API_KEY", "sk-0123456789")
        with serving() as other, serving() as server:
            server.listed = ok({}, status, Location=f"{other.url}/models?key=sk-0123456789")
            model = HTTPLLM("m" if named else server.url, Endpoint(url=server.url))
            with pytest.raises(InputError, match="the server is elsewhere") as caught:
                _ = model.served
            assert other.url in str(caught.value) and "sk-0123456789" not in str(caught.value) and not other.calls

    def test_no_list(self):
        """Where a name was to be found, the server's own words say why there is none."""
        with serving(listed=ok({"detail": "Not Found"}, "404 No")) as server:
            with pytest.raises(InputError, match="lists no model: HTTP 404: Not Found"):
                _ = HTTPLLM(server.url, Endpoint(url=server.url)).served
            assert HTTPLLM("m", Endpoint(url=server.url)).served.name == "m"


class TestKeys:
    """A key is taken out of what a server says, and nothing else is."""

    @pytest.mark.parametrize("key", ["none", "null", "1", "m", "word", "content", "x", "0", "ollama"])
    def test_words_instead_of_keys(self, key, monkeypatch):
        """Servers without keys get any word; numbers, fields and texts that hold it stay as they are."""
        monkeypatch.setenv("MOLOCH_API_KEY", key)
        said = f"word 10 {key} content none null"
        with serving(lambda call: completion(said)) as server:
            found = list(llm(server).complete(asked(3)))
            assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {key}"}
        assert {(reply.text, reply.tokens_in) for reply in found} == {(said, 7)}

    def test_in_escapes_in_a_list(self, monkeypatch):
        """A model's name that holds the key, however it is written, does not show it."""
        monkeypatch.setenv("MOLOCH_API_KEY", "sk-0123456789")
        escaped = "".join(f"\\u{ord(sign):04x}" for sign in "sk-0123456789")
        with serving(listed=ok(f'{{"data": [{{"id": "for {escaped}"}}]}}'.encode())) as server:
            assert HTTPLLM(server.url, Endpoint(url=server.url)).served.name == "for [key]"


class TestCoding:
    """A body that is compressed although a plain one was asked for is read."""

    @pytest.mark.parametrize(
        ("coding", "squeeze"),
        [
            ("gzip", gzip.compress),
            ("x-gzip", gzip.compress),
            ("GZIP", gzip.compress),
            ("deflate", zlib.compress),
            ("deflate", lambda body: zlib.compress(body)[2:-4]),
            ("gzip", bytes),
            ("identity", bytes),
        ],
    )
    def test_read(self, coding, squeeze):
        """Lists and completions, whether or not the header is right."""

        def squeezed(answer: bytes) -> bytes:
            body = squeeze(answer.partition(b"\r\n\r\n")[2])
            return ok(body, Content_Encoding=coding)

        with serving(lambda call: squeezed(echo(call)), listed=squeezed(ok(GOOD))) as server:
            assert texts(llm(server).complete(asked(20))) == RIGHT

    def test_a_bomb(self):
        """Is cut; what is read of it is bounded."""
        bomb = gzip.compress(bytes(50_000_000))
        assert len(plain(b"gzip", bomb, 1000)) == 1000
        assert plain(b"br", b"x", 10) == b"x" and plain(b"gzip", b"\x1f\x8b\x08garbage", 10) == b"\x1f\x8b\x08garbage"


class TestLearning:
    """That a server wants to be asked otherwise is no failure of a call."""

    @pytest.mark.parametrize("kind", ["vllm", "test"])
    def test_one_attempt(self, kind):
        """Even where a call has one attempt only, all that has to be learnt is learnt."""

        def answer(call):
            fields = call.fields
            refusals = {
                "System role not supported": fields["messages"][0]["role"] == "system",
                "'max_tokens' is not supported, use 'max_completion_tokens' instead": "max_tokens" in fields,
                "guided choice is not supported": "structured_outputs" in fields,
                "response_format is not supported": "response_format" in fields,
            }
            said = next((words for words, applies in refusals.items() if applies), "")
            return ok({"error": {"message": said}}, "400 Bad") if said else echo(call)

        chat = [{"role": "system", "content": "You sell."}, {"role": "user", "content": "Sell."}]
        calls = [
            request.__class__(request.site, chat, request.sampling, request.seed, choices=("A", "B"))
            for request in asked(20)
        ]
        with serving(answer, models=[{"id": "m", "owned_by": kind}]) as server, pytest.warns(MolochWarning):
            model = llm(server, attempts=1)
            assert texts(model.complete(calls)) == RIGHT
        assert not model.service().failed

    @pytest.mark.parametrize(
        "said",
        ["'max_tokens' is not supported, use 'max_completion_tokens' instead", "response_format is not supported"],
    )
    def test_a_server_that_refuses_whatever_it_is_asked(self, said):
        """Is not asked for ever."""
        with (
            serving(lambda call: ok({"error": {"message": said}}, "400 Bad")) as server,
            pytest.warns(MolochWarning),
            contextlib.suppress(InputError, ServiceError),
        ):
            list(llm(server, attempts=2).complete(asked(3, choices=("A", "B"))))
        assert len(server.calls) <= 3 * 4

    def test_a_call_that_is_given_up_is_told(self):
        """With the server's own words, once."""

        def answer(call):
            return ok({"error": "no such luck"}, "500 No") if call.fields["seed"] < 3 else echo(call)

        with (
            serving(answer) as server,
            pytest.warns(MolochWarning, match=r"2 attempts: HTTP 500: no such luck") as said,
        ):
            found = texts(llm(server, attempts=2, concurrency=1).complete(asked(20)))
        assert [found[f"react/{i}"] for i in range(4)] == ["", "", "", "seed 3"]
        assert len([each for each in said if "no such luck" in str(each.message)]) == 1
