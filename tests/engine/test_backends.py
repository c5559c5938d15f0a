"""vLLM, in process and served, computes what transformers computes with the same weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from abm.llm import backend
from abm.llm.fingerprint import Fingerprint, OutOfSync, record
from abm.llm.http import HTTPLLM
from abm.llm.http.endpoint import Endpoint
from abm.llm.port import Request, Sampling
from tests.support.tiny import save_tiny_adapter

pytestmark = pytest.mark.engine
GREEDY = Sampling(0.0, 1.0, 48)


def asked(adapters: tuple[str, ...], n: int = 6, sampling: Sampling = GREEDY, **held: Any) -> list[Request]:
    """Return ``n`` requests for each of ``adapters``, mixed."""
    return [
        Request(
            f"{adapter}/{i}", [{"role": "user", "content": f"Write a sales pitch for lamp number {i}."}], sampling,
            seed=i, adapter=NAMED.get(adapter, adapter), **held,
        )
        for i in range(n)
        for adapter in adapters
    ]  # fmt: skip


NAMED: dict[str, str] = {}
"""What the tests call an adapter -> its id."""


@pytest.fixture(scope="module", autouse=True)
def _named(named) -> None:
    NAMED.update(named)


@pytest.fixture(scope="module")
def wanted(adapters) -> dict[str, str]:
    """What transformers answers."""
    llm = backend("pocket", adapters=adapters)
    return {reply.site: reply.text for reply in llm.complete(asked(("", "one", "two", "three", "four")))}


@pytest.fixture
def served(server, pocket, adapters) -> Iterator[HTTPLLM]:
    llm = HTTPLLM("pocket", Endpoint(url=server.url, keep_adapters=2), folder=pocket, adapters=adapters)
    yield llm
    llm.close()


class TestTokens:
    """Greedy completions are equal."""

    def test_adapters_differ(self, wanted):
        """The adapters make the model write otherwise, or the comparison would show nothing."""
        for i in range(6):
            assert len({wanted[f"{adapter}/{i}"] for adapter in ("", "one", "two", "three", "four")}) == 5

    @pytest.mark.parametrize("mixed", [("",), ("one",), ("one", "two"), ("", "one", "two")])
    def test_in_process(self, engine, wanted, mixed):
        """In process, base model and adapters alone and in one batch."""
        found = {reply.site: reply.text for reply in engine.complete(asked(mixed))}
        assert found == {site: wanted[site] for site in found}

    @pytest.mark.parametrize("mixed", [("",), ("one",), ("one", "two"), ("", "one", "two")])
    def test_served(self, served, wanted, mixed):
        """Over HTTP, base model and adapters alone and at once."""
        found = {reply.site: reply.text for reply in served.complete(asked(mixed))}
        assert found == {site: wanted[site] for site in found}

    def test_digest(self, engine, served):
        """All of them name the weights alike, so that a run may move from one to another."""
        assert engine.digest == served.digest == backend("pocket").digest

    def test_seeds(self, engine, served):
        """A seed gives the same completion alone and in a batch, in process and served."""
        sampling = Sampling(1.0, 0.9, 24)
        together = {reply.site: reply.text for reply in engine.complete(asked(("",), sampling=sampling))}
        alone = {}
        for request in asked(("",), sampling=sampling):
            alone |= {reply.site: reply.text for reply in engine.complete([request])}
        over_http = {reply.site: reply.text for reply in served.complete(asked(("",), sampling=sampling))}
        assert len(set(together.values())) == 6
        assert together == alone == over_http


class TestAdapters:
    """Adapters are loaded, swapped and unloaded while the engine runs."""

    def test_served_swaps(self, server, served, wanted):
        """Two at a time stay loaded; those of the next batch take their place; at the end none is left."""
        for adapter in ("one", "two", "three", "four", "one"):
            found = {reply.site: reply.text for reply in served.complete(asked((adapter,)))}
            assert found == {site: wanted[site] for site in found}
            assert len(server.models()) <= 1 + 2 and NAMED[adapter] in server.models()
        served.close()
        assert len(server.models()) == 1

    def test_in_process_more_than_fit(self, engine, wanted):
        """More adapters than share a batch."""
        found = {reply.site: reply.text for reply in engine.complete(asked(("one", "two", "three", "four")))}
        assert found == {site: wanted[site] for site in found}

    def test_missing(self, engine, served):
        """An adapter that is not there is said, whole, before anything is asked."""
        for llm in (engine, served):
            with pytest.raises(Exception, match="adapter") as caught:
                list(llm.complete(asked(("five",))))
            assert "Traceback" not in str(caught.value)

    @pytest.mark.parametrize("kind", ["in process", "served"])
    def test_other_weights(self, engine, served, adapters, pocket, kind):
        """An engine that computes with other weights than those recorded is not believed."""
        llm = engine if kind == "in process" else served
        for right in (True, False):
            name = save_tiny_adapter(pocket, adapters, seed=10 + 2 * right + (kind == "served"))
            truth = _logprobs(pocket, adapters, name), _logprobs(pocket, adapters, "")
            known = truth if right else truth[::-1]
            record(adapters / name, Fingerprint(TEXT, adapted=known[0], base=known[1]))
            if right:
                assert list(llm.complete(asked((name,), 1)))
            else:
                for _ in range(2):  # it is not taken for loaded after that, either
                    with pytest.raises(OutOfSync, match="other weights"):
                        list(llm.complete(asked((name,), 1)))


TEXT = list(range(300, 340))


def _logprobs(pocket: Path, adapters: Path, adapter: str) -> list[float]:
    """Return what PEFT computes for the tokens of ``TEXT`` but the first."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(pocket, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, adapters / adapter)
    ids = torch.tensor([TEXT])
    with torch.no_grad():
        rows = torch.log_softmax(model.eval()(ids).logits[0, :-1], dim=-1)
    return rows.gather(1, ids[0, 1:, None])[:, 0].tolist()


