"""The term that holds a model near its base: the KL divergence by its definition, its gradient, and what it does to a training."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

import msgspec  # noqa: E402

from learning.methods.rft import RFT  # noqa: E402
from learning.methods.tfb import TFB  # noqa: E402
from learning.mitigations.kl_anchor import KLAnchor  # noqa: E402
from learning.training import anchor  # noqa: E402
from learning.training._ranks import Ranks  # noqa: E402
from learning.training.anchor import kl_to_base, summed_divergence  # noqa: E402
from learning.training.step import TrainingStep, likelihood, with_terms  # noqa: E402
from tests.learning.training.test_measures import ROWS  # noqa: E402
from tests.learning.training.test_own_methods import SETTINGS, adapted, data, trainer  # noqa: E402, F401


def by_definition(model, rows):
    """Return KL(model || base) summed over completion tokens, from distributions of torch, with gradients."""
    total = 0.0
    for row in rows:
        ids, kept = torch.tensor([row.ids]), slice(row.start - 1, len(row.ids) - 1)
        p = torch.distributions.Categorical(logits=model(ids).logits[0, kept].double())
        with torch.no_grad(), model.disable_adapter():
            q = torch.distributions.Categorical(logits=model(ids).logits[0, kept].double())
        total = total + torch.distributions.kl_divergence(p, q).sum()
    return total


def gradients(model, loss):
    """Return the gradient of each of the adapter's weights."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in weights:
        weight.grad = None
    loss.backward()
    return [weight.grad.clone() for weight in weights]


@pytest.fixture
def model(trainer):  # noqa: F811
    """The tiny model with a LoRA that does something, as it is while it learns."""
    return adapted(trainer).train()


def step_of(model, rows, tokens=10**6, ranks=Ranks(), **options):  # noqa: B008 (immutable)
    return TrainingStep(model, [[row] for row in rows], options, tokens, ranks)


class TestDivergence:
    """It is exact."""

    @pytest.mark.system
    @pytest.mark.parametrize("logits", [1 << 24, 400])
    def test_value_and_gradient_are_those_of_the_definition(self, model, monkeypatch, logits):
        """In one piece and in several, which are computed again in the backward pass."""
        monkeypatch.setattr(anchor, "LOGITS", logits)
        found, wanted = summed_divergence(model, ROWS), by_definition(model, ROWS)
        assert float(wanted) > 0.1
        assert float(found) == pytest.approx(float(wanted), rel=1e-4)
        for own, other in zip(gradients(model, found), gradients(model, wanted), strict=True):
            torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-5)

    def test_it_leaves_the_model_as_it_was(self, model):
        """Adapter on, weights that learn, dropout on."""
        summed_divergence(model, ROWS).backward()
        assert model.training and any(weight.requires_grad for weight in model.parameters())
        assert float(summed_divergence(model, ROWS)) > 0

    def test_without_an_adapter_there_is_none(self, model):
        """And nothing pulls."""
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.data.zero_()
        found = summed_divergence(model, ROWS)
        assert float(found) == pytest.approx(0, abs=1e-4)
        assert all(float(each.abs().max()) < 1e-3 for each in gradients(model, found))


class TestTerm:
    """It is a mean over the message tokens of a step, times beta, beside whatever loss a method has."""

    @pytest.mark.parametrize("tokens", [10**6, 16])
    @pytest.mark.parametrize("size", [1, 2])
    def test_the_same_in_passes_and_processes_of_any_size(self, model, tokens, size):
        """But for rounding; its figure is the divergence per token."""
        steps = [step_of(model, ROWS, tokens, Ranks(rank, size), beta=0.5) for rank in range(size)]
        found = sum(float(part) for step in steps for part in kl_to_base(step))
        per_token = float(by_definition(model, ROWS)) / sum(row.learnt for row in ROWS)
        assert found == pytest.approx(0.5 * per_token, rel=1e-4)

    def test_thoughts_are_not_held(self, model):
        """They come after other prompts; a step of thoughts alone has no term."""
        thoughts = [msgspec.structs.replace(row, kind="thought") for row in ROWS]
        assert list(kl_to_base(step_of(model, thoughts, beta=1.0))) == []
        both = sum(float(part) for part in kl_to_base(step_of(model, [*ROWS, *thoughts], beta=1.0)))
        assert both == pytest.approx(sum(float(part) for part in kl_to_base(step_of(model, ROWS, beta=1.0))), rel=1e-5)

    def test_it_is_added_to_a_loss(self, model):
        """The method's options stay its own."""
        step = step_of(model, ROWS)
        plain = sum(float(part) for part in likelihood(step))
        whole = sum(float(part) for part in with_terms(likelihood, [KLAnchor(beta=2.0).term()])(step))
        kl = float(by_definition(model, ROWS)) / sum(row.learnt for row in ROWS)
        assert whole == pytest.approx(plain + 2.0 * kl, rel=1e-4)
        assert with_terms(likelihood, []) is likelihood


class TestTraining:
    """A training with the term stays nearer to its base, by what alarms measure."""

    @pytest.mark.system
    @pytest.mark.parametrize("method", [RFT(), TFB()], ids=str)
    def test_the_stronger_the_nearer(self, trainer, method):  # noqa: F811
        """Monotonically, and the figure is there to be read; without the term a training is what it was."""
        kl, figures = [], []
        for beta in (0.0, 1.0, 20.0):
            rows = data(method)
            if beta:
                rows = msgspec.structs.replace(rows, terms=[KLAnchor(beta=beta).term()])
            trained = trainer.train(rows, parent="", settings=SETTINGS, seed=1, lineage={})
            kl.append(trained.measured.kl_after)
            figures.append(trained.figures)
        assert kl[0] > 1.1 * kl[1] > 1.21 * kl[2] > 0
        assert figures[0] == {} and figures[1]["kl_anchor"] > figures[2]["kl_anchor"] > 0
