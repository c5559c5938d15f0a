"""What the log promises while nothing goes wrong."""

from __future__ import annotations

import hashlib
import io

import msgspec
import polars as pl
import pytest
from backports import zstd

from abm.columns import Float32s, pack
from abm.events import PersonasJoined, Reacted, RunConfigured, RunStarted, StepEnded, StepStarted
from abm.log import Head, codec, create, disk, open_log, read_events, verify
from abm.log.segments import segments
from moloch.errors import Conflict, InputError, Locked, LogError


class TestRoundTrip:
    """What is appended is what is read."""

    def test_events_come_back_equal_with_seq_and_time(self, run, reactions, strip):
        """Events are read as they were appended; the log adds only their place and the time."""
        events = [RunStarted(versions={"moloch-abm": "0"}), *reactions(3), StepEnded(step=0, state_hash='é\n"x"')]
        with create(run, {"seed": 1}) as log:
            log.append(events)
        found = list(read_events(run))
        assert strip(found) == strip(events)
        assert [event.seq for event in found] == list(range(5))
        assert all(event.at > 1.6e9 for event in found)

    def test_settings_come_back(self, run):
        """The settings given to create() are those of the opened log."""
        config = {"seed": 1, "name": "ü", "nested": {"list": [1, 2.5, None]}}
        with create(run, config) as log:
            assert log.config == config
        assert open_log(run, write=False).config == config

    def test_reading_a_range(self, run, fill, small_segments):
        """read(start, stop) gives exactly that range, across commits and segments."""
        fill([3, 3, 3, 3, 3])
        log = open_log(run, write=False)
        for start in range(16):
            for stop in (None, *range(start, 17)):
                want = list(range(start, 15 if stop is None else min(stop, 15)))
                assert [event.seq for event in log.read(start, stop)] == want

    def test_appending_nothing_changes_nothing(self, run, fill, segment):
        """An empty append returns the head and writes no byte."""
        fill([2])
        before = segment.read_bytes()
        with open_log(run, write=True) as log:
            assert log.append([]) == log.head() == Head(2, verify(run).hash)
        assert segment.read_bytes() == before

    def test_head_survives_closing(self, run, fill):
        """append(), verify() and a new writer agree on the head."""
        heads = fill([2, 5, 1])
        assert verify(run) == heads[-1] == open_log(run, write=False).head()
        with open_log(run, write=True) as log:
            assert log.head() == heads[-1]
        assert heads[-1].seq == 8

    def test_an_empty_run_has_a_head(self, run):
        """The chain starts from the SHA-256 of run.json."""
        create(run, {"seed": 1}).close()
        assert verify(run) == Head(0, hashlib.sha256((run / "run.json").read_bytes()).hexdigest())
        assert list(read_events(run)) == []


class TestFormat:
    """The bytes on disk are what the documents say."""

    def test_the_chain_can_be_checked_with_zstd_and_sha256_alone(self, run, fill, small_segments):
        """hash = SHA-256(prev || event lines), from run.json, across segments."""
        heads = fill([3, 3, 3])
        lines = b"".join(zstd.decompress(path.read_bytes()) for path in sorted((run / "log").iterdir()))
        prev, events, found = hashlib.sha256((run / "run.json").read_bytes()).digest(), b"", []
        for line in lines.splitlines(keepends=True):
            if not line.startswith(b'{"commit":'):
                events += line
                continue
            prev, events = hashlib.sha256(prev + events).digest(), b""
            found.append(prev.hex())
        assert found == [head.hash for head in heads[1:]]

    def test_other_tools_read_a_segment_as_json_lines(self, run, fill, segment):
        """Polars, which knows nothing of us, reads a segment of several commits."""
        fill([3, 4])
        assert pl.read_ndjson(segment, infer_schema_length=None).height == 7 + 2
        assert pl.read_ndjson(io.BytesIO(segment.read_bytes()), infer_schema_length=None).height == 9

    def test_equal_events_make_equal_bytes(self, reactions):
        """A commit's bytes do not depend on what was encoded before."""
        events = reactions(20)
        first = codec.encode(events, "00" * 32)
        codec.encode(reactions(5), "11" * 32)
        assert codec.encode(events, "00" * 32) == first

    def test_segments_are_sealed_and_the_chain_crosses_them(self, run, fill, small_segments):
        """A segment takes no commit beyond its bound; its file is named by its first event."""
        heads = fill([3, 3, 3, 3])
        assert [int(path.name[:20]) for path in sorted((run / "log").iterdir())] == [0, 6]
        assert verify(run) == heads[-1]


