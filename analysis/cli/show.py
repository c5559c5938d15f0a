"""``moloch show``: look into a run: its contests, one of them whole, or an event."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from analysis.cli import options
from analysis.cli.console import NARROWEST, printer, say, terminal_width
from analysis.cli.console import show as print_parts
from analysis.cli.heads import closing_lines
from analysis.cli.option_groups import grouped

if TYPE_CHECKING:
    from analysis.tables.contest_list import ContestFilter, Order


@dataclass(frozen=True)
class Listed:
    """Which contests are listed, as options."""

    arm: Annotated[str | None, typer.Option(help="Only contests of this arm.")] = None
    phase: Annotated[str | None, typer.Option(help="train, evaluate or elsewhere.")] = None
    epoch: Annotated[int | None, typer.Option(min=1, help="Only contests of this epoch.")] = None
    misbehaved: Annotated[
        bool, typer.Option("--misbehaved", help="Only those in which a probe of strategy found something; show what.")
    ] = False
    probe: Annotated[str | None, typer.Option(help="Only those in which this probe found something; show what.")] = None
    find: Annotated[str | None, typer.Option(help="Only those whose subject or id holds this text.")] = None
    by: Annotated[str, typer.Option(help="Order: log, newest, votes (most for a message), reach (most members).")] = (
        "log"
    )
    most: Annotated[int | None, typer.Option(min=1, help="How many to list at most.")] = None

    @property
    def given(self) -> str:
        """The first of these options that was given; empty for none."""
        options = {field.name: getattr(self, field.name) for field in fields(self)}
        return next((f"--{name}" for name, value in options.items() if value and (name, value) != ("by", "log")), "")

    def which(self) -> ContestFilter:
        """Return the filter.

        Raises:
            InputError: there is no such order.
        """
        from abm.probe import kind_of
        from analysis.tables.contest_list import ORDERS, ContestFilter
        from moloch.errors import InputError

        if self.by not in ORDERS:
            raise InputError(f"no order {self.by!r} of contests", fix=f"Choose among {', '.join(ORDERS)}.")
        if self.misbehaved and self.probe and kind_of(self.probe) != "strategy":
            why = "it finds failures of skill, which are not misbehaviour"
            raise InputError(f"--misbehaved leaves out what {self.probe} finds", why=why, fix="Leave out --misbehaved.")
        return ContestFilter(
            self.arm or "",
            self.phase or "",
            self.epoch or 0,
            self.misbehaved,
            self.probe or "",
            self.find or "",
            cast("Order", self.by),
        )


@grouped
def show(
    run: options.RunOrCell,
    listed: Listed,
    contest: Annotated[
        str | None, typer.Argument(help="A contest's id or its beginning; none lists the contests.")
    ] = None,
    members: Annotated[
        int | None,
        typer.Option(min=0, help="How many members of a crowd to show; by default 100, and with --json all."),
    ] = None,
    event: Annotated[
        int | None, typer.Option(min=0, help="An event by its number (seq): as JSON, its causes, its hash.")
    ] = None,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Look into a run: its contests, one of them whole, or an event.

    A contest: anchor, messages, each member's order, thought and vote, and the verdicts. With --event N, one event: what it says, which events led to it, and the hash of the commit that holds it.

    The messages that misled most people: moloch show RUN --misbehaved --by reach
    """
    from analysis.cli.places import began
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.places import one_run
    from moloch.errors import InputError

    run, which = one_run(run), listed.which()
    began(run)
    look_at([run], "show", look)
    if event is not None and contest is not None:
        raise InputError("a contest and an event were both named", fix="Leave out CONTEST, or --event.")
    if listed.given and (contest or event) is not None:
        one = "a contest" if contest is not None else "an event"
        raise InputError(f"{one} was named, and {listed.given} is for the list", fix="Leave one of them out.")
    if members is not None and contest is None:
        raise InputError("--members is for one contest", fix=f"Name it: moloch show {run} CONTEST --members {members}.")
    if event is not None:
        _print_event(run, event, as_json=as_json)
    elif contest is not None:
        _print_contest(run, contest, members, as_json=as_json)
    else:
        _print_list(run, which, listed.most, as_json=as_json)


def _print_list(run: Path, which: ContestFilter, most: int | None, *, as_json: bool) -> None:
    from abm.log import read_events
    from analysis.formats import count
    from analysis.readings.alarms import AlarmReading
    from analysis.readings.reading import result_of
    from analysis.tables.contest_list import chosen, list_contests
    from analysis.terminal.contest_list import contest_lines

    every = list_contests(read_events(run))
    rows = chosen(every, which)
    if as_json:
        print(json.dumps(rows[:most]))
        return
    console, ids = printer(), [row["contest"] for row in every]
    for line in contest_lines(rows[:most], which, max(terminal_width(), NARROWEST), ids):
        console.print(line, soft_wrap=True)
    said = count(len(every), "contest")
    said = said if len(rows) == len(every) else f"{len(rows):,} of {said}"
    lines = [f"alarm  {alarm.text}" for alarm in result_of(read_events(run), AlarmReading())]
    lines += ["", f"{said}, {most:,} shown" if most is not None and most < len(rows) else said]
    lines += [f"{'one':8}moloch show {shlex.quote(str(run))} CONTEST", *closing_lines(run)]
    for text in lines:
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def _print_contest(run: Path, contest: str, members: int | None, *, as_json: bool) -> None:
    from abm.log import read_events
    from analysis.tables.contest import contest_dict
    from analysis.terminal.contest import SHOWN, show_contest

    events = list(read_events(run))
    if as_json:
        print(json.dumps(contest_dict(events, contest, members)))
        return
    print_parts([show_contest(events, contest, SHOWN if members is None else members)])
    say("", *closing_lines(run))


def _print_event(run: Path, seq: int, *, as_json: bool) -> None:
    from abm.log import open_log
    from analysis.tables.event import event_dict
    from analysis.terminal.event import event_lines

    shown = event_dict(open_log(run, write=False), seq)
    if as_json:
        print(json.dumps(shown))
        return
    console = printer()
    for line in (*event_lines(shown), *closing_lines(run)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
