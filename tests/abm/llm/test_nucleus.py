"""What is drawn from a nucleus is what sorting all tokens gives."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from abm.llm.local import _nucleus  # noqa: E402
from abm.llm.local._nucleus import drawn, drawn_from_nucleus  # noqa: E402


def sorted_whole(probabilities: torch.Tensor, draws: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Return the draws from each row's nucleus by sorting all its tokens, all of them weighed."""
    ranked, order = probabilities.sort(dim=-1, descending=True, stable=True)
    belongs = (ranked.cumsum(-1) - ranked) < top_p
    belongs[:, 0] = True
    return drawn(probabilities * torch.zeros_like(belongs).scatter(-1, order, belongs), draws)


@pytest.mark.parametrize("peaked", [0.0, 0.5, 3.0, 30.0], ids=lambda peaked: f"logits x {peaked}")
@pytest.mark.parametrize("vocabulary", [1, 7, 64, 5000])
@pytest.mark.parametrize("widths", [(), (1,), (3, 16), (128, 1024)], ids=str)
def test_like_sorting(monkeypatch, vocabulary, widths, peaked):
    """Whether few or many tokens belong, and however many of them are equal."""
    monkeypatch.setattr(_nucleus, "WIDTHS", widths)
    generator = torch.Generator().manual_seed(vocabulary)
    logits, draws = torch.randn(60, vocabulary, generator=generator) * peaked, torch.rand(60, generator=generator)
    top_p = torch.linspace(0.01, 1.0, 60)[:, None]
    for scores in (logits, (logits * 2).round() / 2, logits.bfloat16().float()):  # the latter two with many ties
        probabilities = torch.softmax(scores, -1)
        wanted = sorted_whole(probabilities, draws, top_p)
        assert torch.equal(drawn_from_nucleus(probabilities, draws, top_p), wanted)


def test_the_likeliest_token_always_belongs():
    """Also where it alone has more than is asked for, and of equals the first."""
    probabilities, draws = torch.tensor([[0.1, 0.45, 0.45]]).expand(9, 3), torch.arange(9) / 9
    assert set(drawn_from_nucleus(probabilities, draws, torch.full((9, 1), 1e-9)).tolist()) == {1}
