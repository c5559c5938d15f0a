"""``moloch log``: look after a run's event log: check it, look at it, follow it, take it elsewhere, fix it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import printer, stderr
from moloch.errors import InputError
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from abm.log.about import Standing

app = typer.Typer(
    name="log", help="Check, show, follow, export, upload or repair a run's event log.", no_args_is_help=True
)

KINDS = ("parquet", "csv", "hf", "eval", "tensorboard", "frames", "frames-csv")
"""What a log can be exported as."""

Run = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="The run's folder, or STUDY#CELL; a study's folder stands for its own log.",
        callback=options.place,
    ),
]


@app.command()
def verify(run: Run, as_json: options.Json = False) -> None:
    """Check every byte of the log against its hash chain, say how it ends, and check each adapter that is there against it.

    Of a study, its own log and those of all cells that have begun. Exit code 3: bytes contradict the chain, the log ends within a
    commit that nobody is writing, or it holds no events.
    """
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import log_of, runs_of
    from moloch.errors import LogError

    if not is_study(run):
        told = [_verified(log_of(run), as_json)]
    else:
        told = []
        for each in (log_of(run), *runs_of(run)):
            try:
                told.append(_verified(each, as_json))
            except LogError as error:  # the others may be whole
                told.append({"run": str(each), "whole": False, "error": str(error)})
                if not as_json:
                    _say(str(error))
    if as_json:
        print(json.dumps({"study": str(run), "logs": told} if is_study(run) else told[0]))
    if not all(each["whole"] for each in told):
        raise typer.Exit(ExitCode.NOT_WHOLE)


def _verified(run: Path, as_json: bool) -> dict[str, Any]:
    """Check one log; say what it holds unless it is asked for as JSON, and return that."""
    from abm.events import AdapterTrained
    from abm.journal import AdaptersHeld
    from abm.log import verify as check
    from abm.log.about import about, standing
    from analysis.studies.record.layout import is_study

    total = about(run).nbytes
    done, adapters = 0, AdaptersHeld(run)
    with _bar("verifying", total) as advance:

        def progress(block: Any) -> None:
            nonlocal done
            done += block.end - block.start
            advance(done)
            if b'"adapter_trained"' in block.text:  # hardly any has one: no other is decoded
                for event in block.events({AdapterTrained}):
                    adapters.look(event)

        head = check(run, progress=progress)
    end = standing(run)
    whole = not end.why_not_whole
    if not as_json:
        verdict = "whole" if whole else f"not whole: {end.why_not_whole}"
        _say(f"{run}: {verdict}; {head.seq:,} events, {total:,} bytes", f"head    {head.hash}")
        ends = end.ended or is_study(run.parent)  # a study's own log never does: it may be extended
        _say("" if ends else f"ended   {_not_yet(end)}", str(adapters))
    facts = {"run": str(run), "events": head.seq, "head": head.hash, "bytes": total, "whole": whole}
    facts |= {name: getattr(end, name) for name in ("ended", "incomplete_bytes", "being_written")}
    return facts | {"adapters": adapters.checked, "adapters_missing": adapters.missing}


def _not_yet(end: Standing) -> str:
    if end.being_written:
        return "no; a commit is being written now"
    return "no; the same command resumes it from here, and sets an incomplete commit aside"


@app.command()
def info(run: Run, as_json: options.Json = False) -> None:
    """Show what a log holds: events by type, segments, lineage, what was set aside."""
    from abm.log.about import about, count_types
    from analysis.studies.record.places import log_of

    run = log_of(run)
    facts = about(run)
    with stderr().status("counting events"):
        types = count_types(run)
    if as_json:
        print(json.dumps(facts.as_dict() | {"types": types}))
        return
    from rich.table import Column, Table

    console, sealed = printer(), max(facts.segments - 1, 0)  # the UI keeps a projection of the last one as well
    _say(f"run       {run}", f"events    {facts.events:,}", f"head      {facts.head}")
    for i, fork in enumerate(facts.lineage):
        _say(
            f"{'forked    from ' if i == 0 else '          from '}{fork['run']} at event {fork['seq']:,} ({fork['hash'][:12]})"
        )
    _say(
        f"segments  {facts.segments}, {facts.nbytes:,} bytes"
        + (f", {facts.nbytes / facts.own_events:.1f} per event" if facts.own_events else ""),
        f"parquet   {min(facts.projections, sealed)} of {sealed} sealed segments",
        f"snapshots {facts.snapshots}",
    )
    if facts.quarantine:
        _say(f"set aside {', '.join(facts.quarantine)} (in {run / 'quarantine'})")
    table = Table("type", Column("events", justify="right"), box=None)
    for kind, count in types.items():
        table.add_row(kind, f"{count:,}")
    console.print(table)


@app.command()
def tail(
    run: Run,
    *,
    look: options.Look = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing as the run is written, until it has ended or Ctrl-C.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Events to show first.")] = 10,
) -> None:
    """Print the log's last events as JSON Lines, one event each."""
    from abm.log import open_log
    from moloch.content import canonical

    run = _seen(run, "log tail", look)
    log = open_log(run, write=False)
    start = max(0, log.head().seq - lines)
    events = log.follow(start) if follow else log.read(start)
    try:
        for event in events:
            sys.stdout.buffer.write(canonical(event) + b"\n")  # bytes: JSON is UTF-8, whatever the terminal is
            if follow:
                sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
