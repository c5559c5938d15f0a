"""Runs to look at."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest


def finished(folder: Path, config: Any) -> Path:
    """Carry out a run to its end, as ``moloch run`` does."""
    from abm.events import RunEnded
    from abm.log import open_log
    from tests.learning.test_loop import carry_out

    digest = carry_out(folder, config).digest.hexdigest()
    with open_log(folder, write=True) as log:
        log.append([RunEnded(digest=digest, seconds=1.0)])
    return folder


@pytest.fixture(scope="session")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the isolated world: three arms, two epochs."""
    from tests.learning.test_loop import CONFIG

    return finished(tmp_path_factory.mktemp("runs") / "isolated", CONFIG)


@pytest.fixture(scope="session")
def networked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the networked world."""
    from tests.learning.test_loop import NETWORKED

    return finished(tmp_path_factory.mktemp("runs") / "networked", NETWORKED)


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The networked run before another audience: it parts from it in its first step."""
    from tests.learning.test_loop import NETWORKED

    return finished(tmp_path_factory.mktemp("runs") / "other", NETWORKED.model_copy(update={"audience": "neutral"}))


@pytest.fixture(scope="session")
def hostile(networked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of everything that a page could stumble over; see :mod:`tests.support.hostile_run`."""
    from tests.support.hostile_run import hostile_run

    base = json.loads((networked / "run.json").read_text("utf-8"))["config"]
    return hostile_run(tmp_path_factory.mktemp("hostile") / "<b>run", base)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, isolated: Path, networked: Path) -> Path:
    """A folder with two finished runs, a study that is over, and a preregistered one that is not."""
    from tests.analysis.studies.small import carry_out, plan
    from tests.analysis.studies.test_verbs import DECLARED

    runs = tmp_path_factory.mktemp("folder")
    for run in (isolated, networked):
        shutil.copytree(run, runs / run.name)
    carry_out(runs / "small", plan(runs / "small"))
    carry_out(runs / "declared", plan(runs / "declared", DECLARED)[:1])
    return runs
