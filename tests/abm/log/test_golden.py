"""What the log promises to old runs: they stay readable, and mean the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from abm.content import canonical
from abm.digest import run_digest
from abm.events import SCHEMA_VERSION
from abm.log import codec, open_log, read_events, verify

GOLDEN = sorted((Path(__file__).parent / "golden").glob("v*"))


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name)
class TestGoldenLogs:
    """One run of every released schema is kept, byte for byte."""

    def test_its_events_are_read_as_they_were_written(self, golden):
        """Every event, field by field."""
        assert [canonical(event) for event in read_events(golden)] == (
            golden / "events.jsonl"
        ).read_bytes().splitlines()

    def test_its_head_and_digest_stand(self, golden):
        """A published head hash or digest can still be checked."""
        want = msgspec.json.decode((golden / "expected.json").read_bytes())
        assert tuple(verify(golden)) == (want["seq"], want["hash"])
        assert run_digest(read_events(golden)) == want["digest"]

    def test_it_can_be_continued(self, golden, tmp_path, reactions):
        """A new writer appends to it."""
        run = tmp_path / "run"
        shutil.copytree(golden, run)
        with open_log(run, write=True) as log:
            assert log.append(reactions(1)).seq == verify(golden).seq + 1


def test_the_newest_holds_every_type():
    """An event type that is added comes with a golden example (see golden/make.py)."""
    newest = Path(__file__).parent / "golden" / f"v{SCHEMA_VERSION}"
    assert {type(event) for event in read_events(newest)} == set(codec.KINDS.values())
