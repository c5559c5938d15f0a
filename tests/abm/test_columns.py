"""What bulk columns promise: what was packed comes back, and a crowd's reactions mean what single ones mean."""

from __future__ import annotations

import numpy as np
import pytest

from abm.audience import Mixed
from abm.columns import Float32s, Int8s, Int32s, pack, unpack
from abm.events import ReactedMany
from abm.log import create, read_events
from abm.reactions import each, reacted_many
from abm.state.state import OpenContest, State, apply
from abm.worlds.model import Society


class TestColumns:
    """Arrays through JSON and back."""

    @pytest.mark.parametrize(
        ("values", "kind"), [([-1, 0, 127], Int8s), ([0, 2**31 - 1], Int32s), ([0.5, -1.0], Float32s), ([], Int8s)]
    )
    def test_round_trip(self, values, kind):
        """What was packed comes back."""
        assert unpack(pack(values, kind), kind).tolist() == values

    def test_a_number_that_does_not_fit(self):
        """It is refused, not wrapped."""
        with pytest.raises(ValueError, match="do not fit"):
            pack([128], Int8s)


class TestCrowd:
    """One event for a whole crowd."""

    def crowd(self, k: int, seed: int = 1) -> ReactedMany:
        rng = np.random.default_rng(seed)
        orders = np.argsort(rng.random((k, 2)), axis=1)
        choices = rng.integers(-1, 2, k)
        return reacted_many("c", np.arange(k), orders.astype(np.int8), choices.astype(np.int8), step=0, cause=1)

    def test_state_is_that_of_single_reactions(self):
        """Applying the event equals applying each of its reactions."""
        states = []
        event = self.crowd(50)
        for events in ([event], list(each(event))):
            state = State(
                contests={"c": OpenContest({"0": "a", "1": "b"})},
                reactions=np.zeros(50, np.int64), abstentions=np.zeros(50, np.int64), first_choices=np.zeros(50, np.int64),
            )  # fmt: skip
            for one in events:
                apply(state, one)
            states.append(state.hash())
        assert states[0] == states[1]

    def test_personas_need_not_be_a_range(self):
        """Any members can react."""
        ids, choices = np.array([7, 3, 12]), np.array([0, 1, -1], dtype=np.int8)
        event = reacted_many("c", ids, np.tile(np.array([1, 0], np.int8), (3, 1)), choices, step=0, cause=1)
        assert [(r.persona, r.order, r.choice) for r in each(event)] == [
            (7, [1, 0], 0),
            (3, [1, 0], 1),
            (12, [1, 0], -1),
        ]

    def test_a_million_reactions_are_a_few_megabytes(self, tmp_path):
        """One commit holds them, and they come back."""
        event = self.crowd(1_000_000)
        with create(tmp_path / "run", {}) as log:
            log.append([event])
        size = sum(path.stat().st_size for path in (tmp_path / "run" / "log").iterdir())
        assert size < 2 * 2**20
        (found,) = read_events(tmp_path / "run")
        assert isinstance(found, ReactedMany) and found.choices == event.choices and found.orders == event.orders

    def test_a_model_writes_it_for_a_crowd(self, tmp_path, monkeypatch):
        """From a number of members on, a contest has its reactions in columns, with the same outcome; a few keep thoughts."""
        from abm.audience import audience
        from abm.events import ContestDecided, Reacted
        from tests.abm.test_model import hold, of, say

        monkeypatch.setattr("abm.audience.vocal.THINKERS", 1)
        monkeypatch.setattr("tests.abm.test_model.Society", lambda **given: Society(**given, bulk=bulk))
        outcomes = []
        for bulk in (1000, 4):
            _, events = hold(tmp_path / str(bulk), lambda r: say(r.site), audience("default"))
            single = [r for e in of(ReactedMany, events) for r in each(e)] + of(Reacted, events)
            outcomes.append(
                (
                    [(e.contest, e.votes, e.abstained) for e in of(ContestDecided, events)],
                    sorted((r.contest, r.persona, r.order, r.choice) for r in single),
                )
            )
            assert len(of(Reacted, events)) == len(of(ContestDecided, events)) * (4 if bulk == 1000 else 1)
            assert all(r.thought for r in of(Reacted, events))
        assert outcomes[0] == outcomes[1]


class TestMixed:
    """A core that is asked one by one, inside a crowd."""

    @pytest.mark.parametrize("core", [[0, 1], [1, 3]], ids=["in front", "scattered"])
    def test_the_core_speaks_and_the_crowd_votes(self, tmp_path, monkeypatch, core):
        """Single events with thoughts for the core, columns for the rest; each votes by its own audience."""
        from abm.events import ContestDecided, Reacted
        from tests.abm.test_model import Slots, hold, of, say

        monkeypatch.setattr("tests.abm.test_model.Society", lambda **given: Society(**given, bulk=4))
        people = Mixed(Slots(lambda row, texts: 0), Slots(lambda row, texts: 1), np.array(core))
        _, events = hold(tmp_path / "r", lambda r: say(r.site), people)
        assert {(r.persona, r.choice, r.thought) for r in of(Reacted, events)} == {(i, 0, "because") for i in core}
        rest = {(r.persona, r.choice) for event in of(ReactedMany, events) for r in each(event)}
        assert rest == {(i, 1) for i in range(4) if i not in core}
        assert {tuple(d.votes) for d in of(ContestDecided, events)} == {(2, 2)}

    def test_without_columns_it_is_the_same(self, tmp_path):
        """In a small audience everybody has an event of its own; only the core has thoughts."""
        from abm.events import Reacted
        from tests.abm.test_model import Slots, hold, of, say

        people = Mixed(Slots(lambda row, texts: 0), Slots(lambda row, texts: 1), np.array([2]))
        _, events = hold(tmp_path / "r", lambda r: say(r.site), people)
        assert {(r.persona, r.choice, r.thought) for r in of(Reacted, events)} == {
            (i, int(i != 2), "because" if i == 2 else "") for i in range(4)
        }
