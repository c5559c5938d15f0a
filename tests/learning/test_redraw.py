"""Which anchors and people are others for each seed, and which are common to all: exact counts, and never on both sides."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning import fork, load_config, run
from learning.runs.inputs import Inputs, gather
from learning.runs.redecide import replay_recorded
from moloch.errors import InputError, MolochWarning
from populations import load_personas
from populations.sides import part
from populations.sources import read_pool
from tests.learning.test_loop import Killed
from tests.learning.test_lost import ByCall
from tests.support.fakes import FakeTrainer, fake_llm

WHAT = ("train_anchors", "held_out_anchors", "train_personas", "held_out_personas")
SMALL = {"train_anchors": 6, "held_out_anchors": 5, "train_personas": 4, "held_out_personas": 3}
TODAY = {
    "train_anchors": "per_seed",
    "held_out_anchors": "common",
    "train_personas": "common",
    "held_out_personas": "common",
}
"""How a run of built-in packs draws where nothing is said."""
SEEDS = (1, 2, 3)
PEOPLE = [
    {"age": 20 + i, "sex": ("male", "female")[i % 2], "education_level": "low", "urban_rural": "urban", "income": "low"}
    for i in range(30)
]


def drawn(inputs: Inputs) -> dict[str, list[str]]:
    """Return the ids of what a run takes, in order."""
    return {
        "train_anchors": [anchor.id for anchor in inputs.anchors.train][: inputs.train_anchors],
        "held_out_anchors": [anchor.id for anchor in inputs.anchors.held_out],
        "train_personas": [persona.id for persona in inputs.people.train],
        "held_out_personas": [persona.id for persona in inputs.people.held_out],
    }


def over_seeds(redraw: dict, more: dict | None = None, seeds=SEEDS) -> dict[str, list[list[str]]]:
    """Return what is drawn for each of a few seeds, by its name."""
    runs = [drawn(gather(load_config(None, SMALL | (more or {}) | {"redraw": redraw, "seed": seed}))) for seed in seeds]
    return {name: [each[name] for each in runs] for name in WHAT}


@pytest.fixture
def people(tmp_path):
    """A file of people that does not say who is held out, and the settings that name it."""
    (tmp_path / "people.jsonl").write_text("\n".join(map(json.dumps, PEOPLE)))
    return {"personas": str(tmp_path / "people.jsonl")}


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    """A pack that declares its sides, and a file that does not."""
    path = tmp_path_factory.mktemp("pool") / "people.jsonl"
    path.write_text("\n".join(map(json.dumps, PEOPLE)))
    return {"declared": read_pool("demographic"), "open": read_pool(path)}


class TestAsBefore:
    """Where nothing is said, all is drawn as it always was."""

    def test_built_in_packs(self):
        """Training anchors are drawn for each seed; the rest are the first ones, for all seeds."""
        got = over_seeds({})
        assert {name: "common" if one == other else "per_seed" for name, (one, other, _) in got.items()} == TODAY
        assert got["held_out_personas"][0] == [p.id for p in load_personas("biographic").held_out[:3]]

    @pytest.mark.system
    def test_to_say_it_changes_nothing(self):
        """Draws that are declared to be as they are anyway."""
        assert over_seeds(TODAY) == over_seeds({})

    @pytest.mark.parametrize("more", [{}, {"stratify": ["sex"]}, {"resample": True}])
    def test_people_of_no_declared_side(self, people, more):
        """Both sides are drawn for each seed, by one lot."""
        both = {"train_personas": "per_seed", "held_out_personas": "per_seed"}
        got = over_seeds({}, people | more)
        assert got == over_seeds(both, people | more)
        assert len(set(map(tuple, got["held_out_personas"]))) == len(SEEDS)

    def test_no_record_of_it(self):
        """Settings that leave it out have the record, and so the digest, that they had."""
        assert "redraw" not in load_config(None, {}).model_dump(mode="json")
        assert load_config(None, {"redraw": {"held_out_anchors": "per_seed"}}).model_dump(mode="json")["redraw"] == {
            "held_out_anchors": "per_seed"
        }


class TestEach:
    """Each of the four by itself."""

    @pytest.mark.parametrize("name", WHAT)
    def test_per_seed(self, name):
        """Others for each seed, as many as asked for; the rest is as it was."""
        got, before = over_seeds({name: "per_seed"}), over_seeds({})
        assert len({frozenset(each) for each in got[name]}) == len(SEEDS)
        assert {len(set(each)) for each in got[name]} == {SMALL[name]}
        assert all(got[other] == before[other] for other in WHAT if other != name)

    @pytest.mark.parametrize("name", WHAT)
    def test_common(self, name):
        """The same ones for all seeds, in the same order; the rest is as it was."""
        got, before = over_seeds({name: "common"}), over_seeds({})
        assert got[name][0] == got[name][1] == got[name][2]
        assert all(got[other] == before[other] for other in WHAT if other != name)

    @pytest.mark.system
    def test_what_is_drawn_stays(self):
        """These anchors and people, on any machine and in any later version."""
        got = over_seeds(dict.fromkeys(WHAT, "per_seed") | {"train_anchors": "common"}, {"personas": "adults"}, [7])
        assert {name: ids[0][:2] for name, ids in got.items()} == {
            "train_anchors": ["b7fc2a5bbc7aedfb", "79306fc4f6d3ae69"],
            "held_out_anchors": ["9541ae090e2c5801", "6084636b42e5898b"],
            "train_personas": ["6316f91b712069ae", "73a8bb5cad7f7df8"],
            "held_out_personas": ["1fa304488454ef83", "85ad1f84f30af756"],
        }

    @pytest.mark.system
    def test_the_order_of_rows_plays_no_part(self, people, tmp_path):
        """In what is drawn by lot."""
        redraw = {"train_personas": "common", "held_out_personas": "per_seed"}
        got = over_seeds(redraw, people)
        lines = (tmp_path / "people.jsonl").read_text().splitlines()
        (tmp_path / "people.jsonl").write_text("\n".join(reversed(lines)))
        assert over_seeds(redraw, people) == got


class TestPeople:
    """Whatever is drawn how."""

    @given(
        st.sampled_from(["declared", "open"]),
        st.tuples(*[st.sampled_from([None, "common", "per_seed"])] * 2),
        st.sampled_from([(), ("sex",)]),
        st.tuples(st.integers(1, 15), st.integers(1, 15)),
        st.integers(0, 9),
    )
    def test_nobody_is_on_both_sides(self, pools, source, draws, stratify, counts, seed):
        """Counts are exact, and who is common does not depend on the seed."""
        train, held_out = draws
        same = {"n_train": counts[0], "n_held_out": counts[1], "stratify": stratify, "train": train}
        one, other = (
            part(pools[source], seed=each, held_out=held_out, resample=False, up_to=False, **same)
            for each in (seed, seed + 1)
        )
        ids = [{persona.id for persona in side} for side in (one.train, one.held_out)]
        assert tuple(map(len, ids)) == counts == (len(one.train), len(one.held_out))
        assert not ids[0] & ids[1]
        assert train != "common" or one.train == other.train
        assert held_out != "common" or one.held_out == other.held_out

    @pytest.mark.system
    def test_a_side_in_common_is_the_same_beside_either(self, people):
        """Whether the other side is common, too, or drawn for each seed."""
        for name, other in itertools.permutations(("train_personas", "held_out_personas")):
            beside = [over_seeds({name: "common", other: draw}, people)[name] for draw in ("common", "per_seed")]
            assert beside[0] == beside[1]

    def test_everybody_leaves_nothing_to_draw(self):
        """All twenty of a side that a pack declares."""
        got = over_seeds({"held_out_personas": "per_seed"}, {"held_out_personas": 20})
        assert len({frozenset(each) for each in got["held_out_personas"]}) == 1

    def test_strata_keep_their_shares(self, people):
        """On a side that is drawn from what the common one left."""
        for seed in SEEDS:
            config = people | {"stratify": ["sex"], "train_personas": 10, "held_out_personas": 10, "seed": seed}
            got = gather(load_config(None, config | {"redraw": {"held_out_personas": "common"}})).people
            for side in (got.train, got.held_out):
                assert sum(persona.attributes["sex"] == "male" for persona in side) == 5

    def test_copies_are_drawn_with_their_side(self, people):
        """Resampled people of a common side are the same for all seeds, as are its crowd's members."""
        more = people | {"resample": True, "held_out_personas": 40, "crowd": {"size": 50}}
        redraw = {"held_out_personas": "common", "train_personas": "per_seed"}
        runs = [gather(load_config(None, SMALL | more | {"redraw": redraw, "seed": seed})) for seed in SEEDS]
        for split, same in (("evaluate", True), ("train", False)):
            assert all(np.array_equal(runs[0].voters[split].traits, r.voters[split].traits) is same for r in runs[1:])
            assert all(np.array_equal(runs[0].originals[split], r.originals[split]) is same for r in runs[1:])


