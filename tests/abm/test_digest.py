"""What the digest promises: equal decisions, equal digest, however often the run was interrupted."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.events import AdapterTrained, Event, Lifecycle, Reacted, Recovered, RunResumed, RunStarted, StepEnded
from abm.journal import Digest, run_digest
from abm.log import create, read_events

TRAINED = AdapterTrained(
    adapter="a", arm="rft", epoch=1, method="rft", parent="", data="d", data_range=[0, 2], rows=1, tokens=2,
    over_long=0, steps=3, seed=4, loss_before=2.0, loss_after=1.0, settings={"rank": 8},
)  # fmt: skip
DECISIONS: list[Event] = [
    Reacted(step=0, contest="c", persona=0, order=[0, 1], choice=1, thought="because"),
    Reacted(step=0, cause=0, contest="c", persona=1, order=[1, 0], choice=-1, thought=""),
    StepEnded(step=0, cause=1, state_hash="s"),
    msgspec.structs.replace(TRAINED, cause=2),
]
LIFECYCLE: list[Lifecycle] = [
    RunStarted(versions={}),
    RunResumed(versions={"a": "1"}),
    Recovered(quarantined="", nbytes=1),
]


def interrupted(decisions: list[Event], before: list[list[Lifecycle]], at: float) -> list[Event]:
    """Return a log of ``decisions`` with lifecycle events before each of them, every place counted as the log does."""
    places: list[int] = []
    events: list[Event] = []
    for decision, inserted in zip(decisions, before, strict=True):
        events += inserted
        places.append(len(events))
        moved = {"cause": places[decision.cause] if decision.cause >= 0 else -1}
        if isinstance(decision, AdapterTrained):
            moved["data_range"] = [places[seq] for seq in decision.data_range]
        events.append(msgspec.structs.replace(decision, **moved))
    return [msgspec.structs.replace(event, seq=seq, at=at + seq) for seq, event in enumerate(events)]


PLAIN = run_digest(interrupted(DECISIONS, [[]] * len(DECISIONS), 0.0))


class TestDigest:
    """Two runs are the same study when their digests are equal."""

    @given(
        st.lists(st.lists(st.sampled_from(LIFECYCLE), max_size=3), min_size=len(DECISIONS), max_size=len(DECISIONS)),
        st.floats(0, 2e9),
    )
    def test_interruptions_and_clocks_do_not_count(self, before, at):
        """Lifecycle events anywhere, and any time, leave the digest as it was."""
        assert run_digest(interrupted(DECISIONS, before, at)) == PLAIN

    @pytest.mark.parametrize("place", range(len(DECISIONS)))
    def test_every_other_field_counts(self, place):
        """Changing any field of any decision changes the digest."""
        event = DECISIONS[place]
        for field in set(event.__struct_fields__) - {"seq", "at"}:
            events = interrupted(DECISIONS, [[]] * len(DECISIONS), 0.0)
            old = getattr(event, field)
            new = {int: 77, str: "other", float: 7.5, list: [1, 1], dict: {"x": 1}, bool: True}[type(old)]
            events[place] = msgspec.structs.replace(events[place], **{field: new})
            assert run_digest(events) != PLAIN, field

    def test_order_and_number_count(self):
        """Swapped, doubled and missing decisions change the digest."""
        events = interrupted(DECISIONS, [[]] * len(DECISIONS), 0.0)
        for other in (events[1::-1] + events[2:], events + events[-1:], events[:-1], []):
            assert run_digest(other) != PLAIN

    def test_it_can_be_read_at_any_time(self):
        """Reading the digest so far does not change what comes after."""
        digest = Digest()
        for event in interrupted(DECISIONS, [[]] * len(DECISIONS), 0.0):
            digest.update(event)
            digest.hexdigest()
        assert digest.hexdigest() == PLAIN

    def test_it_survives_the_log(self, tmp_path):
        """What is read back has the digest of what was decided."""
        with create(tmp_path / "run", {}) as log:
            log.append([RunStarted(versions={})])
            log.append(interrupted(DECISIONS, [[LIFECYCLE[0]], [], [], []], 0.0)[1:])
        assert run_digest(read_events(tmp_path / "run")) == PLAIN
