"""``moloch ask``: put a questionnaire to a run's personas, as often as you like, without changing the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import printer, show, stderr
from analysis.cli.progress import counted
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.events import Split
    from abm.llm.backends import Backends
    from abm.llm.budget import Budget
    from analysis.readings.answers import AnswerRow, AnswersReading
    from learning.surveys import AfterRun, AskedAfter, Moment, WhoAnswers

Reader = Annotated[
    str | None,
    typer.Option(
        "--reader",
        help="The model that answers: pocket, a model's folder or name, or http://host/v1#NAME; by default the run's reader.",
    ),
]
AskedPhase = Annotated[str, typer.Option(help="evaluate (held-out personas), or train.")]
Epoch = Annotated[int | None, typer.Option(help="By default, the last one of the phase.")]
Arm = Annotated[list[str] | None, typer.Option("--arm", help="They remember only this arm's society; repeatable.")]
AnswerTokens = Annotated[int, typer.Option(min=0, help="Tokens per answer, at most; more for models that think first.")]


def ask(
    run: options.RunOrCell,
    questions: Annotated[
        Path | None,
        typer.Option("--questions", help="The questionnaire: a YAML file; without it, the answers so far are shown."),
    ] = None,
    reader: Reader = None,
    at: Annotated[
        str, typer.Option(help="after: they remember what they read; before: they do not; before-after: both.")
    ] = "after",
    phase: AskedPhase = "evaluate",
    epoch: Epoch = None,
    arm: Arm = None,
    share: Annotated[float, typer.Option(help="Ask this share of the personas, drawn at random.")] = 1.0,
    persona: Annotated[
        list[str] | None, typer.Option("--persona", help="Ask this persona, by index, id or name; repeatable.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Temperature of the answers; by default the reader's.")
    ] = None,
    answer_tokens: AnswerTokens = 0,
    remember: Annotated[
        bool, typer.Option("--remember", help="Let later questions find these answers remembered.")
    ] = False,
    llm: Annotated[
        str | None, typer.Option(help="Where the model is served: transformers, vllm, or a server's URL.")
    ] = None,
    serving: Annotated[Path | None, typer.Option(help="YAML: where models are served, and their prices.")] = None,
    max_calls: options.MaxCalls = None,
    max_tokens: options.MaxTokens = None,
    max_usd: options.MaxUsd = None,
    max_minutes: options.MaxMinutes = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the answers as a table, too: answers.csv or answers.parquet.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option("--log", help="Folder of the log of answers; by default RUN/surveys.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it may cost; ask nothing.")] = False,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Put a questionnaire to the personas of a run that was carried out; the run itself does not change.

    Answers are kept in a log of their own, which names the run's head: the same command again, or a killed one, pays for nothing
    twice. Without --questions nothing is asked: what the run's own surveys and earlier questionnaires collected is shown.
    """
    from analysis.studies.prereg.looks import look_at

    if not dry_run:
        look_at([run], "ask", look)
    if questions is None:
        if reader or persona or dry_run or remember:
            raise _no_questions()
        _show(run, log, out, as_json)
        return
    from contextlib import closing

    with stderr().status("reading the run"):
        from abm.llm.backends import Backends
        from abm.llm.budget import Bounds, Budget
        from abm.surveys import load_questionnaire
        from analysis.frames import check_target
        from learning.surveys import Whom, plan_after, who_answers

        questionnaire = load_questionnaire(questions)
        check_target(out)
        places = options.places(serving, llm)
        budget = Budget(Bounds(calls=max_calls, tokens=max_tokens, usd=max_usd, minutes=max_minutes))
        whom = Whom(_phase(phase), epoch, tuple(arm or ()), _share(share), tuple(persona or ()))
        who = who_answers(run, reader, places)
    with closing(Backends(places, budget=budget, **who.computing)) as backends:
        with stderr().status("planning"):
            model = who.digest(backends)
            plan = plan_after(
                run, questionnaire, (who.name, model), at=_moments(at), whom=whom, temperature=temperature,
                answer_tokens=answer_tokens, remember=remember, out=log,
            )  # fmt: skip
        for line in plan.told:
            stderr().print(line, markup=False, soft_wrap=True)
        if dry_run:
            _say_plan(plan, who, as_json)
            return
        asked = _carry_out(plan, who, backends, budget)
    _print(asked, log, out, as_json)


def _no_questions() -> Exception:
    from moloch.errors import InputError

    return InputError("nothing to ask", fix="Give --questions q.yaml; RUN alone shows what was answered so far.")


def _moments(at: str) -> tuple[Moment, ...]:
    from moloch.errors import InputError

    moments: dict[str, tuple[Moment, ...]] = {
        "after": ("after",), "before": ("before",), "before-after": ("before", "after"),
    }  # fmt: skip
    if at not in moments:
        raise InputError(f"no moment {at!r}", fix=f"Choose one of {', '.join(moments)}.")
    return moments[at]


