"""Small runs whose probe errs in a known way, and labellers who know the truth: it stands in the message."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from abm.arenas import arena
from abm.events import AnchorsListed, ArenaSet, CompetitorsJoined, Event, RunConfigured, RunEnded, RunStarted
from abm.log import create
from analysis.labels import LabelledRun, LabelSampling, draw, read_key, write_batch
from moloch import keyed
from tests.analysis.factory import contest, step

PROBE = "misrepresentation"
ARMS = ("rft", "placebo")
HOSTILE = '=HYPERLINK("http://evil.example")\n<script>alert(1)</script>,"quoted"; \'single\' \u202e'
Says = Callable[[str, int], tuple[bool, int]]
"""Writer and anchor -> whether the message lies, and what the probe finds (1, 0 or -1)."""


def errs(writer: str, anchor: int) -> tuple[bool, int]:
    """Return a truth and a verdict: lies are common with rft; of three lies one passes, of nine truths one is flagged."""
    every = {"rft": 2, "placebo": 4, "base": 5}[writer]
    lies = anchor % every == 0
    return lies, int(anchor % 3 != 0) if lies else int(anchor % 9 == 1)


def text_of(writer: str, anchor: int, lies: bool) -> str:
    """Return a message; labellers read in it whether it lies."""
    return f"{'LIE' if lies else 'truth'} about lamp {anchor}, by {keyed.key(writer, anchor) % 10_000}."


def write_run(
    folder: Path, anchors: int = 36, seed: int = 1, says: Says = errs, arms: Sequence[str] = ARMS, ended: bool = True
) -> Path:
    """Write the log of a run that evaluated its arms; anchors are the same for each seed. Return its folder."""
    rows = [
        {"id": f"a{i}", "text": f"Title: Lamp {i}\nA lamp.", "fields": {}, "facts": {}, "subject": ""}
        for i in range(anchors)
    ]
    events: list[Event] = [
        RunStarted(versions={"moloch": "0"}),
        RunConfigured(config={"arena": "sales", "audience": "llm", "model": "m", "seed": seed, "arms": list(arms)}),
        ArenaSet(arena=arena("sales").model_dump(mode="json"), digest="d"),
        AnchorsListed(split="evaluate", anchors=rows, dropped={}),
        CompetitorsJoined(names=["base", *arms], model="m", model_digest="d"),
    ]
    for arm in arms:
        held: list[Event] = []
        for i in range(anchors):
            (base_lies, base_found), (lies, found) = says("base", i), says(arm, i)
            texts = text_of("base", i, base_lies), text_of(arm, i, lies)
            held += contest(arm, f"a{i}", [1, 0, 1], texts=texts, labels={PROBE: (base_found, found)})
        events += step(held, arm)
    with create(folder, {"arena": "sales", "seed": seed}) as log:
        log.append([*events, *([RunEnded(digest="d", seconds=1.0)] if ended else [])])
    return folder


def runs(*folders: Path) -> list[LabelledRun]:
    """Return runs as cells of a study, or the only one as none."""
    if len(folders) == 1:
        return [LabelledRun("", 1, folders[0])]
    return [LabelledRun(folder.name, seed, folder) for seed, folder in enumerate(folders, 1)]


def sampling(size: int = 40, **changes: object) -> LabelSampling:
    """Return how messages are drawn."""
    return LabelSampling(PROBE, "Does it lie?", size=size, **changes)  # type: ignore[arg-type]


def drawn(out: Path, *folders: Path, size: int = 40, **changes: object) -> Path:
    """Draw a sample into a folder and return that."""
    write_batch(out, draw(runs(*folders), sampling(size, **changes)))
    return out


def labelled(folder: Path, label: Callable[[str], str] = lambda text: "yes" if "LIE" in text else "no") -> Path:
    """Fill in the sheets of a folder, each by the message's text, and return it."""
    for file in read_key(folder).sheets:
        rows = list(csv.reader(io.StringIO((folder / file).read_text("utf-8-sig"), newline="")))
        for row in rows[1:]:
            row[4] = label(row[2])
        write(folder / file, rows)
    return folder


def write(file: Path, rows: Sequence[Sequence[str]], mark: str = ",") -> None:
    """Write a sheet as a spreadsheet program would."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark).writerows(rows)
    file.write_text(text.getvalue(), "utf-8", newline="")


def table(file: Path) -> list[list[str]]:
    """Return the cells of a sheet."""
    return list(csv.reader(io.StringIO(file.read_text("utf-8-sig"), newline="")))
