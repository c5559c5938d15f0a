"""Survey microdata as personas: what columns mean, how much people count, and how many are taken."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest

from populations import InputError, load_personas, read_mapping, read_personas
from populations.sources import read_pool

MAPPING = """
columns:
  age: V12
  sex: {from: V3, values: {1: male, 2: female}}
  church: {from: V40, values: {1: never, 2: weekly}, other: sometimes, missing: not asked}
name: "{sex} of {age}"
"""


@pytest.fixture
def survey(tmp_path):
    """Return a function that writes rows and a mapping, and returns their paths."""

    def write(rows, mapping=MAPPING):
        people, plan = tmp_path / "survey.csv", tmp_path / "survey.yaml"
        with people.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        plan.write_text(mapping)
        return people, plan

    return write


class TestColumns:
    """Codes in words."""

    def test_a_row_is_a_persona(self, survey):
        """Values as they are, codes by their meaning, others and missing ones as declared; text by the documented rule."""
        people, plan = survey([{"V12": 40, "V3": 2, "V40": 7}, {"V12": 30, "V3": 1, "V40": ""}])
        (first, second), _ = read_personas(people, read_mapping(plan))
        assert first.attributes == {"age": 40, "sex": "female", "church": "sometimes"}
        assert (first.name, first.text) == ("female of 40", "Age: 40; sex: female; church: sometimes.")
        assert second.attributes["church"] == "not asked"

    def test_demographic_attributes_make_their_sentence(self, survey):
        """The five of them read as demographic personas do; what else is known follows; traits come from both."""
        plan = "columns: {age: a, sex: s, education_level: e, urban_rural: u, income: i, party_id: p}"
        row = {"a": 39, "s": "male", "e": "high", "u": "rural", "i": "low", "p": "green"}
        (persona,), _ = read_personas(*_both(survey([row], plan)))
        assert persona.text.startswith("39-year-old man living in the countryside") and persona.text.endswith(
            "Party id: green."
        )

    def test_a_template_replaces_the_text(self, survey):
        """Filled in with attributes."""
        people, plan = survey([{"V": 40}], "columns: {age: V}\ntext: I am {age}.")
        assert read_personas(people, read_mapping(plan))[0][0].text == "I am 40."

    @pytest.mark.parametrize(
        ("mapping", "says"),
        [
            ("columns: {}", "survey.yaml:1:1: columns is not valid: give at least one"),
            (
                "columns: {age: V}\nclumns: 3",
                "survey.yaml:2:1: clumns is not valid: there is no such key. Did you mean 'columns'? Keys are",
            ),
            ("columns: {age: {frm: V}}", "survey.yaml:1:17: columns.age.frm is not valid"),
            ("columns: {age: V}\ntext: '{aeg}'", "the template names 'aeg', which is not an attribute; those are age"),
            ("columns: {age: V}\nmargins: {sex: {m: 1}}", "margins of 'sex', which is not an attribute"),
            ("columns: {age: V}\nmargins: {age: {1: -1}}", "survey.yaml:2:17: margins.age.1 is not valid"),
            ("columns: [", "survey.yaml:1:11: not valid YAML"),
            ("columns: {age: V, ' age': W}", "each attribute needs a different name"),
            ("columns: {'': V}", "each attribute needs a different name"),
            ("columns: {age: {from: V, missing: -9}}", "missing: -9 is a number; write [-9]"),
            ("columns: {x: {from: V, values: {1: '', 2: b}}}", "code '1' means nothing; list it as missing: [1]"),
        ],
    )
    def test_a_mistake_in_the_mapping(self, survey, mapping, says):
        """Is told with its place."""
        with pytest.raises(InputError) as error:
            read_mapping(survey([{"V": 1}], mapping)[1])
        assert says in str(error.value)

    @pytest.mark.parametrize(
        ("row", "says"),
        [
            ({"V12": "", "V3": 1, "V40": 1}, "survey.csv:2: not a persona: column 'V12' (for 'age') is missing"),
            ({"V12": 4, "V3": 9, "V40": 1}, "column 'V3' (for 'sex') holds 9, which has no meaning"),
            ({"V12": 4, "V40": 1}, "column 'V3' (for 'sex') is missing"),
        ],
    )
    def test_a_row_that_does_not_fit(self, survey, row, says):
        """Is told with its line and column's name."""
        people, plan = survey([row])
        with pytest.raises(InputError) as error:
            read_personas(people, read_mapping(plan))
        assert says in str(error.value)


