"""Frames as files, by suffix, with a codebook beside them. Knows files, not what a frame holds."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from abm.log.frames import json_text
from moloch.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from analysis.frames._codebook import FrameColumn

SUFFIXES = (".csv", ".parquet")


def check_target(path: Path | None) -> None:
    """See, before work begins, that a frame can be written to a file of this name; None is none.

    Raises:
        InputError: of another kind, or there is no such folder.
    """
    if path is None:
        return
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"cannot write a table as {path.name!r}", where=str(path), fix=f"Give {' or '.join(SUFFIXES)}."
        )
    if not path.resolve().parent.is_dir():
        raise InputError("cannot write the table", where=str(path), why=f"there is no folder {path.parent}")


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame, whole or not at all; see :func:`check_target`.

    Raises:
        InputError: the file cannot be written.
    """
    check_target(path)
    _write(path, frame.write_csv if path.suffix.lower() == ".csv" else frame.write_parquet)


def export(frame: pl.LazyFrame, path: Path, columns: Sequence[FrameColumn]) -> Path:
    """Write a frame without holding it in memory, and what its columns mean beside it; return the file with these.

    In CSV, lists are JSON text and bytes are base64. ``votes.parquet`` is explained by ``votes.codebook.json``.

    Args:
        columns: those of the frame, as :func:`analysis.frames.columns_of` or :func:`analysis.frames.columns_of_cells` give them.

    Raises:
        InputError: of another kind, there is no such folder, or the file cannot be written.
        LogError: a run cannot be read.
    """
    check_target(path)
    _write(path, _flat(frame).sink_csv if path.suffix.lower() == ".csv" else frame.sink_parquet)
    return write_codebook({path.stem: columns}, path.with_name(f"{path.stem}.codebook.json"))


def export_all(
    frames: Mapping[str, tuple[pl.LazyFrame, Sequence[FrameColumn]]], folder: Path, suffix: str = ".parquet"
) -> list[Path]:
    """Write frames to a new or empty folder, with one codebook for all, as JSON and as tables; there complete, or not at all.

    Args:
        frames: name -> the frame and its columns.
        suffix: ``.parquet`` or ``.csv``.

    Returns:
        The files.

    Raises:
        InputError: of another kind, the folder holds something, or it cannot be written.
        LogError: a run cannot be read.
    """
    check_target(folder.parent / f"frame{suffix}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            "the folder cannot take frames", where=str(folder), why="it holds something", fix="Choose another."
        )
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, (frame, _) in frames.items():
            _write(new / f"{name}{suffix}", _flat(frame).sink_csv if suffix == ".csv" else frame.sink_parquet)
        for kind in ("json", "md"):
            write_codebook({name: columns for name, (_, columns) in frames.items()}, new / f"codebook.{kind}")
        new.chmod(0o755)
        new.rename(folder)
    except OSError as error:
        raise InputError("cannot write the frames", where=str(folder), why=error.strerror or str(error)) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return sorted(folder.iterdir())


def write_codebook(frames: Mapping[str, Sequence[FrameColumn]], path: Path) -> Path:
    """Write what the columns of frames mean: frame -> its columns, each with name, dtype, unit, meaning and source.

    Args:
        path: a table per frame if it ends in ``.md``, else JSON.

    Raises:
        InputError: the file cannot be written.
    """
    if path.suffix.lower() == ".md":
        data = "\n".join(_as_markdown(name, columns) for name, columns in frames.items()).encode()
    else:
        data = msgspec.json.format(msgspec.json.encode(dict(frames)), indent=1) + b"\n"
    _write(path, lambda new: new.write_bytes(data))
    return path


def _as_markdown(name: str, columns: Sequence[FrameColumn]) -> str:
    rows = [
        f"| `{each.name}` | {each.dtype} | {each.unit} | {each.meaning} | {_as_code(each.source)} |" for each in columns
    ]
    return "\n".join(
        [f"## {name}", "", "| column | type | unit | meaning | source |", "|---|---|---|---|---|", *rows, ""]
    )


def _as_code(source: str) -> str:
    return ", ".join(f"`{part}`" for part in source.split(", "))


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    try:
        write(new)
        new.replace(path)
    except OSError as error:
        raise InputError("cannot write the table", where=str(path), why=error.strerror or str(error)) from error
    finally:
        new.unlink(missing_ok=True)


def _flat(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return a frame with nothing that CSV cannot hold."""
    import polars as pl

    made = []
    for name, dtype in frame.collect_schema().items():
        column = json_text(name) if isinstance(dtype, pl.List) else pl.col(name)
        made.append(column.bin.encode("base64") if dtype == pl.Binary else column)
    return frame.select(made)
