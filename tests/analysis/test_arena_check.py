"""``moloch arena check`` says what is wrong with an arena, how its prompts read, and which models can write in it."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

from abm.arenas import BUILT_IN, arena
from analysis.checks.arenas import check_arena
from analysis.cli.app import app

SALES = resources.files("abm").joinpath("arenas/data/sales.yaml").read_text("utf-8")
DEBATE = Path(__file__).parents[2] / "docs" / "extending" / "parts" / "debate.yaml"


@pytest.fixture
def changed(tmp_path):
    """Return a function that writes the sales arena with a change, which has to be one, and checks it."""

    def check(old: str, new: str, times: int = 1) -> list[str]:
        assert SALES.count(old) >= 1
        path = tmp_path / "mine.yaml"
        path.write_text(SALES.replace(old, new, times))
        return [each.removeprefix(f"{tmp_path}/") for each in check_arena(str(path))["mistakes"]]

    return check


class TestMistakes:
    """Each with its place, and what to do."""

    @pytest.mark.parametrize("name", [*BUILT_IN, str(DEBATE)])
    def test_the_arenas_that_are_shown_have_none(self, name):
        """Built in, or to copy."""
        assert check_arena(name)["mistakes"] == []

    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ("{anchor}", "{anchors}", "mine.yaml:15:1: write does not show {anchor}: the product that a sales pitch is about"),
            ("{anchor}", "{anchors}", "mine.yaml:18:3: write names {anchors}, which nothing fills in. Did you mean {anchor}?"),
            ("{persona}", "somebody", "mine.yaml:24:1: react does not show {persona}"),
            ("{options}", "", "mine.yaml:24:1: react does not show {options}: each sales pitch of a contest, lettered"),
            ("tag: sales_pitch", "tag: pitch", "mine.yaml:15:1: write does not ask for <pitch> and </pitch>: .*it asks for <sales_pitch>"),
            ("</sales_pitch>.", ".", "write does not ask for </sales_pitch>"),
            ("tag: sales_pitch", "tag: choice", "mine.yaml:11:1: the tag cannot be 'choice'"),
            ("<choice></choice>", "brackets", "mine.yaml:24:1: react does not ask for <choice>"),
            ("in two or three", "in <sales_pitch>, two or three", "plain.write asks for <sales_pitch>"),
            ("copy_error, ", "copy_errors, ", "mine.yaml:13:29: unknown probe 'copy_errors'. Did you mean 'copy_error'?"),
            ("copy_error, ", "unparsed, ", "the probe 'unparsed' appears twice"),
        ],
    )  # fmt: skip
    def test_in_a_copy(self, changed, old, new, says):
        """Of the kinds that people make when they change a copy."""
        found = changed(old, new)
        pattern = ".*".join(map(re.escape, says.split(".*")))
        assert any(re.match(pattern, each) or says in each for each in found), found

    def test_exit_code_1(self, tmp_path):
        """So that a script can ask; what is no arena at all is one line and exit code 2."""
        path = tmp_path / "mine.yaml"
        path.write_text(SALES.replace("{anchor}", "it", 1))
        shown = CliRunner().invoke(app, ["arena", "check", str(path)])
        assert shown.exit_code == 1 and "write does not show {anchor}" in shown.stdout
        assert CliRunner().invoke(app, ["arena", "check", "sales"]).exit_code == 0


class TestAnchors:
    """What they are, column by column."""

    def test_a_table_shows_its_columns(self, tmp_path):
        """Which field each is, and which are read by nothing; the first row stands in the previews."""
        (tmp_path / "motions.csv").write_text("Motion,background,year\nOpen on Sundays,412 people signed.,1999\n")
        found = check_arena(str(DEBATE), tmp_path / "motions.csv")
        assert {column: each["field"] for column, each in found["anchors"]["columns"].items()} == {
            "Motion": "motion", "background": "background", "year": "",
        }  # fmt: skip
        written = found["prompts"][0]["messages"][-1]["content"]
        (mistake,) = found["mistakes"]
        assert "no anchors to hold out" in mistake
        assert "Motion: Open on Sundays\nBackground: 412 people signed." in written

    def test_what_is_wrong_with_them_is_listed(self, tmp_path):
        """With the columns that are there."""
        (tmp_path / "motions.csv").write_text("topic,background\nOpen on Sundays,412 people signed.\n")
        (mistake,) = check_arena(str(DEBATE), tmp_path / "motions.csv")["mistakes"]
        assert (
            "motions.csv:2: not a motion: field 'motion' is missing or empty; the row has 'topic', 'background'"
            in mistake
        )

    def test_every_prompt_is_shown_with_all_filled(self):
        """As models get them, in both formats."""
        found = check_arena("elections")
        texts = [message["content"] for each in found["prompts"] for message in each["messages"]]
        assert len(found["prompts"]) == 6 and not [text for text in texts if "{" in text]
        assert found["anchor"]["real"] and found["anchor"]["subject"] in texts[1]


class TestModels:
    """Which can write in it."""

    def test_the_pocket_model_writes_what_it_was_trained_on(self, tmp_path):
        """A copy under another name asks for the same; another tag, label or word does not."""

        def pocket(text: str) -> bool:
            (tmp_path / "mine.yaml").write_text(text)
            return check_arena(str(tmp_path / "mine.yaml"))["models"][0]["writes"]

        assert pocket(SALES.replace("name: sales", "name: mine"))
        assert not pocket(SALES.replace("sales_pitch", "pitch"))
        assert not pocket(SALES.replace("label: Title", "label: Name"))
        assert not pocket(SALES.replace("one short", "one long"))

    def test_plain_text(self):
        """Where it can be asked for."""
        assert [each["writes"] for each in check_arena(str(DEBATE))["models"]] == [False, True, True]


def test_json_holds_all():
    """One object, and nothing else on stdout."""
    shown = CliRunner().invoke(app, ["arena", "check", "social", "--json"])
    assert json.loads(shown.stdout)["tag"] == arena("social").tag
