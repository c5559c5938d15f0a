"""The trainer learns what it is given, counts what it refuses, and gives the same tensors again."""

from __future__ import annotations

import gc
import json
import math
import warnings
from weakref import ref

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from peft import PeftModel  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from abm.arenas import arena  # noqa: E402
from abm.llm import Request, Sampling  # noqa: E402
from abm.llm.adapters import read_adapter  # noqa: E402
from abm.llm.local.backend import TransformersLLM  # noqa: E402
from abm.llm.weights import Swapper  # noqa: E402
from learning.methods import training_set  # noqa: E402
from learning.methods.synthetic import contest, log  # noqa: E402
from learning.training import _fit, _job  # noqa: E402
from learning.training.examples import Example, encode, examples, passes  # noqa: E402
from learning.training.losses import mean_loss, row_losses, step_losses  # noqa: E402
from learning.training.settings import PRESETS, LoraSettings, lora_settings  # noqa: E402
from learning.training.trainer import LoRATrainer  # noqa: E402
from moloch.errors import InputError, MolochError  # noqa: E402

SALES = arena("sales")
EVENTS = log(*(contest(f"a{i}", [1, 1, i % 2], orders=[[0, 1], [1, 0], [1, 0]]) for i in range(5)))
SETTINGS = LoraSettings(
    rank=2, alpha=4, lr=1e-2, batch=2, repeat=2, precision="float32", tokens_per_pass=4096, checkpointing=False
)


def data(method="rft", **options):
    return training_set(EVENTS, method, **{"source_arm": "shared", "epoch": 1, "arena": SALES, "seed": 1} | options)


@pytest.fixture(scope="module")
def folder(tiny_model):
    """A tiny model's files."""
    return tiny_model


@pytest.fixture(scope="module")
def trainer(folder, tmp_path_factory):
    """A trainer with a folder of adapters of its own."""
    return LoRATrainer(str(folder), tmp_path_factory.mktemp("run") / "adapters")


@pytest.fixture(scope="module")
def base(folder):
    """The base model, not to be changed."""
    return AutoModelForCausalLM.from_pretrained(folder).eval()


@pytest.fixture(scope="module")
def learn(trainer):
    """Train once per method and settings; further calls reuse what was learnt."""
    done = {}

    def train(method="rft", seed=1, parent="", **changes):
        key = (method, seed, parent, *sorted(changes.items()))
        if key not in done:
            settings = msgspec.structs.replace(SETTINGS, **changes)
            done[key] = trainer.train(
                data(method, thoughts_per_contest=2),
                parent=parent,
                settings=settings,
                seed=seed,
                lineage={"arm": method},
            )
        return done[key]

    return train


@pytest.fixture(scope="module")
def rows(trainer):
    """All rows of a TFB set with lambda 0.5 and two thoughts a contest, as tokens."""
    return [row for unit in examples(data("tfb", tfb_lambda=0.5), trainer.tokenizer, 4096).units for row in unit]


