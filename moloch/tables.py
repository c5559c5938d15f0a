"""Rows from files of tables: CSV, TSV, JSON Lines, JSON, Parquet, Excel, SPSS, Stata and SAS, each row with its place.

Knows files, not what a row means. A suffix may be of either case, and ``.gz`` may follow it.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from moloch.errors import InputError
from moloch.extras import how_to_get
from moloch.near_files import did_you_mean
from moloch.plain_text import one_line, quoted
from moloch.texts import same_letters
from moloch.utf8 import from_utf8

Row = tuple[str, dict[str, Any]]
"""A row's place (``file:line``, or ``file:row N``), and its fields; what is empty is not there."""

LONGEST = 200
"""Characters of what a library says that an error shows."""

LARGEST = 1 << 30
"""Bytes up to which a compressed file is read."""

BOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
STATISTICS = {".sav": "sav", ".zsav": "sav", ".por": "por", ".dta": "dta", ".sas7bdat": "sas7bdat", ".xpt": "xport"}
TEXTS = (".csv", ".tsv", ".tab")
LINES = (".jsonl", ".ndjson")
SUFFIXES = (*TEXTS, *LINES, ".json", ".parquet", *BOOKS, *STATISTICS)
"""What :func:`rows` reads; Excel, SPSS, Stata and SAS with the extra ``tables``."""


def suffix_of(path: Path | str) -> str:
    """Return a file's suffix in lower case, with a ``.gz`` after it left aside."""
    path = Path(path)
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