class TestSealing:
    """A segment holds so many events, or so many bytes of lines, whichever comes first."""

    @pytest.mark.parametrize("reopened", [False, True])
    def test_lines_are_counted_whichever_process_wrote_them(self, run, reactions, monkeypatch, reopened):
        """Segments end where their lines are too many, however well they compress, and whether or not one process wrote all."""
        monkeypatch.setattr("abm.log.writer.SEAL_BYTES", 3_000)
        said = [msgspec.structs.replace(event, thought="so " * 300) for event in reactions(12)]
        log = create(run, {})
        for event in said:
            if reopened:
                log.close()
                log = open_log(run, write=True)
            log.append([event])
        log.close()
        assert [segment.first for segment in segments(run)] == [0, 3, 6, 9]


class TestWriting:
    """One writer, and nothing lost between two."""

    def test_a_stale_caller_is_refused(self, run, fill):
        """append(expected_head=...) raises Conflict if the log has grown since, and writes nothing."""
        fill([2])
        with open_log(run, write=True) as log:
            log.append([StepStarted(phase="train", epoch=1, arm="shared")], expected_head=2)
            with pytest.raises(Conflict, match="event 3 is next, not 2"):
                log.append([StepEnded(state_hash="")], expected_head=2)
            assert log.head().seq == verify(run).seq == 3

    def test_a_second_writer_is_locked_out(self, run):
        """The error names the run and who holds it, and the first writer goes on."""
        with create(run, {}) as log:
            with pytest.raises(Locked, match=rf"{run}.*process \d+"):
                open_log(run, write=True)
            with pytest.raises(Locked):
                create(run, {})
            log.append([StepEnded(state_hash="")])
        open_log(run, write=True).close()

    def test_a_reader_takes_no_lock_and_cannot_write(self, run, reactions):
        """Readers see what was acknowledged while the writer goes on."""
        with create(run, {}) as log:
            reader = open_log(run, write=False)
            for n in range(1, 4):
                log.append(reactions(1, n))
                assert reader.head() == log.head()
                assert len(list(reader.read())) == n
            with pytest.raises(LogError, match="reading only"):
                reader.append(reactions(1))

    def test_a_log_stays_with_its_process(self, run, reactions, monkeypatch):
        """A forked child that inherits the writer cannot append."""
        with create(run, {}) as log:
            monkeypatch.setattr("os.getpid", lambda: -1)
            with pytest.raises(LogError, match="process that opened it"):
                log.append(reactions(1))

    def test_a_closed_log_refuses(self, run, reactions):
        """Appending after close() is an error; closing twice is none."""
        log = create(run, {})
        log.close()
        log.close()
        with pytest.raises(LogError, match="the log is closed"):
            log.append(reactions(1))

    def test_acknowledged_only_after_sync(self, run, reactions, monkeypatch):
        """Every append writes, then syncs, then returns."""
        calls: list[str] = []
        write, sync = disk.write_all, disk.sync_data
        with create(run, {}) as log:
            monkeypatch.setattr(disk, "write_all", lambda *a: (write(*a), calls.append("write")))
            monkeypatch.setattr(disk, "sync_data", lambda *a: (sync(*a), calls.append("sync")))
            for _ in range(2):
                log.append(reactions(2))
                calls.append("acknowledged")
        assert calls == ["write", "sync", "acknowledged"] * 2


