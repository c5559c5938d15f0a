"""Each figure says what tables say: its frame has their numbers, its caption claims no more, and what lacks something says what."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("altair")

from analysis.figures.figure import LeftOut
from analysis.figures.outcomes import outcome_marks
from analysis.figures.palette import CLEAN, MISBEHAVING
from analysis.figures.reach import at_least
from analysis.figures.registry import FIGURES
from analysis.figures.scopes import scope_of
from analysis.figures.style import drawing
from analysis.figures.subject import RunRead, Subject
from analysis.statistics.estimates import mean_of
from analysis.tables.evaluation import probe_table, win_rate
from analysis.tables.explained import explained
from tests.analysis.figures import made_up
from tests.analysis.judges.world import answer, planned, scripted, write_run
from tests.analysis.test_explained import NUMBERS
from tests.analysis.test_explained import run as explained_run
from tests.analysis.test_reach import log as spread_log


@pytest.fixture(scope="module")
def one():
    return made_up.subject(1)


@pytest.fixture(scope="module")
def three():
    return made_up.subject(3)


def of(name, subject):
    found = FIGURES.get(name).content(subject)
    assert not isinstance(found, LeftOut), found
    return found


class TestChanges:
    """Absolute and relative."""

    def test_of_one_run_they_are_its_tables(self, one):
        """In points, with their intervals, and rates beside."""
        frame = of("changes", one).frame
        row = next(row for row in probe_table(one.runs[0].evaluation) if row.arm == "rft")
        shown = {mark["panel"]: mark for mark in frame.filter(pl.col("arm") == "rft").to_dicts()}
        for panel, estimate in (
            ("from_base", row.difference),
            ("from_comparator", row.placebo),
            ("relative", row.relative),
        ):
            assert shown[panel]["value"] == pytest.approx(100 * estimate.value, abs=1e-4)
            assert shown[panel]["low"] == pytest.approx(100 * estimate.low, abs=1e-4)
        assert shown["relative"]["base_rate"] == pytest.approx(100 * row.base.value, abs=1e-4)

    def test_over_seeds_they_are_the_tidy_rows(self, three):
        """And the caption says for what."""
        found = of("changes", three)
        tidy = next(
            r for r in three.rows if (r["arm"], r["outcome"], r["measure"]) == ("rft", made_up.PROBE, "from_base")
        )
        shown = found.frame.filter((pl.col("arm") == "rft") & (pl.col("panel") == "from_base")).row(0, named=True)
        assert (shown["value"], shown["low"]) == pytest.approx((100 * tidy["estimate"], 100 * tidy["low"]), abs=1e-3)
        assert "new trainings, anchors and people" in found.caption and "3 runs (3 seeds)" in found.caption

    def test_a_base_without_any_is_undefined(self):
        """Said, and no point is drawn."""
        found = of("changes", made_up.subject(1, base_rate=0.0))
        relative = found.frame.filter(pl.col("panel") == "relative")
        assert relative["value"].null_count() == relative.height > 0
        assert "undefined" in found.caption and all("undefined" in shown for shown in relative["shown"])

    def test_a_single_society_has_no_intervals(self):
        """Neither absolute nor relative, and the caption says why."""
        found = of("changes", Subject((made_up.run(1, world="networked"),)))
        assert found.frame["low"].null_count() == found.frame.height and "No intervals" in found.caption
        curves = of("epochs", Subject((made_up.run(1, world="networked"),)))
        assert curves.frame["low"].null_count() == curves.frame.height

    def test_captions_name_only_what_is_drawn(self):
        """No ellipse and no 95 % where one society has neither; where all differences are 0, that nothing varied."""
        society = Subject((made_up.run(1, world="networked"),))
        for name in ("trade_off", "outcomes", "changes"):
            caption = of(name, society).caption
            assert "95 %" not in caption and "Ellipses" not in caption, name
        assert "Ellipses: 95 %" in of("trade_off", made_up.subject(1)).caption
        still = [{"scope": "", "value": 0.0}]
        assert "nothing varied" in scope_of(still) and "society" in scope_of([{"scope": "", "value": 1.0}])

    def test_no_claim_about_real_models(self, one):
        """Where the run says so."""
        assert "Not evidence about real LLMs" in of("changes", one).caption


class TestOutcomes:
    """One forest."""

    def test_win_rates_stand_before_probes(self, three):
        """Of each arm that is compared with something."""
        frame = of("outcomes", three).frame
        assert frame["outcome"].to_list() == ["win_rate", "win_rate", made_up.PROBE, made_up.PROBE]
        assert set(frame["compared_with"]) == {"placebo"}

    def test_without_a_comparator_it_is_base(self, three):
        """Win rates from one half, and what probes changed, where no arm can be set against another one."""
        rows = [row for row in three.rows if row["measure"] != "from_comparator"]
        marks = outcome_marks(rows, three.order, list(three.groups), three.group)
        assert {mark["outcome"] for mark in marks} == {"win_rate", made_up.PROBE}
        assert {(mark["compared_with"], mark["measure"]) for mark in marks} == {("", "rate"), ("", "from_base")}

    def test_what_a_study_says_of_a_row_is_drawn(self, three):
        """Margin, detectable effect, inner interval and conclusion; confirmatory ones first, win rates that are withheld never."""
        told = {
            "low_90": -0.01,
            "high_90": 0.05,
            "margin": 0.02,
            "detectable": 0.04,
            "conclusion": "cannot tell",
            "p_adjusted": 0.2,
        }
        rows = [
            row
            | told
            | {"family": "confirmatory" if row["outcome"] == made_up.PROBE and row["arm"] == "gated" else "exploratory"}
            for row in three.rows
        ]
        declared = made_up.subject(3)
        declared.__dict__["rows"] = rows
        found = of("outcomes", declared)
        first = found.frame.row(0, named=True)
        assert (first["outcome"], first["arm"], first["family"]) == (made_up.PROBE, "gated", "confirmatory")
        assert (first["low_90"], first["margin"], first["detectable"]) == (-1, 2, 4) and "cannot tell" in first["shown"]
        for said in ("margin", "80 % power", "90 %", "declared in the page"):
            assert said in found.caption
        with drawing():
            axis = FIGURES.get("outcomes").draw(found).axes[0]
        assert sum(text.get_text() in ("[", "]") for text in axis.texts) == 2 * found.frame.height
        assert len(axis.collections) == found.frame.height, "a band for each margin"
        declared.__dict__["rows"] = [row | {"withheld": "the reader guesses"} for row in rows]
        assert "win_rate" not in of("outcomes", declared).frame["outcome"].to_list()


class TestTradeOff:
    """Winning against misbehaving."""

    def test_an_ellipse_for_each_training_and_epoch(self, three):
        """Drawn where the numbers are."""
        found = of("trade_off", three)
        with drawing():
            figure = FIGURES.get("trade_off").draw(found)
        assert found.frame.height == 2 * 3 * 2
        assert sum(len(axis.patches) for axis in figure.axes) == found.frame.height
        marks = {
            (round(float(line.get_xdata()[0]), 4), round(float(line.get_ydata()[0]), 4))
            for axis in figure.axes
            for line in axis.lines
            if line.get_marker() not in ("None", "") and len(line.get_xdata()) == 1
        }
        assert marks == {(round(row["win"], 4), round(row["misbehaviour"], 4)) for row in found.frame.to_dicts()}

    def test_an_arm_keeps_its_colour(self, three):
        """In all figures."""
        assert of("trade_off", three).looks is of("epochs", three).looks is three.looks


class TestEpochs:
    """Curves."""

    def test_each_run_and_the_mean(self, three):
        """With Student's interval over seeds; a probe begins with the base model."""
        frame = of("epochs", three).frame
        here = frame.filter((pl.col("outcome") == "win_rate") & (pl.col("arm") == "rft") & (pl.col("epoch") == 1))
        each = [100 * win_rate(run.evaluation, "rft", epoch=1).value for run in three.runs]
        assert here.filter(pl.col("of") == "one run")["value"].to_list() == pytest.approx(each, abs=1e-4)
        mean, expected = here.filter(pl.col("of") == "mean of runs").row(0, named=True), mean_of(each)
        assert (mean["value"], mean["low"], mean["high"]) == pytest.approx(
            (expected.value, expected.low, expected.high), abs=1e-3
        )
        assert set(frame.filter(pl.col("outcome") == made_up.PROBE)["epoch"]) == {0, 1, 2}

    def test_one_epoch_is_no_curve(self):
        """And what to set is said."""
        found = FIGURES.get("epochs").content(made_up.subject(2, epochs=1))
        assert isinstance(found, LeftOut) and "evaluate: every" in found.why


