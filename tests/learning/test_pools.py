"""What a study of several seeds takes of its pools, and to which people its results apply."""

from __future__ import annotations

import warnings
from itertools import combinations

import pytest

from learning import load_config
from learning.runs import pools as module
from learning.runs.inputs import gather
from learning.runs.pools import NEW_PEOPLE, pools
from learning.runs.sides import anchors_of
from moloch.errors import InputError

SMALL = {"train_anchors": 8, "held_out_anchors": 12, "train_personas": 5, "held_out_personas": 10, "epochs": 2}
PER_SEED = {"held_out_anchors": "per_seed", "held_out_personas": "per_seed"}


def configs(more: dict, seeds: int = 6):
    """Return the settings of a study's runs."""
    return [load_config(None, SMALL | more | {"seed": seed}) for seed in range(1, seeds + 1)]


@pytest.mark.system
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"personas": "demographic", "redraw": PER_SEED},
        {"personas": "demographic", "stratify": ["sex"]},
        {"personas": "demographic", "resample": True, "held_out_personas": 90},
    ],
)
def test_they_are_those_of_the_runs(more):
    """Counted from what each run takes: different ones, and shares of pairs."""
    runs = [gather(config) for config in configs(more)]
    sets = {
        ("anchors", "train"): [{a.id for a in run.anchors.train[:16]} for run in runs],
        ("anchors", "held_out"): [{a.id for a in run.anchors.held_out} for run in runs],
        ("people", "train"): [{(p.text, str(p.attributes)) for p in run.people.train} for run in runs],
        ("people", "held_out"): [{(p.text, str(p.attributes)) for p in run.people.held_out} for run in runs],
    }
    uses = {(use.kind, use.side): use for use in pools(configs(more)).uses}
    assert uses.keys() == sets.keys()
    for name, each in sets.items():
        use = uses[name]
        assert (use.seeds, use.looked_at, use.used) == (6, 6, len(set.union(*each)))
        shares = [len(one & other) / len(one) for one, other in combinations(each, 2)]
        assert use.per_run == max(map(len, each)) <= use.used <= use.pool
        assert use.overlap == pytest.approx(sum(shares) / len(shares), rel=0.02 if more.get("resample") else 1e-9)


@pytest.mark.system
def test_sizes_of_pools():
    """Of a declared side, or of all who could be on it."""

    def sizes(more):
        return {use.side: use.pool for use in pools(configs(more)).uses if use.kind == "people"}

    assert sizes({"personas": "adults"}) == {"train": 1200, "held_out": 1200}
    assert sizes({"personas": "adults", "stratify": ["sex"]}) == {"train": 2400, "held_out": 2400}


class TestNewPeople:
    """Intervals speak of people who were not asked only where enough were."""

    def test_twenty_for_all_seeds(self):
        """However many seeds there are."""
        said = pools(configs({}, 60))
        assert not said.new_people
        assert "these 10 held-out people (biographic), not for new people: that takes 40" in said.scope()

    @pytest.mark.system
    def test_others_for_each_seed(self):
        """From forty on."""
        more = {"personas": "adults", "redraw": PER_SEED}
        for seeds, enough in ((1, False), (3, False), (6, True)):
            said = pools(configs(more, seeds))
            assert said.new_people is (said.of("people")[0].used >= NEW_PEOPLE) is enough
            assert ("for new people like the" in said.scope()) is enough

    @pytest.mark.system
    def test_one_pool_of_several_is_too_small(self):
        """It is the one that is named."""
        said = pools([*configs({"personas": "adults", "redraw": PER_SEED}), *configs({})])
        assert not said.new_people and "(biographic)" in said.scope()


class TestManyRuns:
    """A study of thousands of cells."""

    @pytest.mark.system
    def test_what_does_not_matter_to_pools(self, monkeypatch):
        """Is one design: each pool is read once, and of many seeds some are looked at."""
        reads = []
        monkeypatch.setattr(module, "read_pool", lambda *of, read=module.read_pool: reads.append(of) or read(*of))
        loads, load = [], module.load_anchors
        monkeypatch.setattr(module, "load_anchors", lambda *of, **more: loads.append(of) or load(*of, **more))
        base = load_config(None, SMALL | {"personas": "adults", "redraw": PER_SEED})
        cells = [
            base.model_copy(update={"seed": seed, "arena": arena, "audience": audience})
            for seed in range(150)
            for arena in ("sales", "social")
            for audience in ("default", "neutral")
        ]
        said = pools(cells)
        pools(
            [*cells, *(cell.model_copy(update={"held_out_anchors": 9, "held_out_personas": 9}) for cell in cells[:8])]
        )
        assert (len(reads), len(loads)) == (2, 4), "once in each of two plans"
        assert [(use.source, use.seeds, use.looked_at) for use in said.of("anchors")] == [
            ("sales", 150, 100),
            ("social", 150, 100),
        ]
        assert len(said.of("people")) == 1
        assert "or more over 150 seeds, of which 100 were looked at" in said.of("people")[0].sentence()

    def test_many_pools_are_told_in_a_few_lines(self):
        """Where a factor is what is drawn from: the first ones, held-out ones before, and how many more."""
        said = pools([each for n in range(3, 9) for each in configs({"held_out_anchors": n}, 2)])
        lines = said.sentences()
        assert len(said.uses) == 6 + 3 and len(lines) == 10, "training anchors and people are alike in all of them"
        assert lines[0].startswith("held-out anchors (sales): 3 of 256 a run") and lines[-1] == said.scope()
        assert lines[-2] == "... and 1 more: --json has them."

    @pytest.mark.system
    def test_large_pools(self, monkeypatch):
        """Fewer seeds of them are looked at, but two."""
        monkeypatch.setattr(module, "DRAWS", 10_000)
        use = pools(configs({"personas": "adults", "redraw": PER_SEED})).of("people")[0]
        assert (use.seeds, use.looked_at) == (6, 4)


@pytest.mark.parametrize("name", ["train_anchors", "held_out_anchors", "train_personas", "held_out_personas"])
def test_more_than_there_are(name):
    """Is the error of a run; where counts are "up to", it is what there is, and a plan says no more of it."""
    with pytest.raises(InputError, match=r"asked for 300 "):
        pools(configs({name: 300}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert max(use.per_run for use in pools(configs({name: 300, "up_to": True})).uses) <= 256


def test_designs_that_take_the_same_are_drawn_once(monkeypatch):
    """A study that varies epochs goes round in its pool: from where all of it is taken, more epochs take nothing else."""
    drawn = []
    monkeypatch.setattr(module, "anchors_of", lambda *given: drawn.append(given) or anchors_of(*given))
    several = [config for epochs in (1, 2, 400, 500, 600) for config in configs({"epochs": epochs}, 1)]
    uses = pools(several).of("anchors", "train")
    assert [use.per_run for use in uses] == [8, 16, uses[-1].pool]
    assert len(drawn) == 3
