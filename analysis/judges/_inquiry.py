"""From a run and its judges to a table: prepare, look at the price, ask, and read the results.

Puts the other modules of this room together; ``moloch probe`` is a shell around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from abm.llm.budget import Budget
from abm.log import open_log, read_events
from analysis.judges._battery import Battery, Question
from analysis.judges._calls import VERDICTS, InquirySettings, answers, ask, missing, rulings
from analysis.judges._cases import CASES, labelled_cases
from analysis.judges._messages import Messages, PublishedMessage, Selection
from analysis.judges._plan import ANSWER_TOKENS, CallPlan, Costs, Judge, costs, make_plan
from analysis.judges._prompts import Wording
from analysis.judges._rates import RateRow, rates
from analysis.judges._trust import (
    AgreementRow,
    AlphaRow,
    Label,
    ValidationRow,
    agreement,
    read_labels,
    validation,
)
from analysis.judges._verdicts import VerdictRow, row
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.reading import read
from analysis.statistics.estimates import plain
from analysis.tables.evaluation import note
from moloch.content import content_id
from moloch.errors import InputError


@dataclass(frozen=True)
class Probed:
    """What judges found.

    Attributes:
        rates: one row per judge, probe and arm; empty where only labelled messages were judged.
        agreement, alphas: by probe; empty for one judge without rule probes to compare it with.
        validation: against people's labels, where they were given.
        calls: made now; ``calls_in_all``: answers that these verdicts rest on, repeated questions among them.
        tokens, usd: of all those answers; ``usd`` is None where a price is not known.
        head: hash of the log of verdicts.
    """

    run: str
    folder: Path
    head: str
    battery: str
    arena: str
    phase: str
    epoch: int
    judges: Sequence[Judge]
    verdicts: Sequence[VerdictRow]
    rates: Sequence[RateRow]
    agreement: Sequence[AgreementRow]
    alphas: Sequence[AlphaRow]
    validation: Sequence[ValidationRow]
    calls: int
    calls_in_all: int
    tokens: int
    usd: float | None
    notes: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the single verdicts as a JSON-able mapping."""
        return {
            "run": self.run,
            "verdicts": str(self.folder),
            "head": self.head,
            "battery": self.battery,
            "arena": self.arena,
            "phase": self.phase,
            "epoch": self.epoch,
            "judged": len(self.verdicts),
            "judges": [{"name": judge.name, "digest": judge.digest} for judge in self.judges],
            "rates": [plain(each) for each in self.rates],
            "agreement": [plain(each) for each in self.agreement],
            "alphas": [plain(each) for each in self.alphas],
            "validation": [plain(each) for each in self.validation],
            "calls": self.calls,
            "calls_in_all": self.calls_in_all,
            "tokens": self.tokens,
            "usd": plain(self.usd),
            "no_verdict": dict(Counter(row.why for row in self.verdicts if row.label < 0).most_common()),
            "detectable": self.detectable,
            "notes": list(self.notes),
        }

    @property
    def detectable(self) -> float | None:
        """The largest of the differences from base that could just be shown (80 % power), as a share; None without any."""
        return max((each for row in self.rates if (each := plain(row.difference.detectable))), default=None)


