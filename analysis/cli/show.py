"""``moloch show``: look into a run: its contests, one of them whole, or an event."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer


def show(
    run: options.RunOrCell,
    contest: Annotated[
        str | None, typer.Argument(help="A contest's id or its beginning; none lists the contests.")
    ] = None,
    members: Annotated[
        int | None,
        typer.Option(min=0, help="How many of a crowd that reacted at once; by default 100, and with --json all."),
    ] = None,
    event: Annotated[
        int | None, typer.Option(min=0, help="An event by its number (seq): as JSON, its causes, its hash.")
    ] = None,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Show a run's contests, or one: anchor, messages, each member's order, thought and vote, and the verdicts.

    With --event N, one event: what it says, which events led to it, and the hash of the commit that holds it.
    """
    from abm.log import read_events
    from analysis.readings.alarms import AlarmReading
    from analysis.readings.reading import result_of
    from analysis.studies.places import one_run
    from analysis.studies.prereg.looks import look_at
    from analysis.tables.contest import contest_dict, list_contests
    from analysis.terminal.contest import SHOWN, show_contest

    run = one_run(run)
    look_at([run], "show", look)
    if event is not None:
        _print_event(run, event, contest, as_json=as_json)
        return
    events = list(read_events(run))
    if as_json:
        print(json.dumps(contest_dict(events, contest, members) if contest else list_contests(events)))
        return
    console = printer()
    if contest:
        console.print(show_contest(events, contest, SHOWN if members is None else members))
        return
    rows = list_contests(events)
    for row in rows:
        console.print(f"{row['contest']}  {row['outcome']}  {row['votes']}", highlight=False, markup=False)
    for alarm in result_of(events, AlarmReading()):
        console.print(f"alarm  {alarm.text}", highlight=False, markup=False, soft_wrap=True)
    go_on = f"moloch show {shlex.quote(str(run))} CONTEST"
    console.print(f"\n{len(rows)} contests; {go_on} shows one whole", highlight=False, markup=False, soft_wrap=True)


def _print_event(run: Path, seq: int, contest: str | None, *, as_json: bool) -> None:
    from abm.log import open_log
    from analysis.tables.event import event_dict
    from analysis.terminal.event import event_lines
    from moloch.errors import InputError

    if contest is not None:
        raise InputError("a contest and an event were both named", fix="Leave out CONTEST, or --event.")
    shown = event_dict(open_log(run, write=False), seq)
    if as_json:
        print(json.dumps(shown))
        return
    console = printer()
    for line in event_lines(shown):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