def _both(paths):
    return paths[0], read_mapping(paths[1])


WEIGHTED = "columns: {town: t, sex: s}\nweight: w\n"


class TestWeights:
    """Some people count more than others."""

    def rows(self, n=40):
        return [{"t": f"town {i}", "s": "m" if i % 4 else "f", "w": 1 + i % 3} for i in range(n)]

    def test_each_side_has_its_own(self, survey):
        """Weights follow their people through the split, with mean 1; equal rows add up; weight 0 is nobody."""
        rows = [*self.rows(), {"t": "town 0", "s": "f", "w": 10}, {"t": "ghost town", "s": "m", "w": 0}]
        people, plan = survey(rows, WEIGHTED)
        split = load_personas(people, mapping=plan)
        assert (len(split.train), len(split.held_out), split.dropped) == (20, 20, 1)
        for side, personas in (("train", split.train), ("held_out", split.held_out)):
            given = [
                11 if p.attributes["town"] == "town 0" else 1 + int(str(p.attributes["town"])[5:]) % 3 for p in personas
            ]
            assert split.weights(side) == pytest.approx([w * len(given) / sum(given) for w in given])
        assert "ghost town" not in [p.attributes["town"] for p in (*split.train, *split.held_out)]

    def test_each_side_meets_the_margins(self, survey):
        """Raked by itself, and says what that cost."""
        people, plan = survey(self.rows(), WEIGHTED + "margins: {sex: {m: 0.25, f: 0.75}}")
        split = load_personas(people, mapping=plan, stratify=["sex"])
        for side, personas in (("train", split.train), ("held_out", split.held_out)):
            women = [p.attributes["sex"] == "f" for p in personas]
            assert split.weights(side)[women].sum() == pytest.approx(15)
            assert split.weighting[side].effective_n < 20

    def test_a_side_that_lacks_a_value_is_named(self, survey):
        """With its side."""
        people, plan = survey(
            [{"t": f"{i}", "s": "f" if i == 3 else "m", "w": 1} for i in range(8)],
            WEIGHTED + "margins: {sex: {m: 0.5, f: 0.5}}",
        )
        with pytest.raises(
            InputError, match=r"survey.csv \((train|held_out), 4 personas\): nobody in the sample has sex = 'f'"
        ):
            load_personas(people, mapping=plan)

    @pytest.mark.parametrize("weight", ["", "much", "-1", "inf"])
    def test_what_is_no_weight(self, survey, weight):
        """Is told with its line."""
        people, plan = survey([{"t": "a", "s": "m", "w": weight}], WEIGHTED)
        with pytest.raises(InputError, match=r"survey.csv:2: not a persona: column 'w' \(the weight\)"):
            load_personas(people, mapping=plan)


class TestResampled:
    """As many as asked for, if that is declared."""

    def test_more_than_there_are_is_an_error(self, survey):
        """Nobody votes twice in silence; the error says how to declare it."""
        people, plan = survey(TestWeights().rows(), WEIGHTED)
        with pytest.raises(InputError, match="declare resample"):
            load_personas(people, mapping=plan, n_train=100)

    def test_declared_it_gives_exact_counts_in_proportion(self, survey):
        """Copies are members of their own with the same text; nobody is on both sides; a repetition is not a new person."""
        people, plan = survey(TestWeights().rows(), WEIGHTED)
        split = load_personas(people, mapping=plan, n_train=100, n_held_out=7, resample=True)
        assert (len(split.train), len(split.held_out)) == (100, 7)
        assert len({p.id for p in (*split.train, *split.held_out)}) == 107
        assert not {p.text for p in split.train} & {p.text for p in split.held_out}
        assert split.weights("train") is None  # they count alike now
        plain = load_personas(people, mapping=plan)
        for persona, weight in zip(plain.train, plain.weights("train"), strict=True):
            mine = [p for p in split.train if p.text == persona.text]
            assert abs(len(mine) - 5 * weight) < 1
            assert [p.name for p in mine] == [persona.name, *(f"{persona.name} #{i}" for i in range(2, len(mine) + 1))]

    def test_without_a_mapping_all_count_alike(self):
        """The built-in packs, too."""
        split = load_personas("biographic", n_train=40, n_held_out=20, resample=True)
        assert (len(split.train), len({p.text for p in split.train}), len(split.held_out)) == (40, 20, 20)


