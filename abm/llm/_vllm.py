"""A model in vLLM in this process as an :class:`~abm.llm.port.LLM`: all adapters and the base model in one engine.

Each answer counts as it comes. Prompts are the same tokens as in :mod:`abm.llm.local.backend`, sorted, so that those
that begin alike share what the engine has computed of them. Knows vLLM's engine; knows nothing of contests.
"""

# pyright: reportMissingImports=false
# vLLM is installed where it runs, and hardly anywhere else.
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Literal

from abm.llm.adapters import read_adapter
from abm.llm.fingerprint import Fingerprint, deviation, recorded
from abm.llm.folders import model_folder
from abm.llm.port import Finish, Reply, Request
from abm.llm.scores import LIKELIEST, choice_scores
from abm.llm.versions import require
from abm.llm.weights import model_digest
from moloch.errors import InputError

os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")

DEFAULTS: dict[str, Any] = {
    "max_loras": 4,
    "use_tqdm_on_load": False,
    "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
}
"""Arguments of the engine unless others are given: adapters in one batch, no noise, and no room in JSON for spaces, of
which some models write nothing else."""
RANKS = (8, 16, 32, 64, 128, 256, 512)
"""Of adapters: what vLLM makes room for is one of these."""
ON_CPU: dict[str, Any] = {"enable_chunked_prefill": False}
"""Further arguments without an accelerator: there vLLM 0.31 exits when a prompt with its own seed is read in parts."""
FINISH: dict[str | None, Finish] = {"stop": "stop", "length": "length"}


