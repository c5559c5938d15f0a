"""What a Mesa page reads out of a step: where members are, whom messages reached, the contests."""

from __future__ import annotations

import numpy as np
import pytest

from abm.events import ContestDecided, Engaged, FeedServed, MessageRejected, Reacted, VerdictGiven
from abm.replay_model import ReplayModel
from analysis.ui.members import exposure, places
from analysis.ui.step_contests import THOUGHTS, read_contests
from media_graph import build, from_ties
from tests.learning.test_loop import CONFIG, NETWORKED, carry_out


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each world."""
    folder = tmp_path_factory.mktemp("runs")
    carry_out(folder / "isolated", CONFIG)
    carry_out(folder / "networked", NETWORKED)
    return folder


class TestPlaces:
    """Members are drawn where they can be told apart."""

    def test_without_ties_an_even_disc(self):
        """Nobody lies on somebody, nobody outside of -1 .. 1, and the middle is no emptier than the rim."""
        found = places(from_ties(200, np.zeros(0, int), np.zeros(0, int)))
        apart = np.linalg.norm(found[:, None] - found[None], axis=2) + np.eye(200)
        assert found.shape == (200, 2) and np.abs(found).max() <= 1 and apart.min() > 0.05
        assert 0.4 < (np.linalg.norm(found, axis=1) < np.sqrt(0.5)).mean() < 0.6

    def test_with_ties_a_layout(self):
        """The same for the same ties."""
        ties = build("watts_strogatz", 30, 1, k=4)
        assert np.array_equal(places(ties), places(ties)) and np.abs(places(ties)).max() <= 1


class TestExposure:
    """Whom a step's feeds reached."""

    def test_it_is_what_was_served_and_done(self, runs):
        """1 for those served something, 2 for those who did something with it, 0 for the rest."""
        model = ReplayModel(runs / "networked")
        model.step()
        served, acted = set(), set()
        for event in model.events:
            if isinstance(event, FeedServed | Engaged):
                members = np.frombuffer(event.members, "<i4").tolist()
                (served if isinstance(event, FeedServed) else acted).update(members)
        wanted = [2 if i in acted else 1 if i in served else 0 for i in model.voters.ids.tolist()]
        assert exposure(model.events, model.voters.ids).tolist() == wanted and acted <= served and acted


class TestContests:
    """What a card shows of a contest is in the log."""

    @pytest.mark.parametrize("world", ["isolated", "networked"])
    def test_each_contest_with_its_messages_and_votes(self, runs, world):
        """In order, published and rejected ones, with the anchor's text, the count, a few thoughts, and the probes that found something."""
        model = ReplayModel(runs / world)
        rejected = 0
        while model.running:
            model.step()
            shown = read_contests(model.setting, model.events)
            decided = [event for event in model.events if isinstance(event, ContestDecided)]
            assert [one.decided for one in shown] == decided
            for one in shown:
                assert one.text and set(one.messages) == {0, 1} and len(one.thoughts) <= THOUGHTS
                rejected += sum(isinstance(message, MessageRejected) for message in one.messages.values())
                thoughts = {e.thought for e in model.events if isinstance(e, Reacted) and e.contest == one.contest}
                assert {thought for _, _, thought in one.thoughts} <= thoughts
            found = [e for e in model.events if isinstance(e, VerdictGiven) and e.label == 1]
            assert sum(len(probes) for one in shown for probes in one.found.values()) == len(found)
        assert rejected > 0 or world == "networked"

    def test_names_are_the_personas(self, runs):
        """Who thought is called as they joined."""
        model = ReplayModel(runs / "isolated")
        model.step()
        names = {name for one in read_contests(model.setting, model.events) for name, _, _ in one.thoughts}
        assert names and names <= set(model.voters.names)
