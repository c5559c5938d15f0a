"""What held-out votes say of a surrogate: agreement, gain over positions, calibration."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from abm.audience import audience
from abm.log import create
from analysis.cli.surrogate import surrogate as command
from analysis.tables.surrogate import Assessment, assess, surrogate_of
from learning.surrogates.surrogate import BLOCKS, HeldOut
from learning.surrogates.votes import read_votes
from tests.learning.test_surrogate import TRUE, log, quick


@pytest.fixture(scope="module")
def held() -> HeldOut:
    return quick(read_votes(log(TRUE.choose, contests=120))).held_out


def drawn(held: HeldOut, power: float = 1.0) -> HeldOut:
    """Return the same forecasts with votes drawn from them, their odds raised to ``power``."""
    odds = held.chances[:, :-1] ** power
    second = np.random.default_rng(3).uniform(size=len(odds)) > (odds / odds.sum(axis=1, keepdims=True))[:, 0]
    votes = held.votes.of(np.ones(len(odds), dtype=bool))
    votes.choices[:] = np.where(second, votes.orders[:, 1], votes.orders[:, 0])
    return replace(held, votes=votes)


class TestBlocks:
    """Figures by what was new to the fit, and for all."""

    @pytest.mark.system
    def test_each_is_what_it_says(self, held):
        """Shares and losses by hand."""
        found = {block.name: block for block in assess(held).blocks}
        assert list(found) == [*BLOCKS, "all"] and found["all"].votes == len(held.votes)
        rows = np.flatnonzero(held.block == 1)
        mine, at = found["new personas"], held.votes.positions[rows]
        assert mine.votes == len(rows) and mine.personas == 6
        assert mine.agreement.value == pytest.approx((held.chances[rows].argmax(axis=1) == at).mean())
        ours, theirs = (-np.log(each[rows, at]).mean() for each in (held.chances, held.letters))
        assert (mine.log_loss, mine.by_position) == pytest.approx((ours, theirs))
        assert mine.gain.value == pytest.approx(theirs - ours) and mine.gain.low > 0

    def test_expected_agreement_is_met_by_votes_drawn_from_the_forecasts(self, held):
        """A calibrated surrogate agrees as often as it expects."""
        found = assess(drawn(held)).blocks[-1]
        assert abs(found.agreement.value - found.predicted) < 0.03

    def test_winners(self, held):
        """Votes that all go to the likelier option of a contest let its majority be predicted."""
        votes = held.votes.of(np.ones(len(held.votes), dtype=bool))
        for contest in np.unique(votes.contest):
            rows = np.flatnonzero(votes.contest == contest)
            first = np.take_along_axis(held.chances[rows, :2], votes.orders[rows].argsort(axis=1), axis=1).sum(axis=0)
            votes.choices[rows] = first.argmax()
        assert assess(replace(held, votes=votes)).blocks[-1].winners.value == 1.0

    def test_winners_are_clustered_on_anchors(self, held):
        """Two contests about each anchor that always go together say no more than one."""
        votes = held.votes.of(np.ones(len(held.votes), dtype=bool))
        one = [replace(contest, anchor=f"a{i}") for i, contest in enumerate(votes.contests)]
        contests = [*one, *one]
        twice = replace(
            votes, contests=contests, contest=np.concatenate([votes.contest, votes.contest + len(one)]),
            **{name: np.concatenate([getattr(votes, name)] * 2) for name in ("persona", "orders", "choices")},
        )  # fmt: skip
        doubled = replace(
            held,
            votes=twice,
            **{name: np.concatenate([getattr(held, name)] * 2) for name in ("block", "chances", "letters")},
        )
        found = [
            assess(each).blocks[-1].winners for each in (replace(held, votes=replace(votes, contests=one)), doubled)
        ]
        assert found[0].n * 2 == found[1].n
        assert found[1].high - found[1].low == pytest.approx(found[0].high - found[0].low)


class TestCalibration:
    """Chances that are too bold, or too timid, are found."""

    @pytest.mark.parametrize(("power", "says"), [(1.0, "calibrated"), (0.4, "bold"), (2.5, "timid")])
    def test_slope(self, held, power, says):
        """The slope is the power to which odds must be raised."""
        slope = assess(drawn(held, power)).slope
        assert abs(slope.value - power) < 3 * slope.se and slope.se < 0.1 * max(1.0, power**2)
        assert (slope.p < 0.01) == (says != "calibrated")

    @pytest.mark.parametrize(("chance", "right"), [(0.9999, 0.9), (0.99, 0.6), (0.9, 0.3), (0.501, 0.6)])
    def test_slope_however_bold(self, held, chance, right):
        """Of two options, of which one has ``chance`` and wins a share of ``right``, it is the ratio of the log odds."""
        chances = np.tile([chance, 1 - chance, 0.0], (len(held.votes), 1))
        votes = held.votes.of(np.ones(len(chances), dtype=bool))
        wins = np.arange(len(chances)) % 10 < 10 * right
        votes.choices[:] = np.where(wins, votes.orders[:, 0], votes.orders[:, 1])
        share = wins.mean()
        slope = assess(replace(held, votes=votes, chances=chances)).slope
        assert slope.value == pytest.approx(np.log(share / (1 - share)) / np.log(chance / (1 - chance)))

    def test_curve(self, held):
        """Bins of about equal numbers cover all options shown; on calibrated chances they lie on the diagonal."""
        curve = assess(drawn(held)).curve
        assert sum(each.chosen.n for each in curve) == 2 * len(held.votes)
        sizes = [each.chosen.n for each in curve]
        assert len(curve) == 10 and max(sizes) < 1.3 * min(sizes)
        assert [each.low for each in curve] == sorted(each.low for each in curve)
        inside = [each.chosen.low <= each.predicted <= each.chosen.high for each in curve]
        assert sum(inside) >= 8

    def test_equal_chances_have_no_slope(self, held):
        """Nothing is predicted that could be too bold."""
        flat = np.column_stack([np.full((len(held.votes), 2), 0.5), np.zeros(len(held.votes))])
        found = assess(replace(held, chances=flat))
        assert np.isnan(found.slope.value) and len(found.curve) == 1


class TestCommand:
    """``moloch surrogate`` writes an audience that says what it is."""

    @pytest.fixture(scope="class")
    @staticmethod
    def run(tmp_path_factory):
        """A run whose personas a model played."""
        folder = tmp_path_factory.mktemp("surrogate") / "run"
        with create(folder, {}) as made:
            made.append(log(TRUE.choose, contests=60))
        return folder

    @pytest.mark.system
    def test_writes_tables_and_a_file(self, run, tmp_path, capsys):
        """The file holds the figures, whose votes they were, and the logs' heads."""
        out = tmp_path / "fitted.yaml"
        command([run], out=out, held_out=0.2)
        said = capsys.readouterr().out
        for word in ("Strongest weights", "Held-out votes", "Calibration", "llm (m)", str(out)):
            assert word in said
        model = audience(out)
        assert model.name == "fitted" and model.support is not None
        origin = model.support.origin
        assert (
            origin["fitted_on"] == "llm (m)"
            and list(origin["runs"].values()) == ["run"]
            and not model.support.extrapolate
        )
        assert [block["name"] for block in origin["held_out"]["blocks"]][-1] == "all"

    @pytest.mark.system
    def test_json_is_one_object(self, run, tmp_path, capsys):
        """With what the file says."""
        command([run], out=tmp_path / "fitted.yaml", held_out=0.2, as_json=True)
        found = json.loads(capsys.readouterr().out)
        assert found["fitted_on"] == "llm (m)" and found["held_out"]["slope"]["value"] > 0

    def test_runs_of_one_name_are_all_named(self, run, tmp_path):
        """As those of a study's seeds may be."""
        other = tmp_path / "other" / "run"
        other.parent.mkdir()
        with create(other, {}) as made:
            made.append(log(TRUE.choose, contests=61))
        found, _ = surrogate_of([run, other], folds=3, ridges=(10.0,))
        assert found.model.support is not None
        assert list(found.model.support.origin["runs"].values()) == ["run", "run"]

    def test_python(self, run):
        """The same as a function."""
        found, assessed = surrogate_of([run], folds=3, ridges=(10.0,))
        assert found.ridge == 10.0 and isinstance(assessed, Assessment)
