"""``moloch pack`` and ``moloch unpack``: a run or a study as one file, and back; or as a folder of pages that opens from disk."""

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

SITE_MB = 24
"""Megabytes of a site by default, about; many mail servers take less than 25, and a zip is several times smaller."""


def pack(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN|STUDY", help="The folder of a run or of a study, or STUDY#CELL.")
    ],
    out: Annotated[Path | None, typer.Argument(help="The file to write, such as run.zip.", show_default=False)] = None,
    site: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Instead, a folder of pages that opens from disk, without a server."),
    ] = None,
    site_mb: Annotated[
        int | None,
        typer.Option(
            min=1, help=f"About how many megabytes such pages may take; {SITE_MB} by default.", show_default=False
        ),
    ] = None,
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
    With --site, the result, contests, the graph over time and the other main pages as HTML, to read, to zip and to mail.
    """
    from analysis.cli.places import named_place
    from analysis.packs import pack as write
    from analysis.studies.record.places import one_run

    _check_options(out, site, site_mb, logs=logs, adapters=adapters)
    folder = named_place(folder)
    folder = one_run(folder) if "#" in folder.name else folder
    if site is not None:
        _site(folder, site, site_mb or SITE_MB, look=look, as_json=as_json)
        return
    assert out is not None
    with stderr().status("packing"):
        contents = write(folder, out, logs=logs, adapters=adapters, look=look)
    if as_json:
        print(json.dumps(_as_dict(contents) | {"pack": str(out), "bytes": out.stat().st_size}))
        return
    _say(f"{out}   {out.stat().st_size:,} bytes: {_told(contents)}")
    _say_runs(contents)
    if inputs := sorted({file.name for file in contents.files if "/inputs/" in f"/{file.name}"}):
        files = "a file" if len(inputs) == 1 else f"{len(inputs)} files"
        _say(
            f"with    {files} of your own ({inputs[0].rpartition('/')[2]}): check that you may pass {_them(inputs)} on"
        )
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
        commands = (
            ["results", "show", "ui", "replay --verify"]
            if contents.kind == "run"
            else ["results", "study status", "ui", "replay --verify"]
        )
        if contents.kind == "run" and not contents.runs[0].ended:
            commands.append("resume")
        for command in commands:
            verb, _, option = command.partition(" --")
            _say(f"next    moloch {verb} {main}" + (f" --{option}" if option else ""))


def _check_options(out: Path | None, site: Path | None, site_mb: int | None, *, logs: bool, adapters: bool) -> None:
    """Check that a file or a site is asked for, and not both.

    Raises:
        InputError: it is not so, or an option belongs to the other.
    """
    from moloch.errors import InputError

    if (out is None) == (site is None):
        why = "neither a file nor --site was given" if out is None else f"{out} is one, and --site asks for a folder"
        fix = "moloch pack RUN run.zip packs the data; moloch pack RUN --site FOLDER makes pages to read."
        raise InputError("pack into a file or a site", where="OUT", why=why, fix=fix)
    if site is None and site_mb is not None:
        raise InputError("no site was asked for", where="--site-mb", fix="Give --site FOLDER, too.")
    if site is not None and (adapters or not logs):
        option = "--adapters" if adapters else "--no-logs"
        raise InputError("a site holds neither logs nor adapters", where=option, fix="Leave it out.")


def _site(folder: Path, target: Path, most_mb: int, *, look: bool, as_json: bool) -> None:
    """Write a site and say what was written."""
    from msgspec import to_builtins

    from analysis.site import write_site

    with stderr().status("making pages"):
        made = write_site(folder, target, most_mb=most_mb, look=look)
    if as_json:
        print(json.dumps(to_builtins(made)))
        return
    _say(f"{target}   {made.files:,} files, {made.bytes:,} bytes: the pages of the {made.kind} {made.name}")
    _say(f"head    {made.head}")
    for line in made.left_out:
        _say(f"note    {line}")
    _say(f"next    open {shlex.quote(str(target / 'index.html'))} in a browser")


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
