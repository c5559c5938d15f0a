"""What a study costs besides its runs: its page worked out, and the votes of all its cells, grouped as one frame.

Covers: a page of 10,000 cells that all have other settings, checked and identified, against the same settings made by pydantic and hashed one by
one, which finds no mistake of the page and gives no place; cells whose logs are written the way runs write them (crowds' votes as columns, two arms, two factors), and are projected the way a
first reader projects them; then votes per factor and arm over 10, 100 and more of them, each in a process of its own that has seen none of the
files: votes per second, the checks that each file is as it was made included, and again once they are checked; peak memory above imports,
which must not grow with the number of cells; against what a script would do by hand, the concatenation of one Parquet scan per cell
with its factors, which checks nothing. Seconds are of wall-clock time; beside them the seconds of CPU. Needs Linux. By default 10 and 100 cells of
100,000 votes, under a minute; ``--cells 10 100 1000`` is the long form: 10^8 votes. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])
sys.path.append(str(Path(__file__).resolve().parent))

import numpy as np  # noqa: E402
from audience import _memory_mb as memory_mb  # noqa: E402

from abm.events import ContestDecided, ContestOpened, Event, RunEnded  # noqa: E402
from abm.log import create  # noqa: E402
from abm.log.projection import scan_votes  # noqa: E402
from abm.log.segments import segments  # noqa: E402
from abm.reactions import reacted_many  # noqa: E402
from analysis.frames import CellRun, of_cells  # noqa: E402
from learning import RunConfig  # noqa: E402
from moloch.content import content_id  # noqa: E402

CONTESTS = 20
ARENAS, MARKETS = ("sales", "elections", "social"), ("solo", "frozen")
GROUPS = ("arena", "arm")
PLANNED, PLANNED_S = 10_000, 2.0
"""Cells of a page, and the CPU seconds within which they are to be planned."""
GOAL = 20_000_000
"""Votes per second."""
FLAT = 1.5
"""Peak memory of the most cells, as a multiple of that of the fewest."""


def cells(folder: Path, number: int) -> list[CellRun]:
    """Return the cells of a study, whether or not they are there."""
    return [
        CellRun(f"cell-{i:04d}", i, {"arena": ARENAS[i % 3], "market": MARKETS[i % 2]}, folder / f"cell-{i:04d}")
        for i in range(number)
    ]


def happened(seed: int, votes: int) -> Iterator[Event]:
    """Yield the events of a cell: crowds of ``votes / CONTESTS`` members who chose between two messages, in their own orders."""
    draw, members = np.random.default_rng(seed), np.arange(votes // CONTESTS)
    for i in range(CONTESTS):
        contest = f"evaluate/2/{('rft', 'placebo')[i % 2]}/{draw.bytes(8).hex()}"
        first = draw.integers(0, 2, len(members)).astype(np.int8)
        chosen = draw.choice(np.array([-1, 0, 1], np.int8), len(members), p=[0.1, 0.4, 0.5])
        counts = [int((chosen == slot).sum()) for slot in (0, 1)]
        yield ContestOpened(step=i, contest=contest, anchor=contest[-16:], messages=[f"{contest}/0", f"{contest}/1"])
        yield reacted_many(contest, members, np.stack([first, 1 - first], axis=1), chosen, step=i, cause=0)
        yield ContestDecided(
            step=i, contest=contest, votes=counts, abstained=len(members) - sum(counts), invalid=0, outcome="majority",
            winner=int(counts[1] > counts[0]), ties="skip",
        )  # fmt: skip
    yield RunEnded(digest="", seconds=1.0)


def write(folder: Path, number: int, votes: int) -> tuple[float, float]:
    """Write the cells' logs and have them projected; return the seconds of both."""
    began = time.perf_counter()
    for cell in cells(folder, number):
        with create(cell.folder, {"seed": cell.seed}) as log:
            log.append(list(happened(cell.seed, votes)))
    written = time.perf_counter()
    for cell in cells(folder, number):
        scan_votes(cell.folder)
    return written - began, time.perf_counter() - written


def grouped(folder: Path, number: int, by_hand: bool) -> dict[str, float]:
    """Group the votes of some cells twice in this process, which has not seen them; return what it took."""
    import polars as pl

    frame = concatenated if by_hand else of_cells
    before, took, cpu, tables = memory_mb("VmRSS"), [], [], []
    for _ in range(2):
        began, used = time.perf_counter(), _cpu()
        query = frame(cells(folder, number), "votes").group_by(GROUPS).agg(pl.len(), won=(pl.col("choice") == 1).mean())
        tables.append(query.collect(engine="streaming"))
        took.append(time.perf_counter() - began)
        cpu.append(_cpu() - used)
    return {
        "votes": int(tables[1]["len"].sum()), "first": took[0], "again": took[1], "cpu": cpu[1],
        "peak": memory_mb("VmHWM") - before,
    }  # fmt: skip


def concatenated(runs: list[CellRun], name: str):
    """Return the frame of cells by hand: a scan of each one's Parquet with its factors, one after the other."""
    import polars as pl

    frames = []
    for run in runs:
        (segment,) = segments(run.folder)
        scanned = pl.scan_parquet(run.folder / "frames" / f"{name}-{segment.first:020d}.parquet")
        frames.append(scanned.with_columns(cell=pl.lit(run.cell), **{k: pl.lit(v) for k, v in run.factors.items()}))
    return pl.concat(frames)


