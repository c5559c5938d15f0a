"""What a run with data of the user's own promises: it stays whole, wherever it goes and whatever becomes of the originals."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

import abm.arenas
from abm.audience import weights
from abm.events import Lifecycle, RunResumed, RunStarted
from abm.log import create, open_log, read_events
from analysis.cli.replay import replay
from learning import fork, load_config, run
from learning.runs.costs import planned
from learning.runs.redecide import replay_recorded
from moloch.errors import InputError, NondeterminismError
from tests.learning.test_loop import Killed
from tests.learning.test_lost import ByCall
from tests.support.fakes import FakeTrainer, fake_llm

PEOPLE = [
    f"P{i},{20 + i},{('male', 'female')[i % 2]},{('urban', 'rural')[i % 3 % 2]},{'train' if i < 6 else 'held_out'}"
    for i in range(10)
]


@pytest.fixture
def originals(tmp_path):
    """A folder with one file of every kind that settings name, and settings that name them."""
    folder = tmp_path / "originals"
    (folder / "anchors").mkdir(parents=True)
    for name in ("train", "test"):
        lines = (
            Path(abm.arenas.__file__).parents[1].joinpath(f"data/anchors/sales/{name}.jsonl").read_text().splitlines()
        )
        (folder / "anchors" / f"{name}.jsonl").write_text("\n".join(lines[:4]))
    data = Path(abm.arenas.__file__).parent / "data"
    (folder / "stall.yaml").write_text((data / "sales.yaml").read_text().replace("name: sales", "name: stall", 1))
    (folder / "people.csv").write_text("who,age,sex,where,split\n" + "\n".join(PEOPLE))
    (folder / "map.yaml").write_text("columns: {name: who, age: age, sex: sex, urban_rural: where, split: split}\n")
    neutral = (Path(weights.__file__).parent / "data" / "neutral.yaml").read_text()
    (folder / "keen.yaml").write_text(neutral.replace("name: neutral", "name: keen"))
    ties = [(a, b) for a in range(10) for b in range(10) if a != b and (a < 6) == (b < 6)]
    (folder / "ties.csv").write_text("source,target\n" + "\n".join(f"{a},{b}" for a, b in ties))
    return folder


@pytest.fixture
def settings(originals):
    return load_config(
        None,
        {
            "arena": str(originals / "stall.yaml"),
            "anchors": str(originals / "anchors"),
            "personas": str(originals / "people.csv"),
            "mapping": str(originals / "map.yaml"),
            "audience": str(originals / "keen.yaml"),
            "world": "networked",
            "network": {"graph": {"kind": str(originals / "ties.csv")}, "rounds": 2},
            "crowd": {"audience": str(originals / "keen.yaml"), "size": 2},
            "arms": ["rft"],
            "epochs": 1,
            "batch": 2,
            "train_anchors": 3,
            "held_out_anchors": 3,
        },
    )


def carried_out(config, folder, llm=None):
    return run(config, folder, llm=llm or fake_llm(), trainer=FakeTrainer())


@pytest.fixture
def elsewhere(settings, originals, tmp_path, monkeypatch):
    """A finished run that was copied elsewhere; the originals are gone."""
    done = carried_out(settings, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "other" / "run")
    shutil.rmtree(tmp_path / "run")
    shutil.rmtree(originals)
    monkeypatch.chdir(tmp_path / "other")
    return done, tmp_path / "other" / "run"


class TestCopies:
    """A run keeps what its settings name, by content."""

    def test_a_copy_of_the_run_is_decided_again(self, elsewhere, capsys):
        """Elsewhere, and without the originals."""
        replay(Path("run"), verify=True)
        assert capsys.readouterr().out.splitlines()[-1] == "verified"
        assert replay_recorded("run").complete

    def test_the_log_says_what_was_read(self, elsewhere):
        """Each file by its setting, with its SHA-256; and the digest does not depend on it."""
        folder = elsewhere[1]
        started = next(event for event in read_events(folder) if isinstance(event, RunStarted))
        assert sorted(started.inputs) == [
            "anchors/test.jsonl", "anchors/train.jsonl", "arena/stall.yaml", "audience/keen.yaml",
            "crowd.audience/keen.yaml", "mapping/map.yaml", "network.graph.kind/ties.csv", "personas/people.csv",
        ]  # fmt: skip
        assert sum(path.is_file() for path in (folder / "inputs").rglob("*")) == len(started.inputs)
        assert replay_recorded(folder).equal == sum(not isinstance(event, Lifecycle) for event in read_events(folder))

    def test_built_in_parts_are_not_copied(self, tmp_path):
        """A run of built-in parts has no data of its own, and its log says nothing of any."""
        carried_out(load_config(None, {"train_anchors": 2, "held_out_anchors": 2, "epochs": 1}), tmp_path / "run")
        assert not (tmp_path / "run" / "inputs").exists()
        assert next(read_events(tmp_path / "run")).inputs == {}

    def test_a_copy_that_was_changed_is_not_read(self, elsewhere):
        """It is named; so is one that is gone."""
        copy = next((elsewhere[1] / "inputs").rglob("people.csv"))
        copy.write_text(copy.read_text().replace("male", "female"))
        with pytest.raises(InputError, match=r"copy of its personas was changed"):
            replay_recorded(elsewhere[1])
        copy.unlink()
        with pytest.raises(InputError, match=r"copy of its personas was deleted"):
            replay_recorded(elsewhere[1])

    def test_an_original_that_was_changed_changes_nothing(self, settings, originals, tmp_path):
        """A replay reads what the run read, not what is in that place now."""
        carried_out(settings, tmp_path / "run")
        (originals / "people.csv").write_text((originals / "people.csv").read_text().replace("P", "Q"))
        assert replay_recorded(tmp_path / "run").complete


class TestGoingOn:
    """A run that stopped goes on where the originals are gone, and a fork of it begins there."""

    def test_resumed_without_the_originals(self, settings, originals, tmp_path):
        """The digest is that of a run that was not interrupted."""
        whole = carried_out(settings, tmp_path / "whole", ByCall())
        with pytest.raises(Killed):
            carried_out(settings, tmp_path / "run", ByCall(3))
        shutil.rmtree(originals)
        assert planned(settings, tmp_path / "run")
        assert carried_out(settings, tmp_path / "run", ByCall()).digest == whole.digest

    def test_resumed_with_others(self, settings, originals, tmp_path):
        """An original that was changed is not passed over: the run decides otherwise than its log, and says so."""
        with pytest.raises(Killed):
            carried_out(settings, tmp_path / "run", ByCall(3))
        (originals / "people.csv").write_text((originals / "people.csv").read_text().replace("male", "female"))
        with pytest.raises(NondeterminismError):
            carried_out(settings, tmp_path / "run", ByCall())

    def test_a_fork_without_the_originals(self, elsewhere, tmp_path):
        """It reads what its parent read, keeps no second copy, and is decided again as well."""
        config, folder = fork(elsewhere[1], 1, ["sampling.temperature=0.9"], elsewhere[1].parent / "fork")
        carried_out(config, folder)
        assert replay_recorded(folder).complete and not (folder / "inputs").exists()

    def test_a_fork_with_data_of_its_own(self, elsewhere, tmp_path):
        """Another audience, whose file is gone afterwards; the rest is its parent's."""
        other = tmp_path / "other.yaml"
        other.write_text(next((elsewhere[1] / "inputs").rglob("keen.yaml")).read_text().replace("0.5", "0.1"))
        config, folder = fork(elsewhere[1], 1, [f"audience={other}"], elsewhere[1].parent / "fork")
        carried_out(config, folder)
        other.unlink()
        assert [e.inputs.keys() for e in read_events(folder) if isinstance(e, RunResumed)] == [{"audience/other.yaml"}]
        assert replay_recorded(folder).complete


class TestOldRuns:
    """Runs from before copies were kept."""

    @pytest.fixture
    def old(self, settings, tmp_path):
        """A run as an older moloch wrote it: no copies, and nothing said of them."""
        carried_out(settings, tmp_path / "run")
        with create(tmp_path / "old", open_log(tmp_path / "run", write=False).config) as log:
            log.append([
                msgspec.structs.replace(event, inputs={}) if isinstance(event, RunStarted) else event
                for event in read_events(tmp_path / "run")
            ])  # fmt: skip
        return tmp_path / "old"

    def test_with_the_originals_they_are_decided_again(self, old):
        """As ever."""
        assert replay_recorded(old).complete

    @pytest.mark.parametrize("gone", ["people.csv", "map.yaml", "stall.yaml", "anchors", "ties.csv"])
    def test_without_them_they_are_not_green(self, old, originals, gone):
        """One clear line that names what is missing; never "verified"."""
        path = originals / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        with pytest.raises(InputError, match=rf"is gone: there is no .*{gone}.* holds no copy of it"):
            replay(old, verify=True)
