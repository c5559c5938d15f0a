"""Survey microdata as personas: what columns mean, how much people count, and how many are taken."""

from __future__ import annotations

import csv

import pytest

from populations import InputError, load_personas, read_mapping, read_personas

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
            ("columns: {age: V}\ntext: '{aeg}'", "the template names 'aeg'"),
            ("columns: {age: V}\nmargins: {sex: {m: 1}}", "margins of 'sex', which is no attribute"),
            ("columns: {age: V}\nmargins: {age: {1: -1}}", "survey.yaml:2:17: margins.age.1 is not valid"),
            ("columns: [", "survey.yaml:1:11: not valid YAML"),
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