class TestTokens:
    """A row becomes the tokens that generation would have seen and made."""

    def test_the_template_is_applied_once(self, folder, trainer):
        """The prompt's tokens are those of generation, with one begin token, not two."""
        row = data().rows[0]
        example = encode(row, trainer.tokenizer)
        request = Request("here", row.prompt, Sampling(), seed=1)
        assert example.ids[: example.start] == TransformersLLM(str(folder), device="cpu").prompt_ids(request)
        assert example.ids.count(trainer.tokenizer.bos_token_id) == 1

    def test_the_completion_and_its_end_carry_loss(self, trainer):
        """Whole, to the end token, so that the model learns to stop."""
        for row in data("tfb").rows:
            example = encode(row, trainer.tokenizer)
            assert (
                trainer.tokenizer.decode(example.ids[example.start :]) == row.completion + trainer.tokenizer.eos_token
            )

    def test_what_was_cut_off_has_no_end(self, trainer):
        """Where a completion reached its bound the model did not stop, and is not taught to."""
        whole = data().rows[0]
        example, cut = (encode(row, trainer.tokenizer) for row in (whole, msgspec.structs.replace(whole, ended=False)))
        assert cut.ids == example.ids[:-1] and cut.start == example.start

    def test_over_long_examples_are_refused_and_counted(self, trainer):
        """Nothing is cut: what stays is whole, and thoughts leave with their trajectory."""
        set_ = data("tfb")
        trajectory, thought, *others = set_.rows
        cut = {"completion": "x" * 5000}

        def fit(*rows):
            return examples(msgspec.structs.replace(set_, rows=[*rows, *others]), trainer.tokenizer, 5000)

        whole = fit(trajectory, thought)
        assert (whole.over_long, whole.orphaned, [len(unit) for unit in whole.units]) == (0, 0, [3] * 5)
        long_thought = fit(trajectory, msgspec.structs.replace(thought, **cut))
        assert (long_thought.over_long, long_thought.orphaned) == (1, 0)
        assert sorted(len(unit) for unit in long_thought.units) == [2, 3, 3, 3, 3]
        long_trajectory = fit(msgspec.structs.replace(trajectory, **cut), thought)
        assert (long_trajectory.over_long, long_trajectory.orphaned, len(long_trajectory.units)) == (1, 2, 4)

    @pytest.mark.system
    def test_nobody_is_told_of_a_training(self, trainer, monkeypatch):
        """The library underneath would report it to its makers."""
        told = []
        monkeypatch.setattr("huggingface_hub.utils._telemetry._start_telemetry_thread", lambda: None)
        monkeypatch.setattr("huggingface_hub.utils._telemetry._TELEMETRY_QUEUE.put", told.append)
        monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: False)
        trainer.train(data(), parent="", settings=SETTINGS, seed=1, lineage={})
        assert told == []

    def test_nothing_that_fits_is_one_clear_error(self, trainer):
        """It says how many are too long, and what to do."""
        settings = msgspec.structs.replace(SETTINGS, max_length=20)
        with pytest.raises(InputError, match="5 examples are longer than 20 tokens"):
            trainer.train(data(), parent="", settings=settings, seed=1, lineage={})

    def test_an_empty_training_set_is_one_clear_error(self, trainer):
        """Not a division by zero."""
        empty = training_set(log(contest("a0", [0, 1])), "rft", source_arm="shared", epoch=1, arena=SALES, seed=1)
        with pytest.raises(InputError, match=r"nothing to learn from.*'tie': 1"):
            trainer.train(empty, parent="", settings=SETTINGS, seed=1, lineage={})


class TestLoss:
    """The loss is the one that is written down."""

    def test_without_thoughts_it_is_trls_own(self, base, rows):
        """The mean over all completion tokens of the batch, as the library computes it from labels."""
        winners = [row for row in rows if row.trajectory]
        longest = max(len(row.ids) for row in winners)
        ids = torch.tensor([row.ids + [0] * (longest - len(row.ids)) for row in winners])
        labels = torch.tensor(
            [[-100] * row.start + row.ids[row.start :] + [-100] * (longest - len(row.ids)) for row in winners]
        )
        mask = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in winners])
        with torch.inference_mode():
            theirs = base(input_ids=ids, attention_mask=mask, labels=labels).loss
            ours = sum(step_losses(base, winners, 10**6))
        assert float(ours) == pytest.approx(float(theirs), rel=1e-5)

    def test_thoughts_count_lambda_times_their_mean(self, base, rows):
        """L = [sum S(trajectories) + lambda * sum over contests of mean S(thoughts)] / T."""
        with torch.inference_mode():
            alone = {id(row): float(row_losses(base, [row])) for row in rows}
            found = float(sum(step_losses(base, rows, 10**6)))
        trajectories = [row for row in rows if row.trajectory]
        thoughts = [row for row in rows if not row.trajectory]
        assert len(thoughts) == 2 * len(trajectories)
        wanted = sum(alone[id(row)] for row in trajectories) + 0.5 * sum(alone[id(row)] for row in thoughts) / 2
        assert found == pytest.approx(wanted / sum(row.learnt for row in trajectories), rel=1e-5)

    def test_passes_and_padding_change_only_rounding(self, base, rows):
        """One pass of everything or one per row: the same loss."""
        with torch.inference_mode():
            whole, single = (float(sum(step_losses(base, rows, tokens))) for tokens in (10**6, 1))
        assert whole == pytest.approx(single, rel=1e-5)
        assert mean_loss(base, rows, 10**6) == pytest.approx(mean_loss(base, rows, 1), rel=1e-5)

    @given(lengths=st.lists(st.integers(2, 90), max_size=30), tokens=st.integers(1, 400))
    def test_passes_hold_every_row_once_within_the_limit(self, lengths, tokens):
        """Only a row that is longer than the limit by itself exceeds it."""
        rows = [Example([7] * length, 1) for length in lengths]
        groups = list(passes(rows, tokens))
        assert sorted(map(id, rows)) == sorted(id(row) for group in groups for row in group)
        assert all(len(group) == 1 or len(group) * max(len(row.ids) for row in group) <= tokens for group in groups)


