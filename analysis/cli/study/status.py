"""``moloch study status``: how a study stands. It never shows effects."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import printer, say, show
from analysis.cli.heads import closing_lines
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from analysis.studies.record.status import StudyStatus

BEAT_S = 2.0
"""Seconds between two looks."""
PATIENCE_S = 4.0
"""Seconds that a look may spend on the ends of logs: about 300 of a usual run."""


def status(
    study: options.StudyOrPage,
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking until no cell is running or waiting.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="List every cell.")] = False,
    out: options.StudyFolder = None,
    as_json: options.Json = False,
) -> None:
    """Show how each cell stands, what was spent and how long it will take; never an effect.

    Exit code 3: cells have failed, or have ended and cannot be read. With --json and --watch, a line for each change.
    """
    from analysis.studies.record.cell_ends import DAMAGED, MISSING, CellEnds
    from analysis.studies.record.places import folder_of
    from analysis.studies.record.status import FollowedStudy

    folder, ends = folder_of(study, out), CellEnds(PATIENCE_S)
    followed = FollowedStudy(folder, damage=ends.damage)

    def look() -> StudyStatus:
        ends.again()
        return followed.look()

    try:
        now = _watch(look, everything, as_json) if watch else look()
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if not watch:
        if as_json:
            print(json.dumps(now.as_dict()))
        else:
            _print(now.as_dict(), everything)
            say(*closing_lines(folder))
    if now.states.keys() & {"failed", MISSING, DAMAGED}:
        raise typer.Exit(ExitCode.NOT_WHOLE)


def _watch(look: Callable[[], StudyStatus], everything: bool, as_json: bool) -> StudyStatus:
    """Show a study until it is over: in place in a terminal, else what changed, a line each."""
    if not as_json and printer().is_terminal:
        return _live(look, everything)
    from analysis.cli.progress import EVERY
    from analysis.terminal.study_status import headline, plain_lines

    before: dict[str, Any] | None = None
    said = time.monotonic()
    while True:
        now = look()
        told = now.as_dict()
        if as_json:
            if told != before:
                print(json.dumps(told), flush=True)
        else:
            for line in plain_lines(before, told):
                print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)
            if told["traffic_said"] and time.monotonic() - said >= EVERY:
                said = time.monotonic()
                print(f"{time.strftime('%H:%M:%S')} {headline(told)}: {told['traffic_said']}", flush=True)
        if now.over:
            return now
        before = told
        time.sleep(BEAT_S)


def _live(look: Callable[[], StudyStatus], everything: bool) -> StudyStatus:
    from rich.console import Group
    from rich.live import Live

    from analysis.terminal.study_status import render_status

    now = look()
    with Live(console=printer(), auto_refresh=False, transient=True) as live:
        while not now.over:
            live.update(Group(*render_status(now.as_dict(), everything)), refresh=True)
            time.sleep(BEAT_S)
            now = look()
    _print(now.as_dict(), everything)
    return now


def _print(told: Mapping[str, Any], everything: bool) -> None:
    from analysis.terminal.study_status import render_status

    show(render_status(told, everything))