class TestSleep:
    """An engine that slept computes with its weights again. On a CPU it cannot sleep: what wakes it is tried all the same."""

    def test_weights_are_read_again(self, engine, wanted, monkeypatch):
        """At level 2: weights that are gone come back from disk, adapters too, under numbers of their own."""
        list(engine.complete(asked(("one",), 1)))
        numbers = {lora.lora_int_id for lora in engine._loaded.values()}
        assert engine._engine.collective_rpc(_lose_weights) == [None]
        engine._engine.reset_prefix_cache()
        lost = {reply.site: reply.text for reply in engine.complete(asked(("",)))}
        assert all(lost[site] != wanted[site] for site in lost), "the test shows nothing"
        woken = []
        monkeypatch.setattr(engine._engine, "wake_up", woken.append)
        monkeypatch.setattr(engine, "_level", 2)
        engine._asleep = True
        found = {reply.site: reply.text for reply in engine.complete(asked(("", "one", "two")))}
        assert found == {site: wanted[site] for site in found}
        assert woken == [["weights"], ["kv_cache"]] and not engine._asleep
        assert not numbers & {lora.lora_int_id for lora in engine._loaded.values()}


def _lose_weights(worker: Any) -> None:
    for weight in worker.model_runner.model.parameters():
        weight.data.zero_()


class TestPrefixes:
    """Prompts that begin alike share what was computed of them."""

    def test_once_for_all(self, engine, monkeypatch):
        """Asked in an order that parts them, they come to the engine persona by persona, and find what is there."""
        found, came, reply, add = {}, [], engine._reply, engine._add

        def noted(request: Request, output: Any) -> Any:
            found[request.site] = (len(output.prompt_token_ids), output.num_cached_tokens)
            return reply(request, output)

        def noted_too(request: Request, prompt: list[int]) -> str:
            came.append(request.site.split("/")[1])
            return add(request, prompt)

        monkeypatch.setattr(engine, "_reply", noted)
        monkeypatch.setattr(engine, "_add", noted_too)
        requests = [
            Request(f"{contest}/{persona}", [
                {"role": "system", "content": f"You are persona {persona}, who reads a lot and trusts few. " * 12},
                {"role": "user", "content": f"Contest {contest}: which of the two?"},
            ], Sampling(0.0, 1.0, 2), seed=1)
            for contest in range(30) for persona in range(4)
        ]  # fmt: skip
        assert len(list(engine.complete(requests))) == len(requests)
        assert [len(list(group)) for _, group in groupby(came)] == [30] * 4
        read = sum(length for length, _ in found.values())
        assert sum(cached for _, cached in found.values()) > 0.4 * read


class TestGuides:
    """Completions are held to options and schemas."""

    @pytest.mark.parametrize("kind", ["in process", "served"])
    def test_options(self, engine, served, kind):
        """A model that would write a sales pitch names one of the options."""
        llm = engine if kind == "in process" else served
        found = {reply.text for reply in llm.complete(asked(("", "one"), choices=("A", "B")))}
        assert found and found <= {"A", "B"}

    @pytest.mark.parametrize("kind", ["in process", "served"])
    def test_schema(self, engine, served, kind):
        """It writes JSON of the schema."""
        llm = engine if kind == "in process" else served
        schema = json.dumps({
            "type": "object", "properties": {"choice": {"type": "string", "enum": ["A", "B"]}},
            "required": ["choice"], "additionalProperties": False,
        })  # fmt: skip
        for reply in llm.complete(asked(("",), schema=schema)):
            assert json.loads(reply.text)["choice"] in ("A", "B")
