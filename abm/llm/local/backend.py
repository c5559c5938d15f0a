"""A language model in this process, through transformers, on CPU or GPU.

Weights are safetensors on this machine; no code of a model repository is run. The composition of a batch follows from
the call: redoing a call redoes it exactly. A request's ``choices`` hold its completion, and so does its ``schema`` where that bounds
every text that it asks for (``maxLength``); another schema is not enforced.
Knows nothing of contests or logs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from abm.arenas.messages import before
from abm.llm.folders import POCKET, model_folder
from abm.llm.local import memory
from abm.llm.local._batches import Prompted, batches
from abm.llm.local._decode import PromptRow, decode
from abm.llm.local._form import Form, Speller
from abm.llm.local._guide import Options
from abm.llm.local._row_weights import RowWeights, can_group
from abm.llm.local._scores import first_scores
from abm.llm.local._steps import ready
from abm.llm.local.threads import SMALL, share, torch_threads, usual
from abm.llm.port import Reply, Request
from abm.llm.weights import Swapper, model_digest
from moloch.errors import InputError

ATTENTION = {"full_attention", "sliding_attention"}

SMALLER = "Its weights need more memory than there is: take a smaller model, or one that is served: --llm http://host:8000/v1."


class TransformersLLM:
    """An :class:`~abm.llm.port.LLM` in this process.

    Args:
        model: ``"pocket"`` or a folder.
        adapters: folder that holds ``<adapter id>/adapter_model.safetensors`` and ``adapter_config.json``.
        device: ``"auto"`` takes CUDA where there is one.
        dtype: ``"auto"`` is bfloat16 on CUDA and float32 on a CPU, regardless of what the files hold.
        batch: rows decoded together; by default 128 of a small model, 32 of another. A call's requests are cut into
            batches in their order (of a small model) or by the length of their prompts, so another ``batch`` may
            round, and then sample, otherwise. It does not follow free memory, which is not the same on every day.
        threads: CPU threads while decoding; by default those of :func:`abm.llm.local.threads.usual`.

    Raises:
        InputError: no such model, one that cannot be loaded, has no chat template, or remembers by more than attention.
    """

    unit: Literal["batch", "call"] = "batch"

    def __init__(
        self,
        model: str | Path = POCKET,
        *,
        adapters: Path | None = None,
        device: str = "auto",
        dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto",
        batch: int | None = None,
        threads: int | None = None,
    ) -> None:
        self._name, self._folder = str(model), model_folder(str(model))
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if dtype == "auto":
            dtype = "bfloat16" if device.startswith("cuda") else "float32"
        self.tokenizer, self.model = _load(self._folder, getattr(torch, dtype))
        try:
            self.model.to(device).eval()
        except RuntimeError as error:
            why = str(error).splitlines()[0]
            fix = SMALLER if memory.ran_out(error) else ""
            raise InputError(
                f"cannot put the model on {device!r}", where=str(self._folder), why=why, fix=fix
            ) from error
        self._ways = ready(self.model)
        small = self.model.num_parameters() < SMALL
        self._batch, self._by_length = batch or (128 if small else 32), not small
        self._threads = threads or usual(self.model)
        self._by_rows = self._threads if threads is None and small else None
        if self._by_rows is not None:
            share(self.model, self._by_rows)
        self._small = small
        self._digest: str | None = None
        self._spelled: dict[tuple[str, ...], Options] = {(): ()}
        self._speller = Speller(self.tokenizer)
        self._swapper = Swapper(self.model, adapters, lambda: self.digest)
        self._device, self._asleep = device, False
        self.writing = 0
        """Tokens of the batch under way."""

    @property
    def name(self) -> str:
        """The model as it was asked for."""
        return self._name

    @property
    def digest(self) -> str:
        """SHA-256 over the base weights, settings, tokenizer and chat template, as the files state them."""
        if self._digest is None:
            self._digest = model_digest(self._folder)
        return self._digest

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield one reply per request, batch by batch. Requests of one adapter stay together; a small model answers those of several in one
        batch, each with the numbers that it would have without the others.

        Raises:
            InputError: a prompt leaves no room for its completion (nothing is cut), or an adapter does not fit.
            CorruptLog: an adapter is not there, or is not the one of its name.
            MolochError: memory does not suffice.
        """
        for batch in list(self._cut(requests)):  # all are checked before any is answered
            yield from self._answered(*zip(*batch, strict=True))

    def batches(self, requests: Sequence[Request]) -> list[list[Request]]:
        """Return the batches of :meth:`complete`; they follow from the requests, and from nothing that was answered before.

        Raises:
            InputError: as :meth:`complete`.
        """
        return [[request for request, _ in batch] for batch in self._cut(requests)]

    def _cut(self, requests: Sequence[Request]) -> Iterator[list[Prompted]]:
        prompted = [Prompted(request, self._row(request)) for request in requests]
        return batches(
            prompted,
            self._batch,
            by_length=self._by_length,
            join=len({each.adapter for each in requests}) > 1 and self._joins,
        )

    @cached_property
    def _joins(self) -> bool:
        return self._small and can_group(self.model, self._by_rows)

    def sleep(self) -> None:
        """Move the weights from an accelerator to main memory until the next call."""
        if self._device != "cpu" and not self._asleep:
            self._swapper.activate("")  # what it keeps of the base weights is on the device, too
            self.model.to("cpu")
            torch.cuda.empty_cache()
            self._asleep = True

    def _wake(self) -> None:
        if self._asleep:
            self.model.to(self._device)
            self._asleep = False

    def place(self) -> dict[str, str]:
        """Return what its answers may depend on besides the call: device, precision, rows of a batch, threads."""
        return {
            "backend": "transformers",
            "device": self._device,
            "precision": str(self.model.dtype).removeprefix("torch."),
            "rows": str(self._batch),
            "threads": str(self._threads),
        }

    def prompt_ids(self, request: Request) -> list[int]:
        """Return the prompt's tokens, the chat template applied once."""
        text = self.tokenizer.apply_chat_template(request.messages, tokenize=False, add_generation_prompt=True)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _answered(self, batch: Sequence[Request], rows: Sequence[PromptRow]) -> list[Reply]:
        """Return the replies to a batch; its adapter is put on anew: since the last one another may have been asked for."""
        fix = f"Set serving.rows lower than {self._batch}, and run the same command again."
        with memory.told("generation", fix, where=self._name):
            self._wake()
            if len(adapters := Counter(request.adapter for request in batch)) > 1:
                merged = [self._swapper.merged(adapter) for adapter in adapters]
                with RowWeights(self.model, merged, self._by_rows) as weights:
                    weights.sizes = list(adapters.values())
                    return self._decode(batch, rows, weights)
            self._swapper.activate(batch[0].adapter)
            return (self._score if batch[0].scored else self._decode)(batch, rows)

    def _score(self, batch: Sequence[Request], rows: Sequence[PromptRow]) -> list[Reply]:
        """Return how likely each choice is to come first, by one pass over each prompt."""
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0
        with torch_threads(self._threads):
            scores = first_scores(
                self.model, [row.prompt for row in rows], [self._firsts(each) for each in batch], pad=pad
            )
        return [
            Reply(
                request.site, request.choices[max(range(len(of)), key=of.__getitem__)], "stop", len(row.prompt), 1, of
            )
            for request, row, of in zip(batch, rows, scores, strict=True)
        ]

    def _firsts(self, request: Request) -> list[list[int]]:
        """Return the tokens that begin each choice, with and without a space before it.

        Raises:
            InputError: two choices begin alike.
        """
        spelled = [[option[0]] for option in self._options(request)]
        for tokens, choice in zip(spelled, request.choices, strict=True):
            spaced = self.tokenizer(f" {choice}", add_special_tokens=False)["input_ids"]
            if len(spaced) == 1 and spaced[0] not in tokens:
                tokens.append(spaced[0])
        every = [token for tokens in spelled for token in tokens]
        if len(set(every)) < len(every):
            raise InputError(
                "choices cannot be scored", where=request.site, why="two of them begin with the same token"
            )
        return spelled

    def _decode(
        self, batch: Sequence[Request], rows: Sequence[PromptRow], weights: RowWeights | None = None
    ) -> list[Reply]:
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0  # masked: any token will do
        with torch_threads(self._threads):
            try:
                written = decode(
                    self.model,
                    rows,
                    pad=pad,
                    stops=self._stops,
                    ways=self._ways,
                    tell=self._is_writing,
                    weights=weights,
                )
            finally:
                self.writing = 0
        replies = []
        for request, row, new in zip(batch, rows, written, strict=True):
            text = before(self.tokenizer.decode(new.tokens, skip_special_tokens=True), request.stop)
            finish = "stop" if new.stopped else "length"
            replies.append(Reply(request.site, text, finish, len(row.prompt), len(new.tokens)))
        return replies

    def _is_writing(self, tokens: int) -> None:
        self.writing = tokens

    def _options(self, request: Request) -> Options:
        """Return the tokens of the request's choices, as the tokenizer writes each by itself."""
        if request.choices not in self._spelled:
            options = [self.tokenizer(choice, add_special_tokens=False)["input_ids"] for choice in request.choices]
            for choice, tokens in zip(request.choices, options, strict=True):
                if not tokens or self.tokenizer.decode(tokens, skip_special_tokens=True) != choice:
                    raise InputError(
                        "the model cannot write a choice", where=request.site, why=f"its tokens cannot spell {choice!r}"
                    )
            self._spelled[request.choices] = tuple(map(tuple, options))
        return self._spelled[request.choices]

    def _form(self, request: Request) -> Form | None:
        """Return the form that the request's schema makes, if it makes one and its choices do not hold it already."""
        if not request.schema or request.choices:
            return None
        form = self._speller.form(request.schema, request.site)
        if form is not None and form.root.least > request.sampling.max_tokens:
            raise InputError(
                "the answer cannot hold what it is asked for",
                where=request.site,
                why=f"its form takes {form.root.least} tokens at least; max_tokens is {request.sampling.max_tokens}",
                fix="Set a larger max_tokens (reader.max_tokens of personas, --answer-tokens of judges), or ask for less: fewer posts in a feed.",
            )
        return form

    def _row(self, request: Request) -> PromptRow:
        prompt, sampling = self.prompt_ids(request), request.sampling
        if sampling.temperature < 0 or not 0 < sampling.top_p <= 1 or sampling.max_tokens < 1:
            why = "temperature is at least 0, top_p in (0, 1], max_tokens at least 1"
            raise InputError("sampling out of range", where=request.site, why=why)
        positions = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if positions and len(prompt) + sampling.max_tokens > positions:
            raise InputError(
                "the prompt is too long for the model",
                where=request.site,
                why=f"{len(prompt)} tokens and {sampling.max_tokens} for the completion; the model takes {positions}",
                fix="Use shorter anchors or a smaller sampling.max_tokens; nothing is cut without notice.",
            )
        drawn = sampling.temperature, sampling.top_p, sampling.max_tokens
        options, form = self._options(request), self._form(request)
        return PromptRow(prompt, request.seed, *drawn, options, form, self._ends(request.stop))

    def _ends(self, stop: tuple[str, ...]) -> Callable[[list[int]], bool] | None:
        """Return whether tokens end with, or in, one of some texts; a token holds a byte at least, special ones apart."""
        if not stop:
            return None
        most = max(len(text.encode()) for text in stop) + 4

        def ends(tokens: list[int]) -> bool:
            tail = self.tokenizer.decode(tokens[-most:], skip_special_tokens=True)
            return any(text in tail for text in stop)

        return ends

    @cached_property
    def _stops(self) -> set[int]:
        ends = self.model.generation_config.eos_token_id if self.model.generation_config else None
        listed = ends if isinstance(ends, list) else [ends]
        return {end for end in (*listed, self.tokenizer.eos_token_id) if end is not None}


def _load(folder: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    """Return the tokenizer and the model in ``folder``."""
    transformers_logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=dtype)
    except Exception as error:  # third-party files: any fault in them becomes one line for the user
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        fix = SMALLER if memory.ran_out(error) else ""
        raise InputError("cannot load the model", where=str(folder), why=reason, fix=fix) from error
    if tokenizer.chat_template is None:
        raise InputError("the model has no chat template", where=str(folder), fix="Use an instruction-tuned model.")
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ()) - ATTENTION
    if kinds or model._is_stateful:
        why = f"it has {', '.join(sorted(kinds)) or 'recurrent'} layers; this backend decodes attention only"
        raise InputError("cannot generate with the model", where=str(folder), why=why)
    return tokenizer, model
