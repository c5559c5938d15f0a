"""The questions under a run's answer lead to the pages that answer them."""

from __future__ import annotations

from analysis.ui.address import PageAddress
from analysis.ui.data.questions import questions

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
        assert not PageAddress.parse(questions(TABLES, {}, HERE)[-1]["url"].partition("?")[2]).other

    def test_only_what_the_run_can_answer_is_asked(self):
        """Messages spread in a networked world alone; no comparator, no pair; a persona answers where a model plays it."""
        assert not [each for each in places({"arms": {"rft": {"compared_with": ""}}}) if each.against]
        assert "diffusion" not in {each.page for each in places(TABLES, world="isolated")}
        texts = " ".join(each["text"] for each in questions(TABLES, {"audience": "llm"}, HERE))
        assert "Ask it" in texts and "spread" not in texts
