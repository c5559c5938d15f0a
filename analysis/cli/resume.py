"""``moloch resume``: go on with a run that stopped, by the settings that it holds."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import stderr
from analysis.cli.option_groups import grouped
from analysis.cli.run import as_dict, carry_out, print_run
from analysis.cli.run_options import ServingOptions

if TYPE_CHECKING:
    from learning import RunConfig


def _one(path: Path) -> Path:
    """Return the run's folder; a study is not resumed by this command, and its error says by which."""
    from analysis.cli.places import named_place, named_run
    from analysis.studies.record.layout import is_study
    from moloch.errors import InputError

    if is_study(place := named_place(path)):
        fix = f"moloch study run {shlex.quote(str(place))} resumes it; of one cell alone, give {place}#CELL."
        raise InputError("this is a study, and the command takes one run", where=str(place), fix=fix)
    return named_run(path)


Resumable = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder, or STUDY#CELL.", callback=_one)]
Set = Annotated[list[str] | None, typer.Option("--set", help="A setting of serving, budget or gate, as key=value.")]


@grouped
def resume(
    run: Resumable,
    serving: ServingOptions,
    set_: Set = None,
    as_json: options.Json = False,
) -> None:
    """Resume a run where it stopped.

    A run that has ended prints its results. A run keeps its settings, except where models are served, what may be spent, and the gate: give these again
    (--reader, --llm, --max-calls, ...).
    """
    from abm.log import open_log

    with stderr().status("loading"):
        settings = resumed(run, serving.changes + (set_ or []), serving.reader)
        ended = open_log(run, write=False).ended()
    if ended:
        stderr().print(
            f"{run} has ended, so there is nothing to resume. These are its results.", markup=False, soft_wrap=True
        )
    done, results = carry_out(settings, run)
    if as_json:
        print(json.dumps(as_dict(done, results)))
    else:
        print_run(done, results)


def resumed(run: Path, changes: list[str], reader: str | None = None) -> RunConfig:
    """Return the settings with which a run goes on.

    Args:
        reader: the server of the model that plays its personas.

    Raises:
        InputError: there is no run, a change would alter what it holds, or nothing says where its readers are served.
    """
    from abm.log import open_log
    from learning import load_config
    from learning.settings.config import UNRECORDED
    from moloch.errors import InputError

    open_log(run, write=False)
    for each in changes:
        name = each.partition("=")[0].strip().partition(".")[0]
        if name not in UNRECORDED:
            raise InputError(
                f"a run keeps its settings: --set {each!r}",
                where=str(run),
                why=f"only {', '.join(sorted(UNRECORDED))} may change from one process to the next",
                fix=f"moloch fork continues with others; moloch run --like {run} begins a new run.",
            )
    settings = load_config(run / "run.json", {}, changes, environ=_unrecorded(dict(os.environ)))
    if reader is not None:
        from learning.runs.readers import served_again

        return settings.model_copy(update={"serving": served_again(reader, settings, settings.serving)})
    _check_readers(run, settings)
    return settings


def _check_readers(run: Path, settings: RunConfig) -> None:
    """See that the model that plays the personas of a run is somewhere, unless the run has ended.

    Raises:
        InputError: it is not on this machine, and no server is named.
    """
    from abm.llm.backends import BUILT_IN
    from abm.llm.folders import local_folder
    from abm.log import open_log
    from learning.settings.config import LLM_AUDIENCE
    from moloch.errors import InputError

    serving, model = settings.serving, settings.reader_model
    if settings.audience != LLM_AUDIENCE or serving.endpoint(model) is not None or serving.here not in BUILT_IN:
        return
    if local_folder(model) is not None or open_log(run, write=False).ended():
        return
    raise InputError(
        f"{run}: nothing says where {model!r} is served; it plays the run's personas",
        why="a run does not keep the addresses of servers",
        fix=f"moloch resume {run} --reader http://HOST:8000/v1#{model}",
    )


def _unrecorded(environ: dict[str, str]) -> dict[str, Any]:
    """Return the environment without settings that a run holds."""
    from learning.settings.config import UNRECORDED
    from learning.settings.environment import environment_settings

    others = {variable for variable, name, _ in environment_settings(environ) if name.split(".")[0] not in UNRECORDED}
    return {variable: value for variable, value in environ.items() if variable not in others}
