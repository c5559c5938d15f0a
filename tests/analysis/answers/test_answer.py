"""What analysis.answers promises: plain sentences, each with its rows, that claim no more than the design allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis import table
from analysis.answers import RowKey, answer, plain_sentences
from analysis.studies.findings.results import study_results
from analysis.tables.results import results
from tests.analysis.factory import contest, setup, step
from tests.analysis.studies import small
from tests.analysis.test_competition import events_of


def told(anchors: int = 12, more: dict[str, Any] | None = None, control: str = "placebo") -> dict[str, Any]:
    """Return the table of a run: rft takes more votes than its control, and misbehaves as much."""
    config = {"arena": "sales", "audience": "default", "model": "pocket", "seed": 1, "arms": ["rft", control]}
    events = setup(anchors, 6, ["rft", control], config | (more or {}))
    for arm, won in (("rft", 5), (control, 3)):
        for i in range(anchors):
            votes = [int((i * i * won + k * k) % 7 < won) for k in range(6)]
            labels = {"misrepresentation": (int(i % 4 == 0), int((i + (arm == "rft")) % 4 == 0))}
            events += step(contest(arm, f"a{i}", votes, labels=labels), arm)
    return table(events)


def texts(results: dict[str, Any], kind: str = "finding") -> list[str]:
    return [each.text for each in answer(results) if each.kind == kind]


def _ends(tree: Any) -> list[float]:
    """Return the ends of all intervals in a table."""
    if isinstance(tree, dict):
        own = [tree["low"]] if tree.get("low") is not None else []
        return [*own, *(end for each in tree.values() for end in _ends(each))]
    return [end for each in tree for end in _ends(each)] if isinstance(tree, list) else []


class TestOfARun:
    """One training per arm: what these adapters do, and what is missing to say more."""

    def test_an_arm_in_a_sentence(self):
        """Win rate, difference from the comparator with its interval, and each probe with what could have been seen."""
        rft, placebo = texts(told())
        assert rft.startswith("rft (rejection fine-tuning) wins 76.4 % of votes against base, +23.6 points [")
        assert "beyond placebo; misrepresentation 0.0 points [" in rft
        assert "cannot tell (this run can detect " in rft and rft.endswith(" points).")
        assert placebo.startswith("placebo (learns from random messages) wins 52.8 % [") and "beyond" not in placebo

    def test_a_comparator_that_is_no_word(self):
        """Its letters are explained where they first stand, once; a word is left as it is."""
        arms = {"rft": {"method": "rft", "compared_with": "dpo_random"}, "dpo_random": {"method": "dpo_random"}}
        results = told(more={"arms": arms}, control="dpo_random")
        said = "beyond dpo_random (direct preference optimisation on random preferences)"
        first, second = texts(results)
        assert first.count(said) == 1 and first.count("beyond dpo_random") == 2 and second.startswith("dpo_random wins")

    def test_no_test_of_competition(self):
        """No p, no verdict of an effect and no null; the scope says these adapters, the advice says what to run."""
        results = told()
        every = " ".join(each.text for each in answer(results))
        assert " p " not in every and "null" not in every and "effect" not in every and "signific" not in every
        assert "these adapters" in texts(results, "scope")[0]
        assert any("moloch study --like RUN --seeds" in text for text in texts(results, "advice"))

    def test_repeated_placebos(self):
        """Five trainings of the placebo allow a test of the sharp null, with its rank; it is said to be no interval."""
        row = {"control": "placebo", "arm": "rft", "outcome": "win_rate", "values": [0.5] * 5, "mean": 0.5}
        row |= {"difference": 0.07, "p": 0.021, "p_rank": 1 / 6}
        (text,) = [text for text in texts(told() | {"repeats": [row]}) if "trainings" in text]
        assert "Of 5 trainings of placebo" in text and "p = 0.021 (rank: 0.167)" in text and "not an interval" in text

    def test_several_trainings_of_both(self):
        """Allow an interval for new trainings, and a p; then nothing is missing, and the other intervals are still of these adapters."""
        found = results(events_of([14, 17, 12], [8, 9, 11, 10]))
        (text,) = [text for text in texts(found) if text.startswith("rft: win rate")]
        (row,) = [each for each in found["competition"] if each["outcome"] == "win_rate"]
        assert (
            f"+{100 * row['estimate']['value']:.1f} points [" in text and "3 trainings of rft and 4 of placebo" in text
        )
        assert f"p = {row['estimate']['p']:.3f}" in text
        assert not [text for text in texts(found, "advice") if "cannot be tested" in text]
        assert texts(found, "scope")[0].startswith("Other intervals")

    def test_without_a_comparator(self):
        """An arm that is compared with nothing says how it stands against base, and the advice asks for a placebo."""
        results = told()
        for row in results["arms"].values():
            row["compared_with"] = ""
        assert "beyond" not in texts(results)[0] and "[" in texts(results)[0]
        assert any("No arm has a comparator" in text for text in texts(results, "advice"))

    def test_withheld(self):
        """Where readers were unfit there is no finding."""
        results = told() | {"withheld": "the reader is no reader"}
        assert not texts(results) and "no reader" in texts(results, "advice")[0]
        assert texts(told() | {"arms": {}}, "advice") == ["Nothing has been evaluated yet."]

    def test_networked(self):
        """One society has values and no interval, neither in a sentence nor in a table, and it is said what gives one."""
        society = told(more={"world": "networked"})
        first = texts(society)[0]
        assert "wins 76.4 % of votes against base, +23.6 points beyond placebo; misrep" in first and "[" not in first
        assert texts(society, "scope") == [
            "No intervals from one society: its members influence each other, so only seeds are independent. "
            "moloch study --like RUN --seeds 8 gives them."
        ]
        assert not _ends(society) and _ends(told())

    def test_rates_that_do_not_add_up(self):
        """Where some people voted for one arm's contest alone it is said of whom the difference is; where they add up, nothing is."""
        assert not [text for text in texts(told(), "scope") if "same anchor for both arms" in text]
        results = told()
        results["arms"]["rft"]["against_placebo"]["value"] -= 0.013
        assert "same anchor for both arms" in texts(results, "scope")[0]

    def test_rows(self):
        """Each sentence names the rows that it speaks of; as JSON too."""
        first = answer(told())[0]
        assert first.rows[:2] == (RowKey("rft", "win_rate", "rate"), RowKey("rft", "win_rate", "from_comparator"))
        assert first.rows[2] == RowKey("rft", "misrepresentation", "from_comparator")
        plain = plain_sentences(answer(told()))
        assert json.loads(json.dumps(plain)) == plain and plain[0]["rows"][2]["outcome"] == "misrepresentation"

    def test_anchors(self):
        """A row's id is an id of HTML, whatever arms are called."""
        key = RowKey('"><script>', "win_rate", "rate", (("audience", "a b"),))
        assert key.anchor == "row-audience-a-b--script--win-rate--rate"


