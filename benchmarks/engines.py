"""What an engine adds to a cell: from its start to the word that it ended, for cells in which there is nothing to do.

Covers: local processes and a Ray cluster of this machine, one task after the other, once their processes are warm: a worker that
finds its claim gone, and ends. The rival is a Python of its own for each. Times are of the wall clock. Ray needs the ray extra.
Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

sys.path[0] = str(Path(__file__).resolve().parents[1])

from analysis.studies.engines import make_engine  # noqa: E402
from analysis.studies.work.tasks import Task, TaskEnd  # noqa: E402

WARM = 2
"""Tasks before the clock starts: the first imports what all need."""
GOALS = {"local": 50, "ray": 150}
"""Engine -> milliseconds a cell at most."""


def nothing(study: Path, number: int) -> Task:
    """Return a task whose worker finds that its claim belongs to another worker."""
    return Task(study, f"cell-{number}", 1, "", study / "output" / f"{number}.txt")


def engine_ms(name: str, study: Path, cells: int) -> float:
    """Return the median of what an engine takes for a task, in milliseconds."""
    engine = make_engine(name, 1, study)
    try:

        def carried_out(number: int) -> float:
            began, ends = time.perf_counter(), list[TaskEnd]()
            engine.start(nothing(study, number))
            while not ends:
                ends = engine.ended(60)
            assert ends[0].detail == "exit code 75", ends
            return 1000 * (time.perf_counter() - began)

        return median([carried_out(number) for number in range(cells + WARM)][WARM:])
    finally:
        engine.close()


def python_ms(study: Path, cells: int) -> float:
    """Return the same for a Python that is started for each."""

    def carried_out(number: int) -> float:
        began = time.perf_counter()
        subprocess.run(nothing(study, number).command, cwd=sys.path[0], stderr=subprocess.DEVNULL, check=False)
        return 1000 * (time.perf_counter() - began)

    return median(carried_out(number) for number in range(cells))


def figures(cells: int) -> list[dict]:
    """Return the lines of the report."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder)
        (study / "output").mkdir()
        rival = python_ms(study, max(3, cells // 10))
        names = [name for name in GOALS if name != "ray" or find_spec("ray")]
        return [line(name, engine_ms(name, study, cells), rival) for name in names]


def line(name: str, ms: float, rival: float) -> dict:
    """Return one line of the report; ``ok`` where a cell's milliseconds are within the goal."""
    return {
        "name": f"a cell with nothing to do, {name}",
        "value": round(ms, 2),
        "unit": "ms",
        "rival": f"a Python for each: {rival:.0f}",
        "ratio": round(ms / rival, 3),
        "goal": f"<= {GOALS[name]} ms",
        "ok": ms <= GOALS[name],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--cells", type=int, default=100)
    options = parser.parse_args()
    show: Callable[[dict], str] = json.dumps if options.json else _row
    for each in figures(options.cells):
        print(show(each))


def _row(each: dict) -> str:
    return f"{each['name']:<40} {each['value']:>8} {each['unit']}  {each['rival']}  {each['goal']}  {'ok' if each['ok'] else 'MISSED'}"


if __name__ == "__main__":
    main()
