"""A run's measures for TensorBoard: what its own reader finds is what the log says."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from abm.columns import Float32s, unpack
from abm.events import AdapterTrained, TrainingMeasured
from abm.log import read_events
from analysis.tensorboard_log import export_tensorboard
from moloch.errors import InputError
from tests.learning.test_alarms import Ruinous, carried, settings


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with one flagged arm."""
    folder = tmp_path_factory.mktemp("run") / "run"
    carried(folder, settings(), trainer=Ruinous())
    return folder


@pytest.mark.system
def test_its_reader_finds_every_point(run, tmp_path):
    """Each arm is a run; steps go on from epoch to epoch."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    count = export_tensorboard(run, tmp_path / "board")
    found = {}
    for arm in (tmp_path / "board").iterdir():
        read = EventAccumulator(str(arm)).Reload()
        for tag in read.Tags()["tensors"]:
            points = [(p.step, float(make_ndarray(p.tensor_proto))) for p in read.Tensors(tag)]
            found[(arm.name, tag)] = points
    assert sum(map(len, found.values())) == count
    events = list(read_events(run))
    losses = np.concatenate(
        [unpack(e.losses, Float32s) for e in events if isinstance(e, TrainingMeasured) and e.arm == "rft"]
    )
    assert found[("rft", "steps/loss")] == list(enumerate(losses.tolist(), 1))
    after = [(e.epoch, e.loss_after) for e in events if isinstance(e, AdapterTrained) and e.arm == "rft"]
    assert found[("rft", "training/loss after")] == after
    assert found[("rft", "training/kl after")][0] == (1, 4.0)
    assert found[("rft", "alarm/flagged")] == [(1, 1.0)]
    assert {arm for arm, _ in found} == {"base", "rft", "placebo"}
    assert ("base", "messages, evaluate/tokens") in found


def test_where_it_cannot_go(run, tmp_path):
    """A folder that holds something."""
    pytest.importorskip("tensorboard")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(InputError, match="holds something"):
        export_tensorboard(run, tmp_path / "full")


def test_without_it(run, tmp_path):
    """The extra is named, and nothing is left behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tensorboard", None)
        with pytest.raises(InputError, match="needs the tensorboard extra"):
            export_tensorboard(run, tmp_path / "board")
    assert not (tmp_path / "board").exists()


def test_as_a_command(run, tmp_path, capsys):
    """It says how to look at it."""
    pytest.importorskip("tensorboard")
    from analysis.cli.log import export

    export(run, "tensorboard", tmp_path / "board", False, False)
    assert f"tensorboard --logdir {tmp_path / 'board'}" in capsys.readouterr().out.replace("\n", "")
