"""A society's frames say what its log says, at any moment, whether read at once or as it grows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from abm.columns import Int16s, Int32s, unpack
from abm.events import (
    ContestDecided,
    Engaged,
    FeedServed,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    StepEnded,
    StepStarted,
    VerdictGiven,
)
from abm.log import read_events
from abm.probe import misbehaviour, miscopying
from abm.reactions import each
from abm.state.platform import UNIT
from abm.state.state import State, apply
from analysis.readings.society import SocietyKey
from analysis.ui.data import society
from analysis.ui.data.frames import Frames
from analysis.ui.data.society import SocietyReading

GOLDEN = Path(__file__).parents[3] / "golden" / "runs"


def read(run, key: str) -> Frames:
    reader = SocietyReading(SocietyKey.parse(key))
    for event in read_events(run):
        reader.take(event)
    assert reader.frames is not None
    return reader.frames


class TestKeys:
    """A society's key is text and back."""

    @pytest.mark.parametrize("text", ["evaluate/rft/all", "train/placebo/2"])
    def test_round_trip(self, text):
        """What an address holds names the same society."""
        assert str(SocietyKey.parse(text)) == text

    @pytest.mark.parametrize("text", ["", "evaluate", "evaluate/rft", "evaluate/rft/x", "other/rft/1", "evaluate//1"])
    def test_anything_else_is_none(self, text):
        """An address that somebody wrote by hand does no harm."""
        assert SocietyKey.parse(text) is None


class TestMarks:
    """What is marked over the time slider."""

    def test_probes_count_misbehaviour_apart_from_skill(self):
        """Each mark says how many messages of its step misbehaved, each once, and how many were only copied wrongly."""
        run, key, judged, said = GOLDEN / "sales-networked", SocietyKey("evaluate", "placebo", None), {}, []
        ours = False
        for event in read_events(run):
            if isinstance(event, StepStarted):
                ours, judged = key.holds(event), {}
            elif isinstance(event, VerdictGiven):
                judged.setdefault(event.message, []).append(event)
            elif isinstance(event, StepEnded) and judged and ours:
                of = [sum(bool(find(given)) for given in judged.values()) for find in (misbehaviour, miscopying)]
                said.append((len(judged), *of))
        assert sum(slips for *_, slips in said) > 0 < sum(bad for _, bad, _ in said)
        marks = [mark["label"] for mark in read(run, str(key)).marks if mark["kind"] == "probe"]
        assert marks == [
            f"probes: {bad} of {number} messages misbehaved" + (f"; {slips} copied wrongly" if slips else "")
            for number, bad, slips in said
        ]


class TestIsolated:
    """Everybody is asked about everything: one frame per decision."""

    def test_one_frame_before_and_one_per_decision(self, isolated):
        """No decision of the society is missing, and none of another is there."""
        decided = [
            e
            for e in read_events(isolated)
            if isinstance(e, ContestDecided) and e.contest.startswith("evaluate/2/rft/")
        ]
        frames = read(isolated, "evaluate/rft/2")
        assert len(frames) == 1 + len(decided) > 2
        assert frames.contests == ["", *(event.contest for event in decided)]

    def test_codes_count_the_votes(self, isolated):
        """In each frame the members of each colour are as many as the contest had votes, abstentions and invalid answers."""
        frames = read(isolated, "evaluate/rft/2")
        decided = {e.contest: e for e in read_events(isolated) if isinstance(e, ContestDecided)}
        for contest, codes in zip(frames.contests[1:], frames.choices[1:], strict=True):
            event, counts = decided[contest], np.bincount(codes, minlength=5).tolist()
            if event.outcome in ("majority", "tie"):
                assert counts[1:] == [*event.votes, event.abstained, event.invalid]

    def test_all_epochs_are_one_after_the_other(self, isolated):
        """The training of an arm begins with the epoch that all arms share; learning stands between the epochs."""
        both = read(isolated, "train/rft/all")
        assert len(both) == len(read(isolated, "train/rft/1")) + len(read(isolated, "train/rft/2"))
        kinds = [(mark["kind"], mark["t"]) for mark in sorted(both.marks, key=lambda mark: mark["t"])]
        starts = [t for kind, t in kinds if kind == "epoch"]
        assert len(starts) == 2
        assert any(kind == "training" and t < starts[1] for kind, t in kinds)


