"""What two cells at a time save, and what a study adds to its cells.

Covers: eight cells of the pocket model, two at a time against one after the other, with one thread each, from the study's beginning to its end,
imports included; digests must be equal. From the same studies' logs, what passes between two cells besides them. Then the study's own
log: an event, durable, written by one process, and in turn by two that follow each other's. By default small cells, once, in about 80 s
of two quiet cores; ``--anchors 24 --rounds 5`` is the long form, in which rounds take turns at which way goes first. Measure it on a quiet machine.
Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

sys.path[0] = str(Path(__file__).resolve().parents[1])

from abm.log import open_log  # noqa: E402
from abm.study_events import CellEnded, CellStarted, PlannedCell, StudyPlanned  # noqa: E402
from analysis.studies import Study  # noqa: E402
from analysis.studies.engines.local import LocalEngine  # noqa: E402
from analysis.studies.record.layout import Layout  # noqa: E402
from analysis.studies.record.study_log import StudyLog  # noqa: E402

RATIO = 0.6
"""Of the time that the cells take one after the other, at most."""
BETWEEN_MS = 50
"""Milliseconds that a study adds to a cell, at most."""
APPEND_MS = 5
"""Milliseconds that an event of a study takes, at most."""
PLANNED, APPENDED = 10_000, 100
"""Cells of the study whose log is written, and events that are."""


def carried_out(folder: Path, number: int, anchors: int, jobs: int) -> dict[str, object]:
    """Carry so many cells out in this process, which has done nothing else; return seconds, digests, and seconds between cells."""
    base = {"epochs": 1, "train_anchors": anchors, "held_out_anchors": anchors}
    began = time.perf_counter()
    engine = LocalEngine(jobs, threads=1)
    try:
        done = Study(name="eight", base=base, seeds=number, out=folder).run(engine=engine, workspace=folder.parent)
    finally:
        engine.close()
    if done.exit_code:
        raise SystemExit(f"cells failed: {[cell.failures for cell in done.state.cells.values()]}")
    digests = [cell.digest for cell in done.state.cells.values()]
    return {"seconds": time.perf_counter() - began, "digests": digests, "between": between(folder)}


def between(folder: Path) -> list[float]:
    """Return what passed between the ends of two cells besides the second one, in seconds, where they went one after the other."""
    events = open_log(Layout(folder).log, write=False).read()
    ended = [event for event in events if isinstance(event, CellEnded)]
    return [after.at - before.at - after.seconds for before, after in pairwise(ended)]


def cells(rounds: int, many: int, anchors: int) -> Iterator[dict]:
    """Yield the figures of so many cells both ways."""
    took: dict[int, list[float]] = {1: [], 2: []}
    digests, gaps = set[str](), list[float]()
    for number in range(rounds):
        for jobs in (1, 2) if number % 2 == 0 else (2, 1):
            with tempfile.TemporaryDirectory() as folder:
                done = _alone(Path(folder) / "study", many, anchors, jobs)
            took[jobs].append(done["seconds"])
            digests.add(json.dumps(done["digests"]))
            gaps += done["between"] if jobs == 1 else []
    if len(digests) != 1:
        raise SystemExit("digests differ: the figures would say nothing")
    ratio = median(two / one for one, two in zip(took[1], took[2], strict=True))
    one, two = median(took[1]), median(took[2])
    yield {
        "name": f"{many} cells of {anchors} + {anchors} anchors, two at a time", "value": round(two, 1), "unit": "s",
        "rival": f"one after the other: {one:.1f}", "ratio": round(ratio, 3), "goal": f"<= {RATIO}x", "ok": ratio <= RATIO,
    }  # fmt: skip
    added = 1000 * median(gaps)
    yield figure("added to a cell, one after the other", added, f"a cell: {1000 * one / many:.0f}", 1000 * one / many, BETWEEN_MS)  # fmt: skip


def appends(number: int = PLANNED, times: int = APPENDED) -> Iterator[dict]:
    """Yield what an event of a study with that many cells takes: written durably, and seen by who writes the next."""
    with tempfile.TemporaryDirectory() as folder:
        planned = [PlannedCell(cell=f"c{i}", factors={"arena": "sales"}, seed=i, settings="0" * 16) for i in range(number)]  # fmt: skip
        logs = [StudyLog(folder + "/study"), StudyLog(folder + "/study")]
        logs[0].begin(StudyPlanned(name="x", page={}, page_id="p", cells=planned, versions={}))
        for log in logs:
            log.state()  # reads the plan
        took: dict[str, list[float]] = {"alone": [], "in turn": []}
        for _ in range(5):
            for name, turn in (("alone", logs[:1]), ("in turn", logs)):
                for i in range(times // 5):
                    log, began = turn[i % len(turn)], time.perf_counter()
                    log.append([CellStarted(cell=f"c{i}", attempt=1, identity="", worker={})])
                    log.state()
                    took[name].append(1000 * (time.perf_counter() - began))
        alone = median(took["alone"])
        yield figure("an event of a study, one writer", alone, "", 0, APPEND_MS)
        yield figure("an event of a study, two in turn", median(took["in turn"]), f"one writer: {alone:.2f}", alone, APPEND_MS)  # fmt: skip


def figure(name: str, ms: float, rival: str, rival_ms: float, goal: float) -> dict:
    """Return one line of the report, in milliseconds; a rival of 0 is none."""
    return {
        "name": name, "value": round(ms, 2), "unit": "ms", "rival": rival,
        "ratio": round(ms / rival_ms, 3) if rival_ms else None, "goal": f"<= {goal} ms", "ok": ms <= goal,
    }  # fmt: skip


def _alone(folder: Path, many: int, anchors: int, jobs: int) -> dict:
    command = [sys.executable, __file__, "--folder", str(folder), "--cells", str(many), "--anchors", str(anchors)]
    command += ["--jobs", str(jobs)]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(found.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--part", choices=("cells", "log"), action="append", help="what to measure; by default both")
    parser.add_argument("--cells", type=int, default=8, help="of the study")
    parser.add_argument("--anchors", type=int, default=4, help="of a cell: as many to learn from, and held out")
    parser.add_argument("--rounds", type=int, default=1, help="of the cells, both ways")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder:
        print(json.dumps(carried_out(given.folder, given.cells, given.anchors, given.jobs)))
        return
    parts = {"cells": lambda: cells(given.rounds, given.cells, given.anchors), "log": appends}
    show: Callable[[dict], str] = json.dumps if given.json else _row
    for part in given.part or parts:
        for each in parts[part]():
            print(show(each), flush=True)


def _row(each: dict) -> str:
    ratio = f"{each['ratio']:>6}x" if each["ratio"] is not None else " " * 7
    said = f"{each['name']:<44} {each['value']:>8} {each['unit']:<2} {ratio}  {each['rival']}"
    return f"{said}  goal {each['goal']}: {'ok' if each['ok'] else 'MISSED'}"


if __name__ == "__main__":
    main()