class TestPoolsThatAreTooSmall:
    """They are an error, or declared."""

    @pytest.mark.parametrize("name", WHAT)
    def test_more_than_there_are(self, name):
        """Is refused, however they are drawn."""
        for draw in ("common", "per_seed"):
            with pytest.raises(InputError, match=r"asked for 300 "):
                over_seeds({name: draw}, {name: 300})

    def test_up_to(self):
        """As many as there are."""
        with pytest.warns(MolochWarning):
            got = over_seeds({"held_out_personas": "per_seed"}, {"held_out_personas": 300, "up_to": True})
        assert {len(each) for each in got["held_out_personas"]} == {20}

    @pytest.mark.parametrize(
        ("value", "says"),
        [({"held_out_anchors": "seed"}, "common"), ({"anchors": "common"}, "no such setting"), ("per_seed", "redraw")],
    )
    def test_no_such_draw(self, value, says):
        """Is said with the setting's name."""
        with pytest.raises(InputError, match=says) as caught:
            load_config(None, {"redraw": value})
        assert "redraw" in caught.value.what

    @pytest.mark.system
    def test_near_duplicates_are_dropped_before(self, tmp_path):
        """What nearly repeats a training anchor is held out for no seed."""
        words = [f"word{i}" for i in range(40)]
        train = [[*words, f"t{i}"] + [f"{w}x{i}" for w in words] for i in range(3)]
        near = [[*each[:-1], "near"] for each in train]
        others = [[f"{w}y{i}" for w in words] for i in range(6)]
        for name, texts in (("train", train), ("test", near + others)):
            rows = [
                {"title": f"{name}{i}", "categories": ["Home"], "description": " ".join(t)} for i, t in enumerate(texts)
            ]
            (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        more = {"anchors": str(tmp_path), "train_anchors": 3, "held_out_anchors": 4, "near_duplicates": "drop"}
        for seed in range(20):
            config = load_config(None, SMALL | more | {"seed": seed, "redraw": {"held_out_anchors": "per_seed"}})
            assert not [a for a in gather(config).anchors.held_out if "near" in a.text]


class TestRuns:
    """With a log."""

    @pytest.fixture
    def settings(self, people, tmp_path):
        """Settings of a small run that draws everything anew, from a file of its own."""
        redraw = dict.fromkeys(WHAT, "per_seed") | {"train_anchors": "common"}
        size = {"train_anchors": 2, "held_out_anchors": 2, "epochs": 1, "arms": ["rft"], "batch": 2}
        return load_config(None, SMALL | people | size | {"redraw": redraw, "seed": 5})

    @pytest.mark.system
    def test_it_is_decided_again_from_its_own_copies(self, settings, tmp_path):
        """And goes on from them after an interruption, with the digest of a run that was whole."""
        whole = run(settings, tmp_path / "whole", llm=ByCall(), trainer=FakeTrainer())
        with pytest.raises(Killed):
            run(settings, tmp_path / "run", llm=ByCall(3), trainer=FakeTrainer())
        (tmp_path / "people.jsonl").unlink()
        assert run(settings, tmp_path / "run", llm=ByCall(), trainer=FakeTrainer()).digest == whole.digest
        assert replay_recorded(tmp_path / "run").complete

    @pytest.mark.system
    def test_a_fork_keeps_it(self, settings, tmp_path):
        """What was drawn for the shared steps is drawn for the rest."""
        run(settings, tmp_path / "run", llm=fake_llm(), trainer=FakeTrainer())
        with pytest.raises(InputError, match=r"a fork cannot change redraw"):
            fork(tmp_path / "run", 1, ["redraw.held_out_personas=common"], tmp_path / "other")
        config, folder = fork(tmp_path / "run", 1, ["audience=neutral"], tmp_path / "fork")
        assert config.redraw == settings.redraw
        run(config, folder, llm=fake_llm(), trainer=FakeTrainer())
        assert replay_recorded(folder).complete
