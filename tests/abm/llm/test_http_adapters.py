"""What is promised of adapters on a server: loaded by content, few at a time, checked, dropped in the end."""

from __future__ import annotations

from contextlib import closing

import pytest

from abm.llm import Request, Sampling
from abm.llm.fingerprint import Fingerprint, OutOfSync, record
from abm.llm.http import HTTPLLM
from abm.llm.http.endpoint import Endpoint
from moloch.errors import InputError
from tests.support.server import Call, completion, echo, ok, serving
from tests.support.tiny import save_smallest_adapter

VLLM = [{"id": "m", "owned_by": "vllm"}]
KNOWN = Fingerprint(tokens=[5, 6, 7], adapted=[-1.0, -2.0], base=[-3.0, -4.0])


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in ("OPENAI_API_KEY", "MOLOCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def asked(*adapters: str) -> list[Request]:
    """Return a call for each of ``adapters``; empty for the base model."""
    messages = [{"role": "user", "content": "Write."}]
    return [Request(f"write/{i}", messages, Sampling(), i, adapter=adapter) for i, adapter in enumerate(adapters)]  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path):
    """A run's folder of adapters."""
    return tmp_path


@pytest.fixture
def names(folder) -> list[str]:
    """Three adapters in it."""
    return [save_smallest_adapter(folder, seed) for seed in range(3)]


class Engine:
    """What a vLLM server does with adapters.

    Attributes:
        weights: log-probabilities that it computes, whatever the adapter.
    """

    def __init__(self, weights: list[float] | None = None) -> None:
        self.held: list[str] = []
        self.did: list[tuple[str, str]] = []
        self.most = 0
        self.weights = weights or KNOWN.adapted

    def __call__(self, call: Call):
        name = call.fields.get("lora_name", "")
        if call.path.endswith("/load_lora_adapter"):
            self.held.append(name)
            self.did.append(("load", call.fields["lora_path"]))
            self.most = max(self.most, len(self.held))
            return ok(b"Success")
        if call.path.endswith("/unload_lora_adapter"):
            self.held.remove(name)
            self.did.append(("unload", name))
            return ok(b"Success")
        if call.path.endswith("/v1/completions"):
            rows = [None, *({str(t): {"logprob": p}} for t, p in zip(KNOWN.tokens[1:], self.weights, strict=True))]
            return ok({"choices": [{"prompt_logprobs": rows}]})
        if call.fields["model"] not in ("m", *self.held):
            return ok({"error": {"message": f"no model {call.fields['model']}"}}, "404 Not Found")
        return completion(f"{call.fields['model']} says {call.fields['seed']}")


def llm(server, folder, **settings):
    return HTTPLLM("m", Endpoint(url=server.url, timeout=5, patience=5, **settings), adapters=folder)


