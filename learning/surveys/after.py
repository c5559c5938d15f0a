"""A questionnaire after a run: planned, priced, and put to the run's personas, in a log of its own that names the run's head.

The run is read, never changed. Asking the same again resumes; an answer that is there is never paid for twice. ``moloch ask`` is a
shell around this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from abm.events import Event, LLMReplied, QuestionAnswered, SurveyClosed, SurveyOpened
from abm.llm.budget import Budget, Price
from abm.llm.folders import POCKET
from abm.llm.ledger import Cost, Ledger
from abm.llm.port import LLM, text_tokens
from abm.surveys import Manner, Questionnaire, Sitting, SocietyPlace, drawn, sitting
from abm.surveys.prompts import WORDING
from learning.surveys._beside import BesideKeeper, BesideLog
from learning.surveys.surveyed import SurveyedRun
from moloch.content import content_id
from moloch.errors import InputError

ANSWERS = "surveys"
"""The folder of the log of answers, within the run's folder."""
KIND = "surveys"
Moment = Literal["before", "after"]
"""Whether a persona is asked as it was before it read anything, or with what it remembers of the run."""
NOWHERE = SocietyPlace("", 0, "")
SAMPLE = 32
"""Prompts that are rendered to learn how long they are."""


@dataclass(frozen=True)
class Whom:
    """Who is asked, and of which society.

    Attributes:
        phase: ``evaluate``: held-out personas; ``train``: those whose votes were learnt from.
        epoch: by default the phase's last; ``arms``: by default all.
        share: of the personas, drawn at random, in 0 .. 1.
        personas: by index, id or name, in place of a share.
    """

    phase: Literal["train", "evaluate"] = "evaluate"
    epoch: int | None = None
    arms: Collection[str] = ()
    share: float = 1.0
    personas: Sequence[str] = ()


@dataclass(frozen=True)
class AskedAfter:
    """What was answered.

    Attributes:
        surveys: ids of the sittings, in the log ``folder`` whose head is ``head``.
        answers: of these sittings, ``invalid`` among them; ``calls``: made now.
        notes: what limits what the answers show.
    """

    run: Path
    folder: Path
    head: str
    surveys: list[str]
    answers: int
    invalid: int
    calls: int
    notes: list[str]


