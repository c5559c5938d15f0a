"""What the log's promises cost: durable appends and verification, against doing less.

Covers: append at 1,000 events per commit and at 1, against plain JSON Lines with ``fdatasync``, and SQLite;
verification of the whole chain, and typed reading, against decoding the same lines in memory; a segment becoming
Parquet, against the same decoding; votes per contest over Parquet, against the same query over JSON Lines; and what
share of a run's time logging takes. Rounds of both sides alternate on the same disk; the figure is the median of the
rounds. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import msgspec

from abm.events import AnyEvent, Event, MessagePublished, Reacted, VerdictGiven
from abm.log import EventLog, create, open_log, verify, writer
from abm.log.parquet import project
from abm.log.projection import scan
from abm.log.segments import segments

COMMIT = 1_000  # events
ROUNDS = 7

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyEvent)
_SYLLABLES = ("ba", "con", "der", "est", "fi", "gra", "in", "lo", "men", "nor", "per", "qua", "re", "sta", "tor", "un")


def mix(n: int, seed: int = 1) -> list[Event]:
    """Return ``n`` events: 85 % short ones, 10 % with a thought of 200 characters, 5 % with a text of 1 kB."""
    draw = random.Random(seed)
    vocabulary = ["".join(draw.choices(_SYLLABLES, k=draw.randint(1, 4))) for _ in range(5_000)]

    def text(size: int) -> str:
        words = " ".join(draw.choices(vocabulary, k=size // 2))
        return words[:size]

    def one(i: int) -> Event:
        kind, contest = draw.random(), f"e1-c{i // 20:05d}"
        if kind < 0.05:
            return MessagePublished(
                step=i // 200, message=f"{contest}/0", contest=contest, slot=0, competitor="pocket-0", anchor="a" * 16,
                adapter="", thinking=text(200), text=text(800),
            )  # fmt: skip
        if kind < 0.15:
            return Reacted(step=i // 200, contest=contest, persona=i % 20, order=[1, 0], choice=1, thought=text(200))
        if kind < 0.6:
            return Reacted(step=i // 200, contest=contest, persona=i % 20, order=[0, 1], choice=0, thought=text(20))
        return VerdictGiven(
            step=i // 200, message=f"{contest}/0", probe="new_quantity", judge="exact", label=0, evidence=[]
        )

    return [one(i) for i in range(n)]


def append_log(folder: Path, events: list[Event], per_commit: int) -> float:
    """Return events per second of the log."""
    with create(folder, {}) as log:
        began = time.perf_counter()
        for i in range(0, len(events), per_commit):
            log.append(events[i : i + per_commit])
        return len(events) / (time.perf_counter() - began)


def stamped(events: list[Event], first: int) -> list[Event]:
    """Return ``events`` with their places, from ``first`` on, and the time."""
    now = round(time.time(), 3)
    return [msgspec.structs.replace(event, seq=seq, at=now) for seq, event in enumerate(events, first)]


def append_lines(folder: Path, events: list[Event], per_commit: int) -> float:
    """Return events per second of plain JSON Lines with fdatasync, each with its place and time, as ours have them.

    No compression, chain, lock or recovery.
    """
    file = os.open(folder.with_suffix(".jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    began = time.perf_counter()
    for i in range(0, len(events), per_commit):
        os.write(file, _encoder.encode_lines(stamped(events[i : i + per_commit], i)))
        os.fdatasync(file)
    took = time.perf_counter() - began
    os.close(file)
    return len(events) / took


def append_sqlite(folder: Path, events: list[Event], per_commit: int, journal: str = "DELETE") -> float:
    """Return events per second of SQLite: a row per event, ``synchronous=FULL``.

    Args:
        journal: ``DELETE``, SQLite's default, or ``WAL``, which syncs once per commit, as we do.
    """
    base = sqlite3.connect(folder.with_suffix(".db"), isolation_level=None)
    base.execute(f"PRAGMA journal_mode={journal}")
    base.execute("PRAGMA synchronous=FULL")
    base.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, type TEXT, body BLOB)")
    began = time.perf_counter()
    for i in range(0, len(events), per_commit):
        base.execute("BEGIN")
        base.executemany(
            "INSERT INTO events VALUES (?, ?, ?)",
            (
                (event.seq, event.__struct_config__.tag, _encoder.encode(event))
                for event in stamped(events[i : i + per_commit], i)
            ),
        )
        base.execute("COMMIT")
    took = time.perf_counter() - began
    base.close()
    return len(events) / took


def bench_append(folder: Path, events: list[Event], per_commit: int, goal: float) -> dict:
    """Append the same events to both, alternately."""
    ours, theirs = _alternately(folder / f"lines-{per_commit}", events, per_commit, append_lines)
    return figure(f"append, {per_commit:,} per commit", ours, "events/s", theirs, "JSON Lines + fdatasync", goal)


def bench_sqlite(folder: Path, events: list[Event], journal: str, goal: float) -> dict:
    """Append the same events to both, alternately."""
    rival = partial(append_sqlite, journal=journal)
    ours, theirs = _alternately(folder / f"sqlite-{journal}", events, COMMIT, rival)
    name = f"SQLite, a row per event, FULL, {journal}"
    return figure(f"append, {COMMIT:,} per commit", ours, "events/s", theirs, name, goal)


def _alternately(
    folder: Path, events: list[Event], per_commit: int, rival: Callable[[Path, list[Event], int], float]
) -> tuple[float, float]:
    """Return the median rates of the log and of a rival."""
    folder.mkdir()
    ours, theirs = [], []
    for i in range(ROUNDS):
        theirs.append(rival(folder / f"rival-{i}", events, per_commit))
        ours.append(append_log(folder / f"log-{i}", events, per_commit))
    return median(ours), median(theirs)


def bench_main_job(folder: Path) -> dict:
    """Return the share of a small run's wall-clock time that passes within the log, once."""
    from analysis import battery
    from learning import RunConfig, run

    spent = [0.0]

    def timed(method: Callable) -> Callable:
        def call(*args: object, **given: object) -> object:
            began = time.perf_counter()
            try:
                return method(*args, **given)
            finally:
                spent[0] += time.perf_counter() - began

        return call

    for name in ("append", "submit", "close"):
        setattr(EventLog, name, timed(getattr(EventLog, name)))
    config = RunConfig(train_anchors=8, held_out_anchors=8, arms=("rft",))
    wall = seconds(lambda: run(config, folder / "main-job", probes=battery))
    return {
        "name": "logging in the main job", "value": round(100 * spent[0] / wall, 2), "unit": "% of time",
        "rival": f"the whole run: {wall:.1f} s", "ratio": round(spent[0] / wall, 4), "goal": "<= 5 %",
        "ok": spent[0] <= 0.05 * wall,
    }  # fmt: skip


