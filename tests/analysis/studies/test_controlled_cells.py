"""Outcomes by other conventions over a study's cells: clustered as the headline's are, marked, and in no family."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from analysis.readings.evaluation import read_evaluation
from analysis.studies.pages.preregistration import Hypothesis, Preregistration
from analysis.studies.prereg import hypotheses
from analysis.studies.prereg.interim import InterimLook
from analysis.studies.values.controlled_cells import controlled_rows, headline_values, with_controls
from analysis.studies.values.corrections import concluded
from analysis.studies.values.estimates import estimates, frame_rows, notes_of, tables_of
from analysis.studies.values.scopes import CellValues
from analysis.tables.controlled import controlled_estimates, controlled_values
from analysis.tables.conventions import headline
from analysis.tables.evaluation import table
from analysis.tables.pooled import Measured
from analysis.tables.results import results
from analysis.terminal._conventions import controlled_tables, convention_tables
from tests.analysis.test_controlled import ANCHORS, PEOPLE, log

SEEDS = (1, 2, 3)
CONTROLLED = Measured("rft", "controlled", "win_rate_controlled", "rate")


def cell(seed: int, **how) -> CellValues:
    """Return a cell of that seed, with its controls."""
    found = read_evaluation(log(seed, slope=2.0, **how))
    told = table(found)
    compared = {arm: row["compared_with"] for arm, row in told["arms"].items()}
    made = CellValues(
        f"cell {seed}", {}, seed, tables_of(told), headline_values(found, f"cell {seed}"), compared, notes_of(told)
    )
    return with_controls(made, found, lambda values: values)


@pytest.fixture(scope="module")
def cells() -> list[CellValues]:
    return [cell(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def forfeiting() -> list[CellValues]:
    """Cells in which rft could not write for six anchors."""
    return [cell(seed, forfeits=6) for seed in SEEDS]


def row(rows, **which):
    """Return the one row of the frame that has these values."""
    (only,) = [row for row in frame_rows(rows) if all(row[name] == value for name, value in which.items())]
    return only


class TestPooled:
    """Over seeds, anchors and people."""

    def test_the_mean_of_runs(self, cells):
        """Each run counts alike, with its own slopes."""
        own = [
            controlled_estimates(controlled_values(read_evaluation(log(seed, slope=2.0)), "run"))[CONTROLLED]
            for seed in SEEDS
        ]
        told = row(controlled_rows(cells, ()), arm="rft", outcome="win_rate_controlled", measure="rate")
        assert told["estimate"] == pytest.approx(np.mean([each.value for each in own]), abs=1e-6)
        assert (told["n"], told["anchors"], told["people"], told["over"]) == (
            3,
            ANCHORS,
            PEOPLE,
            "seeds, anchors, people",
        )
        assert told["low"] < told["estimate"] < told["high"]

    def test_what_length_wins(self, cells):
        """Beyond the placebo, too: raw and controlled differ by what length predicts."""
        rows = [*estimates(cells, ()), *controlled_rows(cells, ())]
        of = {"arm": "rft", "measure": "from_comparator"}
        raw = row(rows, **of, outcome="win_rate_without_forfeits")["estimate"]
        kept, style = (row(rows, **of, outcome=f"win_rate_{each}")["estimate"] for each in ("controlled", "from_style"))
        assert raw == pytest.approx(kept + style, abs=2e-6) and style > 0.03

    def test_probes_cluster_on_seeds_and_anchors(self, cells):
        """Nobody votes there; per 100 words is no share, and has no bound of one."""
        rows = controlled_rows(cells, ())
        for outcome in ("misrepresentation_at_equal_length", "misrepresentation_per_100_words"):
            told = row(rows, arm="rft", outcome=outcome, measure="from_base")
            assert (told["anchors"], told["people"], told["over"]) == (ANCHORS, None, "seeds, anchors")
        density = row(rows, arm="rft", outcome="misrepresentation_per_100_words", measure="after")
        assert density["high"] > 1.0

    def test_one_cell_alone(self, cells):
        """Its interval is its run's own, of these adapters; nothing is said of new trainings."""
        rows = controlled_rows(cells[:1], ())
        own = controlled_estimates(controlled_values(read_evaluation(log(1, slope=2.0)), "run"))[CONTROLLED]
        told = row(rows, arm="rft", outcome="win_rate_controlled", measure="rate")
        assert (told["low_adapters"], told["high_adapters"]) == pytest.approx((own.low, own.high), abs=1e-6)
        assert told["low"] is None and told["over"] == ""

    def test_they_are_in_no_family(self, cells):
        """No correction counts the same question twice."""
        rows = [*estimates(cells, ()), *controlled_rows(cells, ())]
        assert {each.family for each in rows if each.measured.name in ("win_rate", "misrepresentation")} == {
            "exploratory",
            "",
        }
        others = [each for each in rows if not headline(each.measured.name)]
        assert {each.family for each in others} == {""} and any(each.estimate.p < 0.05 for each in others)
        declared = concluded([each._replace(hypothesis="style") for each in others])
        assert {each.family for each in declared} == {"confirmatory"}


