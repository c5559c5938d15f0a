"""A training in several processes, without TRL, and what it leaves for engines to be checked against."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from abm.arenas import arena  # noqa: E402
from abm.llm.adapters import read_adapter  # noqa: E402
from abm.llm.fingerprint import ROUNDING, OutOfSync, deviation, recorded  # noqa: E402
from abm.llm.local.backend import TransformersLLM  # noqa: E402
from learning.methods import training_set  # noqa: E402
from learning.methods.synthetic import contest, log  # noqa: E402
from learning.training import _fit, _launch  # noqa: E402
from learning.training._ranks import Ranks  # noqa: E402
from learning.training.examples import Example  # noqa: E402
from learning.training.settings import LoraSettings  # noqa: E402
from learning.training.trainer import LoRATrainer  # noqa: E402
from moloch.errors import InputError, MolochError  # noqa: E402

ROOT = Path(__file__).parents[3]
EVENTS = log(*(contest(f"a{i}", [1, 1, i % 2], orders=[[0, 1], [1, 0], [1, 0]]) for i in range(5)))
SETTINGS = LoraSettings(
    rank=2, alpha=4, lr=1e-2, batch=2, repeat=2, dropout=0.0, precision="float32", tokens_per_pass=4096,
    checkpointing=False,
)  # fmt: skip


def learn(model, folder, method="rft", seed=1, parent="", **changes):
    """Train a tiny model."""
    data = training_set(
        EVENTS, method, source_arm="shared", epoch=1, arena=arena("sales"), seed=1, thoughts_per_contest=2
    )
    settings = msgspec.structs.replace(SETTINGS, **changes)
    return LoRATrainer(str(model), folder).train(data, parent=parent, settings=settings, seed=seed, lineage={})


class TestWithoutTRL:
    """A host that has torch, transformers and peft trains the same adapters."""

    @pytest.mark.system
    @pytest.mark.parametrize("changes", [{}, {"dropout": 0.05}, {"precision": "bf16", "checkpointing": True}])
    def test_the_same_adapter(self, tiny_model, tmp_path, monkeypatch, changes):
        """To the last bit, as TRL's trainer is transformers' underneath."""
        pytest.importorskip("trl")
        theirs = learn(tiny_model, tmp_path / "one", "tfb", **changes)
        monkeypatch.setattr(_fit, "with_trl", lambda: False)
        assert learn(tiny_model, tmp_path / "two", "tfb", **changes) == theirs

    @pytest.mark.system
    def test_what_a_gpu_host_lacks_is_not_imported(self):
        """Training and generation import neither TRL nor data frames nor agents, and so run without them."""
        absent = ("trl", "datasets", "polars", "mesa", "vllm", "numba", "scipy", "networkx", "openai", "ray")
        code = (
            f"import sys; sys.modules |= dict.fromkeys({absent!r})\n"
            "import tempfile; from pathlib import Path; import abm.llm.local.backend\n"
            "from tests.learning.training.test_job import learn; from tests.support.tiny import save_tiny_model\n"
            "place = Path(tempfile.mkdtemp()); print(learn(save_tiny_model(place / 'm'), place).adapter)"
        )
        found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert found.returncode == 0, found.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of adapters."""
    return tmp_path_factory.mktemp("run") / "adapters"


@pytest.fixture(scope="module")
def ids(tiny_model, folder):
    """The ids of two in it: one of few steps, one of another method that went on from it."""
    first = learn(tiny_model, folder).adapter
    return first, learn(tiny_model, folder, "loser", parent=first, lr=3e-2).adapter


