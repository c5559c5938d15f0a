"""Rows of people, whatever the kind of file."""

from __future__ import annotations

import json

import polars as pl
import pytest

from populations import InputError
from populations.tables import rows

PEOPLE = [{"age": 39, "sex": "male", "zip": "01234"}, {"age": 23, "sex": "female"}]


def written(folder, suffix):
    path = folder / f"people{suffix}"
    match suffix:
        case ".csv":
            path.write_text("age,sex,zip\n39, male ,01234\n23,female,\n")
        case ".json":
            path.write_text(json.dumps(PEOPLE))
        case ".parquet":
            pl.DataFrame(PEOPLE).write_parquet(path)
        case _:
            path.write_text("\ufeff" + "\n\n".join(json.dumps(row) for row in PEOPLE))
    return path


class TestKinds:
    """One row each, with its place."""

    @pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl", ".parquet", ".txt"])
    def test_all_give_the_same_rows(self, tmp_path, suffix):
        """Whole numbers are numbers, codes with leading zeros stay texts, what is empty is not there."""
        found = list(rows(written(tmp_path, suffix)))
        assert [row for _, row in found] == PEOPLE
        places = {".csv": ("2", "3"), ".jsonl": ("1", "3"), ".txt": ("1", "3")}.get(suffix, ("row 1", "row 2"))
        assert [where.rpartition(":")[2] for where, _ in found] == list(places)


class TestMistakes:
    """One clear error with the place."""

    @pytest.mark.parametrize(
        ("name", "text", "says"),
        [
            ("a.csv", "age,sex\n1,male,3\n", "a.csv:2: a row does not fit the header: it has 3 cells, and 2 columns"),
            ("a.csv", "age,sex\n1\n", "a.csv:2: a row does not fit the header"),
            ("a.csv", 'age\n"1\n', "a.csv:2: not a table"),
            ("a.csv", 'age\n1\n"2\n3\n', "a.csv:3: not a table"),
            ("a.csv", b"age\n\xff\n", "not UTF-8"),
            ("a.json", "{}", "not a list of objects: the file holds one object"),
            ("a.json", '{"nodes": [], "links": []}', "it is a graph in node-link form. Write it with networkx"),
            ("a.json", "[1]", "a.json:row 1: not a JSON object"),
            ("a.json", "[", "not JSON"),
            ("a.jsonl", '{"a": 1}\n[]\n', "a.jsonl:2: not a JSON object"),
            ("a.jsonl", '{"a": 1}\n{"a": \n', "a.jsonl:2: not a JSON object"),
            ("a.parquet", "no", "not Parquet"),
        ],
    )
    def test_is_named(self, tmp_path, name, text, says):
        """What, where, why."""
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InputError) as error:
            list(rows(path))
        assert says in str(error.value)

    @pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl", ".parquet"])
    def test_no_file(self, tmp_path, suffix):
        """Whatever its kind."""
        with pytest.raises(InputError, match="cannot read the personas"):
            list(rows(tmp_path / f"none{suffix}"))
