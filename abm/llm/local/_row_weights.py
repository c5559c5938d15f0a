"""Weights of each row: layers that multiply the rows of a pass in groups, each by its own adapter's weights or by the base model's.

A group is multiplied by itself, by as many threads as if it were alone, and nothing else in a model's pass looks from one row to
another: so a row's numbers are, bit for bit, those of a pass of its group alone, if that is padded as the whole is. What a pass costs
beside its products is paid once for all groups. Knows layers and rows; knows nothing of files or texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import linear

from abm.llm.local.threads import MANY, torch_threads

if TYPE_CHECKING:
    from transformers import PreTrainedModel


TRIED = (3, 33, 1)
"""Rows of the groups by which a model is tried: odd, so that nothing fits the width of the machine's vectors by chance."""


def can_group(model: PreTrainedModel, threads: int | None = None) -> bool:
    """Return whether rows of a model can be multiplied in groups, and on this machine have the numbers of passes of their own.

    Its products have to be those of plain linear layers in float32 on a CPU, where adapters are merged. What is computed number by number may be
    rounded otherwise at the end of a tensor, where layers are no multiple of the machine's vectors wide: so it is tried, once, in a moment.

    Args:
        threads: as :class:`RowWeights` takes them.
    """
    if (model.device.type, model.dtype) != ("cpu", torch.float32):
        return False
    plain = (torch.nn.Linear, torch.nn.Embedding)
    simple = all(
        type(module) in plain or weight.ndim < 2
        for module in model.modules()
        for weight in module.parameters(recurse=False)
    )
    return simple and all(_alike(model, columns, threads) for columns in (1, 5))


@torch.inference_mode()
def _alike(model: PreTrainedModel, columns: int, threads: int | None) -> bool:
    """Return whether rows of so many tokens have the same logits in groups and apart."""
    some, words = torch.Generator().manual_seed(1), model.config.get_text_config().vocab_size
    rows = [torch.randint(words, (size, columns), generator=some) for size in TRIED]
    with torch_threads(threads or torch.get_num_threads()):
        apart = [model(input_ids=each, use_cache=False, logits_to_keep=1).logits for each in rows]
        with RowWeights(model, [{}] * len(rows), threads) as weights:
            weights.sizes = list(TRIED)
            together = model(input_ids=torch.cat(rows), use_cache=False, logits_to_keep=1).logits
    return torch.equal(torch.cat(apart), together)


class RowWeights(AbstractContextManager["RowWeights"]):
    """Inside the block a model's layers multiply rows in groups.

    Args:
        merged: of each group, weight name -> weight with its adapter; the base model's where a name is not there.
        threads: that multiply a group of :data:`~abm.llm.local.threads.MANY` rows or more, where fewer are one thread's; None where all
            are multiplied by as many as torch is set to.

    Attributes:
        sizes: rows of each group, which follow one another; to be set before each pass whose rows are others.
    """

    def __init__(
        self, model: PreTrainedModel, merged: Sequence[Mapping[str, torch.Tensor]], threads: int | None = None
    ) -> None:
        self._layers = {name: each for name, each in model.named_modules() if isinstance(each, torch.nn.Linear)}
        self._merged, self._threads = merged, threads
        self.sizes: list[int] = []

    def __enter__(self) -> RowWeights:
        for name, layer in self._layers.items():
            weights = [of.get(f"{name}.weight", layer.weight) for of in self._merged]
            layer.forward = self._grouped(weights, layer.bias)  # pyright: ignore[reportAttributeAccessIssue]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for layer in self._layers.values():
            layer.__dict__.pop("forward", None)

    def _grouped(
        self, weights: Sequence[torch.Tensor], bias: torch.Tensor | None
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        def forward(given: torch.Tensor) -> torch.Tensor:
            before = torch.get_num_threads()
            made = [
                linear(rows, weight, bias)
                for rows, weight in zip(given.split(self.sizes), weights, strict=True)
                if self._set_threads(len(rows))
            ]
            if self._threads is not None:
                torch.set_num_threads(before)
            return torch.cat(made) if len(made) > 1 else made[0]

        return forward

    def _set_threads(self, rows: int) -> int:
        """Set the threads for the product of a group, as they are set for a pass of so many rows; return ``rows``."""
        if self._threads is not None and rows:
            torch.set_num_threads(self._threads if rows >= MANY else 1)
        return rows
