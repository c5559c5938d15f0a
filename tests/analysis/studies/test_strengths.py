"""Strengths of arms over a study: the run's own votes and values, clustered on who is who over all seeds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from abm.log import read_events
from analysis.cli.app import app
from analysis.readings.head_to_head import read_meetings
from analysis.readings.pair_votes import PairVotesReading
from analysis.readings.reading import read
from analysis.statistics.bradley_terry import bradley_terry
from analysis.studies.values.strengths import CellVotes, Numbers, cell_votes, strength_dicts, strength_tables
from tests.analysis.studies.small import carry_out, plan
from tests.learning.test_head_to_head import MEETING, ByArm
from tests.learning.test_loop import carry_out as run_loop

SEEDS = (1, 2)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Two runs in which all arms met."""
    folder = tmp_path_factory.mktemp("met")
    for seed in SEEDS:
        run_loop(folder / str(seed), MEETING.model_copy(update={"seed": seed}), trainer=ByArm())
    return [list(read_events(folder / str(seed))) for seed in SEEDS]


@pytest.fixture(scope="module")
def readings(logs):
    found = []
    for events in logs:
        reading = PairVotesReading()
        read(events, reading)
        found.append(reading)
    return found


def tables(readings, by=(), factors=({}, {})):
    numbers = Numbers()
    cells = [cell_votes(each, f"cell {i}", factors[i], SEEDS[i], numbers) for i, each in enumerate(readings)]
    return list(strength_tables(cells, by, numbers))


class TestVotes:
    """What is read of a log."""

    @pytest.mark.system
    def test_they_are_those_that_are_counted(self, logs, readings):
        """By anchor, pair, order and outcome; forfeits too."""
        for events, reading in zip(logs, readings, strict=True):
            counted, votes = read_meetings(events), reading.result()
            assert counted.keys() == votes.keys()
            for epoch, met in counted.items():
                for anchor, cells in met.votes.items():
                    ours = [v for v in votes[epoch].votes if v.anchor == anchor]
                    for (first, second, _, outcome), times in cells.items():
                        same = [v for v in ours if (v.first, v.second) == (first, second)]
                        assert sum(int((v.outcomes == outcome).sum()) for v in same) == times
                assert len(votes[epoch].forfeits) == sum(sum(each.values()) for each in met.forfeits.values())

    def test_those_of_a_crowd(self, tmp_path):
        """Which are columns, by members who are the people that they copy."""
        crowd = MEETING.model_copy(update={"crowd": MEETING.crowd.model_copy(update={"size": 30}), "epochs": 1})
        run_loop(tmp_path / "run", crowd, trainer=ByArm())
        events, reading = list(read_events(tmp_path / "run")), PairVotesReading()
        read(events, reading)
        (met,), (votes,) = read_meetings(events).values(), reading.result().values()
        total = sum(n for cells in met.votes.values() for n in cells.values())
        assert sum(len(v.outcomes) for v in votes.votes) == total > 0
        (table,) = tables([reading])
        people = table.strengths[1].strength.clusters[1]
        assert people < 30 and len(reading.panel) >= 30


class TestStrengths:
    """Over a study."""

    def test_of_one_run_they_are_its_own(self, logs, readings):
        """The maximum of the same likelihood."""
        met = read_meetings(logs[0])
        own = bradley_terry(met[max(met)].comparisons("left out"), replicates=20)
        (table,) = tables(readings[:1])
        for row in table.strengths:
            assert row.without_forfeits.value == pytest.approx(own.strength[row.arm].value, abs=1e-6, nan_ok=True)
        assert table.votes == own.n and table.shown_first.value == pytest.approx(own.first.value, abs=1e-6)

    def test_over_seeds_anchors_and_people(self, readings):
        """Each cell counts alike, and every arm has a strength over base, which has none."""
        (table,) = tables(readings)
        assert {row.arm for row in table.strengths} == {"base", "rft", "tfb", "placebo"}
        of = {row.arm: row for row in table.strengths}
        assert of["base"].strength.value == 0.0 and of["rft"].strength.clusters[0] == 2
        assert of["rft"].strength.low < of["rft"].strength.value < of["rft"].strength.high
        assert of["rft"].chosen.value == pytest.approx(1 / (1 + np.exp(-of["rft"].strength.value)))
        assert (of["rft"].cells, of["rft"].seeds) == (2, 2)

    def test_each_cell_counts_alike(self, readings):
        """One with every vote twice, too."""
        numbers = Numbers()
        one, other = (cell_votes(each, f"cell {i}", {}, SEEDS[i], numbers) for i, each in enumerate(readings))
        twice = CellVotes(other.factors, other.seed, *(np.tile(column, 2) for column in other[2:]))
        (table,), (heavy,) = strength_tables([one, other], (), numbers), strength_tables([one, twice], (), numbers)
        for row, same in zip(table.strengths, heavy.strengths, strict=True):
            assert same.strength.value == pytest.approx(row.strength.value, abs=1e-9)

    def test_by_a_factor(self, readings):
        """A table for each level."""
        found = strength_dicts(tables(readings, ("audience",), ({"audience": "default"}, {"audience": "neutral"})))
        assert [table["levels"] for table in found] == [{"audience": "default"}, {"audience": "neutral"}]
        assert json.loads(json.dumps(found))[0]["strengths"][0]["arm"] == "base"


@pytest.mark.system
def test_a_study_shows_them(tmp_path):
    """``moloch study results STUDY --head-to-head``: against base alone, too, in tables and in JSON."""
    folder = tmp_path / "small"
    carry_out(folder, plan(folder))
    shown = CliRunner().invoke(app, ["study", "results", str(folder), "--head-to-head"]).stdout
    assert "Bradley-Terry" in shown and "sales, default: being shown first adds" in shown
    told = json.loads(CliRunner().invoke(app, ["study", "results", str(folder), "--json", "--head-to-head"]).stdout)
    assert len(told["head_to_head"]) == 4
