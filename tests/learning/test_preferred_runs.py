"""Preferences and rewards are learnt in whole runs of the pocket model: interrupted, decided again, with twins of equal rows."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("peft", reason="needs the learn extra")

from abm.events import AdapterTrained
from abm.journal import replay
from abm.log import read_events
from learning import run
from learning.runs.costs import planned
from learning.runs.inputs import gather
from learning.runs.redecide import replay_recorded
from learning.runs.run import stepwise
from learning.runs.warmup import measure
from learning.settings.sources import load_config

SIZE = {
    "train_anchors": 8, "held_out_anchors": 3, "train_personas": 4, "held_out_personas": 3, "batch": 8,
    "lora": {"repeat": 1, "batch": 2},
}  # fmt: skip
SHORT = load_config(None, SIZE | {"arms": ["dpo", "placebo"]})
LONG = load_config(
    None,
    SIZE
    | {
        "messages": 4,
        "epochs": 1,
        "arms": {
            "rewarded": {"method": "grpo", "compared_with": "permuted"},
            "permuted": {"method": "grpo_permuted", "rows_of": "rewarded"},
            "preferred": {"method": "dpo", "lora": {"options": {"soft": False}}},
        },
    },
)


def learnt(folder):
    return {(e.arm, e.epoch): e for e in read_events(folder) if isinstance(e, AdapterTrained)}


def check_again(folder) -> None:
    """See that the log is whole, and decides again what it decided."""
    assert replay(folder, verify=True).steps
    again = replay_recorded(folder)
    assert again.complete and again.divergence is None


@pytest.mark.slow
def test_preferences_with_a_placebo(tmp_path):
    """In two epochs, each with equal steps; killed between any two pieces it ends in the same digest."""
    whole = run(SHORT, tmp_path / "whole")
    trained = learnt(whole.path)
    for epoch in (1, 2):
        assert trained["dpo", epoch].steps == trained["placebo", epoch].steps
        assert trained["dpo", epoch].rows == 2 * trained["placebo", epoch].rows
        assert trained["dpo", epoch].figures.keys() == {"accuracy", "margin"}
    check_again(whole.path)
    for pieces in (2, 5):
        broken = stepwise(SHORT, tmp_path / "broken")
        for _ in range(pieces):
            next(broken)
        broken.close()
    assert run(SHORT, tmp_path / "broken").digest == whole.digest
    check_again(tmp_path / "broken")


@pytest.mark.slow
def test_rewards_with_a_twin(tmp_path):
    """Four messages a contest, all of them learnt; the twin has the same rows."""
    done = run(LONG, tmp_path / "run")
    trained = learnt(done.path)
    of, twin = trained["rewarded", 1], trained["permuted", 1]
    assert (of.rows, of.steps) == (twin.rows, twin.steps)
    assert of.data != twin.data and of.adapter != twin.adapter
    assert set(of.figures) == {"clip_share", "kl"} and trained["preferred", 1].settings["options"] == {"soft": False}
    check_again(done.path)


def test_what_they_will_cost_is_known_before():
    """Calls of the plan: four messages about each anchor in the shared epoch, and what is evaluated."""
    writers = next(role for role in planned(LONG) if role.role == "writers")
    assert writers.calls == 8 * 4 + 3 * (1 + 3)


@pytest.mark.slow
def test_what_learning_will_take_is_measured():
    """A warm-up learns by the arm's own method, groups of messages among them."""
    inputs = gather(LONG)
    warm = measure(LONG, inputs, usual=20)
    assert warm.row > 0 and warm.training > 0
    learners = next(
        role for role in warm.timed(planned(LONG), LONG, inputs, Path("nowhere")) if role.role == "learners"
    )
    assert learners.calls == 3 and learners.minutes and learners.minutes > 0
