"""What a score promises: errors and corrected rates from labels of this study alone, raw first, and why where there is no number."""

from __future__ import annotations

import json

import pytest

from abm.log import read_events
from analysis.labels import import_labels, score
from analysis.studies.values.estimates import tables_of
from analysis.tables.evaluation import table
from moloch.errors import InputError
from tests.analysis.labels.world import PROBE, drawn, errs, labelled, runs, write_run


def scored(*folders, **how):
    return score(runs(*folders), PROBE, **how)


def row(told, writer, measure, method):
    return next(r for r in told.rows if (r.writer, r.measure, r.method) == (writer, measure, method))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run of 36 anchors, of whose 108 messages 60 are labelled."""
    folder = tmp_path_factory.mktemp("small")
    run = write_run(folder / "run")
    import_labels(labelled(drawn(folder / "out", run, size=60)))
    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of 120 anchors, all of whose messages are labelled: what is true is known."""
    folder = tmp_path_factory.mktemp("whole")
    run = write_run(folder / "run", anchors=120)
    import_labels(labelled(drawn(folder / "out", run, size=360)))
    return run


class TestRaw:
    """What the probe found comes first."""

    def test_is_what_the_tables_say(self, small):
        """Rates and both differences."""
        told, tables = scored(small), tables_of(table(read_events(small)))
        assert [r.method for r in told.rows[:4]] == ["raw", "common correction", "own correction", "prediction-powered"]
        for measured, estimate in tables.items():
            if measured.name == PROBE and measured.measure == "after":
                assert row(told, measured.arm, "rate", "raw").estimate.value == pytest.approx(
                    estimate["value"], abs=1e-6
                )
            if measured.name == PROBE and measured.measure.startswith("from_"):
                told_raw = row(told, measured.arm, measured.measure, "raw").estimate
                assert told_raw.value == pytest.approx(estimate["value"], abs=1e-6)


class TestCorrected:
    """Without the probe's errors."""

    def test_all_labelled_is_the_truth(self, whole):
        """By each arm's own errors and prediction-powered; by common errors only where the probe errs alike."""
        told = scored(whole)
        for writer in ("base", "rft", "placebo"):
            true = sum(errs(writer, i)[0] for i in range(120)) / 120
            assert row(told, writer, "rate", "prediction-powered").estimate.value == pytest.approx(true)
        true = (60 - 30) / 120
        assert row(told, "rft", "from_comparator", "prediction-powered").estimate.value == pytest.approx(true)
        assert row(told, "rft", "rate", "own correction").estimate.value == pytest.approx(0.5)
        assert row(told, "placebo", "rate", "own correction").refused.startswith(
            "30 messages of placebo are labelled yes"
        )

    def test_a_part_is_near_it(self, small):
        """And its interval holds it."""
        told = scored(small)
        for writer, true in (("rft", 0.5), ("placebo", 0.25), ("base", 8 / 36)):
            estimate = row(told, writer, "rate", "prediction-powered").estimate
            assert estimate.low <= true <= estimate.high and estimate.high - estimate.low < 0.7
        assert told.counts.labelled == 60 and told.counts.messages == 108

    def test_an_arm_needs_fifty_of_each(self, small, whole):
        """Else there is a tipping point in place of its own correction."""
        told = scored(small)
        assert {(writer, other) for writer, other, _ in told.tipping} == {
            ("rft", "base"), ("placebo", "base"), ("rft", "placebo"),
        }  # fmt: skip
        assert all(r.refused for r in told.rows if r.method == "own correction")
        point = next(p for w, o, p in told.tipping if (w, o) == ("rft", "placebo"))
        common = row(told, "rft", "from_comparator", "common correction").estimate.value
        assert point.effect == pytest.approx(common)

    def test_enough_of_each_needs_none(self, tmp_path):
        """Each arm is corrected by its own errors, also in differences; these are the prediction-powered ones then."""

        def says(writer: str, i: int) -> tuple[bool, int]:
            return i % 2 == 0, int(i % 2 == 0 and i % (18 if writer == "rft" else 5) != 0)

        run = write_run(tmp_path / "run", anchors=120, says=says)
        import_labels(labelled(drawn(tmp_path / "out", run, size=360)))
        told = scored(run)
        assert not told.tipping and not any(r.refused for r in told.rows)
        for measure, true in (("rate", 0.5), ("from_base", 0.0), ("from_comparator", 0.0)):
            assert row(told, "rft", measure, "own correction").estimate.value == pytest.approx(true)
        assert abs(row(told, "rft", "from_comparator", "common correction").estimate.value) > 0.01

    def test_a_probe_that_says_nothing_corrects_nothing(self, tmp_path):
        """Below a Youden index of .2 the correction is refused, and says why; prediction-powered numbers stay."""
        run = write_run(tmp_path / "run", says=lambda writer, i: (i % 2 == 0, int(i % 4 < 2)))
        import_labels(labelled(drawn(tmp_path / "out", run, size=60)))
        told = scored(run)
        assert "below 0.2" in row(told, "rft", "rate", "common correction").refused
        assert row(told, "rft", "rate", "prediction-powered").estimate.value == pytest.approx(0.5, abs=0.25)
        assert told.tipping == []

    def test_a_stratum_without_labels(self, tmp_path):
        """A part of the labels, of which none is of one stratum: its arm has no number, and says why."""
        run = write_run(tmp_path / "run", says=lambda writer, i: (i % 3 == 0, int(i % 3 == 0)))
        out = labelled(drawn(tmp_path / "out", run, size=12), lambda text: "unsure" if "LIE" in text else "no")
        import_labels(out)
        told = scored(run)
        assert "a stratum has no label" in row(told, "rft", "rate", "prediction-powered").refused
        assert "a stratum has no label" in row(told, "rft", "rate", "common correction").refused
        assert row(told, "rft", "rate", "raw").estimate.value == pytest.approx(1 / 3)


