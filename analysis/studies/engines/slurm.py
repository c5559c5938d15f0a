"""A study as one array of Slurm jobs. An element is a controller with one job, which takes whatever cell is free: nobody divides the
cells among them, and none waits for another. Not an engine: nothing of us goes on where the array was submitted.

Ninety seconds before its time is over Slurm tells an element, which stops its cell in order and puts itself into the queue again.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moloch.errors import InputError, MolochError
from moloch.exit_codes import ExitCode

OURS = {
    "array": "--jobs says how many elements there are",
    "chdir": "elements start where this command was given",
    "error": "what elements print stands in the study's folder",
    "input": "elements read nothing",
    "open-mode": "an element that begins again adds to what it printed",
    "output": "what elements print stands in the study's folder",
    "parsable": "the command prints the number of the array itself",
    "requeue": "an element always goes back into the queue when its time is over",
    "no-requeue": "an element always goes back into the queue when its time is over",
    "signal": "elements get a signal in time to leave their logs in order",
    "wait": "the array goes on by itself",
    "wrap": "the script is ours",
}
"""Options of ``sbatch`` that the script sets itself, and why."""
NOTICE_S = 90
"""Seconds before the end at which an element gets its signal; Slurm looks once a minute, and may say so up to a minute earlier."""
MOST = 1000
"""Elements of an array: as many as an installation allows that says nothing else (``MaxArraySize`` is 1001)."""


class SlurmError(MolochError):
    """Slurm does not take the array."""

    exit_code = ExitCode.NOT_WHOLE


@dataclass(frozen=True)
class ArrayJob:
    """An array of controllers.

    Attributes:
        study: the study's folder, absolute; every node must see it under this path.
        elements: how many, 1 to :data:`MOST`.
        command: what an element runs, until no cell is free any more.
        folder: where it runs.
        options: of ``sbatch``, without the dashes: ``{"partition": "long", "time": "24:00:00", "gres": "gpu:1"}``.
    """

    study: Path
    elements: int
    command: Sequence[str]
    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)

    def script(self) -> str:
        """Return the script, as ``sbatch`` takes it."""
        output = str(self.study / "output" / "slurm-").replace("%", "%%") + "%A_%a.txt"
        options = {
            "job-name": f"moloch-{self.study.name}",
            "array": f"0-{self.elements - 1}",
            "output": output,
            "open-mode": "append",
            "chdir": str(self.folder),
            "signal": f"B:USR1@{NOTICE_S}",
        } | dict(self.options)
        said = "".join(f"#SBATCH --{name}{_value(value)}\n" for name, value in options.items())
        return f"#!/bin/bash\n{said}#SBATCH --requeue\n{_BODY.replace('COMMAND', shlex.join(self.command))}"


_BODY = """
worker=
stop() {  # in order: the cell's log is whole, and the next worker of the cell goes on from there
    trap '' USR1 TERM
    kill -TERM "$worker" 2>/dev/null
    wait "$worker"
}
again() {  # Slurm says that the time is nearly over
    stop
    echo "out of time: into the queue again"
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
    exit 0
}
trap again USR1
trap 'stop; exit 130' TERM

COMMAND &
worker=$!
wait "$worker"
"""


def options_of(said: Sequence[str]) -> dict[str, str]:
    """Return options of ``sbatch`` from ``key=value``; ``key`` alone is a switch, such as ``exclusive``.

    Raises:
        InputError: one is none, or is the script's own.
    """
    options: dict[str, str] = {}
    for each in said:
        name, _, value = each.partition("=")
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or not value.isprintable():
            raise InputError(
                f"--slurm {each!r} is not an option of sbatch", fix="Give key=value, such as --slurm partition=long."
            )
        if name in OURS:
            raise InputError(f"--slurm {name} cannot be set", why=OURS[name])
        options[name] = value
    return options


def array_of(study: Path, cells: int, jobs: int | None, said: Sequence[str], command: Sequence[str]) -> ArrayJob:
    """Return the array for a study: one element per cell that is left, as many as ``jobs`` and :data:`MOST` at most.

    Args:
        study: the study's folder, which has begun.
        cells: that are left.
        said: options of ``sbatch``, as ``key=value``.
        command: of an element, from the verb on: ``["run", FOLDER, "--jobs", "1", "--no-wait"]``.

    Raises:
        InputError: an option is none, or is the script's own.
    """
    elements = max(1, min(cells, jobs or cells, MOST))
    moloch = [sys.executable, "-m", "moloch", "study"]
    return ArrayJob(study.absolute(), elements, [*moloch, *command], Path.cwd(), options_of(said))


def check_sbatch() -> None:
    """Check that this machine can hand a script to Slurm.

    Raises:
        InputError: there is no ``sbatch`` here.
    """
    if not shutil.which("sbatch"):
        raise InputError(
            "there is no sbatch here",
            why="a study is submitted on a machine that belongs to the cluster",
            fix="--script-only prints the script, for sbatch elsewhere.",
        )


def submit(script: str) -> str:
    """Hand a script to Slurm, and return the number of its array.

    Raises:
        InputError: there is no ``sbatch`` here.
        SlurmError: Slurm refuses the script; with its own words.
    """
    check_sbatch()
    done = subprocess.run(["sbatch", "--parsable"], input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(line.removeprefix("sbatch: error: ") for line in done.stderr.strip().splitlines())
        raise SlurmError("Slurm does not take the array", why=said, fix="See --slurm key=value.")
    return done.stdout.strip().partition(";")[0]


def _value(value: str) -> str:
    """Return an option's value as a line of the script has it; a switch has none."""
    if not value:
        return ""
    return f"={value}" if re.fullmatch(r"[\w%+,./:@=-]+", value) else '="' + re.sub(r'(["\\])', r"\\\1", value) + '"'
