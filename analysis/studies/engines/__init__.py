"""What carries out the cells of a study: processes of this machine, a Ray cluster. Each is an :class:`analysis.studies.work.tasks.Engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from analysis.studies.work.tasks import Engine


def make_engine(name: str, jobs: int | None, study: Path, ray_address: str = "") -> Engine:
    """Return the engine of a name.

    Args:
        jobs: tasks at a time; None: as many as it has room for.
        study: the study's folder, which has begun.
        ray_address: of a cluster that is there; empty for one of this machine's own.

    Raises:
        InputError: there is none of that name, or it cannot be had here.
        MolochError: it cannot be reached.
    """
    if name == "local":
        from analysis.studies.engines.local import LocalEngine

        return LocalEngine(jobs)
    if name == "ray":
        from analysis.studies.engines.ray_cluster import RayEngine

        return RayEngine(study, ray_address, jobs=jobs)
    from moloch.errors import InputError

    raise InputError(f"unknown engine {name!r}", fix="Choose local, ray or slurm.")
