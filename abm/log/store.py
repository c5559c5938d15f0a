"""A run's log in object storage: what is sealed is put there once and never overwritten.

Put-if-absent makes uploading safe to repeat, and safe against a second uploader. Projections may be replaced: they can
be made again. Knows nothing of any one provider; :mod:`obstore` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from abm.log.eventlog import open_log
from abm.log.parquet import is_current, is_last_current, path_of, project_or_explain
from abm.log.recovery import find_end
from abm.log.segments import Segment, blocks, read_manifest, segments
from moloch.errors import Conflict, InputError, LogError

if TYPE_CHECKING:
    from obstore.store import ObjectStore


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
    run = Path(run)
    manifest = read_manifest(run)
    end = find_end(run, manifest)
    own_segments = segments(run, manifest.base)
    sealed: list[tuple[Segment, Segment | None]] = list(pairwise(own_segments))
    if (closed := not end.torn and open_log(run, write=False).ended() is not None) and own_segments:
        sealed.append((own_segments[-1], None))
    target = _Target(url)
    total = 1 + 2 * len(sealed)
    put: list[str] = []
    there: list[str] = []
    nbytes = 0
    progress(0, total)
    for done, (path, fixed) in enumerate(_files(run, sealed, manifest.genesis), 1):
        name = path.relative_to(run).as_posix()
        if target.put(name, path, fixed=fixed):
            put.append(name)
            nbytes += path.stat().st_size
        else:
            there.append(name)
        progress(done, total)
    left = [] if closed or not own_segments else [own_segments[-1].path.relative_to(run).as_posix()]
    return Uploaded(put, there, left, nbytes)


def _files(run: Path, whole: list[tuple[Segment, Segment | None]], genesis: str) -> Iterator[tuple[Path, bool]]:
    """Yield what is to be put, and whether it can never change; segments are verified, and projected if need be."""
    yield run / "run.json", True
    prev = genesis
    for segment, after in whole:
        for block in blocks(segment, prev):
            prev = block.commit.hash
        yield segment.path, True
        current = is_current(run, segment, after) if after else is_last_current(run, segment, genesis)
        if not current:
            project_or_explain(run, segment)
        yield path_of(run, segment), False


class _Target:
    """A folder in object storage.

    Raises:
        InputError: ``obstore`` is not installed, or it cannot make sense of the URL.
    """

    def __init__(self, url: str) -> None:
        try:
            import obstore
        except ImportError as error:
            raise InputError(
                "object storage needs the package obstore", fix="Install it: pip install 'moloch-abm[store]'"
            ) from error
        self._obstore, self._url = obstore, url
        self._store = _opened(url)

    def put(self, name: str, path: Path, *, fixed: bool) -> bool:
        """Put a file if it is not there; tell whether it was put.

        Args:
            fixed: what is there with other bytes is an error; else it is replaced.

        Raises:
            Conflict: it is there with other bytes.
            LogError: the storage refuses.
        """
        try:
            try:
                self._obstore.put(self._store, name, path, mode="create")
                return True
            except self._obstore.exceptions.AlreadyExistsError:
                if self._holds(name, path):
                    return False
            if fixed:
                raise Conflict(
                    "the object store holds something else",
                    where=f"{self._url}/{name}",
                    why=f"its bytes are not those of {path}",
                    fix="Nothing was overwritten. Upload to another folder, or find out whose it is.",
                )
            self._obstore.put(self._store, name, path, mode="overwrite")
            return True
        except NotImplementedError as error:  # plain HTTP, for one, knows no put that refuses to overwrite
            raise _no_folder(self._url, "this kind of storage cannot be told never to overwrite") from error
        except (self._obstore.exceptions.BaseError, OSError) as error:
            raise LogError(
                "cannot upload",
                where=f"{self._url}/{name}",
                why=str(error).splitlines()[0],
                fix="What was put is safe. Check the address and your credentials, then run the same command again.",
            ) from error

    def _holds(self, name: str, path: Path) -> bool:
        """Tell whether the storage holds exactly the bytes of ``path``."""
        stored = self._obstore.get(self._store, name)
        if stored.meta["size"] != path.stat().st_size:
            return False
        with path.open("rb") as file:
            return all(file.read(len(part)) == bytes(part) for part in stored.stream())


def _opened(url: str) -> ObjectStore:
    from obstore.exceptions import BaseError
    from obstore.store import LocalStore, from_url

    try:
        return LocalStore.from_url(url, mkdir=True) if url.startswith("file:") else from_url(url)
    except (BaseError, ValueError, OSError) as error:
        raise _no_folder(url, str(error).splitlines()[0]) from error


def _no_folder(url: str, why: str) -> InputError:
    fix = "Give one such as s3://bucket/folder or file:///folder."
    return InputError("not a folder in object storage", where=url, why=why, fix=fix)