@dataclass(frozen=True)
class Inquiry:
    """Questions to judges about a run's messages, planned; nothing was asked yet."""

    run: Path
    folder: Path
    settings: InquirySettings
    selection: Selection
    questions: Sequence[Question]
    messages: Messages
    evaluation: Evaluation
    labels: Sequence[Label]
    plan: CallPlan

    def costs(self) -> list[Costs]:
        """Return what it may cost, by judge; answers that are logged cost nothing."""
        return costs(self.plan, missing(self.plan, answers(self.folder)))

    def carry_out(
        self, *, budget: Budget | None = None, report: Callable[[int, int], None] = lambda done, total: None
    ) -> Probed:
        """Ask what is missing and return what all answers say; see :func:`analysis.judges._calls.ask`."""
        before = len(answers(self.folder))
        answered = ask(self.plan, self.settings, self.folder, budget=budget, report=report)
        ruled = rulings(self.plan, answered)
        rows = [row(item, ruled[item.site]) for item in self.plan.items]
        replies = [event for site, event in answered.items() if site.removesuffix("/again") in self.plan.calls]
        judges = self.settings.judges
        evaluated = self.evaluation if self.selection.phase == "evaluate" else None
        texts = {item.message.message: item.message.text for item in self.plan.items}
        pairs, alphas = agreement(rows, self.questions, texts, self.messages.rules)
        return Probed(
            run=str(self.run),
            folder=self.folder,
            head=open_log(self.folder, write=False).head().hash,
            battery=self.settings.battery.name,
            arena=self.messages.arena,
            phase=self.selection.phase,
            epoch=max(row.epoch for row in rows),
            judges=judges,
            verdicts=rows,
            rates=[] if self.labels else rates(rows, evaluated, self.evaluation.config),
            agreement=pairs,
            alphas=alphas,
            validation=validation(rows, self.labels) if self.labels else [],
            calls=len(answered) - before,
            calls_in_all=len(replies),
            tokens=sum(event.tokens_in + event.tokens_out for event in replies),
            usd=self._usd(replies),
            notes=_notes(judges, None if self.labels else self.evaluation),
        )

    def _usd(self, answered: Sequence[Any]) -> float | None:
        calls, total = self.plan.calls, 0.0
        for event in answered:
            price = calls[event.site.removesuffix("/again")].judge.price
            if price is None:
                return None
            total += price.of(event.tokens_in, event.tokens_out)
        return total


def prepare(
    run: Path | str,
    judges: Sequence[Judge],
    battery: Battery,
    selection: Selection | None = None,
    *,
    labels: Path | str | None = None,
    out: Path | str | None = None,
    max_tokens: int = ANSWER_TOKENS,
) -> Inquiry:
    """Return the inquiry into a run's messages.

    Args:
        labels: a CSV file of people's labels, or ``cases`` for the package's own; then exactly what is labelled is judged.
        out: folder of the log of verdicts; by default ``verdicts`` in the run's. Runs may share one.

    Raises:
        InputError: nothing to judge, or labels that do not fit.
        LogError: no such run, or it cannot be read.
    """
    run, selection = Path(run), selection or Selection()
    if not judges:
        raise InputError("nobody judges", fix="Name a judge: --judge MODEL.")
    messages, evaluated = Messages(), EvaluationReading()
    read(read_events(run), messages, evaluated)
    evaluation = evaluated.result()
    questions = battery.asked_in(messages.arena)
    truth: list[Label] = []
    pairs: list[tuple[PublishedMessage, Question]]
    sources = messages.anchors
    if str(labels) == CASES:
        pairs, sources, truth = labelled_cases(questions, messages.arena)
    elif labels is not None:
        truth = read_labels(labels, questions, messages.published)
        by_id, by_name = {m.message: m for m in messages.published}, {each.name: each for each in questions}
        pairs = [(by_id[label.message], by_name[label.probe]) for label in truth]
    else:
        pairs = [(message, question) for message in messages.select(selection) for question in questions]
    settings = InquirySettings(
        battery,
        judges,
        max_tokens,
        Wording(),
        content_id(open_log(run, write=False).config),
        {"labels": len(truth)} if truth else msgspec.to_builtins(selection),
    )
    plan = make_plan(pairs, sources, judges, settings.wording, max_tokens)
    folder = Path(out) if out is not None else run / VERDICTS
    return Inquiry(run, folder, settings, selection, questions, messages, evaluation, truth, plan)


def _notes(judges: Sequence[Judge], evaluation: Evaluation | None) -> list[str]:
    """Return the sentences that limit what the verdicts can show."""
    stand_ins = [judge.name for judge in judges if judge.stand_in]
    notes = ["Not evidence about real LLMs: the pocket model judges, which it cannot do."] if stand_ins else []
    return notes + ([caveat] if evaluation is not None and (caveat := note(evaluation)) else [])
