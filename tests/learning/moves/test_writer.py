"""A moves model writes by its law, as any backend does, and refuses what it cannot do."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from abm.llm import Opening, Request, Sampling, Serving
from abm.llm.conformance import BackendConformance
from learning.moves import LAWS, MovesLLM
from learning.moves.adapter import save_delta
from learning.moves.law import Law, probabilities
from learning.moves.repertoire import MOVES, RATES, read_moves
from moloch.errors import InputError

PROMPT = "Title: Jar\nDescription: It is blue. It holds 3 litres.\n\nWrite it inside <sales_pitch></sales_pitch>."


def opened(model="moves", adapters=None, **serving) -> MovesLLM:
    return MovesLLM(Opening(model, adapters=adapters, rank=16, serving=Serving(**serving)))


def asked(i: int, temperature: float = 1.0, **changes) -> Request:
    request = Request(f"write/{i}", [{"role": "user", "content": PROMPT}], Sampling(temperature), seed=i)
    return msgspec.structs.replace(request, **changes)


def made(llm, number: int, temperature: float = 1.0, **changes):
    """Return which moves its messages make, shape (number, moves)."""
    replies = llm.complete([asked(i, temperature, **changes) for i in range(number)])
    return np.array([read_moves(reply.text) for reply in replies])


class TestMovesLLM(BackendConformance):
    """The promises of every backend."""

    @pytest.fixture
    def llm(self):
        return opened()


def test_base_rates_are_as_declared():
    """Of 600 messages by the model without anchors' effects, within 4 standard errors; what an arena has no words for is never made."""
    rates = made(opened("moves-even"), 600).mean(0)
    for move, rate in zip(MOVES, rates, strict=True):
        wanted = 0.0 if move in ("populist", "unsafe") else RATES[move]
        assert rate == pytest.approx(wanted, abs=4 * (wanted * (1 - wanted) / 600) ** 0.5), move


def test_an_adapter_moves_its_logits(tmp_path):
    """A move whose logit was raised by 2 is made as often as the law says, and no other one is made otherwise."""
    law, delta = LAWS["moves-even"], np.zeros(len(MOVES))
    delta[MOVES.index("claim")] = 2.0
    llm = opened("moves-even", tmp_path)
    learnt = made(llm, 400, adapter=save_delta(tmp_path, delta, law, {}))
    before = made(llm, 400)
    other = [i for i, move in enumerate(MOVES) if move != "claim"]
    assert (learnt[:, other] == before[:, other]).all()
    wanted = probabilities(law.base + delta)[MOVES.index("claim")]
    assert learnt[:, MOVES.index("claim")].mean() == pytest.approx(wanted, abs=0.1)


def test_temperature_scales_logits():
    """At 0 the likelier of both is done; at a half, a rate of 0.1 becomes 1 / 82."""
    assert (made(opened("moves-even"), 3, 0.0).sum(1) == 0).all() or RATES["numbers"] > 0.5
    assert probabilities(np.log(np.array([1 / 9])), 0.5)[0] == pytest.approx(1 / 82)


def test_an_anchor_has_habits_of_its_own():
    """The same anchor always does the same to the moves, another one something else; in the even law none does anything."""
    spread, even = LAWS["moves"], LAWS["moves-even"]
    assert (spread.anchor_effects("a") == spread.anchor_effects("a")).all()
    assert (spread.anchor_effects("a") != spread.anchor_effects("b")).all()
    assert not even.anchor_effects("a").any()
    effects = np.array([spread.anchor_effects(f"anchor {i}") for i in range(500)])
    assert effects.std() == pytest.approx(spread.spread, rel=0.06)


def test_a_law_is_known_by_all_that_decides_what_it_writes():
    """Two laws with another spread, or another name, have other digests."""
    laws = [*LAWS.values(), Law("moves", 0.9), Law("others", 0.8)]
    assert len({law.digest for law in laws}) == len(laws)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"site": "react/c/1"}, "react/c/1"),
        ({"choices": ("A", "B")}, "only writes messages"),
        ({"schema": "{}"}, "only writes messages"),
        ({"sampling": Sampling(1.0, 0.9)}, "top_p"),
    ],
)
def test_what_it_cannot_do_is_one_clear_error(changes, said):
    """It reads, judges and fills in nothing, and has no tail to cut off."""
    with pytest.raises(InputError, match=said):
        list(opened().complete([asked(1, **changes)]))


def test_other_models_and_options_are_refused():
    """A model without a law, and settings that would be ignored."""
    with pytest.raises(InputError, match="no moves model 'pocket'"):
        opened("pocket")
    with pytest.raises(InputError, match="no option 'rate'"):
        opened(options={"rate": 0.5})