class TestLabels:
    """Whose labels, and of what."""

    def test_unsure(self, tmp_path):
        """Left out unless it is to count as yes or no."""
        run = write_run(tmp_path / "run")
        out = labelled(drawn(tmp_path / "out", run, size=60), lambda text: "unsure" if "LIE" in text else "no")
        import_labels(out)
        assert scored(run, unsure="yes").errors[0].positives == scored(run).counts.unsure > 10
        assert scored(run, unsure="no").errors[0].positives == 0
        assert "no labelled message is a yes" in scored(run, unsure="no").errors[0].refused

    def test_of_two_people(self, tmp_path):
        """Their mean counts, and their agreement is reported."""
        run = write_run(tmp_path / "run")
        out = labelled(drawn(tmp_path / "out", run, size=60, labellers=("ann", "bob"), shared=20))
        import_labels(out)
        ((a, b, pair),) = scored(run).agreement
        assert (a, b) == ("ann", "bob") and pair.raw.n == 20 and pair.kappa.value == 1.0

    def test_of_two_draws(self, tmp_path):
        """Together they are one sample; a message of either stands for as many as it should."""
        run = write_run(tmp_path / "run")
        for n, size in ((1, 24), (2, 84)):
            import_labels(labelled(drawn(tmp_path / f"out{n}", run, size=size, seed=n)))
        told = scored(run)
        assert told.counts.labelled == 108
        assert row(told, "rft", "rate", "prediction-powered").estimate.value == pytest.approx(0.5)

    def test_of_a_draw_before_there_were_more_runs(self, tmp_path):
        """Messages of the later runs had a chance in the second draw only; a run without a draw is left out, and said so."""
        folders = [write_run(tmp_path / name, seed=seed) for seed, name in enumerate("abc", 1)]
        one = runs(*folders)
        from analysis.labels import draw, write_batch
        from tests.analysis.labels.world import sampling

        write_batch(tmp_path / "out1", draw(one[:1], sampling(90)))
        write_batch(tmp_path / "out2", draw(one[:2], sampling(60, seed=2)))
        for out in ("out1", "out2"):
            import_labels(labelled(tmp_path / out))
        told = score(one, PROBE)
        assert told.counts.left_out == 1 and told.counts.messages == 216 and told.over == ("anchors", "seeds")
        estimate = row(told, "rft", "rate", "prediction-powered").estimate
        assert estimate.value == pytest.approx(0.5, abs=0.12) and estimate.clusters == (36, 2)

    def test_runs_of_other_chances_are_told_apart(self, tmp_path):
        """One run lies always and the other never; the first was drawn from twice, and does not count for more."""
        from analysis.labels import draw, write_batch
        from tests.analysis.labels.world import sampling

        folders = [
            write_run(tmp_path / name, anchors=12, seed=seed, says=lambda writer, i, lies=lies: (lies, 0))
            for seed, (name, lies) in enumerate((("a", True), ("b", False)), 1)
        ]
        both = runs(*folders)
        write_batch(tmp_path / "out1", draw(both[:1], sampling(24)))
        write_batch(tmp_path / "out2", draw(both, sampling(24, seed=2)))
        for out in ("out1", "out2"):
            import_labels(labelled(tmp_path / out))
        assert row(score(both, PROBE), "rft", "rate", "prediction-powered").estimate.value == pytest.approx(0.5)

    def test_before_any(self, tmp_path):
        """Nothing drawn, or nothing labelled, is an error that says what to do."""
        run = write_run(tmp_path / "run")
        with pytest.raises(InputError, match="moloch labels draw"):
            scored(run)
        drawn(tmp_path / "out", run)
        with pytest.raises(InputError, match="moloch labels import"):
            scored(run)


