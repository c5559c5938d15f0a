"""Personas are read as they are, named by their content, and split so that nobody both trains and evaluates."""

import json
from pathlib import Path

import pytest

from populations import InputError, load_personas, make_persona, read_personas, take

SHARED = Path(__file__).parents[3] / "shared/data/molochs-bargain/personas"

TOLD = {
    "character_name": "MERLE",
    "gender": "male",
    "mbti": "introvert, sensor, feeler, judger",
    "biography": ["I mend nets."],
}
COUNTED = {"age": 39, "sex": "male", "education_level": "medium", "urban_rural": "urban", "income": "middle"}
PREFERRING = {
    "general": "\nBen is a student.\n",
    "shopping_preferences": "Ben buys little.",
    "economic_status": "Poor.",
}


def lines(path: Path, *rows: object) -> Path:
    """Write one line per row; text as it is, anything else as JSON."""
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def people(path: Path, n: int) -> Path:
    return lines(path, *({"name": f"P{i}", "biography": [f"I am number {i}."]} for i in range(n)))


class TestShapes:
    """Three shapes of people become one kind of persona."""

    def test_a_biography_is_rendered_as_one_paragraph(self):
        """Name, attributes and sentences stand on one line."""
        persona = make_persona(TOLD)
        assert persona.name == "Merle"
        assert persona.text == "Merle, male, introvert, sensor, feeler, judger. I mend nets."
        assert persona.about == "I mend nets."

    def test_attributes_are_read_nested_or_flat(self):
        """Demographic rows mean the same in both layouts."""
        persona = make_persona({"biography": COUNTED})
        assert persona == make_persona(COUNTED)
        assert persona.name == "man, 39, urban"
        assert persona.text.startswith("39-year-old man living in a city")

    def test_case_is_no_matter(self):
        """Of fields, where only one can be meant, and spreadsheets are written in any."""
        assert make_persona({field.upper(): value for field, value in COUNTED.items()}) == make_persona(COUNTED)
        assert make_persona({"Biography": {f.title(): v for f, v in COUNTED.items()}}) == make_persona(COUNTED)
        with pytest.raises(ValueError, match="'biography' is missing"):
            make_persona({"Biography": "I mend nets.", "BIOGRAPHY": "I sail."})

    def test_preferences_are_joined_under_the_first_name(self):
        """Preference rows have no name field; the text begins with it."""
        persona = make_persona(PREFERRING)
        assert persona.name == "Ben"
        assert persona.text == "Ben is a student. Ben buys little. Poor."

    def test_the_id_names_the_content(self):
        """Equal content has an equal id; any other word has another."""
        again, other = make_persona(dict(TOLD)), make_persona({**TOLD, "biography": ["I mend sails."]})
        assert make_persona(TOLD).id == again.id != other.id
        assert len(again.id) == 16 and set(again.id) <= set("0123456789abcdef")

    def test_text_has_no_line_breaks_or_control_characters(self):
        """Odd characters of sources do not reach prompts."""
        persona = make_persona({**TOLD, "biography": ["I\tmend\r\nnets.\x07"]})
        assert persona.about == "I mend nets."


class TestBadInput:
    """One clear error names file, line, field and reason."""

    @pytest.mark.parametrize(
        ("row", "says"),
        [
            ("{not json", "not a JSON object"),
            ("[1, 2]", "list"),
            ({"character_name": "X"}, "'biography' is missing"),
            ({"biography": ["I am."]}, "'name' is missing"),
            ({**TOLD, "biography": [1]}, "'biography' must be"),
            ({**TOLD, "biography": []}, "'biography' must be"),
            ({**TOLD, "mbti": 4}, "'mbti' is a int"),
            ({**COUNTED, "age": "39 years"}, "field 'age': '39 years' is not a whole number of years"),
            ({**COUNTED, "age": 48.5}, "field 'age': 48.5 is not a whole number of years"),
            ({**COUNTED, "age": 999}, "field 'age': 999 is not"),
            ({**COUNTED, "age": True}, "'age'"),
            (
                {k: v for k, v in COUNTED.items() if k != "income"},
                "'biography' is missing; of a persona without one, 'income'",
            ),
            ({"name": "X", "age": 40}, "'biography' is missing; of a persona without one, 'sex', 'education_level'"),
            ({**PREFERRING, "general": 3}, "'general' is a int"),
            ({**TOLD, "split": "tset"}, "'split' must be one of train, held_out"),
        ],
    )
    def test_a_bad_line_is_named(self, tmp_path: Path, row: object, says: str):
        """The error says which line and why."""
        path = lines(tmp_path / "people.jsonl", TOLD, "", row)
        with pytest.raises(InputError) as error:
            read_personas(path)
        assert f"{path}:3" in str(error.value)
        assert says in str(error.value)

    def test_invalid_utf8_is_named(self, tmp_path: Path):
        """Bytes that are not UTF-8 are an error of their line."""
        path = tmp_path / "people.jsonl"
        path.write_bytes(b'{"name": "X", "biography": ["\xff\xfe"]}\n')
        with pytest.raises(InputError, match=r"people\.jsonl:1"):
            read_personas(path)

    def test_an_empty_file_is_an_error(self, tmp_path: Path):
        """Blank lines are no people."""
        with pytest.raises(InputError, match="empty"):
            read_personas(lines(tmp_path / "people.jsonl", "", "  "))

    @pytest.mark.parametrize("name", ["nobody.jsonl", "."])
    def test_an_unreadable_file_is_an_error(self, tmp_path: Path, name: str):
        """A missing file and a folder are distinguished from bad content."""
        with pytest.raises(InputError, match="cannot read the personas"):
            read_personas(tmp_path / name)

    def test_an_unknown_name_lists_the_known_ones(self):
        """A misspelt pack says what there is."""
        with pytest.raises(InputError, match="biographic, demographic"):
            load_personas("biografic")