def _phase(phase: str) -> Split:
    from moloch.errors import InputError

    if phase == "train" or phase == "evaluate":
        return phase
    raise InputError(f"no phase {phase!r}", fix="Choose train or evaluate.")


def _share(share: float) -> float:
    from moloch.errors import InputError

    if 0 < share <= 1:
        return share
    raise InputError(f"not a share: {share:g}", fix="Give a number above 0 and up to 1.")


def _say_plan(plan: AfterRun, who: WhoAnswers, as_json: bool) -> None:
    read, written = plan.tokens
    price = who.price.of(read, written) if who.price else None
    summary = {
        "run": str(plan.run.path), "log": str(plan.folder), "model": plan.model, "calls": plan.calls,
        "answered": plan.answered, "tokens_in": read, "most_tokens_out": written, "most_usd": price,
    }  # fmt: skip
    if as_json:
        print(json.dumps(summary))
        return
    people = len({each.persona for sitting in plan.sittings for each in sitting.respondents})
    line = (
        f"{plan.calls:,} calls to {plan.model}, {plan.answered:,} answered already: {people:,} personas, "
        f"{len(plan.questionnaire.questions)} questions, {len(plan.sittings)} times; about {read:,} tokens read, "
        f"at most {written:,} written"
        + (", price unknown" if price is None else f", at most ${price:,.2f}" if price else "")
    )
    printer().print(line, markup=False, highlight=False, soft_wrap=True)


def _carry_out(plan: AfterRun, who: WhoAnswers, backends: Backends, budget: Budget) -> AskedAfter:
    try:
        with counted("asking") as report:
            return plan.carry_out(lambda: who.open(backends), budget=budget, report=report)
    except KeyboardInterrupt:
        said = f"Stopped; every answer is safe in {plan.folder}. The same command resumes."
        stderr().print(said, markup=False, soft_wrap=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _print(asked: AskedAfter, log: Path | None, out: Path | None, as_json: bool) -> None:
    from analysis.readings.answers import read_answers

    reading = read_answers(asked.run, log)
    rows = [row for row in reading.result() if row.survey in asked.surveys]
    summary = {
        "run": str(asked.run), "log": str(asked.folder), "head": asked.head, "calls": asked.calls,
        "answers": asked.answers, "invalid": asked.invalid,
    }  # fmt: skip
    lines = [
        f"{asked.calls:,} calls now, {asked.answers:,} answers, {asked.invalid:,} of them invalid and in no share",
        *([f"table    {out}"] if out else []),
        f"answers  {asked.folder}",
        f"head     {asked.head}",
    ]
    _print_answers(asked.run, reading, rows, asked.notes, out, lines, summary if as_json else None)


def _show(run: Path, log: Path | None, out: Path | None, as_json: bool) -> None:
    """Show what was answered in the run and after it."""
    with stderr().status("reading the run"):
        from analysis.frames import check_target
        from analysis.readings.answers import read_answers
        from learning.surveys import ANSWERS, notes_on
        from moloch.errors import InputError

        check_target(out)
        reading = read_answers(run, log)
        rows = reading.result()
    if not rows:
        raise InputError(
            "no questions were asked in this run or after it",
            where=str(run),
            fix="Ask with --questions q.yaml; the setting surveys asks within a run.",
        )
    inside, invalid = sum(not row.head for row in rows), sum(not row.valid for row in rows)
    beside = len(rows) - inside
    notes = dict.fromkeys(note for row in rows for note in notes_on(row.model, row.played))
    lines = [
        f"{inside:,} answers in the run, {beside:,} after it, {invalid:,} of them invalid and in no share; nothing was asked now",
        *([f"table    {out}"] if out else []),
        *([f"answers  {log or run / ANSWERS}"] if beside else []),
    ]
    summary = {"run": str(run), "answers": len(rows), "in_run": inside, "after": beside, "invalid": invalid}
    _print_answers(run, reading, rows, list(notes), out, lines, summary if as_json else None)


def _print_answers(
    run: Path,
    reading: AnswersReading,
    rows: Sequence[AnswerRow],
    notes: Sequence[str],
    out: Path | None,
    lines: Sequence[str],
    summary: dict[str, Any] | None,
) -> None:
    """Write the frame, and print the tables with what limits them, or ``summary`` with both as JSON."""
    from analysis.frames import write_frame
    from analysis.readings.answers import answer_frame
    from analysis.statistics.estimates import plain
    from analysis.tables.answers import order_notes, question_rows
    from learning.surveys import attributes_of

    table = question_rows(rows, reading.questionnaires())
    notes = [*notes, *order_notes(table)]
    if out is not None:
        write_frame(answer_frame(rows, reading.traits(), attributes_of(run)), out)
    if summary is not None:
        more = {"notes": notes, "questions": [plain(row) for row in table], "out": str(out) if out else None}
        print(json.dumps(summary | more))
        return
    from analysis.terminal.answers import render_answers

    console = printer()
    show(render_answers(table))
    for note in notes:
        console.print(note, style="bold yellow", markup=False, highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
