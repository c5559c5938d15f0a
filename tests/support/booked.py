"""An extension that books every answer that a cell's model is asked for, and when: what was paid, whichever process was killed.

``serving: {llm: booked}`` is the pocket model as it always is; ``options: {of: fast}`` another backend. The book stands in the study's
folder, ``output/CELL.answered.txt``; :func:`repaid` holds it against the cell's log.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from abm.events import LLMReplied
from abm.llm import LLM, Request
from abm.llm.backends import BACKENDS, Opening
from abm.llm.port import Reply
from abm.log import read_events
from analysis.studies.record.layout import Layout


@BACKENDS.register("booked")
def booked(opening: Opening) -> LLM:
    """Open a model whose answers are booked: a batch before it is computed, others before they are handed on."""
    llm: Any = BACKENDS.get(str(opening.serving.options.get("of", "transformers")))(opening)
    assert opening.adapters is not None, "a cell's model is opened with the folder of its adapters"
    cell, answer = opening.adapters.parent, llm.complete
    layout = Layout(cell.parents[1])
    book = os.open(_book(layout, cell.name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(*asked: Request | Reply) -> None:
        now = time.time_ns() // 1_000_000
        os.write(book, "".join(f"{now} {each.site}\n" for each in asked).encode())

    def complete(requests: Sequence[Request]) -> Iterator[Reply]:
        if llm.unit == "batch":
            write(*requests)
        for reply in answer(requests):
            if llm.unit != "batch":
                write(reply)
            yield reply

    llm.complete = complete
    return llm


def _book(layout: Layout, cell: str) -> Path:
    return layout.output / f"{cell}.answered.txt"


def repaid(study: Path) -> tuple[int, int, int]:
    """Return how many answers models were asked for in a study; how many again though they were durable; and how many again after a kill
    met them on their way."""
    layout, asked, again, lost = Layout(study), 0, 0, 0
    for run in sorted(layout.cells.iterdir()):
        durable = {e.site: int(e.at * 1000) for e in read_events(run) if isinstance(e, LLMReplied)}  # by milliseconds
        lines = [line.split(" ", 1) for line in _book(layout, run.name).read_text("utf-8").splitlines()]
        assert {site for _, site in lines} >= durable.keys(), f"{run.name}: an answer was not booked"
        late = sum(site in durable and int(at) > durable[site] for at, site in lines)
        asked += len(lines)
        again += late
        lost += sum(times - 1 for times in Counter(site for _, site in lines).values()) - late
    return asked, again, lost
