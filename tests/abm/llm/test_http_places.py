"""Servers on this machine: found by name, asked not to think, listed with the option that asks them."""

from __future__ import annotations

import re
import socket
import warnings

import pytest
from pydantic import ValidationError

from abm.llm import Request, Sampling, Serving
from abm.llm.budget import Bounds, Budget
from abm.llm.http import HTTPLLM, ServiceError
from abm.llm.http import places as local_places
from abm.llm.http.endpoint import Endpoint
from abm.llm.http.nearby import nearby
from abm.llm.http.places import LOCAL, ollama_url
from moloch.errors import InputError, MolochWarning
from tests.abm.llm.test_http import _quick, asked  # noqa: F401 (a fixture)
from tests.support.dialects import THOUGHT, answer, local
from tests.support.server import completion, ok, serving

KINDS = tuple(LOCAL)
USUAL = {
    "ollama": "http://127.0.0.1:11434/v1",
    "lmstudio": "http://127.0.0.1:1234/v1",
    "llamacpp": "http://127.0.0.1:8080/v1",
}


def opened(place, **settings):
    """Return a model behind a server given by its name, as ``--llm`` has it."""
    endpoint = Serving(llm=place, server={"timeout": 5, "patience": 5} | settings).endpoint("m")
    assert endpoint is not None
    return HTTPLLM("m", endpoint)


class TestNames:
    """``ollama``, ``lmstudio`` and ``llamacpp`` are places, a model's name may follow."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(("more", "name"), [("", "qwen3:4b"), (":qwen3:4b", "qwen3:4b"), ("#org/m", "org/m")])
    def test_a_place(self, kind, more, name, monkeypatch):
        """Where such servers usually listen, few calls at once, thinking off; the only model is taken by itself."""
        monkeypatch.delenv("OLLAMA_HOST", raising=False)
        endpoint = Serving(llm=f"{kind}{more}").endpoint("m")
        assert endpoint is not None and endpoint.url == USUAL[kind]
        assert (endpoint.concurrency, endpoint.thinking, endpoint.name) == (4, "off", name if more else "")
        with local(kind, monkeypatch) as server:
            with pytest.warns(MolochWarning, match="serves one model, 'qwen3:4b'"):
                assert opened(kind).served == ("qwen3:4b", kind)
            assert opened(kind).endpoint.url == server.url

    def test_settings_come_first(self):
        """What a file says of servers is not overridden by what is usual; a model's own server may be named, too."""
        serving = Serving(llm="ollama:m", server={"concurrency": 9, "thinking": "served"})
        assert (endpoint := serving.endpoint("x")) is not None
        assert (endpoint.concurrency, endpoint.thinking, endpoint.name) == (9, "served", "m")
        its_own = Endpoint.of({"url": "lmstudio:a", "concurrency": 2})
        assert (its_own.url, its_own.name, its_own.concurrency) == (USUAL["lmstudio"], "a", 2)

    def test_other_identity(self, monkeypatch):
        """A model that was told not to think is not the one that thinks; where nothing was told, the digest is what it was."""
        with local("llamacpp", monkeypatch) as server:
            quiet, as_served = opened("llamacpp:qwen3:4b"), HTTPLLM("qwen3:4b", Endpoint(url=server.url))
            assert quiet.digest != as_served.digest
            assert as_served.digest == HTTPLLM("qwen3:4b", Endpoint(url=server.url, thinking_room=7)).digest

    @pytest.mark.parametrize("kind", KINDS)
    def test_nothing_listens(self, kind, monkeypatch):
        """It is said how the program is started."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        monkeypatch.delenv("OLLAMA_HOST", raising=False)
        monkeypatch.setitem(local_places.LOCAL, kind, LOCAL[kind]._replace(port=port))
        with pytest.raises(
            ServiceError, match=rf"cannot reach.*onnection refused.*{LOCAL[kind].start}.*moloch llm find"
        ):
            _ = opened(kind).served

    @pytest.mark.parametrize(
        ("host", "url"),
        [
            ("127.0.0.1", "http://127.0.0.1:11434/v1"),
            ("0.0.0.0", "http://127.0.0.1:11434/v1"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080/v1"),
            (":9999", "http://127.0.0.1:9999/v1"),
            ("::", "http://[::1]:11434/v1"),
            ("[::]:77", "http://[::1]:77/v1"),
            ("::1", "http://[::1]:11434/v1"),
            ("box.lan", "http://box.lan:11434/v1"),
            ("http://box.lan", "http://box.lan:80/v1"),
            ("https://box.lan/", "https://box.lan:443/v1"),
            ("http://box.lan:8000/ollama/", "http://box.lan:8000/ollama/v1"),
            ("box.lan:port", "http://box.lan:11434/v1"),
            ("'10.0.0.9:1'", "http://10.0.0.9:1/v1"),
        ],
    )
    def test_where_ollama_is(self, host, url, monkeypatch):
        """``OLLAMA_HOST`` is read as Ollama reads it; an address to listen on becomes this machine's."""
        monkeypatch.setenv("OLLAMA_HOST", host)
        assert LOCAL["ollama"].url == url
        assert (endpoint := Serving(llm="ollama").endpoint("x")) is not None and endpoint.url == url

    @pytest.mark.parametrize("host", ["http://me:hunter2@box", "ftp://box", "a..b"])
    def test_what_is_no_place(self, host, monkeypatch):
        """Is one error, which repeats no password."""
        monkeypatch.setenv("OLLAMA_HOST", host)
        assert ollama_url(host)
        with pytest.raises(InputError) as caught:
            Serving(llm="ollama").check(["m"])
        assert "hunter2" not in str(caught.value)


