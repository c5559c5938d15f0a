"""What a training says of itself: each step's loss, gradient and rate, and how far the model has moved."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from abm.columns import Float32s, unpack  # noqa: E402
from learning.training import _drift, _job, _launch  # noqa: E402
from learning.training._drift import SHARE, drift_rows, measure_drift  # noqa: E402
from learning.training._launch import Outcome  # noqa: E402
from learning.training._ranks import Ranks  # noqa: E402
from learning.training.examples import Example  # noqa: E402
from learning.training.measured import StepMeasures, TrainingDiverged  # noqa: E402
from tests.learning.training.test_job import learn  # noqa: E402

ROWS = [Example(list(range(3, 3 + n)), start) for n, start in ((9, 4), (14, 6), (11, 10))]


def column(values: bytes) -> list[float]:
    return unpack(values, Float32s).tolist()


@pytest.fixture(scope="module")
def adapted(tiny_model, tiny_adapters, one):
    """The tiny model with a random adapter."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), str(tiny_adapters / one))


class TestDrift:
    """KL and entropy are exact on the tokens that they are measured on."""

    @pytest.mark.parametrize("pieces", [1 << 24, 400])
    def test_they_are_those_of_the_definitions(self, adapted, monkeypatch, pieces):
        """Against the definitions, row by row, in float64, in one piece and in several."""
        monkeypatch.setattr(_drift, "LOGITS", pieces)
        found = measure_drift(adapted, ROWS, 64, Ranks())
        kl, entropy, base = [], [], []
        for row in ROWS:
            ids, kept = torch.tensor([row.ids]), slice(row.start - 1, len(row.ids) - 1)
            with torch.no_grad():
                p = torch.distributions.Categorical(logits=adapted(ids).logits[0, kept].double())
                with adapted.disable_adapter():
                    q = torch.distributions.Categorical(logits=adapted(ids).logits[0, kept].double())
            kl += torch.distributions.kl_divergence(p, q).tolist()
            entropy += p.entropy().tolist()
            base += q.entropy().tolist()
        assert found.tokens == len(kl) == sum(row.learnt for row in ROWS)
        assert found.kl > 0.01
        assert (found.kl, found.entropy, found.base_entropy) == pytest.approx(
            (np.mean(kl), np.mean(entropy), np.mean(base)), abs=2e-5
        )

    def test_a_head_that_bends_its_logits(self, adapted, monkeypatch):
        """Where logits are not a product alone, they come from the model itself, and are the same here."""
        from learning.training import losses

        plain = measure_drift(adapted, ROWS, 64, Ranks())
        monkeypatch.setattr(losses, "_plain_head", lambda model: False)
        bent = measure_drift(adapted, ROWS, 64, Ranks())
        assert (bent.kl, bent.entropy) == pytest.approx((plain.kl, plain.entropy), abs=1e-5)

    def test_without_an_adapter_there_is_none(self, adapted):
        """The base model is no way from itself."""
        with adapted.disable_adapter():
            pass
        weights = {name: weight.clone() for name, weight in adapted.named_parameters() if "lora_B" in name}
        for name, weight in adapted.named_parameters():
            if name in weights:
                weight.data.zero_()
        found = measure_drift(adapted, ROWS, 64, Ranks())
        for name, weight in adapted.named_parameters():
            if name in weights:
                weight.data.copy_(weights[name])
        assert found.kl == 0
        assert found.entropy == found.base_entropy > 0

    @pytest.mark.parametrize("count", [1, 3, 80, 1000])
    @pytest.mark.parametrize("repeat", [1, 3])
    def test_few_rows_are_measured(self, count, repeat):
        """Four passes over them are at most a twentieth of the training's passes, and some row always is."""
        rows = [Example([0, i], 1) for i in range(count)]
        picked = drift_rows(rows, repeat)
        assert 1 <= len(picked) <= 64
        assert len(picked) == 1 or 4 * len(picked) <= SHARE * count * (3 * repeat + 2)
        assert len({row.ids[1] for row in picked}) == len(picked)


class TestTraining:
    """What is measured of one training."""

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, tiny_model, tmp_path_factory):
        """A training of the tiny model."""
        return learn(tiny_model, tmp_path_factory.mktemp("run"))

    @pytest.mark.system
    def test_a_column_each(self, trained):
        """Loss, gradient norm and learning rate of every step: the rate rises, then falls; losses are those of the steps."""
        columns = [column(getattr(trained.measured, name)) for name in ("losses", "gradient_norms", "learning_rates")]
        assert [len(values) for values in columns] == [trained.steps] * 3
        losses, norms, rates = columns
        assert losses[0] == pytest.approx(trained.loss_before, rel=0.2)
        assert all(norm > 0 for norm in norms)
        assert max(rates) == pytest.approx(1e-2) and rates[-1] < max(rates)

    @pytest.mark.system
    def test_how_far_it_moved(self, trained, tiny_model, tmp_path):
        """A fresh adapter starts at its base; one that goes on from it, where that one ended."""
        first = trained.measured
        assert first.kl_before == 0 < first.kl_after
        assert first.entropy_before > 0 and first.drift_tokens > 0
        parent = learn(tiny_model, tmp_path / "run")
        second = learn(tiny_model, tmp_path / "run", parent=parent.adapter).measured
        assert second.kl_before == pytest.approx(parent.measured.kl_after, abs=1e-5)
        assert second.kl_after > second.kl_before

    @pytest.mark.system
    def test_it_changes_no_adapter(self, trained, tiny_model, tmp_path, monkeypatch):
        """To the last bit, dropout's draws included."""
        still = _drift.Drift(0.0, 1.0, 1.0, 1)
        for dropout in (0.0, 0.05):
            measured = learn(tiny_model, tmp_path / "one", dropout=dropout).adapter
            with monkeypatch.context() as patch:
                patch.setattr(_job, "_drift", lambda *_: still)
                assert learn(tiny_model, tmp_path / "two", dropout=dropout).adapter == measured

    @pytest.mark.slow
    def test_in_several_processes_it_is_measured_once(self, trained, tiny_model, tmp_path):
        """Sums over all of them, from the first: the measures of one process, but for rounding."""
        shared = learn(tiny_model, tmp_path, processes=2).measured
        for name in ("losses", "gradient_norms", "learning_rates"):
            assert column(getattr(shared, name)) == pytest.approx(column(getattr(trained.measured, name)), rel=1e-4)
        assert shared.kl_after == pytest.approx(trained.measured.kl_after, rel=1e-3)
        assert shared.drift_tokens == trained.measured.drift_tokens


class TestDivergence:
    """A loss that is no number is an error that says what was measured."""

    def test_the_steps_up_to_there(self, tiny_model, tmp_path):
        """The last of them is no number."""
        with pytest.raises(TrainingDiverged, match=r"lora\.lr") as raised:
            learn(tiny_model, tmp_path, lr=1e30, repeat=4)
        losses = column(raised.value.measured.losses)
        assert math.isfinite(losses[0]) and not math.isfinite(losses[-1])
        assert not list(tmp_path.glob("*/adapter_model.safetensors"))

    def test_it_comes_back_from_another_process(self):
        """As the error that it was there."""
        import msgspec

        error = TrainingDiverged("training diverged", why="the loss is nan", fix="Lower lora.lr")
        steps = StepMeasures()
        steps.add(math.nan, math.inf, 0.1)
        error.measured = steps.measured()
        sent = msgspec.json.decode(msgspec.json.encode(Outcome.failed(error)), type=_launch.Outcome)
        back = sent.raised()
        assert isinstance(back, TrainingDiverged) and back.measured == error.measured
        assert str(back) == str(error)
