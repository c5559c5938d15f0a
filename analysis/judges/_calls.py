"""The calls of an inquiry: each answer is durable before it is used, in a separate log beside the run's.

The log of verdicts holds settings and raw answers; a verdict is a function of its answers (:mod:`analysis.judges._answers`).
Asking the same again costs nothing. The run's own log is read, never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from abm.events import CallsServed, Event, LLMReplied, RunConfigured
from abm.journal import LiveJournal
from abm.llm.budget import Budget
from abm.llm.ledger import Cost, Ledger
from abm.llm.port import LLM, Reply, Reporting, Request, in_batches, in_groups
from abm.log import SideLog
from analysis.judges._answers import Ruling, read_answer
from analysis.judges._battery import Battery
from analysis.judges._plan import CallPlan, Judge, PlannedCall, again_request, again_site, book_answered
from analysis.judges._prompts import Wording
from moloch.content import canonical, content_id

VERDICTS = "verdicts"
"""The folder of the log of verdicts, within the run's folder."""
TOGETHER: dict[Literal["batch", "call"], int] = {"batch": 256, "call": 4096}
"""Calls asked for at once, by the model's unit: bounds of memory, and what a kill can cost a model that cuts no batches itself."""


@dataclass(frozen=True)
class InquirySettings:
    """What decides an inquiry, recorded before the first call.

    Attributes:
        run: names the run: content id of its settings.
        selection: which messages; for the record only.
    """

    battery: Battery
    judges: Sequence[Judge]
    max_tokens: int
    wording: Wording
    run: str
    selection: dict[str, Any]

    def as_config(self) -> dict[str, Any]:
        """Return the settings as the log gives them back."""
        settings = {
            "battery": self.battery.model_dump(mode="json"),
            "judges": [{"name": judge.name, "digest": judge.digest} for judge in self.judges],
            "max_tokens": self.max_tokens,
            "wording": self.wording.model_dump(mode="json"),
            "run": self.run,
            "selection": self.selection,
        }
        return msgspec.json.decode(canonical(settings))


def answers(folder: Path) -> dict[str, LLMReplied]:
    """Return site -> answer of a log of verdicts; nothing where there is none."""
    return {event.site: event for event in logged(folder) if isinstance(event, LLMReplied)}


def logged(folder: Path) -> Iterator[Event]:
    """Yield the events of a log of verdicts; nothing where there is none.

    Raises:
        InputError: the folder holds a run.
    """
    yield from log_of(folder).read()


def missing(plan: CallPlan, known: dict[str, LLMReplied]) -> list[str]:
    """Return the sites of first questions that no answer is known to."""
    return [site for site in plan.calls if site not in known]


def rulings(plan: CallPlan, known: dict[str, LLMReplied]) -> dict[str, Ruling]:
    """Return site -> ruling of every call of the plan that is answered."""
    return {site: _final(call, known[site], known) for site, call in plan.calls.items() if site in known}


def ask(
    plan: CallPlan,
    settings: InquirySettings,
    folder: Path,
    *,
    budget: Budget | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, LLMReplied]:
    """Ask what is not answered yet, once more where an answer does not count, and return all answers by site.

    Args:
        folder: of the log of verdicts; made if it does not exist.
        report: called with calls answered and calls planned, repetitions not counted before they are made.

    Raises:
        ServiceError, BudgetSpent: a judge no longer answers, or the budget is spent; the same call resumes.
        Locked: another process writes these verdicts.
    """
    answered = answers(folder)
    config = settings.as_config()
    if not missing(plan, answered) and not _again(plan, answered, settings.wording) and _recorded(folder, config):
        return answered
    if budget is not None:
        book_answered(plan, [(e.site, e.tokens_in, e.tokens_out) for e in answered.values()], budget)
        ledger = Ledger(folder, f"spent-{content_id(config)}.jsonl")
        budget.keep(ledger, Cost(budget.calls, budget.tokens, budget.usd))
    with closing(log_of(folder).opened()) as log:
        journal = LiveJournal(log)
        # answers are found by their site, no matter which inquiry asked
        while (event := journal.logged(Event)) is not None:
            journal.emit(event)
        if not _recorded(folder, config):
            with journal.transaction():
                journal.emit(RunConfigured(config=config))
        asking = _Asking(journal, plan, report)
        answered |= asking.all([call.request for call in plan.calls.values()], answered)
        answered |= asking.all(_again(plan, answered, settings.wording), answered)
    return answered