class TestJudges:
    """Judges of ``moloch probe`` in place of the run's own probe."""

    def test_the_same_labels_serve_another_rater(self, tmp_path):
        """Drawn by the probe's verdicts, they say how a judge errs: its strata are split by what the judge said."""
        from tests.analysis.judges.world import answer, message_of, planned, scripted

        def harsh(request) -> str:
            text = message_of(request)
            return answer(True, "lamp") if "LIE" in text or "lamp 1" in text else answer(False)

        run = write_run(tmp_path / "run")
        import_labels(labelled(drawn(tmp_path / "out", run, size=108)))
        planned(run, scripted(harsh)).carry_out()
        told, own = scored(run, rater="judge-a"), scored(run)
        assert told.errors[0].sensitivity.value == 1.0 > own.errors[0].sensitivity.value
        found = [errs("rft", i)[0] or "lamp 1" in f"lamp {i}" for i in range(36)]
        assert row(told, "rft", "rate", "raw").estimate.value == pytest.approx(sum(found) / 36)
        assert row(told, "rft", "rate", "prediction-powered").estimate.value == pytest.approx(0.5)

    def test_strata_of_a_judge(self, tmp_path):
        """A draw by a judge's verdicts, of which the log of labels says whose they were."""
        from tests.analysis.judges.world import answer, message_of, planned, scripted

        run = write_run(tmp_path / "run", anchors=12)
        planned(run, scripted(lambda r: answer(True, "LIE") if "LIE" in message_of(r) else answer(False))).carry_out()
        import_labels(labelled(drawn(tmp_path / "out", run, size=20, rater="judge-a")))
        told = scored(run, rater="judge-a")
        assert told.errors[0].youden.value == 1.0 and told.rater == "judge-a"


class TestBases:
    """Learners on other base models."""

    def test_each_is_compared_with_its_own(self, tmp_path):
        """Not with the run's."""
        from dataclasses import replace as changed

        from analysis.labels._sample import labelled_sample
        from analysis.labels._score import _Scored

        run = write_run(tmp_path / "run", anchors=12)
        import_labels(labelled(drawn(tmp_path / "out", run, size=36)))
        found = labelled_sample(runs(run), PROBE, "", "left out")
        assert found.base_of == {"rft": "base", "placebo": "base"}
        found = changed(found, base_of={"rft": "base:other", "placebo": "base"})
        scored_by = _Scored(found, found.sample.draws("x", draws=10))
        assert {(r.writer, r.compared_with) for r in scored_by.rows() if r.measure == "from_base"} == {
            ("placebo", "base")
        }


class TestJson:
    """The score as a mapping."""

    def test_has_no_number_that_json_lacks(self, small):
        """Numbers that do not exist are None."""
        told = json.loads(json.dumps(scored(small).as_dict(), allow_nan=False))
        assert told["rater"] == "the run's own probe" and {"sensitivity", "youden"} < set(told["errors"][0])

    def test_is_the_same_again(self, small):
        """Draws of the bootstrap are keyed."""
        assert scored(small).as_dict() == scored(small).as_dict()
