"""A market's writers in one vLLM engine: who shares a batch there, as an engine that notes it sees it. The real one: ``tests/engine``."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from abm.events import LLMReplied
from abm.llm import Request, Sampling
from abm.llm._vllm import VLLM
from abm.log import read_events
from learning.settings.sources import load_config
from tests.learning.test_loop import carry_out
from tests.support.fakes import answer

SIZE = {"train_anchors": 16, "held_out_anchors": 4, "train_personas": 5, "held_out_personas": 3, "batch": 6}
FROZEN = {"siege": {"learners": {"c": {"method": "rft"}}, "rivals": ["base"]}}
DUEL = {"duel": {"learners": {"a": {"method": "rft"}, "b": {"method": "placebo"}}}}


class NotingEngine:
    """Computes all that it was asked for, one token a step as it were; one request is done after each step.

    Attributes:
        batches: the adapters of the requests that each step computed together; empty text for the base model.
    """

    model_config = SimpleNamespace(max_model_len=10**6, dtype="torch.float32")

    def __init__(self) -> None:
        self.batches: list[set[str]] = []
        self._asked: dict[str, tuple[list[int], Any, str]] = {}

    def add_request(self, name: str, prompt: list[int], sampling: Any, lora_request: str | None) -> None:
        self._asked[name] = prompt, sampling, lora_request or ""

    def step(self) -> list[Any]:
        self.batches.append({adapter for _, _, adapter in self._asked.values()})
        name = next(iter(self._asked))
        prompt, sampling, adapter = self._asked.pop(name)
        messages = json.loads(bytes(prompt))
        text = answer(Request("", messages, Sampling(), sampling.seed, adapter=adapter))
        done = SimpleNamespace(text=text, finish_reason="stop", stop_reason=None, token_ids=[0])
        return [SimpleNamespace(finished=True, request_id=name, outputs=[done], prompt_token_ids=prompt)]


class Bytes:
    """A tokenizer whose tokens are bytes, and whose chat is JSON."""

    def apply_chat_template(self, messages: Any, **_: Any) -> str:
        return json.dumps(messages)

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": list(text.encode())}


@pytest.fixture
def opened(monkeypatch):
    """Return a backend of vLLM on such an engine, on CUDA or on a CPU."""
    library, given = SimpleNamespace(SamplingParams=SimpleNamespace), {"StructuredOutputsParams": SimpleNamespace}
    kind = SimpleNamespace(FINAL_ONLY=2)
    for name, module in {
        "vllm": library, "vllm.inputs": SimpleNamespace(tokens_input=list),
        "vllm.sampling_params": SimpleNamespace(RequestOutputKind=kind, **given),
    }.items():  # fmt: skip
        monkeypatch.setitem(sys.modules, name, module)

    def open_(cuda: bool) -> VLLM:
        found = VLLM.__new__(VLLM)
        found.name, found._cuda, found._level, found._asleep = "pocket", cuda, 0, False
        found._digest = "d" * 64
        found._engine, found._tokenizer, found._calls, found._loaded = NotingEngine(), Bytes(), count(), {}
        found._load = lambda adapter: found._loaded.setdefault(adapter, adapter)
        return found

    return open_


def mixed_steps(folder) -> int:
    """Return in how many steps of a run both the base model and an adapter were asked."""
    asked: dict[int, set[bool]] = defaultdict(set)
    for event in read_events(folder):
        if isinstance(event, LLMReplied):
            asked[event.step].add(bool(event.adapter))
    return sum(len(kinds) == 2 for kinds in asked.values())


class TestBatches:
    """Rows of the base model and of adapters in the steps of a market."""

    @pytest.mark.parametrize("markets, least", [(FROZEN, 2), (DUEL, 1)], ids=["frozen", "co-trained"])
    def test_never_together_on_a_cpu(self, tmp_path, opened, markets, least):
        """There vLLM would give those of the base model an adapter's weights; in training against it, and in every evaluation."""
        llm = opened(cuda=False)
        carry_out(tmp_path / "run", load_config(None, SIZE | {"markets": markets, "epochs": 2}), llm=llm)
        assert mixed_steps(tmp_path / "run") >= least, "no step had both"
        batches = llm._engine.batches
        assert {frozenset(batch) for batch in batches} > {frozenset({""})}
        assert not any("" in batch and len(batch) > 1 for batch in batches)

    def test_together_on_cuda(self, tmp_path, opened):
        """All of a step at once, with the answers that they have apart."""
        folders = {cuda: tmp_path / str(cuda) for cuda in (True, False)}
        config, digests = load_config(None, SIZE | {"markets": FROZEN, "epochs": 2}), set()
        for cuda, folder in folders.items():
            llm = opened(cuda)
            digests.add(carry_out(folder, config, llm=llm).digest.hexdigest())
            assert any("" in batch and len(batch) > 1 for batch in llm._engine.batches) is cuda
        assert len(digests) == 1

    def test_learners_share_one(self, tmp_path, opened):
        """Adapters of co-trained learners are computed together, on a CPU too."""
        llm = opened(cuda=False)
        carry_out(tmp_path / "run", load_config(None, SIZE | {"markets": DUEL, "epochs": 2}), llm=llm)
        assert any(len(batch) == 2 and "" not in batch for batch in llm._engine.batches)
