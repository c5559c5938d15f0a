"""Arms compared by judges' verdicts, and how far the verdicts are to be believed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from rich.console import Console

from abm.events import RunConfigured
from abm.log import create, read_events
from analysis.judges._rates import _trained
from analysis.judges._verdicts import VerdictRow
from analysis.statistics.equal_length import at_equal_length
from analysis.tables.evaluation import probe_table
from analysis.terminal.judges import render
from moloch import keyed
from moloch.errors import InputError
from tests.analysis.judges.world import answer, message_of, planned, scripted, sees_guarantees, training, write_run


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", more=training())


def _by(truth: dict[str, int], text: str) -> str:
    return answer(True, text) if truth[text] else answer(False)


class TestArms:
    """Each arm against base and placebo, paired by anchor."""

    def test_a_judge_that_says_what_the_rules_say_gives_their_table(self, run):
        """Estimates, intervals, corrections: the statistics are the same ones."""
        rows = planned(run, scripted()).carry_out().rates
        for mine, theirs in zip(rows, probe_table(read_events(run)), strict=True):
            for name in ("arm", "probe", "base", "after", "difference", "placebo", "p_holm"):
                assert str(getattr(mine, name)) == str(getattr(theirs, name))

    def test_known_rates(self, run):
        """Half of rft's messages lie, one of eight of placebo's, none of base's."""
        rft, placebo = planned(run, scripted()).carry_out().rates
        assert (rft.base.value, rft.after.value, placebo.after.value) == (0.0, 0.5, 0.125)
        assert rft.difference.value == 0.5 and rft.placebo.value == 0.375 and math.isnan(placebo.placebo.value)

    def test_training_messages_are_compared_with_placebo(self, run):
        """They have no base; two messages about an anchor are one observation of it."""
        rft, placebo = planned(run, scripted(), phase="train").carry_out().rates
        assert rft.after.value == 0.5 and rft.after.n == 16 and rft.after.clusters == (8,)
        assert rft.placebo.value == pytest.approx(0.375) and rft.placebo.n == 8
        assert rft.base.n == rft.difference.n == 0 and placebo.placebo.n == 0

    def test_differences_of_training_messages_have_no_p(self):
        """They are of one training each: an interval for these adapters, and no p of an effect of competition."""
        rows = [
            VerdictRow(
                message=f"{arm}/{i}", contest=f"c{i}", slot=0, phase="train", epoch=1, arm=arm, competitor=arm,
                anchor=f"a{i}", probe=probe, judge="j", label=int(arm == "rft" and i < lies), verdict="", status="ok",
                quote="", reason="", why="", words=5,
            )
            for probe, lies in (("unsafe", 9), ("populism", 5))
            for arm in ("rft", "placebo")
            for i in range(12)
        ]  # fmt: skip
        found = {(row.arm, row.probe): row for row in _trained("j", rows, {"rft": "placebo"})}
        for row, lies in ((found["rft", "unsafe"], 9), (found["rft", "populism"], 5)):
            assert row.placebo.low < row.placebo.value == lies / 12 < row.placebo.high
            assert math.isnan(row.placebo.p)

    @pytest.mark.parametrize("phase", ["evaluate", "train"])
    def test_the_comparator_is_the_declared_one(self, run, phase):
        """Here placebo is compared with rft, and rft with nothing."""
        events = list(read_events(run))
        arms = {"rft": {"method": "rft"}, "placebo": {"method": "placebo", "compared_with": "rft"}}
        config = next(e for e in events if isinstance(e, RunConfigured)).config | {"arms": arms}
        with create(run.parent / f"declared-{phase}", config) as log:
            log.append([RunConfigured(config=config) if isinstance(e, RunConfigured) else e for e in events])
        rft, placebo = planned(run.parent / f"declared-{phase}", scripted(), phase=phase).carry_out().rates
        assert placebo.placebo.value == pytest.approx(-0.375) and rft.placebo.n == 0

    def test_an_arm_alone(self, run):
        """Without placebo there is no difference from it."""
        (row,) = planned(run, scripted(), arms=("rft",)).carry_out().rates
        assert row.arm == "rft" and row.placebo.n == 0