class TestTraining:
    """Training does what it says, and the same again."""

    @pytest.mark.system
    def test_the_loss_on_the_training_set_falls(self, learn):
        """For every method, on its own trajectories."""
        for method in ("rft", "tfb", "placebo"):
            assert learn(method).loss_after < learn(method).loss_before - 0.01

    @pytest.mark.system
    def test_a_single_step_is_enough_to_learn(self, learn):
        """The warm-up, which begins at rate 0, never takes all there is."""
        for warmup in (0.03, 1.0):
            trained = learn("rft", batch=16, repeat=1, warmup=warmup)
            assert trained.steps == 1 and trained.loss_after < trained.loss_before

    def test_methods_take_the_same_steps(self, learn):
        """Thoughts add rows and tokens, never steps: five contests twice, two a step."""
        found = {method: learn(method) for method in ("rft", "tfb", "placebo")}
        assert {trained.steps for trained in found.values()} == {math.ceil(5 * 2 / 2)}
        assert [found[method].rows for method in found] == [5, 15, 5]
        assert found["rft"].loss_before == found["tfb"].loss_before
        assert found["tfb"].tokens > found["rft"].tokens

    def test_tokens_are_those_with_loss(self, learn, trainer):
        """Completions with their end token, over all repetitions."""
        sizes = [
            len(trainer.tokenizer(row.completion, add_special_tokens=False)["input_ids"]) + 1 for row in data().rows
        ]
        assert learn("rft").tokens == 2 * sum(sizes)

    @pytest.mark.system
    def test_the_same_seed_gives_the_same_tensors(self, folder, learn, tmp_path):
        """In another process's place: a new trainer, another folder, the same id."""
        again = LoRATrainer(str(folder), tmp_path).train(data(), parent="", settings=SETTINGS, seed=1, lineage={})
        assert again == learn("rft")

    @pytest.mark.system
    def test_seed_data_and_thoughts_matter(self, learn):
        """Each changes what is learnt."""
        ids = {learn("rft").adapter, learn("rft", seed=2).adapter, learn("tfb").adapter, learn("placebo").adapter}
        assert len(ids) == 4

    @pytest.mark.system
    def test_recomputing_activations_changes_nothing(self, learn):
        """It saves memory only; dropout draws the same again."""
        assert learn("rft", checkpointing=True).adapter == learn("rft").adapter

    @pytest.mark.system
    def test_a_half_precision_base_learns_a_whole_adapter(self, learn, trainer):
        """As the paper's preset has it: bfloat16 below, float32 where small steps add up."""
        trained = learn("rft", precision="bf16", checkpointing=True)
        assert trained.loss_after < trained.loss_before - 0.01
        assert {tensor.dtype for tensor in read_adapter(trainer._adapters, trained.adapter).tensors().values()} == {
            torch.float32
        }

    @pytest.mark.system
    def test_a_shared_beginning_is_learnt_from_once(self, learn):
        """The steps and losses of rows computed whole, but for rounding; what asks for both at once is refused."""
        whole, shared = (learn("rft", dropout=0.0, shared=shared) for shared in (False, True))
        assert (shared.steps, shared.tokens) == (whole.steps, whole.tokens)
        assert shared.loss_before == pytest.approx(whole.loss_before, abs=1e-5)
        assert shared.loss_after == pytest.approx(whole.loss_after, abs=1e-4)
        with pytest.raises(InputError, match=r"lora\.shared.* lora\.checkpointing"):
            lora_settings("paper", {"shared": True, "checkpointing": True})

    def test_it_decides_and_is_not_there_unless_asked_for(self, learn):
        """Settings that say nothing of it are recorded as before."""
        assert "shared" not in msgspec.to_builtins(SETTINGS)
        assert lora_settings("paper", {"shared": True}).shares and not lora_settings("paper", {}).shares

    @pytest.mark.system
    def test_the_base_is_measured_once_on_the_same_rows(self, folder, learn, tmp_path, monkeypatch):
        """RFT and TFB begin with the same winners: the number is the same, and is not computed again; a parent's is."""
        wanted = [learn("rft"), learn("tfb")]
        measured, measure = [], _job._loss
        monkeypatch.setattr(_job, "_loss", lambda *given: measured.append(given[1].parent) or measure(*given))
        trainer = LoRATrainer(str(folder), tmp_path)

        def train(method, parent="", settings=SETTINGS):
            rows = data(method, thoughts_per_contest=2)
            return trainer.train(rows, parent=parent, settings=settings, seed=1, lineage={"arm": method})

        first = train("rft")
        assert [first, train("tfb")] == wanted
        assert len(measured) == 3, "before and after, then after"
        train("placebo"), train("rft", first.adapter)
        assert len(measured) == 7, "other rows, and another model"
        train("rft", settings=msgspec.structs.replace(SETTINGS, tokens_per_pass=1))
        assert len(measured) == 9, "it may round otherwise"

    @pytest.mark.system
    def test_garbage_of_before_is_not_looked_through(self, folder, tmp_path, monkeypatch):
        """The libraries collect it in each training; afterwards the trainer and its model are gone, and the rest is as it was."""
        seen = []
        fit = _fit.fit
        monkeypatch.setattr(
            _fit, "fit", lambda model, *given: seen.append((gc.get_freeze_count(), ref(model))) or fit(model, *given)
        )
        LoRATrainer(str(folder), tmp_path).train(data(), parent="", settings=SETTINGS, seed=1, lineage={})
        ((frozen, model),) = seen
        assert frozen > 100_000 and gc.get_freeze_count() == 0 and model() is None

    @pytest.mark.system
    def test_the_next_epoch_goes_on_where_the_last_ended(self, learn):
        """A child starts from its parent's weights."""
        parent = learn("rft")
        child = learn("rft", parent=parent.adapter)
        assert child.loss_before == pytest.approx(parent.loss_after, abs=2e-6)
        assert child.loss_after < child.loss_before and child.adapter != parent.adapter

    def test_a_parent_with_other_settings_is_refused(self, learn):
        """Another alpha would rescale what the parent learnt, in silence."""
        with pytest.raises(InputError, match="lora_alpha 4, not 8"):
            learn("rft", parent=learn("rft").adapter, alpha=8)

    def test_a_loss_that_is_not_finite_is_an_error_and_writes_nothing(self, folder, tmp_path):
        """The run stops with a reason instead of going on with nonsense."""
        trainer = LoRATrainer(str(folder), tmp_path)
        settings = msgspec.structs.replace(SETTINGS, lr=1e30)
        with pytest.raises(MolochError, match=r"training diverged: the loss is (nan|inf).*Lower lora\.lr"):
            trainer.train(data(), parent="", settings=settings, seed=1, lineage={})
        assert not list(tmp_path.iterdir())

    @pytest.mark.system
    def test_it_says_nothing(self, folder, tmp_path, capfd):
        """Progress and words are the command's; the libraries' bars and advice stay away."""
        LoRATrainer(str(folder), tmp_path).train(data(), parent="", settings=SETTINGS, seed=3, lineage={})
        assert capfd.readouterr() == ("", "")


