"""Rows that share a pass do not see one another, and no way to compute their loss gives another loss."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from abm.llm.local.attention import PLAIN  # noqa: E402
from learning.training import losses  # noqa: E402
from learning.training.examples import ALIKE, Example, beginning, passes  # noqa: E402
from learning.training.losses import layout_of, mean_loss, row_losses, step_losses, whole_inputs  # noqa: E402
from tests.support.tiny import save_tiny_model  # noqa: E402

ARCHITECTURES = {
    "qwen3": {},
    "llama": {},
    "mistral": {"sliding_window": 8},
    "gemma2": {
        "sliding_window": 8,
        "query_pre_attn_scalar": 8,
        "attn_logit_softcapping": None,
    },  # which sdpa leaves out
    "gpt2": {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 512},
}
WAYS = [(kernel, way, limit) for kernel in ("sdpa", "eager") for way in ("padded", "packed") for limit in (1 << 27, 1)]
"""Attention kernel, rows' layout, and logits that may exist at once: all, or one token's."""


def example(length: int, start: int, seed: int, weight: float = 1.0) -> Example:
    """Return random tokens of which those from ``start`` on carry loss."""
    generator = torch.Generator().manual_seed(seed)
    return Example(
        torch.randint(6, 200, (length,), generator=generator).tolist(),
        start,
        weight,
        "trajectory" if weight == 1.0 else "thought",
    )


ROWS = [example(23, 15, 1), example(9, 4, 2), example(40, 22, 3), example(12, 1, 4, 0.5), example(31, 30, 5, 0.25)]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def folder(request, tmp_path_factory):
    """A tiny model of each kind."""
    place = tmp_path_factory.mktemp(request.param)
    return save_tiny_model(place / "model", request.param, **ARCHITECTURES[request.param])


def adapted(folder, kernel="sdpa"):
    """Return a model in float32 with a LoRA that does something."""
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=kernel)
    names = ["c_attn", "c_fc"] if model.config.model_type == "gpt2" else ["q_proj", "v_proj", "down_proj"]
    torch.manual_seed(0)
    model = get_peft_model(model, LoraConfig(r=2, target_modules=names, init_lora_weights=False))
    return model.eval()


def gradients(model, parts):
    """Return the gradient of the sum of ``parts``, all weights in one line."""
    model.zero_grad()
    for part in parts:
        part.backward()
    return torch.cat([weight.grad.reshape(-1) for weight in model.parameters() if weight.requires_grad])


@pytest.fixture(scope="module")
def alone(folder):
    """Losses and gradients of the rows one by one, all logits at once, by plain attention."""
    model = adapted(folder, "eager")
    base = model.get_base_model()
    with torch.inference_mode():
        found = torch.cat([row_losses(base, [row]) for row in ROWS])
    return found, gradients(model, step_losses(base, ROWS, 1))


class TestNoContamination:
    """A row's loss and gradient are those that it has alone, whatever else is in its pass."""

    @pytest.mark.parametrize("kernel, way, limit", WAYS)
    def test_together_is_as_alone(self, folder, alone, monkeypatch, kernel, way, limit):
        """Padded or packed, in one piece or in parts, for each kind of model and kernel."""
        monkeypatch.setattr(losses, "LOGITS", limit)
        model = adapted(folder, kernel)
        base = model.get_base_model()
        with torch.inference_mode():
            torch.testing.assert_close(row_losses(base, ROWS, way), alone[0], rtol=1e-4, atol=1e-4)
        found = gradients(model, step_losses(base, ROWS, 10**6, way))
        torch.testing.assert_close(found, alone[1], rtol=1e-3, atol=1e-4 * float(alone[1].abs().max()))

    def test_a_neighbour_cannot_move_a_loss(self, folder):
        """Other tokens in the row before it: not a bit of difference, packed."""
        base = adapted(folder).get_base_model()
        other = Example([7] * 40, 22)
        with torch.inference_mode():
            one, two = (row_losses(base, [before, ROWS[0]], "packed")[1] for before in (ROWS[2], other))
        assert torch.equal(one, two)

    def test_without_its_guard_packing_contaminates(self, folder, alone, monkeypatch):
        """The test above can fail: positions that run on let rows see what is before them."""
        plain = losses.packed

        def running_on(rows, device):
            batch = plain(rows, device)
            ids = batch.inputs["input_ids"]
            batch.inputs["position_ids"] = torch.arange(ids.shape[1])[None]
            return batch

        monkeypatch.setattr(losses, "packed", running_on)
        with torch.inference_mode():
            found = row_losses(adapted(folder).get_base_model(), ROWS, "packed")
        assert torch.allclose(found[0], alone[0][0], rtol=1e-4, atol=1e-4), "the first has nothing before it"
        assert ((found - alone[0]).abs()[1:] > 1e-2).any()

    def test_padding_needs_no_mask(self, folder, alone, monkeypatch):
        """As on a GPU: causal attention never looks at what comes after."""
        plain = losses.padded

        def bare(rows, device):
            batch = plain(rows, device)
            del batch.inputs["attention_mask"]
            return batch

        monkeypatch.setattr(losses, "padded", bare)
        with torch.inference_mode():
            found = row_losses(adapted(folder).get_base_model(), ROWS)
        torch.testing.assert_close(found, alone[0], rtol=1e-4, atol=1e-4)


