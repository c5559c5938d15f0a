"""Anchors are typed, cleaned, named by content, and never leak from held-out into training."""

import csv
import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from abm.arenas import BUILT_IN, arena
from abm.arenas.anchors import clean, load_anchors, make_anchor, read_anchors
from moloch.errors import InputError

SHARED = Path(__file__).parents[3] / "shared" / "data" / "molochs-bargain"
SALES = arena("sales")


def product(title="Lamp", description="A lamp of brass."):
    return {"title": title, "categories": ["Home", "Light"], "description": description}


def write(path: Path, rows) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def folder(tmp_path: Path, train, test) -> Path:
    write(tmp_path / "train.jsonl", train)
    write(tmp_path / "test.jsonl", test)
    return tmp_path


class TestAnchor:
    """One row becomes one anchor."""

    def test_shows_what_the_schema_shows(self):
        """Labels and order come from the arena; hidden fields stay hidden."""
        row = {"candidate_webname": "Ann Lee", "cand_party": "Green", "biography_text": "A nurse."}
        anchor = make_anchor(arena("elections").anchor, row)
        assert anchor.text == "Name: Ann Lee\nBiography: A nurse."
        assert anchor.subject == "Ann Lee"
        assert anchor.fields["party"] == "Green"

    def test_has_one_id_for_one_content(self):
        """The id is a function of the content, not of the spelling of the row."""
        row = product(description="A  lamp\r\nof brass.")
        same = {"description": "A lamp\n\nof brass.", "categories": ["Home", "Light"], "title": "Lamp", "extra": 1}
        assert make_anchor(SALES.anchor, row).id == make_anchor(SALES.anchor, same).id
        assert make_anchor(SALES.anchor, product("Other")).id != make_anchor(SALES.anchor, product()).id

    def test_keeps_text_readable(self):
        """Control characters, carriage returns and runs of space go; line breaks stay single."""
        assert clean("a\r\r\n\r\n b\x00\tc\u00a0d ") == "a\nb c d"

    def test_keeps_joiners_and_drops_escapes(self):
        """Persian and emoji need them; a terminal must not obey an anchor. An id does not depend on the Python that made it."""
        text = "می\u200cخواهم 👩\u200d🌾 \x1b[31mred\x1b[0m \u202eleft\ufeff"
        assert clean(text) == "می\u200cخواهم 👩\u200d🌾 red left"
        newer = make_anchor(SALES.anchor, product("\U0001fae8 lamp", "A lamp \U0001fac6 of brass."))
        assert (newer.id, newer.subject) == ("e4e136eb78f10b01", "\U0001fae8 lamp")


