"""The questions under a run's answer lead to the pages that answer them."""

from __future__ import annotations

from analysis.frames import CellRun
from analysis.ui.address import PageAddress
from analysis.ui.data.questions import TO_CHOOSE, nearest_cells, questions

TABLES = {"arms": {"placebo": {"compared_with": ""}, "rft": {"compared_with": "placebo"}}}
HERE = PageAddress(run="one", page="result", arm="tfb", seq=7)


def places(tables: dict, **config: str) -> list[PageAddress]:
    """Return where they lead."""
    return [PageAddress.parse(each["url"].partition("?")[2]) for each in questions(tables, config, HERE)]


class TestQuestions:
    """Each is one click from the answer."""

    def test_nothing_of_where_one_stood_goes_along(self):
        """The run does; the pair is the first arm with a comparator."""
        found = places(TABLES, world="networked")
        assert {each.run for each in found} == {"one"} and all(each.seq == -1 and each.arm != "tfb" for each in found)
        assert [(each.arm, each.against) for each in found if each.against] == [("rft", "placebo")]
        assert {each.page for each in found} == {"people", "compare", "diffusion", "persona", "training"}

    def test_another_run_is_compared_at_once_where_there_is_one(self):
        """Under its own name, whatever the pair of arms is called; otherwise it is chosen on the page."""
        beside = questions(TABLES, {}, HERE, "parent")[-1]
        assert beside["text"] == "How does parent differ from this run?"
        assert PageAddress.parse(beside["url"].partition("?")[2]).other == "parent"
        assert PageAddress.parse(questions(TABLES, {}, HERE)[-1]["url"].partition("?")[2]).other == TO_CHOOSE
        of_study = questions(TABLES, {}, HERE, "s2", "small")[-1]
        assert of_study["text"] == "How does s2, another cell of small, differ from this run?"

    def test_the_cell_that_is_compared(self):
        """Of the same study the one that differs least: one factor at the same seed, else the next seed."""

        def cell(name: str, seed: int, level: str) -> CellRun:
            return CellRun(name, seed, {"audience": level}, name)

        cells = [cell("a1", 1, "default"), cell("a2", 2, "default"), cell("a9", 9, "default"), cell("b9", 9, "neutral")]
        assert nearest_cells("a9", cells) == ["b9", "a2", "a1"]
        assert nearest_cells("a1", cells) == ["a2", "a9", "b9"] and nearest_cells("none", cells) == []

    def test_only_what_the_run_can_answer_is_asked(self):
        """Messages spread in a networked world alone; no comparator, no pair; a persona answers where a model plays it."""
        assert not [each for each in places({"arms": {"rft": {"compared_with": ""}}}) if each.against]
        assert "diffusion" not in {each.page for each in places(TABLES, world="isolated")}
        texts = " ".join(each["text"] for each in questions(TABLES, {"audience": "llm"}, HERE))
        assert "Ask it" in texts and "spread" not in texts
