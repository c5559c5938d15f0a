"""How the cells of a study are carried out, as command lines say it: where, how many at a time, and which runs are cells already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

Jobs = Annotated[
    str,
    typer.Option(
        help="Cells at a time: a number, or auto (as many as the cores and the memory of this machine allow)."
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help="Where cells are carried out: local, processes of this machine; ray, a cluster; slurm, an array of jobs, "
        "which is submitted and left alone.",
    ),
]
RayAddress = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT", help="Head of a Ray cluster to join; without it, ray starts one on this machine."
    ),
]
SlurmOption = Annotated[
    list[str] | None,
    typer.Option("--slurm", metavar="KEY=VALUE", help="An option of sbatch, such as partition=long; repeatable."),
]
ScriptOnly = Annotated[bool, typer.Option("--script-only", help="Print the array's script instead of submitting it.")]
Wait = Annotated[
    bool, typer.Option(help="Wait for cells that others carry out; without it, end once no other cell is left.")
]
Workspace = Annotated[
    Path | None,
    typer.Option(
        help="Where to look for finished runs that are cells of the study; by default the folder that holds it."
    ),
]
Older = Annotated[
    bool, typer.Option("--reuse-older", help="Also use finished runs of other versions of moloch as cells.")
]
Store = Annotated[
    str | None,
    typer.Option(help="Object storage that logs are copied to while they are written: s3://bucket/folder."),
]
ENGINES = ("local", "ray", "slurm")
OF_ENGINES = {"ray_address": "ray", "slurm": "slurm", "script_only": "slurm"}
"""Option -> the engine that it is for."""
MOST_JOBS = 1024


@dataclass(frozen=True)
class Work:
    """The options of every command that carries cells out.

    Raises:
        InputError: an option is another engine's, or no number.
    """

    jobs: Jobs = "auto"
    engine: EngineName = "local"
    ray_address: RayAddress = ""
    slurm: SlurmOption = None
    script_only: ScriptOnly = False
    wait: Wait = True
    workspace: Workspace = None
    reuse_older: Older = False
    store: Store = None

    def __post_init__(self) -> None:
        from moloch.errors import InputError

        if self.engine not in ENGINES:
            raise InputError(
                f"unknown engine {self.engine!r}", fix=f"Choose {', '.join(ENGINES[:-1])} or {ENGINES[-1]}."
            )
        for option, engine in OF_ENGINES.items():
            if getattr(self, option) and self.engine != engine:
                name = option.replace("_", "-")
                raise InputError(f"--{name} is for --engine {engine}", why=f"the engine is {self.engine}")
        if self.jobs != "auto" and not (self.jobs.isdecimal() and 1 <= int(self.jobs) <= MOST_JOBS):
            raise InputError(
                f"--jobs {self.jobs!r} is not valid", why=f"it takes a number from 1 to {MOST_JOBS}, or auto"
            )

    @property
    def number(self) -> int | None:
        """Cells at a time; None for as many as there is room for."""
        return None if self.jobs == "auto" else int(self.jobs)
