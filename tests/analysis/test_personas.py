"""``moloch personas check``: what a source holds, before a study uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis.checks.personas import check_personas
from analysis.cli.app import app
from populations import InputError, read_personas

SHARED = Path(__file__).parents[3] / "shared/data/molochs-bargain/personas"

SURVEY = "id,V1,V2,W\n1,40,1,1\n2,31,2,1\n3,50,7,1\n4,31,2,2\n"
MAPPING = """columns:
  age: V1
  sex: {from: V2, values: {1: male, 2: female}}
  region: {from: V9, missing: unknown}
weight: W
margins: {sex: {male: 0.5, female: 0.5}}
"""


@pytest.fixture
def survey(tmp_path):
    """A survey of three respondents alike in pairs, one of them malformed, and its mapping."""
    (tmp_path / "s.csv").write_text(SURVEY)
    (tmp_path / "s.yaml").write_text(MAPPING)
    return tmp_path / "s.csv", tmp_path / "s.yaml"


class TestCheck:
    """Everything that would surprise a study later."""

    def test_a_survey(self, survey):
        """Rows, repetitions, refused rows with their place, columns, weights and how prompts read."""
        found = check_personas(*survey)
        assert (found["rows"], found["personas"], found["duplicates"], found["not_personas"]) == (4, 2, 1, 1)
        assert found["mistakes"] == [f"{survey[0]}:4: column 'V2' (for 'sex') holds 7, which has no meaning"]
        assert (found["unused"], found["missing"]) == (["id"], ["V9"])
        assert found["weights"] | {"rounds": 0} == {
            "design_effect": 1.0, "effective_n": 2.0, "largest": 1.0, "smallest": 1.0, "raked_on": ["sex"], "rounds": 0,
        }  # fmt: skip
        assert found["samples"][1] == {"name": "31, female, unknown", "text": "Age: 31; sex: female; region: unknown."}
        assert found["tokens"]["least"] > found["words"]["least"] == 6

    def test_margins_that_cannot_be_met_are_said_not_raised(self, survey):
        """A check goes on."""
        survey[1].write_text(MAPPING.replace("female: 0.5}}", "female: 0.4, other: 0.1}}"))
        assert "nobody in the sample has sex = 'other'" in check_personas(*survey)["weights"]["error"]

    def test_attributes_stand_beside_their_margins(self, survey):
        """A code book that swaps two codes shows: the population has a third of those of whom the sample has two thirds."""
        survey[1].write_text(MAPPING.replace("male: 0.5, female: 0.5", "male: 0.33, female: 0.57, other: 0.1"))
        found = check_personas(*survey)["attributes"]
        assert found["sex"]["values"] == [
            {"value": "female", "people": 1, "share": 0.75, "margin": 0.57},
            {"value": "male", "people": 1, "share": 0.25, "margin": 0.33},
            {"value": "other", "people": 0, "share": 0.0, "margin": 0.1},
        ]
        assert (found["age"]["least"], found["age"]["most"], found["age"]["different"]) == (31, 40, 2)
        assert found["region"]["values"] == [{"value": "unknown", "people": 2, "share": 1.0, "margin": None}]
        shown = CliRunner().invoke(app, ["personas", "check", str(survey[0]), "--mapping", str(survey[1])]).stdout
        lines = [" ".join(line.split()) for line in shown.splitlines()]
        assert "sex female 1 75.0 % 57.0 %" in lines and "other 0 0.0 % 10.0 %" in lines

    def test_many_values_are_told_in_short(self, tmp_path):
        """Numbers by their range; texts by the most frequent."""
        rows = "\n".join(f"{20 + i % 50},town {i}" for i in range(100))
        (tmp_path / "p.csv").write_text(f"V,T\n{rows}\n")
        (tmp_path / "p.yaml").write_text("columns: {age: V, town: T}")
        shown = CliRunner().invoke(
            app, ["personas", "check", str(tmp_path / "p.csv"), "--mapping", str(tmp_path / "p.yaml")]
        )
        lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
        assert "age 20 to 69 100 100.0 %" in lines and "... 88 other values" in lines

    def test_a_row_without_a_side_is_named(self, tmp_path):
        """Where others say on which side they are; the sides are counted."""
        rows = "".join(f"Tale {i},N{i},{'train' if i < 3 else 'held_out'}\n" for i in range(5))
        (tmp_path / "p.csv").write_text(f"biography,name,split\n{rows}I am.,Ann,\n")
        found = check_personas(tmp_path / "p.csv")
        assert found["sides"] == {"train": 3, "held_out": 2}
        assert found["mistakes"] == [f"{tmp_path / 'p.csv'}:7: it has no 'split', and other rows have one"]

    def test_nothing_that_a_terminal_obeys_is_printed(self, tmp_path):
        """Not from a cell, a header, or a refused value."""
        (tmp_path / "p.csv").write_text('V,\x1b[2Jsays\n40,"\x1b[31mred"\n"\x1b[31m",x\n')
        (tmp_path / "p.yaml").write_text("columns: {age: V, says: says}")
        shown = CliRunner().invoke(
            app, ["personas", "check", str(tmp_path / "p.csv"), "--mapping", str(tmp_path / "p.yaml")]
        )
        assert shown.exit_code == 0 and "\x1b" not in shown.stdout and "Age: 40; says: red." in shown.stdout

    def test_nobody_at_all(self, tmp_path):
        """Is an error that names the first reason."""
        (tmp_path / "x.jsonl").write_text('{"age": 3}\n')
        with pytest.raises(InputError, match=r"no personas: .*x\.jsonl:1: field 'sex' is missing"):
            check_personas(tmp_path / "x.jsonl")
        with pytest.raises(InputError, match=r"moloch init persona-mapping writes one"):
            check_personas(tmp_path / "x.jsonl")

    @pytest.mark.parametrize("name", ["demographic_20", "preferences_339", "prodigy_20", "prodigy_100"])
    def test_the_published_ones_as_they_are(self, name):
        """No row is refused."""
        path = SHARED / f"{name}.jsonl"
        if not path.exists():
            pytest.skip("the shared data is not here")
        found = check_personas(path)
        assert found["not_personas"] == 0 and found["rows"] == int(name.rpartition("_")[2])


class TestCommand:
    """The same for people and for machines."""

    def test_what_is_printed(self, survey):
        """Every figure, and no line of the table is broken at 80 columns."""
        done = CliRunner().invoke(app, ["personas", "check", str(survey[0]), "--mapping", str(survey[1])])
        assert done.exit_code == 0
        for said in ("2 in 4 rows; 1 duplicate row", "missing V9", "design effect 1.00, effective n 2.0", "warmth"):
            assert said in " ".join(done.stdout.split())

    def test_reasons_are_counted(self, tmp_path):
        """Each once, with its rows and what a mapping can say; and that nobody differs in a trait."""
        (tmp_path / "s.csv").write_text("V2\n" + "1\n2\n7\n7\n" * 8)
        (tmp_path / "s.yaml").write_text("columns: {sex: {from: V2, values: {1: male, 2: female}}}")
        done = CliRunner().invoke(
            app, ["personas", "check", *map(str, (tmp_path / "s.csv", "--mapping", tmp_path / "s.yaml"))]
        )
        said = " ".join(done.stdout.split())
        assert "16 rows: column 'V2' (for 'sex') holds 7, which has no meaning (such as " in said
        assert "other: TEXT all other codes" in said and "No trait differs between these people" in said

    @pytest.mark.system
    def test_json(self, survey):
        """One object, with what the function returns."""
        done = CliRunner().invoke(app, ["personas", "check", str(survey[0]), "--mapping", str(survey[1]), "--json"])
        assert json.loads(done.stdout) == check_personas(*survey)


class TestPrinted:
    """What people see."""

    def test_a_long_persona_stays_indented(self, tmp_path):
        """Every line of it, and a header alone holds nobody."""
        (tmp_path / "p.csv").write_text("name,biography\nAnn," + "I like tea and long walks. " * 20 + "\n")
        shown = CliRunner().invoke(app, ["personas", "check", str(tmp_path / "p.csv")]).stdout
        lines = shown[shown.index("\nAnn\n") + 5 :].rstrip().splitlines()
        assert len(lines) > 2 and all(line.startswith("  ") for line in lines)

    def test_a_header_alone_holds_nobody(self, tmp_path):
        """The file is not empty, and a table has no JSON."""
        (tmp_path / "p.csv").write_text("name,biography\n")
        with pytest.raises(InputError, match=r"it holds no row\. Give one person per row\."):
            check_personas(tmp_path / "p.csv")
        with pytest.raises(InputError, match=r"it holds no row that can be used\. Give one person per row."):
            read_personas(tmp_path / "p.csv")


def test_a_row_without_a_weight_repeats_nobody(tmp_path):
    """It is a mistake, and counts once; where no row is a person, the columns that there are are named."""
    (tmp_path / "p.csv").write_text("age,sex,w\n30,male,inf\n31,male,2\n32,male,-1\n")
    (tmp_path / "m.yaml").write_text("columns: {age: age, sex: sex}\nweight: w\n")
    found = check_personas(tmp_path / "p.csv", tmp_path / "m.yaml")
    assert (found["personas"], found["duplicates"], found["not_personas"]) == (1, 0, 2)
    (tmp_path / "p.csv").write_text("age|sex|w\n30|male|1\n")
    with pytest.raises(InputError, match=r"column 'age' .* is missing\. The file has the columns 'age\|sex\|w'\."):
        check_personas(tmp_path / "p.csv", tmp_path / "m.yaml")
