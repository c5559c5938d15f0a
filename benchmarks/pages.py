"""How long the pages of `moloch ui` take, in headless Chromium with software GL.

Covers: from entering an address to the page's content, for each page of a finished run, in a browser whose cache is warm; from
pressing a tab to the other page's content; from choosing another colour to the graph in that colour; from an appended commit's
being durable to its number of events in the header. Medians of the rounds. Content is there when nothing on the page is busy
and, for Diffusion, when its graph is painted. Beside each: CPU seconds of the server and of the browser for it. The run is a real one of the
networked world, a crowd of 300, by the pocket model. Needs Linux, the ``ui`` and ``learn`` extras, playwright and Chromium.
Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

sys.path[:1] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from watching import chromium_pid, cpu, hold, server, writing  # noqa: E402

from abm.log import create, read_events  # noqa: E402
from tests.support.widget_page import chromium  # noqa: E402

PAGES = ("result", "diffusion", "persona", "agents", "contests", "training", "probes")
GRAPH, CONTENT = ".moloch-diffusion[data-frame]", ".m-page:not([aria-busy])"
GOALS = {"address": 3.0, "tab": 0.5, "colour": 0.5, "commit": 1.5}
"""Most seconds; aims for a machine that does nothing else."""
ANCHORS, COMMITS = 12, 12


class Pages:
    """A browser's page on a server.

    Attributes:
        page: playwright's.
        costs: what is measured -> seconds, CPU seconds of the server, and of the browser, for each time.
    """

    def __init__(self, browser: Any, url: str, pid: int) -> None:
        self.url, self.costs = url, {}
        self.page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        self._pids = (pid, chromium_pid())

    def time(self, name: str, act: Callable[[], Any], there: Callable[[], Any]) -> None:
        """Time from an act to what it leads to, and count what server and browser took until it came to rest."""
        before = [cpu(pid) for pid in self._pids]
        began = time.perf_counter()
        act()
        there()
        took = time.perf_counter() - began
        time.sleep(1.0)
        used = [cpu(pid) - was for pid, was in zip(self._pids, before, strict=True)]
        self.costs.setdefault(name, []).append((took, *used))

    def there(self, name: str) -> None:
        """Wait for a page's content."""
        self.page.wait_for_selector(f'nav [aria-current="page"]:text-is("{name.capitalize()}")')
        self.page.wait_for_selector(GRAPH if name == "diffusion" else CONTENT)

    def round(self) -> None:
        """Enter every address, and go from tab to tab."""
        page = self.page
        for name in PAGES:
            self.time(
                f"address: {name}", partial(page.goto, f"{self.url}?run=done&page={name}"), partial(self.there, name)
            )
        for name in (*PAGES[2:], *PAGES[:2]):
            tab = f'nav >> text="{name.capitalize()}"'
            self.time(f"tab: {name}", partial(page.click, tab), partial(self.there, name))
        legend = "() => document.querySelector('.moloch-diffusion .md-legend h3').textContent === 'Exposure'"
        self.time(
            "colour: exposure", lambda: page.locator("select").nth(1).select_option("exposure"),
            lambda: page.wait_for_function(legend),
        )  # fmt: skip

    def follow(self, source: Path, run: Path) -> None:
        """Append a run's last events one commit after the other, and wait for each in the header."""
        events, page = list(read_events(source)), self.page
        first = len(events) - COMMITS
        log = create(run, json.loads((source / "run.json").read_text())["config"])
        log.append(events[:first])
        page.goto(f"{self.url}?run={run.name}&page=contests")
        self.there("contests")
        pauses = random.Random(1)
        said = "(said) => document.querySelector('header').innerText.includes(said)"
        for seq in range(first, len(events)):
            time.sleep(pauses.uniform(0, 0.5))  # so that commits fall anywhere between two looks at the log
            shown = partial(page.wait_for_function, said, arg=f"{seq + 1:,}")
            self.time("commit: its events in the header", partial(log.append, [events[seq]]), shown)
        log.close()


def figures(rounds: int) -> Iterator[dict[str, Any]]:
    """Measure, and yield one line per figure."""
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        folder = Path(temporary)
        done = folder / "runs" / "done"
        hold(writing("networked", done, ANCHORS), folder)
        with server(folder) as (process, url):
            pages = Pages(browser, url, process.pid)
            pages.page.goto(f"{url}?run=done&page=diffusion")
            pages.there("diffusion")
            for number in range(rounds):
                pages.round()
                pages.follow(done, folder / "runs" / f"grows{number}")
                shutil.rmtree(folder / "runs" / f"grows{number}")
    for name, costs in pages.costs.items():
        took, of_server, of_browser = (median(column) for column in zip(*costs, strict=True))
        goal = GOALS[name.partition(":")[0]]
        yield {
            "name": name, "value": round(took, 3), "unit": "s", "rival": "none", "ratio": None, "goal": f"<= {goal} s",
            "server_cpu": round(of_server, 2), "browser_cpu": round(of_browser, 2), "ok": took <= goal,
        }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    for line in figures(given.rounds):
        cost = f"server {line['server_cpu']} CPU s, browser {line['browser_cpu']} CPU s"
        verdict = f"goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}"
        print(
            json.dumps(line) if given.json else f"{line['name']:35} {line['value']:>7} s  {cost}  {verdict}", flush=True
        )


if __name__ == "__main__":
    main()
