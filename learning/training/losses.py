"""The loss of examples: padded or packed, and never all logits of a large vocabulary at once.

Loss of one optimiser step, with w_r a row's weight, S_r the summed negative log-likelihood of its completion's tokens
and T the completion tokens of the step's trajectories:

    L = sum_r w_r * S_r / T

Prompts carry no loss. In RFT all weights are 1 and L is what TRL computes by default. How rows share a pass, their
:data:`~learning.training.examples.Layout`, changes only rounding and, where they share a beginning, the draws of dropout.
On a bf16 base all products are bf16, the adapter's float32 weights rounded for each; losses are float32. Knows tokens and models; knows nothing of logs, optimisers or files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from learning.training.examples import Example, Layout, beginning, passes

if TYPE_CHECKING:
    import torch

LOGITS = 1 << 27
"""Logits that may exist at once: 0.5 GiB in float32. More are made, and in the backward pass made again, in parts."""

_PLAIN = (None, 0, 1, False)
_BENT = ("final_logit_softcapping", "logits_scaling", "logit_scale", "lm_head_multiplier")
"""Settings of models that do more to their logits than multiply by the output matrix."""


class Batch(NamedTuple):
    """Rows as one input of a model, and where their completions are predicted.

    Attributes:
        inputs: arguments of the model; ``input_ids`` has shape (batch rows, columns).
        rows, columns: where each completion token is predicted: one before it; shape (completion tokens,).
        targets: the tokens to predict, and ``examples``: of which row; both shape (completion tokens,).
    """

    inputs: dict[str, Any]
    rows: torch.Tensor
    columns: torch.Tensor
    targets: torch.Tensor
    examples: torch.Tensor


def layout_of(model: Any, shared: bool = False) -> Layout:
    """Return how rows share a pass of ``model``.

    They are packed where FlashAttention keeps apart what follows one another at no cost. Other kernels would compute, and
    throw away, attention between the rows: they get padded rows of like length.

    Args:
        shared: share beginnings, if the model's only memory is attention.
    """
    if shared and not model._is_stateful:
        return "shared"
    return "packed" if model.config._attn_implementation == "flash_attention_2" else "padded"


def padded(rows: Sequence[Example], device: torch.device, *, mask: bool = False) -> Batch:
    """Return the rows below one another, padded on the right.

    Attention is causal, so that no token sees the padding after it: on a GPU the mask is left out, which lets the
    kernels that take none do the work. On a CPU it stays: it costs little there, and adapters are known to the last bit.

    Args:
        mask: there is one in any case.
    """
    import torch

    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    seen = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        seen[i, : len(row.ids)] = 1
    inputs = {"input_ids": ids, "attention_mask": seen} if mask or device.type != "cuda" else {"input_ids": ids}
    return _placed(rows, inputs, [(i, 0) for i in range(len(rows))], device)


def packed(rows: Sequence[Example], device: torch.device) -> Batch:
    """Return the rows behind one another in one line.

    Positions begin again at 0 with each row, by which transformers knows where one ends: attention is then
    block-diagonal, in FlashAttention by the lengths, in other kernels by a mask.
    """
    import torch

    ids = torch.tensor([[token for row in rows for token in row.ids]])
    positions = torch.tensor([[position for row in rows for position in range(len(row.ids))]])
    starts, end = [], 0
    for row in rows:
        starts.append((0, end))
        end += len(row.ids)
    return _placed(rows, {"input_ids": ids, "position_ids": positions}, starts, device)


def behind(rows: Sequence[Example], head: int, model: Any) -> Batch:
    """Return the rows without their first ``head`` tokens, padded on the right, behind those tokens, which are computed here, once.

    Each row sees them as keys and values; what it would change in them adds up in the backward pass.
    """
    import torch
    from transformers import DynamicCache

    seen = DynamicCache()
    shared = torch.tensor([rows[0].ids[:head]], device=model.device)
    model.base_model(input_ids=shared, past_key_values=seen, use_cache=True)
    seen.batch_repeat_interleave(len(rows))
    rest = [Example(row.ids[head:], row.start - head) for row in rows]
    batch = padded(rest, model.device, mask=True)
    mask = torch.nn.functional.pad(batch.inputs["attention_mask"], (head, 0), value=1)
    return batch._replace(inputs=batch.inputs | {"attention_mask": mask, "past_key_values": seen, "use_cache": True})


def _placed(
    rows: Sequence[Example], inputs: dict[str, torch.Tensor], starts: Sequence[tuple[int, int]], device: torch.device
) -> Batch:
    """Return the batch on ``device``; ``starts`` says where each row begins: (batch row, column)."""
    import torch

    line, column, target, example = [], [], [], []
    for i, (row, (where, start)) in enumerate(zip(rows, starts, strict=True)):
        line += [where] * row.learnt
        column += range(start + row.start - 1, start + len(row.ids) - 1)
        target += row.ids[row.start :]
        example += [i] * row.learnt
    tensors = (torch.tensor(values, device=device) for values in (line, column, target, example))
    return Batch({name: tensor.to(device) for name, tensor in inputs.items()} | {"use_cache": False}, *tensors)


def row_losses(model: Any, rows: Sequence[Example], layout: Layout = "padded") -> torch.Tensor:
    """Return each row's summed negative log-likelihood, shape (rows,), float32, on the model's device.

    Args:
        model: a causal language model of transformers, PEFT's wrapping taken off.
    """
    losses, examples = _token_losses(model, rows, layout, 1.0)
    return losses.new_zeros(len(rows)).index_add(0, examples, losses)


def token_losses(
    model: Any, rows: Sequence[Example], layout: Layout = "padded", temperature: float = 1.0
) -> torch.Tensor:
    """Return the negative log-likelihood of each completion token, row after row, shape (tokens,), float32.

    Args:
        temperature: by which logits are divided: tokens were sampled so.
    """
    return _token_losses(model, rows, layout, temperature)[0]


def _token_losses(
    model: Any, rows: Sequence[Example], layout: Layout, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each completion token's loss, and of which row it is."""
    with half(model):
        batch = _batch(model, rows, layout)
        first, last = int(batch.columns.min()), int(batch.columns.max())
        size = len(batch.inputs["input_ids"]) * (last + 1 - first) * model.get_output_embeddings().weight.shape[0]
        if size > LOGITS and _plain_head(model):
            return _in_parts(model, batch, temperature), batch.examples
        return _at_once(model, batch, first, last, temperature), batch.examples


