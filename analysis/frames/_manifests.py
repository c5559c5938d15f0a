"""What the ``run.json`` of a run, and of those that it was forked from, says; here or in object storage."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from abm.log.objects import ObjectFolder
from abm.log.segments import MOST_FORKS, Manifest, manifest_of, parent_of, read_manifest
from moloch.errors import CorruptLog, LogError


def manifests(run: Path | str) -> Iterator[Manifest]:
    """Yield the run's own, then that of the one it was forked from, and so on.

    Raises:
        CorruptLog: a ``run.json`` is damaged, or the run is a fork of too many forks.
        LogError: one is not there, or the storage refuses.
    """
    if isinstance(run, str):
        yield from _stored(run)
        return
    yield (manifest := read_manifest(run))
    while manifest.fork is not None:
        run = parent_of(run, manifest.fork)
        yield (manifest := read_manifest(run))


def _stored(url: str) -> Iterator[Manifest]:
    """As :func:`manifests`, in object storage, where forks lie relative to each other as they did here."""
    for _ in range(MOST_FORKS + 1):
        raw = ObjectFolder(url).read("run.json")
        if raw is None:
            raise LogError("no run in object storage", where=url, why="there is no run.json", fix="Upload it whole.")
        yield (manifest := manifest_of(raw, f"{url}/run.json"))
        if manifest.fork is None:
            return
        scheme, _, path = url.partition("://")
        url = f"{scheme}://{posixpath.normpath(posixpath.join(path, manifest.fork.run))}"
    raise CorruptLog("the run is a fork of too many forks", where=url, why=f"more than {MOST_FORKS} lie before it")
