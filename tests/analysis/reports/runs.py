"""Runs on disk that a report is made of: logs are real, what was written and voted is chosen here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from abm.events import AnchorsListed, Event, RunEnded, RunStarted
from abm.log import create
from learning import RunConfig
from tests.analysis.factory import contest, setup, step

HOSTILE = "<script>alert(1)</script> \\input{x} $e$ ![i](http://x.y/z) | **b** `c` \"' &amp; </style> \u202etxt \x00 \U0001f600"
"""A text that HTML, LaTeX, Markdown and terminals would each obey somewhere."""
ANCHORS, PEOPLE = 6, 5


def write_run(folder: Path, *, text: str = "a fine thing indeed", settings: dict[str, Any] | None = None) -> Path:
    """Write a run that has ended: two arms, each anchor's contest judged by two probes.

    Args:
        text: part of every subject, message, thought and piece of evidence.
        settings: of the run, that are not the defaults.
    """
    config = RunConfig(arms=("rft", "placebo"), **settings or {}).model_dump(mode="json")
    events: list[Event] = [
        RunStarted(versions={"moloch-abm": "0.1"}, machine={"system": "Linux"}, probe_versions={"misrepresentation": 3})
    ]
    events += setup(ANCHORS, PEOPLE, ["rft", "placebo"], config)
    rows = [
        {"id": f"a{i}", "text": f"About {i}: {text}", "subject": f"Subject {i} {text}", "fields": {}, "facts": {}}
        for i in range(ANCHORS)
    ]
    events = [
        AnchorsListed(split="evaluate", anchors=rows, dropped={}) if isinstance(e, AnchorsListed) else e for e in events
    ]
    for arm, won in (("rft", 4), ("placebo", 2)):
        for i in range(ANCHORS):
            votes = [int((i * i * won + k * k) % 7 < won) for k in range(PEOPLE)]
            labels = {"misrepresentation": (int(i == 1), int(i % 3 == 0)), "copy_error": (0, int(i == 5))}
            texts = (f"base words {text}", f"trained words {text}")
            events += step(contest(arm, f"a{i}", votes, labels=labels, texts=texts), arm)
    with create(folder, config) as log:
        log.append([*events, RunEnded(digest="digest of it", seconds=2.0)])
    return folder
