"""CPU threads that models of this process compute with: how many, and that two of them give what one gives, bit by bit.

A small model gains from a second thread. A sum that two threads share is rounded otherwise than one thread's, and so may be a
product of few rows. Hence few rows are one thread's, and so are the products of the backward pass that sum over all tokens; that the
rest comes out alike is tried on the machine before it is relied on (docs/decisions/0044-two-threads-one-result.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch

from moloch.cores import waiting_is_told

SMALL = 100_000_000
"""Parameters below which a model computes with few threads: more gain little."""
FEW = 2
MANY = 32
"""Rows from which on a product is shared."""
LONG = 512
"""Terms of a sum above which a product of the backward pass is one thread's."""
RANK = 16
"""Of adapters whose products are tried."""
_ROWS = (MANY, 47, 128, 1024)
"""Rows of the products that are tried."""


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute with ``count`` CPU threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def usual(model: Any) -> int:
    """Return how many threads a model computes with where nobody says: of a large one, as many as torch is set to.

    A small one takes two, if torch is set to as many, they sleep while they wait (see :mod:`moloch.cores`), and on this machine
    they multiply as one does; else one. That is known of float32 on a CPU, with torch's own attention.
    """
    most = torch.get_num_threads()
    if model.num_parameters() >= SMALL:
        return most
    known = (model.device.type, model.dtype, model.config._attn_implementation) == ("cpu", torch.float32, "sdpa")
    if most < FEW or not known or not waiting_is_told():
        return 1
    shapes = set(_shapes(model))
    adapters = {shape for outputs, inputs in shapes for shape in ((RANK, inputs), (outputs, RANK))}
    return FEW if _alike(frozenset(shapes | adapters)) else 1


def share(model: Any, threads: int) -> None:
    """Let a model's passes be computed by ``threads`` from now on, and passes of fewer than :data:`MANY` rows by one.

    Threads stay as a pass sets them until the next, so that what follows from it, as its backward pass does, is computed alike.
    """

    def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        ids, kept = kwargs.get("input_ids", args[0] if args else None), kwargs.get("logits_to_keep", 0)
        places = len(kept) if isinstance(kept, torch.Tensor) else kept
        rows = 0 if ids is None else len(ids) * (places or ids.shape[1])
        torch.set_num_threads(threads if rows >= MANY else 1)

    model.register_forward_pre_hook(before, with_kwargs=True)


def like_one(parts: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield the parts of a loss; by however many threads they are differentiated, the gradients are one thread's.

    Products that threads would share the sums of, and attention, are one thread's; all else is computed by as many threads
    as torch is set to.
    """
    for part in parts:
        threads = torch.get_num_threads()
        if threads > 1:
            for node in _graph(part.grad_fn):
                if _is_shared(node):
                    node.register_prehook(lambda *_: torch.set_num_threads(1))
                    node.register_hook(lambda *_, threads=threads: torch.set_num_threads(threads))
        yield part


def _shapes(model: Any) -> Iterator[tuple[int, int]]:
    """Yield the outputs and inputs of each layer that multiplies by a matrix; embeddings look up and do not."""
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if any(True for _ in module.children()) or isinstance(module, torch.nn.Embedding):
            continue
        if isinstance(weight, torch.Tensor) and weight.ndim == 2:
            outputs, inputs = weight.shape if isinstance(module, torch.nn.Linear) else weight.shape[::-1]
            yield int(outputs), int(inputs)


@cache
def _alike(shapes: frozenset[tuple[int, int]]) -> bool:
    """Return whether a few threads multiply as one does: forward, and backward where sums are not :data:`LONG`."""
    some = partial(torch.randn, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        for outputs, inputs in sorted(shapes):
            weight = some(outputs, inputs)
            for rows in _ROWS:
                forward = _same(torch.nn.functional.linear, some(rows, inputs), weight)
                if not forward or (outputs <= LONG and not _same(torch.matmul, some(rows, outputs), weight)):
                    return False
    return bool(shapes)


def _same(product: Any, left: torch.Tensor, right: torch.Tensor) -> bool:
    results = []
    for threads in (1, FEW):
        with torch_threads(threads):
            results.append(product(left, right))
    return torch.equal(*results)


def _graph(root: Any) -> list[Any]:
    """Return the nodes of a backward pass."""
    nodes, ahead = {}, [root]
    while ahead:
        node = ahead.pop()
        if node is not None and node not in nodes:
            nodes[node] = True
            ahead += [child for child, _ in node.next_functions]
    return list(nodes)


def _is_shared(node: Any) -> bool:
    """Return whether threads may share the sums of a node of the backward pass: by name, of products all that are not known to be short."""
    name = node.name().lower()
    if name.startswith("mmbackward"):
        learns = node.next_functions[1][0] is not None
        return learns or node._saved_mat2_sym_sizes[1] > LONG
    return "mm" in name or "attention" in name or "linear" in name
