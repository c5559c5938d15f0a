"""Text files are UTF-8; the error of any other names line and column, or what the file looks like. Knows nothing of what texts mean."""

from __future__ import annotations

from moloch.errors import InputError

_OTHERS = {
    b"\xff\xfe": "it is UTF-16",
    b"\xfe\xff": "it is UTF-16",
    b"\x1f\x8b": "it is compressed with gzip",
    b"PK\x03\x04": "it is a zip archive, or a workbook",
    b"PAR1": "it is Parquet",
    b"ARROW1": "it is Arrow",
}
"""How files begin that are no UTF-8."""


def from_utf8(data: bytes, where: str) -> str:
    """Return a file's bytes as text, without the mark that says UTF-8.

    Raises:
        InputError: they are something else, with line and column where they stop to be UTF-8, or with what they look like.
    """
    fix = "Save it as UTF-8."
    if other := next((what for begin, what in _OTHERS.items() if data.startswith(begin)), ""):
        raise InputError(
            "not UTF-8", where=where, why=other, fix=fix if "UTF" in other else "Give the file the suffix of its kind."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].rpartition(b"\n")
        line, column = before[0].count(b"\n") + bool(before[1]) + 1, len(before[2].decode("utf-8", "replace")) + 1
        why = f"the byte 0x{error.object[error.start]:02x} does not begin a character ({error.reason})"
        raise InputError("not UTF-8", where=f"{where}:{line}:{column}", why=why, fix=fix) from error
