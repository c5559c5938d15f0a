"""Logs and folders made on purpose: their sums are right, what they say is not; also copies that share their files."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from backports import zstd

from abm.events import AnyEvent, Event
from abm.log import codec, create, open_log, read_events, verify
from abm.state.state import State, apply
from moloch.errors import CorruptLog
from tests.abm.log.test_hostile import frame, linked
from tests.faults.children import events
from tests.learning.test_loop import CONFIG, NETWORKED, carry_out


def test_a_commit_that_would_unpack_without_bound(run, monkeypatch):
    """It is refused by its stated size."""
    monkeypatch.setattr(codec, "UNPACKED", 2**20)
    create(run, {}).close()
    unpacked = []
    monkeypatch.setattr("backports.zstd.decompress", lambda body: unpacked.append(len(body)) or b"")
    next((run / "log").iterdir()).write_bytes(codec.PREAMBLE + frame(zstd.compress(bytes(2**25))))
    with pytest.raises(CorruptLog, match="would unpack to"):
        verify(run)
    assert not unpacked


def test_forks_in_a_circle(tmp_path):
    """They have no beginning: one error, and not the end of Python's stack."""
    for ours, theirs in (("a", "b"), ("b", "a")):
        (tmp_path / ours / "log").mkdir(parents=True)
        manifest = {"format": 1, "config": {}, "fork": {"run": f"../{theirs}", "seq": 3, "hash": "0" * 64}}
        (tmp_path / ours / "run.json").write_text(json.dumps(manifest))
    with pytest.raises(CorruptLog, match="no beginning"):
        list(read_events(tmp_path / "a"))


def test_a_copy_of_hard_links_is_written(run, tmp_path):
    """The original stays byte for byte what it was."""
    with create(run, {}) as log:
        log.append(events(3, 0))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    copy = linked(run, tmp_path / "copy")
    with open_log(copy, write=True) as log:
        log.append(events(3, 3))
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert verify(copy).seq == 6


ODD = (
    -1,
    -(2**31),
    2**40,
    "",
    "x/9",
    "c/0/1/2",
    b"",
    b"\xff" * 8,
    b"\x07\x00\x00\x00",
    [],
    [-5, 2**40],
    {},
    {"slot": -9},
)
"""Values that fit some field's type and nothing else."""


@pytest.mark.system
@pytest.mark.parametrize("config", [CONFIG, NETWORKED], ids=["isolated", "networked"])
@pytest.mark.parametrize("times", [400, pytest.param(4_000, marks=pytest.mark.faults)])
def test_events_that_fit_nothing(tmp_path, config, times):
    """One field of one event set to something odd: the state takes it, or says which event it was; nothing else comes out."""
    carry_out(tmp_path / "run", config)
    whole, draw = list(read_events(tmp_path / "run")), random.Random(times)
    refused = 0
    for _ in range(times):
        at = draw.randrange(len(whole))
        state = State()
        for event in _around(whole, at, draw):
            if (error := _refusal(state, event)) is not None:
                refused += 1
                assert isinstance(error, CorruptLog), f"{type(error).__name__} of {event}"
                assert error.where.startswith(f"event {event.seq}")
                break
    assert refused > times / 10


def _refusal(state: State, event: Event) -> Exception | None:
    """Apply an event; return what it raised."""
    try:
        apply(state, event)
    except Exception as error:
        return error
    return None


def _around(whole: list[Event], at: int, draw: random.Random) -> list[Event]:
    """Return the events up to some steps behind one that is made odd."""
    return [*whole[:at], _odd(whole[at], draw), *whole[at + 1 : at + 200]]


def _odd(event: Event, draw: random.Random) -> Event:
    """Return the event with another value in one of its fields, as a log could hold it."""
    record: dict[str, Any] = msgspec.to_builtins(event)
    fields = [name for name in event.__struct_fields__ if name not in ("seq", "v", "at")]
    for _ in range(20):
        value = msgspec.to_builtins(draw.choice(ODD))
        try:
            return msgspec.convert(record | {draw.choice(fields): value}, AnyEvent)
        except (msgspec.ValidationError, ValueError):
            continue
    return event
