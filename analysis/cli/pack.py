"""``moloch pack`` and ``moloch unpack``: a run or a study as one file, and back."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer, stderr

if TYPE_CHECKING:
    from analysis.packs import Contents, PackedRun


def pack(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN|STUDY", help="The folder of a run or of a study, or STUDY#CELL.")
    ],
    out: Annotated[Path, typer.Argument(help="The file to write, such as run.zip.")],
    logs: Annotated[
        bool,
        typer.Option("--logs/--no-logs", help="With the logs of a study's runs, or only what was computed from them."),
    ] = True,
    adapters: Annotated[bool, typer.Option("--adapters", help="With the adapters that were learnt.")] = False,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Put a run or a study into one file for another machine.

    It can be verified, shown, replayed and resumed there: moloch unpack. A fork comes with what it shares with other runs; files that the settings name come as the run kept them.
    """
    from analysis.packs import pack as write
    from analysis.studies.record.places import one_run

    folder = one_run(folder) if "#" in folder.name else folder
    with stderr().status("packing"):
        contents = write(folder, out, logs=logs, adapters=adapters, look=look)
    if as_json:
        print(json.dumps(_as_dict(contents) | {"pack": str(out), "bytes": out.stat().st_size}))
        return
    _say(f"{out}   {out.stat().st_size:,} bytes: {_told(contents)}")
    _say_runs(contents)
    if inputs := sorted({file.name for file in contents.files if "/inputs/" in f"/{file.name}"}):
        files = "a file" if len(inputs) == 1 else f"{len(inputs)} files"
        _say(f"with    {files} of your own ({inputs[0].rpartition('/')[2]}): see that you may pass {_them(inputs)} on")
    _say(f"next    moloch unpack {shlex.quote(str(out))}")


def unpack(
    file: Annotated[Path, typer.Argument(help="A file that moloch pack wrote.")],
    out: Annotated[
        Path | None, typer.Option(help="A new folder; by default the file's name without its ending.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Verify everything, and leave nothing behind.")] = False,
    as_json: options.Json = False,
) -> None:
    """Unpack a run or a study, and verify every file and every log of it."""
    import tempfile

    from analysis.packs import unpack as read

    with stderr().status("verifying"):
        if check:
            with tempfile.TemporaryDirectory() as scratch:
                contents = read(file, Path(scratch) / "pack")
            folder = None
        else:
            folder = out or file.with_suffix("")
            contents = read(file, folder)
    if as_json:
        print(
            json.dumps(
                _as_dict(contents) | {"pack": str(file), "out": str(folder) if folder else None, "verified": True}
            )
        )
        return
    _say(f"{folder or file}   verified: {_told(contents)}")
    _say_runs(contents)
    if modules := sorted({module for run in contents.runs for module in run.extensions}):
        _say(f"needs   {', '.join(modules)}: modules that are not in the pack; without them nothing is decided again")
    if folder is not None:
        main = shlex.quote(str(folder / contents.main))
        commands = ["show", "replay --verify"] if contents.kind == "run" else ["study status", "study results"]
        if contents.kind == "run" and not contents.runs[0].ended:
            commands.append("resume")
        for command in commands:
            verb, _, option = command.partition(" --")
            _say(f"next    moloch {verb} {main}" + (f" --{option}" if option else ""))


def _told(contents: Contents) -> str:
    own = [run for run in contents.runs if not run.shared]
    runs = "the run" if contents.kind == "run" else f"a study with {len(own)} run{'' if len(own) == 1 else 's'}"
    without = f", without {' and '.join(contents.left_out)}" if contents.left_out else ""
    return f"{runs}, {len(contents.files)} files, {contents.nbytes:,} bytes{without}"


def _them(things: Sequence[str]) -> str:
    return "it" if len(things) == 1 else "them"


def _say_runs(contents: Contents) -> None:
    for run in contents.runs[:5]:
        _say(f"run     {_run(run)}")
        _say(f"head    {run.head}")
    if (more := len(contents.runs) - 5) > 0:
        _say(f"        and {more} more: --json has them all")


def _run(run: PackedRun) -> str:
    name = run.cell or run.folder
    if run.shared:
        return f"{name}: the first {run.events:,} events, which a fork shares"
    return f"{name}: {run.events:,} events{'' if run.ended else ', not ended'}"


def _as_dict(contents: Contents) -> dict[str, object]:
    from msgspec import to_builtins

    return to_builtins(contents)


def _say(line: str) -> None:
    printer().print(line, markup=False, highlight=False, soft_wrap=True)