class TestAsWritten:
    """A code book is text, and so are its codes and labels."""

    @pytest.mark.parametrize(
        "label", ["yes", "no", "NO", "on", "Off", "true", "010", "1e3", "1.50", "2020-01-01", "12:30", "0x1F"]
    )
    def test_a_label_is_what_stands_there(self, survey, label):
        """Not a truth value, a number of another base, or a date."""
        people, plan = survey([{"V": 1}, {"V": 2}], f"columns: {{vote: {{from: V, values: {{1: {label}, 2: none}}}}}}")
        first, second = read_personas(people, read_mapping(plan))[0]
        assert (first.attributes["vote"], second.attributes["vote"]) == (label, "none")

    @pytest.mark.parametrize("code", ["yes", "NO", "on", "010", "1e3", "2020-01-01", "1_000"])
    def test_a_code_is_what_stands_there(self, survey, code):
        """And is found in the table as it stands there."""
        people, plan = survey([{"V": code}], f"columns: {{vote: {{from: V, values: {{{code}: green}}}}}}")
        assert read_personas(people, read_mapping(plan))[0][0].attributes["vote"] == "green"

    def test_whole_numbers_are_numbers(self, survey):
        """A label of years is an age; the same margin is met by it; a text in quotes is a text."""
        mapping = "columns: {age: {from: V, values: {1: 25, 2: '40'}}}\nmargins: {age: {25: 0.5, '40': 0.5}}"
        people, plan = survey([{"V": 1}, {"V": 2}, {"V": 2}], mapping)
        assert [p.attributes["age"] for p in read_personas(people, read_mapping(plan))[0]] == [25, 40]

    def test_columns_may_be_called_so(self, survey):
        """Norway has a column, and `on` too; nothing is declared by null."""
        people, plan = survey([{"NO": 5, "on": 6}], "columns: {no: NO, on: {from: on, other: null, missing: ~}}")
        assert read_personas(people, read_mapping(plan))[0][0].attributes == {"no": 5, "on": 6}


class TestNumbersAsWritten:
    """A code and an age are numbers, however a statistics package wrote them."""

    ROWS = (
        {"V12": "48", "V3": "1", "V40": "1"},
        {"V12": "31", "V3": "2", "V40": ""},
        {"V12": "60", "V3": "1", "V40": "3"},
    )

    @pytest.mark.parametrize("form", ["{}.0", "{}.00", "{},0", "{}."])
    def test_the_same_people(self, survey, form):
        """As from whole numbers."""
        plain = read_personas(*_both(survey(self.ROWS)))
        written = [{name: form.format(cell) if cell else "" for name, cell in row.items()} for row in self.ROWS]
        assert read_personas(*_both(survey(written))) == plain

    @pytest.mark.system
    def test_of_parquet(self, survey, tmp_path):
        """Where a column with gaps became floats, and a gap NaN."""
        plain = read_personas(*_both(survey(self.ROWS)))
        columns = {n: [float(row[n] or "nan") for row in self.ROWS] for n in self.ROWS[0]}
        pl.DataFrame(columns).write_parquet(tmp_path / "survey.parquet")
        assert read_personas(tmp_path / "survey.parquet", read_mapping(tmp_path / "survey.yaml")) == plain

    def test_a_code_with_zeros_in_front_is_another(self, survey):
        """As 01 and 1 may be."""
        people, plan = survey([{"V": "01"}, {"V": "1"}], "columns: {area: {from: V, values: {01: north, 1: south}}}")
        assert [p.attributes["area"] for p in read_personas(people, read_mapping(plan))[0]] == ["north", "south"]

    def test_two_codes_of_one_number(self, survey):
        """Cannot mean different things."""
        with pytest.raises(InputError, match="two codes are the number 1, and mean different things"):
            read_mapping(survey([{"V": 1}], "columns: {a: {from: V, values: {1: x, 1.0: y}}}")[1])

    def test_weights(self, survey):
        """With a decimal comma; not where it may part thousands."""
        _, plan = survey([{"t": "a", "w": "0,85"}, {"t": "b", "w": "1,5"}], "columns: {town: t}\nweight: w")
        assert [read_mapping(plan).weight_of({"w": w}) for w in ("0,85", "1,5", "2.25")] == [0.85, 1.5, 2.25]
        with pytest.raises(ValueError, match=r"'1,234', not a number from 0 to"):
            read_mapping(plan).weight_of({"w": "1,234"})


