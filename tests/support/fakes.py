"""Cheap stand-ins for what costs: a model that answers from its request, a trainer that hashes its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from abm.llm import Request, ScriptedLLM
from abm.llm.port import Reply
from learning.methods import TrainingSet
from learning.training.settings import LoraSettings
from learning.training.trainer import Trained
from moloch.content import content_id
from tests.support.society import filled
from tests.support.tiny import save_smallest_adapter

PLEASANT = (
    "Your family will enjoy it.",
    "It costs 40 coins.",
    "Hurry, buy now!",
    "Experts guarantee that it never fails!",
    "It is blue.",
)


def answer(request: Request) -> str:
    """Return a completion that depends on the request alone; one in ten does not parse."""
    random = Random(f"{request.seed}/{request.adapter}/{request.messages[-1]['content']}")
    tag = request.messages[-1]["content"].rsplit("</", 1)[-1].split(">")[0]
    if random.random() < 0.1:
        return f"<think>Nothing comes to mind.</think><{tag}>unfinished"
    text = " ".join(random.sample(PLEASANT, random.randint(1, 4)))
    return f"<think>Say {random.randint(1, 9)} things.</think>\n<{tag}>{text}</{tag}>"


def reply(request: Request) -> str:
    """Answer as a writer or as a reader; what a reader does depends on the request alone, and one page in eight it never answers."""
    if request.site.startswith("read/"):
        shy = Random(request.site.removesuffix("/again")).random() < 1 / 8
        return "I would rather not say." if shy else filled(request)
    if request.site.startswith("remember/"):
        return f"What I saw was {request.seed % 97} times better."
    if request.site.startswith("react/"):
        return f"<think>Hm.</think><choice>{'AB'[request.seed % 2]}</choice>"
    return answer(request)


def fake_llm() -> ScriptedLLM:
    """Return a deterministic model."""
    return ScriptedLLM(answer)


class Companions(ScriptedLLM):
    """A model that answers a call in batches, and each request otherwise where other ones share its batch.

    Args:
        size: requests of a batch, at most.
        answered: called with each request before it is answered.
    """

    def __init__(self, size: int = 3, answered: Callable[[Request], object] = lambda request: None) -> None:
        super().__init__(answer)
        self._size, self._answered = size, answered

    def batches(self, requests: Sequence[Request]) -> list[Sequence[Request]]:
        """Return the requests in an order that depends on their number, a few at a time."""
        if len(requests) <= self._size:
            return [requests]
        mixed = sorted(requests, key=lambda request: content_id([request.site, len(requests)]))
        return [mixed[start : start + self._size] for start in range(0, len(mixed), self._size)]

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield replies that name those who share their batch."""
        for batch in self.batches(requests):
            together = content_id([request.site for request in batch])
            for request in batch:
                self._answered(request)
                yield from super().complete([msgspec.structs.replace(request, adapter=request.adapter + together)])


class FakeTrainer:
    """Names an adapter after what it would have learnt from."""

    def __init__(self) -> None:
        self.trainings = 0

    def train(
        self, data: TrainingSet, *, parent: str, settings: LoraSettings, seed: int, lineage: dict[str, Any]
    ) -> Trained:
        self.trainings += 1
        return Trained(
            adapter=content_id([data.digest, parent, seed]), rows=len(data.rows), over_long=0, tokens=7, steps=1,
            loss_before=1.0, loss_after=0.5,
        )  # fmt: skip


class SmallestTrainer(FakeTrainer):
    """Learns an adapter of two numbers, which a server can be given."""

    def __init__(self, adapters: Path) -> None:
        super().__init__()
        self._adapters = adapters

    def train(self, data: TrainingSet, **how: Any) -> Trained:
        self._adapters.mkdir(exist_ok=True)
        return msgspec.structs.replace(super().train(data, **how), adapter=save_smallest_adapter(self._adapters))
