"""The options that commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from abm.llm.backends import Serving
    from learning import RunConfig

Config = Annotated[Path | None, typer.Argument(help="Settings as YAML; the options below override it.")]
Arena = Annotated[str | None, typer.Option(help="sales, elections, social, or an arena's YAML.")]
Anchors = Annotated[str | None, typer.Option(help="Folder with train and test, or one table: csv, jsonl, xlsx, ...")]
Personas = Annotated[
    str | None,
    typer.Option(
        help="biographic, demographic, adults, or a file: jsonl, csv, parquet, xlsx, sav, dta, graphml, gexf, ..."
    ),
]
Audience = Annotated[
    str | None, typer.Option(help="default, neutral, a choice model's YAML, or llm: a model plays the personas.")
]
World = Annotated[str | None, typer.Option(help="isolated, or networked: feeds, shares, neighbours.")]
Model = Annotated[
    str | None, typer.Option(help="The model that writes and learns: pocket, a folder, or a downloaded model's name.")
]
Llm = Annotated[
    str | None,
    typer.Option(
        "--llm",
        help="What serves models: transformers, vllm, a backend of your own, http://host:8000/v1, or a server of this "
        "machine: ollama[:NAME], lmstudio, llamacpp.",
    ),
]
Reader = Annotated[
    str | None,
    typer.Option(
        "--reader",
        help="A served model plays the personas: http://host:8000/v1#NAME, or without #NAME the server's only model; ollama:NAME. "
        "Writers stay where they are.",
    ),
]
Profile = Annotated[str | None, typer.Option(help="Settings for a kind of machine or study: gpu, laptop, paper.")]
MaxCalls = Annotated[
    int | None, typer.Option(min=0, help="Stop before more calls than this (exit code 5; can be resumed).")
]
MaxTokens = Annotated[int | None, typer.Option(min=0, help="Stop before more tokens, read and written.")]
MaxUsd = Annotated[float | None, typer.Option(min=0, help="Stop before more US dollars, by the settings' prices.")]
MaxMinutes = Annotated[float | None, typer.Option(min=0, help="Stop this process after this many minutes.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be asked, its cost and its minutes; ask no server.")
]
Epochs = Annotated[int | None, typer.Option(help="Rounds of simulating and learning.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random in the run.")]
Out = Annotated[Path | None, typer.Option(help="The folder to write to; the same command resumes it.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any setting, as key=value; moloch config explain KEY says what it means."),
]
Extensions = Annotated[
    list[str] | None,
    typer.Option("--extensions", help="A module of yours to import; it registers parts. May be given several times."),
]
Look = Annotated[
    bool,
    typer.Option("--look", help="Show effects of a preregistered study before its end; its log says that you looked."),
]


def _cell(run: Path) -> Path:
    """Return the run's folder, also of ``STUDY#CELL``, and of a folder that holds it alone."""
    from analysis.cli.places import named_run

    return named_run(run)


def _like(run: Path | None) -> Path | None:
    """Return the folder of a run whose settings are taken."""
    if run is None:
        return None
    from abm.log import open_log

    open_log(run := _cell(run), write=False)
    return run


Like = Annotated[
    Path | None,
    typer.Option("--like", metavar="RUN", help="Settings of another run, or of STUDY#CELL.", callback=_like),
]


def place(path: Path) -> Path:
    """Return what a path names: the study of a page; of a folder that holds a single run or study, that one."""
    from analysis.cli.places import named_place

    return named_place(path)


def page_or_study(path: Path) -> Path:
    """Return a study's page as it is; of a folder that holds a single study, that one."""
    from analysis.cli.places import only_place

    return only_place(path)


RunOrCell = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder, or STUDY#CELL.", callback=_cell)]
StudyOrPage = Annotated[
    Path, typer.Argument(metavar="STUDY|PAGE", help="The study's folder, or its page.", callback=page_or_study)
]
StudyFolder = Annotated[
    Path | None, typer.Option("--out", help="The study's folder; by default the one that its page leads to.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


def bad(what: str, fix: str) -> Exception:
    """Return the error for options that do not go together."""
    from moloch.errors import InputError

    return InputError(what, fix=fix)


def given(
    arena: str | None,
    anchors: str | None,
    personas: str | None,
    audience: str | None,
    model: str | None,
    epochs: int | None,
    seed: int | None,
    world: str | None = None,
    extensions: list[str] | None = None,
) -> dict[str, Any]:
    """Return the settings that the command line names."""
    return {
        "arena": arena,
        "anchors": anchors,
        "personas": personas,
        "audience": audience,
        "model": model,
        "epochs": epochs,
        "seed": seed,
        "world": world,
        "extensions": extensions,
    }


OPTION_OF = {
    "serving.llm": "--llm",
    "budget.calls": "--max-calls",
    "budget.tokens": "--max-tokens",
    "budget.usd": "--max-usd",
    "budget.minutes": "--max-minutes",
}
"""Setting of where models are served and what may be spent -> the option that gives it."""


def serving(
    llm: str | None,
    calls: int | None = None,
    tokens: int | None = None,
    usd: float | None = None,
    minutes: float | None = None,
) -> list[str]:
    """Return, as ``key=value``, the settings of where models are served and what may be spent."""
    values = zip(OPTION_OF, (llm, calls, tokens, usd, minutes), strict=True)
    return [f"{name}={value}" for name, value in values if value is not None]


def read_by(reader: str | None, settings: RunConfig) -> list[str]:
    """Return, as ``key=value``, the settings by which ``--reader`` plays the personas of a run with ``settings``."""
    if reader is None:
        return []
    from learning.runs.readers import reader_settings

    return reader_settings(reader, settings.serving, settings.model)


def places(serving: Path | None, llm: str | None) -> Serving:
    """Return where models are served, by a file and the option that comes before it.

    Raises:
        InputError: the file cannot be read, or says something else.
    """
    from abm.llm.backends import Serving
    from moloch.checked_values import validated
    from moloch.errors import InputError
    from moloch.yamls import read_source

    said = Serving()
    if serving is not None:
        source = read_source(serving, "the settings of servers")
        said = validated(Serving, source, "the settings of servers")
        if llm is None and (unknown := said.unknown_backend) is not None:
            raise InputError(unknown.what, where=source.at("llm"), why=unknown.why, fix=unknown.fix)
    return said if llm is None else said.model_copy(update={"llm": llm})