class TestTables:
    """Anchors of any kind of table."""

    ROWS = (
        {"title": "1984", "categories": ["Home", "Light"], "description": "A lamp."},
        product("Bulb", "A bulb of glass."),
    )

    @pytest.mark.parametrize("suffix", ["jsonl", "csv", "CSV", "tsv", "parquet", "json", "jsonl.gz"])
    def test_all_say_the_same(self, tmp_path, suffix):
        """A list may stand in a cell as JSON; a number there is a text."""
        path = tmp_path / f"train.{suffix}"
        cells = [{n: json.dumps(v) if isinstance(v, list) else v for n, v in row.items()} for row in self.ROWS]
        match suffix.lower():
            case "csv" | "tsv":
                with path.open("w", newline="") as file:
                    writer = csv.DictWriter(file, list(cells[0]), delimiter="," if suffix.lower() == "csv" else "\t")
                    writer.writeheader()
                    writer.writerows(cells)
            case "parquet":
                pl.DataFrame(list(self.ROWS)).write_parquet(path)
            case "json":
                path.write_text(json.dumps(self.ROWS))
            case "jsonl":
                write(path, self.ROWS)
            case _:
                path.write_bytes(gzip.compress(write(tmp_path / "plain", self.ROWS).read_bytes()))
        (tmp_path / "test.jsonl").write_text(json.dumps(product("Torch", "A torch of steel.")))
        anchors = load_anchors(tmp_path, SALES).train
        assert [(anchor.subject, anchor.fields["categories"]) for anchor in anchors] == [
            ("1984", ["Home", "Light"]),
            ("Bulb", ["Home", "Light"]),
        ]
        assert [anchor.id for anchor in anchors] == [make_anchor(SALES.anchor, row).id for row in self.ROWS]

    @pytest.mark.parametrize("name", BUILT_IN)
    @pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
    def test_spreadsheets_of_every_arena(self, tmp_path, name, case):
        """Their columns may have any case, by either of a field's names."""
        schema = arena(name).anchor
        for by in ("name", "column"):
            columns = {getattr(f, by) or f.name: f"Text of {f.name}" for f in schema.fields if not f.list}
            with (tmp_path / "a.csv").open("w", newline="") as file:
                csv.writer(file).writerows([[case(column) for column in columns], columns.values()])
            (anchor,) = read_anchors(tmp_path / "a.csv", arena(name))
            assert anchor.id == make_anchor(schema, columns).id

    def test_two_columns_that_could_be_meant(self, tmp_path):
        """Neither is; what the row has is listed."""
        (tmp_path / "a.csv").write_text("TITLE,Title,description,price\nLamp,Bulb,Brass.,5\n")
        expected = (
            r"a\.csv:2: .*'title' is missing or empty; the row has 'TITLE', 'Title', 'description', 'price'\. A product"
        )
        with pytest.raises(InputError, match=expected):
            read_anchors(tmp_path / "a.csv", SALES)

    def test_facts(self, tmp_path):
        """As JSON in a cell, or as a record of Parquet."""
        facts = {"watts": "5", "colour": "brass"}
        pl.DataFrame(
            [product() | {"facts": facts}, product("Bulb", "Glass.") | {"facts": {"watts": "7"}}]
        ).write_parquet(tmp_path / "a.parquet")
        assert [anchor.facts for anchor in read_anchors(tmp_path / "a.parquet", SALES)] == [facts, {"watts": "7"}]
        (tmp_path / "a.csv").write_text('title,description,facts\nLamp,Brass.,"{""watts"": 5}"\n')
        assert read_anchors(tmp_path / "a.csv", SALES)[0].facts == {"watts": "5"}

    @pytest.mark.parametrize("cell", ["['Home', 'Light']", '["Home" "Light"]', "('Home',)", '["Home\n", "Light"]'])
    def test_a_list_as_python_prints_it(self, tmp_path, cell):
        """Is no text of brackets: it is refused, and JSON is named."""
        with (tmp_path / "a.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["title", "description", "categories"], ["Lamp", "Brass.", cell]])
        with pytest.raises(
            InputError, match=r"a\.csv:2: .*'categories' holds a list as Python prints it .* as JSON"
        ) as error:
            read_anchors(tmp_path / "a.csv", SALES)
        assert "\n" not in str(error.value)
        (tmp_path / "a.csv").write_text("title,description,categories\nLamp,Brass.,[new] Home\n")
        assert read_anchors(tmp_path / "a.csv", SALES)[0].fields["categories"] == ["[new] Home"]

    def test_no_file_of_a_split(self, tmp_path):
        """The kinds that are read are named, and not one file that need not be."""
        with pytest.raises(InputError, match=r"no file of 'train': there is none .* Give train\.jsonl, or \.csv"):
            load_anchors(tmp_path, SALES)

    def test_two_files_of_one_split(self, tmp_path):
        """It would not be plain which is meant."""
        folder(tmp_path, [product()], [product("Bulb", "Glass.")])
        (tmp_path / "train.csv").write_text("title\n")
        with pytest.raises(InputError, match=r"several files of 'train': train.csv, train.jsonl"):
            load_anchors(tmp_path, SALES)


class TestOneTable:
    """A file in the place of the folder."""

    def table(self, path: Path, *rows: str, header: str = "title,description") -> Path:
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    def test_its_rows_say_where_they_are(self, tmp_path):
        """Test and held_out mean one thing, and the column may have any case."""
        rows = ["Lamp,Brass.,train", "Bulb,Glass.,test", "Torch,Steel.,held_out", "Match,Wood.,train"]
        split = load_anchors(self.table(tmp_path / "a.csv", *rows, header="title,description,Split"), SALES)
        assert [[anchor.subject for anchor in side] for side in (split.train, split.held_out)] == [
            ["Lamp", "Match"], ["Bulb", "Torch"],
        ]  # fmt: skip

    def test_half_is_held_out_where_none_says(self, tmp_path):
        """Whatever the order of the rows; repetitions are on one side and counted."""
        rows = [f"Lamp {i},It has {i} watts." for i in range(9)]
        there = load_anchors(self.table(tmp_path / "a.csv", *rows, rows[0]), SALES)
        back = load_anchors(self.table(tmp_path / "b.csv", *reversed(rows)), SALES)
        assert (len(there.train), len(there.held_out), sum(there.dropped.values())) == (5, 4, 1)
        assert {anchor.id for anchor in there.held_out} == {anchor.id for anchor in back.held_out}

    @pytest.mark.parametrize(
        ("rows", "says"),
        [
            (
                ["Lamp,Brass.,train", "Bulb,Glass.,"],
                r"a\.csv: anchor 2: an anchor without 'split': .*\(1 of 2 do not\)",
            ),
            (
                ["Lamp,Brass.,train", "Bulb,Glass.,dev"],
                r"a\.csv:3: .*'split' must be one of train, test, held_out, not 'dev'",
            ),
            (["Lamp,Brass.,train", "Bulb,Glass.,train"], r"a\.csv: no anchors to hold out"),
            (["Lamp,Brass.,"], r"a\.csv: no anchors to hold out"),
        ],
    )
    def test_mistakes(self, tmp_path, rows, says):
        """One error with the place."""
        with pytest.raises(InputError, match=says):
            load_anchors(self.table(tmp_path / "a.csv", *rows, header="title,description,split"), SALES)

    def test_files_of_a_folder_have_their_sides(self, tmp_path):
        """There a column of that name says nothing."""
        split = load_anchors(
            folder(tmp_path, [product() | {"split": "dev"}], [product("Bulb", "Glass.") | {"split": [1]}]), SALES
        )
        assert (len(split.train), len(split.held_out)) == (1, 1)
        (tmp_path / "a.jsonl").write_text(json.dumps(product() | {"split": [1]}))
        with pytest.raises(InputError, match=r"a\.jsonl:1: .*'split' must be one of"):
            load_anchors(tmp_path / "a.jsonl", SALES)

    def test_neither_a_folder_nor_a_file(self, tmp_path):
        """Both are named."""
        with pytest.raises(InputError, match=r"there is neither a folder nor a file .* or one table"):
            load_anchors(tmp_path / "no", SALES)


class TestBadInput:
    """A malformed file is one error with place, field and reason."""

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("{oops", "not a JSON object"),
            ("[1]", "holds a list"),
            (json.dumps({"title": "Lamp"}), "'description' is missing or empty"),
            (json.dumps(product() | {"description": 3}), "'description' must be text, not int"),
            (json.dumps(product() | {"facts": [1]}), "'facts' must map"),
            (json.dumps(product() | {"facts": {"wifi": True}}), "texts or whole numbers, not 'wifi': True"),
            (json.dumps(product() | {"categories": ["Home", None]}), "a list of texts, not a list with None"),
        ],
    )
    def test_names_line_field_and_reason(self, tmp_path, line, reason):
        """The second line is at fault, and says so."""
        path = write(tmp_path / "train.jsonl", [product(), line])
        with pytest.raises(InputError, match=reason) as caught:
            read_anchors(path, SALES)
        assert f"{path}:2" in str(caught.value)

    def test_an_empty_file_is_refused(self, tmp_path):
        """No anchors, no run."""
        with pytest.raises(InputError, match="the file is empty"):
            read_anchors(write(tmp_path / "train.jsonl", []), SALES)

    def test_a_byte_order_mark_and_line_ends_of_windows_are_no_mistake(self, tmp_path):
        """Editors there write both."""
        path = tmp_path / "train.jsonl"
        path.write_bytes(b"\xef\xbb\xbf" + json.dumps(product()).encode() + b"\r\n")
        assert len(read_anchors(path, SALES)) == 1

    def test_a_missing_file_is_named(self, tmp_path):
        """The path is in the message."""
        with pytest.raises(InputError, match=r"missing\.jsonl"):
            read_anchors(tmp_path / "missing.jsonl", SALES)

    def test_bytes_that_are_not_text_are_refused(self, tmp_path):
        """Invalid UTF-8 names its line."""
        path = tmp_path / "train.jsonl"
        path.write_bytes(b'{"title": "\xff", "description": "x"}\n')
        with pytest.raises(InputError, match=r"train\.jsonl:1"):
            read_anchors(path, SALES)


