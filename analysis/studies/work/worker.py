"""A worker: a process that carries out one cell, and says what became of it in a file. ::

    python -m analysis.studies.work.worker STUDY CELL --attempt N --token T

It takes over the claim that the controller made, and touches it while it works. Once the claim is lost it dies at once, as if
killed: a log survives that at any moment, and the owner of the next claim goes on from there. Knows no engine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import msgspec

from analysis.studies.record.claims import BEAT, Claims, HeldClaim
from analysis.studies.record.layout import Layout
from analysis.studies.storage import uploads
from analysis.studies.work.outcomes import (
    AttemptEnded,
    AttemptFailed,
    AttemptOutcome,
    message_of,
    origin_of,
    write_outcome,
)
from learning import Progress, RunConfig, run
from learning.runs.own_data import lay, named
from moloch.beats import beats
from moloch.errors import LogError

TAKEN = 75
"""Exit code of a worker whose claim belongs to another worker."""
UNSAID = 74
"""Of one whose word could not be written."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the cell that the command line names; return the exit code: 0, 3 for a failure, 130, or one of those above."""
    parser = argparse.ArgumentParser(prog="python -m analysis.studies.work.worker")
    parser.add_argument("study")
    parser.add_argument("cell")
    parser.add_argument("--attempt", type=int, required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--store", default="")
    given = parser.parse_args(arguments)
    layout = Layout(given.study)
    try:
        held = Claims(layout).take_over(given.cell, given.attempt, given.token)
    except LogError as error:
        say(str(error))
        return UNSAID
    if held is None:
        say(f"{given.cell}: attempt {given.attempt} belongs to another worker")
        return TAKEN
    with stopped_by(signal.SIGTERM, signal.SIGINT), touched(held):
        outcome = attempt(layout, given.cell, given.attempt, held, given.store)
        try:
            write_outcome(layout.outcome(given.cell, given.attempt), outcome)
            held.release()
        except (
            OSError
        ) as error:  # the disk is full: the run's log has what is durable, and this process is seen to be gone
            say(f"{given.cell}: cannot write how it ended: {error}")
            return UNSAID
    if isinstance(outcome, AttemptEnded):
        return 0
    return 130 if outcome.origin == "interrupted" else 3


def attempt(layout: Layout, cell: str, number: int, held: HeldClaim, store: str = "") -> AttemptOutcome:
    """Carry out a cell's run, or what is left of it, and return what became of it; nothing is raised.

    Args:
        store: URL of a folder in object storage to which its log goes meanwhile and then.
    """
    began, data = time.perf_counter(), list[str]()

    def report(progress: Progress) -> None:
        if held.is_lost:
            die(f"{cell}: attempt {number} was taken over")

    try:
        config = read_settings(layout.settings(cell))
        data = [str(path) for path in named(config).values()]
        lay(config, layout.cell(cell), (path.parent for path in sorted(layout.cells.glob("*/run.json"))))
        mirror = uploads.CellMirror(cell, layout.cell(cell), store) if store else None
        with mirror.following() if mirror else contextlib.nullcontext():
            done = run(config, layout.cell(cell), probes=_judges(config), report=report)
        if store:
            uploads.keep(layout, cell, done.path, store, done.head.hash)
        return AttemptEnded(
            done.head.hash, done.digest, done.head.seq, round(time.perf_counter() - began, 3), peak_bytes()
        )
    except BaseException as error:
        text = traceback.format_exc()
        say(text)
        file = layout.traceback(cell, number)
        with contextlib.suppress(OSError):
            file.write_text(text, "utf-8")
        return AttemptFailed(origin_of(error, data), message_of(error), file.name, peak_bytes())


def _judges(config: RunConfig) -> Any:
    from analysis.probes import battery

    return battery if config.probes is None else None


def write_settings(path: Path, config: RunConfig) -> None:
    """Write all settings of a run: where models are served and what may be spent, too, which are in no record of it."""
    record = config.model_dump(mode="json")
    for name in ("serving", "budget"):
        record[name] = getattr(config, name).model_dump(mode="json", exclude_defaults=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.write_bytes(msgspec.json.encode(record | {"gate": config.gate}))
    new.replace(path)


def read_settings(path: Path) -> RunConfig:
    """Return the settings that :func:`write_settings` wrote."""
    return RunConfig.model_validate(msgspec.json.decode(path.read_bytes()))


def peak_bytes() -> int:
    """Return the memory of this process at most."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def say(text: str) -> None:
    """Print to this process's output, which may be a file on a disk that is full."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def die(why: str) -> NoReturn:
    """End this process as a kill would: nothing is flushed, closed or written any more."""
    say(why)
    os._exit(TAKEN)


@contextlib.contextmanager
def touched(held: HeldClaim, every: float = BEAT) -> Iterator[None]:
    """Touch a claim from a thread of its own; die where it is lost, or where the process that started this one is gone."""
    parent = os.getppid()

    def touch() -> None:
        if not held.touch():
            die(f"{held.claim.cell}: attempt {held.claim.attempt} was taken over")
        if os.getppid() != parent:
            die(f"{held.claim.cell}: the process that started this worker is gone")

    with beats(touch, every, "claim"):
        yield


@contextlib.contextmanager
def stopped_by(*signals: signal.Signals) -> Iterator[None]:
    """Turn the first of these signals into ``KeyboardInterrupt``; further ones do nothing, so that what is left can be said."""
    stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            raise KeyboardInterrupt

    before = {each: signal.signal(each, stop) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


if __name__ == "__main__":
    sys.exit(main())
