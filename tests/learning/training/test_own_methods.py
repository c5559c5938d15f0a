"""Methods in one file of their own, with rows and losses that no built-in method has, are trained for real."""

from __future__ import annotations

import msgspec
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from abm.llm.adapters import read_adapter  # noqa: E402
from learning.methods import Method, training_set  # noqa: E402
from learning.methods.conformance import SALES, MethodConformance  # noqa: E402
from learning.methods.synthetic import contest, log  # noqa: E402
from learning.training import LoraSettings, LoRATrainer, TrainingStep  # noqa: E402
from learning.training._ranks import Ranks  # noqa: E402
from learning.training.examples import examples  # noqa: E402
from learning.training.losses import row_losses  # noqa: E402
from learning.training.step import loss_named  # noqa: E402
from moloch.errors import InputError  # noqa: E402
from tests.support.preference import Advantage, Preference, preference_loss  # noqa: E402

EVENTS = log(
    *(contest(f"a{i}", [1, 1, i % 2]) for i in range(4)),
    *(contest(f"b{i}", [2, 2, 1], slots=[0, 1, 2]) for i in range(2)),
)
SETTINGS = LoraSettings(
    rank=2,
    alpha=4,
    dropout=0.0,
    lr=5e-3,
    batch=3,
    repeat=3,
    precision="float32",
    tokens_per_pass=512,
    checkpointing=False,
)


def data(method: Method):
    return training_set(EVENTS, method, source_arm="shared", epoch=1, arena=SALES, seed=1)


@pytest.fixture(scope="module")
def trainer(tiny_model, tmp_path_factory):
    """A trainer with a folder of adapters of its own."""
    return LoRATrainer(str(tiny_model), tmp_path_factory.mktemp("run") / "adapters")


def train(trainer, method: Method, **changes):
    """Train by the trainer that every method has."""
    settings = msgspec.structs.replace(SETTINGS, **changes)
    return trainer.train(data(method), parent="", settings=settings, seed=1, lineage={})


def adapted(trainer, adapter=""):
    """Return the base model with an adapter, or with a LoRA that does something."""
    model = AutoModelForCausalLM.from_pretrained(trainer._folder)
    torch.manual_seed(0)
    config = LoraConfig(r=2, lora_alpha=4, target_modules=list(SETTINGS.targets), init_lora_weights=bool(adapter))
    model = get_peft_model(model, config)
    if adapter:
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(model, read_adapter(trainer._adapters, adapter).tensors())
    return model


def step_of(trainer, method: Method, model, *, tokens=10**6, ranks=Ranks()):  # noqa: B008 (immutable)
    """Return all of a training set as one step."""
    rows = data(method)
    units = examples(rows, trainer.tokenizer, 4096).units
    return TrainingStep(model, units, rows.options, tokens, ranks)


class TestPromises(MethodConformance):
    """Both are methods like any other."""

    @pytest.fixture(params=[Preference(), Preference(beta=2.0), Advantage()], ids=str)
    def method(self, request):
        return request.param