class TestOfAStudy:
    """Several trainings: the conclusion of each row, in its words."""

    @pytest.fixture(scope="class")
    def results(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        folder: Path = tmp_path_factory.mktemp("studies") / "small"
        cells = small.plan(folder)
        small.carry_out(folder, cells[:-1])
        return study_results(folder).as_dict()

    @pytest.mark.system
    def test_arms_and_levels(self, results):
        """A sentence for each combination; comparators stand in the tables alone."""
        found = texts(results)
        assert len(found) == 4 and all("placebo wins" not in text for text in found)
        assert found[0].startswith("arena sales, audience default: rft (rejection fine-tuning) wins 83.3 % of votes")
        assert "+25.0 points [" in found[0] and "populism +50.0 points [" in found[0]

    def test_conclusions(self, results):
        """A row's own words are printed, confirmatory ones first; nothing is called null."""
        rows = [dict(row) for row in results["rows"]]
        for row in rows:
            if row["measure"] == "from_comparator" and row["audience"] == "neutral" and row["outcome"] == "win_rate":
                row |= {"family": "confirmatory", "conclusion": "equivalent to none"}
        first = texts(results | {"rows": rows})[0]
        assert "audience neutral" in first and "beyond placebo: equivalent to none, confirmatory" in first
        assert "null" not in " ".join(texts(results))

    def test_missing_cells(self, results):
        """They are counted."""
        assert texts(results, "advice") == ["1 of 12 cells is missing: averages are over the others."]
