"""``moloch study fetch``: a study out of object storage, verified."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer


def fetch(
    url: Annotated[
        str, typer.Argument(help="The URL given to --store: s3://bucket/folder, gs://..., az://..., file:///folder.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="A folder: new, or one that holds the study; by default runs/ and the URL's last part."),
    ] = None,
    adapters: Annotated[
        bool, typer.Option(help="With the adapters that were learnt; only cells that have not ended need them.")
    ] = True,
    as_json: options.Json = False,
) -> None:
    """Bring a study from object storage, or what is new of it; every log is verified.

    What is here already stays. `moloch study run PAGE --store URL` on a new machine does this by itself.
    """
    from analysis.cli.study.reading import reading
    from analysis.studies.storage.fetched import fetch as bring

    folder = out or Path("runs") / (url.rstrip("/").rpartition("/")[2] or "study")
    with reading("fetching cells") as report:
        fetched = bring(url, folder, adapters=adapters, report=report)
    if as_json:
        told = {"study": str(folder), "cells": fetched.cells, "missing": fetched.missing, "head": fetched.head.hash}
        print(json.dumps(told))
        return
    where = shlex.quote(str(folder))
    lines = [f"{folder}   verified: the logs of {len(fetched.cells)} cells", f"head    {fetched.head.hash}"]
    if fetched.missing:
        lines.append(f"missing {len(fetched.missing)} cells ended, but their logs are not there: {fetched.missing[0]}")
    for line in [*lines, *(f"next    moloch study {verb} {where}" for verb in ("status", "results"))]:
        printer().print(line, markup=False, highlight=False, soft_wrap=True)
