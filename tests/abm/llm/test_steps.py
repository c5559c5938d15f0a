"""Steps at fixed shapes give the tokens of plain ones, and a captured step is believed only if it computes the same."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

torch = pytest.importorskip("torch", reason="needs the learn extra")

from transformers import AutoModelForCausalLM  # noqa: E402

from abm.llm.local import _cache, _steps  # noqa: E402
from abm.llm.local._decode import PromptRow, decode  # noqa: E402
from abm.llm.local._prompts import SHARED, beginning, read  # noqa: E402
from abm.llm.local._steps import Pinned, Plain, Ways, can_pin, ready  # noqa: E402
from abm.llm.local.attention import GROUPED  # noqa: E402
from tests.support.tiny import save_tiny_model  # noqa: E402


@pytest.fixture(scope="module")
def model(tiny_model):
    """The tiny model, in which two query heads share a key head."""
    return AutoModelForCausalLM.from_pretrained(tiny_model).eval()


@pytest.fixture
def narrow(monkeypatch):
    """Little room, so that buffers grow often."""
    monkeypatch.setattr(_cache, "PINNED_ROOM", 3)


ROWS = [PromptRow(list(range(8 + i // 2, 20 + 5 * (i // 2))), i, 0.7 * (i % 3), 1.0, 4 + 5 * i) for i in range(8)]
"""Prompts of four lengths, two rows to each; of different lengths themselves, greedy and not."""


class TestPinned:
    """Fixed shapes change no token."""

    @pytest.mark.parametrize("kernel", ["sdpa", GROUPED])
    def test_the_same_tokens(self, model, narrow, kernel):
        """While buffers grow and rows that are done leave, with either kernel."""
        model.set_attn_implementation("sdpa")
        wanted = decode(model, ROWS, pad=0, stops={2})
        model.set_attn_implementation(kernel)
        assert decode(model, ROWS, pad=0, stops={2}, ways=Ways(pinned=True)) == wanted
        assert len({tuple(written.tokens) for written in wanted}) == len(ROWS)

    def test_what_was_there_before_is_barred(self, model, monkeypatch):
        """Room that holds NaN at first, as memory may, changes nothing."""
        wanted = decode(model, ROWS, pad=0, stops={2})
        roomy = _cache._roomy
        monkeypatch.setattr(_cache, "_roomy", lambda *given: roomy(*given).fill_(torch.nan))
        assert decode(model, ROWS, pad=0, stops={2}, ways=Ways(pinned=True)) == wanted

    @pytest.mark.parametrize(
        "architecture, changes, wanted",
        [
            ("qwen3", {}, True),
            ("llama", {}, True),
            ("mistral", {"sliding_window": 8}, False),
            ("gemma2", {"sliding_window": 8, "query_pre_attn_scalar": 8}, False),
            ("gpt2", {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 512}, False),
        ],
    )
    def test_who_can(self, tmp_path, architecture, changes, wanted):
        """Models all of whose layers see everything before, by a mask alone."""
        model = AutoModelForCausalLM.from_pretrained(save_tiny_model(tmp_path, architecture, **changes))
        assert can_pin(model) is wanted

    def test_not_with_other_kernels(self, tiny_model):
        """Their masks are of another kind."""
        assert not can_pin(AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation="eager"))

    def test_float32_on_a_cpu_is_left_as_it_was(self, model):
        """Nothing is chosen there: adapters and logs are known to the last bit."""
        model.set_attn_implementation("sdpa")
        assert ready(model) == Ways() and model.config._attn_implementation == "sdpa"

    @pytest.mark.parametrize(
        "architecture, changes, shares", [("llama", {}, True), ("mistral", {"sliding_window": 8}, False)]
    )
    def test_bfloat16_on_a_cpu(self, tmp_path, architecture, changes, shares):
        """What prompts share is read once where no window moves over it, and shared keys are not copied."""
        model = AutoModelForCausalLM.from_pretrained(save_tiny_model(tmp_path, architecture, **changes)).bfloat16()
        assert ready(model) == Ways(shared=shares) and model.config._attn_implementation == GROUPED


BEGINNING = tuple(range(20, 60))
PROMPTS = [(*BEGINNING, *tail) for tail in ([7], [8, 9, 10, 11], [7, 8, 9])]


class TestShared:
    """What the prompts of a batch begin with is read once, and changes rounding alone."""

    @pytest.fixture
    def exact(self, model):
        """The model in float64, where rounding moves no draw."""
        yield model.double()
        model.float()

    @pytest.mark.parametrize("kernel", ["sdpa", GROUPED])
    def test_the_same_tokens(self, exact, kernel):
        """Of rows that share a prompt, too, and while rows that are done leave."""
        exact.set_attn_implementation(kernel)
        rows = [PromptRow(list(PROMPTS[i // 2]), i, 0.7 * (i % 3), 0.9, 4 + 5 * i) for i in range(6)]
        wanted = decode(exact, rows, pad=0, stops={2})
        assert decode(exact, rows, pad=0, stops={2}, ways=Ways(shared=True)) == wanted
        assert len({tuple(written.tokens) for written in wanted}) == len(rows)

    @torch.inference_mode()
    def test_what_is_computed(self, exact):
        """The beginning once and of each prompt the rest: the same logits, mask and positions as of the whole."""
        widths, layers = [], exact.config.num_hidden_layers
        hook = exact.model.embed_tokens.register_forward_hook(lambda _, ids, __: widths.append(tuple(ids[0].shape)))
        whole, parts = (
            read(Plain(exact, _cache.roomy_cache(layers)), PROMPTS, 0, share=share) for share in (False, True)
        )
        hook.remove()
        assert widths == [(3, 44), (1, 40), (3, 4)]
        torch.testing.assert_close(parts.logits, whole.logits)
        assert torch.equal(parts.positions, whole.positions) and torch.equal(parts.mask.sum(1), whole.mask.sum(1))

    @pytest.mark.parametrize(
        "prompts, wanted",
        [
            (PROMPTS, 40),
            (PROMPTS[:1], 0),  # nobody to share with
            ([PROMPTS[0], BEGINNING], 39),  # the last token of each is to be read
            ([(1, *BEGINNING), (2, *BEGINNING)], 0),
            ([(*BEGINNING[:SHARED], 1), (*BEGINNING[:SHARED], 2)], SHARED),
            ([(*BEGINNING[1:SHARED], 1), (*BEGINNING[1:SHARED], 2)], 0),  # too few
        ],
    )
    def test_how_much(self, prompts, wanted):
        """All that they have in common, if it pays."""
        assert beginning(prompts) == wanted


class Graphs:
    """CUDA's graphs as far as the steps need them, computed by the step itself; ``wrong`` adds to what is replayed."""

    def __init__(self, monkeypatch, wrong: float = 0.0, fails: bool = False) -> None:
        self.captured, self.replayed, self.wrong, self.fails = [], 0, wrong, fails
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: self)
        monkeypatch.setattr(torch.cuda, "graph", self.capture)
        made, start = [], Pinned.__init__

        def begin(pinned, *given):
            start(pinned, *given)
            pinned._captures = True
            made.append(pinned)

        monkeypatch.setattr(Pinned, "__init__", begin)
        self.made = made

    @contextmanager
    def capture(self, graph):
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")
        yield
        self.captured.append(self.made[-1]._key)

    def replay(self):
        self.replayed += 1
        pinned = self.made[-1]
        pinned._logits.copy_(pinned._forward() + self.wrong * torch.arange(pinned._logits.shape[1]))


