"""A run's log in object storage: what is sealed is put there once and never overwritten.

Put-if-absent makes uploading safe to repeat, and safe against a second uploader. Projections may be replaced: they can
be made again. Knows nothing of any one provider.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from abm.log.eventlog import open_log
from abm.log.objects import ObjectFolder
from abm.log.parquet import EVENTS, Projection, is_current, is_last_current, path_of, project_or_explain
from abm.log.recovery import find_end
from abm.log.segments import Segment, blocks, read_manifest, segments
from abm.log.votes import VOTES


class Uploaded(msgspec.Struct, frozen=True):
    """What an upload did; names are relative to the URL."""

    put: list[str]
    """Files that were put there now."""
    there: list[str]
    """Files that were there already, byte for byte."""
    left: list[str]
    """Files that were left out: the last segment of a run that has not ended."""
    nbytes: int
    """Of the files that were put."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return msgspec.to_builtins(self)


def upload(run: Path | str, url: str, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Uploaded:
    """Put ``run.json``, the sealed segments and their Parquet under ``url``; once the run has ended, its last segment too.

    Each segment is verified before it is put. Run it again to resume: what is there is compared, byte for byte, and not put
    again. A fork needs the run that it comes from uploaded too, at the same place relative to it.

    Args:
        url: a folder in object storage: ``s3://bucket/folder``, ``gs://``, ``az://``, ``file:///folder``.
            Credentials come from the environment, as the provider's own tools read them.
        progress: called with the number of files done, and of all.

    Raises:
        Conflict: a file is there with other bytes; it was not changed.
        InputError: not a URL that can be uploaded to, or ``obstore`` is not installed.
        LogError: no run, it is damaged, or the storage refuses.
    """
    return put_sealed(Path(run), ObjectFolder(url), projections=(EVENTS, VOTES), progress=progress)


def put_sealed(
    run: Path,
    folder: ObjectFolder,
    prefix: str = "",
    *,
    there: Mapping[str, str] | None = None,
    projections: Sequence[Projection] = (EVENTS,),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Uploaded:
    """As :func:`upload`, to names that begin with ``prefix``.

    Args:
        there: segments that are known to be there, whole, each with the hash of the chain at its end: they are not looked at.
        projections: that are put there for each segment. A study's own log has none, and never ends.
    """
    known = there or {}
    manifest = read_manifest(run)
    end = find_end(run, manifest)
    own_segments = segments(run, manifest.base)
    sealed: list[tuple[Segment, Segment | None]] = list(pairwise(own_segments))
    closed = bool(projections) and not end.torn and open_log(run, write=False).ended() is not None
    if closed and own_segments:
        sealed.append((own_segments[-1], None))
    total = 1 + (1 + len(projections)) * sum(segment.path.name not in known for segment, _ in sealed)
    put: list[str] = []
    found: list[str] = []
    nbytes = 0
    progress(0, total)
    for done, (path, fixed) in enumerate(_files(run, sealed, manifest.genesis, known, projections), 1):
        name = path.relative_to(run).as_posix()
        if folder.put(f"{prefix}{name}", path, fixed=fixed):
            put.append(name)
            nbytes += path.stat().st_size
        else:
            found.append(name)
        progress(done, total)
    left = [] if closed or not own_segments else [own_segments[-1].path.relative_to(run).as_posix()]
    return Uploaded(put, found, left, nbytes)


def _files(
    run: Path,
    whole: Collection[tuple[Segment, Segment | None]],
    genesis: str,
    known: Mapping[str, str],
    projections: Sequence[Projection],
) -> Iterator[tuple[Path, bool]]:
    """Yield what is to be put, and whether it can never change; segments are verified, and projected if need be."""
    yield run / "run.json", True
    prev = genesis
    for segment, after in whole:
        if segment.path.name in known:
            prev = known[segment.path.name]
            continue
        for block in blocks(segment, prev):
            prev = block.commit.hash
        yield segment.path, True
        for which in projections:
            made = is_current(run, segment, after, which) if after else is_last_current(run, segment, genesis, which)
            if not made:
                project_or_explain(run, segment, which)
            yield path_of(run, segment, which), False