BEGIN = example(ALIKE + 8, 1, 6).ids
ALIKE_ROWS = [Example(BEGIN + row.ids, len(BEGIN) + row.start, row.weight, row.kind) for row in ROWS]


class TestShared:
    """What the prompts of a pass begin with is computed once, forward and backward, and changes no loss and no gradient."""

    @pytest.mark.parametrize("kernel, limit", [("sdpa", 1 << 27), ("eager", 1), (PLAIN, 1 << 27)])
    def test_together_is_as_alone(self, folder, monkeypatch, kernel, limit):
        """For each kind of model and kernel; a window over the last tokens reaches back into the beginning."""
        base = (model := adapted(folder, kernel)).get_base_model()
        with torch.inference_mode():
            alone = torch.cat([row_losses(base, [row]) for row in ALIKE_ROWS])
        wanted = gradients(model, step_losses(base, ALIKE_ROWS, 1))
        monkeypatch.setattr(losses, "LOGITS", limit)
        with torch.inference_mode():
            torch.testing.assert_close(row_losses(base, ALIKE_ROWS, "shared"), alone, rtol=1e-4, atol=1e-4)
        mine = gradients(model, step_losses(base, ALIKE_ROWS, 10**6, "shared"))
        torch.testing.assert_close(mine, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))

    def test_what_is_computed(self, tiny_model):
        """The beginning, then the rest of all rows; rows of other prompts are in passes of their own."""
        base = (model := adapted(tiny_model)).get_base_model()
        widths = []
        base.get_input_embeddings().register_forward_hook(lambda _, ids, __: widths.append(tuple(ids[0].shape)))
        gradients(model, step_losses(base, [ROWS[0], *ALIKE_ROWS], 10**6, "shared"))
        assert widths == [(1, 23), (1, 40), (5, 40)]

    def test_the_learnt_part_is_never_shared(self):
        """Nor the token before it, at which its first token is predicted; few tokens, or one row, share nothing."""
        assert beginning(ALIKE_ROWS) == len(BEGIN)
        assert beginning([Example(BEGIN, 36), Example(BEGIN, 38)]) == 35
        assert beginning([Example(BEGIN, ALIKE), Example(BEGIN, 38)]) == 0
        assert beginning(ALIKE_ROWS[:1]) == beginning(ROWS) == 0

    def test_passes_count_it_once(self):
        """So that more rows fit."""
        rows = [Example([*BEGIN, 7, i, i], len(BEGIN) + 1) for i in range(9)]
        assert [len(group) for group in passes(rows, 55, "shared")] == [5, 4]
        assert [len(group) for group in passes(rows, 55)] == [1] * 9
        mixed = [rows[0], Example([9] * 30, 1), rows[1], Example([9] * 31, 1)]
        assert [len(group) for group in passes(mixed, 62, "shared")] == [2, 2]

    def test_only_where_attention_is_all_memory(self, tiny_model):
        """A state that runs along cannot be looked at from several rows."""
        base = AutoModelForCausalLM.from_pretrained(tiny_model)
        assert layout_of(base, shared=True) == "shared" and layout_of(base) == "padded"
        base._is_stateful = True
        assert layout_of(base, shared=True) == "padded"


