"""Rows from files of tables, as people and their programs write them."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
import sys

import polars as pl
import pytest

from moloch.errors import InputError
from moloch.extras import how_to_get
from moloch.tables import rows
from tests.support.odd_files import workbook

PEOPLE = [{"age": "39", "town": "Ulm; north"}, {"age": "23"}]


def written(folder, name, data):
    path = folder / name
    data = data if isinstance(data, bytes) else data.encode()
    path.write_bytes(gzip.compress(data) if name.lower().endswith(".gz") else data)
    return path


class TestKinds:
    """A suffix says what a file is, in either case, packed or not."""

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("p.csv", 'age,town\n39,"Ulm; north"\n,\n\n23,\n'),
            ("p.CSV", "\ufeffage,town\r\n39,Ulm; north\r\n23,\r\n"),
            ("p.csv", 'age;town\n39;"Ulm; north"\n;\n23;\n'),
            ("p.csv", 'sep=;\nage;town\n39;"Ulm; north"\n23;\n'),
            ("p.csv", "age\ttown\n39\tUlm; north\n23\t\n"),
            ("p.tsv", "age\ttown\n39\tUlm; north\n23\t \n"),
            ("p.csv.gz", 'age,town\n39,"Ulm; north"\n23,\n'),
            ("P.TSV.GZ", "age\ttown\n39\tUlm; north\n23\t\n"),
            ("p.csv", ",age, town \n0,39,Ulm; north\n1,23,\n"),
            ("p.csv", "\n\nage,town\n39,Ulm; north\n23,\n"),
        ],
        ids=[
            "empty rows",
            "of Windows",
            "semicolons",
            "of Excel",
            "tabs",
            "tsv",
            "packed",
            "upper case",
            "row names",
            "late header",
        ],
    )
    def test_tables_of_texts(self, tmp_path, name, text):
        """All say the same."""
        assert [row for _, row in rows(written(tmp_path, name, text))] == PEOPLE

    @pytest.mark.parametrize("name", ["p.jsonl", "p.NDJSON", "p.jsonl.gz", "p.txt", "p"])
    def test_lines_of_json(self, tmp_path, name):
        """Also where there is no suffix."""
        assert [row for _, row in rows(written(tmp_path, name, "\n".join(map(json.dumps, PEOPLE))))] == PEOPLE

    @pytest.mark.system
    def test_parquet_knows_no_nan(self, tmp_path):
        """It is nothing, as an empty cell is; a row of nothing is none."""
        path = tmp_path / "p.Parquet"
        pl.DataFrame({"age": [39.0, float("nan"), None], "town": ["Ulm", "Rom", None]}).write_parquet(path)
        assert list(rows(path)) == [(f"{path}:row 1", {"age": 39.0, "town": "Ulm"}), (f"{path}:row 2", {"town": "Rom"})]

    def test_places_are_lines(self, tmp_path):
        """Of a row over several lines the first; empty lines count."""
        path = written(tmp_path, "p.csv", 'a,b\n1,"x\ny"\n\n2,z\n')
        assert [where.rpartition(":")[2] for where, _ in rows(path)] == ["2", "5"]


class TestPrograms:
    """What Excel and statistics packages write, with the extra."""

    def test_excel(self, tmp_path):
        """Cells come as texts; errors of formulas and empty rows are nothing."""
        pytest.importorskip("fastexcel", reason="pip install 'moloch-abm[tables]'")
        path = written(tmp_path, "p.XLSX", workbook([["age", "town"], [39, "Ulm; north"], [None, None], [23.0, None]]))
        assert list(rows(path)) == [(f"{path}:row 2", PEOPLE[0]), (f"{path}:row 4", PEOPLE[1])]

    def test_rows_of_excel_are_those_of_the_sheet(self, tmp_path):
        """Also where the table does not begin at its top."""
        pytest.importorskip("fastexcel", reason="pip install 'moloch-abm[tables]'")
        path = written(tmp_path, "p.xlsx", workbook([[None], [None], ["age"], [39], [None], [23]]))
        assert list(rows(path)) == [(f"{path}:row 4", {"age": "39"}), (f"{path}:row 6", {"age": "23"})]

    def test_a_hidden_sheet_is_not_read(self, tmp_path):
        """The first that is seen is; if nothing stands there, it is named."""
        pytest.importorskip("fastexcel", reason="pip install 'moloch-abm[tables]'")
        path = written(tmp_path, "p.xlsx", workbook([["age"], [39]], before=[["note"], ["hidden"]], state="hidden"))
        assert [row for _, row in rows(path)] == [{"age": "39"}]
        path = written(tmp_path, "p.xlsx", workbook([["age"], [39]], before=[]))
        with pytest.raises(
            InputError,
            match=r"p\.xlsx: no table: its first sheet, 'Before', is empty\. Move the table to the first sheet",
        ):
            list(rows(path))

    @pytest.mark.system
    def test_numbers_of_single_precision_are_as_written(self, tmp_path):
        """Stata's usual number, and Parquet's: 0.1 and not 0.10000000149011612; what is missing stays so."""
        numbers = [0.1, 1.1, None, 3.0]
        pl.DataFrame({"x": pl.Series(numbers, dtype=pl.Float32), "n": range(4)}).write_parquet(tmp_path / "p.parquet")
        assert [row.get("x") for _, row in rows(tmp_path / "p.parquet")] == numbers
        pytest.importorskip("pyreadstat", reason="pip install 'moloch-abm[tables]'")
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"x": pandas.Series(numbers, dtype="float32"), "n": range(4)})
        frame.to_stata(tmp_path / "p.dta", write_index=False)
        assert [row.get("x") for _, row in rows(tmp_path / "p.dta")] == numbers

    def test_a_packed_file_of_statistics_is_named(self, tmp_path):
        """Its reader would say that it is damaged."""
        pytest.importorskip("pyreadstat", reason="pip install 'moloch-abm[tables]'")
        with pytest.raises(
            InputError, match=r"p\.sav\.gz: cannot read the table: it is compressed\. Decompress it first"
        ):
            list(rows(written(tmp_path, "p.sav.gz", b"$FL2")))

    @pytest.mark.parametrize("suffix", ["sav", "dta"])
    def test_spss_and_stata(self, tmp_path, suffix):
        """Codes, not labels; what the file declares missing is nothing."""
        pyreadstat = pytest.importorskip("pyreadstat", reason="pip install 'moloch-abm[tables]'")
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"age": [39.0, 23.0, 999.0], "church": [1.0, 2.0, 1.0], "town": ["Ulm", "", "Rom"]})
        path = tmp_path / f"p.{suffix}"
        more = {"missing_ranges": {"age": [999]}} if suffix == "sav" else {}
        write = getattr(pyreadstat, f"write_{suffix}")
        write(frame, str(path), variable_value_labels={"church": {1: "never", 2: "weekly"}}, **more)
        found = [row for _, row in rows(path)]
        assert found[:2] == [{"age": 39.0, "church": 1.0, "town": "Ulm"}, {"age": 23.0, "church": 2.0}]
        assert found[2].get("age") == (None if suffix == "sav" else 999.0)

    @pytest.mark.parametrize(
        ("suffix", "package"), [(".xlsx", "fastexcel"), (".sav", "pyreadstat"), (".dta", "pyreadstat")]
    )
    def test_without_the_extra(self, tmp_path, monkeypatch, suffix, package):
        """The file, the package and the extra are named."""
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(
            InputError, match=rf"p{suffix}.* need the package {package}. {re.escape(how_to_get('tables'))}"
        ):
            list(rows(written(tmp_path, f"p{suffix}", b"x")))

    @pytest.mark.parametrize("name", ["p.xlsx", "p.sav", "p.dta", "p.sas7bdat", "p.parquet", "p.csv.gz", "p.rds"])
    def test_what_is_not_what_it_says(self, tmp_path, name):
        """One line with the file's name, and nothing else on the terminal."""
        if importlib.util.find_spec("fastexcel") is None or importlib.util.find_spec("pyreadstat") is None:
            pytest.skip("pip install 'moloch-abm[tables]'")
        path = tmp_path / name
        path.write_bytes(b"PAR1 no such thing")
        with pytest.raises(InputError) as error:
            list(rows(path))
        assert "\n" not in str(error.value) and str(path) in str(error.value)

    @pytest.mark.parametrize(
        ("code", "says"),
        [
            (
                "import os; os.write(2, b'panicked at mod.rs\\nstack backtrace:\\nPanicException: left: 3'); os._exit(1)",
                "PanicException: left: 3",
            ),
            (
                "import os; os.write(2, b'memory allocation of 10 bytes failed'); os.abort()",
                "reading it ended the process",
            ),
        ],
        ids=["panic", "abort"],
    )
    def test_what_ends_the_library_ends_no_run(self, tmp_path, monkeypatch, capfd, code, says):
        """A damaged Parquet file gives one line, as any other, and nothing else stands on the terminal."""
        monkeypatch.setattr("moloch.tables._TO_ARROW", code)
        with pytest.raises(InputError, match=f"p.parquet: not Parquet: it is damaged: {says}$"):
            list(rows(written(tmp_path, "p.parquet", b"PAR1")))
        assert capfd.readouterr() == ("", "")