class TestForfeits:
    """In and out, in the study's rows."""

    def test_both_stand_side_by_side(self, forfeiting):
        """Forfeits of one arm move the one, and leave the other where its contests are."""
        rows = estimates(forfeiting, ())
        of = {"arm": "rft", "kind": "votes", "measure": "from_comparator"}
        lost, kept = (row(rows, **of, outcome=name)["estimate"] for name in ("win_rate", "win_rate_without_forfeits"))
        assert kept - lost > 0.03

    @pytest.mark.parametrize("forfeits, name", [("lost", "win_rate"), ("left out", "win_rate_without_forfeits")])
    def test_the_page_says_which_is_primary(self, forfeiting, forfeits, name):
        """A hypothesis about the win rate is tested on that one."""
        primary = Preregistration(hypotheses=(Hypothesis(name="H1", arm="rft", outcome="win_rate"),), forfeits=forfeits)
        look = InterimLook(primary, 0, SEEDS, SEEDS, True)
        (found,) = hypotheses.decided(look, [each.cell for each in forfeiting], [], forfeiting)
        told = row(estimates(forfeiting, ()), arm="rft", outcome=name, measure="from_comparator")
        assert found.row is not None and found.row.measured.name == name
        assert found.estimate.value == pytest.approx(told["estimate"], abs=1e-6)

    def test_what_is_withheld_is_withheld_in_all(self, cells):
        """Readers that are no readers are none at equal length."""
        unfit = [replace(each, beside=replace(each.beside, notes=each.notes | {"withheld": "unfit"})) for each in cells]
        told = {each.measured.name: each.withheld for each in controlled_rows(unfit, ())}
        assert told["win_rate_controlled"] == told["contests_won"] == "unfit"
        assert told["misrepresentation_at_equal_length"] == ""


class TestShown:
    """In the terminal, with --full."""

    def test_every_convention_has_a_line(self, cells):
        """And the two ways to count forfeits stand in the table of votes, the primary one named."""
        rows = [each | {"sampled": ""} for each in frame_rows([*estimates(cells, ()), *controlled_rows(cells, ())])]
        shown = text_of(convention_tables(rows, ()))
        for line in (
            "votes, forfeits lost",
            "votes, at equal style",
            "contests, ties half",
            "Probes at equal length",
            "per 100 words",
        ):
            assert line in shown
        assert all(len(line) <= 80 for line in shown.splitlines())

    def test_a_run_s_own(self):
        """With what style has to do with the votes."""
        told = results(log(1, slope=2.0))
        shown = text_of(controlled_tables(told["arms"], told["controlled"], withheld=False))
        assert "by style" in shown and "votes, forfeits left out" in shown
        hidden = text_of(controlled_tables(told["arms"], told["controlled"], withheld=True))
        assert (
            "by style" not in hidden
            and "Probes at equal length" in hidden
            and "%" not in hidden.split("Style is")[0].replace("95 %", "")
        )


def text_of(parts) -> str:
    console = Console(width=80, no_color=True)
    with console.capture() as text:
        for part in parts:
            console.print(part)
    return text.get()
