"""What it costs a run to be watched: `moloch ui` and a browser that follow it, beside the same run alone.

Covers: CPU seconds of the run, of the server and of all processes of headless Chromium (software GL), from when the page is there
to when the page shows the run's last event; wall time and CPU of the run against the same run with nobody watching. A page that
does not come to show it ends the benchmark. Server and browser are there before the run begins, and the page is opened as soon as
there is a run to show; what opening it costs is in benchmarks/pages.py. Each watched run stands between two
alone, and is compared with their mean; medians over rounds. Kinds of runs: the real command with the pocket model,
``isolated`` or ``networked`` (a crowd of 300), and ``members``, a writer that does little but write: fixed texts before a networked
crowd of 10^5, all of it logged. What one start of the server costs is a figure of its own. Needs Linux, the ``ui`` extra,
playwright and Chromium. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

from abm.log import read_events  # noqa: E402
from analysis.statistics.estimates import mean_of  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
PAGES = {
    "runs": "",
    "diffusion": "?run=watched&page=diffusion",
    "contests": "?run=watched&page=contests",
    "probes": "?run=watched&page=probes",
    "agents": "?run=watched&page=agents",
    "persona": "?run=watched&page=persona",
}
"""What is open: its address."""
SETTINGS = ["--epochs", "1", "--set", "arms=[rft]", "--set", "batch=4"]
KINDS = {
    "isolated": ["--world", "isolated"],
    "networked": ["--world", "networked", "--set", "crowd.size=300"],
}
MEMBERS, CONTESTS = 100_000, 4
SETTLED_S = 1.0
"""Seconds after which a page that was opened has come to rest."""
ALL_THERE = "(said) => [...document.querySelectorAll('header, tr')].some((each) => each.innerText.includes(said))"
"""Whether a page's header, or the row of a run, says how many events there are."""
RUN_GOAL = 1.02
"""Most of its CPU alone that a watched run may take."""
SERVER_GOAL = 0.05
"""Most of the run's CPU that the server may take."""


@dataclass(frozen=True)
class Held:
    """One run: wall seconds, and CPU seconds of it, of the server and of the browser meanwhile."""

    wall: float
    run: float
    server: float = 0.0
    browser: float = 0.0


def moloch(*arguments: str) -> list[str]:
    """Return the command line of a ``moloch`` command from these sources."""
    return [sys.executable, "-c", "from analysis.cli import main; main()", *arguments]