class TestEqualLength:
    """The length control: what is left of a difference between messages of equal length."""

    def test_an_effect_of_length_alone_goes(self):
        """Longer messages misbehave more, the arm does not: of 200 worlds about 95 % have zero within the interval."""
        held = crude = 0
        for i in range(200):
            draw = keyed.generator("length", i)
            longer = draw.normal(0.4, 0.5, 120)
            labels = np.clip(np.round(draw.normal(0.5 * longer, 0.6)), -1, 1)
            found = at_equal_length(labels, longer)
            held += found.low <= 0 <= found.high
            crude += abs(labels.mean()) > 1.96 * labels.std() / math.sqrt(120)
        assert 0.90 <= held / 200 <= 0.99 and crude / 200 > 0.5

    def test_an_effect_beside_length_stays(self):
        """The intercept is that of least squares."""
        draw = keyed.generator("beside")
        longer = draw.normal(0.2, 0.3, 60)
        labels = (draw.random(60) < 0.5).astype(float)
        found = at_equal_length(labels, longer)
        assert found.value == pytest.approx(np.polyfit(longer, labels, 1)[1]) and found.low > 0 and found.p < 0.01

    def test_nothing_is_extrapolated(self):
        """Where one side is always the longer one, no pair is like another at equal length."""
        assert math.isnan(at_equal_length([0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5]).value)
        assert math.isnan(at_equal_length([0, 1], [-0.1, 0.1]).value)

    def test_equal_lengths_need_no_control(self):
        """It is the plain mean; alike pairs have no interval."""
        assert at_equal_length([0, 1, 0, 1], [0.0] * 4).value == 0.5
        assert math.isnan(at_equal_length([0, 0, 0, 0, 0], [-1, 1, 0.5, 0.2, -0.3]).low)

    def test_one_pair_alone_decides_nothing(self):
        """A slope that hangs on a single pair is no control."""
        assert math.isnan(at_equal_length([1, 0, 0, 0, 0], [1.0, 0, 0, 0, 0]).value)


class TestAgreement:
    """Judges with each other, and with the run's own probes."""

    def test_pairs_and_all(self, run):
        """Units are distinct messages; the rules take part in pairs, not in alpha."""
        blind = scripted(lambda r: answer(False), "judge-b")
        found = planned(run, scripted(), blind).carry_out()
        raters = {(row.first, row.second): row.found for row in found.agreement}
        assert set(raters) == {("judge-a", "judge-b"), ("judge-a", "rules (exact)"), ("judge-b", "rules (exact)")}
        assert raters["judge-a", "rules (exact)"].kappa.value == 1.0
        assert raters["judge-a", "judge-b"].raw.n == 19 and raters["judge-a", "judge-b"].kappa.value == 0.0
        assert found.alphas[0].alpha.n == 19 and found.alphas[0].alpha.value < 0

    def test_levels_are_compared_as_levels(self, run, tmp_path):
        """Two judges that differ in degree do not agree, though both may find no harm."""
        battery = tmp_path / "b.yaml"
        battery.write_text(
            "name: b\nprobes:\n  - name: anger\n    question: How angry?\n    levels: [none, mild, strong]\n    harm: [strong]\n"
        )
        mild = scripted(lambda r: answer("mild", "lamp"), "judge-a")
        calm = scripted(lambda r: answer("none"), "judge-b")
        found = planned(run, mild, calm, battery=str(battery)).carry_out()
        assert found.agreement[0].found.raw.value == 0 and {row.after.value for row in found.rates} == {0.0}


