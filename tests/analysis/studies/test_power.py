"""What a study can find before it is paid for: with usual components and with a pilot's, of a page's design and of others."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analysis.statistics.crossed_designs import CrossedDesign
from analysis.studies.designs.plan import plan_study
from analysis.studies.designs.planned_power import study_power
from analysis.studies.designs.single_trainings import sharp_null_detectable
from analysis.studies.pages.cells import cells_of
from analysis.studies.pages.page import page_of
from analysis.studies.power.outcome_variances import outcome_variances
from analysis.studies.power.pilots import measured_components, read_pilots
from analysis.studies.record.layout import PAGE as STORED_PAGE
from analysis.studies.record.layout import Layout
from analysis.studies.values.estimates import CellValues, estimates
from analysis.tables.pooled import Measured, RunValues
from analysis.tables.repeats import sharp_null
from analysis.terminal.power import detectable_lines
from learning.runs.costs import planned
from moloch.errors import InputError
from tests.analysis.statistics.test_components import values
from tests.analysis.studies.small import carry_out, plan
from tests.support.command import command

SIZES = {"epochs": 1, "train_anchors": 8, "held_out_anchors": 16, "train_personas": 8, "held_out_personas": 16}
PAGE = {"name": "sized", "base": SIZES | {"arms": ["rft", "placebo"]}, "seeds": 3}
WIN_RATE = Measured("rft", "votes", "win_rate", "from_comparator")
PILOT = """
name: pilot
base: {arms: [rft, placebo]}
seeds: 4
"""


@pytest.fixture
def moloch(monkeypatch, capsys):
    """Run the command in this process; return its exit code, stdout and stderr."""
    return command(monkeypatch, capsys)


def varied(cell, arm):
    """Return a share of votes that differs by seed and arm."""
    return 0.5 + (arm == "rft") * (0.125 + 0.0625 * (cell.seed % 3))


@pytest.fixture(scope="module")
def pilot(tmp_path_factory):
    """A study of four seeds that has ended."""
    folder = tmp_path_factory.mktemp("pilot") / "pilot"
    carry_out(folder, plan(folder, PILOT), varied)
    return folder


class TestPageDesign:
    """What the page's own design finds."""

    @pytest.mark.system
    def test_more_seeds_find_less(self):
        """And the design is the page's: its seeds, its sizes, the draws that all seeds share."""
        few, many = (study_power(page_of(PAGE | {"seeds": seeds})).rows[0] for seeds in (3, 8))
        assert few.design == CrossedDesign(3, 16, 16) and many.detectable < few.detectable
        assert few.outcome.said == "win rate from placebo" and few.variances.said.startswith(
            "default, not from your pilot"
        )

    def test_anchors_that_are_drawn_anew_count(self):
        """The overlap of seeds is that of the pools."""
        page = PAGE | {"base": PAGE["base"] | {"redraw": {"held_out_anchors": "per_seed"}}}
        (row, *_) = study_power(page_of(page)).rows
        assert 0 < row.design.anchor_overlap < 0.5 and row.design.person_overlap == 1.0

    @pytest.mark.system
    def test_outcomes_are_those_of_arms_that_are_compared(self):
        """Win rates and probes of misbehaviour, by the factors that part their designs; a design is chosen by win rates."""
        page = PAGE | {"cross": {"arena": ["sales", "elections"], "batch": [16, 32]}}
        rows = study_power(page_of(page)).rows
        told = [(row.outcome.levels["arena"], row.outcome.measured.name, row.outcome.is_decisive) for row in rows]
        assert told == [
            ("sales", "win_rate", True), ("sales", "misrepresentation", False), ("elections", "win_rate", True),
            ("elections", "disinformation", False), ("elections", "populism", False),
        ]  # fmt: skip

    def test_one_training_each_tells_no_effect(self):
        """Only the sharp null, with enough trainings of the placebo: the answer says what is missing."""
        told = study_power(page_of(PAGE | {"seeds": 1}))
        (single, *_) = told.single
        assert np.isnan(told.rows[0].detectable) and "'cannot tell'" in told.answer
        assert (single.repeats, single.tested, single.allowed) == (1, 5, False) and single.detectable > 0
        arms = {"rft": {"method": "rft", "compared_with": "placebo"}, "placebo": {"method": "placebo", "repeats": 6}}
        again = study_power(page_of(PAGE | {"seeds": 1, "base": SIZES | {"arms": arms}}))
        assert again.single[0].allowed and again.single[0].tested == 6
        assert again.single[0].detectable < single.detectable

    def test_a_page_without_a_comparison_is_refused(self):
        """In a sentence that says what to give."""
        with pytest.raises(InputError, match=r"no arm of the page is compared.*arms: \[rft, placebo\]"):
            study_power(page_of(PAGE | {"base": SIZES | {"arms": ["placebo"]}}))


