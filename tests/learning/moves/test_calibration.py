"""The calibration of the instrument: its law is the writer's, its truths are what estimates are of, and it sees an interval that does not hold."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = str(Path(__file__).parents[3] / "benchmarks")


@pytest.fixture(scope="module")
def modules():
    """The benchmark's modules; what they put before Python's search path is taken away again."""
    before = list(sys.path)
    sys.path.insert(0, BENCHMARKS)
    try:
        import calibration
        import calibration_law
        import calibration_scores
    finally:
        sys.path[:] = before
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration_law.ScenarioLaw, "SIZE", 4000)
        yield calibration, calibration_law, calibration_scores


def small(law, truth="planted", **changes):
    """Return a scenario that is drawn in milliseconds."""
    return replace(
        law.Scenario(truth, 3, "redrawn"),
        **{"anchors": 16, "people": 6, "contests": 16, "voters": 7, "reward": 2.5, "lr": 5e-4} | changes,
    )


def test_its_trainings_are_those_of_the_trainer(modules, tmp_path):
    """The same messages, learnt by the benchmark's arrays and by the product from rows: one step, in which the order plays no part."""
    from learning.moves import LAWS, MovesTrainer
    from learning.moves.adapter import read_delta
    from learning.training.settings import LoraSettings
    from tests.learning.moves.test_trainer import row, training_set

    settings = LoraSettings(batch=64, repeat=3, lr=1e-3)
    rows = [row(i, "claim warmth" if i % 3 else "numbers") for i in range(16)]
    trained = MovesTrainer("moves-even", tmp_path).train(
        training_set(rows), parent="", settings=settings, seed=1, lineage={}
    )
    from learning.moves.repertoire import MOVES, read_moves

    kept = [i for i, move in enumerate(MOVES) if move not in ("populist", "unsafe")]
    moves = np.array([read_moves(each.completion) for each in rows])[None][..., kept]
    base = np.broadcast_to(LAWS["moves-even"].base[kept], moves.shape)
    _, law, _ = modules
    drawn = law.ascend(moves, base, np.ones((1, 16), dtype=bool), settings, None)
    learnt = read_delta(tmp_path, trained.adapter, LAWS["moves-even"].digest)[kept]
    assert np.abs(learnt).max() > 0.1
    assert drawn[0] == pytest.approx(learnt, abs=1e-6)


def test_undecided_contests_teach_nothing(modules):
    """A tie changes how many steps there are, and otherwise nothing: as if its contest had not been held."""
    _, law, _ = modules
    random = np.random.default_rng(1)
    moves, logits = random.random((1, 8, 3)) < 0.4, np.zeros((1, 8, 3))
    decided = np.array([[True] * 5 + [False] * 3])
    settings = small(law).settings
    with_ties = law.ascend(moves, logits, decided, settings, None)
    without = law.ascend(moves[:, :5], logits[:, :5], decided[:, :5], settings, None)
    assert with_ties == pytest.approx(without)


@pytest.mark.parametrize("pools", ["shared", "redrawn", "disjoint"])
def test_what_is_true_is_what_estimates_are_of(modules, pools):
    """Over 225 studies their mean is each of the three truths, within four standard errors, for labels and votes."""
    _, law, _ = modules
    scenario = small(law, pools=pools)
    draws = law.drawn(scenario, 225, np.random.default_rng(5))
    truths = law.law_of(scenario).truths(draws)
    labels = (draws.labels[:, :, 0].astype(float) - draws.labels[:, :, 1]).mean((1, 2))
    votes = (draws.votes[:, :, 0].astype(float) - draws.votes[:, :, 1]).mean((1, 2, 3))
    found = np.stack([labels, votes], axis=1)
    assert (np.abs(truths.overall) > 0.01).all()
    for true in (truths.overall, truths.people, truths.adapters):
        off = found - true
        assert (np.abs(off.mean(0)) < 4 * off.std(0) / 15).all(), (off.mean(0), off.std(0) / 15)


def test_who_is_who(modules):
    """Shared: the same in every seed; disjoint: nobody twice; redrawn: nobody twice in a seed, some in several."""
    _, law, _ = modules
    ids = {
        pools: law.drawn(small(law, pools=pools), 2, np.random.default_rng(1))
        for pools in ("shared", "redrawn", "disjoint")
    }
    shared, redrawn, disjoint = (ids[pools].people_ids[0] for pools in ("shared", "redrawn", "disjoint"))
    assert (shared == shared[0]).all()
    assert len(np.unique(disjoint)) == disjoint.size
    assert all(len(np.unique(seed)) == len(seed) for seed in redrawn)
    assert len({tuple(seed) for seed in redrawn.tolist()}) > 1


@pytest.mark.system
def test_an_interval_that_does_not_hold_is_seen(modules, monkeypatch):
    """With intervals of half their width, coverage and false alarms miss their goals by more than chance."""
    calibration, law, scores = modules
    scenario = replace(small(law, "twins", pools="disjoint", rate=0.3, seeds=5), anchors=24, people=4)
    honest = [scores.scored_piece(scenario, 0, 40)]
    assert all(
        figure["ok"] is not False for figure in calibration.figures(scenario, honest) if "width" not in figure["name"]
    )
    estimated = scores.estimated

    def narrowed(study):
        def half(estimate):
            import msgspec
            from scipy import stats

            middle, reach = estimate.value, (estimate.high - estimate.low) / 4
            p = 2 * stats.norm.sf(abs(middle) / (reach / 1.96)) if reach == reach and reach else estimate.p
            return msgspec.structs.replace(estimate, low=middle - reach, high=middle + reach, p=float(p))

        return [scores.Scored(tuple(half(each) for each in scored.estimates)) for scored in estimated(study)]

    monkeypatch.setattr(scores, "estimated", narrowed)
    missed = {f["name"].rsplit("/", 1)[1] for f in calibration.figures(scenario, [scores.scored_piece(scenario, 0, 40)]) if f["ok"] is False}  # fmt: skip
    assert {"false alarms", "coverage, overall", "coverage, adapters"} <= missed


def test_pieces_are_kept(modules, tmp_path, monkeypatch):
    """What a file holds is not drawn again; what a killed process left unfinished is."""
    calibration, law, _ = modules
    out, scenario = tmp_path / "pieces.jsonl", small(law)
    whole = calibration.worked([scenario], 4, 1, out)
    drawn = []
    draw = calibration.scored_piece
    monkeypatch.setattr(calibration, "scored_piece", lambda *which: drawn.append(which) or draw(*which))
    assert calibration.worked([scenario], 4, 1, out) == whole
    assert not drawn
    out.write_text(out.read_text()[:-40])
    assert calibration.worked([scenario], 4, 1, out) == whole
    assert len(drawn) == 1
    assert len([json.loads(line) for line in out.read_text().splitlines()]) == 1


@pytest.mark.system
def test_logs_and_draws_give_the_same_estimates(modules, tmp_path):
    """A study through page, cells, logs and frames, against the same estimators on its votes and on the moves that were drawn."""
    sys.path.insert(0, BENCHMARKS)
    try:
        from calibration_pages import compared, page
    finally:
        sys.path.remove(BENCHMARKS)
    study = page(1, tmp_path / "study")
    study.run(jobs=2)
    (outcomes,) = compared(study)
    assert all(each.apart < 1e-12 for each in outcomes)
    assert all(each.logged.n > 0 for each in outcomes)
