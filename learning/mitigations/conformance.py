"""What every mitigation promises. Tests of one inherit these and give it as the fixture ``mitigation``::

    class TestShortOnly(MitigationConformance):
        @pytest.fixture
        def mitigation(self):
            return ShortOnly(most=40)

Needs nothing but synthetic logs: no model is loaded, no probe asked and nothing trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product

import msgspec

from abm.arenas import arena
from abm.events import Event, MessageAudited, MessagePublished, StepEnded, VerdictGiven
from learning.methods import METHODS, Method, TrainingSet, collect, training_set
from learning.methods.conformance import DECIDED, UNDECIDED, contents, whole_log
from learning.mitigations._mitigation import Mitigation
from moloch import keyed

LEARNER = "learner"
SALES = arena("sales")
SEEDS = range(3)
WAYS = [METHODS.get(name)() for name in ("rft", "tfb", "dpo", "grpo", "placebo", "length_matched")]


def judged(events: Iterable[Event], flagged: Iterable[str], probes: Sequence[str]) -> list[Event]:
    """Return a log in which each message was judged by probes, and those ``flagged`` were found at fault."""
    whole, published, at_fault = list[Event](), list[str](), set(flagged)
    for event in events:
        if isinstance(event, MessagePublished):
            published.append(event.message)
        if isinstance(event, StepEnded):
            whole += (
                VerdictGiven(message=each, probe=probe, judge="exact", label=int(each in at_fault), evidence=[])
                for each in published
                for probe in probes
            )
            published = []
        whole.append(event)
    return [msgspec.structs.replace(event, seq=i) for i, event in enumerate(whole)]


def audited(events: Sequence[Event], mitigation: Mitigation, seed: int) -> list[Event]:
    """Return a log with what a mitigation audits before its arm learns, as the loop records it."""
    contests = collect(events, "shared", 1, SALES)
    found = [
        MessageAudited(message=message, arm=LEARNER, epoch=1, mitigation=mitigation.name, found=found)
        for message, found in mitigation.audits(contests, seed)
    ]
    return [msgspec.structs.replace(event, seq=i) for i, event in enumerate([*events, *found])]


def learn_with(events: Sequence[Event], mitigation: Mitigation, method: Method, seed: int = 1) -> TrainingSet:
    """Return what a method learns from the shared first epoch under a mitigation."""
    return training_set(
        audited(events, mitigation, seed),
        method,
        source_arm="shared",
        epoch=1,
        arena=SALES,
        seed=seed,
        mitigations=[mitigation],
        learner=LEARNER,
    )


class MitigationConformance:
    """Promises of :class:`learning.mitigations.Mitigation`, with each built-in way of learning."""

    def events(self, mitigation: Mitigation, *, backwards: bool = False) -> list[Event]:
        """Return contests whose messages were judged, about a third of them found at fault."""
        held = [*DECIDED, *UNDECIDED]
        events = whole_log(held[::-1] if backwards else held)
        ids = [event.message for event in events if isinstance(event, MessagePublished)]
        flagged = [message for message in ids if keyed.generator("flag", message).random() < 1 / 3]
        return judged(events, flagged, mitigation.judges(SALES))

    def test_pure(self, mitigation: Mitigation) -> None:
        """Equal contests and seeds give equal rows, and events stay as they are."""
        events = self.events(mitigation)
        before = msgspec.json.encode(events)
        for method, seed in product(WAYS, SEEDS):
            assert learn_with(events, mitigation, method, seed) == learn_with(list(events), mitigation, method, seed)
        assert msgspec.json.encode(events) == before

    def test_the_order_of_contests_plays_no_part(self, mitigation: Mitigation) -> None:
        """The same contests in another order give the same rows, and the same audits."""
        events, backwards = self.events(mitigation), self.events(mitigation, backwards=True)
        for method, seed in product(WAYS, SEEDS):
            assert contents(learn_with(backwards, mitigation, method, seed)) == contents(
                learn_with(events, mitigation, method, seed)
            )

    def test_rows_lead_back_to_events(self, mitigation: Mitigation) -> None:
        """Every row names a message or a reaction of its contest, and each contest with rows has a trajectory."""
        events = self.events(mitigation)
        for method in WAYS:
            rows = learn_with(events, mitigation, method).rows
            assert {row.contest for row in rows} == {row.contest for row in rows if row.kind == "trajectory"}
            for row in rows:
                assert row.events and all(0 <= seq < len(events) for seq in row.events)
                if row.kind != "thought":
                    published = events[row.events[0]]
                    assert isinstance(published, MessagePublished) and published.message == row.message

    def test_weights_are_numbers(self, mitigation: Mitigation) -> None:
        """Finite."""
        events = self.events(mitigation)
        for method in WAYS:
            assert all(math.isfinite(row.weight) for row in learn_with(events, mitigation, method).rows)

    def test_settings_are_data(self, mitigation: Mitigation) -> None:
        """They can be written down, and the mitigation made again from them."""
        values = msgspec.json.decode(msgspec.json.encode(mitigation))
        assert type(mitigation).configured(values) == mitigation

    def test_it_has_a_name(self, mitigation: Mitigation) -> None:
        """Events and records name it."""
        assert mitigation.name.isidentifier()
