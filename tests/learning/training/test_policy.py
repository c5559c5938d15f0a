"""The policy loss is TRL's on the same messages, rewards and probabilities, and learns from what was drawn at the epoch's start."""

from __future__ import annotations

import msgspec
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from datasets import Dataset  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from trl.trainer.grpo_config import GRPOConfig  # noqa: E402
from trl.trainer.grpo_trainer import GRPOTrainer  # noqa: E402

from learning.methods import training_set  # noqa: E402
from learning.methods.conformance import SALES  # noqa: E402
from learning.methods.grpo import GRPO, PermutedGRPO  # noqa: E402
from learning.methods.synthetic import contest, log  # noqa: E402
from learning.training import LoraSettings, LoRATrainer, TrainingStep  # noqa: E402
from learning.training._ranks import Ranks  # noqa: E402
from learning.training.examples import Example, examples  # noqa: E402
from learning.training.figures import Figures  # noqa: E402
from learning.training.policy import advantages_of, policy  # noqa: E402
from learning.training.unmoved import Unmoved  # noqa: E402
from tests.support.tiny import with_adapter  # noqa: E402

FOUR = range(4)
EVENTS = log(
    *(contest(f"a{i}" + "y" * 6 * i, votes, slots=FOUR) for i, votes in enumerate(([1, 1, 0, 3], [0, 0, 2], [3, 3, 3])))
)
SETTINGS = LoraSettings(
    rank=2, alpha=4, dropout=0.0, lr=5e-3, batch=2, repeat=2, precision="float32", tokens_per_pass=600,
    checkpointing=False,
)  # fmt: skip
DRAWN = {"temperature": 0.7, "max_tokens": 192}


def data_of(method, events=EVENTS):
    return training_set(events, method, source_arm="shared", epoch=1, arena=SALES, seed=1)


def moved(model, seed: int, size: float) -> None:
    """Move the adapter's weights at random."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight += size * torch.randn(weight.shape, generator=generator)


@pytest.fixture
def model(tiny_model):
    """A tiny model with a LoRA that does something."""
    return with_adapter(tiny_model, SETTINGS.targets)


@pytest.fixture(scope="module")
def tokenizer(tiny_model):
    """Of the tiny model."""
    return AutoTokenizer.from_pretrained(tiny_model)


def step_of(model, tokenizer, method, **options):
    """Return a training set as one step, with what its training holds on to."""
    data = data_of(method)
    units = examples(data, tokenizer, 4096).units
    whole = Unmoved(model, units, 10**6, Ranks())
    return TrainingStep(model, units, data.options | DRAWN | options, 10**6, Ranks(), figures=Figures(), unmoved=whole)


def loss_of(step):
    """Return a step's loss."""
    return sum(part.detach() for part in policy(step))


class ByTRL:
    """TRL's trainer, asked for the loss of rows of ours as if it had generated and scored them."""

    def __init__(self, model, tokenizer, folder, **settings) -> None:
        arguments = GRPOConfig(
            output_dir=str(folder), report_to="none", use_cpu=True, bf16=False, num_generations=4,
            per_device_train_batch_size=4, temperature=DRAWN["temperature"], max_completion_length=DRAWN["max_tokens"],
            **settings,
        )  # fmt: skip
        said = Dataset.from_dict({"prompt": ["a"] * 4})
        self.trainer = GRPOTrainer(
            model=model, reward_funcs=lambda **_: [0.0], args=arguments, train_dataset=said, processing_class=tokenizer
        )
        self.trainer.model.eval()

    def inputs(self, rows):
        """Return prompts padded on the left and completions padded on the right."""
        before, behind = max(row.start for row in rows), max(row.learnt for row in rows)
        sizes = {"prompt_ids": before, "prompt_mask": before, "completion_ids": behind, "completion_mask": behind}
        held = {name: torch.zeros((len(rows), size), dtype=torch.long) for name, size in sizes.items()}
        for i, row in enumerate(rows):
            held["prompt_ids"][i, before - row.start :] = torch.tensor(row.ids[: row.start])
            held["prompt_mask"][i, before - row.start :] = 1
            held["completion_ids"][i, : row.learnt] = torch.tensor(row.ids[row.start :])
            held["completion_mask"][i, : row.learnt] = 1
        return held

    def log_probs(self, rows):
        """Return log-probabilities of completion tokens by the model as it is, as TRL computes them."""
        held = self.inputs(rows)
        ids = torch.cat([held["prompt_ids"], held["completion_ids"]], dim=1)
        mask = torch.cat([held["prompt_mask"], held["completion_mask"]], dim=1)
        with torch.no_grad():
            return self.trainer._get_per_token_logps_and_entropies(
                self.trainer.model, ids, mask, held["completion_ids"].size(1)
            )[0]

    def loss(self, rows, advantages, start, base):
        """Return the loss of rows, with advantages and log-probabilities that are known."""
        held = self.inputs(rows) | {
            "advantages": torch.tensor(advantages), "old_per_token_logps": start, "ref_per_token_logps": base,
            "num_items_in_batch": torch.tensor(float(sum(row.learnt for row in rows))),
        }  # fmt: skip
        self.trainer.current_gradient_accumulation_steps = 1
        with torch.no_grad():
            return float(self.trainer._compute_loss(self.trainer.model, held))


