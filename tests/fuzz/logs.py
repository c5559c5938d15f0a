"""Logs of which some events were changed and the sums made right again, and records of runs: what a stranger's folder may hold."""

from __future__ import annotations

import json
import struct
import zlib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from backports import zstd

from abm.log import codec, open_log, read_events, verify
from abm.log.segments import manifest_of, read_manifest
from abm.state.state import State, apply
from analysis.tables.results import results
from analysis.terminal.run import render
from moloch.errors import CorruptLog
from tests.support.odd_files import damaged
from tests.support.odd_values import changed

GOLDEN = Path(__file__).parents[1] / "golden" / "runs"
AROUND = 400
"""Events of the log that a changed one stands among."""


@cache
def _lines(kind: str) -> list[bytes]:
    """Return the events of a golden run, a line each."""
    return [msgspec.json.encode(event) for event in read_events(GOLDEN / kind)]


def drawn_run(lot: Random) -> bytes:
    """Return event lines of which one to three are odd, doubled, moved or left out."""
    lines = list(_lines(lot.choice(("sales-isolated", "social-networked"))))
    for _ in range(lot.choice((1, 1, 1, 2, 3))):
        at = lot.randrange(len(lines))
        match lot.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(lot.randrange(len(lines)), lines[at])
            case 2:
                lines = lines[: at + 1]
            case _:
                odd = changed(json.loads(lines[at]), lot)
                lines[at] = json.dumps(odd).encode("utf-8", "surrogatepass").replace(b"\n", b" ")
    return b"\n".join(lines)


def _numbered(lines: list[bytes]) -> bytes:
    """Return lines with the places that the log gives them, as far as they are objects."""
    made: list[bytes] = []
    for seq, line in enumerate(lines):
        value: Any = json.loads(line)
        if isinstance(value, dict):
            value["seq"] = seq
        made.append(json.dumps(value).encode())
    return b"\n".join(made) + b"\n"


def read_run(path: Path) -> None:
    """Make a run of the lines, all sums right; then verify it, fold it, and print its results."""
    run = path.parent / "run"
    (run / "log").mkdir(parents=True, exist_ok=True)
    (run / "run.json").write_text('{"format":1,"config":{}}')
    lines = path.read_bytes().split(b"\n")
    body = _numbered(lines)
    genesis = read_manifest(run).genesis
    commit = codec.Commit(
        v=codec.SCHEMA_VERSION, seq=0, n=len(lines), prev=genesis, hash=codec.chain(genesis, body, {})
    )
    packed = zstd.compress(body + codec._commit_line(commit))
    start = struct.pack("<IIII", codec._MAGIC, codec.HEADER_SIZE - 8, len(packed), zlib.crc32(packed))
    segment = run / "log" / f"{0:020}.jsonl.zst"
    segment.write_bytes(codec.PREAMBLE + start + struct.pack("<I", zlib.crc32(start)) + packed)
    verify(run)
    state = State()
    refused: CorruptLog | None = None
    for event in open_log(run, write=False).read():
        try:
            apply(state, event)
        except CorruptLog as error:
            refused = error
            break
    for part in render(results(read_events(run))):
        assert part is not None
    if refused is not None:
        raise refused


def drawn_record(lot: Random) -> bytes:
    """Return a ``run.json`` that is odd."""
    data = (GOLDEN / "sales-networked" / "run.json").read_bytes()
    if lot.random() < 0.5:
        return damaged(data, lot)
    return json.dumps(changed(json.loads(data), lot)).encode("utf-8", "surrogatepass")


def read_record(path: Path) -> None:
    """Read a record, and the settings in it as a resumed run does."""
    from learning import load_config

    manifest = manifest_of(path.read_bytes(), path)
    load_config(None, manifest.config, [], recorded=True)
