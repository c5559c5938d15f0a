"""Runs on a user's own data: near-duplicates across splits, and counts that are up to what there is."""

from __future__ import annotations

import json
import shutil
from contextlib import closing

import pytest

from abm.events import AnchorsListed
from abm.llm import ScriptedLLM
from abm.log import read_events
from analysis.probes import battery
from learning import fork, load_config, run
from learning.plan.recorded import recorded_plan
from learning.runs.inputs import gather
from learning.runs.objects import Objects
from learning.runs.parts import settled
from learning.runs.redecide import replay_recorded
from learning.runs.run import stepwise
from moloch.errors import InputError, MolochWarning
from tests.support.fakes import FakeTrainer, reply

WORDS = [f"word{i}" for i in range(40)]
SMALL = {"train_personas": 3, "held_out_personas": 3, "batch": 2, "arms": ["rft"], "epochs": 1}


def product(title: str, *words: str) -> str:
    return json.dumps({"title": title, "categories": ["Home"], "description": " ".join(words)})


@pytest.fixture
def anchors(tmp_path):
    """A folder of three anchors to train on and four held out, one of them nearly a training text."""
    folder = tmp_path / "anchors"
    folder.mkdir()
    (folder / "train.jsonl").write_text(
        "\n".join(product(f"T{i}", *(f"{word}x{i}" for word in WORDS)) for i in range(3))
    )
    held_out = [product(f"H{i}", *(f"{word}y{i}" for word in WORDS)) for i in range(3)]
    near = product("Near", *(f"{word}x1" for word in WORDS[:-1]), "other")
    (folder / "test.jsonl").write_text("\n".join([*held_out, near]))
    return folder


def held_out(folder) -> list[str]:
    return [
        a["subject"]
        for e in read_events(folder)
        if isinstance(e, AnchorsListed) and e.split == "evaluate"
        for a in e.anchors
    ]


def carried_out(config, folder):
    return run(config, folder, llm=ScriptedLLM(reply), trainer=FakeTrainer(), probes=battery)


def of_before(config, folder, monkeypatch, pieces: int | None = None):
    """Carry out a run, or some pieces of it, as it was recorded before near-duplicates were dropped."""
    with monkeypatch.context() as patch:
        patch.setattr("learning.runs._prepared.settled", lambda config, folder: config)
        objects = Objects.of(llm=ScriptedLLM(reply), reader=None, audience=None, trainer=FakeTrainer())
        with closing(stepwise(config, folder, probes=battery, objects=objects)) as steps:
            return [step for step, _ in zip(steps, range(pieces or 999), strict=False)]


class TestNearDuplicates:
    """What is evaluated was not nearly trained on."""

    def test_a_new_run_drops_and_records_them(self, anchors, tmp_path):
        """And a replay knows it from the record."""
        carried_out(load_config(None, SMALL | {"anchors": str(anchors)}), tmp_path / "run")
        assert held_out(tmp_path / "run") == ["H0", "H1", "H2"]
        assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["near_duplicates"] == "drop"
        (listed,) = [
            e
            for e in read_events(tmp_path / "run")
            if isinstance(e, AnchorsListed) and e.dropped.get("test text nearly stands in train")
        ]
        assert listed.dropped["test text nearly stands in train"] == 1
        again = replay_recorded(tmp_path / "run", probes=battery)
        assert (again.divergence, again.complete) == (None, True)

    def test_they_are_kept_if_that_is_said(self, anchors, tmp_path):
        """As any setting."""
        carried_out(load_config(None, SMALL | {"anchors": str(anchors), "near_duplicates": "keep"}), tmp_path / "run")
        assert held_out(tmp_path / "run") == ["H0", "H1", "H2", "Near"]

    def test_a_run_of_before_goes_on_as_it_was(self, anchors, tmp_path, monkeypatch):
        """Its record says nothing of them: resumed, replayed and forked it keeps them, with the digest that it had."""
        config = load_config(None, SMALL | {"anchors": str(anchors)})
        of_before(config, tmp_path / "whole", monkeypatch)
        of_before(config, tmp_path / "old", monkeypatch, pieces=2)
        assert carried_out(config, tmp_path / "old").digest == list(read_events(tmp_path / "whole"))[-1].digest
        assert held_out(tmp_path / "old") == ["H0", "H1", "H2", "Near"]
        again = replay_recorded(tmp_path / "old", probes=battery)
        assert (again.divergence, again.complete) == (None, True)
        changed, folder = fork(tmp_path / "old", 1, ["audience=neutral"], tmp_path / "fork")
        assert settled(changed, folder).near_duplicates is None and changed.near_duplicates is None
        with pytest.raises(InputError, match="a fork cannot change near_duplicates"):
            fork(tmp_path / "old", 1, ["near_duplicates=drop"], tmp_path / "other")

    def test_built_in_anchors_stay(self, tmp_path):
        """Nothing is recorded of what is not asked."""
        config = load_config(None, SMALL)
        assert settled(config, tmp_path) is config and "near_duplicates" not in config.model_dump(mode="json")


