"""Baselines in the log: replayed, resumed, rebuilt from events alone."""

from __future__ import annotations

import numpy as np
import pytest

from abm.journal import replay
from abm.log import open_log
from abm.state.snapshots import state_at
from abm.worlds.baselines import record
from media_graph import build
from media_graph.diffusion import SIR, Deffuant, FriedkinJohnsen, HegselmannKrause, IndependentCascade, LinearThreshold
from moloch.errors import InputError, NondeterminismError

GRAPH = build("barabasi_albert", 80, 1, m=2)
OPINIONS = np.random.default_rng(1).random(80)
MODELS = {
    "sir": lambda: SIR(GRAPH, [0], beta=0.2, gamma=0.1, seed=1),
    "independent_cascade": lambda: IndependentCascade(GRAPH, [0], p=0.4, seed=1),
    "linear_threshold": lambda: LinearThreshold(GRAPH, range(9), seed=1),
    "deffuant": lambda: Deffuant(GRAPH, OPINIONS, epsilon=0.4, seed=1),
    "hegselmann_krause": lambda: HegselmannKrause(GRAPH, OPINIONS, epsilon=0.3),
    "friedkin_johnsen": lambda: FriedkinJohnsen(GRAPH, OPINIONS, susceptibility=0.5),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_log_rebuilds_the_model(name, tmp_path):
    """Folding the events gives every node's state, and each step's hash again."""
    model = MODELS[name]()
    record(model, tmp_path / "run", 12)
    found = state_at(tmp_path / "run").baselines[name]
    want = model.states if hasattr(model, "states") else model.opinions.astype(np.float32)
    assert np.array_equal(found, want) and replay(tmp_path / "run").steps > 1


def test_a_cut_run_goes_on_with_the_same_call(tmp_path):
    """A run of fewer steps, had it been the longer one's beginning, ends in the same head; nothing is added twice."""
    whole = record(MODELS["sir"](), tmp_path / "whole", 12)
    lines = list(open_log(tmp_path / "whole", write=False).blocks(0))
    assert len(lines) > 12
    segment = next((tmp_path / "whole" / "log").iterdir())
    segment.write_bytes(segment.read_bytes()[:-100])  # the last commit is torn
    again = record(MODELS["sir"](), tmp_path / "whole", 12)
    assert again.seq >= whole.seq and replay(tmp_path / "whole").steps == 13
    assert record(MODELS["sir"](), tmp_path / "whole", 12) == again


def test_mistakes_are_named(tmp_path):
    """Another model, another graph, a model on its way."""
    record(MODELS["sir"](), tmp_path / "run", 5)
    with pytest.raises(InputError, match="holds another run"):
        record(MODELS["deffuant"](), tmp_path / "run", 5)
    with pytest.raises(NondeterminismError):
        record(SIR(GRAPH, [1], beta=0.2, gamma=0.1, seed=1), tmp_path / "run", 5)
    started = MODELS["sir"]()
    started.step()
    with pytest.raises(InputError, match="already taken steps"):
        record(started, tmp_path / "other", 5)
