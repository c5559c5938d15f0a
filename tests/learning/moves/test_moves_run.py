"""A run whose writer is a moves model is a run like any other: one digest, adapters with lineage, replayed, resumed."""

from __future__ import annotations

import json
import shutil

import pytest

from abm.events import AdapterTrained
from abm.llm import Serving
from abm.log import read_events
from analysis.readings.evaluation import read_evaluation
from analysis.tables.evaluation import table
from learning import RunConfig, run
from learning.runs.costs import check_places, planned
from learning.runs.redecide import replay_live, replay_recorded
from learning.settings.sources import load_config
from moloch.errors import InputError

SETTINGS = {
    "extensions": ["learning.moves"],
    "model": "moves",
    "serving": {"llm": "moves"},
    "sampling": {"temperature": 1.0},
    "train_anchors": 4,
    "held_out_anchors": 4,
    "train_personas": 6,
    "held_out_personas": 6,
    "messages": 4,
    "epochs": 2,
    "probes": ["misrepresentation"],
    "arms": ["tfb", "dpo", "grpo"],
    "lora": {"lr": 0.005, "batch": 4},
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run."""
    return run(RunConfig(**SETTINGS), tmp_path_factory.mktemp("moves") / "run")


@pytest.mark.system
def test_equal_settings_have_one_digest(done, tmp_path):
    """Interrupted or not: here after half of its steps."""

    class Stopped(Exception):
        pass

    def stop(progress):
        if progress.done > progress.total // 2:
            raise Stopped

    with pytest.raises(Stopped):
        run(RunConfig(**SETTINGS), tmp_path / "run", report=stop)
    assert run(RunConfig(**SETTINGS), tmp_path / "run").digest == done.digest


@pytest.mark.system
def test_it_is_decided_again(done):
    """From the recorded answers, and asked anew with its trainings made again."""
    assert replay_recorded(done.path, extensions=["learning.moves"]).divergence is None
    again = replay_live(done.path, serving=Serving(llm="moves"), retrain=True, extensions=["learning.moves"])
    assert again.divergence is None


def test_every_arm_learns_by_its_own_method(done):
    """Each training leaves an adapter whose lineage names its data, its loss and its parent; none is another's."""
    trained = [event for event in read_events(done.path) if isinstance(event, AdapterTrained)]
    assert [event.arm for event in trained] == [*SETTINGS["arms"]] * 2
    assert len({event.adapter for event in trained}) == len(trained)
    for event in trained:
        folder = done.path / "adapters" / event.adapter
        lineage = json.loads((folder / "lineage.json").read_text())
        assert (lineage["data"], lineage["method"], lineage["parent"]) == (event.data, event.method, event.parent)
        assert sum(file.stat().st_size for file in folder.iterdir()) < 10_000
    assert [event.parent for event in trained[3:]] == [event.adapter for event in trained[:3]]


def test_its_results_are_no_evidence_about_language_models(done):
    """The tables say so, without the extension."""
    said = table(read_evaluation(read_events(done.path)))["note"]
    assert said.startswith(
        "Not evidence about real LLMs: the moves model, which is no language model, writes, a choice model votes"
    )


def test_it_is_planned_without_files_of_a_model():
    """As moloch run --dry-run and moloch study plan do before anything is asked."""
    config = load_config(None, SETTINGS)
    check_places(config)
    assert sum(role.calls for role in planned(config)) > 0


def test_what_takes_a_language_model_is_refused(tmp_path):
    """Before anything is written: personas that a moves model would have to play."""
    with pytest.raises(InputError, match="only writes messages"):
        run(RunConfig(**SETTINGS | {"audience": "llm"}), tmp_path / "run")
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    with pytest.raises(InputError, match="no moves model 'pocket'"):
        run(RunConfig(**SETTINGS | {"model": "pocket"}), tmp_path / "run")
