"""What a step of the audience graph costs in a browser, beside Mesa's own view of the same network.

Covers: from a slider's input event to the frame on the screen, in headless Chromium with software GL, on a Barabási-Albert graph
(m = 3, about 3 ties per member; of more than 50,000 a sample is drawn), with choices and exposure that change each frame; the
median of the steps. The screen is drawn 60 times a second and a frame is on it after the second time: 33 ms is the least that
can be seen. Mesa's view (`make_space_component` with matplotlib) is timed in Python, from a changed model to the image that it
would send. It computes a layout at every step; the ratio is to what is left when it is handed one. Rounds of both sides
alternate. Memory is the page's heap after collection, and its process's resident memory, over 1,000 steps. Needs the ``ui``
extra, playwright and Chromium. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

sys.path[0] = str(Path(__file__).resolve().parents[1])

from media_graph import CSR, build, layout  # noqa: E402
from tests.support.widget_page import WidgetPage, chromium  # noqa: E402

FRAMES, ROUNDS, STEPS = 40, 5, 12
SMALL, MOST_OF_MESA = 2_000, 10_000
GOALS = {SMALL: 100, 10_000: 100, 100_000: 500}
"""Members -> milliseconds a step."""
SCRUBS = 1_000
SCRUB = """async ([from, times]) => {
  const slider = document.querySelector(".md-slider"), took = [];
  const shown = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  for (let i = from; i < from + times; i++) {
    const began = performance.now();
    slider.value = i % %d;
    slider.dispatchEvent(new Event("input"));
    await shown();
    took.push(performance.now() - began);
  }
  gc();
  return { took, heap: performance.memory.usedJSHeapSize };
}""".replace("%d", str(FRAMES))


def widget(csr: CSR) -> Any:
    """Return a widget whose every frame changes many members."""
    from analysis.ui.graph import DiffusionGraph, categories

    rng = np.random.default_rng(1)
    when = rng.integers(1, FRAMES, csr.n)
    frames = np.arange(FRAMES)[:, None]
    fills = np.where(frames >= when, rng.integers(1, 3, csr.n), 0)
    outlines = np.clip((frames + 4 >= when).astype(int) + (frames >= when + 2), 0, 2)
    return DiffusionGraph(
        layout(csr), csr, fills, outlines=outlines, palette=categories("AB", neutral="none"), renderer="canvas"
    )


class Mesa:
    """Mesa's own view of the same network, one agent per member."""

    def __init__(self, csr: CSR) -> None:
        import mesa
        from mesa.discrete_space import FixedAgent, Network

        from media_graph import from_csr

        class Society(mesa.Model):
            def __init__(self) -> None:
                super().__init__(rng=1)
                self.grid = Network(from_csr(csr).to_undirected(), capacity=1, random=self.random)
                for cell in self.grid.all_cells:
                    FixedAgent(self).cell = cell

        self.model, self.shown = Society(), 0

    def step(self, places: dict[int, Any] | None = None) -> float:
        """Return milliseconds from a changed model to the image of its component, as ``SpaceMatplotlib`` makes it.

        Args:
            places: handed over as the layout, which it computes otherwise.
        """
        from matplotlib.figure import Figure
        from mesa.visualization.mpl_space_drawing import draw_space

        self.shown += 1
        began = time.perf_counter()
        figure = Figure()
        given = {} if places is None else {"layout_alg": lambda _graph: places, "layout_kwargs": {}}
        draw_space(self.model.grid, self._portray, ax=figure.add_subplot(), **given)
        figure.savefig(io.BytesIO(), format="png", bbox_inches="tight")
        return 1000 * (time.perf_counter() - began)

    def _portray(self, agent: Any) -> dict[str, Any]:
        return {"color": "tab:blue" if (agent.unique_id + self.shown) % 3 else "tab:orange", "size": 10}


def resident(browser: Any) -> float:
    """Return the resident memory of Chromium's pages in MB."""
    session = browser.new_browser_cdp_session()
    pages = [one["id"] for one in session.send("SystemInfo.getProcessInfo")["processInfo"] if one["type"] == "renderer"]
    session.detach()
    statuses = [Path(f"/proc/{pid}/status").read_text("utf-8") for pid in pages]
    return (
        sum(int(line.split()[1]) for text in statuses for line in text.splitlines() if line.startswith("VmRSS:")) / 1024
    )


def step_figure(n: int, browser: Any) -> dict[str, Any]:
    """Time steps, and Mesa's alternately where it can."""
    csr = build("barabasi_albert", n, 1, m=3)
    drawn = widget(csr)
    places = dict(enumerate(np.frombuffer(drawn.places, "<f4").reshape(-1, 2)))
    page, theirs = WidgetPage(browser, drawn), []
    rival = Mesa(csr) if n <= MOST_OF_MESA else None
    page.js(SCRUB, [0, 3])
    ours: list[float] = []
    for round_ in range(ROUNDS):
        ours += page.js(SCRUB, [STEPS * round_, STEPS])["took"]
        if rival:
            theirs.append(rival.step(places))
    clean = not page.errors and not page.strays
    page.close()
    value = median(ours)
    said = f"Mesa, its layout given: {median(theirs):.0f} ms" if theirs else "none"
    if rival and n == SMALL:
        said += f"; as it is, once: {rival.step():.0f} ms"
    return {
        "name": f"step, {n:,} members", "value": round(value, 1), "unit": "ms", "rival": said,
        "ratio": round(median(theirs) / value, 1) if theirs else None, "goal": f"<= {GOALS[n]} ms",
        "slowest": round(max(ours), 1), "ok": value <= GOALS[n] and clean,
    }  # fmt: skip


def memory_figures(browser: Any) -> list[dict[str, Any]]:
    """Measure what 1,000 steps leave behind, at 10,000 members."""
    page = WidgetPage(browser, widget(build("barabasi_albert", 10_000, 1, m=3)))
    before = page.js(SCRUB, [0, 100])["heap"]
    resident_before = resident(browser)
    heap = (page.js(SCRUB, [0, SCRUBS])["heap"] - before) / 2**20
    whole = resident(browser) - resident_before
    page.close()
    return [
        {
            "name": f"{what} over {SCRUBS:,} steps", "value": round(grown, 2), "unit": "MB", "rival": "none", "ratio": None,
            "goal": f"<= {goal} MB", "ok": grown <= goal,
        }
        for what, grown, goal in (("heap", heap, 1), ("resident memory", whole, 24))
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    given = parser.parse_args()
    with chromium() as browser:
        for n in GOALS:
            show(step_figure(n, browser), given.json)
        for line in memory_figures(browser):
            show(line, given.json)


def show(line: dict[str, Any], as_json: bool) -> None:
    """Print one figure."""
    print(json.dumps(line) if as_json else "  ".join(f"{key}={value}" for key, value in line.items()), flush=True)


if __name__ == "__main__":
    main()
