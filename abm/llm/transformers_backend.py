"""A language model in this process, through transformers, on CPU or GPU.

Weights are safetensors on this machine; no code of a model repository is run. The composition of a batch is the
caller's: redoing a call redoes it exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import resources
from itertools import groupby
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from abm.errors import InputError
from abm.llm.decode import Row, decode
from abm.llm.port import Reply, Request
from abm.llm.weights import Swapper, tensors_digest

POCKET = "pocket"


def model_folder(name: str) -> Path:
    """Return the folder of a model's files: the pocket model's, or ``name`` itself.

    Raises:
        InputError: there is no model.
    """
    folder = Path(str(resources.files("abm").joinpath("llm/pocket"))) if name == POCKET else Path(name)
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise InputError(
            f"no model {name!r}", where=str(folder), why="the folder needs config.json, a tokenizer and *.safetensors",
            mend=f"Give {POCKET!r} or the folder of a downloaded model.",
        )
    return folder


class TransformersLLM:
    """An :class:`~abm.llm.port.LLM` in this process.

    Args:
        model: ``"pocket"`` or a folder.
        adapters: folder that holds ``<adapter id>/adapter_model.safetensors``.
        device: ``"auto"`` takes CUDA where there is one.
        batch: rows decoded together; a call's requests are cut into batches in their order.
        threads: CPU threads; None leaves torch's setting.
    """

    def __init__(
        self, model: str = POCKET, *, adapters: Path | None = None, device: str = "auto", batch: int = 64, threads: int | None = None
    ) -> None:
        folder = model_folder(model)
        if threads:
            torch.set_num_threads(threads)
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
        transformers_logging.disable_progress_bar()
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")
            self.model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=dtype)
        except (OSError, ValueError) as error:
            raise InputError("cannot load the model", where=str(folder), why=str(error).splitlines()[0]) from error
        if self.tokenizer.chat_template is None:
            raise InputError("the model has no chat template", where=str(folder), mend="Use an instruction-tuned model.")
        self.model.to(device).eval()
        self._name, self._batch = model, batch
        self._swapper = Swapper(self.model, adapters)

    @property
    def name(self) -> str:
        """The model as it was asked for."""
        return self._name

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the base weights, the tokenizer and the chat template."""
        self._swapper.activate("")
        tokenizer = self.tokenizer.backend_tokenizer.to_str() + str(self.tokenizer.chat_template)
        return tensors_digest(dict(self.model.named_parameters()), tokenizer.encode())

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield one reply per request, batch by batch; requests of one adapter stay together.

        Raises:
            InputError: a prompt leaves no room for its completion (nothing is cut), or an adapter cannot be loaded.
        """
        ordered = sorted(requests, key=lambda request: request.adapter)  # stable: plan order within an adapter
        for adapter, group in groupby(ordered, key=lambda request: request.adapter):
            self._swapper.activate(adapter)
            same = list(group)
            for start in range(0, len(same), self._batch):
                yield from self._decode(same[start : start + self._batch])

    def prompt_ids(self, request: Request) -> list[int]:
        """Return the prompt's tokens, the chat template applied once."""
        text = self.tokenizer.apply_chat_template(request.messages, tokenize=False, add_generation_prompt=True)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _decode(self, batch: Sequence[Request]) -> Iterator[Reply]:
        rows = [self._row(request) for request in batch]
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.tokenizer.eos_token_id
        found = decode(self.model, rows, pad=pad, stops=self._stops)
        for request, row, (tokens, stopped) in zip(batch, rows, found, strict=True):
            text = self.tokenizer.decode(tokens, skip_special_tokens=True)
            yield Reply(request.site, text, "stop" if stopped else "length", len(row.prompt), len(tokens))

    def _row(self, request: Request) -> Row:
        prompt, sampling = self.prompt_ids(request), request.sampling
        positions = getattr(self.model.config, "max_position_embeddings", None)
        if positions and len(prompt) + sampling.max_tokens > positions:
            raise InputError(
                "the prompt is too long for the model", where=request.site,
                why=f"{len(prompt)} tokens and {sampling.max_tokens} for the completion; the model takes {positions}",
                mend="Use shorter anchors or a smaller sampling.max_tokens; nothing is cut in silence.",
            )
        return Row(prompt, request.seed, sampling.temperature, sampling.top_p, sampling.max_tokens)

    @cached_property
    def _stops(self) -> set[int]:
        ends = self.model.generation_config.eos_token_id
        listed = ends if isinstance(ends, list) else [ends]
        return {end for end in (*listed, self.tokenizer.eos_token_id) if end is not None}