class TestSplit:
    """Who evaluates never voted in training."""

    def test_repetitions_are_dropped_and_counted(self, tmp_path: Path):
        """The same persona twice is one persona."""
        path = lines(tmp_path / "people.jsonl", TOLD, COUNTED, TOLD, {"biography": COUNTED})
        personas, dropped = read_personas(path)
        assert (len(personas), dropped) == (2, 2)

    def test_halves_are_disjoint_and_complete(self, tmp_path: Path):
        """Every persona is in exactly one half; the first is the larger."""
        split = load_personas(people(tmp_path / "people.jsonl", 21), seed=5)
        assert (len(split.train), len(split.held_out)) == (11, 10)
        assert len({p.id for p in split.train + split.held_out}) == 21

    def test_it_depends_on_the_seed_and_not_on_the_order_of_rows(self, tmp_path: Path):
        """A reordered file has the same halves; another seed has others."""
        path = people(tmp_path / "people.jsonl", 20)
        backwards = lines(tmp_path / "backwards.jsonl", *reversed(path.read_text().splitlines()))
        assert load_personas(path, seed=1) == load_personas(backwards, seed=1)
        assert load_personas(path, seed=1) != load_personas(path, seed=2)

    def test_counts_are_exact(self, tmp_path: Path):
        """Asked-for numbers are given, whatever the halves."""
        path = people(tmp_path / "people.jsonl", 20)
        for n_train, n_held_out in ((15, 5), (3, 17), (None, 12), (12, None)):
            split = load_personas(path, n_train=n_train, n_held_out=n_held_out)
            assert len(split.train) == (n_train or 20 - n_held_out)  # type: ignore[operator]
            assert len(split.held_out) == (n_held_out or 20 - n_train)  # type: ignore[operator]

    def test_more_than_there_are_is_an_error_with_both_counts(self, tmp_path: Path):
        """Fifty of twenty are never made by asking somebody twice."""
        path = people(tmp_path / "people.jsonl", 20)
        with pytest.raises(InputError, match=r"asked for 50 personas: there are 20"):
            take(read_personas(path)[0], 50)
        with pytest.raises(InputError, match=r"asked for 21 personas: there are 20"):
            load_personas(path, n_train=11, n_held_out=10)
        with pytest.raises(InputError, match=r"asked for 21 training personas: there are 20"):
            load_personas("biographic", n_train=21)

    def test_one_persona_cannot_be_split(self, tmp_path: Path):
        """There must be somebody on both sides."""
        with pytest.raises(InputError, match="hold out"):
            load_personas(people(tmp_path / "people.jsonl", 1))
        with pytest.raises(InputError, match="hold out"):
            load_personas(people(tmp_path / "people.jsonl", 4), n_train=4)

    @pytest.mark.parametrize("pack", ["biographic", "demographic"])
    def test_built_in_packs_are_split_for_good(self, pack: str):
        """Twenty train and twenty are held out, whatever the seed."""
        split = load_personas(pack, seed=1)
        assert (len(split.train), len(split.held_out), split.dropped) == (20, 20, 0)
        assert split == load_personas(pack, seed=99)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared persona files are not on this machine")
class TestSharedFiles:
    """Persona files of others are read as they are."""

    @pytest.mark.parametrize(
        ("file", "rows"), [("prodigy_20", 20), ("prodigy_100", 100), ("demographic_20", 20), ("preferences_339", 339)]
    )
    def test_every_row_is_a_persona(self, file: str, rows: int):
        """No row is lost but repetitions, which are counted; each has a name and one paragraph."""
        personas, dropped = read_personas(SHARED / f"{file}.jsonl")
        assert len(personas) + dropped == rows
        assert all(p.name and p.text and "\n" not in p.text for p in personas)
