"""``moloch ui``: look at runs in a browser, while they are written or afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer, stderr
from analysis.ui.key import FIELD, VARIABLE, chosen_token, door

RUNS = Path("runs")
OPEN_TO_ALL = "Warning: --no-token: every user of this machine can read these runs"
SPENDS = ", and interview personas at your cost"


def ui(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN|STUDY]...", help="Folders of runs and studies; by default those in ./runs."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On this machine; 0 takes any that is free.")] = 8765,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the pages in the browser.")] = True,
    llm: Annotated[
        str,
        typer.Option(
            help="Where a model is served that plays personas you interview: http://host:8000/v1, transformers."
        ),
    ] = "",
    look: options.Look = False,
    token: Annotated[
        bool,
        typer.Option(
            "--token/--no-token",
            help="Pages open with the token in the printed address: a fresh one, or that of MOLOCH_UI_TOKEN.",
        ),
    ] = True,
) -> None:
    """Show runs in the browser: who saw what, what they chose, what was learnt, and what it cost.

    Pages are served to this machine only, from local files, to everybody who has the printed address; runs are read and
    never changed.
    """
    if llm:
        from abm.llm.backends import Serving

        if (unknown := Serving(llm=llm).unknown_backend) is not None:
            raise unknown
    run_paths = checked(runs or [])
    hidden = _hidden(run_paths, look)
    secret = chosen_token() if token else ""
    with stderr().status("loading"):
        from analysis.ui.server import serve
    if not token:
        stderr().print(OPEN_TO_ALL + (SPENDS if llm else ""), style="yellow", highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="moloch-ui-") as scratch:

        def ready(url: str) -> None:
            told = f"${VARIABLE}" if os.environ.get(VARIABLE) else secret
            shown = f"{url}?{FIELD}={told}" if token else url
            printer().print(f"Moloch UI   {shown}   Ctrl-C ends it", highlight=False, markup=False, soft_wrap=True)
            if browser:
                import webbrowser

                webbrowser.open(door(Path(scratch), f"{url}?{FIELD}={secret}").as_uri() if token else url)

        folder = None if run_paths else RUNS
        serve(run_paths, folder=folder, port=port, llm=llm, hidden=hidden, draw=_drawn, token=secret, ready=ready)


def _drawn(run: Path, name: str, form: str) -> bytes:
    """Return a figure of a run as ``csv`` or a drawing.

    Raises:
        InputError: there is no such figure of this run.
    """
    from analysis.figures import draw_all
    from moloch.errors import InputError

    (figure,) = draw_all(run, () if form == "csv" else (form,), names=(name,))
    if figure.left_out:
        raise InputError(f"no figure {name!r} of this run", why=figure.left_out)
    return figure.files[form]


def _hidden(given: list[Path], look: bool) -> Callable[[Path], bool]:
    """Return what tells which runs of ./runs are not shown: cells of preregistered studies that are not over, unless asked for.

    Raises:
        InputError: a run that was named is one of those, and no look was asked for.
    """
    from analysis.studies.prereg.looks import HiddenCells, look_at
    from analysis.ui.data.runs import find_runs

    if given or look:
        look_at(given or find_runs(RUNS), "ui", look)
        return lambda run: False
    hidden = HiddenCells()
    if left_out := sum(map(hidden, find_runs(RUNS))):
        said = f"{left_out:,} cells of preregistered studies are left out until their study is over; --look shows them"
        stderr().print(said, style="yellow", highlight=False, soft_wrap=True)
    return hidden


def checked(runs: list[Path]) -> list[Path]:
    """Return the runs, each of which exists.

    Raises:
        InputError: a folder is not a run; or no folder was given and ./runs holds no run.
    """
    from analysis.studies.layout import is_study
    from analysis.studies.places import one_run, runs_of
    from analysis.ui.data.runs import find_runs
    from moloch.errors import InputError

    run_paths: list[Path] = []
    for path in runs:
        path = one_run(path) if "#" in str(path) else path
        inside = [path] if (path / "run.json").is_file() else runs_of(path) if is_study(path) else find_runs(path)
        if not inside:
            why = "it has no run.json, and no folder in it has" if path.exists() else "there is nothing of that name"
            raise InputError("no run", where=str(path), why=why, fix="Give the folder that `moloch run` printed.")
        run_paths += inside
    if not runs and not find_runs(RUNS):
        raise InputError(
            "no runs", where=str(RUNS), why="there are none", fix="Make one with `moloch run`, or give a run's folder."
        )
    return run_paths
