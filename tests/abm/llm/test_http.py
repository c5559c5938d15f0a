"""What is promised of models behind a server: every call is answered once, whatever the server does."""

from __future__ import annotations

import json
import threading

import pytest

from abm.events import CallsServed, LLMReplied
from abm.journal import LiveJournal, run_digest
from abm.llm import Request, Sampling
from abm.llm.budget import Bounds, Budget, BudgetSpent
from abm.llm.conformance import REQUESTS, BackendConformance
from abm.llm.http import HTTPLLM, ServiceError
from abm.llm.http.endpoint import Endpoint, parsed
from abm.log import create, open_log, read_events
from moloch.errors import InputError
from tests.support.server import completion, echo, ok, serving


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Wait for next to nothing between attempts, and know no key."""
    monkeypatch.setattr("abm.llm.http._retries.FIRST_DELAY", 0.002)
    for name in ("OPENAI_API_KEY", "MOLOCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def asked(n, **fields):
    return [
        Request(f"react/{i}", [{"role": "user", "content": f"Choose {i}"}], Sampling(), i, **fields) for i in range(n)
    ]


def llm(server, budget=None, **settings):
    settings = {"timeout": 5, "patience": 5, "concurrency": 8} | settings
    return HTTPLLM("m", Endpoint(url=server.url, **settings), budget=budget)


def texts(found):
    return {reply.site: reply.text for reply in found}


RIGHT = {f"react/{i}": f"seed {i}" for i in range(20)}


class TestConformance(BackendConformance):
    """A server's model keeps what every model promises."""

    @pytest.fixture
    def llm(self):
        with serving(lambda call: completion(f"word {call.fields['seed']}")) as server:
            yield llm(server)


class TestCalls:
    """A call says what its request says."""

    def test_fields(self):
        """Model, messages, sampling and seed reach the server; no key is sent where there is none."""
        with serving() as server:
            sampling = Sampling(temperature=0.3, top_p=0.9, max_tokens=50)
            list(llm(server).complete([Request("s", [{"role": "user", "content": "Hi ✓"}], sampling, 5)]))
            (call,) = server.calls
        assert call.path == "/v1/chat/completions"
        assert call.fields == {
            "model": "m", "messages": [{"role": "user", "content": "Hi ✓"}], "temperature": 0.3, "top_p": 0.9,
            "max_tokens": 50, "seed": 5,
        }  # fmt: skip
        assert "authorization" not in call.headers

    def test_guides(self):
        """Options go to vLLM in its own words, a schema to any server in the common ones; extra fields are sent too."""
        schema = '{"type":"object"}'
        with serving(models=[{"id": "m", "owned_by": "vllm"}]) as server:
            list(llm(server, extra={"top_k": 1}).complete(asked(1, choices=("A", "B"))))
            list(llm(server).complete(asked(1, schema=schema)))
        options, held = (call.fields for call in server.calls)
        assert options["structured_outputs"] == {"choice": ["A", "B"]}
        assert options["top_k"] == 1
        assert held["response_format"]["json_schema"]["schema"] == {"type": "object"}

    def test_thinking_is_put_back(self):
        """What a server took out as reasoning stands before the text again, as the model wrote it."""
        with serving(lambda call: completion("Buy!", reasoning_content="They like blue.")) as server:
            (found,) = llm(server).complete(asked(1))
        assert found.text == "<think>They like blue.</think>\nBuy!"

    def test_renamed_bound(self):
        """A server that knows only the newer name of the bound gets it."""

        def answer(call):
            if "max_tokens" in call.fields:
                return ok({"error": {"message": "Use 'max_completion_tokens' instead of 'max_tokens'."}}, "400 Bad")
            return echo(call)

        with serving(answer) as server:
            assert texts(llm(server).complete(asked(20))) == RIGHT

    def test_at_most_as_many_as_allowed(self):
        """No more calls than the bound are on their way at once."""
        with serving(delay=0.01) as server:
            assert texts(llm(server, concurrency=3).complete(asked(20))) == RIGHT
            assert server.at_once == 3

    def test_inside_a_running_loop(self):
        """Notebooks have an event loop of their own already."""
        import asyncio

        async def cell():
            return texts(llm(server).complete(asked(20)))

        with serving() as server:
            assert asyncio.run(cell()) == RIGHT


