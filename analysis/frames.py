"""Frames as files, by suffix. Knows files, not what a frame holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from moloch.errors import InputError

if TYPE_CHECKING:
    import polars as pl

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
    new = path.with_name(f".{path.name}.new")
    try:
        if path.suffix.lower() == ".csv":
            frame.write_csv(new)
        else:
            frame.write_parquet(new)
        new.replace(path)
    except OSError as error:
        raise InputError("cannot write the table", where=str(path), why=error.strerror or str(error)) from error
    finally:
        new.unlink(missing_ok=True)