class VLLM:
    """An :class:`~abm.llm.port.LLM` in this process.

    Args:
        model: ``"pocket"``, a folder, or a downloaded model's name.
        adapters: folder that holds ``<adapter id>/adapter_model.safetensors``.
        rank: of the adapters, at most.
        sleep: what :meth:`sleep` gives back: 1 keeps the weights in main memory, 2 reads them from disk again, 0 nothing.
            Only on CUDA; elsewhere it is 0.
        engine: arguments of ``vllm.EngineArgs``: gpu_memory_utilization, max_model_len, tensor_parallel_size, ...

    Raises:
        InputError: vLLM is not installed, is of a version that was not tested, or cannot serve the model.
    """

    unit: Literal["batch", "call"] = "call"

    def __init__(
        self,
        model: str | Path,
        *,
        adapters: Path | None = None,
        rank: int = 16,
        sleep: Literal[0, 1, 2] = 1,
        **engine: Any,
    ) -> None:
        EngineArgs, LLMEngine, current_platform = _imported()
        self.name, self._folder, self._adapters = str(model), model_folder(str(model)), adapters
        self._cuda = bool(current_platform.is_cuda_alike())
        self._level, self._asleep = sleep if self._cuda else 0, False
        fixed = {
            "model": str(self._folder),
            "enable_lora": adapters is not None,
            "enable_prefix_caching": True,
            "trust_remote_code": False,
            "enable_sleep_mode": self._level > 0,
            "disable_log_stats": True,
            "load_format": "safetensors",
        }
        defaults = DEFAULTS | ({} if self._cuda else ON_CPU)
        defaults["max_lora_rank"] = next((room for room in RANKS if room >= rank), rank)
        if clash := sorted(fixed.keys() & engine.keys()):
            raise InputError(f"serving.vllm cannot set {', '.join(clash)}", why="the run decides that itself")
        try:
            self._engine = LLMEngine.from_engine_args(EngineArgs(**defaults | engine | fixed))
        except Exception as error:  # of many kinds: the user reads one line
            raise InputError(
                "vLLM cannot serve the model",
                where=str(self._folder),
                why=_line(error),
                fix="`moloch doctor` looks at the installation; serving.vllm holds the engine's arguments.",
            ) from error
        self._tokenizer = self._engine.get_tokenizer()
        if getattr(self._tokenizer, "chat_template", None) is None:
            raise InputError(
                "the model has no chat template", where=str(self._folder), fix="Use an instruction-tuned model."
            )
        self._numbers = count(1)  # an engine keeps serving the first weights that it saw under a number
        self._loaded: dict[str, Any] = {}
        self._calls = count()

    @property
    def digest(self) -> str:
        """SHA-256 over the base weights, settings, tokenizer and chat template, as the files state them."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return model_digest(self._folder)

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield each reply as it finishes.

        Raises:
            InputError: a prompt leaves no room for its completion (nothing is cut), or an adapter cannot be loaded.
            CorruptLog: an adapter is not there, or is not the one of its name.
            OutOfSync: the engine does not compute with an adapter that it loaded.
        """
        prompts = {
            request.site: self._prompt(request) for request in requests
        }  # all are checked before any is answered
        self.wake()
        for adapter in sorted({request.adapter for request in requests} - {""}):
            self._load(adapter)
        for group in self._groups(requests):
            yield from self._run(sorted(group, key=lambda request: prompts[request.site]), prompts)

    def sleep(self) -> None:
        """Give the accelerator's memory back until the next call, as far as ``sleep`` says."""
        if self._level and not self._asleep:
            self._engine.sleep(self._level)
            self._asleep = True

    def wake(self) -> None:
        """Take the memory back; at level 2 weights and adapters are read again, and adapters checked again."""
        if not self._asleep:
            return
        if self._level == 2:
            self._engine.wake_up(["weights"])
            self._engine.collective_rpc("reload_weights")
            self._engine.wake_up(["kv_cache"])
            for lora in self._loaded.values():
                self._engine.remove_lora(lora.lora_int_id)
            self._loaded.clear()
        else:
            self._engine.wake_up()
        self._engine.reset_prefix_cache()
        self._asleep = False

    def place(self) -> dict[str, str]:
        """Return the engine's kind, device and precision."""
        precision = str(self._engine.model_config.dtype).removeprefix("torch.")
        return {"backend": "vllm", "device": "cuda" if self._cuda else "cpu", "precision": precision}

    def close(self) -> None:
        """Stop the engine."""
        self._engine.engine_core.shutdown()

    # ------------------------------------------------------------------------------------------------------

    def _groups(self, requests: Sequence[Request]) -> list[list[Request]]:
        """Return the requests that may share a batch: vLLM on a CPU gives those of the base model an adapter's weights."""
        if self._cuda:
            return [list(requests)]
        base = [request for request in requests if not request.adapter]
        return [group for group in (base, [request for request in requests if request.adapter]) if group]

    def _run(self, requests: Sequence[Request], prompts: dict[str, list[int]]) -> Iterator[Reply]:
        asked: dict[str, Request] = {}
        try:
            for request in requests:
                asked[self._add(request, prompts[request.site])] = request
            while asked:
                for output in self._engine.step():
                    if output.finished:
                        yield self._reply(asked.pop(output.request_id), output)
        finally:
            if asked:  # their caller is gone
                self._engine.abort_request(list(asked))

    def _add(self, request: Request, prompt: list[int]) -> str:
        from vllm import SamplingParams
        from vllm.inputs import tokens_input
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        sampling, guide = request.sampling, None
        if request.choices and not request.scored:
            guide = StructuredOutputsParams(choice=list(request.choices))
        elif request.schema:
            guide = StructuredOutputsParams(json=request.schema)
        name = str(next(self._calls))
        self._engine.add_request(
            name,
            tokens_input(prompt),
            SamplingParams(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_tokens,
                seed=request.seed,
                stop=list(request.stop),
                structured_outputs=guide,
                logprobs=LIKELIEST if request.scored else None,
                output_kind=RequestOutputKind.FINAL_ONLY,
            ),
            lora_request=self._loaded.get(request.adapter),
        )
        return name

    @staticmethod
    def _reply(request: Request, output: Any) -> Reply:
        completion = output.outputs[0]
        finish = FINISH.get(completion.finish_reason, "error")
        by_token = finish == "stop" and not isinstance(completion.stop_reason, str)
        written = len(completion.token_ids) - by_token  # the stop token is not part of the text
        scores: tuple[float, ...] = ()
        if request.scored:
            finish = "stop"
            first = completion.logprobs[0] if completion.logprobs else {}
            scores = choice_scores(
                request.choices, [(each.decoded_token or "", each.logprob) for each in first.values()]
            )
        return Reply(request.site, completion.text, finish, len(output.prompt_token_ids), written, scores)

    def _prompt(self, request: Request) -> list[int]:
        text = self._tokenizer.apply_chat_template(request.messages, tokenize=False, add_generation_prompt=True)
        prompt: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        room = self._engine.model_config.max_model_len
        if len(prompt) + request.sampling.max_tokens > room:
            raise InputError(
                "the prompt is too long for the model",
                where=request.site,
                why=f"{len(prompt)} tokens and {request.sampling.max_tokens} for the completion; the engine takes {room}",
                fix="Raise serving.vllm.max_model_len, use shorter anchors, or a smaller sampling.max_tokens.",
            )
        return prompt

    def _load(self, adapter: str) -> None:
        """Load an adapter into the engine, once, under its own number, and check that the engine computes with it."""
        from vllm.lora.request import LoRARequest

        if adapter in self._loaded:
            return
        if self._adapters is None:
            raise InputError(f"no folder of adapters for {adapter}", fix="Give the backend `adapters=`.")
        read_adapter(
            self._adapters, adapter, base=self.digest
        )  # the engine reads what the folder holds, whatever it is
        folder = (self._adapters / adapter).resolve()
        lora = LoRARequest(adapter, next(self._numbers), str(folder))
        try:
            self._engine.add_lora(lora)
        except Exception as error:  # of many kinds: the user reads one line
            raise InputError("vLLM cannot load the adapter", where=str(folder), why=_line(error)) from error
        fingerprint = recorded(folder)
        if fingerprint is not None:
            deviation(fingerprint, self._logprobs(fingerprint, lora), where=f"vLLM, adapter {adapter}")
        self._loaded[adapter] = lora  # not before: one that was found wrong is never taken for loaded

    def _logprobs(self, known: Fingerprint, lora: Any) -> list[float]:
        """Return log-probabilities of a recorded text's tokens, in nats."""
        from vllm import SamplingParams
        from vllm.inputs import tokens_input

        asked = SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=0)
        self._engine.add_request(str(next(self._calls)), tokens_input(known.tokens), asked, lora_request=lora)
        while True:
            for output in self._engine.step():
                if output.finished:
                    rows = output.prompt_logprobs[1:]
                    return [row[token].logprob for token, row in zip(known.tokens[1:], rows, strict=True)]


def _imported() -> tuple[Any, Any, Any]:
    """Return what is needed of vLLM.

    Raises:
        InputError: it is not installed, not as tested, or cannot be imported.
    """
    require("vllm")
    try:
        from vllm import EngineArgs, LLMEngine
        from vllm.platforms import current_platform
    except Exception as error:  # it imports half of what is installed, and any fault there surfaces here
        raise InputError(
            "cannot import vLLM", why=_line(error), fix="`moloch doctor` looks at the installation."
        ) from error
    return EngineArgs, LLMEngine, current_platform


def _line(error: Exception) -> str:
    """Return the first line of what an engine says, for a message of one line."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
