"""Adapters that are not what was learnt: noticed wherever one is used, taken over, believed or verified."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from typer.testing import CliRunner

from abm.events import AdapterTrained
from abm.llm import Request, Sampling
from abm.llm._vllm import VLLM
from abm.llm.adapters import CONFIG, WEIGHTS, Adapter, adapter_of
from abm.llm.http import HTTPLLM
from abm.llm.http.endpoint import Endpoint
from abm.log import read_events
from analysis.cli.app import app
from learning import fork, load_config
from learning import run as carry_out
from learning.runs.run import stepwise
from learning.training._adapters import save_adapter
from moloch.errors import CorruptLog, InputError
from tests.support.server import ok, serving

SETTINGS = load_config(
    None,
    {
        "arms": ["rft", "placebo"], "epochs": 1, "train_anchors": 3, "held_out_anchors": 2, "train_personas": 3,
        "held_out_personas": 2, "batch": 3, "sampling": {"max_tokens": 96},
    },
)  # fmt: skip
STOPPED = 4
"""Steps and trainings until both arms have learnt and the first was evaluated; the second is to come."""


@pytest.fixture(scope="module")
def learnt(tmp_path_factory) -> Path:
    """A run of the pocket model that was stopped in the midst of its evaluation."""
    folder = tmp_path_factory.mktemp("learnt") / "run"
    with closing(stepwise(SETTINGS, folder)) as pieces:
        while next(pieces).done < STOPPED:
            pass
    return folder


def ids(run: Path) -> list[str]:
    """Return the adapters that a log names."""
    return [event.adapter for event in read_events(run) if isinstance(event, AdapterTrained)]


def swap(run: Path) -> None:
    first, second = (run / "adapters" / name for name in ids(run))
    first.rename(run / "aside")
    second.rename(first)
    (run / "aside").rename(second)


def flip(run: Path) -> None:
    """Change the lowest bit of one weight, whose value hardly changes."""
    path = run / "adapters" / ids(run)[-1] / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-4] ^= 1
    path.write_bytes(data)


def edit(run: Path, **settings: object) -> None:
    path = run / "adapters" / ids(run)[-1] / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | (settings or {"lora_alpha": 64})))


def edit_uncovered(run: Path) -> None:
    """Change a setting that an id does not cover."""
    edit(run, alpha_pattern={"q_proj": 64})


ATTACKS: list[Callable[[Path], None]] = [swap, flip, edit, edit_uncovered]
attacked = pytest.mark.parametrize("attack", ATTACKS)


@pytest.fixture
def run(learnt, tmp_path) -> Path:
    """A copy of the run, to be damaged."""
    return shutil.copytree(learnt, tmp_path / "run")


def refused(call: Callable[[], object], run: Path) -> None:
    """Check that a call ends in one line that names an adapter's folder, and says what to do."""
    with pytest.raises((CorruptLog, InputError)) as error:
        call()
    assert any(str(run / "adapters" / name) in str(error.value) for name in ids(run)), str(error.value)
    assert "Put the folder back from a copy of the run" in str(error.value) and "\n" not in str(error.value)


def command(*words: object) -> None:
    """Carry out a command as the shell would, and raise its error."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, Exception):
        raise done.exception


def last(run: Path) -> Adapter:
    """Return the last adapter, unchecked."""
    folder = run / "adapters" / ids(run)[-1]
    return adapter_of((folder / WEIGHTS).read_bytes(), json.loads((folder / CONFIG).read_text()))


class TestUse:
    """No backend computes with it."""

    @pytest.mark.system
    @attacked
    def test_resume(self, run, attack):
        """In this process; nothing is appended to the log but that the run was resumed."""
        before = len(list(read_events(run)))
        attack(run)
        refused(lambda: carry_out(SETTINGS, run), run)
        assert len(list(read_events(run))) <= before + 2

    @pytest.mark.system
    @attacked
    def test_vllm(self, run, attack, monkeypatch):
        """Its engine is not told of it."""
        monkeypatch.setitem(sys.modules, "vllm.lora.request", SimpleNamespace(LoRARequest=lambda *given: given))
        told: list[object] = []
        llm = VLLM.__new__(VLLM)
        llm._adapters, llm._loaded, llm._digest = run / "adapters", {}, ""
        llm._engine, llm._numbers = SimpleNamespace(add_lora=told.append), iter(range(9))
        monkeypatch.setattr("abm.llm._vllm.recorded", lambda folder: None)
        attack(run)
        refused(lambda: llm._load(ids(run)[-1]), run)
        assert told == [] and llm._loaded == {}

    @attacked
    def test_server(self, run, attack):
        """Nor is a server."""
        asked = [Request("write/0", [{"role": "user", "content": "x"}], Sampling(), 0, adapter=ids(run)[-1])]
        attack(run)
        with serving(lambda call: ok(b"Success"), models=[{"id": "m", "owned_by": "llamacpp"}]) as server:
            llm = HTTPLLM("m", Endpoint(url=server.url, timeout=5, patience=5), adapters=run / "adapters")
            refused(lambda: list(llm.complete(asked)), run)
            assert not [call for call in server.calls if "lora" in call.path]


class TestTaken:
    """Nothing takes it over."""

    @attacked
    def test_fork(self, run, attack, tmp_path):
        """A fork is refused, and leaves nothing behind."""
        attack(run)
        refused(lambda: fork(run, 2, ["ties=random"], tmp_path / "fork"), run)
        assert not (tmp_path / "fork").exists()

    @pytest.mark.parametrize("attack", [flip, edit, edit_uncovered])
    def test_there_already(self, run, attack):
        """A training that ends where something is already does not take it for its own."""
        whole = last(run)
        attack(run)
        refused(lambda: save_adapter(run / "adapters", whole.tensors(), whole.config, {}), run)


class TestVerified:
    """What verifies a run verifies its adapters."""

    @attacked
    def test_log_verify(self, run, attack):
        """Though the log is whole."""
        attack(run)
        refused(lambda: command("log", "verify", run), run)

    @attacked
    def test_replay_verify(self, run, attack):
        """Though all is decided as it was."""
        attack(run)
        refused(lambda: command("replay", run, "--verify"), run)