class TestLines:
    """Lines end as they do on any machine."""

    def test_of_an_old_mac(self, tmp_path):
        """What parts columns is seen in the header alone."""
        path = written(tmp_path, "p.csv", "age,town\r39,Ulm; north\r")
        assert [row for _, row in rows(path)] == [PEOPLE[0]]


class TestMistakes:
    """One error with the place."""

    @pytest.mark.parametrize(
        ("name", "text", "says"),
        [
            ("p.csv", "a,b,a\n1,2,3\n", "p.csv:1: two columns are named 'a': one of them would be lost. Rename"),
            ("p.csv", "a, a\n1,2\n", "p.csv:1: two columns are named 'a'"),
            ("p.csv", "a;b,c\n1;2,3\n", "p.csv:1: not a plain table: its columns are separated by both ',' and ';'"),
            ("p.csv", "", "p.csv: no table: it is empty"),
            ("p.csv", "a,b\n1,2\n3\n", "p.csv:3: a row does not fit the header: 2 columns are named"),
            ("p.jsonl", '{"a": 1}\n{"a": 1, "a": 2}\n', "p.jsonl:2: not a JSON object: the key 'a' appears twice"),
            ("p.json", '[{"a": {"b": 1, "b": 2}}]', "p.json: not JSON: the key 'b' appears twice"),
            ("p.jsonl", '{"a": ' + "[" * 100_000, "p.jsonl:1: not a JSON object"),
            ("p.jsonl", '{"a": ' + "1" * 5_000 + "}", "p.jsonl:1: not a JSON object"),
            ("p.rds", "x", "unknown kind of file 'p.rds'. Give .csv, .tsv"),
        ],
    )
    def test_is_named(self, tmp_path, name, text, says):
        """What, where, why."""
        with pytest.raises(InputError) as error:
            list(rows(written(tmp_path, name, text)))
        assert says in str(error.value)

    def test_a_packed_file_has_a_bound(self, tmp_path, monkeypatch):
        """A small file can hold a large one."""
        monkeypatch.setattr("moloch.tables.LARGEST", 100)
        with pytest.raises(InputError, match=r"unpacked it is larger than 100 bytes"):
            list(rows(written(tmp_path, "p.csv.gz", "a\n" * 100)))
