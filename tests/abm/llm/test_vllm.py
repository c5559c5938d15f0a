"""What vLLM's engine is asked, at its start and when it sleeps and wakes. The real one is tried in ``tests/engine``."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from abm.llm import Request, Sampling, _vllm
from abm.llm._vllm import VLLM
from abm.llm.backends import Backends, Serving
from moloch.errors import InputError


class Engine:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.told: list[tuple] = []

    def __getattr__(self, name):
        return lambda *given: self.told.append((name, *given))


def llm(level: int) -> tuple[VLLM, list[tuple]]:
    """Return a backend that sleeps at ``level`` and holds one adapter, and what its engine is asked."""
    found = VLLM.__new__(VLLM)
    found._engine, found._level, found._asleep = engine, _, _ = Engine(), level, False
    found._loaded = {"one": SimpleNamespace(lora_int_id=7)}
    return found, engine.told


class TestSleep:
    """Memory is given back once, and taken again before anything is asked."""

    def test_level_0(self):
        """Nothing is given back."""
        found, told = llm(0)
        found.sleep()
        found.wake()
        assert told == []

    @pytest.mark.parametrize("level", [1, 2])
    def test_once(self, level):
        """However often it is asked to; waking it when it is awake does nothing."""
        found, told = llm(level)
        found.wake()
        found.sleep()
        found.sleep()
        assert told == [("sleep", level)]

    def test_level_1(self):
        """Weights and adapters come back as they were; what was computed of prompts does not."""
        found, told = llm(1)
        found.sleep()
        found.wake()
        found.wake()
        assert told[1:] == [("wake_up",), ("reset_prefix_cache",)]
        assert set(found._loaded) == {"one"}

    def test_level_2(self):
        """Weights are read before there is room for prompts, and adapters are loaded, and checked, anew."""
        found, told = llm(2)
        found.sleep()
        found.wake()
        assert told[1:] == [
            ("wake_up", ["weights"]), ("collective_rpc", "reload_weights"), ("wake_up", ["kv_cache"]),
            ("remove_lora", 7), ("reset_prefix_cache",),
        ]  # fmt: skip
        assert not found._loaded


class TestStart:
    """What the engine is started with."""

    @pytest.fixture
    def asked(self, monkeypatch):
        """Return what it is asked for by a run's settings; it says no, on its first line why."""

        def settings(cuda=True, **given):
            def refuses(arguments):
                raise ValueError("not enough memory\nand more")

            engine, platform = SimpleNamespace(from_engine_args=refuses), SimpleNamespace(is_cuda_alike=lambda: cuda)
            seen = {}
            monkeypatch.setattr(_vllm, "_imported", lambda: (seen.update, engine, platform))
            with pytest.raises(InputError, match="vLLM cannot serve the model: not enough memory") as caught:
                Backends(Serving(llm="vllm", vllm=given.pop("vllm", {})), **given).llm("pocket")
            assert "and more" not in str(caught.value) and "moloch doctor" in str(caught.value)
            return seen

        return settings

    @pytest.mark.parametrize("rank, room", [(4, 8), (16, 16), (17, 32), (256, 256)])
    def test_room_for_adapters(self, asked, tmp_path, rank, room):
        """As large as the run learns them; vLLM knows some sizes only."""
        found = asked(adapters=tmp_path, rank=rank)
        assert (found["enable_lora"], found["max_lora_rank"]) == (True, room)

    def test_settings_come_last(self, asked, tmp_path):
        """What is set for the engine holds against what would be taken."""
        assert asked(adapters=tmp_path, vllm={"max_lora_rank": 64, "max_loras": 2})["max_lora_rank"] == 64

    def test_sleep_is_for_gpus(self, asked):
        """Elsewhere the engine is not asked to be able to."""
        assert asked()["enable_sleep_mode"] is True
        assert asked(vllm={"sleep": 0})["enable_sleep_mode"] is False
        assert asked(cuda=False)["enable_sleep_mode"] is False

    @pytest.mark.parametrize("name", ["enable_lora", "trust_remote_code", "load_format", "enable_sleep_mode"])
    def test_what_is_not_to_be_set(self, monkeypatch, name):
        """Code of a model's folder is never run, nor pickles read, whatever the settings say."""
        platform = SimpleNamespace(is_cuda_alike=lambda: True)
        monkeypatch.setattr(_vllm, "_imported", lambda: (dict, None, platform))
        with pytest.raises(InputError, match=f"serving.vllm cannot set {name}"):
            VLLM("pocket", **{name: True})


def test_scores_of_letters():
    """Out of the likeliest first tokens, with and without a space; the answer itself counts for nothing."""
    likeliest = {7: (" A", -1.0), 8: ("A", -2.0), 9: ("The", -3.0)}
    logprobs = [
        {token: SimpleNamespace(decoded_token=text, logprob=value) for token, (text, value) in likeliest.items()}
    ]
    completion = SimpleNamespace(text="The", finish_reason="length", token_ids=[9], logprobs=logprobs)
    request = Request("s", [], Sampling(1.0, 1.0, 1), 1, choices=("A", "B"), scored=True)
    reply = VLLM._reply(request, SimpleNamespace(outputs=[completion], prompt_token_ids=[1, 2]))
    assert reply.finish == "stop" and reply.logprobs == pytest.approx([math.log(math.exp(-1) + math.exp(-2)), -3.0])
