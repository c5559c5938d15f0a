"""What carries out the cells of a study: processes of this machine, a Ray cluster. Each is an :class:`analysis.studies.tasks.Engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.studies.tasks import Engine


def make_engine(name: str, jobs: int | None) -> Engine:
    """Return the engine of a name.

    Args:
        jobs: tasks at a time; None: as many as it has room for.

    Raises:
        InputError: there is none of that name.
    """
    if name == "local":
        from analysis.studies.engines.local import LocalEngine

        return LocalEngine(jobs)
    from moloch.errors import InputError

    raise InputError(f"unknown engine {name!r}", fix="Choose local.")
