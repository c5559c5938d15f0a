"""The nucleus is the one that sorting all tokens gives."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from abm.llm.local import _nucleus  # noqa: E402
from abm.llm.local._nucleus import _sorted, nucleus  # noqa: E402


@pytest.mark.parametrize("peaked", [0.0, 0.5, 3.0, 30.0], ids=lambda peaked: f"logits x {peaked}")
@pytest.mark.parametrize("vocabulary", [1, 7, 64, 5000])
@pytest.mark.parametrize("wide", [1, 16, 1024])
def test_like_sorting(monkeypatch, vocabulary, wide, peaked):
    """Whether few or many tokens belong, and however many of them are equal."""
    monkeypatch.setattr(_nucleus, "WIDE", wide)
    logits = torch.randn(12, vocabulary, generator=torch.Generator().manual_seed(vocabulary)) * peaked
    rounded = (logits * 2).round() / 2  # many ties
    top_p = torch.linspace(0.01, 1.0, 12)[:, None]
    for scores in (logits, rounded):
        probabilities = torch.softmax(scores, -1)
        assert (nucleus(probabilities, top_p) == _sorted(probabilities, top_p)).all()


def test_the_likeliest_token_always_belongs():
    """Also where it alone has more than is asked for, and of equals the first."""
    assert nucleus(torch.tensor([[0.1, 0.45, 0.45]]), torch.tensor([[1e-9]])).tolist() == [[False, True, False]]
