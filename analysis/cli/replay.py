"""``moloch replay``: fold a run's log again, decide the run again, and hold both against the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import say
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from abm.journal import Replayed
    from learning.runs.redecide import Divergence, Redecided


def replay(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|STUDY",
            help="The folder of a run, STUDY#CELL, or a study: all its cells.",
            callback=options.place,
        ),
    ],
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Check hash chain, states, digest and adapters, and decide everything again from the recorded answers.",
        ),
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the model again; report the first event that differs.")
    ] = False,
    retrain: Annotated[bool, typer.Option("--retrain", help="With --live: learn the adapters again, too.")] = False,
    llm: options.Llm = None,
    reader: options.Reader = None,
    extensions: options.Extensions = None,
    as_json: options.Json = False,
) -> None:
    """Replay a run from its log; no model is asked.

    Without options every event is applied as it was live. Exit code 4: the program's decisions differ from those in the log. With --verify also 2: nothing could be decided again,
    and 3: the log ends within a commit, or holds no events.
    """
    import json

    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import runs_of
    from moloch.errors import InputError, MolochError

    if (llm or reader) and not live:
        option = "--llm" if llm else "--reader"
        raise InputError(f"{option} has no effect here", why="only a live replay asks a model", fix="Give --live, too.")
    if retrain and not live:
        raise InputError("--retrain is part of a live replay", fix="Give --live --retrain.")
    decides = verify or live
    if extensions and not decides:
        raise InputError(
            "--extensions has no effect here",
            why="a replay without --verify applies events and decides nothing",
            fix="Give --verify, too.",
        )
    again = {"live": live, "retrain": retrain, "llm": llm, "reader": reader, "extensions": extensions or []}
    told, codes = [], []
    for each in runs_of(run):
        try:
            facts, code = _replayed(each, verify, decides, as_json, again)
        except MolochError as error:
            if not is_study(run):
                raise
            facts, code = {"run": str(each), "error": str(error)}, error.exit_code  # the others may be right
            if not as_json:
                say(str(error))
        told.append(facts)
        codes.append(code)
    if as_json:
        print(json.dumps({"study": str(run), "runs": told} if is_study(run) else told[0]))
    elif is_study(run):
        say(f"{run}: {len(codes):,} cells, {codes.count(0):,} of them {'verified' if verify else 'replayed'}")
    if code := max(codes, default=0):
        raise typer.Exit(code)


def _replayed(
    run: Path, verify: bool, decides: bool, as_json: bool, again: dict[str, Any]
) -> tuple[dict[str, Any], int]:
    """Replay one run and say what came of it; return that, and the exit code."""
    from abm.journal import replay as replay_log
    from abm.log.about import standing

    fold = replay_log(run, verify=decides)
    if not as_json:
        _print_fold(run, fold)
    not_whole = standing(run).why_not_whole if verify else ""
    decided, why_not = _decide_again(run, **again) if decides else (None, "")
    if not as_json:
        if decided is not None:
            _print_decided(decided, fold)
        for what, why in {"not decided again": why_not, "not whole": not_whole}.items():
            if why:
                print(f"{what}: {why}")
    facts = fold.as_dict() | {"decided_again": decided.as_dict() if decided else None}
    facts |= {"not_decided_again": why_not, "not_whole": not_whole}
    if decided is not None and decided.divergence is not None:
        return facts, ExitCode.DIFFERS
    if why_not or not_whole:
        return facts, ExitCode.NOT_WHOLE if not_whole else ExitCode.INPUT
    if verify and not as_json:
        print("verified")
    return facts, 0


def _decide_again(
    run: Path, *, live: bool, retrain: bool, llm: str | None, reader: str | None, extensions: list[str]
) -> tuple[Redecided | None, str]:
    """Return what deciding again found; or nothing and why, if no run decided this log.

    Raises:
        InputError: a part of the run is not known here: its decisions are then not verified.
    """
    from analysis.cli.console import stderr
    from analysis.cli.progress import progress

    with stderr().status("loading"):
        from abm.llm.backends import Serving
        from abm.log import open_log
        from learning.runs.parts import NoPlan, recorded_config
        from learning.runs.readers import served_again
        from learning.runs.redecide import replay_live, replay_recorded

        serving = served_again(reader, recorded_config(open_log(run, write=False))) if reader else Serving()
    serving = serving.model_copy(update={"llm": llm}) if llm else serving
    with progress("again: ") as report:
        if live:
            return replay_live(run, serving=serving, retrain=retrain, extensions=extensions, report=report), ""
        try:
            return replay_recorded(run, extensions=extensions, report=report), ""
        except NoPlan as error:  # the log is whole all the same
            return None, str(error)


def _print_fold(run: Path, found: Replayed) -> None:
    print(f"{run}: {found.events:,} events, {found.steps} steps in {found.seconds:.1f} s")
    print(f"head    {found.head}")
    print(f"digest  {found.digest}")
    if found.verified:
        ended = "equals the digest the run ended with" if found.ended else "the run has not ended yet"
        print(f"log     hash chain whole, {found.steps} of {found.steps} state hashes reproduced, {ended}")
        if found.adapters_told:
            print(found.adapters_told)


def _print_decided(decided: Redecided, found: Replayed) -> None:
    shared = f"; {decided.shared:,} before the fork are its parent's" if decided.shared else ""
    answers = "answers asked again" if decided.live else "answers as recorded"
    counts = f"{decided.equal:,} events equal ({decided.answers:,} {answers}, {decided.trainings} trainings){shared}"
    if decided.divergence is not None:
        print(f"decided again: {counts}, then a different decision")
        _print_divergence(decided.divergence)
        return
    end = "the whole plan" if decided.complete else "as far as the log goes"
    print(f"decided again: {end}, {counts}, in {decided.seconds:.1f} s")
    for older in decided.as_logged:
        print(
            f"as logged      {older.verdicts:,} verdicts of {older.probe}, by its version {older.logged}; version {older.now},"
            f" which is installed here, judges {older.otherwise:,} of them differently"
        )


def _print_divergence(divergence: Divergence) -> None:
    where = f" ({divergence.place})" if divergence.place else ""
    say(f"\nfirst divergence: event {divergence.seq:,}, step {divergence.step}{where}")
    if divergence.logged != divergence.now:
        say(f"  logged  {divergence.logged}", f"  now     {divergence.now}")
    else:
        say(f"  type    {divergence.logged}")
    if divergence.prompts_equal is not None:
        say(f"  prompt  {'the same' if divergence.prompts_equal else 'another one'}")
    for field in divergence.fields:
        say(f"  {field.field}\n    logged  {field.left}\n    now     {field.right}")
