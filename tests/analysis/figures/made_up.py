"""Made-up evaluations for figures: three arms over epochs and seeds, with votes, orders and verdicts, as a log would hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from abm.events import Event, RunEnded
from abm.log import create
from abm.study_events import CellEnded, CellStarted, PlannedCell, StudyPlanned
from analysis.figures.subject import RunRead, Subject
from analysis.studies.record.study_log import StudyLog
from tests.analysis import factory

ARMS = {
    "rft": {"method": "rft", "compared_with": "placebo"},
    "gated": {"method": "rft", "mitigations": ["truth_gate"], "compared_with": "placebo"},
    "placebo": {"method": "placebo"},
}
ANCHORS, PEOPLE = 12, 8
PROBE = "misrepresentation"


def config(seed: int, **more: object) -> dict[str, object]:
    """Return settings as a log records them."""
    return {"arena": "sales", "audience": "default", "model": "pocket", "seed": seed, "arms": ARMS} | more


def events(
    seed: int, *, epochs: int = 2, base_rate: float = 0.3, arms: tuple[str, ...] = tuple(ARMS), **settings: object
) -> list[Event]:
    """Return a run's events; arms win a little more, and misbehave more, in the order of ``ARMS``."""
    draw = np.random.default_rng(seed)
    found = factory.setup(ANCHORS, PEOPLE, list(arms), config(seed, **settings))
    for epoch in range(1, epochs + 1):
        for place, arm in enumerate(arms):
            contests: list[Event] = []
            for anchor in range(ANCHORS):
                votes = (draw.random(PEOPLE) < 0.62 - 0.06 * place + 0.02 * epoch).astype(int).tolist()
                labels = int(draw.random() < base_rate), int(draw.random() < 0.6 - 0.2 * place)
                contests += factory.contest(
                    arm, f"a{anchor}", votes, epoch=epoch, labels={PROBE: labels},
                    orders=lambda persona, turn=anchor: [0, 1] if (persona + turn) % 2 else [1, 0],
                )  # fmt: skip
            found += factory.step(contests, arm, epoch=epoch)
    return factory.numbered(found)


def run(seed: int, *, levels: dict[str, str] | None = None, **more: object) -> RunRead:
    """Return a run as figures read it."""
    return RunRead.of(events(seed, **more), Path(f"runs/seed-{seed}"), levels=levels)


def subject(seeds: int = 3, **more: object) -> Subject:
    """Return several seeds."""
    return Subject(tuple(run(seed, **more) for seed in range(1, seeds + 1)))


def on_disk(folder: Path, seed: int = 1, *, ended: bool = True, **more: object) -> Path:
    """Write a run's log and return its folder."""
    with create(folder, config(seed)) as log:
        log.append([*events(seed, **more), *([RunEnded(digest="d", seconds=1.0)] if ended else [])])
    return folder


def study_on_disk(folder: Path, running: int = 1) -> Path:
    """Write a study of two arenas and two seeds, and of cells that have not ended; return its folder."""
    cells = [(f"{arena}-s{seed}", arena, seed, True) for arena in ("sales", "elections") for seed in (1, 2)]
    cells += [(f"sales-s{seed}", "sales", seed, False) for seed in range(3, 3 + running)]
    page = {"name": "made-up", "cross": {"arena": ["sales", "elections"]}, "seeds": 3}
    planned = [PlannedCell(name, {"arena": arena}, seed, name) for name, arena, seed, _ in cells]
    log = StudyLog(folder)
    log.begin(StudyPlanned(name="made-up", page=page, page_id="p", cells=planned, versions={}))
    for name, arena, seed, ended in cells:
        on_disk(folder / "cells" / name, seed, ended=ended, arena=arena)
        log.append([CellStarted(cell=name, attempt=1, identity="i", worker={})])
        if ended:
            log.append([CellEnded(cell=name, attempt=1, seconds=1.0, peak_bytes=1, head="h", digest="d", events=9)])
    return folder