class TestPreference:
    """A loss over pairs, with a reference."""

    @pytest.mark.system
    def test_it_learns_to_prefer(self, trainer):
        """The winner gains more log-likelihood over the reference than those that lost do on average."""
        trained = train(trainer, Preference())
        step = step_of(trainer, Preference(), adapted(trainer, trained.adapter))
        with torch.inference_mode():
            for unit in step.units:
                gains = step.log_likelihoods(unit) - step.reference(unit)
                assert len(unit) in (2, 3) and float(gains[0]) > float(gains[1:].mean()) + 1.0
        assert trained.rows == 4 * 2 + 2 * 3 and trained.steps == 6

    def test_without_an_adapter_nothing_is_preferred(self, trainer):
        """A fresh LoRA is the reference: the loss is log 2."""
        model = get_peft_model(
            AutoModelForCausalLM.from_pretrained(trainer._folder), LoraConfig(r=2, target_modules=["q_proj"])
        )
        with torch.inference_mode():
            total = sum(preference_loss(step_of(trainer, Preference(), model)))
        assert float(total) == pytest.approx(0.693147, abs=1e-5)

    def test_the_reference_is_the_base_model(self, trainer):
        """Whatever the adapter does; and the adapter is on again afterwards."""
        step = step_of(trainer, Preference(), adapted(trainer).train())
        rows = step.rows
        base = AutoModelForCausalLM.from_pretrained(trainer._folder).eval()
        with torch.inference_mode():
            wanted = -row_losses(base, rows)
            before, reference, after = step.log_likelihoods(rows), step.reference(rows), step.log_likelihoods(rows)
        torch.testing.assert_close(reference, wanted, rtol=1e-5, atol=1e-4)
        assert torch.equal(before, after) and (before - reference).abs().max() > 0.1
        assert step.model.training

    @pytest.mark.system
    @pytest.mark.parametrize("tokens, size", [(10**6, 1), (1, 1), (400, 2), (10**6, 3)])
    def test_passes_and_processes_share_the_loss(self, trainer, tokens, size):
        """One pass of everything, one per contest, or several processes: the same loss and gradient."""
        model = adapted(trainer).eval()

        def summed(tokens, size):
            model.zero_grad()
            total = 0.0
            for rank in range(size):
                for part in preference_loss(
                    step_of(trainer, Preference(), model, tokens=tokens, ranks=Ranks(rank, size))
                ):
                    part.backward()
                    total += part.item()
            return total, torch.cat([w.grad.reshape(-1) for w in model.parameters() if w.grad is not None])

        (alone, gradient), (shared, other) = summed(10**6, 1), summed(tokens, size)
        assert shared == pytest.approx(alone, rel=1e-5)
        torch.testing.assert_close(other, gradient, rtol=1e-3, atol=1e-5 * float(gradient.abs().max()))

    def test_passes_keep_contests_whole_and_within_the_limit(self, trainer):
        """A unit is never parted, and only one that is too long by itself exceeds the limit."""
        for tokens in (1, 300, 600, 10**6):
            step = step_of(trainer, Preference(), adapted(trainer), tokens=tokens)
            groups = list(step.passes())
            assert sorted(map(id, step.units)) == sorted(id(unit) for group in groups for unit in group)
            for group in groups:
                rows = [row for unit in group for row in unit]
                assert len(group) == 1 or len(rows) * max(len(row.ids) for row in rows) <= tokens

    @pytest.mark.system
    def test_settings_reach_the_loss(self, trainer):
        """Another beta learns another adapter."""
        assert train(trainer, Preference(beta=5.0)).adapter != train(trainer, Preference()).adapter

    def test_an_over_long_message_leaves_with_its_pair(self, trainer):
        """Half a pair is nothing to prefer."""
        rows = data(Preference()).rows
        long = [msgspec.structs.replace(row, completion="x" * 5000) if i == 1 else row for i, row in enumerate(rows)]
        fitting = examples(msgspec.structs.replace(data(Preference()), rows=long), trainer.tokenizer, 4096)
        assert (fitting.over_long, fitting.orphaned, len(fitting.units)) == (1, 1, 5)

    @pytest.mark.slow
    def test_several_processes(self, trainer):
        """They import the loss by its name."""
        alone, together = train(trainer, Preference()), train(trainer, Preference(), processes=2)
        assert together.loss_after == pytest.approx(alone.loss_after, abs=1e-3)


class TestAdvantage:
    """Rows with weights of their own, some of them negative."""

    @pytest.mark.system
    def test_it_learns_what_won_and_unlearns_what_lost(self, trainer):
        """Several trajectories of one contest, all in one step."""
        trained = train(trainer, Advantage())
        step = step_of(trainer, Advantage(), adapted(trainer, trained.adapter))
        with torch.inference_mode():
            for unit in step.units:
                gains = (step.log_likelihoods(unit) - step.reference(unit)).tolist()
                weights = [row.weight for row in unit]
                assert gains[weights.index(max(weights))] > gains[weights.index(min(weights))] + 1.0
        assert trained.steps == 6


class TestNaming:
    """A loss is named, not handed over."""

    @pytest.mark.parametrize("place", ["", "nowhere:loss", "learning.training.step:nothing", "learning.training.step"])
    def test_no_such_loss(self, place):
        """One clear error."""
        with pytest.raises(InputError, match="no loss"):
            loss_named(place)
