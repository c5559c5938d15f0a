"""What a plan promises: it is what a run does, step by step, and everything that is said of it in advance is read from it."""

from __future__ import annotations

import pytest

from abm.events import AdapterTrained, AnchorsListed, EpochEnded, RunConfigured, StepStarted
from abm.journal import LiveJournal
from abm.log import create, read_events
from learning.plan.counts import begun, contests, messages, part_at, to_come, total
from learning.plan.order import BASE, SHARED, plan
from learning.plan.parts import Evaluate, Learn, Policy, Simulate
from learning.plan.recorded import recorded_plan
from learning.runs.inputs import gather
from learning.runs.loop import Loop
from learning.settings.config import RunConfig
from moloch.errors import InputError
from tests.learning.test_loop import CONFIG, NETWORKED, carry_out
from tests.support.fakes import FakeTrainer, fake_llm

EVERY = CONFIG.model_copy(update={"evaluate": "every", "epochs": 3, "arms": ("rft", "placebo")})
CONFIGS = {"isolated": CONFIG, "networked": NETWORKED, "every epoch": EVERY}


@pytest.fixture(scope="module", params=CONFIGS)
def planned(request, tmp_path_factory):
    """Settings, their plan, and the events of the run that they give."""
    config = CONFIGS[request.param]
    folder = tmp_path_factory.mktemp("run")
    carry_out(folder, config)
    return config, plan(config, gather(config)), list(read_events(folder))


class TestPlan:
    """A plan is data, and the log follows it."""

    def test_the_log_follows_it(self, planned):
        """Steps and trainings stand in the log in the plan's order, as many as it says."""
        _, parts, events = planned
        expected = []
        for part in parts:
            if isinstance(part, Learn):
                expected.append(("learn", part.epoch, part.arm))
                expected += [("ended", part.epoch, "")] if part.ends_epoch else []
            else:
                expected += [part.makes] * part.steps
        happened = [
            (e.phase, e.epoch, e.arm)
            if isinstance(e, StepStarted)
            else ("learn", e.epoch, e.arm)
            if isinstance(e, AdapterTrained)
            else ("ended", e.epoch, "")
            for e in events
            if isinstance(e, StepStarted | AdapterTrained | EpochEnded)
        ]
        assert happened == expected

    def test_what_a_part_needs_was_made_before(self, planned):
        """No society writes with a policy that was not learnt yet; nothing is learnt from contests that were not held."""
        made = set()
        for part in planned[1]:
            assert set(part.needs) <= made
            made.add(part.makes)

    def test_who_writes(self):
        """The base model in the shared first epoch, then each arm with what it learnt last; evaluations are against base."""
        parts = plan(EVERY, gather(EVERY))
        for part in parts:
            if isinstance(part, Simulate):
                policy = Policy(BASE) if part.epoch == 1 else Policy(part.arm, part.epoch - 1)
                assert part.writers == (policy,) * EVERY.messages and (part.arm == SHARED) == (part.epoch == 1)
            elif isinstance(part, Evaluate):
                assert part.writers == (Policy(BASE), Policy(part.arm, part.epoch))

    def test_epochs_take_the_next_of_the_pool(self):
        """No training anchor is met twice before all were."""
        first, second, third = (
            part.anchors for part in plan(EVERY, gather(EVERY)) if isinstance(part, Simulate) and part.arm != "placebo"
        )
        assert [*first, *second, *third] == list(range(3 * 6))


class TestOutlook:
    """What is said of a run in advance."""

    def test_total_and_the_part_that_comes_next(self, planned):
        """Every step and training counts one; at the end nothing comes."""
        _, parts, events = planned
        happened = [e for e in events if isinstance(e, StepStarted | AdapterTrained)]
        assert total(parts) == len(happened)
        for done, event in enumerate(happened):
            coming = part_at(parts, done)
            assert coming is not None and (coming.epoch, coming.arm) == (event.epoch, event.arm)
            assert isinstance(coming, Learn) == isinstance(event, AdapterTrained)
        assert part_at(parts, total(parts)) is None

    def test_progress(self, tmp_path):
        """It is reported before each step and training, which are done when the next is; and never beyond the total."""
        seen = []
        with create(tmp_path / "run", CONFIG.model_dump(mode="json")) as log:
            loop = Loop(CONFIG, gather(CONFIG), LiveJournal(log), fake_llm(), FakeTrainer())
            for progress in loop.advance():
                done = sum(isinstance(e, AdapterTrained) for e in log.read()) + loop.journal.state.step
                assert progress.done == done == len(seen)
                seen.append(progress)
        assert len(seen) == total(loop.plan) and {progress.total for progress in seen} == {len(seen)}
        assert [p.doing for p in seen[:3]] == ["epoch 1: shared competes"] * 2 + ["epoch 1: rft learns"]
        assert seen[-1].doing == "evaluating placebo against base"

    def test_what_a_fork_shares(self):
        """Parts that have begun by its step; what is learnt after the step is its own."""
        parts = plan(CONFIG, gather(CONFIG))
        assert begun(parts, 1) == begun(parts, 2) == parts[:1]
        assert begun(parts, 3) == parts[: 1 + len(CONFIG.arms) + 1]
        assert begun(parts, 10_000) == parts

    def test_what_is_to_come_after_some_steps(self):
        """The part that is under way, and those after it; what is learnt after a step comes with the next."""
        parts = plan(CONFIG, gather(CONFIG))
        assert to_come(parts, 0) == to_come(parts, 1) == parts
        assert to_come(parts, 2) == parts[1:]
        assert to_come(parts, sum(part.steps for part in parts)) == ()

    def test_calls(self):
        """Messages and contests by phase: the base model writes once for all arms of an evaluation."""
        parts = plan(EVERY, gather(EVERY))
        assert contests(parts, "train") == 6 * (1 + 2 * 2) and contests(parts, "evaluate") == 5 * 3 * 2
        assert messages(parts) == 2 * 6 * (1 + 2 * 2) + 5 * 3 * (2 + 1)

    def test_a_log_is_enough(self, planned):
        """From recorded settings and listed anchors comes the plan of the run."""
        _, parts, events = planned
        record = next(e.config for e in events if isinstance(e, RunConfigured))
        listed = {e.split: len(e.anchors) for e in events if isinstance(e, AnchorsListed)}
        assert recorded_plan(record, listed["train"], listed["evaluate"]) == parts

    @pytest.mark.parametrize(
        "strange",
        [{"arms": 5}, {"arms": []}, {"epochs": [1]}, {"batch": 0}, {"epochs": 10**12}, {"messages": True}, {"batch": None}],
    )  # fmt: skip
    def test_strange_settings_have_no_plan(self, strange):
        """Those of a log that was not written by a run, or by somebody who means ill."""
        assert recorded_plan(CONFIG.model_dump(mode="json") | strange, 6, 5) == ()
        assert recorded_plan({}, 6, 5) == ()


class TestMistakes:
    """What would never come is refused before anything is paid for."""

    def test_an_evaluation_that_is_not_planned(self):
        """The error says which are, and how to have it."""
        waiting = {"kind": "ban", "slot": 0, "phase": "evaluate", "epoch": 1}
        config = RunConfig.model_validate({"world": "networked", "network": {"interventions": [waiting]}})
        with pytest.raises(InputError, match=r"evaluation of epoch 1: only epoch 2 is evaluated. Set evaluate: every"):
            gather(config)
        assert gather(config.model_copy(update={"evaluate": "every"}))