class TestLoading:
    """A server computes with the adapter that a call names."""

    def test_loaded_once_and_dropped(self, tmp_path, names):
        """Each is loaded by its id from the run's folder before its first call, and dropped when all is done."""
        engine, (aa, bb) = Engine(), sorted(names[:2])
        with serving(engine, models=VLLM) as server:
            with closing(llm(server, tmp_path)) as model:
                for _ in range(2):
                    found = {reply.site: reply.text for reply in model.complete(asked("", aa, bb))}
            assert found == {"write/0": "m says 0", "write/1": f"{aa} says 1", "write/2": f"{bb} says 2"}
        loaded = [("load", str(tmp_path / name)) for name in (aa, bb)]
        assert engine.did == [*loaded, ("unload", aa), ("unload", bb)]

    def test_few_at_a_time(self, tmp_path, names):
        """Those not used for longest make room."""
        engine, (aa, bb, cc) = Engine(), names
        with serving(engine, models=VLLM) as server, closing(llm(server, tmp_path, keep_adapters=2)) as model:
            for adapter in (aa, bb, aa, cc, aa):
                list(model.complete(asked(adapter)))
            assert engine.held == [aa, cc] and engine.most == 2
            assert [what for what in engine.did if what[0] == "unload"] == [("unload", bb)]

    def test_another_folder(self, tmp_path, names):
        """A server that sees the folder elsewhere is given that place."""
        engine = Engine()
        with serving(engine, models=VLLM) as server:
            list(llm(server, tmp_path, adapters="/mnt/run/").complete(asked(names[0])))
        assert engine.did == [("load", f"/mnt/run/{names[0]}")]

    def test_there_already(self, tmp_path, names):
        """One that an interrupted process left is used: an id is that of its content."""
        engine, aa = Engine(), names[0]
        engine.held = [aa]

        def answer(call: Call):
            if call.path.endswith("/load_lora_adapter"):
                return ok({"message": f"The lora adapter '{aa}' has already been loaded."}, "400 Bad Request")
            return engine(call)

        with serving(answer, models=VLLM) as server:
            (found,) = llm(server, tmp_path).complete(asked(aa))
        assert found.text == f"{aa} says 0"

    def test_refused(self, tmp_path, names):
        """A server that cannot load is reported with what it needs, before any call."""
        with serving(lambda call: ok({"detail": "Not Found"}, "404 Not Found"), models=VLLM) as server:
            with pytest.raises(InputError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
                list(llm(server, tmp_path).complete(asked(names[0])))
            assert len(server.calls) == 1

    def test_base_and_adapters_apart(self, tmp_path, names):
        """Calls of the base model are not on their way with those of adapters, unless the server is said to bear it."""
        aa = names[0]
        for mixed in (False, True):
            engine, now, together = Engine(), set(), []

            def answer(call: Call, engine=engine, now=now, together=together):
                if call.path.endswith("/chat/completions"):
                    now.add(call.fields["model"] == "m")
                    together.append(len(now) == 2)
                return engine(call)

            with serving(answer, models=VLLM) as server:
                groups = llm(server, tmp_path, mixed=mixed, concurrency=8).groups(asked(aa, "", aa, "", aa, ""))
                for _ in groups:
                    if not mixed and len(together) == 3:
                        now.clear()  # all of the first kind were answered
            assert len(together) == 6 and any(together) == mixed


class TestChecking:
    """Weights are checked, not believed."""

    @pytest.fixture
    def name(self, folder, names):
        record(folder / names[0], KNOWN)
        return names[0]

    def test_in_step(self, folder, name):
        """A server that computes with the adapter's weights, but for rounding, is used."""
        with serving(Engine([-1.01, -2.01]), models=VLLM) as server:
            (found,) = llm(server, folder).complete(asked(name))
        assert found.text == f"{name} says 0"

    @pytest.mark.parametrize("weights", [KNOWN.base, [-9.0, -9.0]])
    def test_out_of_step(self, folder, name, weights):
        """One that computes with others, the base's say, is not asked for a single completion; exit code 7."""
        engine = Engine(weights)
        with serving(engine, models=VLLM) as server:
            model = llm(server, folder)
            for _ in range(2):  # a second try gets the same error
                with pytest.raises(OutOfSync) as caught:
                    list(model.complete(asked(name)))
            assert engine.held == []
            assert not any(call.path.endswith("/chat/completions") for call in server.calls)
        assert caught.value.exit_code == 7 and f"adapter {name}" in str(caught.value)

    def test_no_logprobs(self, folder, name):
        """Nor is one that gives none."""

        def answer(call: Call):
            return ok(b"Success") if "lora" in call.path else ok({"choices": [{"text": ""}]})

        with serving(answer, models=VLLM) as server, pytest.raises(InputError, match="no log-probabilities"):
            list(llm(server, folder).complete(asked(name)))

    def test_key_in_a_refusal(self, tmp_path, names, monkeypatch):
        """What a server says about adapters is reported without the key."""
        monkeypatch.setenv("MOLOCH_API_KEY", "sk-test-0123456789")
        refusal = lambda call: ok({"message": f"key {call.headers['authorization']}"}, "400 Bad")  # noqa: E731
        with serving(refusal, models=VLLM) as server, pytest.raises(InputError) as caught:
            list(llm(server, tmp_path).complete(asked(names[0])))
        assert "sk-test" not in str(caught.value) and "[key]" in str(caught.value)


def test_closing_does_not_wait_for_the_dead(tmp_path, names):
    """A server that is gone has dropped its adapters: closing raises nothing."""
    with serving(Engine(), models=VLLM) as server:
        model = llm(server, tmp_path)
        list(model.complete(asked(names[0])))
    model.close()


def test_no_adapters_no_loading(tmp_path):
    """Base-model calls load nothing."""
    with serving(echo, models=VLLM) as server, closing(llm(server, tmp_path)) as model:
        list(model.complete(asked("", "")))
    assert {call.path for call in server.calls} == {"/v1/chat/completions"}