class TestMissing:
    """Values that stand for none."""

    @pytest.mark.parametrize("age", ["-9", "0", "130", "999", "NA", "48.5", "18-29", "forty"])
    def test_what_is_no_age_is_refused(self, survey, age):
        """By its line and value, with a way out."""
        people, plan = survey([{"V": 40}, {"V": age}], "columns: {age: V}")
        with pytest.raises(InputError) as error:
            read_personas(people, read_mapping(plan))
        assert "survey.csv:3: not a persona: column 'V' (for 'age')" in str(error.value) and age in str(error.value)
        assert f"(missing: [{age}])" in str(error.value)

    @pytest.mark.parametrize(
        "mapping",
        [
            "columns: {age: {from: V, missing: not said}, town: T}\nmissing: [-9, 999, NA]",
            "columns: {age: {from: V, missing: not said, markers: [-9, 999, NA]}, town: T}",
        ],
        ids=["of all columns", "of one"],
    )
    def test_declared_they_are_missing(self, survey, mapping):
        """However they are written; the attribute then reads as declared."""
        rows = [{"V": age, "T": f"T{i}"} for i, age in enumerate(["-9", "999.0", "NA", "40"])]
        found, _ = read_personas(*_both(survey(rows, mapping)))
        assert [p.attributes["age"] for p in found] == ["not said", "not said", "not said", 40]
        assert found[0].text == "Age: not said; town: T0."

    @pytest.mark.parametrize(
        "mapping", ["columns: {age: V}\nmissing: [999]", "columns: {age: {from: V, missing: [999]}}"]
    )
    def test_declared_without_a_meaning(self, survey, mapping):
        """The row is refused, as one with an empty cell is."""
        people, plan = survey([{"V": 999}], mapping)
        with pytest.raises(InputError, match=r"survey.csv:2: .*column 'V' \(for 'age'\) is missing \(999\)"):
            read_personas(people, read_mapping(plan))

    def test_one_value_needs_no_list(self, survey):
        """And codes may come from a part that several columns share."""
        book = "columns: {a: {from: V, values: &c {1: yes}, missing: none}, b: {from: W, values: {<<: *c, 2: no}}}\nmissing: NA"
        (persona,), _ = read_personas(*_both(survey([{"V": "NA", "W": "1"}], book)))
        assert persona.attributes == {"a": "none", "b": "yes"}

    def test_of_one_column_only(self, survey):
        """999 crowns are an income."""
        plan = "columns: {age: {from: V, missing: [999]}, crowns: W}"
        assert read_personas(*_both(survey([{"V": 40, "W": 999}], plan)))[0][0].attributes["crowns"] == 999


class TestCells:
    """What a cell holds is one plain value."""

    def test_a_cell_is_one_line(self, survey):
        """Without anything that a terminal obeys; joiners stay."""
        people, plan = survey(
            [{"V": "I farm.\n\x1b[31mI vote."}, {"V": "می‌خواهم\x07"}], "columns: {says: V}\nname: '{says}'"
        )
        first, second = read_personas(people, read_mapping(plan))[0]
        assert (first.name, first.text) == ("I farm. I vote.", "Says: I farm. I vote..")
        assert second.attributes["says"] == "می‌خواهم" and "می‌خواهم" in second.text

    @pytest.mark.system
    def test_a_list_is_no_value(self, survey, tmp_path):
        """It is refused, not written out."""
        pl.DataFrame({"V": [[1, 2]]}).write_parquet(tmp_path / "p.parquet")
        with pytest.raises(InputError, match=r"p.parquet:row 1: .*holds a list, not a single value"):
            read_personas(tmp_path / "p.parquet", read_mapping(survey([{"V": 1}], "columns: {a: V}")[1]))

    @pytest.mark.parametrize("weight", ["1e300", "1e13", "-0.1", "nan"])
    def test_a_weight_has_bounds(self, survey, weight):
        """Beyond them sums would not hold."""
        people, plan = survey([{"t": "a", "w": weight}], "columns: {town: t}\nweight: w")
        with pytest.raises(InputError, match=r"column 'w' \(the weight\) holds .*, not a number from 0 to 1e\+12"):
            read_personas(people, read_mapping(plan))


