"""The plan of an inquiry: each question about each message to each judge, as calls named by their content.

A call's site is the content id of everything that its answer can depend on: wording, question, source, message, judge and
bounds. What is the same is asked once, whatever run, arm or slot it comes from. Knows nothing of logs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from abm.arenas import Message as Chat
from abm.llm.backends import Backends, Serving
from abm.llm.budget import Budget, Price
from abm.llm.folders import POCKET, model_folder
from abm.llm.port import LLM, Request, Sampling, prompt_tokens
from analysis.judges._answers import Ruling
from analysis.judges._battery import Question
from analysis.judges._messages import PublishedMessage
from analysis.judges._prompts import Wording
from moloch import keyed
from moloch.content import content_id
from moloch.errors import InputError
from moloch.extras import how_to_get

ANSWER_TOKENS = 512
"""Bound of an answer; models that think before they answer need more."""


AGAIN = 0.7
"""Temperature of the second call: at 0 a judge that failed would mostly say the same again."""


class Judge(NamedTuple):
    """A model that judges; opened only when it has to be asked.

    Attributes:
        digest: names its weights, or what a server calls it.
        price: None where it is not known.
        stand_in: whether it is the model in the package, which cannot judge.
    """

    name: str
    digest: str
    open: Callable[[], LLM]
    price: Price | None = None
    stand_in: bool = False

    @classmethod
    def of(cls, llm: LLM) -> Judge:
        """Return a judge for a model that is open already."""
        return cls(llm.name, llm.digest, lambda: llm, stand_in=llm.name == POCKET)


def judges(names: Sequence[str], serving: Serving, backends: Backends) -> list[Judge]:
    """Return the judges of these names, none of them loaded.

    Raises:
        InputError: no such model, or a model is named twice.
    """
    named = [_judge(name, serving, backends) for name in names]
    for i, judge in enumerate(named):
        for other in named[:i]:
            if judge.digest == other.digest:
                raise InputError(f"{other.name!r} and {judge.name!r} are the same judge", fix="Name each model once.")
    return named


def _judge(name: str, serving: Serving, backends: Backends) -> Judge:
    endpoint = serving.endpoint(name)
    if endpoint is None:
        digest = _digest_of(name)
        return Judge(name, digest, lambda: backends.llm(name), Price(), digest == _digest_of(POCKET))
    pocket = POCKET in (name, endpoint.name)
    return Judge(name, backends.llm(name).digest, lambda: backends.llm(name), endpoint.price, pocket)


def _digest_of(name: str) -> str:
    """Return the digest of a model here, without loading it."""
    folder = model_folder(name)
    try:
        from abm.llm.weights import model_digest

        return model_digest(folder)
    except ModuleNotFoundError as error:
        raise InputError(
            "models in this process need the learn extra", why=str(error), fix=how_to_get("learn")
        ) from error


class PlannedCall(NamedTuple):
    """One question about one text to one judge; several messages may share it."""

    request: Request
    judge: Judge
    question: Question
    text: str


class Item(NamedTuple):
    """One question about one message to one judge, and the site of the call that answers it."""

    message: PublishedMessage
    question: Question
    judge: Judge
    site: str


class CallPlan(NamedTuple):
    """What is to be judged; ``calls`` by site, in the order in which they are asked: by judge, message, question."""

    items: list[Item]
    calls: dict[str, PlannedCall]


def make_plan(
    pairs: Iterable[tuple[PublishedMessage, Question]],
    sources: dict[str, str],
    judges: Sequence[Judge],
    wording: Wording,
    max_tokens: int,
) -> CallPlan:
    """Return the plan of judging each pair by each judge.

    Args:
        sources: anchor id -> text.
    """
    items: list[Item] = []
    calls: dict[str, PlannedCall] = {}
    asked = [(message, question, *_prompt(message, question, sources, wording)) for message, question in pairs]
    for judge in judges:
        for message, question, prompt, refs in asked:
            request = _request(prompt, refs, question, judge, wording, max_tokens)
            calls.setdefault(request.site, PlannedCall(request, judge, question, message.text))
            items.append(Item(message, question, judge, request.site))
    return CallPlan(items, calls)


def _prompt(
    message: PublishedMessage, question: Question, sources: dict[str, str], wording: Wording
) -> tuple[list[Chat], tuple[str, ...]]:
    prompt = wording.ask(question, sources.get(message.anchor, ""), message.text)
    return prompt, (question.id, message.anchor, content_id(message.text))


def _request(
    prompt: list[Chat], refs: tuple[str, ...], question: Question, judge: Judge, wording: Wording, max_tokens: int
) -> Request:
    sampling = Sampling(temperature=0.0, max_tokens=max_tokens)
    what = content_id([question.id, judge.digest, sampling, prompt])
    site = f"judge/{question.name}/{what}"
    return Request(
        site,
        prompt,
        sampling,
        keyed.seed32("judge", what),
        template=wording.digest,
        refs=refs,
        schema=question.schema_text,
    )


def again_request(call: PlannedCall, answer: str, ruling: Ruling, wording: Wording) -> Request:
    """Return the second and last call of a question whose first answer does not count; see :func:`again_site`."""
    first = call.request
    prompt = wording.ask_again(first.messages, answer, ruling.why) if ruling.status == "invalid" else first.messages
    sampling = msgspec.structs.replace(first.sampling, temperature=AGAIN)
    seed = keyed.seed32(first.seed, "again")
    return msgspec.structs.replace(first, site=again_site(first.site), messages=prompt, sampling=sampling, seed=seed)


def again_site(site: str) -> str:
    """Return the site of the call that repeats the one at ``site``."""
    return f"{site}/again"


# -- what it will cost -------------------------------------------------------------------------------------


class Costs(msgspec.Struct, frozen=True):
    """What calls that are not answered yet may cost one judge.

    Attributes:
        calls: first questions; each may be repeated once.
        tokens_in: of their prompts, about.
        tokens_out: at most.
        usd: at most, without repetitions; None where prices are not known.
    """

    judge: str
    answered: int
    calls: int
    tokens_in: int
    tokens_out: int
    usd: float | None


def costs(plan: CallPlan, missing: Sequence[str]) -> list[Costs]:
    """Return what the calls at ``missing`` sites may cost, by judge."""
    open_, by_judge = set(missing), []
    for judge in {call.judge.digest: call.judge for call in plan.calls.values()}.values():
        requests = [call.request for call in plan.calls.values() if call.judge.digest == judge.digest]
        todo = [request for request in requests if request.site in open_]
        read = sum(prompt_tokens(request) for request in todo)
        written = sum(request.sampling.max_tokens for request in todo)
        usd = None if judge.price is None else judge.price.of(read, written)
        by_judge.append(Costs(judge.name, len(requests) - len(todo), len(todo), read, written, usd))
    return by_judge


def book_answered(plan: CallPlan, answered: Iterable[tuple[str, int, int]], budget: Budget) -> None:
    """Count in a budget what this plan's answers cost before: site, tokens read, tokens written of each."""
    for site, tokens_in, tokens_out in answered:
        if (call := plan.calls.get(site.removesuffix("/again"))) is not None:
            budget.book(call.judge.price or Price(), tokens_in, tokens_out)