def _batch(model: Any, rows: Sequence[Example], layout: Layout) -> Batch:
    if layout == "shared" and (head := beginning(rows)):
        return behind(rows, head, model)
    return (packed if layout == "packed" else padded)(rows, model.device)


def whole_inputs(model: Any) -> AbstractContextManager[None]:
    """Keep PEFT from copying each adapted layer's input to float32 inside the block, where losses are of a bf16 base.

    Outside of :func:`row_losses` such a model cannot compute inside the block.
    """
    import torch
    from peft.helpers import disable_input_dtype_casting

    return disable_input_dtype_casting(model, active=model.get_base_model().dtype == torch.bfloat16)


def half(model: Any) -> AbstractContextManager[Any]:
    """Let products inside the block be bf16 if the model is."""
    import torch

    return torch.autocast(model.device.type, torch.bfloat16, enabled=model.dtype == torch.bfloat16)


def _at_once(model: Any, batch: Batch, first: int, last: int, temperature: float) -> torch.Tensor:
    """Return the completion tokens' losses from the model's own logits, made from the first such token on."""
    import torch

    kept = torch.arange(first, last + 1, device=model.device)
    logits = model(**batch.inputs, logits_to_keep=kept).logits
    picked = logits[batch.rows, batch.columns - first].float() / temperature
    return torch.nn.functional.cross_entropy(picked, batch.targets, reduction="none")


def _in_parts(model: Any, batch: Batch, temperature: float) -> torch.Tensor:
    """Return the same from the hidden states at completion tokens alone, some logits at a time."""
    import torch
    from torch.utils.checkpoint import checkpoint

    head = model.get_output_embeddings()

    def losses(hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(head(hidden).float() / temperature, targets, reduction="none")

    hidden = model.base_model(**batch.inputs).last_hidden_state[batch.rows, batch.columns]
    step = max(1, LOGITS // head.weight.shape[0])
    parts = zip(hidden.split(step), batch.targets.split(step), strict=True)
    if not torch.is_grad_enabled():
        return torch.cat([losses(*part) for part in parts])
    return torch.cat([checkpoint(losses, *part, use_reentrant=False) for part in parts])  # type: ignore[arg-type]


def completion_logits(model: Any, batch: Batch) -> Callable[[slice], torch.Tensor]:
    """Return a function of a slice of the completion tokens: the logits that predict them, shape (tokens, vocabulary).

    Where the model's output is but a product, only those of the slice are made, when they are asked for.
    """
    import torch

    if _plain_head(model):
        head = model.get_output_embeddings()
        hidden = model.base_model(**batch.inputs).last_hidden_state[batch.rows, batch.columns]
        return lambda piece: head(hidden[piece])
    first, last = int(batch.columns.min()), int(batch.columns.max())
    kept = torch.arange(first, last + 1, device=model.device)
    logits = model(**batch.inputs, logits_to_keep=kept).logits[batch.rows, batch.columns - first]
    return lambda piece: logits[piece]


def _plain_head(model: Any) -> bool:
    config = model.config.get_text_config()
    return all(getattr(config, name, None) in _PLAIN for name in _BENT)


def step_losses(
    model: Any,
    rows: Sequence[Example],
    tokens_per_pass: int,
    layout: Layout = "padded",
    *,
    share: Sequence[Example] | None = None,
    alike: bool = False,
) -> Iterator[torch.Tensor]:
    """Yield the parts whose sum is the loss of one optimiser step (the module's formula), one per pass.

    Args:
        alike: T is of all rows of the step, not of its trajectories alone.
        share: those of the step's ``rows`` that this process computes; all by default. Over all shares the sum is L.
    """
    import torch

    learnt = sum(row.learnt for row in rows if alike or row.trajectory)
    for part in passes(rows if share is None else share, tokens_per_pass, layout):
        weights = torch.tensor([row.weight / learnt for row in part], device=model.device)
        yield (weights * row_losses(model, part, layout)).sum()


def summed_loss(model: Any, rows: Sequence[Example], tokens_per_pass: int, layout: Layout = "padded") -> float:
    """Return the summed negative log-likelihood of the completions of ``rows``, in nats, without dropout."""
    import torch

    was_training = model.training
    model.eval()
    with torch.inference_mode():
        parts = passes(rows, tokens_per_pass, layout)
        total = sum(float(row_losses(model, part, layout).sum()) for part in parts)
    model.train(was_training)
    return total


def mean_loss(model: Any, rows: Sequence[Example], tokens_per_pass: int, layout: Layout = "padded") -> float:
    """Return the mean negative log-likelihood per completion token of ``rows``, without dropout."""
    return summed_loss(model, rows, tokens_per_pass, layout) / sum(row.learnt for row in rows)
