"""What is no UTF-8 is reported by its place, or by what it looks like, whatever kind of file it was meant to be."""

from __future__ import annotations

import gzip

import pytest

from media_graph import read_graph
from moloch.errors import InputError
from moloch.tables import rows
from moloch.utf8 import from_utf8
from moloch.yamls import read_source

READERS = {
    "t.csv": lambda path: list(rows(path)),
    "t.jsonl": lambda path: list(rows(path)),
    "t.json": lambda path: list(rows(path)),
    "t.yaml": lambda path: read_source(path, "the mapping"),
    "t.edges": lambda path: read_graph(path, 3),
}


def test_a_mark_is_no_text():
    """Where there is one."""
    assert from_utf8("\ufeffZo\u00eb".encode(), "t") == from_utf8("Zo\u00eb".encode(), "t") == "Zo\u00eb"


@pytest.mark.parametrize("name", READERS)
def test_a_byte_that_is_none_has_a_place(tmp_path, name):
    """Line and column, counted in characters."""
    path = tmp_path / name
    path.write_bytes("a\nGr\u00f6\u00dfe, M".encode() + b"\xfcnchen\n")
    with pytest.raises(
        InputError, match=rf"{name}:2:9: not UTF-8: the byte 0xfc does not begin a character .* Save it as UTF-8"
    ):
        READERS[name](path)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("a,b\n1,2\n".encode("utf-16"), "it is UTF-16. Save it as UTF-8."),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "it is compressed with gzip. Give the file the suffix of its kind."),
        (b"PK\x03\x04 a workbook", "it is a zip archive, or a workbook. Give the file the suffix of its kind."),
        (b"PAR1 columns", "it is Parquet. Give the file the suffix of its kind."),
    ],
    ids=["UTF-16", "gzip", "zip", "Parquet"],
)
def test_other_kinds_are_named(tmp_path, name, data, says):
    """A workbook that was named a table has no header to complain of."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        READERS[name](path)
    assert str(error.value) == f"{path}: not UTF-8: {says}"
