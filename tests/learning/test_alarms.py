"""Alarms: a collapse is seen, said once, and, if the settings say so, ends an arm; a run that goes on is the same run."""

from __future__ import annotations

import math
import warnings

import msgspec
import pytest

from abm.columns import Float32s, pack
from abm.events import (
    AdapterTrained,
    ArmFlagged,
    ArmStopped,
    EpochEnded,
    MessagePublished,
    RunConfigured,
    StepStarted,
    TrainingMeasured,
)
from abm.journal import run_digest
from abm.llm import ScriptedLLM
from abm.log import read_events
from learning import fork, load_config
from learning.alarms import AlarmConfig, MessageMeasures, message_breaches, sentence, training_breaches
from learning.alarms.texts import copied, distinct, repetition, source
from learning.plan.order import plan
from learning.plan.parts import Evaluate, Learn, Policy, Simulate, SocietyId
from learning.runs.gate import GateClosed
from learning.runs.redecide import replay_recorded
from learning.runs.stops import Stopped, remaining
from learning.settings.config import RunConfig
from learning.training.measured import TrainingDiverged, TrainingMeasures
from moloch.errors import InputError, MolochWarning
from tests.learning.test_loop import Killed, carry_out
from tests.support.fakes import FakeTrainer, answer, fake_llm

SMALL = RunConfig(
    train_anchors=9, held_out_anchors=8, train_personas=3, held_out_personas=3, batch=8, arms=("rft", "placebo")
)
HEALTHY = TrainingMeasures(
    losses=pack([0.5, 0.4], Float32s), gradient_norms=pack([1, 1], Float32s), learning_rates=pack([0, 0.1], Float32s),
    kl_after=0.02, entropy_before=1.0, entropy_after=0.9, drift_tokens=100,
)  # fmt: skip
RUINED = msgspec.structs.replace(HEALTHY, kl_after=4.0)


def settings(**alarms) -> RunConfig:
    """Return the settings of a small run with alarms; its models are fakes, of which nothing but the asked is watched."""
    unwatched = dict.fromkeys(("format_ratio", "length_ratio", "repetition", "distinct_ratio", "copy_rate"))
    return SMALL.model_copy(update={"alarms": AlarmConfig(**unwatched | alarms)})


class Ruinous(FakeTrainer):
    """A trainer that ruins one arm in its first epoch: its measures say so."""

    def __init__(self, arm="rft", diverges=False) -> None:
        super().__init__()
        self.arm, self.diverges = arm, diverges

    def train(self, data, *, parent, settings, seed, lineage):
        ruined = lineage["arm"] == self.arm and lineage["epoch"] == 1
        if ruined and self.diverges:
            error = TrainingDiverged("training diverged", why="the loss is nan at step 2")
            error.measured = TrainingMeasures(
                losses=pack([0.5, math.nan], Float32s),
                gradient_norms=pack([1.0, math.inf], Float32s),
                learning_rates=pack([0.0, 0.1], Float32s),
            )
            raise error
        done = super().train(data, parent=parent, settings=settings, seed=seed, lineage=lineage)
        return msgspec.structs.replace(
            done, adapter=f"{lineage['arm']}{done.adapter}", measured=RUINED if ruined else HEALTHY
        )


def stuck() -> ScriptedLLM:
    """Return a model that says one thing again and again once it has learnt as ``rft``."""

    def reply(request):
        if request.site.startswith("write/") and request.adapter.startswith("rft"):
            tag = request.messages[-1]["content"].rsplit("</", 1)[-1].split(">")[0]
            return f"<think>.</think><{tag}>{'buy it now or never ' * 9}</{tag}>"
        return answer(request)

    return ScriptedLLM(reply)


