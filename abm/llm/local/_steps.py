"""One forward pass per new token: plain, or at fixed shapes and addresses, so that a GPU replays it as one graph.

A step of a model of 8 billion weights is some two thousand kernels, and starting them one by one takes a CPU longer than
the GPU needs for the step. Knows models and caches; knows nothing of sampling.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from abm.llm.local._cache import RoomyLayer
from abm.llm.local.attention import GROUPED

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.cache_utils import Cache

log = logging.getLogger(__name__)

PATIENCE = 8
"""Steps of one shape before it is captured: short answers never pay for it."""
NEAR = 0.05
"""Share of the largest logit that a replay may be off; a wrong one is off by far more."""


class Ways(NamedTuple):
    """How a model's prompts are read and its steps taken, beyond the plain way, which is that of 0.1 on a CPU.

    Attributes:
        pinned: in steps of fixed shapes, which pay on a GPU; only of models that :func:`can_pin`.
        shared: the beginning of a batch's prompts once for all; only of models that :func:`see_all`.
    """

    pinned: bool = False
    shared: bool = False


def see_all(model: PreTrainedModel) -> bool:
    """Return whether each token of a model sees all tokens before it: no window moves over them."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    return kinds == {"full_attention"} and getattr(config, "sliding_window", None) is None


def can_pin(model: PreTrainedModel) -> bool:
    """Return whether a model's steps can be pinned: all its layers see everything before, by a mask of positions alone."""
    rotary = getattr(model.config.get_text_config(), "rope_parameters", None) is not None
    return rotary and see_all(model) and model.config._attn_implementation in ("sdpa", GROUPED)


def ready(model: PreTrainedModel) -> Ways:
    """Choose a model's attention for the device and the precision that it is in, and return the ways that pay there.

    In float32 on a CPU nothing is chosen: adapters and logs are known to the last bit.
    """
    on_gpu = model.device.type == "cuda"
    if not on_gpu and model.dtype != torch.bfloat16:
        return Ways()
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(GROUPED)
    return Ways(pinned=can_pin(model)) if on_gpu else Ways(shared=see_all(model))


class Plain:
    """Steps whose shapes grow with what is held."""

    def __init__(self, model: PreTrainedModel, cache: Cache) -> None:
        self._model, self.cache, self.device = model, cache, model.device

    def __call__(self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the logits after each row's last token, shape (rows, vocabulary).

        Args:
            ids, positions: the new tokens and where they stand, shape (rows, new tokens).
            mask: 1 where there is a token, the new ones too, shape (rows, tokens held and new).
        """
        return self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]


class Pinned:
    """The same for one new token a row, of models that :func:`can_pin`; on CUDA steps are captured and replayed.

    A shape is captured after some steps, and the first replay is compared with the step itself: a model that cannot be
    captured correctly continues step by step.
    """

    def __init__(self, model: PreTrainedModel, cache: Cache) -> None:
        self._model, self._cache = model, cache
        self._captures = model.device.type == "cuda"
        self._place = torch.zeros(1, dtype=torch.long, device=model.device)
        self._key: tuple[int, ...] = ()
        self._steps = 0
        self._graph: Any = None
        self._inputs: tuple[torch.Tensor, ...] = ()  # ids, positions and mask, which stay where they are
        self._logits = torch.empty(0)

    def __call__(self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return logits as :class:`Plain` does; they may be overwritten by the next step."""
        held = mask.shape[1]
        self._place.fill_(held - 1)
        keys, *_ = [layer.pin(self._place) for layer in self._layers]
        if (key := (*keys.shape, keys.data_ptr())) != self._key:
            self._graph, self._key, self._steps = None, key, 0
            allowed = mask.new_zeros((len(ids), 1, 1, keys.shape[2]), dtype=torch.bool)
            self._inputs = (torch.empty_like(ids), torch.empty_like(positions), allowed)
        for old, new in zip(self._inputs, (ids, positions), strict=False):
            old.copy_(new)
        self._inputs[-1][:, 0, 0, :held] = mask.bool()
        logits = self._step()
        for layer in self._layers:
            layer.advance()
        return logits

    @property
    def _layers(self) -> list[RoomyLayer]:
        return self._cache.layers  # type: ignore[return-value]

    def _step(self) -> torch.Tensor:
        if self._graph is not None:
            self._graph.replay()
            return self._logits
        logits = self._forward()
        self._steps += 1
        if self._captures and self._steps == PATIENCE:
            self._capture(logits)
        return logits

    def _forward(self) -> torch.Tensor:
        ids, positions, mask = self._inputs
        return self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]

    def _capture(self, wanted: torch.Tensor) -> None:
        """Capture a step, and keep it if it computes the step that was just made: it writes the same once more."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._logits = self._forward()
            graph.replay()
            off = (self._logits - wanted).abs().max()
            right = bool(off <= NEAR * wanted.abs().max())
            why = f"a replay is {float(off):.3g} off"
        except RuntimeError as error:  # the model asks the GPU for a number on its way, say
            right, why = False, next(iter(str(error).splitlines()), "")
        self._graph, self._captures = (graph, True) if right else (None, False)
        log.info("steps of shape %s %s", self._key[:3], "are replayed" if right else f"are not replayed: {why}")