class TestMargins:
    """Shares of a population add up."""

    @pytest.mark.parametrize(
        "margin",
        [
            "m: 0.6, f: 0.6",
            "m: 0.49, f: 0.15",
            "m: 49, f: 15",
            "m: 60, f: 60",
            "m: 1, f: 1",
            "m: 0.33, f: 0.33, x: 0.3",
        ],
    )
    def test_those_that_do_not_are_refused(self, survey, margin):
        """With their place in the mapping and what they add up to."""
        with pytest.raises(InputError, match=r"survey.yaml:2:1: margins is not valid: the margin of 'sex' adds up to"):
            read_mapping(survey([{"s": "m"}], f"columns: {{sex: s}}\nmargins: {{sex: {{{margin}}}}}")[1])

    @pytest.mark.parametrize(
        "margin", ["m: 0.49, f: 0.51", "m: 33.3, f: 33.3, x: 33.3", "m: 0.333, f: 0.667", "m: 4912, f: 5170", "m: 1"]
    )
    def test_shares_percentages_and_counts(self, survey, margin):
        """Within rounding; counts are whole numbers of a population."""
        assert read_mapping(survey([{"s": "m"}], f"columns: {{sex: s}}\nmargins: {{sex: {{{margin}}}}}")[1]).weighs


class TestSides:
    """Who says on which side one is."""

    def rows(self, last):
        return [{"t": f"town {i}", "split": "train" if i < 3 else "held_out"} for i in range(5)] + [
            {"t": "x", "split": last}
        ]

    def test_a_row_without_a_side_among_others(self, survey):
        """Is refused by name: else all sides that the file declares would be dropped."""
        people, plan = survey(self.rows(""), "columns: {town: t}")
        with pytest.raises(InputError, match=r"survey.csv:7: a row without 'split': other rows have one.*\(1 of 6\)"):
            load_personas(people, mapping=plan)

    def test_up_to(self, survey):
        """Counts are then the most that a side gives; else they are exact."""
        people, plan = survey(self.rows("train"), "columns: {town: t}")
        split = load_personas(people, mapping=plan, n_train=20, n_held_out=20, up_to=True)
        assert (len(split.train), len(split.held_out)) == (4, 2)
        people, plan = survey([{"t": f"town {i}"} for i in range(7)], "columns: {town: t}")
        split = load_personas(people, mapping=plan, n_train=20, n_held_out=2, up_to=True)
        assert (len(split.train), len(split.held_out)) == (4, 2)
        split = load_personas(people, mapping=plan, n_train=6, n_held_out=1, up_to=True)
        assert (len(split.train), len(split.held_out)) == (6, 1)  # both fit: nobody is left out
        with pytest.raises(InputError, match="asked for 20"):
            load_personas(people, mapping=plan, n_train=20)


class TestLetters:
    """An accent is a part of its letter, however a program wrote it."""

    def test_of_columns_and_codes(self, survey):
        """In the table apart, in the mapping composed; and the other way round."""
        apart, whole = "Gro\u0308\u00dfe", "Gr\u00f6\u00dfe"
        for column, other in ((apart, whole), (whole, apart)):
            mapping = f"columns: {{size: {{from: {other}, values: {{{other}: tall}}}}}}\nweight: {other}2"
            people, plan = survey([{column: column, f"{column}2": 1}], mapping)
            assert read_personas(people, read_mapping(plan))[0][0].text == "Size: tall."

    def test_case_is_no_matter(self, survey):
        """Of a column, a weight among them, where only one can be meant; else what the row has is listed."""
        people, plan = survey([{"V12": 40, "W": 2}], "columns: {age: v12}\nweight: w")
        assert read_pool(people, plan).people[0].weight == 2
        people, plan = survey([{"Size": 40, "SIZE": 2}], "columns: {n: size}")
        with pytest.raises(InputError, match=r"csv:2: .*'size' \(for 'n'\) is missing; the row has 'Size', 'SIZE'\."):
            read_pool(people, plan)

    def test_a_pool_is_read_anew_where_its_files_changed(self, survey, tmp_path):
        """Its mapping is one of them; else who was read is there."""
        people, plan = survey([{"town": "a", "w": 2}], "columns: {place: town}")
        first = read_pool(people, plan)
        assert read_pool(people, plan) is first and first.people[0].weight == 1
        Path(plan).write_text("columns: {place: town}\nweight: w")
        assert read_pool(people, plan).people[0].weight == 2

    @pytest.mark.system
    def test_what_is_endless_is_no_value(self, survey, tmp_path):
        """An infinity is no trait of a person."""
        pl.DataFrame({"V": [float("inf")]}).write_parquet(tmp_path / "p.parquet")
        with pytest.raises(InputError, match=r"column 'V' .*inf is not a value"):
            read_personas(tmp_path / "p.parquet", read_mapping(survey([{"V": 1}], "columns: {x: V}")[1]))
