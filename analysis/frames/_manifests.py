"""What the ``run.json`` of a run, and of those that it was forked from, says; here or in object storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from abm.log.segments import Manifest, parent_of, read_manifest
from abm.log.stored import lineage


def manifests(run: Path | str) -> Iterator[Manifest]:
    """Yield the run's own, then that of the one it was forked from, and so on.

    Raises:
        CorruptLog: a ``run.json`` is damaged, or the run's chain of forks is too long.
        LogError: one is not there, or the storage refuses.
    """
    if isinstance(run, str):
        yield from (stored.manifest for stored in reversed(lineage(run)))
        return
    yield (manifest := read_manifest(run))
    while manifest.fork is not None:
        run = parent_of(run, manifest.fork)
        yield (manifest := read_manifest(run))