class TestMitigations:
    """Pareto."""

    def test_a_line_leads_from_the_plain_arm(self, three):
        """Of the same method and run; the legend says what is done."""
        found = of("mitigations", three)
        assert set(found.frame["epoch"]) == {2} and found.facts["labels"]["gated"] == "gated (rft, truth gate)"
        with drawing():
            axis = FIGURES.get("mitigations").draw(found).axes[0]
        led = [line for line in axis.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 0.6]
        assert len(led) == 3
        for said in ("one training", "no p", "Not evidence"):
            assert said in found.caption

    def test_none(self, three):
        """Nothing is drawn of arms without any."""
        bare = Subject(tuple(made_up.run(seed, arms=("rft", "placebo")) for seed in (1, 2)))
        assert isinstance(FIGURES.get("mitigations").content(bare), LeftOut)


class TestPaidFor:
    """Parts of the win rate."""

    @pytest.mark.system
    def test_they_are_those_of_the_table(self, tmp_path):
        """All of them in the frame; in the figure the largest features, the place and what is unexplained."""
        folder = explained_run(tmp_path / "run", NUMBERS)
        found, table = of("paid_for", _at(folder)), explained([folder], "rft")
        gains = {
            row["part"]: row
            for row in found.frame.filter((pl.col("arm") == "rft") & (pl.col("panel") == "gain")).to_dicts()
        }
        for part in table.parts:
            if part.name in gains:
                assert gains[part.name]["value"] == pytest.approx(100 * part.gain.value, abs=1e-4)
        assert sum(row["value"] for row in gains.values()) == pytest.approx(
            100 * (table.win_rate.value - 0.5), abs=1e-3
        )
        assert set(found.frame.filter("drawn")["part"]) == {"numbers", "standing first", "unexplained"}
        with drawing():
            assert FIGURES.get("paid_for").draw(found).axes
        assert FIGURES.get("paid_for").chart(found).to_dict()

    def test_of_crowds_there_are_none(self, three):
        """No personas, no votes one by one: the table's reason is the figure's."""
        found = FIGURES.get("paid_for").content(Subject(()))
        assert isinstance(found, LeftOut)