def plans(folder: Path, sizes: list[int], votes: int) -> Iterator[dict]:
    """Yield what it takes to work out a page; both ways alternate."""
    from analysis.studies.pages.cells import cells_of
    from analysis.studies.pages.page import page_of

    epochs = list(range(1, PLANNED // 6 + 1))
    levels = {"arena": list(ARENAS), "audience": ["default", "neutral"], "epochs": epochs}
    took, cells = list[tuple[float, float]](), 0
    for _ in range(5):
        began = _cpu()
        cells = len(cells_of(page_of({"name": "plan", "cross": levels, "seeds": 1})).cells)
        made = _cpu()
        ids = {_identified(dict(zip(levels, each, strict=True))) for each in product(*levels.values())}
        took.append((made - began, _cpu() - made))
        if len(ids) != cells:
            raise SystemExit(f"{cells} cells are {len(ids)} settings")
    ours, theirs = (median(each) for each in zip(*took, strict=True))
    yield {
        "name": f"planned, {cells:,} cells", "value": round(ours, 2), "unit": "s of CPU",
        "rival": f"pydantic and a hash alone: {theirs:.2f}", "ratio": round(ours / theirs, 2),
        "goal": f"<= {PLANNED_S} s of CPU", "ok": ours <= PLANNED_S,
    }  # fmt: skip


def _identified(settings: dict[str, Any]) -> str:
    return content_id(RunConfig.model_validate(settings).model_dump(mode="json"))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def frames(folder: Path, sizes: list[int], votes: int) -> Iterator[dict]:
    """Yield the figures of grouping all votes of a study."""
    written, projected = write(folder, max(sizes), votes)
    total = max(sizes) * votes
    files = sum(path.stat().st_size for path in folder.glob("*/frames/*"))
    yield figure("votes written", total / written, "votes/s", f"seconds: {written:.1f}", 0, 0)
    yield figure("votes projected, once", total / projected, "votes/s", f"bytes a vote: {files / total:.2f}", 0, 0)
    peaks: list[float] = []
    for number in sizes:
        ours = _alone(folder, number, by_hand=False)
        theirs = _alone(folder, number, by_hand=True)
        if ours["votes"] != theirs["votes"] or ours["votes"] != number * votes:
            raise SystemExit(f"{number} cells hold {number * votes} votes, not {ours['votes']} or {theirs['votes']}")
        about = f"{number:,} cells, {ours['votes']:,} votes"
        peaks.append(ours["peak"])
        rival = f"a scan per cell by hand: {theirs['votes'] / theirs['again']:.0f}"
        hand = theirs["votes"] / theirs["again"]
        goal = GOAL if number == max(sizes) else 0
        yield figure(f"grouped, {about}", ours["votes"] / ours["again"], "votes/s", rival, hand, goal)
        yield figure("  the first time, files checked", ours["votes"] / ours["first"], "votes/s", rival, hand, 0)
        yield figure("  per second of CPU", ours["votes"] / ours["cpu"], "votes/s", rival, hand, 0)
        line = figure(
            "  peak memory above imports",
            ours["peak"],
            "MB",
            f"a scan per cell by hand: {theirs['peak']:.0f}",
            theirs["peak"],
            0,
        )
        yield line | {"goal": f"<= {FLAT}x that of {sizes[0]} cells", "ok": ours["peak"] <= FLAT * peaks[0]}


def _alone(folder: Path, number: int, *, by_hand: bool) -> dict[str, float]:
    command = [
        sys.executable,
        __file__,
        "--folder",
        str(folder),
        "--cells",
        str(number),
        *(["--by-hand"] if by_hand else []),
    ]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(found.stdout.splitlines()[-1])


def figure(name: str, value: float, unit: str, rival: str, rival_value: float, goal: float) -> dict:
    """Return one line of the report, of a rate; a goal or a rival of 0 is none."""
    return {
        "name": name, "value": round(value), "unit": unit, "rival": rival,
        "ratio": round(value / rival_value, 3) if rival_value else None,
        "goal": f">= {goal:,.0f} {unit}" if goal else "", "ok": value >= goal,
    }  # fmt: skip


PARTS: dict[str, Callable[[Path, list[int], int], Iterator[dict]]] = {"plan": plans, "frames": frames}
"""What is measured, by name; each yields its figures, in a folder of its own."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--part", choices=PARTS, action="append", help="what to measure; by default all")
    parser.add_argument("--cells", type=int, nargs="+", default=[10, 100], help="numbers of cells, the smallest first")
    parser.add_argument("--votes", type=int, default=100_000, help="of each cell")
    parser.add_argument("--dir", type=Path, help="a folder on the disk to measure")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--by-hand", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder:
        print(json.dumps(grouped(given.folder, given.cells[0], given.by_hand)))
        return
    for part in given.part or PARTS:
        with tempfile.TemporaryDirectory(dir=given.dir) as temporary:
            for line in PARTS[part](Path(temporary), sorted(given.cells), given.votes):
                show(line, given.json)


def show(line: dict, as_json: bool) -> None:
    """Print a figure as soon as it is there."""
    if as_json:
        print(json.dumps(line), flush=True)
        return
    goal = f"  goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}" if line["goal"] else ""
    ratio = f"{line['ratio']:>7}x" if line["ratio"] is not None else " " * 8
    print(f"{line['name']:44} {line['value']:>13,} {line['unit']:8} {ratio}  {line['rival']}{goal}", flush=True)


if __name__ == "__main__":
    main()