class TestThinking:
    """It is switched off in the server's own way; where that fails there is room for it."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_off(self, kind, monkeypatch):
        """Nothing is thought, the bound is the call's own, and nothing had to be changed."""
        with local(kind, monkeypatch) as server, warnings.catch_warnings():
            warnings.simplefilter("error", MolochWarning)
            model = opened(f"{kind}:qwen3:4b")
            found = list(model.complete(asked(6)))
        assert {reply.text for reply in found} == {"A good morning."} and model.changes == []
        assert {call.fields["max_tokens"] for call in server.calls} == {Sampling().max_tokens}
        assert len(server.calls) == 6

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("bound", [16, 62])
    def test_a_model_that_thinks_all_the_same(self, kind, bound, monkeypatch):
        """Its calls get room besides their bound; those that thinking left no room for are asked again; it is said once."""
        calls = [
            Request(f"react/{i}", [{"role": "user", "content": "x"}], Sampling(max_tokens=bound), i) for i in range(9)
        ]
        with (
            local(kind, monkeypatch, say=lambda call: answer(kind, call, "A good morning.", stubborn=True)) as server,
            pytest.warns(MolochWarning, match="does not switch thinking off: 500 tokens") as said,
        ):
            model = opened(f"{kind}:qwen3:4b", thinking_room=500)
            found = list(model.complete(calls))
        assert {reply.text for reply in found} == {f"<think>{THOUGHT.strip()}</think>\nA good morning."}
        assert {reply.finish for reply in found} == {"stop"} and len(model.changes) == 1
        assert len([each for each in said if "thinking" in str(each.message)]) == 1
        assert {call.fields["max_tokens"] for call in server.calls} == {bound, bound + 500}
        assert not model.service().failed

    @pytest.mark.parametrize(
        "refusal",
        [
            "Unrecognized request argument supplied: reasoning_effort",
            'think value "none" is not supported for this model',
            "body.chat_template_kwargs: Extra inputs are not permitted",
            "Model 'x' does not support reasoning configuration.",
        ],
    )
    @pytest.mark.parametrize("choices", [(), ("A", "B")])
    def test_a_server_that_refuses_the_wish(self, refusal, choices, monkeypatch):
        """Is asked without it, with room; what else it was asked for stays."""

        def say(call):
            told = "reasoning_effort" in call.fields
            return ok({"error": {"message": refusal}}, "400 Bad") if told else completion("A")

        with local("ollama", monkeypatch, say=say) as server, pytest.warns(MolochWarning, match="switch thinking off"):
            model = opened("ollama:qwen3:4b")
            found = list(model.complete(asked(5, choices=choices)))
        assert {reply.text for reply in found} == {"A"} and len(model.changes) == 1
        last = server.calls[-1].fields
        assert last["max_tokens"] == Sampling().max_tokens + 2048 and ("response_format" in last) == bool(choices)

    def test_a_budget_holds_with_room(self, monkeypatch):
        """What a call may cost includes the room, whether or not it is needed."""
        with local("ollama", monkeypatch, say=lambda call: answer("ollama", call, "word " * 900, stubborn=True)):
            endpoint = Endpoint.of({"url": "ollama", "thinking_room": 500, "timeout": 5})
            budget = Budget(Bounds(tokens=3000))
            with pytest.raises(Exception, match="tokens are spent"), pytest.warns(MolochWarning):
                list(HTTPLLM("m", endpoint, budget=budget).complete(asked(20)))
        assert 0 < budget.tokens <= 3000

    def test_nothing_is_said_to_others(self):
        """A server that is given by its URL is asked as before, and may be told."""
        with serving() as server:
            for settings in ({}, {"thinking": "off"}):
                list(HTTPLLM("m", Endpoint(url=server.url, **settings)).complete(asked(1)))
            first, second = server.calls
        assert "reasoning_effort" not in first.fields and second.fields["reasoning_effort"] == "none"
        assert {name: value for name, value in second.fields.items() if name != "reasoning_effort"} == first.fields