class TestCreate:
    """A run begins in a folder of its own."""

    def test_every_name_is_durable_before_the_first_append(self, run, monkeypatch):
        """The folders that hold the run, run.json and the first segment are synced after these were made."""
        synced: dict[str, set[str]] = {}
        sync = disk.sync_folder

        def record(folder) -> None:
            synced.setdefault(folder.name, set()).update(entry.name for entry in folder.iterdir())
            sync(folder)

        monkeypatch.setattr(disk, "sync_folder", record)
        create(run, {}).close()
        assert run.name in synced[run.parent.name]
        assert {"run.json", "log"} <= synced[run.name]
        assert synced["log"] == {f"{0:020d}.jsonl.zst"}

    def test_a_folder_with_something_else_is_refused(self, tmp_path):
        """Nothing of the user's is mixed with a run."""
        (tmp_path / "thesis.tex").touch()
        with pytest.raises(InputError, match=r"thesis\.tex"):
            create(tmp_path, {})

    def test_a_run_is_not_overwritten(self, run, fill):
        """create() on a run is refused, and the run is unharmed."""
        heads = fill([3])
        with pytest.raises(InputError, match="holds a run"):
            create(run, {"seed": 2})
        assert verify(run) == heads[-1]

    def test_a_create_that_was_cut_short_can_be_repeated(self, run):
        """A folder whose run.json never came to be takes a new run."""
        (run / "log").mkdir(parents=True)
        (run / "LOCK").write_text("1\n")
        (run / "run.json.new").write_text('{"for')
        create(run, {"seed": 3}).close()
        assert verify(run).seq == 0


class TestFrame:
    """Events of one type are a table."""

    def test_columns_are_typed(self, run, fill):
        """Numbers, texts and lists keep their types; rows are in order."""
        fill([3, 3])
        frame = open_log(run, write=False).frame("reacted")
        assert frame.schema["order"] == pl.List(pl.Int64) and frame.schema["at"] == pl.Float64
        assert frame["persona"].to_list() == list(range(6))
        assert frame["order"].to_list() == [[0, 1], [1, 0]] * 3
        assert frame.equals(open_log(run, write=False).frame(Reacted))

    def test_mappings_become_json_text(self, run):
        """A column that no simple type can hold is JSON."""
        traits = {"age": pack([0.5], Float32s)}
        joined = PersonasJoined(split="train", first=0, ids=["a"], names=["A"], texts=["t"], traits=traits)
        with create(run, {}) as log:
            log.append([joined])
            assert log.frame("personas_joined")["traits"].to_list() == ['{"age":"AAAAPw=="}']

    def test_other_types_do_not_leak_in(self, run, reactions):
        """An event of another type that holds something like the wanted one is not a row."""
        with create(run, {}) as log:
            log.append([RunConfigured(config={"was": {"type": "reacted", "persona": 1}}), *reactions(2)])
            assert log.frame("reacted").height == 2

    def test_a_type_that_never_happened_is_an_empty_table_with_columns(self, run, fill):
        """Every known type can be asked for, whether or not it is in the log."""
        fill([1])
        log = open_log(run, write=False)
        for kind, struct in codec.KINDS.items():
            if kind != "reacted":
                frame = log.frame(kind)
                assert frame.height == 0 and set(frame.columns) == set(struct.__struct_fields__)

    def test_an_unknown_type_is_named(self, run, fill):
        """The error lists the types there are."""
        fill([1])
        with pytest.raises(InputError, match=r"'voted'.*reacted"):
            open_log(run, write=False).frame("voted")


class TestTurns:
    """Several processes keep a log open and write it in turn."""

    def test_nobody_wrote_meanwhile(self, run, reactions):
        """It goes on where it was; nothing is read again."""
        with create(run, {}) as log:
            log.append(reactions(2))
            log.rest()
            with pytest.raises(LogError, match="the log is released"):
                log.append(reactions(1))
            assert log.resume() and log.append(reactions(1)).seq == 3
        assert verify(run).seq == 3

    @pytest.mark.parametrize(("seal", "goes_on"), [(0, True), (2, False)], ids=["the same segment", "a new segment"])
    def test_somebody_wrote_meanwhile(self, run, reactions, seal, goes_on):
        """It goes on behind that, or says that it cannot, and writes nothing."""
        with create(run, {}, seal_events=seal) as log:
            log.append(reactions(2))
            log.rest()
            with open_log(run, write=True, seal_events=seal) as other:
                other.append(reactions(1))
                with pytest.raises(Locked):
                    log.resume()
            assert log.resume() is goes_on and (log.head() == verify(run)) is goes_on
        assert verify(run).seq == 3

    def test_a_log_of_turns_is_sealed_often_and_not_projected(self, run, reactions):
        """So that opening it reads little."""
        with create(run, {}, seal_events=4) as log:
            for _ in range(12):
                log.append(reactions(1))
        assert len(list((run / "log").iterdir())) == 3 and not (run / "parquet").exists()
