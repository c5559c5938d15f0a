"""The runs of a study's cells in object storage: a log is never appended there; each piece of it that became durable is put once.

A cell writes to its own disk, and what is durable there follows every :data:`BEAT_S` seconds, with what a run needs to go on
elsewhere: adapters, the user's own data, what was spent. Knows no engines.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from abm.llm.ledger import FILE as SPENT
from abm.log.mirror import LogMirror
from abm.log.objects import ObjectFolder
from abm.log.parquet import path_of
from abm.log.projection import scan_votes
from abm.log.segments import read_manifest, segments
from abm.log.votes import VOTES
from analysis.studies.record.layout import Layout
from learning.runs.own_data import FOLDER as INPUTS
from moloch.beats import beats
from moloch.errors import MolochError

BEAT_S = float(os.environ.get("MOLOCH_STORE_BEAT_S", "30"))
"""Seconds between two looks at what is new: as much work, at most, goes with a machine that is lost."""
FOLLOWS = ("adapters", INPUTS)
"""Folders of a run that go along; what stands in them has a name by its content, and never changes."""


class CellUpload(msgspec.Struct, frozen=True):
    """What was put, as it is noted beside a worker's word.

    Attributes:
        url: of the cell's folder there.
        head: of its log.
    """

    url: str
    head: str


def place_of(store: str, cell: str) -> str:
    """Return where in object storage a cell's log is."""
    return f"{store.rstrip('/')}/{prefix_of(cell)}"


def prefix_of(cell: str) -> str:
    """Return with what the names of a cell's objects begin, within the study's folder there."""
    return f"cells/{cell}/"


class CellMirror:
    """A cell's run in object storage, while it is carried out and after.

    Args:
        run: its folder; need not be there yet.
        store: URL of the study's folder in object storage.

    Raises:
        InputError: it is no URL that can be uploaded to.
    """

    def __init__(self, cell: str, run: Path, store: str) -> None:
        self._run, self._prefix, self._folder = run, prefix_of(cell), ObjectFolder(store)
        self._log = LogMirror(run, self._folder, self._prefix)
        self._put: dict[str, int] = {}
        """Name -> size of what was put."""

    def put_new(self) -> None:
        """Put what is durable here and not there.

        Raises:
            Conflict: another history of this run is there.
            LogError: the run cannot be read, or the storage refuses.
        """
        if not (self._run / "run.json").is_file():
            return
        for path in _beside(self._run):  # first: an event in the log must find what it speaks of
            self._put_file(path, fixed=path.name != SPENT)
        self._log.put_new()

    def put_all(self) -> None:
        """As :meth:`put_new`, of a run that has ended: with the votes of each segment, a row each, for frames."""
        self.put_new()
        scan_votes(self._run)  # makes what is missing
        for segment in segments(self._run, read_manifest(self._run).base):
            if (path := path_of(self._run, segment, VOTES)).is_file():
                self._put_file(path, fixed=False)

    def _put_file(self, path: Path, *, fixed: bool) -> None:
        name, size = path.relative_to(self._run).as_posix(), path.stat().st_size
        if self._put.get(name) == size:
            return
        if fixed or path.suffix == ".parquet":
            self._folder.put(f"{self._prefix}{name}", path, fixed=fixed)
        else:
            self._folder.replace(f"{self._prefix}{name}", path.read_bytes())
        self._put[name] = size

    @contextlib.contextmanager
    def following(self, every: float = BEAT_S) -> Iterator[None]:
        """Put what is new every few seconds, from a thread of its own, and once more at the end, however that comes.

        What the storage refuses meanwhile is said on stderr and put the next time; :meth:`put_all` raises it.
        """

        def put() -> None:
            try:
                self.put_new()
            except (MolochError, OSError) as error:
                with contextlib.suppress(OSError):  # this process's output may be a file on a full disk
                    print(f"not in object storage yet: {error}", file=sys.stderr, flush=True)

        try:
            with beats(put, every, "object storage"):
                yield
        finally:
            put()


def keep(layout: Layout, cell: str, run: Path, store: str, head: str) -> CellUpload:
    """Put the log of a cell that has ended; where that was done, nothing is asked of the storage.

    Args:
        head: of the cell's log.

    Raises:
        InputError: it is no URL that can be uploaded to.
        LogError: the storage refuses, or holds something else there.
    """
    wanted = CellUpload(place_of(store, cell), head)
    if _read(layout.upload(cell)) != wanted:
        CellMirror(cell, run, store).put_all()
        note(layout, cell, wanted)
    return wanted


def note(layout: Layout, cell: str, upload: CellUpload) -> None:
    """Note that a cell is in object storage, whole."""
    path = layout.upload(cell)
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.write_bytes(msgspec.json.encode(upload))
    new.replace(path)


def _beside(run: Path) -> Iterator[Path]:
    """Yield the files beside a run's log that go along; what is still being made has another name."""
    for folder in FOLLOWS:
        for root, folders, names in os.walk(run / folder):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and not name.endswith(".new"))
            for name in sorted(names):
                if not name.startswith(".") and not name.endswith(".new") and not (Path(root) / name).is_symlink():
                    yield Path(root) / name
    if (run / SPENT).is_file():
        yield run / SPENT


def _read(path: Path) -> CellUpload | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=CellUpload)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
