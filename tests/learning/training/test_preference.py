"""The preference loss is TRL's on the same pairs, and its label, length and reference do what they say."""

from __future__ import annotations

import msgspec
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from datasets import Dataset  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402
from trl.trainer.dpo_config import DPOConfig  # noqa: E402
from trl.trainer.dpo_trainer import DPOTrainer  # noqa: E402

from learning.methods import training_set  # noqa: E402
from learning.methods.conformance import SALES  # noqa: E402
from learning.methods.dpo import DPO, RandomDPO, SwappedDPO  # noqa: E402
from learning.methods.synthetic import contest, log  # noqa: E402
from learning.training import LoraSettings, LoRATrainer, TrainingStep, _job  # noqa: E402
from learning.training._ranks import Ranks  # noqa: E402
from learning.training.examples import examples  # noqa: E402
from learning.training.figures import Figures  # noqa: E402
from learning.training.preference import preference  # noqa: E402
from learning.training.unmoved import Unmoved  # noqa: E402
from tests.support.tiny import with_adapter  # noqa: E402

VOTES = ([1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 1], [0, 1, 0, 0])
EVENTS = log(*(contest(f"a{i}" + "x" * 5 * i, votes) for i, votes in enumerate(VOTES)))
THREE = log(contest("a0", [2, 2, 2, 1, 1, 0], slots=[0, 1, 2]), contest("b", [0, 0, 1], slots=[0, 1, 2]))
SETTINGS = LoraSettings(
    rank=2, alpha=4, dropout=0.0, lr=5e-3, batch=2, repeat=2, precision="float32", tokens_per_pass=400,
    checkpointing=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tiny_model):
    """A tiny model with a LoRA that does something."""
    return with_adapter(tiny_model, SETTINGS.targets)


@pytest.fixture(scope="module")
def tokenizer(tiny_model):
    """Of the tiny model."""
    return AutoTokenizer.from_pretrained(tiny_model)


def step_of(model, tokenizer, method=DPO(), events=EVENTS, tokens=10**6, ranks=Ranks(), **held):  # noqa: B008 (immutable)
    """Return a training set as one step."""
    data = training_set(events, method, source_arm="shared", epoch=1, arena=SALES, seed=1)
    units = examples(data, tokenizer, 4096).units
    return TrainingStep(model, units, data.options, tokens, ranks, **held)


def loss_of(step):
    """Return a step's loss."""
    return sum(part.detach() for part in preference(step))


@pytest.fixture(scope="module")
def by_trl(model, tokenizer, tmp_path_factory):
    """Return a function of pairs of examples: the loss that TRL's trainer computes of them."""

    def loss(pairs, **settings):
        rows = [chosen for chosen, _ in pairs] + [rejected for _, rejected in pairs]
        longest = max(len(row.ids) for row in rows)
        inputs = {name: torch.zeros((len(rows), longest), dtype=torch.long) for name in NAMES}
        for i, row in enumerate(rows):
            inputs["input_ids"][i, : len(row.ids)] = torch.tensor(row.ids)
            inputs["attention_mask"][i, : len(row.ids)] = 1
            inputs["completion_mask"][i, row.start : len(row.ids)] = 1
        said = {"prompt": ["a"], "chosen": ["b"], "rejected": ["c"]}
        arguments = DPOConfig(
            output_dir=str(tmp_path_factory.mktemp("trl")), report_to="none", use_cpu=True, bf16=False, **settings
        )
        trainer = DPOTrainer(
            model=model, args=arguments, train_dataset=Dataset.from_dict(said), processing_class=tokenizer
        )
        trainer.model.delete_adapter("ref")  # by which TRL would make the adapter itself the reference
        trainer.model.eval()
        with torch.no_grad():
            return float(trainer._compute_loss(trainer.model, inputs, return_outputs=False))

    return loss


NAMES = ("input_ids", "attention_mask", "completion_mask")