def carried(folder, config, **parts) -> list:
    """Return the events of a run that is carried out to its end, its warnings swallowed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MolochWarning)
        carry_out(folder, config, **parts)
    return list(read_events(folder))


def of(events, *kinds) -> list:
    return [event for event in events if isinstance(event, kinds)]


class TestTexts:
    """Measures of texts are those of the literature."""

    def test_repetition(self):
        """seq-rep-4: of 7 runs of four words, 2 stood there before."""
        assert repetition("Buy it now or never, buy it now or never") == pytest.approx(2 / 7)
        assert repetition("Buy it now.") == 0

    def test_distinct(self):
        """distinct-2: of 4 pairs of words, 3 are different; without any it is unknown."""
        assert distinct(["a b c", "a b d"]) == pytest.approx(3 / 4)
        assert math.isnan(distinct(["one"]))

    def test_copied(self):
        """Only runs of four words count: a name or a figure is no copy."""
        shown = [source("The Gavolan kettle holds 2 litres of water.")]
        assert copied("The gavolan kettle holds much.", shown) == pytest.approx(1 / 2)
        assert copied("Gavolan kettle for you, friend", shown) == 0


class TestThresholds:
    """What breaches, and what does not."""

    WROTE = MessageMeasures("", 40, 0.95, 30.0, 20.0, 0.5, 0.02, 0.1)

    def test_a_healthy_arm_breaches_nothing(self):
        """Neither its training nor its messages."""
        assert training_breaches(AlarmConfig(), 0.5, 0.4, HEALTHY) == []
        assert message_breaches(AlarmConfig(), self.WROTE, self.WROTE) == []

    @pytest.mark.parametrize(
        ("measure", "change"),
        [
            ("format_ratio", {"format_share": 0.4}), ("length_ratio", {"tokens": 100.0}), ("length_ratio", {"tokens": 9.0}),
            ("repetition", {"repetition": 0.3}), ("distinct_ratio", {"distinct": 0.1}), ("copy_rate", {"copy_rate": 0.7}),
        ],
    )  # fmt: skip
    def test_messages(self, measure, change):
        """Each measure has a threshold, held against base; one that is null is not watched."""
        wrote = msgspec.structs.replace(self.WROTE, **change)
        assert [each.measure for each in message_breaches(AlarmConfig(), wrote, self.WROTE)] == [measure]
        assert message_breaches(AlarmConfig(**{measure: None}), wrote, self.WROTE) == []
        assert message_breaches(AlarmConfig(action="none"), wrote, self.WROTE) == []

    @pytest.mark.parametrize(
        ("measure", "after", "measured"),
        [
            ("kl", 0.4, RUINED),
            ("loss_ratio", 1.1, HEALTHY),
            ("entropy_ratio", 0.4, msgspec.structs.replace(HEALTHY, entropy_after=0.05)),
        ],
    )
    def test_trainings(self, measure, after, measured):
        """Likewise of a training."""
        assert [each.measure for each in training_breaches(AlarmConfig(), 0.5, after, measured)] == [measure]
        assert training_breaches(AlarmConfig(**{measure: None}), 0.5, after, measured) == []

    def test_a_trainer_that_does_not_measure(self):
        """Its losses are watched all the same."""
        assert [each.measure for each in training_breaches(AlarmConfig(), 0.5, 5.0, None)] == ["loss_ratio"]

    def test_in_words(self):
        """With the value and the threshold."""
        (breach,) = training_breaches(AlarmConfig(), 0.5, 0.4, RUINED)
        assert sentence([breach]) == "KL to base 4 nats per token, over 1"

    def test_mistakes(self, tmp_path):
        """A threshold of the wrong kind is one error; defaults leave no trace in the record."""
        with pytest.raises(InputError, match=r"alarms\.kl"):
            load_config(None, {"alarms": {"kl": -1}})
        assert "alarms" not in RunConfig().model_dump(mode="json")
        assert RunConfig(alarms=AlarmConfig(action="stop")).id != RunConfig().id


class TestFlags:
    """A flagged arm goes on."""

    def test_it_is_recorded_and_said_once(self, tmp_path):
        """With what was measured, beside the training, in one commit."""
        with pytest.warns(MolochWarning, match="arm rft flagged in epoch 1, after its training: KL to base 4"):
            carry_out(tmp_path / "run", settings(), trainer=Ruinous())
        events = list(read_events(tmp_path / "run"))
        (flag,) = of(events, ArmFlagged)
        assert (flag.arm, flag.epoch, flag.moment) == ("rft", 1, "training")
        assert (flag.measures, flag.measured, flag.limits) == (["kl"], [4.0], [1.0])
        assert not of(events, ArmStopped)
        assert len(of(events, AdapterTrained)) == len(of(events, TrainingMeasured)) == 4

    def test_by_what_it_writes(self, tmp_path):
        """In its contests and in the evaluation, held against base's messages there."""
        events = carried(tmp_path / "run", settings(repetition=0.2), llm=stuck(), trainer=Ruinous(arm=""))
        assert [(e.arm, e.epoch, e.moment, e.measures) for e in of(events, ArmFlagged)] == [
            ("rft", 2, "contests", ["repetition"]), ("rft", 2, "evaluation", ["repetition"])
        ]  # fmt: skip

    def test_no_digest_depends_on_what_is_measured(self, tmp_path):
        """Measures and flags are about the process: the digest is that of a run without them."""
        flagged = carried(tmp_path / "a", settings(), trainer=Ruinous())
        plain = carried(tmp_path / "b", settings(), trainer=Ruinous(arm=""))
        unmeasured = [event for event in flagged if not isinstance(event, TrainingMeasured | ArmFlagged)]
        assert of(flagged, ArmFlagged) and not of(plain, ArmFlagged)
        moved = {event.seq: i for i, event in enumerate(unmeasured)}
        again = [
            msgspec.structs.replace(
                event, seq=moved[event.seq], cause=moved.get(event.cause, -1),
                **({"data_range": [moved[seq] for seq in event.data_range]} if isinstance(event, AdapterTrained) else {}),
            )
            for event in unmeasured
        ]  # fmt: skip
        assert run_digest(flagged) == run_digest(plain) == run_digest(again)


