"""How soon `moloch ui` shows a list of 1,000 runs and a study of 200 cells, in headless Chromium.

Covers: from entering the address to the rows on the page (first content), and to what each came to (its results are counted after, for the rows
on the page alone); medians of the rounds, after one whose times do not count. The runs are real: 200 cells of one study (100 seeds, 2 audiences, the
moves model of benchmarks/calibration_pages.py, about a minute), and copies of its cells as runs on their own.
Needs Linux, the ``ui`` extra, playwright and Chromium. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path[:1] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from calibration_pages import BASE  # noqa: E402
from watching import server  # noqa: E402

from analysis.studies.study import Study  # noqa: E402
from tests.support.widget_page import chromium  # noqa: E402

CELLS, RUNS = 200, 1_000
GOAL = 2.0
"""Most seconds to first content, on a machine that does nothing else."""
SMALL = {"train_anchors": 4, "held_out_anchors": 4, "train_personas": 4, "held_out_personas": 4}
FIRST = {"list": "tbody tr", "study": ".m-page tbody tr"}
WHOLE = {"list": "tbody tr td:has-text('beyond')", "study": "h2:text-is('Beyond placebo')"}


def write(folder: Path, cells: int, runs: int) -> str:
    """Carry out the study, and copy its cells until the folder has so many runs beside it; return the study's name."""
    cross = {"audience": {name: {"audience": name} for name in ("default", "neutral")}}
    study = Study(name="many", base=BASE | SMALL, seeds=cells // 2, cross=cross, out=folder / "many")
    study.run(jobs=2)
    held = [folder / "many" / "cells" / cell.name for cell in study.cells]
    for number in range(runs):
        shutil.copytree(held[number % len(held)], folder / f"run{number:04}")
    return "many"


def timed(page: Any, address: str, shown: tuple[str, str]) -> tuple[float, float]:
    """Return the seconds from entering an address to its first content, and to the whole of it."""
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(shown[0])
    first = time.perf_counter() - began
    page.wait_for_selector(shown[1])
    return first, time.perf_counter() - began


def figures(rounds: int, cells: int, runs: int) -> Iterator[dict[str, Any]]:
    """Measure, and yield one line per figure."""
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        study = write(Path(temporary) / "runs", cells, runs)
        for name, what, search in (
            ("list", f"list of {runs:,} runs and a study", ""),
            ("study", f"study of {cells} cells", f"?study={study}"),
        ):
            with server(Path(temporary)) as (_, url):
                page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
                shown = FIRST[name], WHOLE[name]
                times = [timed(page, url + search, shown) for _ in range(rounds + 1)]
                page.context.close()
            cold, warm = times[0], times[1:]
            first, whole = (median(column) for column in zip(*warm, strict=True))
            yield {
                "name": what, "value": round(first, 3), "unit": "s", "rival": "none", "ratio": None, "goal": f"<= {GOAL} s",
                "whole": round(whole, 3), "first_visit": [round(each, 3) for each in cold], "ok": max(first, cold[0]) <= GOAL,
            }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    for line in figures(given.rounds, given.cells, given.runs):
        cold, whole = line["first_visit"]
        text = f"{line['name']:32} first content {line['value']} s (first visit {cold} s), whole {line['whole']} s ({whole} s)"
        print(
            json.dumps(line) if given.json else f"{text}  goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