def export(
    run: Run,
    kind: Annotated[
        str,
        typer.Argument(
            help="parquet, csv, hf (a folder for datasets.load_dataset), eval (a file for Inspect), tensorboard, or frames, frames-csv: "
            "contests, votes, messages, ... of a run or of a whole study, and what their columns mean."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="A new or empty folder; for eval, a new file.")],
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Write the events as tables, one per event type; or frames; or messages and verdicts for Inspect; or measures for TensorBoard."""
    from abm.log.export import export as write

    if kind not in KINDS:
        raise InputError(f"no export of kind {kind!r}", fix=f"Give one of {', '.join(KINDS)}.")
    if kind in ("frames", "frames-csv"):
        _export_frames(run, out, ".csv" if kind == "frames-csv" else ".parquet", look, as_json)
        return
    run = _seen(run, "log export", look)
    if kind == "eval":
        from analysis.inspect_log import export_inspect

        samples = export_inspect(run, out)
        told = {"run": str(run), "out": str(out), "samples": samples}
        print(json.dumps(told)) if as_json else _say(
            f"{out}: {samples:,} messages; inspect view --log-dir {out.parent}"
        )
        return
    if kind == "tensorboard":
        from analysis.tensorboard_log import export_tensorboard

        points = export_tensorboard(run, out)
        told = {"run": str(run), "out": str(out), "points": points}
        print(json.dumps(told)) if as_json else _say(f"{out}: {points:,} points; tensorboard --logdir {out}")
        return
    with _bar("exporting", None) as advance:
        write(run, kind, out, progress=lambda done, total: advance(done, total))
    _say_files(run, out, as_json)


def _seen(run: Path, door: str, look: bool) -> Path:
    """Return the log that a path names, whose events may be seen: a study's own holds no effects."""
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import log_of

    log = log_of(run)
    if not is_study(run):
        look_at([log], door, look)
    return log


def _export_frames(path: Path, out: Path, suffix: str, look: bool, as_json: bool) -> None:
    from analysis.frames import export_all
    from analysis.studies.frames.study_frames import all_frames
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import one_run

    path = path if is_study(path) else one_run(path)
    look_at([path], "log export", look)
    with stderr().status("exporting"):
        export_all(all_frames(path), out, suffix)
    _say_files(path, out, as_json)


def _say_files(run: Path, out: Path, as_json: bool) -> None:
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    print(json.dumps({"run": str(run), "out": str(out), "files": files})) if as_json else _say(
        f"{out}: {len(files)} files"
    )


@app.command()
def repair(
    run: Run,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this option, only show what would be done.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Cut a damaged log before its first bad place; everything from there on is set aside, not thrown away.

    Answers of models behind that place are kept: a resumed run asks for none of them again. A study's own log is written again
    from its commits, which are also files, and loses nothing.
    """
    from abm.log.commit_files import CommitFiles
    from abm.log.recovery import answers_behind, find_damage
    from abm.log.recovery import repair as cut
    from analysis.studies.record.places import log_of

    run = log_of(run)
    damage = find_damage(run)
    if damage is None or not damage.why:
        report = {"run": str(run), "damaged": False}
        incomplete = "; it ends within a commit, which the run sets aside when it resumes" if damage else ""
        print(json.dumps(report)) if as_json else _say(f"{run}: nothing to repair{incomplete}")
        return
    lost = damage.segment.path.stat().st_size - damage.at + sum(s.path.stat().st_size for s in damage.after)
    restored = CommitFiles(run).after(*damage.head) is not None
    report = {
        "run": str(run),
        "damaged": True,
        "restored": restored,
        "file": str(damage.segment.path),
        "byte": damage.at,
        "why": damage.why,
        "kept_events": damage.head.seq,
        "set_aside_bytes": lost,
        "kept_answers": len(answers_behind(damage)),
        "repaired": yes,
    }
    if yes and (done := cut(run)) is not None:
        report["kept_answers"] = done.answered
    if as_json:
        print(json.dumps(report))
        return
    if restored:
        _say(
            f"damage    {damage.segment.path}, byte {damage.at}: {damage.why}",
            f"{'set aside' if yes else 'would go '} {lost:,} bytes to {run / 'quarantine'}",
            f"{'kept' if yes else 'to keep':9} all events: they are in {run / 'commits'}, and are written again from there",
            "" if yes else f"\nTo do it: moloch log repair {shlex.quote(str(run))} --yes",
        )
        return
    _say(
        f"damage    {damage.segment.path}, byte {damage.at}: {damage.why}",
        f"kept      the {damage.head.seq:,} events before it",
        f"{'set aside' if yes else 'would go '} {lost:,} bytes to {run / 'quarantine'}, events in them with it",
        f"{'kept' if yes else 'to keep':9} {report['kept_answers']:,} answers of models behind the damage: a resumed run asks for none of them again",
        "" if yes else f"\nA copy of the run is better. Without one: moloch log repair {shlex.quote(str(run))} --yes",
    )


@app.command()
def upload(
    run: Run,
    url: Annotated[str, typer.Argument(help="s3://bucket/folder, gs://..., az://..., or file:///folder.")],
    as_json: options.Json = False,
) -> None:
    """Copy sealed segments to object storage; existing objects are never overwritten. Run it again to resume."""
    from abm.log.store import upload as put
    from analysis.studies.record.places import log_of

    run = log_of(run)
    with stderr().status(f"uploading to {url}"):
        done = put(run, url)
    print(json.dumps({"run": str(run), "url": url} | done.as_dict())) if as_json else _say(
        f"{url}: {len(done.put)} files put, {len(done.there)} were there"
    )


@contextmanager
def _bar(doing: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Show a bar on stderr; yield the function that moves it: ``advance(done, total=None)``."""
    from rich.progress import Progress

    console = stderr()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=total)

        def advance(done: int, total: int | None = None) -> None:
            if total is not None:
                bar.update(task, total=total)
            bar.update(task, completed=done)

        yield advance


def _say(*lines: str) -> None:
    for line in lines:
        if line:
            printer().print(line, markup=False, highlight=False, soft_wrap=True)