class TestTheLibrarysLoss:
    """Equal to TRL's to 1e-4 on the same model, messages and rewards."""

    @pytest.mark.system
    @pytest.mark.parametrize("loss_type", ["dr_grpo", "grpo", "dapo"])
    @pytest.mark.parametrize("beta, epsilon", [(0.04, 0.2), (0.5, 0.05)])
    def test_after_some_steps(self, model, tokenizer, tmp_path, loss_type, beta, epsilon):
        """With the adapter away from where messages were drawn, so that ratios differ and some are clipped."""
        trl = ByTRL(model, tokenizer, tmp_path, loss_type=loss_type, beta=beta, epsilon=epsilon)
        step = step_of(model, tokenizer, GRPO(loss_type=loss_type, beta=beta, epsilon=epsilon))
        start = trl.log_probs(step.rows)
        with model.disable_adapter():
            base = trl.log_probs(step.rows)
        step.fixed("start", DRAWN["temperature"])
        moved(model, 1, 0.02)
        got = float(loss_of(step))
        figures = step.figures.means(Ranks(), torch.device("cpu"))
        assert 0.01 < figures["clip_share"] < 0.9 and figures["kl"] > 0.01
        wanted = trl.loss(step.rows, advantages_of(step.units, "none"), start, base)
        assert got == pytest.approx(wanted, abs=1e-4) and abs(wanted) > 2e-3
        clipped = trl.trainer._metrics["eval"]
        assert clipped["kl"][-1] == pytest.approx(figures["kl"], rel=1e-3)

    def test_advantages(self):
        """Rewards less the mean of the group, by its standard deviation if asked: what TRL makes of them."""
        unit = [Example([1, 2], 1, share) for share in (0.5, 0.25, 0.25, 0.0)]
        rewards = torch.tensor([row.weight for row in unit])
        centred = rewards - rewards.mean()
        assert advantages_of([unit], "none") == pytest.approx(centred.tolist())
        assert advantages_of([unit], "group") == pytest.approx((centred / (rewards.std() + 1e-4)).tolist())


class TestRows:
    """All messages of a contest are learnt, by their share of the votes."""

    def test_rewards_are_shares_of_votes(self):
        """Of all votes of the contest."""
        rows = data_of(GRPO()).rows
        assert [row.weight for row in rows[:4]] == [0.25, 0.5, 0.0, 0.25]
        assert all(row.kind == "trajectory" for row in rows) and len(rows) == 12

    def test_permuted_rewards(self):
        """The same rewards in each contest, at other messages; over many contests each message gets the mean."""
        events = log(*(contest(f"a{i}", [0, 0, 0, 1], slots=FOUR) for i in range(200)))
        own, twin = data_of(GRPO(), events).rows, data_of(PermutedGRPO(), events).rows
        assert [row.message for row in own] == [row.message for row in twin]
        for i in range(0, len(own), 4):
            assert sorted(r.weight for r in own[i : i + 4]) == sorted(r.weight for r in twin[i : i + 4])
        first = [row.weight for row in twin if row.message.endswith("/0")]
        assert 0.2 < sum(first) / len(first) < 0.3  # 0.25, standard error 0.02

    @pytest.mark.system
    def test_the_loss_knows_how_messages_were_drawn(self, tmp_path):
        """Their temperature and their bound on tokens come from the log."""
        assert data_of(GRPO()).options.keys() == {"beta", "epsilon", "loss_type", "scale_rewards"}
        from abm.log import read_events
        from tests.learning.test_loop import CONFIG, carry_out

        config = CONFIG.model_validate(
            CONFIG.model_dump() | {"messages": 4, "sampling": {"temperature": 0.9, "max_tokens": 99}}
        )
        carry_out(tmp_path, config)
        options = data_of(GRPO(), list(read_events(tmp_path))).options
        assert (options["temperature"], options["max_tokens"]) == (0.9, 99)


