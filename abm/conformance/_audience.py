"""Promises of :class:`abm.audience.Audience`; an audience's tests give it as the fixture ``audience``."""

from __future__ import annotations

import numpy as np

from abm.audience import Audience, Chooser, Informable, SourceFindings, Voters, orders
from abm.conformance._examples import TEXTS, people

KEY = (1, "train", 1, "anchor", "choice")
"""The place of a contest, for keyed draws."""
MEMBERS = 40


def before(n: int, voters: Voters) -> tuple[list[str], np.ndarray]:
    """Return n messages, and the order in which each member sees them."""
    return list(TEXTS[:n]), orders(voters.ids, n, 1, "order")


class AudienceConformance:
    """Every member reacts, each for itself, and the same way each time."""

    def test_every_member_chooses_one_option_or_none(self, audience: Audience) -> None:
        """Choices are indices of texts, independent of the order shown; -1 is an abstention."""
        voters = people(MEMBERS)
        for n in (2, 3, 5):
            texts, shown = before(n, voters)
            reactions = audience.react(texts, shown, voters, KEY)
            assert reactions.choices.shape == (MEMBERS,)
            assert ((reactions.choices >= -1) & (reactions.choices < n)).all()

    def test_thoughts_are_one_each_or_none(self, audience: Audience) -> None:
        """One text per member, or an empty list."""
        voters = people(MEMBERS)
        reactions = audience.react(*before(2, voters), voters, KEY)
        assert len(reactions.thoughts) in (0, MEMBERS)
        assert all(isinstance(thought, str) for thought in reactions.thoughts)

    def test_invalid_answers_choose_nothing(self, audience: Audience) -> None:
        """A member whose answer names no option has choice -1."""
        voters = people(MEMBERS)
        reactions = audience.react(*before(2, voters), voters, KEY)
        assert all(reactions.choices[row] == -1 for row in reactions.invalid)

    def test_equal_contests_have_equal_reactions(self, audience: Audience) -> None:
        """Draws are keyed by the contest: a replay must find the same."""
        voters = people(MEMBERS)
        first, again = (audience.react(*before(3, voters), voters, KEY) for _ in range(2))
        assert first.choices.tolist() == again.choices.tolist() and first.thoughts == again.thoughts

    def test_who_else_is_asked_plays_no_part(self, audience: Audience) -> None:
        """Rows in another order, or some of them only, give each member the same choice."""
        voters = people(MEMBERS)
        texts, shown = before(3, voters)
        everyone = audience.react(texts, shown, voters, KEY).choices
        rows = np.random.default_rng(0).permutation(MEMBERS)[: MEMBERS // 2]
        some = audience.react(texts, shown[rows], voters.of(rows), KEY).choices
        assert some.tolist() == everyone[rows].tolist()

    def test_choosing_without_saying_why_is_the_same_choice(self, audience: Audience) -> None:
        """An audience that offers ``choose`` gives the choices of ``react``."""
        voters = people(MEMBERS)
        texts, shown = before(2, voters)
        if isinstance(audience, Chooser):
            chosen = audience.choose(texts, shown, voters, KEY)
            assert chosen.tolist() == audience.react(texts, shown, voters, KEY).choices.tolist()

    def test_a_source_without_a_word_against_them_changes_no_choice(self, audience: Audience) -> None:
        """An audience that offers ``informed`` draws for readers of the source as for everybody."""
        voters = people(MEMBERS)
        texts, shown = before(2, voters)
        if isinstance(audience, Informable):
            told = audience.informed(SourceFindings("Title: lamp", (0, 0)))
            assert (
                told.react(texts, shown, voters, KEY).choices.tolist()
                == audience.react(texts, shown, voters, KEY).choices.tolist()
            )