def bench_reading(folder: Path, events: list[Event]) -> list[dict]:
    """Verify and read one log, against decoding its lines in memory."""
    run = folder / "reading"
    append_log(run, events, COMMIT)
    lines = b"".join(_encoder.encode(event) + b"\n" for event in open_log(run, write=False).read())

    def rate(work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        return len(events) / (time.perf_counter() - began)

    def read() -> None:
        for _ in open_log(run, write=False).read():
            pass

    rates = [(rate(lambda: verify(run)), rate(read), rate(lambda: decode(lines))) for _ in range(ROUNDS)]
    verified, typed, decoded = (median(column) for column in zip(*rates, strict=True))
    size = sum(path.stat().st_size for path in (run / "log").iterdir())
    return [
        figure("verify", verified, "events/s", decoded, "msgspec decode in memory", 0.8),
        figure("typed reading", typed, "events/s", decoded, "msgspec decode in memory", 0.5),
        {"name": "size", "value": round(size / len(events), 1), "unit": "bytes/event", "rival": "JSON Lines",
         "ratio": round(size / len(lines), 3), "goal": "<= 65 bytes/event", "ok": size / len(events) <= 65},
    ]  # fmt: skip


def decode(lines: bytes) -> None:
    """Decode a commit at a time, as a reader would: all at once costs memory and is slower."""
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + 200_000) + 1 or len(lines)
        _decoder.decode_lines(lines[start:end])
        start = end