def first_then(first, times=1):
    """Return an answer that fails each call ``times`` times."""
    return lambda call: (first(call) if callable(first) else first) if call.attempt <= times else echo(call)


class TestHostileServers:
    """No reply is lost and nothing crashes; what happened is reported."""

    @pytest.mark.parametrize(
        ("trouble", "reason"),
        [
            (ok({}, "429 Too Many Requests"), "HTTP 429"),
            (ok({}, "429 Too Many Requests", Retry_After="0.01"), "HTTP 429"),
            (ok({}, "503 Busy", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), "HTTP 503"),
            (ok(b"<html>oops</html>", "500 Internal"), "HTTP 500"),
            (ok(b"<html>hello</html>"), "malformed answer"),
            (ok(b'{"choices": [{"message": {"content": "cut of'), "malformed answer"),
            (ok(b"\xff\xfe"), "malformed answer"),
            (ok({"choices": []}), "no choices"),
            (ok({"choices": None}), "malformed answer"),
            (ok({"error": "overloaded"}), "HTTP 429 within HTTP 200"),
            (ok({"error": {"message": "no such luck"}}), "error within HTTP 200"),
            (ok({"error": {"code": 429}}), "HTTP 429 within HTTP 200"),
            (ok({"error": {"code": "503", "message": "busy"}}), "HTTP 503 within HTTP 200"),
            (ok({}, "409 Conflict"), "HTTP 409"),
            (ok({}, "425 Too Early"), "HTTP 425"),
            (ok({}, "408 Timeout"), "HTTP 408"),
            (ok({}, "501 Not Implemented"), "HTTP 501"),
            (ok({}, "599 Odd"), "HTTP 599"),
            ((b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{", "close"), "connection lost"),
            ((b"HTTP/1.1 200", "close"), "connection lost"),
            ((b"", "close"), "connection lost"),
            (b"SSH-2.0-OpenSSH_9.2p1\r\n", "not HTTP"),
            (ok(b"x" * (10 * 2**20)), "answer too large"),
        ],
    )
    def test_one_trouble_each(self, trouble, reason):
        """A call that fails once, in any way, is made again, and told."""
        with serving(first_then(trouble)) as server:
            model = llm(server)
            assert texts(model.complete(asked(20))) == RIGHT
            service = model.service()
        assert service.retried == {reason: 20}
        assert (service.calls, service.attempts, service.failed) == (20, 40, {})

    def test_hangs(self):
        """A call that is never answered is made again after the timeout."""
        with serving(first_then(lambda call: None if call.fields["seed"] == 3 else echo(call))) as server:
            model = llm(server, timeout=2)
            assert texts(model.complete(asked(20))) == RIGHT
            assert model.service().retried == {"timeout": 1}

    def test_chunks_and_no_length(self):
        """Answers in chunks, and answers that end with the connection, are read whole."""
        body = json.dumps({"choices": [{"message": {"content": "whole"}}]}).encode()
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:])) + b"0\r\n\r\n"

        def answer(call):
            if call.fields["seed"] % 2:
                return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
            return b"HTTP/1.1 200 OK\r\n\r\n" + body, "close"

        with serving(answer) as server:
            found = list(llm(server).complete(asked(20)))
        assert {reply.text for reply in found} == {"whole"} and len(found) == 20
        assert found[0].tokens_out > 0, "a server that counts nothing is counted for"

    def test_a_call_that_never_works(self):
        """A call that fails every time, while others succeed, is given up and told; it is an answer without text."""
        with serving(lambda call: ok({}, "500 Oops") if call.fields["seed"] == 3 else echo(call)) as server:
            model = llm(server, attempts=3)
            found = list(model.complete(asked(20)))
            service = model.service()
        assert texts(found) == RIGHT | {"react/3": ""}
        assert {reply.finish for reply in found if reply.site == "react/3"} == {"error"}
        assert service.failed == {"HTTP 500": 1}

    def test_refusals(self):
        """What a server will not write is an answer that says so, and is not asked for again."""
        policy = ok({"error": {"code": "content_filter", "message": "content management policy"}}, "400 Bad")
        said = {0: completion("", "content_filter"), 1: completion(None, refusal="I cannot"), 2: policy}
        with serving(lambda call: said[call.fields["seed"]]) as server:
            found = list(llm(server).complete(asked(3)))
            assert len(server.calls) == 3
        assert [reply.finish for reply in found] == ["refused"] * 3

    @pytest.mark.system
    def test_everything_at_once(self):
        """A server that does all of it in turn loses no reply."""
        troubles = [
            ok({}, "429 Many", Retry_After="0.01"), ok(b"", "500 No"), (b"HTTP/1.1 200 OK\r\nContent-Le", "close"),
            ok(b"[]"), ok({"choices": []}), None, ok({}, "502 Bad"),
        ]  # fmt: skip
        with serving(
            lambda call: echo(call) if call.attempt > 2 else troubles[(call.fields["seed"] + call.attempt) % 7]
        ) as server:
            model = llm(
                server, timeout=2, attempts=8, concurrency=100, patience=60
            )  # a hang or two in a row are no end
            assert texts(model.complete(asked(28))) == {f"react/{i}": f"seed {i}" for i in range(28)}
            service = model.service()
        assert service.calls == 28 and service.attempts == 84
        assert sum(service.retried.values()) == 56

    def test_nothing_right_ever(self):
        """A server that answers every call, and never rightly, stops the run instead of filling its log with errors."""
        with (
            serving(lambda call: ok(b"<html>Please log in to the Wi-Fi</html>")) as server,
            pytest.raises(ServiceError, match="not one of"),
        ):
            list(llm(server, attempts=2).complete(asked(60)))

    def test_fewer_at_once(self):
        """While the server says that it is too many, fewer calls are on their way."""
        with serving(delay=0.01) as server:
            server.answer = lambda call: echo(call) if server._now <= 4 else ok({}, "429 Many")
            model = llm(server, concurrency=64)
            assert len(list(model.complete(asked(100)))) == 100
            assert model.service().window < 32