class TestReach:
    """In feeds."""

    def test_a_row_per_message(self):
        """With its cascade; half of them misbehave, and are deeper, none of equal size."""
        feeds = Subject((RunRead.of(spread_log(), Path("runs/feeds")),))
        found = of("reach", feeds)
        assert found.frame.filter(pl.col("kind") == "misbehaving")["depth"].to_list() == [3, 3, 3]
        assert found.frame["message"].n_unique() == found.frame.height == 6
        assert "cannot be compared" in found.caption and found.facts["depth"] == "no two of equal size"
        with drawing():
            figure = FIGURES.get("reach").draw(found)
        assert {line.get_color() for line in figure.axes[0].lines} == {MISBEHAVING[0], CLEAN[0]}
        assert FIGURES.get("reach").chart(found).to_dict()

    def test_the_share_of_messages_that_reached_so_many(self):
        """Falls from 1."""
        assert at_least([1, 1, 2, 5]) == [(1, 1.0), (2, 0.5), (5, 0.25)]


class TestJudges:
    """Agreement."""

    def test_of_logged_verdicts(self, tmp_path):
        """Each pair, all together, and the rules; as the inquiry itself found it."""
        folder = write_run(tmp_path / "run")
        planned(folder, scripted()).carry_out()
        asked = planned(folder, scripted(), scripted(lambda request: answer(False), name="judge-b")).carry_out()
        found = of("judges", _at(folder))
        shown = {(row["panel"], row["probe"], row["label"]): row["value"] for row in found.frame.to_dicts()}
        assert shown
        for row in asked.agreement:
            value = row.found.raw.value
            assert shown["raw", row.probe, f"{row.first} and {row.second}"] == pytest.approx(value, abs=1e-6)
        for row in asked.alphas:
            assert shown["beyond chance", row.probe, "all 2 judges"] == pytest.approx(
                row.alpha.value, abs=1e-6, nan_ok=True
            )
        with drawing():
            assert FIGURES.get("judges").draw(found).axes
        assert FIGURES.get("judges").chart(found).to_dict()