class TestCheck:
    """Beside each adapter stands what an engine must compute with it."""

    def found(self, tiny_model, folder, adapter, tokens):
        """Return what the backend of generation computes."""
        llm = TransformersLLM(tiny_model, adapters=folder, device="cpu")
        llm._swapper.activate(adapter)
        with torch.inference_mode():
            logits = llm.model(torch.tensor([tokens])).logits[0, :-1].log_softmax(-1)
        return logits.gather(1, torch.tensor(tokens)[1:, None])[:, 0].tolist()

    @pytest.mark.system
    def test_the_same_weights_agree(self, tiny_model, folder, ids):
        """Merged into the weights by the backend, or beside them as trained."""
        for adapter in ids:
            known = recorded(folder / adapter)
            assert known is not None and len(known.tokens) == len(known.adapted) + 1 == len(known.base) + 1
            assert deviation(known, self.found(tiny_model, folder, adapter, known.tokens), where="here") < 1e-3

    def test_other_weights_do_not(self, tiny_model, folder, ids):
        """The base's, or those of the epoch before."""
        known = recorded(folder / ids[1])
        for other in ("", ids[0]):
            with pytest.raises(OutOfSync):
                deviation(known, self.found(tiny_model, folder, other, known.tokens), where="here")

    @pytest.mark.system
    def test_the_parent_is_told_apart(self, tiny_model, folder, ids):
        """However far both are from the base: a last epoch that changed little is no reason to take the one before."""
        child = learn(tiny_model, folder, parent=ids[1], lr=1e-2, seed=5).adapter
        known = recorded(folder / child)
        found = self.found(tiny_model, folder, ids[1], known.tokens)
        assert known.before == pytest.approx(found, abs=ROUNDING / 100)
        assert deviation(known, self.found(tiny_model, folder, child, known.tokens), where="here") < 1e-3
        with pytest.raises(OutOfSync):
            deviation(known, found, where="here")
        deviation(msgspec.structs.replace(known, before=[]), found, where="here")  # the base alone would not tell

    def test_the_base_is_the_base(self, tiny_model, folder, ids):
        """What is recorded as without adapter is what the model says without adapter."""
        known = recorded(folder / ids[0])
        assert known.base == pytest.approx(self.found(tiny_model, folder, "", known.tokens), abs=ROUNDING / 100)

    def test_it_is_no_part_of_the_adapter(self, folder, ids, tmp_path):
        """Without it the adapter is the same."""
        copy = shutil.copytree(folder / ids[0], tmp_path / ids[0])
        (copy / "check.json").unlink()
        assert read_adapter(tmp_path, ids[0]).config == read_adapter(folder, ids[0]).config

    def test_it_comes_with_the_adapter(self, tiny_model, tmp_path, monkeypatch):
        """No kill leaves an adapter that engines would not be checked against."""
        seen, rename = [], Path.rename
        monkeypatch.setattr(Path, "rename", lambda self, to: (seen.append(recorded(self)), rename(self, to)))
        trained = learn(tiny_model, tmp_path)
        assert seen == [recorded(tmp_path / trained.adapter)] and seen[0] is not None


class TestRanks:
    """A step's rows are shared, each once."""

    @pytest.mark.parametrize("size", [1, 2, 3, 7])
    def test_every_row_once(self, size):
        """However many processes; none gets two more than another."""
        rows = [Example([7] * (2 + i % 4), 1) for i in range(5)]
        shares = [list(Ranks(rank, size).share(rows, lambda row: len(row.ids))) for rank in range(size)]
        assert sorted(id(row) for share in shares for row in share) == sorted(map(id, rows))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1

    def test_too_few_gpus(self, tiny_model, tmp_path, monkeypatch):
        """An error before anything starts."""
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        with pytest.raises(InputError, match=r"lora\.processes: 3 processes need one GPU each: there are 2"):
            learn(tiny_model, tmp_path, processes=3)

    @pytest.mark.parametrize("named, wanted", [("", ["0", "1"]), ("4,6,7", ["4", "6"])])
    def test_each_has_a_gpu_of_its_own(self, monkeypatch, named, wanted):
        """Of those that this process may use."""
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
        assert _launch._gpus(2) == wanted

    @pytest.mark.slow
    @pytest.mark.parametrize("method, size", [("rft", 2), ("tfb", 2), ("tfb", 3)])
    def test_processes_learn_what_one_learns(self, tiny_model, tmp_path, method, size):
        """The same steps, losses and, but for rounding, the same adapter; three processes have steps without a row for one."""
        alone = learn(tiny_model, tmp_path, method)
        together = learn(tiny_model, tmp_path, method, processes=size)
        assert (alone.steps, alone.tokens, alone.rows) == (together.steps, together.tokens, together.rows)
        assert together.loss_after == pytest.approx(alone.loss_after, abs=1e-4)
        one, two = (read_adapter(tmp_path, trained.adapter).tensors() for trained in (alone, together))
        start = read_adapter(tmp_path, learn(tiny_model, tmp_path, method, lr=1e-12).adapter).tensors()
        for name, weight in one.items():
            moved = (weight - start[name]).abs().max()
            assert (weight - two[name]).abs().max() < 0.02 * moved

    @pytest.mark.slow
    def test_one_that_fails_ends_all(self, tiny_model, tmp_path):
        """With its reason, as in one process; no adapter is there."""
        with pytest.raises(MolochError, match=r"training diverged: the loss is (nan|inf).*Lower lora\.lr"):
            learn(tiny_model, tmp_path, processes=2, lr=1e30)
        assert not list(tmp_path.iterdir())

    @pytest.mark.slow
    def test_one_that_dies_ends_all(self, tiny_model, tmp_path, monkeypatch):
        """Whatever killed it: the last that it said is reported, and nobody waits for it."""
        start = _launch._start

        def one_dies(folder, rank, size, gpus):
            if rank:
                (folder / f"{rank}.log").write_text("out of luck\n")
                return subprocess.Popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
            return start(folder, rank, size, gpus)

        monkeypatch.setattr(_launch, "_start", one_dies)
        with pytest.raises(MolochError, match="training process 1 of 2 ended early: out of luck"):
            learn(tiny_model, tmp_path, processes=2)
        assert not list(tmp_path.iterdir())