class TestUpTo:
    """Counts that are the most."""

    COUNTS = {"train_anchors": 1024, "held_out_anchors": 1024, "train_personas": 300}  # noqa: RUF012

    def test_fewer_are_taken_and_told(self, anchors):
        """With how many there are, of how many."""
        config = load_config(None, SMALL | self.COUNTS | {"anchors": str(anchors), "up_to": True})
        with pytest.warns(MolochWarning) as told:
            inputs = gather(settled(config, None))
        assert (inputs.train_anchors, inputs.held_out_anchors, len(inputs.people.train)) == (3, 3, 20)
        assert [str(warning.message).split(":")[0] for warning in told] == [
            "3 training anchors are taken, of up to 1,024",
            "3 held-out anchors are taken, of up to 1,024",
            "20 training personas are taken, of up to 300",
        ]

    @pytest.mark.parametrize("name", COUNTS)
    def test_undeclared_it_is_a_mistake(self, name):
        """Nobody gets less than was asked for in silence; where it can be declared is said."""
        with pytest.raises(InputError, match=r"asked for \d+ .*there are \d+"):
            gather(load_config(None, SMALL | {name: self.COUNTS[name]}))

    def test_the_plan_of_a_log(self, anchors):
        """Has as many contests as the log lists anchors."""
        config = load_config(None, SMALL | self.COUNTS | {"anchors": str(anchors), "up_to": True})
        simulate, _, evaluate = recorded_plan(config.model_dump(mode="json"), 3, 3)
        assert (len(simulate.anchors), len(evaluate.anchors)) == (3, 3)

    @pytest.mark.filterwarnings("ignore::moloch.errors.MolochWarning")
    def test_the_papers_profile_starts(self, anchors):
        """On whatever data, with 20 voters a side."""
        inputs = gather(settled(load_config(None, {"anchors": str(anchors)}, profile="paper"), None))
        assert (inputs.train_anchors, inputs.held_out_anchors) == (3, 3)
        assert [len(inputs.split(split)) for split in ("train", "evaluate")] == [20, 20]


class TestCopies:
    """A run's own data is in its folder."""

    def test_a_run_on_tables_stays_whole(self, anchors, tmp_path):
        """Anchors of CSV are copied as those of JSON are: the run is decided again where they are gone."""
        rows = [json.loads(line) for line in (anchors / "train.jsonl").read_text().splitlines()]
        lines = [f"{row['title']},Home,{row['description']}" for row in rows]
        (anchors / "train.CSV").write_text("\n".join(["title,categories,description", *lines]))
        (anchors / "train.jsonl").unlink()
        carried_out(load_config(None, SMALL | {"anchors": str(anchors)}), tmp_path / "run")
        shutil.rmtree(anchors)
        again = replay_recorded(tmp_path / "run", probes=battery)
        assert (again.divergence, again.complete) == (None, True)
