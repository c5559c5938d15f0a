"""Batched decoding: left-padded, cached, each row sampled from its own keyed stream. Token ids in, token ids out.

One uniform per token and inverse-CDF sampling: what a row draws depends on its seed alone, not on its batch. Equal
prompts of a batch are read once; rows that are done leave it. Works with any causal language model of transformers
whose only memory is attention; knows nothing of text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from abm.llm.local._cache import roomy_cache
from abm.llm.local._form import Form
from abm.llm.local._guide import Guide, Options
from abm.llm.local._nucleus import drawn, drawn_from_nucleus
from abm.llm.local._prompts import read
from abm.llm.local._row_weights import RowWeights
from abm.llm.local._steps import Pinned, Plain, Ways
from abm.llm.local.attention import any_length

if TYPE_CHECKING:
    from transformers import PreTrainedModel

COMPACT = 0.75
"""Finished rows leave the batch when at most this share of it is still running, and ``PINNED_COMPACT``: of pinned steps,
for which a smaller batch is a new shape."""
PINNED_COMPACT = 0.5


@dataclass(frozen=True)
class PromptRow:
    """One prompt and how to continue it.

    Attributes:
        prompt: token ids, at least one.
        seed: 0 .. 2**128 - 1, names the row's stream of draws.
        temperature: 0 takes the likeliest token.
        top_p: in (0, 1]; draws are from the smallest set of tokens with at least this probability.
        max_tokens: bound on the new tokens, at least 1.
        options: what is written is one of these, token for token, unless the bound cuts it; empty: it is free.
        form: what is written fills this in; the bound never cuts it, if it is no less than the form's shortest.
        ends: whether the new tokens so far, the last one among them, end the row.
    """

    prompt: list[int]
    seed: int
    temperature: float
    top_p: float
    max_tokens: int
    options: Options = ()
    form: Form | None = None
    ends: Callable[[list[int]], bool] | None = None


@dataclass
class Completed:
    """A row's new tokens, without the stop token, and whether it stopped by itself."""

    tokens: list[int] = field(default_factory=list)
    stopped: bool = False


@torch.inference_mode()
def decode(
    model: PreTrainedModel,
    rows: Sequence[PromptRow],
    *,
    pad: int,
    stops: set[int],
    ways: Ways = Ways(),  # noqa: B008 (immutable)
    tell: Callable[[int], object] = lambda tokens: None,
    weights: RowWeights | None = None,
) -> list[Completed]:
    """Return what ``model`` writes after each row's prompt, in the order of ``rows``.

    Args:
        pad: token for left padding.
        stops: tokens that end a row.
        tell: is called after each step with the number of tokens so far, all rows together.
        ways: of reading prompts and of taking steps, that the model takes part in.
        weights: where groups of rows have weights of their own; its ``sizes`` are those of ``rows``. Each group leaves the batch by
            itself, and only the plain ways are taken.
    """
    with any_length():
        return _decode(model, rows, pad, stops, ways, tell, weights)


def _decode(
    model: PreTrainedModel,
    rows: Sequence[PromptRow],
    pad: int,
    stops: set[int],
    ways: Ways,
    tell: Callable[[int], object],
    weights: RowWeights | None,
) -> list[Completed]:
    device = model.device
    sizes = [len(rows)] if weights is None else weights.sizes
    keys = [(group, tuple(row.prompt)) for group, row in zip(_repeated(sizes), rows, strict=True)]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    cache = roomy_cache(model.config.get_text_config().num_hidden_layers)
    spread = _indices([places[key] for key in keys], device)  # row -> its prompt
    sampler, written, live = Sampler(rows, device), [Completed() for _ in rows], list(range(len(rows)))
    guide = Guide([row.options for row in rows], stops, [row.form for row in rows], [row.max_tokens for row in rows])
    plain = Plain(model, cache)
    if weights is not None:
        weights.sizes = [sum(of == group for of, _ in places) for group in range(len(sizes))]
    prompts = [prompt for _, prompt in places]
    logits, mask, positions = (of[spread] for of in read(plain, prompts, pad, share=ways.shared))
    if len(places) < len(rows):
        cache.batch_select_indices(spread)
    forward = Pinned(model, cache) if ways.pinned else plain
    for step in range(max(row.max_tokens for row in rows)):
        tokens = sampler(guide.mask(logits, live), step)
        going = []
        for place, (i, token) in enumerate(zip(live, tokens.tolist(), strict=True)):
            if not written[i].stopped and step < rows[i].max_tokens:
                _takes(written[i], i, token, guide, stops, rows[i].ends)
                if not written[i].stopped and step + 1 < rows[i].max_tokens:
                    going.append(place)
        tell(sum(len(each.tokens) for each in written))
        if not going:
            break
        ids, positions = tokens[:, None], positions + 1
        mask = torch.nn.functional.pad(mask, (0, 1), value=1)
        stay = _staying(going, sizes, PINNED_COMPACT if ways.pinned else COMPACT)
        sizes = list(map(len, stay))
        if weights is not None:
            weights.sizes = sizes
        if sum(sizes) < len(live):
            left = [place for group in stay for place in group]
            keep = _indices(left, device)
            cache.batch_select_indices(keep)
            sampler.select(keep)
            ids, positions, mask = ids[keep], positions[keep], mask[keep]
            live = [live[place] for place in left]
        logits = forward(ids, positions, mask)
    return written