class TestStops:
    """A stopped arm learns, writes and is evaluated no more; the others go on."""

    @pytest.fixture(scope="class")
    @classmethod
    def stopped(cls, tmp_path_factory):
        """A run whose arm ``rft`` is stopped after its first training."""
        folder = tmp_path_factory.mktemp("stopped") / "run"
        carried(folder, settings(action="stop"), trainer=Ruinous())
        return folder

    def test_the_run_goes_on_without_it(self, stopped):
        """Its adapter is kept; nothing else of it follows, and epochs end as they do."""
        events = list(read_events(stopped))
        (stop,) = of(events, ArmStopped)
        assert (stop.arm, stop.epoch, stop.moment, stop.measures) == ("rft", 1, "training", ["kl"])
        after = events[stop.seq + 1 :]
        assert {event.arm for event in of(after, StepStarted, AdapterTrained)} == {"placebo"}
        assert not [e for e in of(after, MessagePublished) if e.competitor == "rft"]
        assert [sorted(event.adapters) for event in of(events, EpochEnded)] == [["placebo", "rft"]] * 2

    def test_it_is_decided_again(self, stopped):
        """A replay of the log comes to the same stop, from the measures in it."""
        found = replay_recorded(stopped)
        assert found.complete and found.divergence is None

    def test_a_replay_sees_that_it_was_not_due(self, stopped, tmp_path):
        """Measures that breach nothing would not have stopped the arm."""
        from abm.log import create

        events = [
            msgspec.structs.replace(event, kl_after=0.1) if isinstance(event, TrainingMeasured) else event
            for event in read_events(stopped)
        ]
        with create(tmp_path / "edited", of(events, RunConfigured)[0].config) as log:
            log.append(events)
        found = replay_recorded(tmp_path / "edited")
        assert found.divergence is not None and found.divergence.logged == "arm_stopped"

    @pytest.mark.system
    @pytest.mark.parametrize("diverges", [False, True])
    def test_killed_anywhere_it_ends_the_same(self, tmp_path, diverges):
        """After any commit, a stop and the training that led to it are both there, or neither; resumed, the digest is the same."""
        config = settings(action="stop")
        whole = carried(tmp_path / "whole", config, trainer=Ruinous(diverges=diverges))
        wanted = run_digest(whole)
        assert len(of(whole, ArmStopped)) == 1
        folder, trainer = tmp_path / "killed", Ruinous(diverges=diverges)
        for _ in range(500):
            try:
                carried(folder, config, commits=2, trainer=trainer)
                break
            except Killed:
                events = list(read_events(folder))
                learnt = [e for e in of(events, AdapterTrained) if e.arm == "rft"]
                assert bool(of(events, ArmStopped)) == (len(of(events, TrainingMeasured)) > 0)
                assert len(learnt) == (0 if diverges else len(of(events, ArmStopped)))
        events = list(read_events(folder))
        assert run_digest(events) == wanted
        assert len(of(events, ArmStopped)) == 1
        assert len(of(events, TrainingMeasured)) == len(of(whole, TrainingMeasured))

    def test_a_loss_that_is_no_number(self, tmp_path):
        """The arm has no adapter and is stopped; where arms are only flagged, the run ends with the error, as it ever did."""
        events = carried(tmp_path / "run", settings(action="stop"), trainer=Ruinous(diverges=True))
        (stop,) = of(events, ArmStopped)
        assert stop.measures == ["diverged"]
        assert [sorted(event.adapters) for event in of(events, EpochEnded)] == [["placebo"]] * 2
        (measured, *_) = of(events, TrainingMeasured)
        assert measured.adapter == "" and len(measured.losses) == 8
        assert replay_recorded(tmp_path / "run").complete
        with pytest.raises(TrainingDiverged):
            carried(tmp_path / "flagged", settings(), trainer=Ruinous(diverges=True))

    def test_nothing_to_learn_from(self, tmp_path):
        """An arm none of whose answers can be read is stopped, though no threshold is watched; flagged arms end the run with the advice."""

        def mumble(request):
            return "hm" if request.adapter.startswith("rft") else answer(request)

        config = settings(action="stop")
        events = carried(tmp_path / "run", config, llm=ScriptedLLM(mumble), trainer=Ruinous(arm=""))
        (stop,) = of(events, ArmStopped)
        assert (stop.arm, stop.epoch, stop.moment, stop.measures) == ("rft", 2, "training", ["rows"])
        assert replay_recorded(tmp_path / "run").complete
        with pytest.raises(GateClosed, match="nothing to learn from"):
            carried(tmp_path / "flagged", settings(), llm=ScriptedLLM(mumble), trainer=Ruinous(arm=""))

    def test_by_what_it_writes(self, tmp_path):
        """It is stopped before it learns from such contests."""
        config = settings(action="stop", repetition=0.2)
        events = carried(tmp_path / "run", config, llm=stuck(), trainer=Ruinous(arm=""))
        (stop,) = of(events, ArmStopped)
        assert (stop.arm, stop.epoch, stop.moment) == ("rft", 2, "contests")
        assert [(e.arm, e.epoch) for e in of(events, AdapterTrained)] == [("rft", 1), ("placebo", 1), ("placebo", 2)]
        assert replay_recorded(tmp_path / "run").complete

    def test_all_arms(self, tmp_path):
        """The run ends, with nothing to evaluate."""
        config = settings(action="stop").model_copy(update={"arms": ("rft",)})
        events = carried(tmp_path / "run", config, trainer=Ruinous())
        assert {event.phase for event in of(events, StepStarted)} == {"train"}

    def test_a_fork_keeps_them(self, stopped, tmp_path):
        """It shares the stop, keeps the thresholds, and goes on without the arm."""
        with pytest.raises(InputError, match="alarms"):
            fork(stopped, 3, ["alarms.action=flag"], tmp_path / "other")
        config, folder = fork(stopped, 3, ["audience=neutral"], tmp_path / "fork")
        events = carried(folder, config, trainer=Ruinous())
        assert len(of(events, ArmStopped)) == 1
        assert {e.arm for e in of(events, StepStarted) if e.phase == "evaluate"} == {"placebo"}