class TestSplit:
    """Nothing that is evaluated was trained on."""

    def test_a_test_text_that_stands_in_train_is_dropped_and_counted(self, tmp_path):
        """Another title, spacing or case does not hide a leak."""
        source = folder(
            tmp_path, [product(), product("Chair", "A chair.")],
            [product("New lamp", "a LAMP  of brass."), product("Table", "A table.")],
        )  # fmt: skip
        split = load_anchors(source, SALES)
        assert [anchor.subject for anchor in split.held_out] == ["Table"]
        assert split.dropped["test text stands in train"] == 1

    def test_duplicates_within_a_split_are_dropped_and_counted(self, tmp_path):
        """The first of them stays."""
        split = load_anchors(folder(tmp_path, [product(), product()], [product("T", "t"), product("U", "t")]), SALES)
        assert (len(split.train), len(split.held_out)) == (1, 1)
        assert split.dropped == {"duplicate in train": 1, "duplicate in test": 1, "test text stands in train": 0}

    def test_a_text_that_nearly_stands_in_train(self, tmp_path):
        """Is dropped and counted where that is asked for."""
        words = [f"word{i}" for i in range(40)]
        train = [product("Lamp", " ".join(words))]
        place = folder(
            tmp_path, train, [product("Near", " ".join([*words[:-1], "other"])), product("Far", " ".join(words[:30]))]
        )
        kept = load_anchors(place, SALES)
        assert len(kept.held_out) == 2 and "test text nearly stands in train" not in kept.dropped
        split = load_anchors(place, SALES, drop_near=True)
        assert [anchor.subject for anchor in split.held_out] == ["Far"]
        assert split.dropped["test text nearly stands in train"] == 1

    @pytest.mark.system
    @pytest.mark.parametrize(("name", "near"), [("sales", 17), ("elections", 15), ("social", 0)])
    def test_the_shared_files_have_near_duplicates(self, name, near):
        """As many as were counted by comparing every pair."""
        if not SHARED.is_dir():
            pytest.skip("the shared data is not here")
        split = load_anchors(SHARED / name, arena(name), drop_near=True)
        assert split.dropped["test text nearly stands in train"] == near

    def test_no_held_out_anchor_left_is_an_error(self, tmp_path):
        """A complete leak cannot be evaluated."""
        with pytest.raises(InputError, match="no held-out anchors are left"):
            load_anchors(folder(tmp_path, [product()], [product()]), SALES)

    @pytest.mark.system
    @pytest.mark.skipif(not SHARED.is_dir(), reason="the shared anchors are not on this machine")
    @pytest.mark.parametrize("name", BUILT_IN)
    def test_reads_the_shared_files_as_they_are(self, name):
        """Every row is used or counted, and no held-out text stands in train."""
        split = load_anchors(SHARED / name, arena(name))
        counted = sum(split.dropped.values())
        assert len(split.train) + len(split.held_out) + counted == 1024 + 512
        bodies = {anchor.text.split("\n", 1)[-1] for anchor in split.train}
        assert not any(anchor.text.split("\n", 1)[-1] in bodies for anchor in split.held_out)
