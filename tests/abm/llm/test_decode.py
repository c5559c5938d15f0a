"""Drawing tokens: the right distribution from one uniform each, and buffers that never lose a position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the learn extra")

from abm.llm.local._cache import RoomyLayer  # noqa: E402
from abm.llm.local._decode import PromptRow, sample, uniforms  # noqa: E402


def column(value: float, n: int = 1) -> torch.Tensor:
    """Return ``value`` as a column of ``n`` rows."""
    return torch.full((n, 1), value)


class TestDraws:
    """A row's uniforms come from its own stream."""

    def test_own_stream(self):
        """Neither the other rows nor the bound change a row's draws."""
        rows = [PromptRow([1], seed, 1.0, 1.0, limit) for seed, limit in [(5, 9), (6, 30), (5, 4)]]
        together = uniforms(rows)
        assert torch.equal(together[0, :9], uniforms(rows[:1])[0])
        assert torch.equal(together[0, :4], together[2, :4])
        assert not torch.equal(together[0, :9], together[1, :9])

    def test_are_those_of_philox(self):
        """The stream is numpy's Philox with the seed as its key: another program can repeat it."""
        wanted = np.random.Generator(np.random.Philox(key=123)).random(5, dtype=np.float32)
        assert np.array_equal(uniforms([PromptRow([1], 123, 1.0, 1.0, 5)])[0].numpy(), wanted)


class TestSample:
    """One uniform decides one token."""

    def test_distribution(self):
        """Evenly spaced draws fall on tokens in proportion to the softmax at the temperature."""
        logits, n = torch.tensor([0.0, 1.0, -2.0, 0.5]), 10_000
        draws = (torch.arange(n) + 0.5) / n
        drawn = sample(logits.expand(n, 4), draws, column(0.7, n))
        wanted = torch.softmax(logits / 0.7, 0)
        torch.testing.assert_close(torch.bincount(drawn, minlength=4) / n, wanted, atol=2e-4, rtol=0)

    def test_nucleus(self):
        """Only the smallest set of likeliest tokens that reaches ``top_p`` is drawn from, in its proportions."""
        logits, n = torch.log(torch.tensor([0.1, 0.5, 0.3, 0.1])), 10_000
        draws = (torch.arange(n) + 0.5) / n
        drawn = sample(logits.expand(n, 4), draws, column(1.0, n), column(0.6, n))
        shares = torch.bincount(drawn, minlength=4) / n
        torch.testing.assert_close(shares, torch.tensor([0.0, 0.625, 0.375, 0.0]), atol=2e-4, rtol=0)

    @given(
        st.lists(st.floats(-60, 60), min_size=2, max_size=50),
        st.sampled_from([0.0, 1e-7, 0.5, float(np.float32(1) - np.float32(2**-24))]),
        st.sampled_from([1e-6, 0.3, 0.9, 1.0]),
    )
    def test_never_an_impossible_token(self, logits, draw, top_p):
        """Even the extreme draws fall on a token of positive probability inside the nucleus."""
        row = torch.tensor([[*logits, -float("inf")]])
        token = int(sample(row, torch.tensor([draw]), column(1.0), column(top_p)))
        probabilities = torch.softmax(row[0], 0)
        likelier = probabilities[probabilities > probabilities[token]].sum()
        assert probabilities[token] > 0
        assert likelier < top_p + 1e-5

    def test_large_vocabulary(self):
        """Over 150,000 tokens in half precision the last tokens are still reached in proportion."""
        n = 100
        draws = (torch.arange(n) + 0.5) / n
        drawn = sample(torch.zeros(1, 150_000, dtype=torch.bfloat16).expand(n, -1), draws, column(1.0, n))
        assert (drawn.double() / 150_000 - draws.double()).abs().max() < 1e-4


class TestCache:
    """Buffers with spare room hold what was written."""

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(1, 90), st.booleans()), min_size=1, max_size=6))
    def test_like_concatenation(self, steps):
        """After any appends and selections of rows, keys and values are those of plain concatenation."""
        generator = torch.Generator().manual_seed(0)
        layer, rows = RoomyLayer(), 5
        keys = values = torch.zeros(rows, 2, 0, 3)
        for new, select in steps:
            k, v = (torch.randn(rows, 2, new, 3, generator=generator) for _ in range(2))
            keys, values = torch.cat([keys, k], 2), torch.cat([values, v], 2)
            got = layer.update(k, v)
            assert torch.equal(got[0], keys)
            assert torch.equal(got[1], values)
            assert layer.get_seq_length() == keys.shape[2]
            if select:
                chosen = torch.randint(0, rows, (rows + 1,), generator=generator)
                layer.batch_select_indices(chosen)
                keys, values, rows = keys[chosen], values[chosen], rows + 1
                assert torch.equal(layer.keys, keys)