class TestPositions:
    """Bias."""

    def test_what_is_chosen_beyond_chance(self, three):
        """Mean over seeds of the tables' shares, less a half."""
        frame = of("positions", three).frame
        shares = [next(row.chosen.value for row in run.positions if row.position == 1) for run in three.runs]
        first = frame.filter(pl.col("position") == 1).row(0, named=True)
        assert first["value"] == pytest.approx(100 * (sum(shares) / 3 - 0.5), abs=1e-4)
        assert first["label"] == "shown first" and first["n"] == 3
        assert frame["value"].sum() == pytest.approx(0, abs=1e-6), "two places share all votes"


class TestLeftOut:
    """A figure that lacks something says what, in a sentence."""

    @pytest.mark.parametrize(("name", "said"), [("reach", "networked"), ("judges", "moloch probe")])
    def test_what_is_missing(self, one, name, said, tmp_path):
        """Never an empty plot."""
        found = (
            FIGURES.get(name).content(one)
            if name != "judges"
            else FIGURES.get(name).content(_at(made_up.on_disk(tmp_path / "run")))
        )
        assert isinstance(found, LeftOut) and said in found.why and found.why.endswith(".")

    def test_no_probe_judged(self):
        """No changes, and no trade-off."""
        blank = made_up.subject(1)
        for contest in blank.runs[0].evaluation.contests:
            contest.base.labels.clear(), contest.trained.labels.clear()
        for name in ("changes", "trade_off", "mitigations"):
            assert isinstance(FIGURES.get(name).content(blank), LeftOut)


def _at(folder: Path) -> Subject:
    return Subject.read([folder])


class TestDrawings:
    """All of them, by both."""

    @pytest.mark.system
    @pytest.mark.parametrize("name", ["changes", "outcomes", "trade_off", "epochs", "mitigations", "positions"])
    def test_of_one_run_and_of_many(self, name, one, three):
        """As matplotlib and as Vega-Lite, which JSON can hold."""
        for subject in (one, three):
            found = of(name, subject)
            with drawing():
                assert FIGURES.get(name).draw(found).axes
        assert json.dumps(FIGURES.get(name).chart(found).to_dict())

    def test_arenas_stand_under_headings(self):
        """Where runs differ in one."""
        mixed = Subject(
            (made_up.run(1), made_up.run(2, arena="elections"), made_up.run(3), made_up.run(4, arena="elections"))
        )
        for name in ("changes", "outcomes", "epochs", "positions"):
            frame = of(name, mixed).frame
            assert any("elections" in group for group in frame["group"]) and any(
                "sales" in group for group in frame["group"]
            )
