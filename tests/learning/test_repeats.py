"""What repeats promise: several trainings of one arm on the same contests, so that a run knows how much trainings vary."""

from __future__ import annotations

import re
from math import isnan
from statistics import fmean, stdev

import numpy as np
import pytest
import yaml
from scipy import stats

from abm.events import AdapterTrained, StepStarted
from abm.log import read_events
from analysis import frames
from analysis.tables.evaluation import win_rate
from analysis.tables.repeats import repeat_frame, repeats, sharp_null
from analysis.tables.results import results
from analysis.terminal._repeats import repeat_tables
from learning.arms.arm import Arm, arms_of
from learning.plan.order import plan
from learning.plan.parts import Evaluate
from learning.plan.recorded import recorded_plan
from learning.runs.inputs import gather
from learning.runs.redecide import replay_recorded
from learning.settings.sources import load_config
from moloch.errors import InputError
from tests.learning.test_loop import Killed, carry_out
from tests.learning.test_twins import EqualTrainer

SIZE = {"train_anchors": 12, "held_out_anchors": 4, "train_personas": 4, "held_out_personas": 3, "batch": 6}
AGAIN = load_config(None, SIZE | {"arms": ["rft", "placebo"]}, ["arms.placebo.repeats=5"])
ONCE = load_config(None, SIZE | {"arms": ["rft", "placebo"]})
PLACEBOS = ["placebo", "placebo_2", "placebo_3", "placebo_4", "placebo_5"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run whose placebo is trained five times; and its digest."""
    folder = tmp_path_factory.mktemp("again") / "run"
    return folder, carry_out(folder, AGAIN, trainer=EqualTrainer()).digest.hexdigest()


def learnt(folder) -> dict[tuple[str, int], AdapterTrained]:
    return {(e.arm, e.epoch): e for e in read_events(folder) if isinstance(e, AdapterTrained)}


class TestSetting:
    """``repeats`` of an arm."""

    def test_each_is_an_arm(self):
        """Of the same settings, in the place of the first; the record holds what was given."""
        arms = arms_of(AGAIN.model_dump(mode="json"))
        assert list(arms) == ["rft", *PLACEBOS] and arms["rft"].compared_with == "placebo"
        assert arms["placebo"] == Arm("placebo", "placebo", rows_of="rft")
        assert arms["placebo_3"] == Arm("placebo_3", "placebo", rows_of="rft", repeat_of="placebo", repeat=3)
        assert AGAIN.model_dump(mode="json")["arms"] == ["rft", {"placebo": {"method": "placebo", "repeats": 5}}]

    def test_in_a_mapping(self):
        """Likewise, with the comparator of the arm."""
        arms = {"a": {"method": "rft", "repeats": 2, "compared_with": "b"}, "b": {"method": "placebo"}}
        assert list(arms_of({"arms": arms})) == ["a", "a_2", "b"]
        assert arms_of({"arms": arms})["a_2"].compared_with == "b"

    @pytest.mark.parametrize("strange", [0, -1, "x", None, 2.5, True, 10**9])
    def test_strange_records(self, strange):
        """Of a log that means ill: one training."""
        assert list(arms_of({"arms": {"a": {"method": "rft", "repeats": strange}}})) == ["a"]

    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"arms": ["rft", {"placebo": {"method": "placebo", "repeats": 0}}]}, ":5:5: setting 'arms.placebo.repeats' is not valid"),
            ({"arms": ["placebo_2", {"placebo": {"method": "placebo", "repeats": 2}}]},
             ":5:5: setting 'arms.placebo.repeats' is not valid: 'placebo_2' is already an arm, and here a further training of 'placebo'"),
            ({"markets": {"duel": {"learners": {"a": {"method": "rft", "repeats": 2}, "b": {"method": "rft"}}}}},
             ":6:9: setting 'markets.duel.learners.a.repeats' is not valid: a learner cannot be trained again without the others in its contests"),
            ({"arms": {"a": {"method": "rft", "repeats": 2}}, "markets": {"a_2": {"learners": {"x": {"method": "rft"}, "b": {"method": "rft"}}}}},
             ":6:3: setting 'markets.a_2' is not valid: 'a_2' is already a further training, and here a market"),
        ],
    )  # fmt: skip
    def test_mistakes(self, settings, says, tmp_path):
        """With their places."""
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(settings))
        with pytest.raises(InputError, match="^" + re.escape(f"{path}{says}")):
            load_config(path, {})


class TestRun:
    """Several trainings in one run."""

    @pytest.mark.system
    def test_the_first_is_the_arm(self, run, tmp_path):
        """With the random numbers that it has alone: nothing that was decided moves."""
        carry_out(tmp_path, ONCE, trainer=EqualTrainer())
        alone, again = learnt(tmp_path), learnt(run[0])
        for arm in ("rft", "placebo"):
            for epoch in (1, 2):
                assert again[arm, epoch].adapter == alone[arm, epoch].adapter
                assert again[arm, epoch].seed == alone[arm, epoch].seed

    def test_picks_and_weights_are_drawn_anew(self, run):
        """Each has its own seed and its own random messages, from the same contests, in as many rows and steps."""
        for epoch in (1, 2):
            trained = [learnt(run[0])[arm, epoch] for arm in PLACEBOS]
            learner = learnt(run[0])["rft", epoch]
            assert (
                len({t.seed for t in trained})
                == len({t.data for t in trained})
                == len({t.adapter for t in trained})
                == 5
            )
            assert {(t.rows, t.steps) for t in trained} == {(learner.rows, learner.steps)}
            assert [(t.repeat_of, t.repeat) for t in trained] == [("", 1), *(("placebo", n) for n in range(2, 6))]
        first = [learnt(run[0])[arm, 1] for arm in PLACEBOS]
        assert len({(t.data_range[0], t.data_range[1]) for t in first}) == 1, "the first epoch's contests are shared"

    def test_each_is_evaluated_and_planned(self, run):
        """What they cost is in the plan."""
        parts = plan(AGAIN, gather(AGAIN))
        assert [part.arm for part in parts if isinstance(part, Evaluate)] == ["rft", *PLACEBOS]
        assert recorded_plan(AGAIN.model_dump(mode="json"), 12, 4) == parts
        held = {e.arm for e in read_events(run[0]) if isinstance(e, StepStarted) and e.phase == "evaluate"}
        assert held == {"rft", *PLACEBOS}

    @pytest.mark.system
    @pytest.mark.parametrize("died_after", [9, 16, 33])
    def test_it_resumes_and_replays(self, run, died_after, tmp_path):
        """To the same digest, and as it was decided."""
        with pytest.raises(Killed):
            carry_out(tmp_path, AGAIN, commits=died_after, trainer=EqualTrainer())
        assert carry_out(tmp_path, AGAIN, trainer=EqualTrainer()).digest.hexdigest() == run[1]
        found = replay_recorded(tmp_path)
        assert (found.complete, found.divergence, found.trainings) == (True, None, 12)


class TestTables:
    """The spread of trainings, and how far from their mean a learner is."""

    def test_spread(self, run):
        """Mean and standard deviation of the repeats' own win rates, and the learner less the mean."""
        events = list(read_events(run[0]))
        row = next(row for row in repeats(events) if row.outcome == "win_rate")
        rates = [win_rate(events, arm).value for arm in PLACEBOS]
        assert row.values == rates and len(set(rates)) > 1 and (row.control, row.arm) == ("placebo", "rft")
        assert (row.mean, row.s) == (pytest.approx(fmean(rates)), pytest.approx(stdev(rates)))
        assert row.difference == pytest.approx(win_rate(events, "rft").value - fmean(rates))
        assert (row.p, row.p_rank) == sharp_null(row.value, rates)
        frame = repeat_frame(repeats(events))
        assert frame["repeats"].unique().to_list() == [5] and "p_rank" in frame.columns

    def test_the_test_is_the_librarys(self):
        """One observation against R: the two-sample t-test with pooled variance, in which a single one has none."""
        values = [0.51, 0.55, 0.49, 0.52, 0.58, 0.5]
        for value in (0.4, 0.53, 0.7):
            p, rank = sharp_null(value, values)
            assert p == pytest.approx(stats.ttest_ind([value], values, equal_var=True).pvalue)
            assert rank >= 1 / 7
        assert sharp_null(0.9, values)[1] == pytest.approx(1 / 7)

    def test_it_holds_its_level(self):
        """Of 2,000 true nulls about one in twenty is called an effect, by either p where it can be."""
        generator, size, times = np.random.default_rng(1), 19, 2000
        found = [sharp_null(x[0], x[1:].tolist()) for x in generator.normal(0.5, 0.03, (times, size + 1))]
        for which in (0, 1):
            assert 0.038 < sum(each[which] <= 0.05 for each in found) / times < 0.062

    def test_no_test_without_five(self):
        """Nor where they do not vary."""
        assert all(map(isnan, (*sharp_null(0.6, [0.5, 0.51, 0.49, 0.52]), *sharp_null(0.6, [0.5] * 6))))

    @pytest.mark.system
    def test_what_is_printed_and_framed(self, run):
        """In results, in the terminal, and a column of the trainings."""
        rows = results(read_events(run[0]))["repeats"]
        assert rows[0]["control"] == "placebo" and repeat_tables(rows)
        learnt = frames.of_run(run[0], "training").collect()
        assert sorted(set(learnt["repeat"])) == [1, 2, 3, 4, 5] and set(learnt["repeat_of"]) == {"", "placebo"}
        assert results(read_events(run[0]))["arms"].keys() == {"rft", *PLACEBOS}