def bench_projection(folder: Path, events: list[Event]) -> dict:
    """Read, verify and write a segment as Parquet, durably, against decoding its lines in memory."""
    run = folder / "projection"
    append_log(run, events, COMMIT)
    segment = segments(run)[0]
    lines = b"".join(block.lines for block in open_log(run, write=False).blocks())
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(len(events) / seconds(lambda: project(run, segment)))
        theirs.append(len(events) / seconds(lambda: decode(lines)))
    rival = "msgspec decode in memory"
    return absolute("Parquet projection", median(ours), median(theirs), rival, 400_000)


def bench_group_by(folder: Path, events: list[Event], times: int = 10) -> dict:
    """Count the votes per contest and slot: of a scanned run, whose sealed segment is Parquet, and of its JSON Lines.

    Only the query is timed, not the making of the projection. Every event counts, also those that are no votes.
    """
    import polars as pl

    run, plain = folder / "grouped", folder / "grouped.jsonl"
    writer.SEAL_EVENTS, kept = len(events) * times, writer.SEAL_EVENTS
    with create(run, {}) as log, plain.open("wb") as file:
        for i in range(times):
            changed = [
                msgspec.structs.replace(event, contest=f"{i}-{event.contest}")
                if isinstance(event, Reacted | MessagePublished)
                else event
                for event in events
            ]
            log.append(changed)
            file.write(_encoder.encode_lines(changed))
        log.append(events[:1])  # the next segment begins: the one before it is sealed
    writer.SEAL_EVENTS = kept

    def count(frame: pl.LazyFrame) -> pl.DataFrame:
        votes = frame.filter(pl.col("type") == "reacted").group_by("contest", "choice").len()
        return votes.collect(engine="streaming")

    scanned = scan(run)
    schema = {"type": pl.String, "contest": pl.String, "choice": pl.Int64}
    n, ours, theirs = len(events) * times, [], []
    for _ in range(ROUNDS):
        ours.append(n / seconds(lambda: count(scanned)))
        theirs.append(n / seconds(lambda: count(pl.scan_ndjson(plain, schema=schema))))
    rival = "the same over plain JSON Lines"
    return absolute("votes per contest", median(ours), median(theirs), rival, 20_000_000)


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def absolute(name: str, value: float, rival_value: float, rival: str, goal: int) -> dict:
    """Return one line of the report, of a rate in events/s whose ``goal`` is a number."""
    return {
        "name": name, "value": round(value), "unit": "events/s", "rival": f"{rival}: {round(rival_value)}",
        "ratio": round(value / rival_value, 3), "goal": f">= {goal:,} events/s", "ok": value >= goal,
    }  # fmt: skip


def figure(name: str, value: float, unit: str, rival_value: float, rival: str, goal: float) -> dict:
    """Return one line of the report; ``ok`` where we reach ``goal`` times the rival."""
    ratio = value / rival_value
    return {
        "name": name, "value": round(value), "unit": unit, "rival": f"{rival}: {round(rival_value)}",
        "ratio": round(ratio, 3), "goal": f">= {goal}x", "ok": ratio >= goal,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--dir", default=None, help="a folder on the disk to measure")
    given = parser.parse_args()
    events = mix(given.events)
    gc.freeze()  # they stay alive throughout; looking through them again and again is not the log's cost
    with tempfile.TemporaryDirectory(dir=given.dir) as temporary:
        folder = Path(temporary)
        figures = [
            bench_append(folder, events, COMMIT, 0.45),
            bench_sqlite(folder, events, "DELETE", 3.0),
            bench_sqlite(folder, events, "WAL", 3.0),
            bench_append(folder, events[:300], 1, 0.8),
            *bench_reading(folder, events),
            bench_projection(folder, events),
            bench_group_by(folder, events),
            bench_main_job(folder),
        ]
    for line in figures:
        if given.json:
            print(json.dumps(line))
        else:
            print(
                f"{line['name']:26} {line['value']:>12,} {line['unit']:12} {line['ratio']:>7}x  {line['rival']}", end=""
            )
            print(f"  goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}")


if __name__ == "__main__":
    main()