class _Asking:
    """Asks requests of several judges and counts the answers."""

    def __init__(self, journal: LiveJournal, plan: CallPlan, report: Callable[[int, int], None]) -> None:
        self._journal, self._plan, self._report = journal, plan, report
        self._done = self._total = 0

    def all(self, requests: Sequence[Request], known: Collection[str]) -> dict[str, LLMReplied]:
        """Return site -> answer of those that are not known.

        What shares a batch follows from all requests, so that a judging that was killed goes on with the same batches.
        """
        self._total += sum(request.site not in known for request in requests)
        answered: dict[str, LLMReplied] = {}
        by_judge: dict[str, list[Request]] = {}
        for request in requests:
            by_judge.setdefault(self._call(request).judge.digest, []).append(request)
        for of_judge in by_judge.values():
            if all(request.site in known for request in of_judge):
                continue
            self._report(self._done, self._total)
            llm = _Watched(self._call(of_judge[0]).judge.open(), self._answered)
            for left in _parts(llm, of_judge, known):
                for reply in self._journal.ask(llm, left, step=-1, cause=-1):
                    answered[reply.site] = reply
        return answered

    def _call(self, request: Request) -> PlannedCall:
        return self._plan.calls[request.site.removesuffix("/again")]

    def _answered(self, more: int) -> None:
        self._done += more
        self._report(self._done, self._total)


def _parts(llm: LLM, requests: Sequence[Request], known: Collection[str]) -> Iterator[list[Request]]:
    """Yield what is not known of the calls that are asked for at once, batch by batch where a model cuts them into batches."""
    if llm.unit == "call":
        requests = [request for request in requests if request.site not in known]
    size = TOGETHER[llm.unit]
    for start in range(0, len(requests), size):
        some = requests[start : start + size]
        if all(request.site in known for request in some):
            continue
        for batch in in_batches(llm, some) if llm.unit == "batch" else (some,):
            if left := [request for request in batch if request.site not in known]:
                yield left


class _Watched:
    """A model whose answers are counted as they arrive."""

    def __init__(self, llm: LLM, answered: Callable[[int], None]) -> None:
        self._llm, self._answered = llm, answered
        self.name, self.digest = llm.name, llm.digest
        self.unit: Literal["batch", "call"] = llm.unit

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        for group in self.groups(requests):
            yield from group

    def batches(self, requests: Sequence[Request]) -> Sequence[Sequence[Request]]:
        return in_batches(self._llm, requests)

    def groups(self, requests: Sequence[Request]) -> Iterator[Sequence[Reply]]:
        for group in in_groups(self._llm, requests):
            self._answered(len(group))
            yield group

    def service(self) -> CallsServed | None:
        return self._llm.service() if isinstance(self._llm, Reporting) else None


def _again(plan: CallPlan, known: dict[str, LLMReplied], wording: Wording) -> list[Request]:
    """Return the second questions that are due: a refusal is final, anything else that does not count is asked again."""
    requests = []
    for site, call in plan.calls.items():
        if site not in known or again_site(site) in known:
            continue
        first = known[site]
        ruling = read_answer(first.text, first.finish, call.question, call.text)
        if ruling.status in ("invalid", "error") or (ruling.status == "refused" and first.finish != "refused"):
            requests.append(again_request(call, first.text, ruling, wording))
    return requests


def _final(call: PlannedCall, first: LLMReplied, known: dict[str, LLMReplied]) -> Ruling:
    ruling = read_answer(first.text, first.finish, call.question, call.text)
    second = known.get(again_site(call.request.site))
    if ruling.status == "given" or second is None:
        return ruling
    return read_answer(second.text, second.finish, call.question, call.text)


def _recorded(folder: Path, config: dict[str, Any]) -> bool:
    """Return whether the same inquiry was begun before."""
    return any(isinstance(event, RunConfigured) and event.config == config for event in logged(folder))


def log_of(folder: Path) -> SideLog:
    """Return a log of verdicts; those of several runs may share one."""
    return SideLog(folder, "verdicts", fix="Give another --out.")
