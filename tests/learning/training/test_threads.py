"""A small model learns the same tensors by two threads as by one."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the learn extra")
pytest.importorskip("peft", reason="needs the learn extra")

from abm.arenas import arena  # noqa: E402
from abm.llm.local import threads  # noqa: E402
from learning.methods import training_set  # noqa: E402
from learning.methods.synthetic import contest, log  # noqa: E402
from learning.training import _job  # noqa: E402
from learning.training.settings import lora_settings  # noqa: E402
from learning.training.trainer import LoRATrainer  # noqa: E402

EVENTS = log(*(contest(f"a{i}", [1, 1, i % 2], orders=[[0, 1], [1, 0], [1, 0]]) for i in range(12)))


@pytest.fixture
def learn(tmp_path, monkeypatch):
    """Train the pocket model by so many threads; return the adapter's id, which is the hash of its tensors, and the threads."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    counts: list[int] = []
    monkeypatch.setattr(
        threads, "share", lambda model, count, real=threads.share: (counts.append(count), real(model, count))
    )

    def train(torch_has: int, method: str = "rft", **changes) -> tuple[str, int]:
        counts.clear()
        rows = training_set(EVENTS, method, source_arm="shared", epoch=1, arena=arena("sales"), seed=1)
        settings = lora_settings("pocket", {"repeat": 1, **changes})
        with threads.torch_threads(torch_has):
            trained = LoRATrainer("pocket", tmp_path).train(rows, parent="", settings=settings, seed=1, lineage={})
        return trained.adapter, counts[0] if counts else 0

    return train


@pytest.mark.parametrize(
    "changes", [{}, pytest.param({"dropout": 0.1, "checkpointing": True}, marks=pytest.mark.slow)], ids=str
)
def test_the_same_tensors(learn, changes):
    """With dropout and activations computed again, too."""
    if torch.cuda.is_available():
        pytest.skip("it learns on the GPU here")
    one, two = learn(1, **changes), learn(2, **changes)
    if two[1] == 1:
        pytest.skip("two threads of this machine multiply otherwise than one")
    assert (one[1], two[1]) == (1, 2) and one[0] == two[0]


@pytest.mark.system
def test_a_loss_of_ones_own_has_one_thread(learn, monkeypatch):
    """Nothing is known of what it sums."""
    monkeypatch.setattr(_job, "loss_named", lambda place: lambda step: _job.likelihood(step))
    assert learn(2)[1] == 0


@pytest.mark.system
def test_threads_that_are_asked_for(learn):
    """Are taken as they are, in every pass, as in runs before."""
    assert learn(1, threads=2)[1] == 0
