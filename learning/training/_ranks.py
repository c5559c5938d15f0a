"""One training in several processes: who computes which rows, and how their gradients become one step's.

Every process holds the model, the data and the optimiser, and takes the same steps in the same order as one process
alone would. Within a step each computes its share of the rows; gradients are added up before the optimiser sees them.
The effective batch is therefore that of one process, which wrapping the model (DDP) and giving each process batches of
its own would not keep. Knows torch.distributed; nothing of models' insides or of files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    import torch


T = TypeVar("T")


class Ranks(NamedTuple):
    """This process's number among all; alone by default."""

    rank: int = 0
    size: int = 1

    def share(self, items: Sequence[T], length: Callable[[T], int]) -> Sequence[T]:
        """Return this process's part of the items, shortest first: each gets equally many, of every length."""
        return sorted(items, key=length)[self.rank :: self.size]

    def total(self, value: float, device: torch.device) -> float:
        """Return the sum of ``value`` over the processes."""
        import torch

        if self.size == 1:
            return value
        held = torch.tensor(value, device=device, dtype=torch.float64)
        torch.distributed.all_reduce(held)
        return float(held)

    def add_up(self, values: torch.Tensor) -> None:
        """Make ``values`` the sum over the processes; all of them call it."""
        import torch

        if self.size > 1:
            torch.distributed.all_reduce(values)

    def add_gradients(self, weights: Sequence[torch.nn.Parameter]) -> None:
        """Make each gradient the sum over the processes; one without any rows counts as zeros."""
        import torch

        if self.size == 1:
            return
        grads = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        flat = torch.cat([grad.reshape(-1) for grad in grads])
        torch.distributed.all_reduce(flat)
        for weight, part in zip(weights, flat.split([weight.numel() for weight in weights]), strict=True):
            weight.grad = part.view_as(weight).clone()


def join(rank: int, size: int, meeting: Path) -> Ranks:
    """Return this process's place after all ``size`` processes met over the file ``meeting``."""
    import torch

    kind = "nccl" if torch.cuda.is_available() else "gloo"
    torch.distributed.init_process_group(kind, init_method=f"file://{meeting}", rank=rank, world_size=size)
    return Ranks(rank, size)