class TestPlan:
    """What is left of a plan is a function of it and of the stops."""

    PARTS = plan(
        SMALL, type("Counts", (), {"train_anchors": 9, "held_out_anchors": 8, "elsewhere": {}, "answers": {}})()
    )

    def test_without_stops_it_is_the_plan(self):
        """To the last part."""
        assert remaining(self.PARTS, []) == self.PARTS

    def test_what_came_before_stays(self):
        """Stopped by its contests, it has held them."""
        left = remaining(self.PARTS, [Stopped("rft", 2, "contests")])
        gone = [part for part in self.PARTS if part not in left]
        assert [type(part) for part in gone] == [Learn, Evaluate]
        assert {part.arm for part in gone} == {"rft"}

    def test_what_needs_what_was_not_made_goes_too(self):
        """A learner whose contests are not held has nothing to learn from."""
        duel = Simulate(2, "duel", (Policy("a", 1), Policy("b", 1)), range(4), 2)
        learns = Learn(2, "b", SocietyId("train", 2, "duel"), Policy("b", 1), ends_epoch=True)
        first = Learn(1, "a", SocietyId("train", 1, "shared"), Policy("base"), ends_epoch=False)
        assert remaining((first, duel, learns), [Stopped("a", 1, "training")]) == (first,)


def test_fakes_that_do_not_collapse_are_not_flagged(tmp_path):
    """With the default thresholds."""
    events = carried(tmp_path / "run", SMALL, llm=fake_llm(), trainer=FakeTrainer())
    assert not of(events, ArmFlagged, ArmStopped, TrainingMeasured)
