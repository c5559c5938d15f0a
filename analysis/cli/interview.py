"""``moloch interview``: a conversation with one persona of a run, kept beside the run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.cli import options
from analysis.cli.ask import AnswerTokens, Reader
from analysis.cli.console import say, stderr

if TYPE_CHECKING:
    from learning.surveys import Interview, Turn


def interview(
    run: options.RunOrCell,
    persona: Annotated[str, typer.Argument(help="An index, an id or a name.")],
    reader: Reader = None,
    epoch: Annotated[
        int | None, typer.Option(help="The phase that it remembers; by default the last one that it was in.")
    ] = None,
    arm: Annotated[str, typer.Option(help="It remembers this arm's society; by default the last one.")] = "",
    before: Annotated[bool, typer.Option("--before", help="It remembers nothing of the run.")] = False,
    question: Annotated[
        list[str] | None,
        typer.Option("--question", help="Ask this instead of reading questions from the keyboard; repeatable."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Temperature of the answers; by default the reader's.")
    ] = None,
    answer_tokens: AnswerTokens = 0,
    llm: Annotated[
        str | None, typer.Option(help="Where the model is served: transformers, vllm, or a server's URL.")
    ] = None,
    serving: Annotated[Path | None, typer.Option(help="YAML: where models are served, and their prices.")] = None,
    max_calls: options.MaxCalls = None,
    max_tokens: options.MaxTokens = None,
    max_usd: options.MaxUsd = None,
    log: Annotated[
        Path | None, typer.Option("--log", help="Folder of the log of conversations; by default RUN/interviews.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print earlier conversations; ask nothing.")] = False,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Talk with a persona of a run: a line is a question, an empty line or the end of input ends it.

    The conversation is kept in a log of its own, which names the run's head; the run itself does not change.
    """
    from analysis.studies.prereg.looks import look_at

    look_at([run], "interview", look)
    if show:
        _show(run, persona, log, as_json)
        return
    from contextlib import closing

    with stderr().status("reading the run"):
        from abm.llm.backends import Backends
        from abm.llm.budget import Bounds, Budget
        from learning.surveys import INTERVIEW_TOKENS, begin_interview, notes_on, who_answers

        places = options.places(serving, llm)
        talk = begin_interview(
            run, persona, epoch=epoch, arm=arm, before=before, folder=log, temperature=temperature,
            answer_tokens=answer_tokens or INTERVIEW_TOKENS,
        )  # fmt: skip
        who = who_answers(run, reader, places)
    budget = Budget(Bounds(calls=max_calls, tokens=max_tokens, usd=max_usd))
    with closing(Backends(places, budget=budget, **who.computing)) as backends:
        with stderr().status("loading the model"):
            model = who.open(backends)
        notes = notes_on(who.name, not talk.run.played)
        if not as_json:
            _introduce(talk, who.name, notes)
        for asked in question if question else _typed(as_json):
            with stderr().status("thinking"):
                turn = talk.ask(asked, model)
            if not as_json:
                _print(turn, talk.run.name(talk.persona), echo=bool(question))
    if as_json:
        from msgspec import to_builtins

        head = {
            "run": str(run),
            "persona": talk.persona,
            "name": talk.run.name(talk.persona),
            "model": who.name,
            "notes": notes,
        }
        print(json.dumps(head | {"log": str(talk.log), "turns": to_builtins(talk.turns)}))
    else:
        stderr().print(f"kept in {talk.log}" if talk.turns else "nothing was asked", markup=False, soft_wrap=True)


def _introduce(talk: Interview, model: str, notes: list[str]) -> None:
    remembers = (
        f"remembers {talk.place.phase} epoch {talk.place.epoch}, {talk.place.arm}"
        if talk.place.arm
        else "remembers nothing"
    )
    name = talk.run.name(talk.persona)
    stderr().print(f"{name} ({talk.persona}) {remembers}; {model} answers", markup=False, soft_wrap=True)
    for note in notes:
        stderr().print(note, style="bold yellow", markup=False, soft_wrap=True)


def _typed(quiet: bool) -> Iterator[str]:
    """Yield the questions that are typed, or come through a pipe."""
    prompt = "> " if sys.stdin.isatty() and not quiet else ""
    while True:
        if prompt:
            print(prompt, end="", flush=True)
        line = sys.stdin.readline()
        if not line.strip():
            return
        yield line


def _print(turn: Turn, name: str, *, echo: bool) -> None:
    answer = turn.answer if turn.valid else f"(no answer in words: {turn.finish})"
    say(*([f"> {turn.question}"] if echo else []), f"{name}: {answer}")


def _show(run: Path, persona: str, log: Path | None, as_json: bool) -> None:
    from msgspec import to_builtins

    from learning.surveys import SurveyedRun, conversations

    subject = SurveyedRun.read(run)
    index = subject.find(persona)
    held = [each for each in conversations(run, log) if each.opened.persona == index]
    if as_json:
        print(json.dumps({"run": str(run), "persona": index, "conversations": to_builtins(held)}))
        return
    for each in held:
        opened = each.opened
        place = (
            f"remembering {opened.phase} epoch {opened.epoch}, {opened.arm}" if opened.arm else "remembering nothing"
        )
        say(
            f"{opened.interview}   {place}; {opened.model} answers; at event {opened.events:,}, head {opened.head[:12]}"
        )
        for turn in each.said:
            said = turn.answer if turn.valid else "(no answer in words)"
            say(f"> {turn.question}", f"{subject.name(index)}: {said}")
    if not held:
        say(f"there is no conversation with {subject.name(index)} yet")
