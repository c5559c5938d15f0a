"""The commands of ``moloch``: each is a thin shell around a function that scripts can call too.

A command is registered here, and named in :mod:`analysis.cli.topics`, which says where the help lists it.
"""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from analysis.cli.arena import app as arena
from analysis.cli.ask import ask
from analysis.cli.calibrate import calibrate
from analysis.cli.command_list import HELP, CommandList
from analysis.cli.compare import compare
from analysis.cli.config import app as config
from analysis.cli.doctor import doctor
from analysis.cli.explain import explain
from analysis.cli.figures import figures
from analysis.cli.fork import fork
from analysis.cli.graph import graph
from analysis.cli.help import help
from analysis.cli.init import init
from analysis.cli.interview import interview
from analysis.cli.labels import app as labels
from analysis.cli.llm import app as llm
from analysis.cli.log import app as log
from analysis.cli.model import app as model
from analysis.cli.pack import pack, unpack
from analysis.cli.personas import app as personas
from analysis.cli.power import power
from analysis.cli.probe import probe
from analysis.cli.replay import replay
from analysis.cli.report import report
from analysis.cli.results import results
from analysis.cli.resume import resume
from analysis.cli.run import run
from analysis.cli.show import show
from analysis.cli.study.app import app as study
from analysis.cli.surrogate import surrogate
from analysis.cli.ui import ui

app = typer.Typer(
    name="moloch",
    cls=CommandList,
    help="Population studies of language models that compete for an audience.",
    no_args_is_help=True,
    context_settings={"help_option_names": HELP},
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"moloch {metadata.version('moloch-abm')}")
        raise typer.Exit


@app.callback()
def moloch(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Population studies of language models that compete for an audience."""


app.command()(init)
app.command()(run)
app.command()(resume)
app.command()(fork)
app.command()(replay)
app.command()(compare)
app.command()(results)
app.command()(report)
app.command()(explain)
app.command()(figures)
app.command()(show)
app.command()(power)
app.command()(probe)
app.command()(ask)
app.command()(interview)
app.command()(calibrate)
app.command()(surrogate)
app.command()(graph)
app.command()(ui)
app.command()(pack)
app.command()(unpack)
app.command()(doctor)
app.add_typer(study)
app.add_typer(config)
app.add_typer(labels)
app.add_typer(log)
app.add_typer(llm)
app.add_typer(model)
app.add_typer(personas)
app.add_typer(arena)
app.command(hidden=True)(help)