class TestAdapter:
    """What training leaves on disk works where it is used."""

    def test_peft_and_generation_see_the_same_model(self, base, folder, learn, trainer):
        """Loaded by PEFT, or merged by the backend: equal logits, different from the base model's."""
        ids, where = torch.arange(8, 40)[None], trainer._adapters
        plain = base(ids).logits
        peft = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(folder), str(where / learn("rft").adapter)
        )
        merged = AutoModelForCausalLM.from_pretrained(folder).eval()
        swapper = Swapper(merged, where)
        swapper.activate(learn("rft").adapter)
        with torch.inference_mode():
            assert torch.allclose(peft.eval()(ids).logits, merged(ids).logits, atol=1e-4)
            assert (merged(ids).logits - plain).abs().max() > 1e-2
            with peft.disable_adapter():
                assert torch.equal(peft(ids).logits, plain)
            swapper.activate("")
            assert torch.equal(merged(ids).logits, plain), "adapter off is the base model, bit for bit"

    def test_it_opens_by_its_own_account(self, folder, learn, trainer, monkeypatch):
        """PEFT finds the base model by the adapter's configuration, without a network; its digest is there, too."""
        import socket

        from peft import AutoPeftModelForCausalLM

        def refuses(*given):
            raise OSError("there is no network")

        monkeypatch.setattr(socket.socket, "connect", refuses)
        place = trainer._adapters / learn("rft").adapter
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PEFT says that it does not read the digest
            opened = AutoPeftModelForCausalLM.from_pretrained(str(place)).eval()
        merged, ids = AutoModelForCausalLM.from_pretrained(folder).eval(), torch.arange(8, 40)[None]
        Swapper(merged, trainer._adapters).activate(place.name)
        with torch.inference_mode():
            assert torch.allclose(opened(ids).logits, merged(ids).logits, atol=1e-4)
        config = json.loads((place / "adapter_config.json").read_text())
        assert config["base_model_name_or_path"] == str(folder.resolve())
        assert config["base_model_digest"] == TransformersLLM(str(folder), device="cpu").digest

    def test_it_is_put_on_no_other_base(self, folder, learn, trainer, tmp_path):
        """Though its layers would fit: neither to write with, nor to learn on from."""
        from tests.support.tiny import save_tiny_model

        other = save_tiny_model(tmp_path / "other", seed=9)
        adapter = learn("rft").adapter
        llm = TransformersLLM(str(other), adapters=trainer._adapters, device="cpu")
        request = Request("here", data().rows[0].prompt, Sampling(max_tokens=4), seed=1, adapter=adapter)
        with pytest.raises(InputError, match="does not fit the model: it was learnt on the model"):
            list(llm.complete([request]))
        learner = LoRATrainer(str(other), trainer._adapters)
        with pytest.raises(InputError, match="does not fit the model: it was learnt on the model"):
            learner.train(data(), parent=adapter, settings=SETTINGS, seed=1, lineage={})

    def test_its_lineage_leads_to_the_log(self, folder, learn, trainer):
        """Model, parent, data, range, seed, settings and versions, and what the loop adds."""
        lineage = json.loads((trainer._adapters / learn("tfb").adapter / "lineage.json").read_text())
        set_ = data("tfb", thoughts_per_contest=2)
        assert (lineage["data"], lineage["data_range"]) == (set_.digest, list(set_.data_range))
        assert (lineage["parent"], lineage["seed"], lineage["arm"]) == ("", 1, "tfb")
        assert lineage["model_digest"] == TransformersLLM(str(folder), device="cpu").digest
        assert msgspec.convert(lineage["settings"], LoraSettings) == SETTINGS
        assert set(lineage["versions"]) == {"torch", "transformers", "peft", "trl"}

    def test_nothing_else_is_left_behind(self, learn, trainer):
        """Every folder is an adapter: no checkpoints, no logs of the trainer."""
        learn("rft")
        for path in trainer._adapters.iterdir():
            assert {file.name for file in path.iterdir()} == {
                "adapter_model.safetensors", "adapter_config.json", "lineage.json", "check.json"
            }  # fmt: skip


class TestSettings:
    """Settings are presets with changes; nonsense is refused."""

    def test_the_papers_settings(self):
        """As its appendix and code have them."""
        paper = PRESETS["paper"]
        assert (paper.rank, paper.alpha, paper.dropout, paper.lr, paper.final_lr) == (16, 32, 0.05, 2e-4, 0.1)
        assert (paper.warmup, paper.batch, paper.repeat, paper.precision) == (0.03, 16, 3, "bf16")
        assert len(paper.targets) == 7

    @pytest.mark.parametrize(
        "changes, reason",
        [({"lrr": 1}, "unknown field"), ({"lr": "fast"}, "float"), ({"batch": 0}, ">= 1"), ({"dropout": 1.0}, "< 1")],
    )
    def test_nonsense_is_refused(self, changes, reason):
        """With the reason and the names that there are."""
        with pytest.raises(InputError, match=f"'lora' is not valid: .*{reason}.*Its settings are rank, alpha"):
            lora_settings("pocket", changes)

    def test_changes_keep_the_rest_of_the_preset(self):
        """Only what is named changes."""
        assert lora_settings("pocket", {"rank": 4}) == msgspec.structs.replace(PRESETS["pocket"], rank=4)
