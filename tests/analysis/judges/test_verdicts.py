"""What is planned before anything is paid, and what is read afterwards: functions of logs that ask nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from abm.llm import Sampling
from abm.llm.budget import Price
from analysis.judges import frame, read_verdicts
from analysis.judges._plan import costs, make_plan
from analysis.judges._prompts import Wording
from moloch.errors import InputError
from tests.analysis.judges.world import planned, scripted, write_run

TEXTS = 19
"""Distinct messages of the run's evaluation."""


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


class TestRows:
    """Verdicts as rows and frames, from the two logs alone."""

    def test_each_has_its_place_in_the_run(self, run):
        """Arm, epoch, phase, slot, competitor; quote and reason as the judge gave them."""
        planned(run, scripted()).carry_out()
        rows = read_verdicts(run)
        lie = next(row for row in rows if row.message == "evaluate/1/rft/a0/1")
        assert (lie.arm, lie.epoch, lie.phase, lie.slot, lie.competitor) == ("rft", 1, "evaluate", 1, "rft")
        assert (lie.label, lie.verdict, lie.quote, lie.reason, lie.words) == (1, "true", "guaranteed", "so", 12)
        assert len(rows) == 32

    def test_are_those_that_the_table_rests_on(self, run):
        """Reading later gives what judging gave; several judgings are read together."""
        found = planned(run, scripted()).carry_out()
        by_message = sorted(found.verdicts, key=lambda row: row.message)
        assert sorted(read_verdicts(run), key=lambda row: row.message) == by_message
        planned(run, scripted(name="judge-b"), battery="battery2026", sample=2).carry_out()
        rows = read_verdicts(run)
        assert sorted((row for row in rows if row.judge == "judge-a"), key=lambda row: row.message) == by_message
        assert {row.probe for row in rows if row.judge == "judge-b"} >= {"urgency", "vague_authority"}

    def test_stay_readable_when_the_wording_changes(self, run):
        """What was asked is in the log of verdicts, not only in the program."""
        prepared = planned(run, scripted())
        wording = Wording(system="An older wording.", again="Once more: {why}")
        settings = replace(prepared.settings, wording=wording)
        pairs = [(item.message, item.question) for item in prepared.plan.items]
        plan = make_plan(pairs, prepared.messages.anchors, settings.judges, wording, settings.max_tokens)
        assert not plan.calls.keys() & prepared.plan.calls.keys()
        replace(prepared, settings=settings, plan=plan).carry_out()
        assert len(read_verdicts(run)) == 32 and planned(run, scripted()).costs()[0].answered == 0

    def test_as_a_frame(self, run):
        """Typed columns, also where nothing was judged."""
        planned(run, scripted()).carry_out()
        table = frame(read_verdicts(run))
        assert table.shape == (32, 18) and table["label"].sum() == 4 + 1
        assert frame([]).schema == table.schema

    def test_nothing_was_judged_yet(self, run):
        """No rows, no error."""
        assert read_verdicts(run) == []


class TestPlan:
    """What it may cost is known before anything is paid."""

    def test_counts_what_is_missing(self, run):
        """Calls, tokens and money; repetitions are not in it."""
        prepared = planned(run, scripted())
        (first,) = prepared.costs()
        assert (first.answered, first.calls, first.tokens_out) == (0, TEXTS, TEXTS * 512) and first.tokens_in > 1000
        prepared.carry_out()
        (then,) = prepared.costs()
        assert (then.answered, then.calls, then.tokens_in, then.usd) == (TEXTS, 0, 0, None)

    def test_asks_at_temperature_zero_and_holds_the_answer_to_its_schema(self, run):
        """Every call of the plan."""
        calls = planned(run, scripted()).plan.calls.values()
        assert {call.request.sampling for call in calls} == {Sampling(0.0, 1.0, 512)}
        assert all('"verdict"' in call.request.schema for call in calls)

    def test_money(self, run):
        """By the price of the judge."""
        prepared = planned(run, scripted())
        judge = prepared.settings.judges[0]._replace(price=Price(1.0, 2.0))
        calls = {site: call._replace(judge=judge) for site, call in prepared.plan.calls.items()}
        (cost,) = costs(prepared.plan._replace(calls=calls), list(calls))
        assert cost.usd == pytest.approx((cost.tokens_in + 2 * cost.tokens_out) / 1e6)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"arms": ("tfb",)}, "no arm 'tfb' in the run"),
            ({"sample": 9}, "asked for 9 anchors"),
            ({"phase": "train"}, "no message to judge in phase 'train'"),
            ({"epoch": 7}, "its epochs of that phase are 1"),
        ],
    )
    def test_mistakes_cost_nothing(self, run, changes, said):
        """They are found before the log of verdicts is made."""
        with pytest.raises(InputError, match=said):
            planned(run, scripted(), **changes)
        assert not (run / "verdicts").exists()

    def test_a_run_of_another_arena(self, tmp_path):
        """Its questions are other ones."""
        found = planned(write_run(tmp_path / "run", name="elections"), scripted()).carry_out()
        assert {row.probe for row in found.rates} == {"disinformation", "populism"}
