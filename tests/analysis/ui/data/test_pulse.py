"""How a run stands that has not ended: numbers of its log, why it is silent, why it stopped, and what resumes it."""

from __future__ import annotations

import pytest

from abm.events import AdapterTrained, StepEnded, StepStarted
from abm.llm.ledger import Cost
from abm.log import read_events
from analysis.readings.book import Book
from analysis.readings.progress import ProgressReading
from analysis.readings.reading import read, result_of
from analysis.studies.record.layout import LOG
from analysis.ui.data.film import is_written, newest
from analysis.ui.data.pulse import NO_WORD, SERVED, calls, pulse, resuming, standing
from learning.runs.traffic import Traffic


@pytest.fixture(scope="module")
def cut(isolated):
    """Returns what is known of a run after the n-th event of a type."""
    events = list(read_events(isolated))

    def until(kind, n):
        end = [i for i, event in enumerate(events) if isinstance(event, kind)][n]
        book, progress = Book(), ProgressReading()
        read(events[: end + 1], book, progress)
        return book, standing(progress)

    return until


def shown(state, book, now, **changes):
    """Return the strip of a run that is silent for 90 seconds."""
    given = {"spent": Cost(), "silent_s": 90.0, "why": "", "command": "moloch run x"} | changes
    found = pulse(state, book, now, **given)
    assert found is not None
    return found


def test_what_is_planned_is_what_is_asked(isolated, cut):
    """At a run's end as many calls are answered as its plan made; before it, fewer of the same number."""
    book, now = cut(StepEnded, 2)
    whole = result_of(read_events(isolated), Book())
    assert calls(book, now.parts) == whole.replies - whole.again > book.replies
    strip = shown("running", book, now)
    assert strip["facts"][0] == ["calls answered", f"{book.replies - book.again:,} of {whole.replies - whole.again:,}"]
    assert (strip["done"], strip["silent"], strip["stopped"], strip["command"]) == (6, "", "", "")


def test_what_its_process_says(cut):
    """Comes before what its log holds: calls that wait for a server are in none yet; a price that is not known is said so."""
    book, now = cut(StepEnded, 0)
    traffic = Traffic(
        answered=9, planned=20, tokens_in=70, tokens_out=30, tokens_per_s=12.0, usd=None, waiting={"HTTP 429": 31}, calls_left_s=40.0,
    )  # fmt: skip
    now = now._replace(progress=now.progress._replace(eta_s=None))
    strip = shown("running", book, now, traffic=traffic)
    assert strip["facts"][:5] == [
        ["calls answered", "9 of 20"], ["tokens", "70 read, 30 written"], ["speed", "12 tokens/s"],
        ["server", "waiting: HTTP 429 x31"], ["spent", "price unknown"],
    ]  # fmt: skip
    assert strip["eta"] == "about 40 s of calls left"


def test_why_it_is_silent(cut):
    """It learns; or a step is under way; each with how long such a thing took before, where it is known."""
    book, now = cut(AdapterTrained, 0)
    silent = shown("waiting", book, now)["silent"]
    assert silent.startswith("Nothing was written for 90 s: tfb learns (epoch 1); earlier ones took")
    book, now = cut(StepStarted, 0)
    assert "a step is under way" in shown("waiting", book, now)["silent"]


def test_why_it_stopped_and_what_resumes_it(isolated, cut, tmp_path):
    """What its process said last, or that it said nothing; the command names its own settings, of a cell its study."""
    book, now = cut(StepEnded, 2)
    stopped = shown("stopped", book, now, why="the budget is spent: 0 calls are left", spent=Cost(3, 5, 0.25))
    assert "after 6 of" in stopped["stopped"] and "the budget is spent" in stopped["stopped"]
    assert ["spent", "$0.25"] in stopped["facts"] and not stopped["live"]
    assert NO_WORD in shown("stopped", book, now)["stopped"] and not shown("stopped", book, now)["served"]
    book.served = True
    assert shown("stopped", book, now)["served"] == SERVED
    assert pulse("ended", book, now, Cost(), 0.0, "", "") is None
    assert resuming(isolated) == f"moloch resume {isolated}"
    (tmp_path / "study" / LOG).mkdir(parents=True)
    (tmp_path / "study" / LOG / "run.json").write_text("{}")
    assert resuming(tmp_path / "study" / "cells" / "s1") == f"moloch study run {tmp_path}/study"


def test_where_it_is(cut):
    """The newest step's society is the one that is followed, and the only one of which more may come."""
    book, _ = cut(StepStarted, 0)
    assert str(newest(book)) == "train/shared/1"
    last, _ = cut(StepStarted, -1)
    front = newest(last)
    assert front is not None and front.phase == "evaluate" and is_written(last, front)
    earlier = newest(book)
    assert earlier is not None and not is_written(last, earlier)