class TestTraining:
    """Old probabilities are those of the training's start."""

    @pytest.mark.system
    def test_a_message_with_votes_is_written_more(self, tiny_model, tmp_path):
        """And others less; steps count contests, and what was clipped is counted."""
        trainer = LoRATrainer(str(tiny_model), tmp_path)
        settings = msgspec.structs.replace(SETTINGS, repeat=20, lr=2e-2)
        trained = trainer.train(data_of(GRPO(beta=0.0)), parent="", settings=settings, seed=1, lineage={})
        assert (trained.rows, trained.steps) == (12, 30)
        assert 0 < trained.figures["clip_share"] < 0.9 and trained.figures["kl"] > 0

    def test_the_first_step_is_on_policy(self, model, tokenizer):
        """At the start every ratio is 1, nothing is clipped, and without KL the loss is minus the mean advantage, here 0."""
        step = step_of(model.train(), tokenizer, GRPO(beta=0.0, loss_type="grpo"))
        assert float(loss_of(step)) == pytest.approx(0.0, abs=1e-6)
        assert step.figures.means(Ranks(), torch.device("cpu"))["clip_share"] == 0.0

    def test_the_start_is_kept(self, model, tokenizer):
        """Where the adapter moves on, ratios are to where it was; the base model stays what it is."""
        step = step_of(model, tokenizer, GRPO())
        start, base = (step.fixed(whose).tokens(step.rows) for whose in ("start", "base"))
        assert not torch.allclose(start, base)
        moved(model, 2, 0.05)
        now = step.token_log_likelihoods(step.rows).detach()
        assert torch.equal(start, step.fixed("start").tokens(step.rows)) and not torch.allclose(now, start)
        torch.testing.assert_close(base, Unmoved(model, step.units, 10**6, Ranks()).by("base").tokens(step.rows))

    def test_a_new_adapter_starts_as_the_base_model(self, tiny_model, tokenizer):
        """One pass serves both."""
        fresh = get_peft_model(
            AutoModelForCausalLM.from_pretrained(tiny_model), LoraConfig(r=2, target_modules=["q_proj"])
        )
        units = examples(data_of(GRPO()), tokenizer, 4096).units
        whole = Unmoved(fresh, units, 10**6, Ranks(), fresh=True)
        rows = [row for unit in units for row in unit]
        assert whole.by("start") is whole.by("base")
        torch.testing.assert_close(
            whole.by("start").tokens(rows), Unmoved(fresh, units, 10**6, Ranks()).by("start").tokens(rows)
        )

    def test_temperature_is_that_of_the_drawing(self, model, tokenizer):
        """Log-probabilities are those of logits divided by it."""
        step = step_of(model, tokenizer, GRPO())
        row = step.rows[0]
        with torch.no_grad():
            logits = model(torch.tensor([row.ids])).logits[0, row.start - 1 : -1] / 0.7
        wanted = logits.log_softmax(-1).gather(1, torch.tensor(row.ids[row.start :])[:, None])[:, 0]
        torch.testing.assert_close(step.token_log_likelihoods([row], 0.7).detach(), wanted, rtol=1e-4, atol=1e-4)

    @pytest.mark.system
    @pytest.mark.parametrize("tokens, size", [(1, 1), (700, 2), (10**6, 5)])
    def test_passes_and_processes_share_the_loss(self, model, tokenizer, tokens, size):
        """Whole or in parts."""
        step = step_of(model, tokenizer, GRPO())
        step.fixed("start", 0.7), step.fixed("base", 0.7)
        moved(model, 3, 0.02)
        parts = [
            loss_of(TrainingStep(model, step.units, step.options, tokens, Ranks(rank, size), unmoved=step.unmoved))
            for rank in range(size)
        ]
        assert float(sum(parts)) == pytest.approx(float(loss_of(step)), rel=1e-4)
