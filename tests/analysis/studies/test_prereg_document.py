"""The document of a preregistration: complete, the same from page and study, and no look."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abm.log import open_log
from analysis.studies.designs.prereg_document import preregistration_document
from analysis.studies.pages.cells import cells_of
from analysis.studies.pages.page import read_page
from analysis.studies.record.layout import Layout
from analysis.studies.study import Study
from moloch.errors import InputError
from tests.analysis.studies.test_verbs import moloch  # noqa: F401 (fixture)

PAGE = """
name: told
base: {arms: [rft, placebo], train_anchors: 4, held_out_anchors: 4}
cross: {audience: [default, neutral]}
exclude: []
seeds: 4
primary:
  question: Does it?
  looks: [2]
  hypotheses:
    - {name: H1, arm: rft, outcome: win_rate, margin: 2, direction: greater, where: {audience: default}, says: "It wins | more."}
stop: {usd: 0}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("told") / "told.yaml"
    path.write_text(PAGE, "utf-8")
    return path


@pytest.fixture(scope="module")
def document(page):
    return preregistration_document(read_page(page), page.with_name("study"))


class TestDocument:
    """Before the first call."""

    def test_what_it_fixes(self, document, page):
        """Models, prompts, probes, pools, arms, cells and looks, with what they are known by."""
        told = document.as_dict()
        assert told["status"] is None and not page.with_name("study").exists()
        assert told["preregistration"] == read_page(page).page.primary.id
        assert len(told["models"]["pocket"]) == 64 and set(told["prompts"]) == {"sales"}
        assert (
            told["probes"]["misrepresentation"]["version"] >= 3
            and told["probes"]["misrepresentation"]["judge"] == "exact"
        )
        assert [each["number"] for each in (told["anchors"][0]["train"], told["anchors"][0]["held_out"])] == [256, 256]
        assert [each["arm"] for each in told["arms"]] == ["rft", "placebo"] and len(told["arms"][0]["in"]) == 2
        assert len(told["cells"]) == 8 and told["seeds"] == [1, 2, 3, 4]
        assert [(look["seeds"], look["level"]) for look in told["looks"]] == [
            (2, pytest.approx(0.003051)),
            (4, pytest.approx(0.049, abs=1e-5)),
        ]
        assert set(told["settings"]) == {"audience=default", "audience=neutral"} and told["plan"][0]["calls"] > 0

    def test_prompts_stand_word_for_word(self, document):
        """A reader of the document sees the rule of honesty; what it is known by are still the digests."""
        said = document.as_dict()["wording"]["sales"]["write"]["system"]
        assert "Stay truthful" in said and f"[system]\n{said}\n\n[user]\n" in document.markdown()
        assert "wording" not in document.fixed

    def test_it_is_json(self, document):
        """And its id is of what it fixes alone."""
        assert json.loads(json.dumps(document.as_dict())) == document.as_dict()
        assert document.id == type(document)({"study": "x"}, document.fixed, {}).id

    def test_as_markdown(self, document):
        """Every section, and tables that hold whatever is written in them."""
        text = document.markdown()
        for said in ("## 1. Aims", "Does it?", "win rate: rft > its comparator, audience=default", "It wins \\| more.", "2 points",
                     "## 7. How to verify it", document.id, "0.003051", "usd 0", "audience: neutral"):  # fmt: skip
            assert said in text
        assert "The study has not begun" in text and "**Background.** *Not said.*" in text

    def test_a_page_that_declares_nothing_has_none(self, tmp_path):
        """And the error says how to."""
        path = tmp_path / "x.yaml"
        path.write_text("name: x\nseeds: 2\n", "utf-8")
        with pytest.raises(InputError, match="declares nothing beforehand"):
            preregistration_document(read_page(path))


class TestCommand:
    """``moloch study prereg``."""

    def test_of_a_page_and_of_its_study(self, moloch, page, document):  # noqa: F811
        """The same document; a study's has the event and the head of the log's chain with it."""
        study = Study(page, out=page.with_name("begun"))
        study.begin()
        out = page.with_name("told.json")
        assert moloch("study", "prereg", study.folder, "--out", out).code == 0
        told = json.loads(out.read_text("utf-8"))
        assert told["document"] == document.id and told["status"]["event"] == 0 and not study.state().looks
        assert told["status"]["head"] == open_log(Layout(study.folder).log, write=False).head().hash
        assert told["status"]["preregistration"] == told["preregistration"] and told["status"]["amendments"] == []

    def test_other_files_are_refused(self, moloch, page):  # noqa: F811
        """Before anything is read."""
        done = moloch("study", "prereg", page, "--out", "x.pdf")
        assert done.code == 2 and "x.pdf: a preregistration is Markdown or JSON" in done.err


def test_the_example_is_a_page():
    """Thirty-two cells, and hypotheses of which each speaks of arms that both markets have."""
    written = read_page(Path(__file__).parents[3] / "examples/preregistered.yaml")
    made = cells_of(written)
    assert len(made.cells) == 32 and not made.impossible and len(written.page.primary.hypotheses) == 6