class TestAsTheEstimatorHasIt:
    """Through the values of cells, as the results of a study are computed."""

    @pytest.mark.system
    def test_an_effect_is_found_as_often_as_planned(self):
        """Votes of 200 studies whose true effect is the one that is said to be found with power 0.8."""
        variances = {(0,): 2e-4, (1,): 0.004, (2,): 0.002, (0, 1): 0.01, (0, 1, 2): 0.2}
        from analysis.statistics.crossed_designs import estimate_law

        law = estimate_law(CrossedDesign(4, 8, 8), variances)
        effect, times = law.detectable(), 0
        for draw in range(200):
            x, (seed, anchor, person) = values(variances, 4, 8, 8, draw=draw)
            cells = [
                CellValues(
                    f"s{s}", {}, s, {WIN_RATE: {"value": float(x[seed == s].mean() + effect)}},
                    {WIN_RATE: RunValues(anchor[seed == s], person[seed == s], x[seed == s] + effect, np.ones(64))},
                    {"rft": "placebo"}, {"note": "", "withheld": "", "validity": [], "flags": []},
                )
                for s in range(4)
            ]  # fmt: skip
            (row,) = estimates(cells, ())
            times += row.estimate.p < 0.05 and row.estimate.value > 0
        assert times / 200 == pytest.approx(0.8, abs=0.08)

    def test_the_sharp_null_finds_what_it_is_said_to_find(self):
        """Trainings drawn from a normal law, tested as the tables of a run test them."""
        random, effect = np.random.default_rng(1), sharp_null_detectable(6, 1.0, 0.8)
        found = [sharp_null(effect + random.normal(), random.normal(size=6))[0] < 0.05 for _ in range(600)]
        assert np.mean(found) == pytest.approx(0.8, abs=0.05)


class TestPilots:
    """Components of runs that were carried out."""

    def test_are_those_of_their_votes(self, pilot):
        """Of a study, all cells that have ended are one pilot."""
        pilots = read_pilots([pilot])
        assert [each.seed for each in pilots] == [1, 2, 3, 4] and {each.arena for each in pilots} == {"sales"}
        found = outcome_variances(WIN_RATE, "sales", pilots)
        expected = {each.ways: each.variance for each in measured_components(pilots, WIN_RATE)}
        assert found.values == pytest.approx(expected) and {each.origin for each in found.components} == {"pilot"}
        row = study_power(page_of(PAGE), [pilot]).rows[0]
        assert row.variances.said == "pilot (4 seeds)" and row.low <= row.detectable < row.high

    def test_of_one_run_trainings_are_as_usual(self, pilot):
        """And said; what it cannot part has the usual proportions."""
        run = next(iter(Layout(pilot).folder.glob("cells/*")))
        found = outcome_variances(WIN_RATE, "sales", read_pilots([run]))
        usual = outcome_variances(WIN_RATE, "sales").values
        assert found.said == "pilot (1 seed); training: default, not from your pilot"
        assert found.values[0,] == usual[0,] and found.components[1].origin == "pilot, split as usual"
        assert found.values[0, 1] * usual[1,] == pytest.approx(found.values[1,] * usual[0, 1])

    def test_of_another_arena_say_nothing(self, pilot):
        """The default stays, and says so; settings that differ are named where the arena is the same."""
        assert outcome_variances(WIN_RATE, "social", read_pilots([pilot])).said.startswith("default")
        told = study_power(page_of(PAGE | {"base": PAGE["base"] | {"audience": "neutral"}}), [pilot])
        assert "audience is default in a pilot, neutral in the page" in told.different

    def test_of_another_arm_stand_in(self, pilot):
        """With the name of the arm that they are of."""
        found = outcome_variances(WIN_RATE._replace(arm="tfb"), "sales", read_pilots([pilot]))
        assert found.said.startswith("pilot (rft, 4 seeds)")

    def test_that_have_not_ended_are_refused(self, tmp_path):
        """With what to do."""
        folder = tmp_path / "pilot"
        plan(folder, PILOT)
        with pytest.raises(InputError, match=r"no cell of the pilot has ended.*moloch study run"):
            read_pilots([folder])


@pytest.fixture(scope="module")
def told():
    """A page that cannot find the effect that is wanted."""
    return study_power(page_of(PAGE), effect=0.03)


