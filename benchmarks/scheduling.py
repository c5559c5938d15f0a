"""How long a study takes besides its cells, and what two at a time save. ::

    python benchmarks/scheduling.py            # eight pocket cells, one after the other and two at a time
    python benchmarks/scheduling.py --log      # the study's own log, alone and in turn with another process

Both ways of carrying cells out have one thread each; their digests must be equal. Measure it on a quiet machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from abm.study_events import CellStarted, PlannedCell, StudyPlanned
from analysis.studies import Study
from analysis.studies.engines.local import LocalEngine
from analysis.studies.study_log import StudyLog

BASE = {"epochs": 1, "train_anchors": 24, "held_out_anchors": 24}


def carry_out(folder: Path, jobs: int) -> tuple[float, list[str], float]:
    """Return seconds, digests, and seconds within cells."""
    engine, began = LocalEngine(jobs), time.perf_counter()
    engine.threads = 1  # for one at a time, too
    try:
        done = Study(name="eight", base=BASE, seeds=8, out=folder).run(engine=engine, workspace=folder)
    finally:
        engine.close()
    cells = done.state.cells.values()
    return time.perf_counter() - began, [cell.digest for cell in cells], sum(cell.seconds for cell in cells)


def cells() -> None:
    """Print how long eight cells take, one at a time and two at a time."""
    with tempfile.TemporaryDirectory() as folder:
        alone, want, within = carry_out(Path(folder) / "one", 1)
        both, digests, _ = carry_out(Path(folder) / "two", 2)
    print(
        f"one at a time {alone:.1f} s, two at a time {both:.1f} s: {both / alone:.2f}x; digests equal: {digests == want}"
    )
    print(f"besides the cells: {(alone - within) / 8 * 1000:.0f} ms a cell, the first imports of torch among it")


def appends(number: int = 10_000, times: int = 100) -> None:
    """Print what it costs to write an event of a study with that many cells."""
    with tempfile.TemporaryDirectory() as folder:
        planned = [
            PlannedCell(cell=f"c{i}", factors={"arena": "sales"}, seed=i, settings="0" * 16) for i in range(number)
        ]
        logs = [StudyLog(folder + "/study"), StudyLog(folder + "/study")]
        logs[0].begin(StudyPlanned(name="x", page={}, page_id="p", cells=planned, versions={}))
        for log in logs:
            log.state()  # reads the plan
        for name, turn in (("alone", logs[:1]), ("in turn", logs)):
            cpu, wall = time.process_time(), time.perf_counter()
            for i in range(times):
                log = turn[i % len(turn)]
                log.append([CellStarted(cell=f"c{i}", attempt=1, identity="", worker={})])
                log.state()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            print(f"{name}: {cpu / times * 1000:.1f} ms of CPU, {wall / times * 1000:.1f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", action="store_true")
    (appends if parser.parse_args().log else cells)()