class TestHalfPrecision:
    """On a bf16 base products are bf16, and losses and gradients float32."""

    @pytest.fixture(scope="class")
    def half(self, tiny_model):
        """A bf16 model with a float32 LoRA, as the trainer makes it."""
        base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.bfloat16)
        return get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False))

    @staticmethod
    def inputs(model, rows):
        """Return what types of numbers the adapter's layers read, and the rows' losses."""
        seen = set()
        layers = [module for name, module in model.named_modules() if name.endswith("lora_A.default")]
        hooks = [layer.register_forward_pre_hook(lambda layer, given: seen.add(given[0].dtype)) for layer in layers]
        found = row_losses(model.get_base_model(), rows)
        for hook in hooks:
            hook.remove()
        return seen, found

    def test_inputs_are_not_copied(self, half):
        """The adapter reads what the base reads; by itself PEFT makes a float32 copy for each layer."""
        assert self.inputs(half, ROWS)[0] == {torch.float32}
        with whole_inputs(half):
            assert self.inputs(half, ROWS)[0] == {torch.bfloat16}
        assert self.inputs(half, ROWS)[0] == {torch.float32}, "as it was"

    def test_a_float32_base_is_left_alone(self, tiny_model):
        """Nothing is rounded there."""
        model = adapted(tiny_model)
        plain = row_losses(model.get_base_model(), ROWS)
        with whole_inputs(model):
            assert torch.equal(row_losses(model.get_base_model(), ROWS), plain)

    def test_near_float32(self, half, tiny_model):
        """Losses and gradients are those of float32 weights, but for rounding, and float32 themselves."""
        exact = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.bfloat16).float()
        exact = get_peft_model(exact, LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
        exact.load_state_dict(half.state_dict())
        with whole_inputs(half):
            found = row_losses(half.get_base_model(), ROWS)
            mine = gradients(half, step_losses(half.get_base_model(), ROWS, 64))
        wanted = gradients(exact, step_losses(exact.get_base_model(), ROWS, 64))
        torch.testing.assert_close(found, row_losses(exact.get_base_model(), ROWS), rtol=0.02, atol=0.02)
        assert found.dtype == mine.dtype == torch.float32
        assert torch.nn.functional.cosine_similarity(mine, wanted, dim=0) > 0.99


class TestMemory:
    """Logits of a large vocabulary never exist in full."""

    @pytest.fixture
    def largest(self, monkeypatch):
        """Return the most logits that the output matrix made at once, where ``limit`` may exist."""

        def measure(folder, limit, way):
            monkeypatch.setattr(losses, "LOGITS", limit)
            model = adapted(folder)
            seen = []
            model.get_base_model().get_output_embeddings().register_forward_hook(
                lambda module, inputs, output: seen.append(output.numel())
            )
            gradients(model, step_losses(model.get_base_model(), ALIKE_ROWS, 10**6, way))
            return max(seen)

        return measure

    @pytest.mark.parametrize("way", ["padded", "packed", "shared"])
    def test_no_more_than_allowed(self, tiny_model, largest, way):
        """Forward and backward, only at tokens that carry loss."""
        vocabulary = AutoModelForCausalLM.from_pretrained(tiny_model).config.vocab_size
        assert largest(tiny_model, 4 * vocabulary, way) <= 4 * vocabulary
        assert largest(tiny_model, 1 << 27, way) > 20 * vocabulary

    def test_models_that_bend_their_logits_make_them_themselves(self, tmp_path, monkeypatch):
        """Gemma's soft cap is part of the loss, whatever the limit."""
        folder = save_tiny_model(tmp_path, "gemma2", final_logit_softcapping=0.5, query_pre_attn_scalar=8)
        base = AutoModelForCausalLM.from_pretrained(folder).eval()
        with torch.inference_mode():
            whole = mean_loss(base, ROWS, 10**6)
            monkeypatch.setattr(losses, "LOGITS", 1)
            assert mean_loss(base, ROWS, 10**6) == pytest.approx(whole, rel=1e-5)


class TestPasses:
    """Passes hold what fits."""

    def test_packed_rows_cost_their_own_length(self):
        """No padding counts, so that more fit."""
        rows = [Example([7] * length, 1) for length in (5, 5, 5, 9, 30)]
        assert [len(group) for group in passes(rows, 24, "packed")] == [4, 1]
        assert [len(group) for group in passes(rows, 24)] == [3, 1, 1]

    def test_shares_sum_to_the_step(self, tiny_model):
        """Two processes' parts add up to the loss and gradient of one."""
        model = adapted(tiny_model)
        base = model.get_base_model()
        whole = gradients(model, step_losses(base, ROWS, 64))
        parts = [gradients(model, step_losses(base, ROWS, 64, share=share)) for share in (ROWS[:2], ROWS[2:])]
        torch.testing.assert_close(sum(parts), whole, rtol=1e-3, atol=1e-5)