@dataclass(frozen=True)
class AfterRun:
    """A questionnaire to a run's personas, planned; nothing was asked yet.

    Attributes:
        told: what the user should know before it is asked.
    """

    run: SurveyedRun
    folder: Path
    questionnaire: Questionnaire
    sittings: list[Sitting]
    model: str
    told: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """Questions to all personas together."""
        return sum(each.calls for each in self.sittings)

    @property
    def answered(self) -> int:
        """Those of them that are answered already."""
        ids = {each.opened.survey for each in self.sittings}
        held = list(self._log.read())
        return sum(isinstance(event, QuestionAnswered) and event.survey in ids for event in held)

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens that all calls read, about, and write at most."""
        read = written = 0
        for each in self.sittings:
            items = each.questionnaire.questions
            prompts = each.first_prompts(SAMPLE)
            first = sum(text_tokens(m["content"]) + 4 for p in prompts for m in p) / max(1, len(prompts))
            turn = sum(text_tokens(prompt[-1]["content"]) + 8 for prompt in prompts) / max(1, len(prompts))
            later = turn * (len(items) - 1) / 2 if each.questionnaire.together else 0
            read += round(each.calls * (first + later))
            written += len(each.respondents) * sum(each.manner.sampling(item).max_tokens for item in items)
        return read, written

    @property
    def _log(self) -> BesideLog:
        return BesideLog(self.folder, KIND)

    def carry_out(
        self,
        llm: Callable[[], LLM],
        *,
        budget: Budget | None = None,
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> AskedAfter:
        """Ask what is not answered yet.

        Args:
            llm: opens the model that answers; not called where nothing is left to ask.
            report: called with answers that have come, and with all.

        Raises:
            InputError: the answers cannot be kept in the folder.
            ServiceError, BudgetSpent: the model no longer answers, or the budget is spent; the same call resumes.
            Locked: another process asks this run's personas.
        """
        held = list(self._log.read())
        before = sum(isinstance(event, LLMReplied) for event in held)
        closed = {event.survey for event in held if isinstance(event, SurveyClosed)}
        todo = [each for each in self.sittings if each.opened.survey not in closed]
        with self._log.writing() if todo else nullcontext() as journal:
            if journal is not None:
                if budget is not None and budget.bounded:
                    self._book(budget, held)
                keeper, model, done = BesideKeeper(journal, held), llm(), self.calls - sum(each.calls for each in todo)
                for each in todo:
                    report(done, self.calls)
                    each.hold(model, keeper, lambda answered, start=done: report(start + answered, self.calls))
                    done += each.calls
        return self._asked(before)

    def _book(self, budget: Budget, held: Sequence[Event]) -> None:
        """Count what these sittings cost before."""
        ids = {event.seq for event in held if isinstance(event, SurveyOpened) and event.survey in self._ids}
        for event in held:
            if isinstance(event, LLMReplied) and event.cause in ids:
                budget.book(Price(), event.tokens_in, event.tokens_out)
        ledger = Ledger(self.folder, f"spent-{content_id(sorted(self._ids))}.jsonl")
        budget.keep(ledger, Cost(budget.calls, budget.tokens, budget.usd))

    @property
    def _ids(self) -> set[str]:
        return {each.opened.survey for each in self.sittings}

    def _asked(self, before: int) -> AskedAfter:
        events = list(self._log.read())
        given = [each for each in events if isinstance(each, QuestionAnswered) and each.survey in self._ids]
        notes = notes_on(self.model, self.sittings[0].opened.played)
        return AskedAfter(
            run=self.run.path,
            folder=self.folder,
            head=self._log.head(),
            surveys=[each.opened.survey for each in self.sittings],
            answers=len(given),
            invalid=sum(not each.valid for each in given),
            calls=sum(isinstance(each, LLMReplied) for each in events) - before,
            notes=notes,
        )


def notes_on(model: str, played: bool) -> list[str]:
    """Return the sentences that limit what answers of a model show.

    Args:
        played: whether it answers for personas whom a choice model moves.
    """
    notes = []
    if POCKET in (model, model.rpartition("#")[2]):
        notes.append(
            "Not evidence about people or real LLMs: the pocket model answers, and it cannot understand a question."
        )
    if played:
        notes.append(
            f"{model} answers for personas whose votes a choice model cast: it was given what they read and chose, and made none of these choices."
        )
    return notes


def plan_after(
    run: Path | str,
    questionnaire: Questionnaire,
    model: tuple[str, str],
    *,
    at: Sequence[Moment] = ("after",),
    whom: Whom | None = None,
    temperature: float | None = None,
    answer_tokens: int = 0,
    remember: bool = False,
    out: Path | str | None = None,
) -> AfterRun:
    """Return the plan of manner a questionnaire to a run's personas.

    Args:
        model: name and digest of who answers.
        at: ``before``: they remember nothing; ``after``: what they read, thought and chose in each society.
        temperature: of the answers; by default the run's reader's.
        answer_tokens: bound of every answer that would have a lower one.
        remember: later questionnaires and interviews find these answers among what is remembered.
        out: folder of the log of answers; by default ``surveys`` in the run's.

    Raises:
        InputError: nobody to ask, or no such society.
        LogError: no such run, or it cannot be read.
    """
    subject, whom = SurveyedRun.read(run), whom or Whom()
    folder = Path(out) if out is not None else Path(run) / ANSWERS
    held = list(BesideLog(folder, KIND).read())
    personas = _personas(subject, whom)
    reader = subject.reader_settings
    warmth = float(reader.get("temperature", 0.1)) if temperature is None else temperature
    manner = Manner(subject.seed, warmth, float(reader.get("top_p", 1.0)), answer_tokens)
    places: list[tuple[str, SocietyPlace]] = []
    for moment in at:
        societies = [NOWHERE] if moment == "before" else subject.place(whom.phase, whom.epoch, whom.arms)
        places += [(moment, place) for place in societies]
    sittings = []
    for moment, place in places:
        what = [questionnaire.digest, model[1], manner, subject.id, subject.head.hash, WORDING, personas, remember]
        survey = "/".join((moment, *(map(str, place) if any(place) else ()), content_id(what)))
        memories = None if moment == "before" else subject.memories(place, personas, held, survey)
        respondents = subject.respondents(personas, memories)
        of = {"phase": place.phase, "epoch": place.epoch, "arm": place.arm}
        head = {"run_id": subject.id, "events": subject.head.seq, "head": subject.head.hash}
        flags = {"played": not subject.played, "remember": remember}
        sittings.append(sitting(survey, moment, questionnaire, respondents, manner, **of, **head, **flags))
    return AfterRun(subject, folder, questionnaire, sittings, model[0], _told(subject, questionnaire, held))


def _personas(subject: SurveyedRun, whom: Whom) -> list[int]:
    if whom.personas:
        chosen = sorted({subject.find(who) for who in whom.personas})
        if len({subject.split_of(each) for each in chosen} | {whom.phase}) > 1:
            raise InputError(
                "personas of another phase are named",
                where=str(subject.path),
                why=f"{subject.name(chosen[0])} is not in {whom.phase}",
                fix="Give --phase train for those whose votes were learnt from.",
            )
        return chosen
    everybody = subject.ids(whom.phase)
    if not everybody:
        raise InputError(f"there is no persona in {whom.phase}", where=str(subject.path))
    return everybody if whom.share >= 1 else drawn(everybody, whom.share, subject.seed, "survey")


def _told(subject: SurveyedRun, questionnaire: Questionnaire, held: Sequence[Event]) -> list[str]:
    """Return whether the run, or the questionnaire, is not what it was when it was last asked."""
    opened = [each for each in held if isinstance(each, SurveyOpened) and each.run_id == subject.id]
    told = []
    same = [each for each in opened if each.digest == questionnaire.digest]
    if same and all(each.head != subject.head.hash for each in same):
        told.append(
            f"the run went on since these questions were asked: {same[-1].events:,} events then, {subject.head.seq:,} now; "
            "where memories have changed, personas are asked again"
        )
    others = {each.digest for each in opened if each.questionnaire.get("name") == questionnaire.name}
    if not same and others:
        told.append(f"another questionnaire was asked under the name {questionnaire.name!r}; the answers hold both")
    return told