class TestServersThatEnd:
    """What cannot go on says why, and keeps what there is."""

    def test_gone(self):
        """A server that dies ends the calls with a clear message after some patience; answers before are kept."""
        with serving() as server:
            model = llm(server, patience=0.3)
            model.served  # noqa: B018 (asked now)
        with pytest.raises(ServiceError, match=r"answers no call: connection refused; no answer for"):
            list(model.complete(asked(3)))

    def test_dies_in_the_middle(self, tmp_path):
        """Killed in the middle: every answer that came is durable; the next process asks only for the rest."""
        dead = threading.Event()

        def answer(call):
            if len(server.calls) > 12:
                dead.set()
            return (b"", "close") if dead.is_set() else echo(call)

        with serving(answer) as server:
            with create(tmp_path / "run", {}) as log, pytest.raises(ServiceError):
                LiveJournal(log).ask(llm(server, patience=0.1, concurrency=4), asked(20), step=0, cause=-1)
            kept = [event for event in read_events(tmp_path / "run") if isinstance(event, LLMReplied)]
            assert {event.site: event.text for event in kept}.items() <= RIGHT.items()
            assert 8 <= len(kept) <= 12
            server.answer, before = echo, len(server.calls)
            with open_log(tmp_path / "run", write=True) as log:
                found = LiveJournal(log).ask(llm(server), asked(20), step=0, cause=-1)
            assert {event.site: event.text for event in found} == RIGHT
            assert len(server.calls) - before == 20 - len(kept)

    def test_long_wait(self):
        """A server that asks for an hour ends the calls at once, and says so."""
        with (
            serving(lambda call: ok({}, "429 Quota", Retry_After="3600")) as server,
            pytest.raises(ServiceError, match="asks for no calls for 3600 s"),
        ):
            list(llm(server).complete(asked(3)))

    @pytest.mark.parametrize(
        ("status", "message"),
        [
            ("401 No", "refuses access"),
            ("404 No", "no such model or address"),
            ("422 No", "refuses a call"),
            ("307 There", "elsewhere"),
        ],
    )
    def test_mistakes(self, status, message):
        """What no repetition fixes is one clear error."""
        with serving(
            lambda call: ok({"error": {"message": "because of this"}}, status, Location="http://there/")
        ) as server:
            with pytest.raises(InputError, match=message):
                list(llm(server).complete(asked(3)))
            assert len(server.calls) <= 3

    def test_other_model(self):
        """A model that the server does not serve is named, with those that it does."""
        with serving(models=[{"id": "x"}, {"id": "y"}]) as server, pytest.raises(InputError, match="it serves x, y"):
            list(llm(server).complete(asked(1)))