class TestTheLibrarysLoss:
    """Equal to TRL's to 1e-4 on the same model, pairs and reference."""

    @pytest.mark.parametrize("beta", [0.1, 1.0])
    def test_by_majority(self, model, tokenizer, by_trl, beta):
        """A label of 1 is its sigmoid loss."""
        step = step_of(model, tokenizer, DPO(beta=beta, soft=False))
        assert float(loss_of(step)) == pytest.approx(by_trl(step.units, beta=beta), abs=1e-4)

    def test_per_token(self, model, tokenizer, by_trl):
        """Gains by length are its normalised sigmoid loss."""
        step = step_of(model, tokenizer, DPO(beta=5.0, soft=False, per_token=True))
        wanted = by_trl(step.units, beta=5.0, loss_type=["sigmoid_norm"])
        assert float(loss_of(step)) == pytest.approx(wanted, abs=1e-4)

    @pytest.mark.system
    @pytest.mark.parametrize("flipped", [0.25, 0.4])
    def test_a_constant_share(self, model, tokenizer, by_trl, flipped):
        """With one label for all pairs, 1 - e, it follows from TRL's robust loss, whose label smoothing is e.

        robust (1 - 2e) = (1 - e) L(m) - e L(-m), and L(-m) is the sigmoid loss of the pairs turned round.
        """
        step = step_of(model, tokenizer, DPO(beta=0.5))
        units = [
            [
                msgspec.structs.replace(row, weight=share)
                for row, share in zip(unit, (1 - flipped, flipped), strict=True)
            ]
            for unit in step.units
        ]
        robust = by_trl(units, beta=0.5, loss_type=["robust"], label_smoothing=flipped)
        turned = by_trl([unit[::-1] for unit in units], beta=0.5)
        wanted = robust * (1 - 2 * flipped) + 2 * flipped * turned
        got = loss_of(TrainingStep(model, units, step.options, 10**6, Ranks()))
        assert float(got) == pytest.approx(wanted, abs=1e-4)


class TestLabels:
    """A label is the share of a pair's votes; twins have other ones."""

    def test_votes_are_labels(self, model, tokenizer):
        """Other votes with the same winner, another loss; by majority the same one."""
        for soft, equal in ((True, False), (False, True)):
            one, other = (
                loss_of(step_of(model, tokenizer, DPO(beta=1.0, soft=soft), log(contest("a", votes))))
                for votes in ([1, 1, 1, 0], [1, 1, 1, 1])
            )
            assert bool(torch.isclose(one, other)) == equal

    def test_several_pairs_of_a_contest(self, model, tokenizer):
        """Count as one contest by their mean, each with its own label."""
        step = step_of(model, tokenizer, DPO(beta=1.0), THREE)
        with torch.no_grad():
            gains = [step.log_likelihoods(unit) - step.reference(unit) for unit in step.units]
        found = []
        for gain, labels in zip(gains, ([3 / 4, 3 / 5], [1.0, 2 / 3]), strict=True):
            unit = sorted(labels, reverse=True)
            margins = gain[0] - gain[1:]
            by_weight = [step.units[len(found)][1 + i].weight for i in range(2)]
            order = sorted(range(2), key=lambda i: by_weight[i])
            losses = [
                -label * torch.nn.functional.logsigmoid(margins[i])
                - (1 - label) * torch.nn.functional.logsigmoid(-margins[i])
                for i, label in zip(order, unit, strict=True)
            ]
            found.append(torch.stack(losses).mean())
        torch.testing.assert_close(loss_of(step), torch.stack(found).mean())

    def test_swapped_labels_turn_each_pair_round(self, tokenizer, model):
        """The same messages and votes the other way."""
        own, other = (step_of(model, tokenizer, method).units for method in (DPO(), SwappedDPO()))
        assert [[row.ids for row in unit[::-1]] for unit in other] == [[row.ids for row in unit] for unit in own]
        assert [[row.weight for row in unit] for unit in other] == [[row.weight for row in unit] for unit in own]

    def test_random_labels_turn_about_half(self):
        """Each by a coin of its own, with the votes."""
        events = log(*(contest(f"a{i}", [1, 1, 1, 0]) for i in range(200)))
        data = training_set(events, RandomDPO(), source_arm="shared", epoch=1, arena=SALES, seed=1)
        right = sum(row.message.endswith("/1") for row in data.trajectories)
        assert 75 < right < 125 and {row.weight for row in data.trajectories} == {0.75}  # standard deviation 7


