"""What a budget promises of models in this process: a planned batch is asked for whole, or not at all."""

from __future__ import annotations

import pytest

from abm.llm import Request, Sampling, ScriptedLLM
from abm.llm.budget import Bounds, Budget, Budgeted, BudgetSpent, Price
from abm.llm.port import most_tokens, prompt_tokens
from learning.runs.machine import places


def asked(n: int, text: str = "Choose.", most: int = 10) -> list[Request]:
    return [Request(f"react/{i}", [{"role": "user", "content": text}], Sampling(max_tokens=most), i) for i in range(n)]


def budgeted(**bounds) -> tuple[Budgeted, Budget, list[str]]:
    seen: list[str] = []

    def says(request: Request) -> str:
        seen.append(request.site)
        return "A"

    budget = Budget(Bounds(**bounds))
    return Budgeted(ScriptedLLM(says), budget), budget, seen


class TestBatches:
    """A batch that might cross a bound is not begun."""

    def test_whole_or_not_at_all(self):
        """Four calls fit a bound of four; the fifth is not asked, nor anything beside it."""
        llm, budget, seen = budgeted(calls=4)
        assert len(list(llm.complete(asked(3)))) == 3
        with pytest.raises(BudgetSpent):
            list(llm.complete(asked(2)))
        assert len(seen) == budget.calls == 3
        assert len(list(llm.complete(asked(1)))) == 1, "what was refused still holds room"

    def test_minutes(self):
        """When time is over no batch begins."""
        now = [0.0]
        budget = Budget(Bounds(minutes=1), clock=lambda: now[0])
        llm = Budgeted(ScriptedLLM(lambda request: "A"), budget)
        assert list(llm.complete(asked(1)))
        now[0] = 60
        with pytest.raises(BudgetSpent, match=r"1\.0 of 1 minutes are over"):
            list(llm.complete(asked(1)))


def test_a_budget_hides_no_place():
    """By what the model computes is recorded under a budget, too; of a model that does not say it, nothing is."""
    llm = ScriptedLLM(lambda request: "A")
    assert places(Budgeted(llm, Budget(Bounds()))) == {}
    llm.place = lambda: {"device": "cpu"}  # type: ignore[attr-defined]
    assert places(Budgeted(llm, Budget(Bounds()))) == {"scripted": {"device": "cpu"}}


class TestWorstCase:
    """What is reserved for a call is never less than it costs."""

    @pytest.mark.parametrize("text", ["Hello there.", "請選擇一個。" * 40, "🙂" * 50, "a1!b2?" * 30, ""])
    def test_any_script(self, text):
        """A token holds a byte or more, in any script; so a prompt has no more than its bytes and its template."""
        (request,) = asked(1, text)
        assert prompt_tokens(request) <= len(text.encode()) + 16 <= most_tokens(request)

    def test_dense_text(self):
        """A bound on tokens holds although a model needs two tokens for each character."""
        text = "字" * 500
        budget, price = Budget(Bounds(tokens=5_000)), Price()
        for request in asked(20, text):
            if not budget.admit(request, price):
                break
            budget.release(request)
            budget.book(price, 2 * len(text), 10)
        assert 3_000 <= budget.tokens <= 5_000