class TestNetworked:
    """Feeds, engagement and opinions, as the fold of the whole log has them."""

    def test_exposure_is_who_was_served_and_who_engaged(self, networked):
        """After each round: outlines are those of the events, counted apart from any state."""
        frames = read(networked, "evaluate/rft/1")
        served, engaged, expected, first = set(), set(), [], int(frames.personas[0])
        inside = False
        for event in read_events(networked):
            if isinstance(event, StepStarted):
                inside = event.phase == "evaluate"
            if inside and isinstance(event, FeedServed):
                if event.round == 0:
                    served, engaged = set(), set()
                elif expected or served:
                    expected.append((len(served - engaged), len(engaged)))
                served |= set((unpack(event.members, Int32s) - first).tolist())
            elif inside and isinstance(event, Engaged):
                assert len(unpack(event.items, Int16s)) == len(unpack(event.members, Int32s))
                engaged |= set((unpack(event.members, Int32s) - first).tolist())
        rounds = [i for i, label in enumerate(frames.labels) if label["label"].startswith("round 1 ")]
        assert expected and rounds
        counts = Counter(frames.exposures[rounds[0]].tolist())
        assert (counts[1], counts[2]) == expected[0]

    def test_opinions_are_those_of_the_fold(self, networked):
        """The last frame's opinions are the state's when the society's last step ends."""
        frames, state, last = read(networked, "evaluate/rft/1"), State(), None
        for event in read_events(networked):
            apply(state, event)
            if isinstance(event, StepEnded) and state.phase == "evaluate" and state.platform is not None:
                last = state.platform.opinions.copy()
        assert last is not None and np.abs(last).max() > 0
        np.testing.assert_allclose(frames.opinions[-1], last / UNIT, atol=1e-6)

    def test_a_choice_stays_until_the_next(self, networked):
        """Who was not asked keeps what it chose before."""
        frames = read(networked, "evaluate/rft/1")
        chose: dict[int, int] = {}
        for event in read_events(networked):
            if isinstance(event, Reacted | ReactedMany | ReactionInvalid) and event.contest.startswith("evaluate"):
                for reaction in each(event) if isinstance(event, ReactedMany) else [event]:
                    code = (
                        4
                        if isinstance(reaction, ReactionInvalid)
                        else 3
                        if reaction.choice < 0
                        else reaction.choice + 1
                    )
                    chose[reaction.persona] = code
        assert chose
        assert {int(p): int(c) for p, c in zip(frames.personas, frames.choices[-1], strict=True) if c} == chose


class TestGrowth:
    """Frames that were there stay as they were when more events come."""

    def test_every_prefix_gives_a_prefix(self, networked):
        """A page that followed the run has what one that opens it later reads."""
        whole, reader = read(networked, "evaluate/rft/1"), SocietyReading(SocietyKey.parse("evaluate/rft/1"))
        for event in read_events(networked):
            reader.take(event)
            if (now := reader.frames) is not None and len(now):
                assert now.labels == whole.labels[: len(now)]
                assert np.array_equal(now.choices[-1], whole.choices[len(now) - 1])
                assert np.array_equal(now.exposures[-1], whole.exposures[len(now) - 1])

    def test_long_societies_are_thinned(self, isolated, monkeypatch):
        """Memory is bounded: every second frame goes, and marks move along."""
        whole = read(isolated, "evaluate/rft/2")
        monkeypatch.setattr(society, "MOST_CELLS", whole.n * 3)
        thin = read(isolated, "evaluate/rft/2")
        assert thin.thinned > 1 and len(thin) <= 4
        assert thin.labels == whole.labels[:: thin.thinned][: len(thin)]
        assert all(0 <= mark["t"] <= len(thin) for mark in thin.marks)
