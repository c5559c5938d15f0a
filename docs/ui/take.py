"""Take the pictures of docs/ui.md again: make the runs that they show, serve them, and photograph each page in Chromium.

    python docs/ui/take.py [--runs FOLDER] [NAME ...]

The runs (pocket model: not evidence about real LLMs) take some minutes; in a folder that is kept they are made once. Names are
those of the pictures, by default all. A complaint of the browser's console ends it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parents[1])

from analysis.studies.record.layout import LOG  # noqa: E402
from tests.support.ui_server import Visit, serving  # noqa: E402
from tests.support.widget_page import chromium  # noqa: E402

SMALL = (
    "--set",
    "train_anchors=8",
    "--set",
    "held_out_anchors=8",
    "--set",
    "arms=[rft, placebo]",
    "--set",
    "evaluate=every",
)
RUNS = {
    "sales": ("run",),
    "isolated": ("run", *SMALL, "--epochs", "1"),
    "networked": (
        "run", *SMALL, "--epochs", "2", "--world", "networked", "--set", "crowd={size: 300}",
        "--set", "network={graph: {kind: watts_strogatz}, polls: [1, 2]}",
    ),
    "neutral": ("fork", "networked", "--at", "2", "--set", "audience=neutral"),
    "llm": ("run", *SMALL, "--epochs", "1", "--audience", "llm"),
    "study": ("study", *SMALL, "--epochs", "1", "--seeds", "3"),
}  # fmt: skip
"""Folder of a run or a study -> the command of ``moloch`` that makes it."""
GRAPH = ".moloch-diffusion[data-frame]"


@dataclass(frozen=True)
class Shot:
    """One picture: an address, what is waited for, how high the window is; what is clicked then, and waited for."""

    search: str
    wait: str
    height: int = 800
    click: str = ""
    then: str = ".m-outcome"


SHOTS = {
    "runs": Shot("", '.m-list:not(:has-text("…"))'),  # once results are counted
    "result": Shot("?run=sales", ".m-forest", 1060),
    "study": Shot("?study=study", ".m-forest", 1200),
    "diffusion": Shot("?run=networked&page=diffusion&t=12", GRAPH),
    "opinion": Shot("?run=networked&page=diffusion&t=30&fill=opinion", GRAPH),
    "isolated": Shot("?run=isolated&page=diffusion&t=6", GRAPH),
    "people": Shot("?run=networked&page=people", ".m-people .m-table", 900),
    "message": Shot(
        "?run=networked&page=people&frame=messages&sort=-reach", ".m-people .m-table", 1200, "td.m-wide a", "#m-way"
    ),
    "persona": Shot("?run=llm&page=persona&persona=21", ".m-story", 1000),
    "member": Shot("?run=networked&page=persona&persona=335", ".m-story", 1000),
    "agents": Shot("?run=networked&page=agents", ".m-table", 900),
    "contests": Shot("?run=isolated&page=contests", ".m-table"),
    "contest": Shot("?run=isolated&page=contests&outcome=misbehaved", ".m-table", 1000, "td a"),
    "training": Shot("?run=networked&page=training", ".m-table"),
    "probes": Shot("?run=networked&page=probes", ".m-table"),
    "rows": Shot("?run=isolated&page=rows&frame=verdicts&where=label:1", ".m-rows"),
    "event": Shot(
        "?run=isolated&page=rows&frame=verdicts&where=label:1", ".m-rows", 900, ".m-rows tbody a", ".m-event"
    ),
    "compare": Shot("?run=networked&page=compare&other=neutral&t=30", "text=Settings that differ", 1500),
}


def make(folder: Path) -> None:
    """Carry out the runs that are not there yet."""
    for name, (verb, *arguments) in RUNS.items():
        if not any((folder / name / place / "run.json").exists() for place in ("", LOG)):
            moloch = (sys.executable, "-c", "from analysis.cli import main; main()")
            subprocess.run([*moloch, verb, *arguments, "--out", name], cwd=folder, check=True)


def take(folder: Path, names: list[str]) -> None:
    """Photograph pages of the runs in a folder, in the light and in the dark."""
    with serving(*(folder / name for name in RUNS), cwd=folder) as url, chromium() as browser:
        for name in names or SHOTS:
            for scheme in ("light", "dark"):
                shot, kept = SHOTS[name], HERE / f"{name}{'' if scheme == 'light' else '-dark'}.png"
                visit = Visit(browser, url, height=shot.height, color_scheme=scheme)
                page = visit.open(shot.search, shot.wait)
                if shot.click:
                    page.locator(shot.click).first.click()
                    page.wait_for_selector(shot.then)
                page.evaluate("document.fonts.ready")
                page.wait_for_timeout(1000)  # for motion to end
                page.screenshot(path=kept)
                visit.close()
                if visit.errors:
                    sys.exit(f"{name}: {visit.errors}")
                print(kept.name, flush=True)


def main() -> None:
    """Make and take."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *SHOTS], metavar="NAME", help=", ".join(SHOTS))
    parser.add_argument("--runs", type=Path, help="a folder to keep the runs in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.runs or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        make(folder.resolve())
        take(folder.resolve(), given.names)


if __name__ == "__main__":
    main()
