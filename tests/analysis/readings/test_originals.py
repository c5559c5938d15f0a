"""Whose votes are one person's, within a run and over several."""

from __future__ import annotations

import numpy as np

from abm.columns import Int32s, pack
from abm.events import CrowdJoined, PersonasJoined
from analysis.readings.originals import Originals, origins


def personas(first: int, ids: list[str], originals: list[int] | None = None) -> PersonasJoined:
    """Return the event of personas who join, as copies of ``originals`` if given."""
    of = pack(originals, Int32s) if originals else b""
    return PersonasJoined(split="evaluate", first=first, ids=ids, names=ids, texts=ids, traits={}, originals=of)


def crowd(first: int, size: int, originals: list[int] | None = None) -> CrowdJoined:
    """Return the event of a crowd that joins, drawn from ``originals`` if given."""
    of = pack(originals, Int32s) if originals else b""
    return CrowdJoined(split="evaluate", first=first, size=size, origin="", traits={}, originals=of)


class TestOrigins:
    """Over several runs."""

    def test_a_person_has_one_id_in_every_run(self):
        """Whatever the index there, as itself, as a copy and as a member of a crowd."""
        one = origins([personas(0, ["a", "b"])], "one")
        two = origins([personas(0, ["b", "b2", "c"], [0, 0, 2]), crowd(3, 3, [2, 0, 0])], "two")
        assert (one, two) == (["a", "b"], ["b", "b", "c", "c", "b", "b"])

    def test_members_of_unknown_origin_are_people_of_their_own(self):
        """In each run others: a crowd whose log does not say who it was drawn from."""
        events = [personas(0, ["a"]), crowd(1, 2)]
        assert origins(events, "one") == ["a", "one/1", "one/2"]
        assert not set(origins(events, "one")[1:]) & set(origins(events, "two"))

    def test_within_a_run_indices_do(self):
        """The same people as ids tell."""
        originals = Originals()
        originals.take(personas(0, ["b", "b2", "c"], [0, 0, 2]))
        assert originals.of(np.arange(3)).tolist() == [0, 0, 2]