def rows(path: Path | str, what: str = "the table") -> Iterator[Row]:
    """Yield the rows of a file, by its suffix; rows without anything in them are passed over.

    A table needs a header. Its columns are parted by commas, semicolons or tabs, and its cells come as texts. NaN is nothing.
    A file of ``.txt``, or without suffix, holds JSON Lines.

    Args:
        what: it holds, for errors, such as ``"the personas"``.

    Raises:
        InputError: the file cannot be read, is of an unknown kind, or holds something else, with its place.
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix in TEXTS:
        yield from _texts(path, what)
    elif suffix in (*LINES, ".txt", ""):
        yield from _json_lines(path, what)
    elif suffix == ".json":
        yield from _json(path, what)
    elif suffix == ".parquet":
        yield from _parquet(path, what)
    elif suffix in BOOKS:
        yield from _book(path, what)
    elif suffix in STATISTICS:
        yield from _statistics(path, what)
    else:
        raise InputError(f"unknown kind of file {path.name!r}", where=str(path), fix=f"Give {', '.join(SUFFIXES)}.")


def read_bytes(path: Path | str, what: str) -> bytes:
    """Return a file's bytes, unpacked if its name ends in ``.gz``.

    Raises:
        InputError: it cannot be read, or is larger than :data:`LARGEST` when unpacked.
    """
    path = Path(path)
    try:
        if path.suffix.lower() != ".gz":
            return path.read_bytes()
        with gzip.open(path) as file:
            data = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        why, fix = getattr(error, "strerror", None) or str(error), did_you_mean(path).rstrip()
        raise InputError(f"cannot read {what}", where=str(path), why=why, fix=fix) from error
    if len(data) > LARGEST:
        raise InputError(f"cannot read {what}", where=str(path), why=f"unpacked it is larger than {LARGEST:,} bytes")
    return data


def _json_lines(path: Path, what: str) -> Iterator[Row]:
    for line_number, line in enumerate(_text(path, what).split("\n"), start=1):
        if line.strip():
            where = f"{path}:{line_number}"
            row = _decoded(line, where, "not a JSON object", "Give one JSON object per line, in UTF-8.")
            yield where, _object(row, where)


def _json(path: Path, what: str) -> Iterator[Row]:
    listed = _decoded(_text(path, what), str(path), "not JSON", "Give a list of objects.")
    if not isinstance(listed, list):
        why = f"the file holds a {type(listed).__name__}"
        raise InputError("not a list of objects", where=str(path), why=why, fix="Give a list with one object per row.")
    for row_number, row in enumerate(listed, start=1):
        where = f"{path}:row {row_number}"
        yield where, _object(row, where)


def _text(path: Path, what: str) -> str:
    return from_utf8(read_bytes(path, what), str(path))


def _decoded(data: str, where: str, what: str, fix: str) -> Any:
    try:
        decoded = msgspec.json.decode(data)
        json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError(what, where=where, why=str(error), fix=fix) from error
    return decoded


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} appears twice")


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise InputError("not a JSON object", where=where, why=f"the line holds a {type(row).__name__}")
    return row


def _texts(path: Path, what: str) -> Iterator[Row]:
    yield from _table(_lines(_text(path, what), path), path)


def _lines(text: str, path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the cells of each line of a table."""
    first = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    declared = re.fullmatch(r"sep=([,;\t])", first)  # Excel's own first line
    mark = "\t" if suffix_of(path) in (".tsv", ".tab") else declared[1] if declared else _parted_by(first, path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    begun = 1
    try:
        for number_of, cells in enumerate(reader):
            if not (declared and number_of == 0):
                yield f"{path}:{begun}", cells
            begun = reader.line_num + 1
    except csv.Error as error:
        raise InputError("not a table", where=f"{path}:{begun}", why=str(error)) from error


def _parted_by(header: str, path: Path) -> str:
    plain = re.sub(r'"[^"]*"', "", header)
    marks = [mark for mark in ",;\t" if mark in plain]
    if "," in marks and ";" in marks:
        raise InputError(
            "not a plain table",
            where=f"{path}:1",
            why="its columns are separated by both ',' and ';'",
            fix="Use one of the two.",
        )
    return marks[0] if marks else ","


def _table(lines: Iterable[tuple[str, Sequence[str | None]]], path: Path) -> Iterator[Row]:
    """Yield rows by the names that the first line with something in it gives; a column without name is passed over."""
    names: list[str] | None = None
    for where, cells in lines:
        texts = [cell.strip() if cell else "" for cell in cells]
        if not any(texts):
            continue
        if names is None:
            names = header(texts, where)
        elif len(texts) != len(names):
            raise InputError("a row does not fit the header", where=where, why=f"{len(names)} columns are named")
        else:
            yield where, {name: cell for name, cell in zip(names, texts, strict=True) if name and cell}
    if names is None:
        raise InputError("no table", where=str(path), why="it is empty", fix="Give a header and a line for each row.")


def header(names: Sequence[str], where: str) -> list[str]:
    """Return the names of columns as plain text.

    Raises:
        InputError: two have one name: one of them would be lost.
    """
    plain = [same_letters(one_line(name)) for name in names]
    if twice := [name for i, name in enumerate(plain) if name and name in plain[:i]]:
        raise InputError(
            f"two columns are named {twice[0]!r}",
            where=where,
            why="one of them would be lost",
            fix="Rename one of them.",
        )
    return plain


def _there(cell: Any) -> bool:
    return cell is not None and cell != "" and cell == cell  # NaN is unequal to itself


def _columns(names: Sequence[str], records: Iterable[Sequence[Any]], path: Path) -> Iterator[Row]:
    plain = header(names, f"{path}:1")
    for row_number, cells in enumerate(records, start=1):
        row = {name: cell for name, cell in zip(plain, cells, strict=True) if name and _there(cell)}
        if row:
            yield f"{path}:row {row_number}", row


def _parquet(path: Path, what: str) -> Iterator[Row]:
    """Yield rows of Parquet, read by a process of its own: a damaged file may make the library panic, or end its process."""
    import polars as pl

    data = read_bytes(path, what)
    done = subprocess.run([sys.executable, "-P", "-c", _TO_ARROW], input=data, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said and done.returncode > 0 else "reading it ended the process"
        raise InputError("not Parquet", where=str(path), why=f"it is damaged: {one_line(why)[:LONGEST]}")
    try:
        frame = pl.read_ipc(io.BytesIO(done.stdout))
        records = frame.rows()
    except Exception as error:  # a date beyond what Python knows
        raise InputError("not Parquet", where=str(path), why=f"it is damaged: {first_line(error)}") from error
    yield from _columns(frame.columns, records, path)


_TO_ARROW = """import polars, sys
frame = polars.read_parquet(sys.stdin.buffer.read())
single = polars.col(polars.Float32)  # 0.1 and not 0.10000000149011612
frame.with_columns(single.cast(str).cast(float)).write_ipc(sys.stdout.buffer)"""


def _book(path: Path, what: str) -> Iterator[Row]:
    try:
        import fastexcel
    except ImportError as error:
        raise _without("fastexcel", path) from error
    data = read_bytes(path, what)
    try:
        book = fastexcel.read_excel(data)
        sheets = (book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string") for name in book.sheet_names)
        sheet = next(sheet for sheet in sheets if sheet.visible == "visible")
        records = sheet.to_polars().rows()
    except Exception as error:
        raise InputError("not a workbook", where=str(path), why=first_line(error)) from error
    if not any(any(cells) for cells in records):
        why = f"its first sheet, {quoted(sheet.name)}, is empty"
        raise InputError("no table", where=str(path), why=why, fix="Move the table to the first sheet.")
    yield from _table(((f"{path}:row {i}", cells) for i, cells in enumerate(records, start=1)), path)


def _statistics(path: Path, what: str) -> Iterator[Row]:
    """Yield rows of codes, not of their labels; what the file declares missing is nothing."""
    try:
        import pyreadstat
    except ImportError as error:
        raise _without("pyreadstat", path) from error
    if not path.is_file():
        fix = did_you_mean(path).rstrip()
        raise InputError(f"cannot read {what}", where=str(path), why="there is no such file", fix=fix)
    if path.suffix.lower() == ".gz":
        raise InputError(
            f"cannot read {what}", where=str(path), why="it is compressed", fix="Decompress it first: gunzip."
        )
    try:
        columns, known = getattr(pyreadstat, f"read_{STATISTICS[suffix_of(path)]}")(str(path), output_format="dict")
    except Exception as error:
        raise InputError("not a file of a statistics package", where=str(path), why=first_line(error)) from error
    kinds = known.readstat_variable_types
    cells = [map(_short, column) if kinds.get(name) == "float" else column for name, column in columns.items()]
    yield from _columns(list(columns), zip(*cells, strict=True), path)


def _short(cell: Any) -> Any:
    """Return a number of single precision, as Stata keeps them, as it was written: 0.1 and not 0.10000000149011612."""
    import numpy as np

    return float(str(np.float32(cell))) if isinstance(cell, float) else cell


def _without(package: str, path: Path) -> InputError:
    why = f"files of {suffix_of(path)} need the package {package}"
    return InputError(f"cannot read {path.name!r}", where=str(path), why=why, fix=how_to_get("tables"))


def first_line(error: BaseException) -> str:
    """Return the first line of what a library says, without control characters."""
    return one_line((str(error).strip() or type(error).__name__).splitlines()[0])
