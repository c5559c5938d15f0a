"""How long a run takes, said before it begins: from a few tokens of its own model, and from a little training."""

from __future__ import annotations

import json

import pytest

from abm.events import AdapterTrained
from abm.log import read_events
from learning import load_config, run
from learning.plan.order import plan
from learning.plan.parts import Learn
from learning.runs import warmup
from learning.runs.costs import planned
from learning.runs.inputs import gather
from learning.runs.warmup import Warmup, is_measured, measure
from moloch.errors import InputError
from tests.support.fakes import FakeTrainer, fake_llm

SMALL = {"train_anchors": 5, "held_out_anchors": 4, "train_personas": 3, "held_out_personas": 3, "batch": 3}
WARM = Warmup(prompt=0.5, token=0.01, training=10.0, row=2.0, rows=6)


def settings(**changes):
    return load_config(None, SMALL | {"arms": ["rft", "tfb"], "epochs": 1, "sampling": {"max_tokens": 50}} | changes)


class TestMinutes:
    """Arithmetic of a plan and a warm-up."""

    def test_writing_and_learning(self, tmp_path):
        """Prompts and tokens of the calls to come; a training's own time, and its examples as often as they are learnt."""
        config = settings(lora={"repeat": 3})
        inputs = gather(config)
        before = planned(config, tmp_path, inputs)
        writers, learners = WARM.timed(before, config, inputs, tmp_path)
        calls = 5 * 2 + 4 + 2 * 4  # what base writes about a held-out anchor is written once
        assert writers.calls == calls and writers.minutes == pytest.approx(calls * (0.5 + 50 * 0.01) / 60)
        learnt = 5 * (1 + 2)  # TFB has a thought beside each winner: one, by the pocket model's settings
        each = 2.0 * (2 + 3 * 3) / (2 + 3)
        assert (learners.role, learners.calls, learners.answered) == ("learners", 2, 0)
        assert learners.minutes == pytest.approx((2 * 10.0 + learnt * each) / 60)
        assert [role.minutes for role in before] == [None]

    def test_a_run_that_has_begun(self, tmp_path):
        """What its log holds is not counted again."""
        config = settings()
        done = run(config, tmp_path / "run", llm=fake_llm(), trainer=FakeTrainer())
        trainings = sum(isinstance(event, AdapterTrained) for event in read_events(done.path))
        inputs = gather(config)
        assert trainings == sum(isinstance(part, Learn) for part in plan(config, inputs))
        left = WARM.timed(planned(config, done.path, inputs), config, inputs, done.path)
        assert [(role.answered, role.minutes) for role in left] == [(role.calls, 0.0) for role in left]

    def test_who_is_measured(self):
        """Models of this process; not one whose speed is given, nor one behind a server, nor the pocket model."""
        assert is_measured(settings(model="a/folder"))
        for changes in ({}, {"model": "x", "serving": {"tokens_per_s": 9}}, {"serving": {"llm": "http://localhost:1"}}):
            assert not is_measured(settings(**changes))


class TestMeasured:
    """A tiny model, really asked and really trained."""

    @pytest.fixture
    def model(self, tmp_path):
        pytest.importorskip("peft", reason="needs the learn extra")
        from tests.support.tiny import save_tiny_model

        return str(save_tiny_model(tmp_path / "model", max_position_embeddings=4096))

    @pytest.mark.system
    def test_both(self, model, tmp_path, monkeypatch):
        """It writes over one batch and learns twice; nothing is left behind."""
        monkeypatch.chdir(tmp_path)
        config = settings(model=model, arms=["rft"], threads=1, precision="float32")
        found = measure(config, gather(config), 8)
        assert found.rows == 3 * 2
        seconds = (
            found.training,
            found.row,
            found.token,
            found.prompt,
        )  # each a difference of measurements, 0 at least
        assert min(seconds) >= 0 and sum(seconds) > 0
        assert [path.name for path in tmp_path.iterdir()] == ["model"]

    def test_said(self, model, tmp_path, monkeypatch, capsys):
        """A dry run says its minutes, and that they were measured; a model that cannot be had leaves a plan without them."""
        from analysis.cli.run import print_plan

        config = settings(model=model, arms=["rft"], threads=1)
        monkeypatch.setattr(warmup, "measure", lambda config, inputs, usual: WARM)
        print_plan([(config, tmp_path / "run")], as_json=True)
        told = json.loads(capsys.readouterr().out)
        assert [role["role"] for role in told["plan"]] == ["writers", "learners"] and told["warmup"] == WARM.as_dict()
        print_plan([(config, tmp_path / "run")], as_json=False)
        said = " ".join(capsys.readouterr().out.split())
        minutes = sum(role["minutes"] for role in told["plan"])
        assert f"About {minutes:.1f} minutes, as measured just now in a warm-up: 100 tokens/s in batches of 6" in said

        def cannot(config, inputs, usual):
            raise InputError("cannot load the model")

        monkeypatch.setattr(warmup, "measure", cannot)
        print_plan([(config, tmp_path / "run")], as_json=True)
        out, err = capsys.readouterr()
        assert "warmup" not in json.loads(out) and "no minutes: cannot load the model" in err
        assert not (tmp_path / "run").exists()
