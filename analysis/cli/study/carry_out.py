"""``moloch study run``, ``retry`` and ``extend``: cells are carried out until all have ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options

Page = Annotated[Path, typer.Argument(help="The study's page, or its folder once it has begun.")]
Jobs = Annotated[str, typer.Option(help="Cells at a time: a number, or auto: as many as cores and memory allow.")]
EngineName = Annotated[str, typer.Option("--engine", help="Where cells are carried out: local, ray, slurm.")]
Folder = Annotated[
    Path | None, typer.Option("--out", help="The study's folder; by default one under runs/ with a hash of its base.")
]


def run(
    page: Page,
    jobs: Jobs = "auto",
    engine: EngineName = "local",
    out: Folder = None,
    as_json: options.Json = False,
) -> None:
    """Begin a study, or go on with it where it stopped: the same command again comes to the same results."""
    raise NotImplementedError


def retry(
    page: Page, jobs: Jobs = "auto", engine: EngineName = "local", out: Folder = None, as_json: options.Json = False
) -> None:
    """Try the cells again that failed, whatever the reason, and go on."""
    raise NotImplementedError


def extend(
    page: Page, jobs: Jobs = "auto", engine: EngineName = "local", out: Folder = None, as_json: options.Json = False
) -> None:
    """Add the seeds and levels that the page has and the study does not, and carry out the new cells; the study's log says so."""
    raise NotImplementedError
