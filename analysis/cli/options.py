"""The options that commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Config = Annotated[Path | None, typer.Argument(help="Settings as YAML; the options below override it.")]
Arena = Annotated[str | None, typer.Option(help="sales, elections, social, or an arena's YAML.")]
Anchors = Annotated[str | None, typer.Option(help="Folder with train.jsonl and test.jsonl.")]
Personas = Annotated[
    str | None, typer.Option(help="biographic, demographic, or a file: jsonl, json, csv, parquet, graphml, gexf.")
]
Audience = Annotated[str | None, typer.Option(help="default, neutral, or a choice model's YAML.")]
World = Annotated[str | None, typer.Option(help="isolated, or networked: feeds, shares, neighbours.")]
Model = Annotated[str | None, typer.Option(help="pocket, or the folder of a causal language model.")]
Epochs = Annotated[int | None, typer.Option(help="Rounds of simulating and learning.")]
Seed = Annotated[int | None, typer.Option(help="Decides all randomness of the run.")]
Out = Annotated[Path | None, typer.Option(help="The folder to write to; the same command resumes it.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Any setting, as key=value.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


def given(
    arena: str | None,
    anchors: str | None,
    personas: str | None,
    audience: str | None,
    model: str | None,
    epochs: int | None,
    seed: int | None,
    world: str | None = None,
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
    }
