"""Votes out of letter probabilities: both orders are asked, their odds averaged, the vote drawn by the member's own draw."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from abm.audience.letters import averaged, drawn, relative
from abm.llm import Request, ScriptedLLM
from tests.abm.audience.test_asked import TEXTS, Asked, ballot, chosen, readers


def odds(first: float, liked: float = 0.0):
    """Return scores of a reader to whom standing first is worth ``first``, and the text ``TEXTS[1]`` ``liked``, in log-odds."""

    def scores(request: Request) -> list[float]:
        prompt = request.messages[-1]["content"]
        likes_first = prompt.index(TEXTS[1]) < prompt.index(TEXTS[0])
        a, b = first + liked * likes_first, liked * (not likes_first)
        return [a - 5, b - 5]  # most of what it could say is no letter

    return scores


def letter_readers(first: float, liked: float = 0.0, **settings):
    who = readers(lambda request: "A", answer="letters", **settings)
    object.__setattr__(who, "llm", ScriptedLLM(lambda request: "A", scores=odds(first, liked)))
    return who


class TestOdds:
    """Log-probabilities by option."""

    def test_order_is_undone(self):
        """Scores of letters become those of the options under them, whatever is left over for other words."""
        logs = relative([log(0.3), log(0.1)], [1, 0])
        assert np.exp(logs) == pytest.approx([0.25, 0.75])

    def test_a_place_cancels_out(self):
        """What standing first is worth disappears in the mean of an order and its reverse; what is liked stays."""
        one, other = relative([2.0 + 0.5, 0.0], [1, 0]), relative([2.0, 0.5], [0, 1])
        logs = averaged(one, other)
        assert logs[1] - logs[0] == pytest.approx(0.5)

    def test_drawn(self):
        """A draw falls on an option with its probability, and on the last at the end."""
        logs = np.log([0.25, 0.75])
        assert [drawn(logs, u) for u in (0.0, 0.24, 0.26, 0.999999999999, 1.0)] == [0, 0, 1, 1, 1]


class TestAsked:
    """A member's vote."""

    def test_both_orders_are_asked_at_once(self):
        """One call in the member's order, one in the reverse, in a single round; each only scores letters, and no thought is asked for."""
        ask = Asked()
        chosen(letter_readers(1.0), ballot(), ask)
        [asked] = ask.rounds
        assert len(asked) == 6 and len({request.site for request in asked}) == 6
        for one, other in zip(asked[:3], asked[3:], strict=True):
            assert other.site == f"{one.site}/reversed" and other.refs[1:] == one.refs[:0:-1]
            assert one.scored and one.choices == ("A", "B") and one.sampling.max_tokens == 1
            assert (
                "<think>" not in one.messages[-1]["content"]
                and "one letter and nothing else: A or B." in one.messages[-1]["content"]
            )

    def test_a_reader_of_places_is_a_coin(self):
        """However sure it is of the first place, both texts get half of many votes."""
        votes = [chosen(letter_readers(9.0), ballot(f"c{i}")).choices for i in range(100)]
        assert 0.4 < np.mean(votes) < 0.6

    def test_what_is_liked_is_chosen(self):
        """In proportion to its odds: log-odds of 2 are 88 %."""
        votes = [chosen(letter_readers(3.0, 2.0), ballot(f"c{i}")).choices for i in range(100)]
        assert 0.82 < np.mean(votes) < 0.94
        assert not any(chosen(letter_readers(3.0, 2.0), ballot("c")).thoughts)

    def test_no_letter(self):
        """Where no letter is among the likeliest beginnings the reaction is invalid, and nothing is guessed."""
        who = readers(lambda request: "Well", answer="letters")
        found = chosen(who, ballot())
        assert found.choices.tolist() == [-1] * 3 and set(found.invalid.values()) == {"Well"}

    def test_key(self):
        """A scored call is another call than one that is held to the same letters."""
        request = Request("s", [{"role": "user", "content": "x"}], None, 1, choices=("A", "B"))  # type: ignore[arg-type]
        scored = Request("s", [{"role": "user", "content": "x"}], None, 1, choices=("A", "B"), scored=True)  # type: ignore[arg-type]
        assert request.key("d") != scored.key("d") and request.guide == '["A","B"]'