class TestSecrets:
    """The key comes from the environment, goes to the server, and nowhere else."""

    KEY = "sk-test-0123456789"

    def test_sent_and_never_shown(self, monkeypatch, tmp_path):
        """Neither an error that repeats the key nor any event shows it."""
        monkeypatch.setenv("MOLOCH_API_KEY", self.KEY)
        with serving() as server:
            with create(tmp_path / "run", {}) as log:
                LiveJournal(log).ask(llm(server), asked(3), step=0, cause=-1)
            assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {self.KEY}"}
            server.answer = lambda call: ok({"error": {"message": f"wrong key {self.KEY}"}}, "401 No")
            with pytest.raises(InputError) as caught:
                list(llm(server).complete(asked(1)))
        assert self.KEY not in str(caught.value) and "[key]" in str(caught.value)
        assert not any(
            self.KEY.encode() in path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()
        )
        assert self.KEY not in repr(list(read_events(tmp_path / "run")))

    def test_not_to_strangers(self, monkeypatch):
        """OpenAI's key goes to OpenAI only; a named variable must be set."""
        monkeypatch.setenv("OPENAI_API_KEY", self.KEY)
        assert Endpoint(url="http://elsewhere/v1").secret == ""
        assert Endpoint(url="https://api.openai.com/v1").secret == self.KEY
        with pytest.raises(InputError, match="the environment has no MY_KEY"):
            _ = Endpoint(url="http://elsewhere/v1", key="MY_KEY").secret

    def test_not_in_urls(self):
        """A URL with a password is refused, without repeating it."""
        with pytest.raises(InputError) as caught:
            parsed("https://me:hunter2@host/v1")
        assert "hunter2" not in str(caught.value)


class TestBudgets:
    """A bound is reached and never crossed, and a stopped run goes on with a larger one."""

    @pytest.mark.parametrize(
        ("bounds", "calls"),
        [(Bounds(calls=7), 7), (Bounds(tokens=10 * 1500), 10), (Bounds(usd=0.0155), 10)],
    )
    def test_bounds(self, bounds, calls):
        """Calls, tokens and money: as many calls as certainly fit, and the error says which bound it was."""
        with serving(lambda call: completion("word " * 1480)) as server:
            budget = Budget(bounds)
            model = llm(server, budget, usd_in=1, usd_out=1, concurrency=4)
            found = []
            with pytest.raises(BudgetSpent, match="are spent"):
                found.extend(model.complete(asked(20)))  # extend keeps what came before the error
            assert len(found) == len(server.calls) == calls
        assert budget.calls == calls
        assert BudgetSpent.exit_code == 5

    def test_short_answers_make_room(self):
        """What a call did not use of its worst case is free for others: only what was spent counts in the end."""
        with serving(lambda call: completion("short")) as server:
            budget = Budget(Bounds(tokens=3_100))
            assert len(list(llm(server, budget, concurrency=8).complete(asked(20)))) == 20
        assert budget.tokens == 20 * 8

    def test_minutes(self):
        """Time ends the sending; what is on its way comes in."""
        now = [0.0]
        budget = Budget(Bounds(minutes=1), clock=lambda: now[0])

        def answer(call):
            now[0] += 10
            return echo(call)

        with serving(answer) as server:
            found = []
            with pytest.raises(BudgetSpent, match="minutes are over"):
                found.extend(llm(server, budget, concurrency=1).complete(asked(20)))
        assert len(found) == 6


class TestTheLog:
    """What is logged of served calls."""

    def test_service_is_logged_and_changes_nothing(self, tmp_path):
        """How calls were served is an event; the digest is that of a run without trouble."""
        digests = set()
        for name, answer in (("calm", echo), ("wild", first_then(ok({}, "500 Oops")))):
            with serving(answer) as server, create(tmp_path / name, {}) as log:
                journal = LiveJournal(log)
                journal.ask(llm(server), asked(20), step=0, cause=-1)
                digests |= {journal.digest.hexdigest(), run_digest(read_events(tmp_path / name))}
        assert len(digests) == 1
        (service,) = (event for event in read_events(tmp_path / "wild") if isinstance(event, CallsServed))
        assert (service.calls, service.attempts, service.retried) == (20, 40, {"HTTP 500": 20})

    def test_requests(self):
        """The conformance suite's calls have answers of their own."""
        with serving() as server:
            assert len(list(llm(server).complete(REQUESTS))) == len(REQUESTS)