class TestCapture:
    """Steps of one shape are captured once and replayed."""

    def test_replayed(self, model, monkeypatch):
        """One graph for each shape that lasts; the same tokens; inputs come in where the graph reads them."""
        wanted = decode(model, ROWS, pad=0, stops=set())
        graphs = Graphs(monkeypatch)
        assert decode(model, ROWS, pad=0, stops=set(), ways=Ways(pinned=True)) == wanted
        assert len(graphs.captured) == len(set(graphs.captured)) >= 2
        assert graphs.replayed > 10

    def test_short_answers_are_not_captured(self, model, monkeypatch):
        """It would cost more than it saves."""
        graphs = Graphs(monkeypatch)
        decode(model, [PromptRow([7, 8, 9], 1, 0.0, 1.0, _steps.PATIENCE)], pad=0, stops=set(), ways=Ways(pinned=True))
        assert not graphs.captured

    @pytest.mark.parametrize("how", [{"wrong": 1.0}, {"wrong": float("nan")}, {"fails": True}])
    def test_one_that_is_wrong_is_not_used(self, model, monkeypatch, caplog, how):
        """Nor tried again: the steps are taken one by one, and the log says why."""
        wanted = decode(model, ROWS, pad=0, stops=set())
        graphs = Graphs(monkeypatch, **how)
        with caplog.at_level("INFO", "abm.llm.local._steps"):
            assert decode(model, ROWS, pad=0, stops=set(), ways=Ways(pinned=True)) == wanted
        assert graphs.replayed <= 1
        [said] = caplog.messages
        assert "are not replayed: " in said and ("not permitted" in said or "off" in said)
