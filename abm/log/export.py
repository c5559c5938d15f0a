"""A run's events as tables for other tools, one per event type: Parquet, CSV, or a folder for Hugging Face ``datasets``.

Reads the verified log itself, a few megabytes at a time; knows nothing of projections.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from abm.log.frames import by_type, chunks, json_text
from abm.log.recovery import Head, find_end
from abm.log.segments import read_manifest, walk
from moloch.errors import InputError, LogError

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["parquet", "csv", "hf"]

_PART = 64 * 2**20
"""Bytes of a type's rows in memory that become a file; a CSV file is added to at the same bound."""


def export(
    run: Path | str,
    kind: Kind | str,
    folder: Path | str,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Write the events of a run, as far as it is now, to a new folder; return event type -> rows.

    ``parquet`` and ``csv`` give one file per event type that happened, ``hf`` a folder that
    ``datasets.load_dataset(folder, "<type>")`` reads. Columns are those of :meth:`abm.log.EventLog.frame`; in CSV, lists are
    JSON text and bulk columns are base64. The folder is there complete, or not at all.

    Args:
        progress: called with the number of events written, and of all.

    Raises:
        InputError: no such kind, the folder holds something, or the run has no events.
        LogError: no run, it cannot be read, or the folder cannot be written.
    """
    run, folder = Path(run), Path(folder)
    if kind not in get_args(Kind):
        raise InputError(f"no export of kind {kind!r}", fix=f"Give one of: {', '.join(get_args(Kind))}.")
    manifest = read_manifest(run)
    head = find_end(run, manifest).head
    if head.seq == 0:
        raise InputError("nothing to export", where=str(run), why="no event has happened")
    new = _begin(folder)
    try:
        tables = _Tables(new, kind)
        progress(0, head.seq)
        for held in chunks(walk(run, manifest.genesis, stop=head.seq)):
            for name, frame in by_type(held):
                tables.add(name, frame)
            progress(held[-1].commit.seq + held[-1].commit.n, head.seq)
        rows = tables.finish()
        if kind == "hf":
            (new / "README.md").write_text(_card(run, head, rows), encoding="utf-8")
        new.chmod(0o755)
        new.rename(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return rows


def _begin(folder: Path) -> Path:
    """Return a temporary folder beside ``folder``, which must be new or empty."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                "the folder cannot take an export",
                where=str(folder),
                why="it holds something" if folder.is_dir() else "it is a file",
                fix="Choose one that is new or empty.",
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> LogError:
    return LogError(
        "cannot write the export",
        where=str(folder),
        why=error.strerror or str(error),
        fix="Make room, or choose a folder that you may write to; the run was not changed.",
    )


class _Tables:
    """Rows on their way to the files of a folder; holds at most :data:`_PART` bytes per event type."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = folder, kind
        self._held: dict[str, list[pl.DataFrame]] = {}
        self._parts: dict[str, int] = {}
        self._rows: dict[str, int] = {}

    def add(self, name: str, frame: pl.DataFrame) -> None:
        """Take rows of the event type ``name``."""
        held = self._held.setdefault(name, [])
        held.append(frame)
        self._rows[name] = self._rows.get(name, 0) + frame.height
        if sum(frame.estimated_size() for frame in held) >= _PART:
            self._write(name)

    def finish(self) -> dict[str, int]:
        """Write what is held; return event type -> rows."""
        for name in self._held:
            self._write(name)
            if self._kind == "parquet":
                self._join(name)
        return dict(sorted(self._rows.items()))

    def _write(self, name: str) -> None:
        import polars as pl

        if not self._held[name]:
            return
        frame, self._held[name] = pl.concat(self._held[name]), []
        part = self._parts.get(name, 0)
        self._parts[name] = part + 1
        if self._kind == "csv":
            with (self._folder / f"{name}.csv").open("ab") as file:
                _flat(frame).write_csv(file, include_header=part == 0)
        else:
            path = self._part(name, part)
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(path)

    def _part(self, name: str, part: int) -> Path:
        return self._folder / "data" / name / f"{part:05d}.parquet"

    def _join(self, name: str) -> None:
        """Make one file of a type's parts."""
        import polars as pl

        paths = [self._part(name, part) for part in range(self._parts[name])]
        joined = self._folder / f"{name}.parquet"
        if len(paths) == 1:
            paths[0].rename(joined)
        else:
            pl.scan_parquet(paths, glob=False).sink_parquet(joined)
        shutil.rmtree(paths[0].parent)
        if not os.listdir(self._folder / "data"):  # noqa: PTH208
            (self._folder / "data").rmdir()


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` with nothing that CSV cannot hold."""
    import polars as pl

    made = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if isinstance(dtype, pl.List):
            column = json_text(name)
        elif dtype == pl.Binary:
            column = column.bin.encode("base64")
        made.append(column)
    return frame.select(made)


def _card(run: Path, head: Head, rows: dict[str, int]) -> str:
    """Return the README of a data set: its header tells ``datasets`` where each event type's rows are."""
    configs = "".join(f"- config_name: {name}\n  data_files: data/{name}/*.parquet\n" for name in rows)
    counts = "".join(f"| `{name}` | {count:,} |\n" for name, count in rows.items())
    return (
        f"---\nconfigs:\n{configs}---\n\n# Events of a simulated population study\n\n"
        f"Exported from the run `{run.resolve().name}`, {head.seq:,} events; the hash of its log there is `{head.hash}`.\n"
        "People and their votes are simulated, and the messages were written by language models: they say nothing "
        "about real persons, products or candidates.\n\n"
        f"| configuration | rows |\n|---|---|\n{counts}\n"
        f'```python\nfrom datasets import load_dataset\n\nevents = load_dataset("<this folder>", "{next(iter(rows))}")\n```\n'
    )
