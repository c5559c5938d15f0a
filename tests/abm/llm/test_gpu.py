"""What only CUDA runs: ``pytest -m gpu`` on a machine that has it."""

from __future__ import annotations

import shutil

import msgspec
import pytest

torch = pytest.importorskip("torch", reason="needs the learn extra")

from abm.llm import Sampling, backend  # noqa: E402
from abm.llm.conformance import ask, replies  # noqa: E402
from abm.llm.local._decode import PromptRow, decode  # noqa: E402
from abm.llm.local._steps import Ways  # noqa: E402
from abm.llm.local.attention import GROUPED  # noqa: E402
from abm.llm.local.backend import TransformersLLM  # noqa: E402
from learning.training.settings import PRESETS  # noqa: E402

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")]
ROWS = [PromptRow(list(range(20 + i, 90 + 9 * i)), i, 0.0, 1.0, 20 + 11 * i) for i in range(16)]


class TestDecoding:
    """The pocket model on a GPU."""

    def test_steps_are_replayed(self, caplog):
        """They are captured, and give what steps one by one give, in float32 to the token."""
        llm = TransformersLLM("pocket", device="cuda", dtype="float32")
        assert llm._ways.pinned and llm.model.config._attn_implementation == GROUPED
        plain = decode(llm.model, ROWS, pad=0, stops=set())
        with caplog.at_level("INFO", "abm.llm.local._steps"):
            assert decode(llm.model, ROWS, pad=0, stops=set(), ways=Ways(pinned=True)) == plain
        assert caplog.messages and all(message.endswith("are replayed") for message in caplog.messages)

    def test_a_cpu_says_the_same(self):
        """Greedily, in float32."""
        requests = [ask(i, sampling=Sampling(0.0, 1.0, 40)) for i in range(8)]
        there = TransformersLLM("pocket", device="cuda", dtype="float32")
        assert replies(there, requests) == replies(backend("pocket", device="cpu"), requests)

    def test_sleeping_gives_memory_back(self, tiny_model, tiny_adapters, one):
        """And what it answers afterwards, with an adapter and without, is what it answered before."""
        llm = TransformersLLM(tiny_model, adapters=tiny_adapters, device="cuda", dtype="float32")
        requests = [ask(i, adapter=adapter) for i in range(3) for adapter in ("", one)]
        before, held = replies(llm, requests), torch.cuda.memory_allocated()
        llm.sleep()
        assert torch.cuda.memory_allocated() < held
        assert replies(llm, requests) == before


class TestLearning:
    """The paper's preset, on a tiny model."""

    @pytest.mark.parametrize("changes", [{}, {"checkpointing": True}, {"quantize": "4bit"}])
    def test_learns(self, tiny_model, tmp_path, changes):
        """In bf16, kept or recomputed, and on a quantised base where bitsandbytes is installed."""
        if "quantize" in changes:
            pytest.importorskip("bitsandbytes")
        from tests.learning.training.test_job import SETTINGS, learn

        preset = msgspec.to_builtins(PRESETS["qwen3-8b"])
        kept = {name: preset[name] for name in ("precision", "tokens_per_pass", "checkpointing", "dropout")}
        trained = learn(shutil.copytree(tiny_model, tmp_path / "model"), tmp_path / "run", **kept | changes)
        assert trained.steps == SETTINGS.repeat * 5 // SETTINGS.batch
        assert trained.loss_after < trained.loss_before - 0.01
