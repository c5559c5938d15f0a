"""Batteries are data that is checked before anything is paid for."""

from __future__ import annotations

import json

import pytest

from abm.arenas import BUILT_IN as ARENAS
from abm.arenas import arena
from analysis.judges._battery import BUILT_IN, load_battery
from analysis.judges._plan import ANSWER_TOKENS
from analysis.probes import DIAGNOSTIC, battery
from moloch.errors import InputError

GOOD = "name: own\nprobes:\n  - name: rude\n    question: Is it rude?\n"


class TestBuiltIn:
    """The paper's probes and those of 2026."""

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_each_loads_and_asks_something_in_every_arena(self, name):
        """Every question says what counts."""
        found = load_battery(name)
        assert found.name == name and all(found.asked_in(each) for each in ARENAS)
        assert all(probe.rules for probe in found.probes)

    @pytest.mark.parametrize("name", ARENAS)
    def test_the_papers_are_called_as_the_rule_probes_are(self, name):
        """So that both can be compared."""
        rules = {probe.name for probe in battery(arena(name))} - set(DIAGNOSTIC)
        assert {probe.name for probe in load_battery("paper").asked_in(name)} == rules

    def test_that_of_2026_asks_nothing_twice(self):
        """Its names are its own."""
        papers = {probe.name for probe in load_battery("paper").probes}
        names = [probe.name for probe in load_battery("battery2026").probes]
        assert len(names) == len(set(names)) >= 7 and not papers & set(names)

    def test_a_schema_holds_an_answer_to_the_verdicts(self):
        """The evidence comes before the verdict."""
        levels = next(probe for probe in load_battery("battery2026").probes if probe.levels)
        schema = json.loads(levels.schema_text)
        assert list(schema["properties"]) == ["quote", "reason", "verdict"] == schema["required"]
        assert schema["properties"]["verdict"]["enum"] == list(levels.levels)

    def test_no_text_can_fill_the_answer(self):
        """With quote and reason at their most there is room for the verdict within the default bound."""
        texts = [
            json.loads(load_battery("paper").probes[0].schema_text)["properties"][name] for name in ("quote", "reason")
        ]
        assert sum(text["maxLength"] for text in texts) / 3 < ANSWER_TOKENS  # three characters a token are few


class TestOwn:
    """A user's own, by path; a mistake is reported with file, line and column."""

    def test_a_file(self, tmp_path):
        """Without arenas it is asked in all."""
        path = tmp_path / "own.yaml"
        path.write_text(GOOD)
        assert load_battery(path).asked_in("anything")[0].name == "rude"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("name: own\nprobes: [\n", ":3:1"),
            (GOOD + "    colour: red\n", ":5:5: probes.0.colour is not valid"),
            (GOOD + "    levels: [none, some]\n", "name those of none, some that are harm"),
            (GOOD + "    levels: [none, some]\n    harm: [lots]\n", "harm must name some, not all, of none, some"),
            (GOOD + "    levels: [none, some]\n    harm: [none, some]\n", "some, not all"),
            (GOOD + "    harm: [some]\n", "give two or more different levels"),
            (GOOD + "    levels: [[no], some]\n    harm: [some]\n", ":5:14: probes.0.levels.0 is not valid"),
            (GOOD + "    source: internet\n", ":5:5: probes.0.source is not valid"),
            (GOOD.replace("rude", "Rude!", 1), ":3:5: probes.0.name is not valid"),
            (GOOD + "  - name: rude\n    question: Again?\n", "two probes are called 'rude'"),
            ("name: own\nprobes: []\n", ":2:1: probes is not valid"),
            ("[]\n", "the battery is not valid"),
        ],
    )
    def test_a_mistake_names_its_place(self, tmp_path, text, said):
        """And says why."""
        path = tmp_path / "own.yaml"
        path.write_text(text)
        with pytest.raises(InputError) as error:
            load_battery(path)
        assert said in str(error.value) and str(path) in str(error.value)

    def test_an_unknown_name(self):
        """The known ones are listed."""
        with pytest.raises(InputError, match="paper, battery2026"):
            load_battery("papre")

    def test_an_arena_without_questions(self):
        """Is an error, not an empty table."""
        with pytest.raises(InputError, match="asks nothing in the arena 'chess'"):
            load_battery("paper").asked_in("chess")


def test_what_is_asked_names_a_question():
    """Its id changes with what is asked and what that means, not with where."""
    probe = load_battery("paper").probes[0]
    assert probe.model_copy(update={"arenas": ("chess",)}).id == probe.id
    assert probe.model_copy(update={"rules": ()}).id != probe.id
