"""What the log promises when its bytes were changed: it says so, and changes nothing itself."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from abm.events import Event
from abm.log import codec, create, open_log, read_events, verify
from abm.log.segments import Segment, blocks
from moloch.errors import Conflict, CorruptLog, LogError


def refused(run: Path, match: str | None = None) -> None:
    """Check that every way to open the run refuses, and that no byte changed."""
    before = {path: path.read_bytes() for path in sorted((run / "log").iterdir())}
    for use in (verify, lambda r: list(read_events(r)), lambda r: open_log(r, write=True)):
        with pytest.raises(CorruptLog, match=match):
            use(run)
    assert {path: path.read_bytes() for path in sorted((run / "log").iterdir())} == before
    assert not (run / "quarantine").exists()


def parts(segment: Path) -> list[bytes]:
    """Return the bytes of each commit of a segment."""
    data = segment.read_bytes()
    return [data[block.start : block.end] for block in blocks(Segment(segment, 0), None)]


@pytest.mark.usefixtures("in_memory")
class TestChangedBytes:
    """No change within the file goes unseen."""

    @pytest.mark.system
    def test_a_flip_of_any_byte(self, run, fill, segment):
        """Every byte of the file is covered, the last commit's too: a flip is never taken for an incomplete commit."""
        fill([2, 1, 2])
        whole = segment.read_bytes()
        for at in range(len(whole)):
            for mask in (1 << at % 8, 0xFF):
                segment.write_bytes(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
                for use in (verify, lambda r: open_log(r, write=True)):
                    with pytest.raises(CorruptLog):
                        use(run)
        assert not (run / "quarantine").exists()

    def test_the_error_names_file_byte_reason_and_remedy(self, run, fill, segment):
        """A user can find the place."""
        fill([2, 2])
        data = bytearray(segment.read_bytes())
        start = len(codec.PREAMBLE) + len(parts(segment)[0])
        data[-1] ^= 1
        segment.write_bytes(data)
        refused(run, rf"{segment}, byte {start}.*checksum.*Restore the run from a copy")

    def test_garbage_after_the_end(self, run, fill, segment):
        """Whole foreign bytes at the end are not an incomplete commit."""
        fill([2])
        with segment.open("ab") as file:
            file.write(b"\0" * 4096)
        refused(run, "header")

    def test_an_edited_event_with_a_new_checksum(self, run, fill, segment):
        """Who changes a thought and fixes the checksums, but not the chain, is found out."""
        heads = fill([2, 2])
        _, second = parts(segment)
        events = list(read_events(run))[:2]
        forged, _ = codec.encode([msgspec.structs.replace(events[0], thought="bribed"), events[1]], heads[0].hash)
        segment.write_bytes(codec.PREAMBLE + forged + second)
        refused(run, "commits were moved")

    @pytest.mark.parametrize(
        ("field", "value", "why"),
        [
            ("hash", "00" * 32, "hash of a commit"),
            ("n", 3, "3 events holds 2 lines"),
            ("seq", 1, "event 0 should come"),
        ],
    )
    def test_a_commit_line_that_lies(self, run, segment, reactions, monkeypatch, field, value, why):
        """The commit line is believed in nothing, even where all checksums are right."""
        create(run, {}).close()
        honest = codec.Commit
        with monkeypatch.context() as lie:
            if field == "hash":
                lie.setattr(codec, "chain", lambda *args: value)
            else:
                lie.setattr(codec, "Commit", lambda *args: msgspec.structs.replace(honest(*args), **{field: value}))
            events = [msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(reactions(2))]
            segment.write_bytes(codec.PREAMBLE + codec.encode(events, verify(run).hash)[0])
        refused(run, why)

    def test_a_commit_that_holds_no_events(self, run, segment):
        """A well-formed commit of lines that are not events is refused when read."""
        create(run, {}).close()

        class Odd(Event, tag="reacted", frozen=True, kw_only=True):
            persona: str

        data, _ = codec.encode([Odd(seq=0, persona="x")], verify(run).hash)
        segment.write_bytes(codec.PREAMBLE + data)
        with pytest.raises(CorruptLog, match="not an event"):
            list(read_events(run))

    def test_an_event_out_of_its_place(self, run, segment, reactions):
        """Sequence numbers inside a commit are checked too."""
        create(run, {}).close()
        events = [msgspec.structs.replace(e, seq=s) for e, s in zip(reactions(2), (0, 2), strict=True)]
        segment.write_bytes(codec.PREAMBLE + codec.encode(events, verify(run).hash)[0])
        with pytest.raises(CorruptLog, match="event 2 takes the place of event 1"):
            list(read_events(run))


class TestMovedCommits:
    """Whole commits, each valid by itself, in the wrong place."""

    @pytest.mark.parametrize(
        "order", [(1, 0, 2), (0, 2, 1), (0, 0, 1, 2), (0, 1, 2, 2), (0, 2), (1, 2)], ids=lambda o: "".join(map(str, o))
    )
    def test_swapped_doubled_or_deleted(self, run, fill, segment, order):
        """Any order but the written one is refused."""
        fill([2, 2, 2])
        commits = parts(segment)
        segment.write_bytes(codec.PREAMBLE + b"".join(commits[i] for i in order))
        refused(run)

    def test_edited_run_json(self, run, fill):
        """The chain starts from the bytes of run.json, so the settings cannot be changed afterwards."""
        fill([2], {"seed": 1})
        path = run / "run.json"
        path.write_bytes(path.read_bytes().replace(b'"seed": 1', b'"seed": 2'))
        assert open_log(run, write=False).config == {"seed": 2}
        refused(run, r"run\.json was changed")

    def test_edited_run_json_of_many_segments(self, run, fill, small_segments):
        """The writer notices too, although it reads only the first commit and the last segment."""
        fill([4, 4, 4, 2])
        path = run / "run.json"
        path.write_bytes(path.read_bytes().replace(b'"seed": 1', b'"seed": 2'))
        refused(run, r"run\.json was changed")

    @pytest.mark.parametrize(
        ("gone", "why"), [(0, "the segments before it are"), (1, "event 4 should begin it; a segment is")]
    )
    def test_a_missing_segment(self, run, fill, small_segments, gone, why):
        """A segment before the last cannot vanish unseen."""
        fill([4, 4, 4])
        sorted((run / "log").iterdir())[gone].unlink()
        for use in (verify, lambda r: list(read_events(r))):
            with pytest.raises(CorruptLog, match=f"{why} missing"):
                use(run)

    def test_an_empty_segment_in_the_wrong_place(self, run, fill):
        """An empty last segment must begin where the one before it ends."""
        fill([4])
        (run / "log" / f"{5:020d}.jsonl.zst").touch()
        refused(run, "event (4 should|5, where the next) begin")

    def test_a_cut_sealed_segment(self, run, fill, small_segments):
        """Only the last segment may be incomplete."""
        fill([4, 4])
        os.truncate(min((run / "log").iterdir()), 60)
        with pytest.raises(CorruptLog, match="not the last segment"):
            verify(run)

    def test_swapped_segments(self, run, fill, small_segments):
        """Segments with each other's names are refused."""
        fill([4, 4, 2])
        first, second, _ = sorted((run / "log").iterdir())
        one, two = first.read_bytes(), second.read_bytes()
        first.write_bytes(two)
        second.write_bytes(one)
        refused(run)

    def test_a_stranger_among_the_segments(self, run, fill):
        """A file that is not named as a segment is pointed out."""
        fill([1])
        (run / "log" / "copy.jsonl.zst").touch()
        refused(run, "not a segment")


class TestBypassedLock:
    """A second writer that does not ask for the lock."""

    def test_a_file_that_grew_is_noticed(self, run, segment, reactions):
        """The writer checks the size before each write, and writes nothing."""
        with create(run, {}) as log:
            log.append(reactions(1))
            with segment.open("ab") as file:
                file.write(b"x")
            size = segment.stat().st_size
            with pytest.raises(Conflict, match="another process changed the log"):
                log.append(reactions(1))
            assert segment.stat().st_size == size

    def test_a_file_that_was_deleted_is_noticed(self, run, segment, reactions):
        """Nothing is acknowledged into a file without a name."""
        with create(run, {}) as log:
            log.append(reactions(1))
            segment.unlink()
            with pytest.raises(Conflict, match="its file was deleted"):
                log.append(reactions(1))


class TestNewerLogs:
    """A log from the future is refused by name, never guessed at."""

    def test_an_unknown_type(self, run, segment):
        """The error names the type and the event."""
        create(run, {}).close()

        class Dreamt(Event, tag="dreamt", frozen=True, kw_only=True):
            about: str

        data, _ = codec.encode([Dreamt(seq=0, about="sheep")], verify(run).hash)
        segment.write_bytes(codec.PREAMBLE + data)
        with pytest.raises(LogError, match=r"event 0: written by a newer moloch: .*'dreamt'"):
            list(read_events(run))
        assert verify(run).seq == 1

    @pytest.mark.parametrize("use", [lambda r: list(read_events(r)), lambda r: open_log(r, write=True)])
    def test_a_newer_schema(self, run, segment, reactions, monkeypatch, use):
        """Neither read nor added to; the bytes can still be verified."""
        create(run, {}).close()
        with monkeypatch.context() as future:
            future.setattr(codec, "SCHEMA_VERSION", 3)
            data, _ = codec.encode([msgspec.structs.replace(reactions(1)[0], seq=0)], verify(run).hash)
        segment.write_bytes(codec.PREAMBLE + data)
        with pytest.raises(LogError, match="written by a newer moloch: schema version 3"):
            use(run)
        assert verify(run).seq == 1

    def test_a_newer_folder(self, run, fill):
        """A format that this version does not know is named."""
        fill([1])
        path = run / "run.json"
        path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 9'))
        with pytest.raises(LogError, match="format 9"):
            open_log(run, write=False)