class TestValidation:
    """Against people's labels."""

    @staticmethod
    def labels(tmp_path, *lines: str):
        path = tmp_path / "labels.csv"
        path.write_text("\n".join(["message,probe,label", *lines]) + "\n")
        return path

    def test_known_counts(self, run, tmp_path):
        """Three hits, one false alarm, one missed for want of a verdict: recall counts it as not found."""
        path = self.labels(
            tmp_path,
            *(f"evaluate/1/rft/a{i}/1,misrepresentation,{int(i != 6)}" for i in (0, 2, 4, 6)),
            "evaluate/1/rft/a1/1,misrepresentation,yes",
            *(
                f"train/placebo/a{i}/0,misrepresentation,{no}"
                for i, no in ((1, "false"), (2, "0.0"), (3, "0"), (5, "No"))
            ),
        )
        llm = scripted(
            lambda r: "" if "lamp 1." in message_of(r) and "Slot" not in message_of(r) else sees_guarantees(r)
        )
        found = planned(run, llm, labels=path).carry_out()
        assert llm.calls == 9 + 1 and not found.rates  # exactly what is labelled is judged
        (row,) = found.validation
        assert (row.labelled, row.unjudged, row.prevalence) == (9, 1, pytest.approx(4 / 9))
        assert (row.precision.value, row.precision.n) == (0.75, 4) and (row.recall.value, row.recall.n) == (0.75, 4)
        assert row.f1.value == pytest.approx(0.75) and row.kappa.n == 8
        assert row.kappa.value == pytest.approx((7 / 8 - 0.5) / 0.5, abs=0.02)

    def test_the_packages_own_cases(self, run):
        """A judge's F1 is known before a run depends on it; the run gives the arena, its messages are not judged."""
        from analysis.probes.validate import cases

        truth = {case.text: case.label for case in cases("misrepresentation")}
        found = planned(run, scripted(lambda r: _by(truth, message_of(r))), labels="cases").carry_out()
        (row,) = found.validation
        assert row.f1.value == row.kappa.value == 1.0 and row.labelled == len(cases("misrepresentation")) > 200
        assert not found.rates and not found.agreement

    def test_no_cases(self, run):
        """Of questions that nobody has labelled."""
        with pytest.raises(InputError, match="no labelled cases"):
            planned(run, scripted(), labels="cases", battery="battery2026")

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            (["evaluate/1/rft/a0/9,misrepresentation,1"], "labels.csv:2: no message"),
            (["evaluate/1/rft/a0/1,rudeness,1"], "labels.csv:2: no probe 'rudeness'"),
            (["evaluate/1/rft/a0/1,misrepresentation,perhaps"], "labels.csv:2: not a label: 'perhaps'"),
            (["evaluate/1/rft/a0/1,misrepresentation,1"] * 2, "labels.csv:3: the message is labelled twice"),
            (["evaluate/1/rft/a0/1"], "labels.csv:2: a row does not fit the header"),
            (["evaluate/1/rft/a0/1,,1"], "labels.csv:2: no column 'probe'"),
            (["evaluate/1/rft/a0/1,\x1b[31m,1"], "labels.csv:2: no probe ''"),
            ([], "no labels"),
        ],
    )
    def test_a_mistake_names_its_line(self, run, tmp_path, lines, said):
        """Before anything is asked."""
        llm = scripted()
        with pytest.raises(InputError) as error:
            planned(run, llm, labels=self.labels(tmp_path, *lines))
        assert said in str(error.value) and llm.calls == 0

    def test_other_columns(self, run, tmp_path):
        """The missing one is named."""
        path = tmp_path / "labels.csv"
        path.write_text("id,label\n1,1\n")
        with pytest.raises(InputError, match="no column 'message'"):
            planned(run, scripted(), labels=path)


class TestPrinted:
    """What a terminal shows."""

    def shown(self, found, width: int = 200) -> str:
        console = Console(width=width, record=True)
        for part in render(json.loads(json.dumps(found.as_dict()))):
            console.print(part)
        return console.export_text()

    def test_rates_controls_agreement(self, run):
        """Absolute rates, differences with intervals, controls, agreement, and what was paid."""
        text = self.shown(planned(run, scripted(), scripted(name="judge-b")).carry_out())
        for said in (
            "Misbehaviour, as judged",
            "50.0 %",
            "Controls",
            "+37.5 [",
            "kappa",
            "Krippendorff's alpha",
            "38 calls",
        ):
            assert said in text

    def test_long_names_leave_room_for_numbers(self, run):
        """In the terminal's usual width nothing is cut; the names stand above the tables."""
        long = scripted(name="http://host:8000/v1#meta-llama/Llama-3.1-70B-Instruct")
        found = planned(run, long, scripted(name="other/Llama-3.1-70B-Instruct"), battery="battery2026").carry_out()
        text = self.shown(found, width=120)
        assert "J1 = http://host:8000/v1#meta-llama/Llama-3.1-70B-Instruct, J2 = other/" in " ".join(text.split())
        assert "…" not in text

    def test_one_judge_without_verdicts(self, run):
        """Dashes, and the share that has none."""
        text = self.shown(planned(run, scripted(lambda r: "no")).carry_out())
        assert "100.0 %" in text and "nan" not in text.lower()

    def test_only_a_real_model_is_evidence(self, run):
        """The stand-in that judges is named."""
        assert "Not evidence" not in self.shown(planned(run, scripted()).carry_out())
        text = self.shown(planned(run, scripted(name="pocket")).carry_out())
        assert "Not evidence about real LLMs: the pocket model judges" in text
