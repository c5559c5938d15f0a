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
STARTS = "Starting the pages: a few seconds, more on a busy machine"
SPENDS = ", and interview personas at your cost"


def ui(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN|STUDY]...", help="Folders of runs and studies; by default those in ./runs."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes any free one.")] = 8765,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the pages in the browser.")] = True,
    llm: Annotated[
        str,
        typer.Option(help="Where the model for interviews is served: http://host:8000/v1, transformers."),
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
    """Show runs and studies in the browser.

    Who saw what, what they chose, what was learnt, and what it cost.

    Pages are served to this machine only, from local files, to anyone who has the printed address; runs are read and
    never changed.
    """
    if llm:
        from abm.llm.backends import Serving

        if (unknown := Serving(llm=llm).unknown_backend) is not None:
            raise unknown
    run_paths, folders = checked(runs or [])
    stderr().print(STARTS, highlight=False, soft_wrap=True)  # before what takes its time is imported
    begins = first_page(runs or [], run_paths, folders)
    hidden = _hidden(run_paths, folders, look)
    secret = chosen_token() if token else ""
    from analysis.ui.server import serve

    if not token:
        stderr().print(OPEN_TO_ALL + (SPENDS if llm else ""), style="yellow", highlight=False, soft_wrap=True)
    with (
        tempfile.TemporaryDirectory(prefix="moloch-ui-") as scratch,
        stderr().status("starting the server") as waiting,
    ):

        def ready(url: str) -> None:
            waiting.stop()
            told = f"${VARIABLE}" if os.environ.get(VARIABLE) else secret
            shown = _address(url, told if token else "", begins)
            printer().print(f"Moloch UI   {shown}   Ctrl-C ends it", highlight=False, markup=False, soft_wrap=True)
            if browser:
                import webbrowser

                there = _address(url, secret, begins)
                webbrowser.open(door(Path(scratch), there).as_uri() if token else there)

        serve(run_paths, folders=folders, port=port, llm=llm, hidden=hidden, draw=_drawn, token=secret, ready=ready)


def first_page(given: list[Path], runs: list[Path], folders: list[Path]) -> str:
    """Return what the address says after ``?`` where the pages open: one run or study that was named, or nothing for the list.

    Args:
        given: what was named; ``runs`` and ``folders`` as :func:`checked` returns them.
    """
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import only_inside
    from analysis.ui.address import PageAddress
    from analysis.ui.data.runs import find_studies, keys

    if len(given) != 1:
        return ""
    if folders and (only := only_inside(folders[0])) is not None:
        return first_page([only], *checked([only]))
    if folders:
        studies = keys(find_studies(folders[0])) if is_study(folders[0]) else {}
        return next(
            (PageAddress(study=key).search() for key, path in studies.items() if path == folders[0].resolve()), ""
        )
    return PageAddress(run=next(iter(keys(runs)))).search()


def _address(url: str, token: str, place: str) -> str:
    """Return the pages' address with the token and the place where they open; either may be empty."""
    query = "&".join(filter(None, [f"{FIELD}={token}" if token else "", place]))
    return f"{url}?{query}" if query else url


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


def _hidden(runs: list[Path], folders: list[Path], look: bool) -> Callable[[Path], bool]:
    """Return what tells which runs of folders are not shown: cells of preregistered studies that are not over, unless asked for.

    Raises:
        InputError: a run or a study that was named is one of those, and no look was asked for.
    """
    from analysis.studies.prereg.looks import HiddenCells, look_at
    from analysis.studies.record.layout import is_study
    from analysis.ui.data.runs import find_runs, find_studies

    if look:
        inside = [path for folder in folders for path in (*find_studies(folder), *find_runs(folder))]
        look_at([*runs, *inside], "ui", look)
        return lambda run: False
    look_at([*runs, *filter(is_study, folders)], "ui", look)
    hidden = HiddenCells()
    if left_out := sum(hidden(run) for folder in folders for run in find_runs(folder)):
        said = f"{left_out:,} cells of preregistered studies are left out until their study is over; --look shows them"
        stderr().print(said, style="yellow", highlight=False, soft_wrap=True)
    return hidden


def checked(given: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return the runs that are shown, and the folders whose runs and studies are; by default those in ./runs.

    Of a study that is named, runs of cells that were reused stand elsewhere, and are among the runs.

    Raises:
        NoRun: a folder is neither a run nor a study, nor holds any.
        InputError: none was given, and ./runs holds none.
    """
    from abm.log.absent_run import no_run
    from analysis.cli.places import named_place
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import one_run, runs_of
    from analysis.ui.data.runs import find_runs, find_studies
    from moloch.errors import InputError

    runs: list[Path] = []
    folders: list[Path] = []
    for path in given:
        path = one_run(named_place(path)) if "#" in str(path) else path
        if (path / "run.json").is_file():
            runs.append(path)
        elif is_study(path):
            folders.append(path)
            runs += [run for run in runs_of(path) if not run.resolve().is_relative_to(path.resolve())]
        elif find_runs(path) or find_studies(path):
            folders.append(path)
        else:
            raise no_run(path)
    if given:
        return runs, folders
    if not (find_runs(RUNS) or find_studies(RUNS)):
        raise InputError(
            "no runs", where=str(RUNS), why="there are none", fix="Make one with `moloch run`, or give a run's folder."
        )
    return [], [RUNS]