@pytest.mark.system
class TestDesigns:
    """That find what is wanted."""

    def test_each_is_enough_and_has_its_cost(self, told):
        """The first is the page's; the cheapest costs no more than the others that are enough; calls are the plan's."""
        own, *others = told.designs
        assert own.label == "the page's" and not own.is_enough and others and all(each.is_enough for each in others)
        cheapest = next(each for each in others if each.label == "cheapest")
        assert all(cheapest.cost.calls <= each.cost.calls for each in others)
        assert own.cost.calls == sum(role.calls for role in plan_study(page_of(PAGE)).roles)
        assert all(row.power_at >= 0.8 for each in others for row in each.rows if row.outcome.is_decisive)

    def test_the_answer_says_that_it_cannot_tell(self, told):
        """In advance, and what it would find."""
        assert "the result will be 'cannot tell'" in told.answer and "3 points of win rate from placebo" in told.answer

    def test_pools_bound_it(self):
        """The built-in anchors and people do not show a tenth of a point."""
        told = study_power(page_of(PAGE), effect=0.001, most_seeds=20)
        assert len(told.designs) == 1 and "No design within the pools and bounds can." in told.answer

    def test_a_design_that_is_more_than_enough_could_have_fewer_seeds(self):
        """And is called enough."""
        own, fewer, *_ = study_power(page_of(PAGE | {"seeds": 12}), effect=0.08).designs
        assert own.is_enough and fewer.label == "fewer seeds" and 2 <= fewer.seeds < 12 and fewer.is_enough

    def test_a_family_is_tested_at_less(self):
        """Two declared outcomes: each is planned at half of 5 % (Holm's strictest)."""
        hypotheses = [
            {"name": "H1", "outcome": "win_rate", "arm": "rft", "margin": 4},
            {"name": "H2", "outcome": "misrepresentation", "arm": "rft", "direction": "greater"},
        ]
        told = study_power(page_of(PAGE | {"primary": {"hypotheses": hypotheses}}), most_seeds=2)
        assert [(row.outcome.alpha, row.outcome.sides) for row in told.rows] == [(0.025, 2), (0.025, 1)]
        assert told.rows[0].wanted == 0.04 and "cannot find the margin" in told.answer
        assert told.rows[0].detectable > study_power(page_of(PAGE)).rows[0].detectable

    def test_a_difference_between_levels_varies_twice_as_much(self):
        """As if they shared nothing; both levels' cells are in it."""
        where = {"outcome": "win_rate", "arm": "rft", "where": {"audience": "default"}}
        hypotheses = [{"name": "H1"} | where, {"name": "H2", "minus": {"audience": "neutral"}} | where]
        page = PAGE | {"cross": {"audience": ["default", "neutral"]}, "primary": {"hypotheses": hypotheses}}
        one, between = study_power(page_of(page)).rows
        assert between.detectable == pytest.approx(2**0.5 * one.detectable, rel=0.05)
        assert between.outcome.levels == {"audience": "default minus neutral"} and len(between.outcome.groups) == 2

    def test_looks_leave_less_for_the_end(self):
        """The level of the last one is what earlier ones may not spend."""
        primary = {"hypotheses": [{"name": "H1", "outcome": "win_rate", "arm": "rft"}], "spending": "pocock"}
        alphas = [
            study_power(page_of(PAGE | {"seeds": 8, "primary": primary | more})).rows[0].outcome.alpha
            for more in ({}, {"looks": [4]})
        ]
        assert alphas[0] == 0.05 and 0.02 < alphas[1] < 0.04


class TestCommand:
    """``moloch power``."""

    def test_prints_one_object_and_no_effect(self, moloch, tmp_path, pilot):
        """As JSON; nothing of what the pilot came to."""
        page = tmp_path / "page.yaml"
        page.write_text(json.dumps(PAGE), "utf-8")
        told = json.loads(moloch("power", page, "--pilot", pilot, "--json").out)
        row = told["outcomes"][0]
        assert row["outcome"] == "win_rate" and row["seeds"] == 3 and row["detectable"] > 0
        assert {"training", "anchor", "person", "residual"} <= {each["name"] for each in row["variances"]["components"]}
        assert not {"estimate", "value", "mean"} & set(row)

    @pytest.mark.system
    def test_prints_tables_that_fit(self, moloch, tmp_path, monkeypatch):
        """80 columns, the answer first, and that components are defaults."""
        monkeypatch.setenv("COLUMNS", "80")
        page = tmp_path / "page.yaml"
        page.write_text(json.dumps(PAGE), "utf-8")
        out = moloch("power", page, "--effect", "6").out
        assert out.startswith("sized: This design finds") and max(map(len, out.splitlines())) <= 80
        assert "cheapest" in out and "default, not from your pilot" in out and "no evidence" in out

    def test_takes_a_study_that_has_begun(self, moloch, pilot):
        """By its page as it was recorded; its own cells may be the pilot."""
        (pilot / STORED_PAGE).write_text(PILOT, "utf-8")
        told = json.loads(moloch("power", pilot, "--pilot", pilot, "--json").out)
        assert told["outcomes"][0]["seeds"] == 4 and told["outcomes"][0]["variances"]["said"] == "pilot (4 seeds)"

    def test_a_wrong_effect_is_refused(self, moloch, tmp_path):
        """One line, no traceback."""
        page = tmp_path / "page.yaml"
        page.write_text(json.dumps(PAGE), "utf-8")
        done = moloch("power", page, "--effect", "0")
        assert done.code == 2 and "--effect 0 is not valid: it takes points" in done.err


