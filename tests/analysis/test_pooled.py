"""Several runs as one: the values of means over seeds, with intervals that know who is who over the runs."""

from __future__ import annotations

import polars as pl
import pytest
from rich.console import Console

from abm.llm import ScriptedLLM
from abm.log import read_events
from analysis.probes import battery
from analysis.readings.evaluation import read_evaluation
from analysis.readings.originals import origins
from analysis.statistics.families import benjamini_hochberg
from analysis.statistics.multiway import multiway_mean
from analysis.tables.pooled import across_runs
from analysis.tables.results import results
from analysis.tables.seeds import across_seeds
from analysis.terminal._seeds import render_seeds
from learning import load_config, run
from tests.support.fakes import FakeTrainer, answer, fake_llm

SIZE = {"train_anchors": 3, "held_out_anchors": 5, "train_personas": 4, "epochs": 1, "arms": ["rft", "placebo"]}
DRAWN = {"held_out_anchors": "per_seed", "held_out_personas": "per_seed"}
PEOPLE = {
    "shared": {"held_out_personas": 6},
    "drawn": {"personas": "demographic", "held_out_personas": 6, "redraw": DRAWN},
    "resampled": {"held_out_personas": 30, "resample": True},
    "crowd": {"held_out_personas": 6, "crowd": {"size": 40}},
}


def whole(request) -> str:
    """Return a completion that can be read, whatever the seed: nothing is forfeited."""
    return answer(request).replace(
        "unfinished", "Well made.</" + answer(request).rsplit("<", 1)[-1].split(">")[0] + ">"
    )


def runs_of(folder, more, llm, seeds=(1, 2, 3)) -> dict[str, list]:
    """Return name -> events of a run for each seed."""
    logs = {}
    for seed in seeds:
        config = load_config(None, SIZE | more | {"seed": seed})
        done = run(config, folder / str(seed), llm=llm, trainer=FakeTrainer(), probes=battery)
        logs[f"run {seed}"] = list(read_events(done.path))
    return logs


def votes_by_one(logs, arm: str) -> pl.DataFrame:
    """Return an arm's votes with seed, anchor and origin."""
    frames = []
    for seed, (name, events) in enumerate(logs.items(), start=1):
        frame = read_evaluation(events).votes_frame().filter(pl.col("arm") == arm)
        who = pl.Series(origins(events, name)).gather(frame["persona"])
        frames.append(frame.with_columns(seed=pl.lit(seed), origin=who))
    return pl.concat(frames)


def row_of(rows, *of: str):
    """Return the row of an arm, a name and a measure."""
    return next(row for row in rows if (row.arm, row.name, row.measure) == of)


@pytest.mark.system
@pytest.mark.parametrize("people", PEOPLE)
def test_intervals_know_who_is_who(people, tmp_path):
    """As over all votes one by one: copies and a crowd's members are the person they are like, whatever their index in a run."""
    logs = runs_of(tmp_path, PEOPLE[people], ScriptedLLM(whole))
    frame, other = (votes_by_one(logs, arm) for arm in ("rft", "placebo"))
    rows = across_runs(logs.items())
    pairs = frame.join(other, on=["seed", "anchor", "persona"], suffix=" of placebo")
    for measure, votes, values, null in (
        ("rate", frame, frame["vote"], 0.5),
        ("from_comparator", pairs, pairs["vote"] - pairs["vote of placebo"], 0.0),
    ):
        got = row_of(rows, "rft", "win_rate", measure).estimate
        expected = multiway_mean(values, [votes[way].to_numpy() for way in ("seed", "anchor", "origin")], null=null)
        assert (got.value, got.se, got.p) == pytest.approx((expected.value, expected.se, expected.p), nan_ok=True)
        assert (got.n, got.clusters) == (len(votes), expected.clusters)
    anchors, persons = got.clusters[1:]
    assert anchors > 5 if people == "drawn" else anchors == 5
    assert persons > 6 if people in ("drawn", "resampled") else persons == 6
    assert persons <= 20


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Three runs with forfeits."""
    return runs_of(tmp_path_factory.mktemp("runs"), PEOPLE["shared"], fake_llm())


@pytest.mark.system
def test_values_are_the_means_over_seeds(logs):
    """Each run counts alike, forfeits are lost, and probes count what tables count; only intervals differ."""
    tables = [results(events) for events in logs.values()]
    assert any(table["arms"]["rft"]["forfeits"]["trained"] for table in tables)
    over, rows = across_seeds(tables), across_runs(logs.items())
    for arm, row in over["arms"].items():
        for measure, name in (("rate", "win_rate"), ("from_comparator", "against_placebo")):
            if row[name]["value"] is not None:
                assert row_of(rows, arm, "win_rate", measure).estimate.value == pytest.approx(
                    row[name]["value"], abs=1e-5
                )
    measures = {"base": "base", "after": "after", "difference": "from_base", "placebo": "from_comparator"}
    for row in over["probes"]:
        for name, measure in measures.items():
            if row[name]["value"] is not None:
                got = row_of(rows, row["arm"], row["probe"], measure)
                assert got.estimate.value == pytest.approx(row[name]["value"], abs=1e-5)
                assert len(got.estimate.clusters) == 2, "nobody votes"


@pytest.mark.system
def test_all_tests_are_one_family(logs):
    """Win rates and probes, from base and from the comparator; rates of probes are tested in none."""
    rows = across_runs(logs.items())
    expected = benjamini_hochberg([row.estimate.p for row in rows])
    assert [row.p_adjusted for row in rows] == pytest.approx(expected, nan_ok=True)
    assert {row.kind for row in rows if row.p_adjusted > row.estimate.p} >= {"votes", "strategy"}, "corrects nothing"


def test_few_people_are_said(logs):
    """In the table that a study prints: twenty would be too few to speak of new ones, and here are six."""
    tables, rows = [results(events) for events in logs.values()], across_runs(logs.items())
    assert {row.new_people for row in rows if row.kind == "votes"} == {False}
    console = Console(width=200, record=True)
    for part in render_seeds(across_seeds(tables, rows)):
        console.print(part)
    said = console.export_text()
    assert "For new trainings, anchors and people" in said
    assert "Only 6 different people voted: it holds for these people, not for new ones." in said


def test_a_study_without_them_is_shown_as_before(logs):
    """No table where nobody put the runs together."""
    console = Console(width=200, record=True)
    for part in render_seeds(across_seeds([results(events) for events in logs.values()])):
        console.print(part)
    assert "For new trainings" not in console.export_text()
