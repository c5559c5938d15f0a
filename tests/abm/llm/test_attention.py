"""Attention of one new token a row: the numbers of transformers' own, without its copies of keys and values."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="needs the learn extra")

from transformers.integrations.sdpa_attention import sdpa_attention_forward  # noqa: E402

from abm.llm.local.attention import any_length, grouped_attention, plain_attention  # noqa: E402

ROWS, SHARED, WIDTH, HELD = 3, 2, 8, 11


def states(heads: int, tokens: int):
    """Return a module with ``heads`` query heads, and its query, keys, values and a mask that bars each row's beginning."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((heads, tokens), (SHARED, HELD), (SHARED, HELD))
    found = [torch.randn(ROWS, count, places, WIDTH, generator=generator) for count, places in shapes]
    mask = torch.ones(ROWS, 1, tokens, HELD, dtype=torch.bool)
    for row in range(ROWS):
        mask[row, ..., : 2 * row] = False
    module = SimpleNamespace(num_key_value_groups=heads // SHARED, is_causal=True, training=False)
    return module, *found, mask


class TestGroupedAttention:
    """It is transformers' ``sdpa``."""

    @pytest.mark.parametrize("heads", [2, 4, 8])
    @pytest.mark.parametrize("tokens", [1, 5])
    @pytest.mark.parametrize("masked", [True, False])
    def test_the_same_numbers(self, heads, tokens, masked):
        """Whatever the share of query heads to a key head, with padding or without, for prompts and for new tokens."""
        *inputs, mask = states(heads, tokens)
        found, wanted = (
            attend(*inputs, mask if masked else None, scaling=0.3, dropout=0.0)[0]
            for attend in (grouped_attention, sdpa_attention_forward)
        )
        assert found.shape == wanted.shape == (ROWS, tokens, heads, WIDTH)
        torch.testing.assert_close(found, wanted)

    @pytest.mark.parametrize("attend, held", [(grouped_attention, SHARED), (sdpa_attention_forward, 8)])
    def test_keys_are_not_copied(self, monkeypatch, attend, held):
        """The kernel reads the heads that are held; transformers' way, beside a mask, makes four of each."""
        seen, plain = [], torch.nn.functional.scaled_dot_product_attention

        def kernel(query, key, value, **options):
            seen.append((key.shape[1], value.shape[1]))
            return plain(query, key, value, **options)

        monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", kernel)
        attend(*states(8, 1), scaling=0.3)
        assert seen == [(held, held)]


class TestPlainAttention:
    """It is ``sdpa`` by products: the same numbers and gradients."""

    @pytest.mark.parametrize("heads", [2, 8])
    @pytest.mark.parametrize("tokens", [1, 5])
    def test_the_same_numbers(self, heads, tokens):
        """Whatever the share of query heads to a key head, for one token and for several."""
        module, *inputs, mask = states(heads, tokens)
        added = torch.zeros_like(mask, dtype=torch.float32).masked_fill(~mask, torch.finfo(torch.float32).min)
        found = []
        for attend, given in ((plain_attention, added), (sdpa_attention_forward, mask)):
            query, key, value = (each.clone().requires_grad_() for each in inputs)
            attended, _ = attend(module, query, key, value, given, scaling=0.3, dropout=0.0)
            attended.square().sum().backward()
            found.append((attended, query.grad, key.grad, value.grad))
        for mine, wanted in zip(*found, strict=True):
            torch.testing.assert_close(mine, wanted)


class TestAnyLength:
    """Kernels that are planned for one length are left out."""

    def test_only_inside(self):
        """And afterwards it is as it was, also after an error."""
        before = torch.backends.cuda.cudnn_sdp_enabled()
        with pytest.raises(KeyError), any_length():
            assert not torch.backends.cuda.cudnn_sdp_enabled()
            raise KeyError
        assert torch.backends.cuda.cudnn_sdp_enabled() == before
