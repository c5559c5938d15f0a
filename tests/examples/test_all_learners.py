"""The page of all learners and twins: every learner finds something to learn, and a twin has as many rows and steps as its learner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from abm.events import AdapterTrained
from abm.log import read_events
from learning.arms.arm import arms_of
from learning.settings.sources import load_config
from tests.learning.test_loop import carry_out

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "examples" / "all_learners.yaml"
BASE = yaml.safe_load(PAGE.read_text())["base"]
METHODS = {
    "rft", "placebo", "length_matched", "tfb", "tfb_placebo", "dpo", "dpo_random", "dpo_swapped", "grpo", "grpo_permuted",
}  # fmt: skip


def learnt(folder: Path) -> dict[tuple[str, int], AdapterTrained]:
    """Return the trainings of a run by arm and epoch."""
    return {(event.arm, event.epoch): event for event in read_events(folder) if isinstance(event, AdapterTrained)}


@pytest.mark.system
def test_every_learner_learns(tmp_path):
    """All methods alone, four of them among rivals with both kinds of twins; in both epochs. A model and a trainer of a line stand in."""
    config = load_config(None, BASE | {"seed": 1})
    arms = arms_of(config.model_dump(mode="json")).values()
    assert {arm.method for arm in arms} == METHODS
    carry_out(tmp_path / "run", config)
    assert learnt(tmp_path / "run").keys() == {(arm.name, epoch) for arm in arms for epoch in (1, 2)}


@pytest.mark.slow
def test_the_study_runs(tmp_path):
    """Both cells of the page, as it says; rows and steps of twins are their learners'."""
    pytest.importorskip("torch", reason="needs the learn extra")
    page = tmp_path / PAGE.name
    page.write_text(PAGE.read_text())
    start = [sys.executable, "-m", "moloch", "study", "run", str(page), "--jobs", "2"]
    done = subprocess.run(start, cwd=tmp_path, env=None, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    runs = sorted(path.parent for path in tmp_path.rglob("cells/*/run.json"))
    assert len(runs) == 2
    for run in runs:
        found = learnt(run)
        of = {arm.name: arm.rows_of for arm in arms_of(load_config(None, BASE).model_dump(mode="json")).values()}
        twins = [(each, epoch) for each, epoch in found if of[each]]
        assert len(twins) == 2 * 14
        for each, epoch in twins:
            own, twin = found[of[each], epoch], found[each, epoch]
            assert (twin.rows, twin.steps) == (own.rows, own.steps), (run, each, epoch)