class TestLists:
    """A server's only model is the only one that writes."""

    @pytest.mark.parametrize(
        "other",
        ["text-embedding-nomic-embed-text-v1.5", "nomic-embed-text:latest", "mxbai-embed-large", "bge-reranker-v2-m3"],
    )
    def test_models_that_embed(self, other, monkeypatch):
        """Are not chosen; asked for by name they are."""
        with local("lmstudio", monkeypatch, names=["qwen/qwen3-4b", other]):
            with pytest.warns(MolochWarning, match="serves one model, 'qwen/qwen3-4b'"):
                assert opened("lmstudio").served.name == "qwen/qwen3-4b"
            assert opened(f"lmstudio:{other}").served.name == other

    def test_a_place_is_no_name(self, monkeypatch):
        """Nothing is said of a model that nobody asked for."""
        with local("ollama", monkeypatch), warnings.catch_warnings():
            warnings.simplefilter("error", MolochWarning)
            assert HTTPLLM("ollama", Endpoint.of({"url": "ollama"})).served.name == "qwen3:4b"

    def test_several(self, monkeypatch):
        """Are listed, with how one of them is named; a long list is cut, and says so."""
        long = [f"model-{i:03}" for i in range(300)]
        for names, said in ((["b:1", "a:1"], "a:1, b:1"), (long, r"model-000, model-001.* and 2\d\d more")):
            with local("ollama", monkeypatch, names=names), pytest.raises(InputError) as caught:
                _ = opened("ollama").served
            assert re.search(rf"it serves {said}\. Name one of them: ollama:NAME", str(caught.value))

    def test_none(self, monkeypatch):
        """Is told, where a model was to be chosen."""
        lists_none = pytest.raises(InputError, match=r"lists no model.*ollama:NAME")
        with local("ollama", monkeypatch, names=[]) as server, lists_none:
            _ = HTTPLLM(server.url, Endpoint(url=server.url)).served


class TestNearby:
    """What listens here is looked for without a key."""

    def test_all(self, monkeypatch):
        """Models with their options; what lists none, wants a key or is not there is reported as such."""
        monkeypatch.setenv("MOLOCH_API_KEY", "sk-0123456789")
        with (
            local("ollama", monkeypatch, names=["qwen3:4b", "nomic-embed-text"]),
            local("lmstudio", monkeypatch) as guarded,
            local("llamacpp", monkeypatch) as other,
            socket.create_server(("127.0.0.1", 0)) as free,
        ):
            guarded.listed = ok({"error": "no"}, "401 No")
            other.listed = ok(b"<h1>My own page</h1>", "404 Not Found")
            gone = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
            free.close()
            monkeypatch.setattr("abm.llm.http.nearby.OTHERS", (gone,))
            found = nearby()
        assert [place.state for place in found] == ["serves", "locked", "other", "silent"]
        assert found[0].models == ["qwen3:4b"] and found[0].options == ["ollama:qwen3:4b"]
        assert "My own page" in found[2].told and "MOLOCH_API_KEY" in found[1].told and "refused" in found[3].told
        assert "sk-0123456789" not in str(found)

    def test_no_key_is_sent(self, monkeypatch):
        """Whoever listens there is not who it was meant for."""
        monkeypatch.setenv("MOLOCH_API_KEY", "sk-0123456789")
        heard = []
        with local("ollama", monkeypatch) as server:
            exchange = server._exchange

            async def noted(reader, writer, connection):
                feed = reader.readuntil

                async def until(mark):
                    heard.append(await feed(mark))
                    return heard[-1]

                reader.readuntil = until
                await exchange(reader, writer, connection)

            server._exchange = noted
            nearby()
        assert any(b"GET /v1/models" in head for head in heard)
        assert not [head for head in heard if b"sk-0123456789" in head or b"uthorization" in head]


class TestMistakes:
    """A setting of a server that is wrong has its place, and is not repeated."""

    @pytest.mark.parametrize(
        "settings",
        [
            {"url": "http://me:hunter2@host/v1"},
            {"url": "me:hunter2@host/v1"},
            {"url": "https//me:hunter2@host"},
            {"url": "http://host:hunter2/v1"},
            {"url": "http://[hunter2]/v1"},
            {"url": "http://host/v1", "api_key": "hunter2"},
            {"url": "http://host/v1", "key": "hunter2!"},
            {"url": "http://host/v1", "concurrency": "hunter2"},
            {"url": ["hunter2"]},
        ],
    )
    def test_nothing_is_repeated(self, settings):
        """Neither by the error nor by what it came from."""
        for read in (Endpoint.of, Endpoint.model_validate, lambda each: Serving(models={"m": each})):
            with pytest.raises((InputError, ValidationError)) as caught:
                read(settings)
            error: BaseException | None = caught.value
            while error is not None:
                assert "hunter2" not in str(error), error
                error = error.__cause__
