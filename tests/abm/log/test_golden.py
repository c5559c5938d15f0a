"""What the log promises to old runs: they stay readable, and mean the same."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from abm.columns import Float32s, unpack
from abm.events import SCHEMA_VERSION, AnyEvent, Event, PersonasJoined, Reacted
from abm.journal import log_digest
from abm.label_events import AnyLabelEvent
from abm.log import codec, create, open_log, read_events, upcast, verify
from abm.study_events import AnyStudyEvent
from moloch.content import canonical
from moloch.errors import CorruptLog

GOLDEN = sorted((Path(__file__).parent / "golden").glob("v*"))
STUDIES = sorted((Path(__file__).parent / "golden").glob("study-v*"))
LABELS = sorted((Path(__file__).parent / "golden").glob("labels-v*"))


@pytest.mark.parametrize("golden", GOLDEN + STUDIES + LABELS, ids=lambda path: path.name)
class TestGoldenLogs:
    """One run and one study of every schema are kept, byte for byte, and one more for the types that came to it later."""

    def test_its_events_are_read_as_they_were_written(self, golden):
        """Every event, field by field; those of a type that changed since as they were written."""
        found = [canonical(event) if line is None else line for event, line in open_log(golden, write=False).written()]
        assert found == (golden / "events.jsonl").read_bytes().splitlines()

    def test_its_head_and_digest_stand(self, golden):
        """A published head hash or digest can still be checked."""
        want = msgspec.json.decode((golden / "expected.json").read_bytes())
        assert tuple(verify(golden)) == (want["seq"], want["hash"])
        assert log_digest(open_log(golden, write=False)) == want["digest"]

    def test_it_can_be_continued(self, golden, tmp_path, reactions):
        """A new writer appends to it."""
        run = tmp_path / "run"
        shutil.copytree(golden, run)
        with open_log(run, write=True) as log:
            assert log.append(reactions(1)).seq == verify(golden).seq + 1


@pytest.mark.parametrize(
    ("kept", "kinds"),
    [(GOLDEN, AnyEvent), (STUDIES, AnyStudyEvent), (LABELS, AnyLabelEvent)],
    ids=["runs", "studies", "labels"],
)
def test_the_newest_holds_every_type(kept, kinds):
    """An event type that is added comes with a golden example (see golden/make.py)."""
    newest = [golden for golden in kept if golden.name.split(".")[0].endswith(f"v{SCHEMA_VERSION}")]
    assert {type(event) for golden in newest for event in read_events(golden)} == set(get_args(kinds))


class TestOldEvents:
    """Events of older schemas come in today's shape."""

    def test_traits_of_schema_1_are_columns(self):
        """Lists of numbers come as columns of the same numbers."""
        golden = Path(__file__).parent / "golden" / "v1"
        joined = next(e for e in read_events(golden) if isinstance(e, PersonasJoined))
        assert {name: unpack(column, Float32s).tolist() for name, column in joined.traits.items()} == {
            "traits": [0.25, 0.25]
        }

    def test_steps_are_taken_one_after_the_other(self, run, fill, monkeypatch):
        """An event two versions old goes through both upcasters, others through none."""
        fill([2])
        taken = []

        def change(version):
            def upcaster(event):
                taken.append((version, event["seq"]))
                return event | {"thought": event["thought"] + f" since {version}"}

            return {"reacted": upcaster}

        monkeypatch.setattr(upcast, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
        monkeypatch.setattr(codec, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
        monkeypatch.setattr(upcast, "UPCASTERS", {v: change(v) for v in (SCHEMA_VERSION, SCHEMA_VERSION + 1)} | {1: {}})
        thoughts = [e.thought for e in read_events(run) if isinstance(e, Reacted)]
        assert thoughts == [f"why {i} since {SCHEMA_VERSION} since {SCHEMA_VERSION + 1}" for i in range(2)]
        assert taken == [(v, s) for s in range(2) for v in (SCHEMA_VERSION, SCHEMA_VERSION + 1)]

    def test_an_event_that_its_upcaster_cannot_read(self, run, segment):
        """It is called damaged, with its place; nothing is guessed."""
        create(run, {}).close()

        class Odd(Event, tag="personas_joined", frozen=True, kw_only=True):
            traits: int

        with pytest.MonkeyPatch.context() as past:
            past.setattr(codec, "SCHEMA_VERSION", 1)
            data, _ = codec.encode([Odd(seq=0, traits=3)], verify(run).hash)
        segment.write_bytes(codec.PREAMBLE + data)
        with pytest.raises(CorruptLog, match=r"byte 9.*personas_joined is not one of schema version 1"):
            list(read_events(run))