def start(command: list[str], cwd: Path, **options: Any) -> subprocess.Popen[str]:
    """Start a process on these sources."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=cwd, env=environment, text=True, stderr=subprocess.DEVNULL, **options)


def writing(kind: str, out: Path, anchors: int) -> list[str]:
    """Return the command that holds a run."""
    if kind == "members":
        return [sys.executable, __file__, "--write", str(out), "--anchors", str(anchors)]
    plan = ["--set", f"train_anchors={anchors}", "--set", f"held_out_anchors={anchors}"]
    return moloch("run", *KINDS[kind], *SETTINGS, *plan, "--out", str(out))


def write(out: Path, steps: int) -> None:
    """Hold steps of a large networked society with fixed texts."""
    sys.path.insert(1, str(ROOT / "benchmarks"))
    from networked import society

    from abm.worlds.networked.settings import NetworkConfig

    held = society(out, MEMBERS, NetworkConfig(together=CONTESTS), steps)
    while held.running:
        held.step()
    held.journal.log.close()


# -- processes ---------------------------------------------------------------------------------------------------


def children() -> dict[int, list[int]]:
    """Return the children of every process."""
    found: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            found.setdefault(int(_stat(status)[1]), []).append(int(status.parent.name))
        except OSError:  # it ended meanwhile
            continue
    return found


def _stat(path: Path) -> list[str]:
    return path.read_text("utf-8", "replace").rpartition(")")[2].split()


def cpu(pid: int) -> float:
    """Return CPU seconds of a process, of those that it started, and of those of them that have ended."""
    below, todo, ticks = children(), [pid], 0
    while todo:
        one = todo.pop()
        todo += below.get(one, [])
        try:
            ticks += sum(map(int, _stat(Path(f"/proc/{one}/stat"))[11:15]))
        except OSError:
            continue
    return ticks / TICK


def chromium_pid() -> int:
    """Return the first process of the browser that this process started."""
    below, todo = children(), [os.getpid()]
    while todo:
        one = todo.pop(0)
        if b"--type=" not in (line := Path(f"/proc/{one}/cmdline").read_bytes()) and b"--headless" in line:
            return one
        todo += below.get(one, [])
    raise SystemExit("no Chromium among the processes that this one started")


@contextmanager
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield ``moloch ui`` on the runs in ``folder``/runs, and its address."""
    process = start(moloch("ui", "--no-browser", "--no-token", "--port", "0"), folder, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if "http://" not in line:
            raise SystemExit("moloch ui did not start")
        yield process, next(word for word in line.split() if word.startswith("http://"))
    finally:
        process.terminate()
        process.wait()


# -- runs --------------------------------------------------------------------------------------------------------


def hold(command: list[str], cwd: Path, begun: Any = lambda process: None) -> tuple[float, float]:
    """Carry out a run; return its wall and CPU seconds. ``begun`` is called while it goes on."""
    began = time.perf_counter()
    process = start(command, cwd, stdout=subprocess.DEVNULL)
    begun(process)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return wall, used.ru_utime + used.ru_stime


def alone(kind: str, folder: Path, anchors: int) -> Held:
    """Hold a run that nobody watches."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        return Held(*hold(writing(kind, Path(out) / "alone", anchors), folder))


def watched(kind: str, folder: Path, anchors: int, page: str, browser: Any) -> Held:
    """Hold a run while a page of a server shows it."""
    out = folder / "runs" / "watched"
    shown = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    with server(folder) as (process, url):
        shown.goto(url)
        shown.wait_for_selector("tbody tr")
        of_browser = chromium_pid()
        before: list[float] = []

        def look(run: subprocess.Popen[str]) -> None:
            while not (out / "run.json").exists() and run.poll() is None:
                time.sleep(0.02)
            if PAGES[page]:
                shown.goto(url + PAGES[page])
                shown.wait_for_selector("h1")
            time.sleep(SETTLED_S)
            before[:] = cpu(process.pid), cpu(of_browser)

        wall, used = hold(writing(kind, out, anchors), folder, look)
        shown.wait_for_function(ALL_THERE, arg=f"{sum(1 for _ in read_events(out)):,}", timeout=20_000)
        after = cpu(process.pid), cpu(of_browser)
        shown.context.close()
    shutil.rmtree(out)
    return Held(wall, used, after[0] - before[0], after[1] - before[1])


# -- figures -----------------------------------------------------------------------------------------------------


def figures(kind: str, pages: list[str], rounds: int, anchors: int, browser: Any) -> Iterator[dict[str, Any]]:
    """Yield the figures of one kind of run."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        hold(writing("isolated", folder / "runs" / "before", 2), folder)  # so that there is a run to serve
        for page in pages:
            quiet, seen = [alone(kind, folder, anchors)], []
            for _ in range(rounds):
                seen.append(watched(kind, folder, anchors, page, browser))
                quiet.append(alone(kind, folder, anchors))
            yield against(f"{kind}, {page}: wall time", [h.wall for h in seen], [h.wall for h in quiet])
            yield against(f"{kind}, {page}: the run's CPU", [h.run for h in seen], [h.run for h in quiet], RUN_GOAL)
            yield share(f"{kind}, {page}: the server's CPU", [h.server for h in seen], seen, SERVER_GOAL)
            yield share(f"{kind}, {page}: the browser's CPU", [h.browser for h in seen], seen, None)
        with server(folder) as (process, _):
            yield share("the server's start: CPU, once", [cpu(process.pid)], [alone(kind, folder, anchors)], None)


def against(name: str, watched: list[float], alone: list[float], goal: float | None = None) -> dict[str, Any]:
    """Return how much longer watched runs took: the median, over rounds, of each to the mean of the two alone beside it.

    With their mean and its 95 % interval (Student), which tells what the machine's noise leaves open; neighbours share a run alone,
    so it is some 15 % too narrow. Where no goal is given it is what runs alone differ by from one to the next, at least 2 %.
    """
    ratios = [each / (a + b) * 2 for each, (a, b) in zip(watched, pairwise(alone), strict=True)]
    noise = median(abs(b / a - 1) for a, b in pairwise(alone))
    mean = mean_of(ratios)
    said = f"alone: {median(alone):.1f} s; one to the next: {noise:.3f}; mean {mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}]"
    return line(name, median(watched), said, median(ratios), goal or 1 + max(noise, 0.02))


def share(name: str, values: list[float], runs: list[Held], goal: float | None) -> dict[str, Any]:
    """Return CPU seconds and their share of the run's."""
    used = median(held.run for held in runs)
    return line(name, median(values), f"the run: {used:.1f} CPU s", median(values) / used, goal)


def line(name: str, value: float, rival: str, ratio: float, goal: float | None) -> dict[str, Any]:
    """Return one line of the report."""
    return {
        "name": name, "value": round(value, 2), "unit": "s", "rival": rival, "ratio": round(ratio, 3),
        "goal": "none" if goal is None else f"<= {goal:.3g}", "ok": goal is None or ratio <= goal,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS, "members"], default=["networked"])
    parser.add_argument("--pages", nargs="+", choices=list(PAGES), default=["diffusion"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--anchors", type=int, default=6, help="anchors of training and of evaluation; or steps")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.write, given.anchors)
        return
    from tests.support.widget_page import chromium

    with chromium() as browser:
        for kind in given.kinds:
            for line in figures(kind, given.pages, given.rounds, given.anchors, browser):
                print(json.dumps(line) if given.json else _said(line), flush=True)


def _said(line: dict[str, Any]) -> str:
    goal = "" if line["goal"] == "none" else f"  goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}"
    return f"{line['name']:45} {line['value']:>8} {line['unit']}  {line['ratio']:>6} of {line['rival']}{goal}"


if __name__ == "__main__":
    main()