class TestTraining:
    """What is computed once, shared and counted."""

    @pytest.mark.system
    def test_a_preferred_message_gains(self, tiny_model, tmp_path):
        """A training ends with most pairs in the voters' order, steps count contests, and its figures say so."""
        trainer = LoRATrainer(str(tiny_model), tmp_path)
        data = training_set(EVENTS, DPO(), source_arm="shared", epoch=1, arena=SALES, seed=1)
        settings = msgspec.structs.replace(SETTINGS, repeat=20, lr=2e-2)
        trained = trainer.train(data, parent="", settings=settings, seed=1, lineage={})
        assert (trained.rows, trained.steps) == (8, 40)
        assert trained.figures["accuracy"] > 0.7 and trained.figures["margin"] > 0

    @pytest.mark.parametrize("tokens, size", [(1, 1), (400, 2), (10**6, 5)])
    def test_passes_and_processes_share_the_loss(self, model, tokenizer, tokens, size):
        """Whole or in parts; a process without a contest has nothing to add."""
        step = step_of(model, tokenizer, events=THREE)
        whole = Unmoved(model, step.units, 10**6, Ranks())
        parts = [
            loss_of(TrainingStep(model, step.units, step.options, tokens, Ranks(rank, size), unmoved=whole))
            for rank in range(size)
        ]
        assert float(sum(parts)) == pytest.approx(float(loss_of(step)), rel=1e-5)

    def test_the_reference_is_computed_once(self, model, tokenizer, monkeypatch):
        """However often a training asks; and it is the base model's, whatever the adapter has become."""
        step = step_of(model, tokenizer)
        whole = Unmoved(model, step.units, 10**6, Ranks())
        asked = []
        monkeypatch.setattr(whole, "_computed", lambda *key, real=whole._computed: (asked.append(key), real(*key))[1])
        held = {"unmoved": whole, "figures": Figures()}
        step = TrainingStep(model, step.units, step.options, 10**6, Ranks(), **held)
        first, second = loss_of(step), loss_of(step)
        assert torch.equal(first, second) and asked == [("base", 1.0)]
        torch.testing.assert_close(whole.by("base").sums(step.rows), step.reference(step.rows), rtol=1e-5, atol=1e-4)

    @pytest.mark.system
    def test_the_reference_stays_the_base_model_in_later_epochs(self, tiny_model, tmp_path):
        """A training that continues an adapter begins with margins of its parent, not with none."""
        trainer = LoRATrainer(str(tiny_model), tmp_path)
        data = training_set(EVENTS, DPO(), source_arm="shared", epoch=1, arena=SALES, seed=1)
        settings = msgspec.structs.replace(SETTINGS, repeat=10, lr=2e-2)
        first = trainer.train(data, parent="", settings=settings, seed=1, lineage={})
        slow = msgspec.structs.replace(SETTINGS, lr=1e-9)
        second = trainer.train(data, parent=first.adapter, settings=slow, seed=1, lineage={})
        assert second.figures["margin"] > first.figures["margin"] > 0

    def test_an_over_long_message_leaves_with_its_pair(self, tokenizer):
        """And is counted: nothing is cut."""
        data = training_set(EVENTS, DPO(), source_arm="shared", epoch=1, arena=SALES, seed=1)
        long = [msgspec.structs.replace(r, completion="x" * 9000) if i == 1 else r for i, r in enumerate(data.rows)]
        fitting = examples(msgspec.structs.replace(data, rows=long), tokenizer, 4096)
        assert (fitting.over_long, fitting.orphaned, len(fitting.units)) == (1, 1, 3)

    def test_it_is_a_loss_by_name(self):
        """Of which other processes know the same."""
        assert _job.loss_named(DPO.loss) is preference