def _takes(
    written: Completed,
    row: int,
    token: int,
    guide: Guide,
    stops: set[int],
    ends: Callable[[list[int]], bool] | None,
) -> None:
    """Give ``token`` to a row; it stops at a stop token, when it is one of its options and no other begins with it, and at its end."""
    if token in stops:
        written.stopped = True
        return
    written.tokens.append(token)
    written.stopped = guide.take(row, token) or (ends is not None and ends(written.tokens))


def _repeated(sizes: Sequence[int]) -> list[int]:
    """Return the group of each row."""
    return [group for group, size in enumerate(sizes) for _ in range(size)]


def _staying(going: Sequence[int], sizes: Sequence[int], share: float) -> list[Sequence[int]]:
    """Return the rows of each group that stay in the batch: those that go on, where they are at most ``share`` of it, else all."""
    found: list[Sequence[int]] = []
    first = 0
    for size in sizes:
        own = range(first, first + size)
        on = [place for place in going if place in own]
        found.append(on if len(on) <= share * size else own)
        first += size
    return found


def _indices(places: list[int], device: torch.device) -> torch.Tensor:
    return torch.tensor(places, dtype=torch.long, device=device)


class Sampler:
    """Draws the next token of each row of a batch."""

    def __init__(self, rows: Sequence[PromptRow], device: torch.device) -> None:
        self._draws = uniforms(rows).to(device)
        self._temperature = torch.tensor([[row.temperature] for row in rows], device=device)
        self._top_p = torch.tensor([[row.top_p] for row in rows], device=device)
        self._greedy = [row.temperature == 0 for row in rows]
        self._nucleus = any(row.top_p < 1 for row in rows)

    def __call__(self, logits: torch.Tensor, step: int) -> torch.Tensor:
        """Return one token per row of ``logits``, shape (rows, vocabulary), for the ``step``-th new place."""
        if all(self._greedy):
            return logits.argmax(-1)
        top_p = self._top_p if self._nucleus else None
        drawn = sample(logits, self._draws[:, step], self._temperature, top_p)
        if any(self._greedy):
            drawn = torch.where(self._temperature[:, 0] == 0, logits.argmax(-1), drawn)
        return drawn

    def select(self, keep: torch.Tensor) -> None:
        """Keep the rows ``keep``."""
        self._draws, self._temperature, self._top_p = (
            column[keep] for column in (self._draws, self._temperature, self._top_p)
        )
        self._greedy = [self._greedy[place] for place in keep.tolist()]


def uniforms(rows: Sequence[PromptRow]) -> torch.Tensor:
    """Return draws in [0, 1), shape (rows, longest limit), each row from the Philox stream that its seed names."""
    draws = np.zeros((len(rows), max(row.max_tokens for row in rows)), dtype=np.float32)
    for i, row in enumerate(rows):
        stream = np.random.Generator(np.random.Philox(key=row.seed))
        draws[i, : row.max_tokens] = stream.random(row.max_tokens, dtype=np.float32)
    return torch.from_numpy(draws)


def sample(
    logits: torch.Tensor, draws: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor | None = None
) -> torch.Tensor:
    """Return one token per row by inverse CDF: the first whose cumulative probability exceeds the draw.

    Args:
        logits: shape (rows, vocabulary).
        draws: shape (rows,), uniforms in [0, 1).
        temperature, top_p: shape (rows, 1); a row of temperature 0 is drawn as at 1.
    """
    scaled = logits.float() / torch.where(temperature == 0, 1.0, temperature)
    probabilities = torch.softmax(scaled, dim=-1)
    return drawn(probabilities, draws) if top_p is None else drawn_from_nucleus(probabilities, draws, top_p)
