"""A run in object storage, and those that it was forked from, which lie relative to each other as they did here.

Reads each ``run.json``, and nothing else. Knows nothing of events.
"""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from abm.log.objects import ObjectFolder
from abm.log.segments import MOST_FORKS, Manifest, manifest_of
from moloch.errors import CorruptLog, LogError


class StoredRun(NamedTuple):
    """A part of a run's history.

    Attributes:
        url: of the run that holds it.
        manifest: what its ``run.json`` says.
        stop: the event before which it ends; None for the run itself, whose end nobody has set.
    """

    url: str
    manifest: Manifest
    stop: int | None


def lineage(url: str) -> list[StoredRun]:
    """Return the runs that hold a run's events, from the one that is no fork to the run itself.

    Args:
        url: of the run's folder.

    Raises:
        CorruptLog: a ``run.json`` is damaged, or the run's chain of forks is too long.
        LogError: one is not there, or the storage refuses.
    """
    runs, stop, fork_url = list[StoredRun](), None, ""
    while True:
        if len(runs) > MOST_FORKS:
            why = f"more than {MOST_FORKS} lie before it"
            raise CorruptLog("the run's chain of forks is too long", where=url, why=why)
        raw = ObjectFolder(url).read("run.json")
        if raw is None:
            raise _gone(url, fork_url)
        manifest = manifest_of(raw, f"{url}/run.json")
        runs.append(StoredRun(url, manifest, stop))
        if (fork := manifest.fork) is None:
            return runs[::-1]
        stop = fork.seq if stop is None else min(stop, fork.seq)
        scheme, _, path = url.partition("://")
        fork_url, url = url, f"{scheme}://{posixpath.normpath(posixpath.join(path, fork.run))}"


def _gone(url: str, fork: str) -> LogError:
    if not fork:
        fix = "Upload it whole."
        return LogError("no run in object storage", where=url, why="there is no run.json", fix=fix)
    return LogError(
        "the run that this one was forked from is not in object storage",
        where=fork,
        why=f"there is no run in {url}",
        fix="Upload it to that place: a fork holds only what happened after the shared part.",
    )