class TestPlan:
    """The line of ``moloch study plan``, and what repeats cost."""

    @pytest.mark.system
    def test_says_what_can_be_detected(self, moloch, tmp_path):
        """The same as moloch power says."""
        page = tmp_path / "page.yaml"
        page.write_text(json.dumps(PAGE), "utf-8")
        found = 100 * study_power(page_of(PAGE)).rows[0].detectable
        said = f"can detect {found:.1f} points of win rate from placebo"
        out = " ".join(moloch("study", "plan", page).out.split())
        assert said in out and "at power 0.8 (default components)" in out
        told = json.loads(moloch("study", "plan", page, "--json").out)
        assert told["detectable"][0]["detectable"] == pytest.approx(found, abs=1e-3)

    def test_says_in_advance_that_a_margin_cannot_be_found(self, moloch, tmp_path):
        """And nothing of one that can."""
        hypotheses = [{"name": "H1", "outcome": "win_rate", "arm": "rft", "margin": margin} for margin in (2, 40)]
        said = []
        for each in hypotheses:
            page = tmp_path / "page.yaml"
            page.write_text(json.dumps(PAGE | {"primary": {"hypotheses": [each]}}), "utf-8")
            said.append(" ".join(moloch("study", "plan", page).out.split()))
        assert "(its margin is 2: the result would be 'cannot tell')" in said[0] and "cannot tell" not in said[1]

    def test_counts_what_trainings_of_the_placebo_cost(self):
        """Each writes for its own evaluation."""
        arms = {"rft": {"method": "rft", "compared_with": "placebo"}, "placebo": {"method": "placebo"}}
        calls = []
        for repeats in (1, 5):
            placebo = arms["placebo"] | ({"repeats": repeats} if repeats > 1 else {})
            (cell, *_) = cells_of(page_of(PAGE | {"base": SIZES | {"arms": arms | {"placebo": placebo}}})).cells
            calls.append(sum(role.calls for role in planned(cell.config)))
        assert calls[1] - calls[0] == 4 * SIZES["held_out_anchors"]


class TestUsual:
    """Components where no pilot says anything."""

    def test_of_what_was_not_measured_the_nearest_is_taken_and_named(self):
        """An arena, a probe, and a measure of the user's own."""
        said = [
            outcome_variances(Measured("rft", kind, name, measure), arena).said
            for arena, kind, name, measure in (
                ("sales", "votes", "win_rate", "from_comparator"), ("market", "votes", "win_rate", "from_comparator"),
                ("sales", "strategy", "populism", "from_comparator"), ("sales", "strategy", "rudeness", "from_base"),
                ("sales", "votes", "win_rate", "rivalry"),
            )
        ]  # fmt: skip
        start = "default, not from your pilot"
        assert said == [
            start, f"{start}; the mean of the built-in arenas", f"{start}; of the probe in other arenas",
            f"{start}; the mean of probes", f"{start}; as for from_comparator",
        ]  # fmt: skip

    def test_a_win_rate_itself_varies_more_than_what_is_from_the_placebo(self):
        """What arms have in common drops out of a difference."""
        own, beside = (
            outcome_variances(WIN_RATE._replace(measure=m), "sales").values for m in ("rate", "from_comparator")
        )
        assert own[0, 1, 2] > 4 * beside[0, 1, 2] and own.keys() == beside.keys()


def test_no_more_than_there_can_be():
    """A difference of more than 100 points is nothing that a design could find."""
    row = {
        "levels": {}, "power": 0.8, "arm": "rft", "margin": None, "equivalence_margin": 5.0,
        "variances": {"components": []},
    }  # fmt: skip
    rows = [row | {"said": "win rate", "detectable": 20.8}, row | {"said": "unsafe", "detectable": 114.5}]
    [line] = detectable_lines(rows)
    assert line == "can detect 20.8 points of win rate, no effect on unsafe, at power 0.8 (default components)"
