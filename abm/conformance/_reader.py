"""Promises of :class:`abm.worlds.networked.readers.Reader`; a reader's tests give it as the fixture ``reader``."""

from __future__ import annotations

import numpy as np

from abm.conformance._examples import TEXTS, people
from abm.worlds.networked.readers import Reader, Seen

KEY = (1, "train", 1, "anchor", "choice")
MEMBERS = 30


def seen(n: int) -> Seen:
    """Return members who each saw at least one of n messages."""
    draws = np.random.default_rng(n)
    offered = draws.random((MEMBERS, n)) < 0.6
    offered[np.arange(MEMBERS), draws.integers(n, size=MEMBERS)] = True
    first = np.array([int(np.flatnonzero(row)[0]) for row in offered])
    social, source = draws.normal(size=(2, MEMBERS, n))
    return Seen(np.arange(MEMBERS), offered, first, social, source)


class ReaderConformance:
    """An audience that knows how far a message appeals to a member before the member chooses."""

    def test_topics_are_one_row_per_text(self, reader: Reader) -> None:
        """All finite, and of the same width for any texts."""
        topics = reader.topics(TEXTS)
        assert topics.shape == (len(TEXTS), reader.topics([""]).shape[1])
        assert np.isfinite(topics).all()

    def test_appeal_is_one_number_per_pair(self, reader: Reader) -> None:
        """Appeal is finite and does not depend on who else is asked."""
        voters, rows, items = people(MEMBERS), np.repeat(np.arange(MEMBERS), 2), np.tile([0, 1], MEMBERS)
        appeal = reader.appeal(TEXTS[:2], voters, rows, items)
        assert appeal.shape == (2 * MEMBERS,) and np.isfinite(appeal).all()
        some = np.arange(0, 2 * MEMBERS, 3)
        assert np.allclose(reader.appeal(TEXTS[:2], voters, rows[some], items[some]), appeal[some])

    def test_members_choose_what_they_saw_or_nothing(self, reader: Reader) -> None:
        """Never a message that did not reach them."""
        for n in (2, 4):
            faced = seen(n)
            chosen = reader.choose(TEXTS[:n], people(MEMBERS), faced, KEY)
            assert chosen.shape == (MEMBERS,)
            assert all(option == -1 or faced.offered[row, option] for row, option in enumerate(chosen.tolist()))

    def test_equal_contests_have_equal_choices(self, reader: Reader) -> None:
        """Draws are keyed by the contest, and each member's are its own."""
        faced, voters = seen(3), people(MEMBERS)
        everyone = reader.choose(TEXTS[:3], voters, faced, KEY)
        assert everyone.tolist() == reader.choose(TEXTS[:3], voters, faced, KEY).tolist()
        some = np.arange(0, MEMBERS, 4)
        assert reader.choose(TEXTS[:3], voters, faced.of(some), KEY).tolist() == everyone[some].tolist()
