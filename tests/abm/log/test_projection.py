"""What projections and scans promise: the log's events in columns, whatever becomes of the files."""

from __future__ import annotations

import hashlib
import shutil
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.columns import Float32s, Int8s, Int32s, pack
from abm.events import CrowdJoined, Event, Reacted, ReactedMany, StepEnded
from abm.log import Fork, create, open_log, projection, read_events
from abm.log.codec import RUN_KINDS
from abm.log.frames import columns, wide, wide_columns
from abm.log.parquet import Projected, is_current, path_of, project
from abm.log.projection import Projector, reactions, rebuild, scan, scan_study
from abm.log.segments import blocks, read_manifest, segments
from moloch.content import canonical
from moloch.errors import CorruptLog, InputError, LogError

GOLDEN = sorted((Path(__file__).parent / "golden").glob("v*"))


@pytest.fixture
def sealed(run, fill, small_segments):
    """A run of 14 events: sealed segments of 6, 4 and no projection yet, then 4 live ones."""
    fill([3, 3, 2, 2, 4])
    assert [segment.first for segment in segments(run)] == [0, 6, 10]
    shutil.rmtree(run / "parquet", ignore_errors=True)
    return run


def about(path: Path) -> Projected:
    """Return what a projection says about itself."""
    return msgspec.json.decode(pl.read_parquet_metadata(path)["moloch"], type=Projected)


def rows(events: list[Event]) -> list[dict]:
    """Return what a scan should hold: one row per event, with all columns."""
    found = []
    for event in events:
        kind = str(type(event).__struct_config__.tag)
        row: dict = dict.fromkeys(wide_columns()) | {"type": kind}
        for name, dtype in columns(type(event)).items():
            value = getattr(event, name)
            is_json = isinstance(dtype, pl.String) and not isinstance(value, str)
            row[name] = canonical(value).decode() if is_json else value
        found.append(row)
    return found


def same(frame: pl.DataFrame, events: list[Event]) -> bool:
    """Tell whether a scan's rows are the events, in order; clashing columns are compared as values."""
    return rows(events) == frame.to_dicts()


class TestColumns:
    """One wide frame holds all event types."""

    def test_a_name_means_one_thing(self):
        """A field that two event types name alike has one column type (known exceptions are JSON text)."""
        found = {
            name
            for struct in RUN_KINDS.values()
            for name, dtype in columns(struct).items()
            if wide_columns()[name] != dtype
        }
        assert not found

    def test_the_order_of_columns(self):
        """What every event has comes first."""
        assert list(wide_columns())[:6] == ["seq", "type", "v", "step", "cause", "at"]

    @pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name)
    def test_every_type_of_every_schema(self, golden):
        """Every field of every event type is what a typed reader finds, in logs of older schemas too."""
        assert same(scan(golden).collect(), list(read_events(golden)))

    def test_defaults_are_filled_in(self, run):
        """A field that the log left out since it has its default is not null."""
        with create(run, {}) as log:
            log.append([Reacted(contest="c", persona=0, order=[], choice=-1, thought="")])
        row = scan(run).collect().to_dicts()[0]
        assert (row["step"], row["cause"], row["choice"], row["order"], row["thought"]) == (-1, -1, -1, [], "")
        assert row["text"] is None

    @pytest.mark.system
    @given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**63), 2**63 - 1))))
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    def test_any_text_and_number(self, in_memory, values):
        """Any text and any 64-bit number come back."""
        run = in_memory / "any"
        shutil.rmtree(run, ignore_errors=True)
        events = [StepEnded(step=-1, state_hash=text, cause=number) for text, number in values]
        with create(run, {}) as log:
            log.append(events)
        found = scan(run).select("state_hash", "cause").collect().rows()
        assert found == values

    @pytest.mark.parametrize("instead", [b'"persona":"one",', b"", b'"persona":null,'])
    def test_a_value_of_another_kind_is_refused(self, sealed, instead):
        """A field that is missing or does not fit its column is an error, not a null."""
        held = list(blocks(segments(sealed)[0], None))
        lines = held[0].text.replace(b'"persona":1,', instead)
        bad = type(held[0])(lines, lines.rfind(b"\n", 0, -1) + 1, held[0].commit, held[0].path, 0, 0)
        with pytest.raises(CorruptLog):
            wide([bad])

    def test_lines_that_hold_whole_columns(self, run, monkeypatch):
        """Few long lines are sorted otherwise than many short ones, with the same result."""
        said = [
            CrowdJoined(split="train", first=0, size=8, origin="drawn", traits={"anger": pack(np.arange(8), Float32s)}),
            Reacted(contest="c", persona=1, order=[0, 1], choice=0, thought="so,"),
            CrowdJoined(split="evaluate", first=8, size=1, origin="drawn", traits={}),
        ]
        with create(run, {}) as log:
            log.append(said)
        plain = scan(run).collect()
        monkeypatch.setattr("abm.log.frames.BULKY", 0)
        assert scan(run).collect().equals(plain) and same(plain, list(read_events(run)))

    def test_a_newer_type_is_named(self, sealed):
        """Events of a type that this version does not know are refused by name."""
        held = list(blocks(segments(sealed)[0], None))
        lines = held[0].text.replace(b'"type":"reacted"', b'"type":"applauded"')
        bad = type(held[0])(lines, lines.rfind(b"\n", 0, -1) + 1, held[0].commit, held[0].path, 0, 0)
        with pytest.raises(LogError, match="applauded"):
            wide([bad])


class TestProjection:
    """A sealed segment becomes a Parquet file that says what it holds."""

    def test_it_says_where_the_chain_is(self, sealed):
        """Its metadata holds its first event, the one after its last, and the chain's hash there."""
        rebuild(sealed)
        found = segments(sealed)
        for segment, after in pairwise(found):
            said = about(path_of(sealed, segment))
            goes_on_from = next(iter(blocks(after, None))).commit.prev
            assert (said.first, said.end, said.hash) == (segment.first, after.first, goes_on_from)

    def test_only_what_is_missing_is_made(self, sealed):
        """A second rebuild makes nothing; progress counts all."""
        seen: list[tuple[int, int]] = []
        assert [segment.first for segment in rebuild(sealed, progress=lambda *at: seen.append(at))] == [0, 6]
        assert seen == [(0, 2), (1, 2), (2, 2)]
        assert rebuild(sealed) == []
        assert len(rebuild(sealed, anew=True)) == 2

    @pytest.mark.parametrize("what", ["cut", "rubbish", "emptied", "plain", "votes", "exchanged", "other version"])
    def test_one_of_other_bytes_is_made_again(self, sealed, what, monkeypatch):
        """A projection that is not byte for byte what was made of its segment is not used, whatever it says of itself."""
        rebuild(sealed)
        want = scan(sealed).collect()
        segment, after = segments(sealed)[:2]
        path = path_of(sealed, segment)
        good = path.read_bytes()
        if what == "votes":
            edited = pl.read_parquet(path).with_columns(choice=1 - pl.col("choice"))
            edited.write_parquet(path, metadata={"moloch": msgspec.json.encode(about(path)).decode()})
        elif what == "plain":
            pl.DataFrame({"seq": [99]}).write_parquet(path)
        elif what == "other version":
            monkeypatch.setattr("abm.log.parquet.version", lambda which: "0")
        else:
            other = path_of(sealed, after).read_bytes()
            path.write_bytes(
                {"cut": good[:-10], "rubbish": b"PAR1" + b"x" * 100, "emptied": b"", "exchanged": other}[what]
            )
        assert not is_current(sealed, segment, after)
        assert scan(sealed).collect().equals(want)
        assert path.read_bytes() == good or what == "other version"

    def test_nothing_is_believed_that_cannot_be_confirmed(self, sealed, tmp_path, monkeypatch):
        """Where this user noted nothing, as on another machine, a projection is made again, and then used."""
        rebuild(sealed)
        want = scan(sealed).collect()
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
        pair = segments(sealed)[:2]
        assert not is_current(sealed, *pair)
        assert scan(sealed).collect().equals(want)
        assert is_current(sealed, *pair)
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
        assert scan(sealed).collect().equals(want)
        assert not is_current(sealed, *pair)

    def test_each_is_checked_once(self, sealed, monkeypatch):
        """A process reads a projection's bytes once to check them, and again if the file changes."""
        rebuild(sealed)
        read = []
        digest = hashlib.file_digest
        monkeypatch.setattr("hashlib.file_digest", lambda file, how: read.append(file.name) or digest(file, how))
        scan(sealed), scan(sealed)
        assert len(read) == 2
        path = path_of(sealed, segments(sealed)[0])
        path.write_bytes(path.read_bytes()[:-1] + b"2")
        assert same(scan(sealed).collect(), list(read_events(sealed)))

    def test_all_deleted_and_rebuilt_are_equal(self, sealed):
        """Deleting parquet/ loses nothing."""
        rebuild(sealed)
        before = [pl.read_parquet(path) for path in sorted((sealed / "parquet").iterdir())]
        shutil.rmtree(sealed / "parquet")
        rebuild(sealed)
        after = [pl.read_parquet(path) for path in sorted((sealed / "parquet").iterdir())]
        assert len(after) == 2 and all(a.equals(b) for a, b in zip(before, after, strict=True))

    def test_it_is_there_whole_or_not_at_all(self, sealed, monkeypatch):
        """A failure before the file is durable leaves nothing."""

        def fail(file: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("abm.log.parquet.os.fsync", fail)
        with pytest.raises(LogError, match="No space left"):
            rebuild(sealed)
        assert list((sealed / "parquet").iterdir()) == []

    def test_a_damaged_segment_is_not_projected(self, sealed):
        """A byte that changed is found before anything is written."""
        segment = segments(sealed)[0]
        data = bytearray(segment.path.read_bytes())
        data[len(data) // 2] ^= 1
        segment.path.chmod(0o644)
        segment.path.write_bytes(data)
        with pytest.raises(CorruptLog):
            project(sealed, segment)
        assert not path_of(sealed, segment).exists()


class TestProjector:
    """Projections are made while the run goes on, and never stand in its way."""

    def test_sealed_segments_are_projected(self, sealed):
        """close() waits until all of them are there."""
        projector = Projector(sealed)
        for segment in segments(sealed)[:2]:
            projector.sealed(segment)
        projector.close()
        assert projector.failures == []
        assert all(is_current(sealed, *pair) for pair in pairwise(segments(sealed)))

    def test_the_writer_has_it_done(self, run, fill, small_segments):
        """A log that is closed has projections of all its sealed segments."""
        fill([4] * 4)
        assert [is_current(run, *pair) for pair in pairwise(segments(run))] == [True] * 3

    def test_a_failure_is_kept(self, sealed, monkeypatch):
        """What goes wrong is kept, the next segment is projected all the same."""
        first, second, _ = segments(sealed)
        real = projection.project

        def fail(run: Path, segment: object) -> Projected:
            if segment == first:
                raise MemoryError
            return real(run, second)

        monkeypatch.setattr("abm.log.projection.project", fail)
        projector = Projector(sealed)
        projector.sealed(first)
        projector.sealed(second)
        projector.close()
        assert [(segment, type(error)) for segment, error in projector.failures] == [(first, MemoryError)]
        assert path_of(sealed, second).exists() and not path_of(sealed, first).exists()

    def test_a_failure_does_not_reach_the_writer(self, run, reactions, small_segments, monkeypatch):
        """A disk that takes no projections stops no append."""
        monkeypatch.setattr(
            "abm.log.projection.project", lambda run, segment: (_ for _ in ()).throw(OSError(28, "full"))
        )
        with create(run, {}) as log:
            for i in range(4):
                log.append(reactions(4, 4 * i))
        assert len(list(read_events(run))) == 16

    def test_what_a_killed_process_left_is_removed(self, sealed):
        """Half a projection does not stay for ever."""
        (sealed / "parquet").mkdir()
        left = sealed / "parquet" / "x.parquet.1-1.new"
        left.write_bytes(b"half")
        projector = Projector(sealed)
        projector.sealed(segments(sealed)[0])
        projector.close()
        assert not left.exists()


class TestScan:
    """One lazy frame over Parquet and the live end."""

    def test_it_holds_every_event_in_order(self, sealed):
        """Sealed and live events are those of a typed reader."""
        assert same(scan(sealed).collect(), list(read_events(sealed)))

    def test_a_sealed_segment_is_read_from_its_parquet(self, sealed, monkeypatch):
        """Nothing but the live end is decoded again."""
        rebuild(sealed)
        decoded = []
        monkeypatch.setattr("abm.log.frames.wide", lambda held: decoded.append(held[0].commit.seq) or wide(held))
        assert scan(sealed).collect().height == 14
        assert decoded == [10]

    def test_where_nothing_can_be_written(self, sealed, monkeypatch):
        """A run on a read-only disk is scanned all the same."""

        def refuse(run: Path, segment: object, which: object) -> Projected:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("abm.log.projection.project", refuse)
        assert same(scan(sealed).collect(), list(read_events(sealed)))
        assert not (sealed / "parquet").exists()

    def test_while_a_writer_writes(self, run, reactions, small_segments):
        """Each scan holds what had been appended when it was made."""
        with create(run, {}) as log:
            for i in range(6):
                log.append(reactions(3, 3 * i))
                assert log.scan().select("seq").collect()["seq"].to_list() == list(range(3 * i + 3))

    def test_an_empty_run(self, run):
        """No events make a frame of no rows, with all columns."""
        create(run, {}).close()
        assert scan(run).collect().schema == pl.Schema(wide_columns())
        assert scan(run).collect().height == 0

    def test_no_run(self, tmp_path):
        """A folder that is no run is refused."""
        with pytest.raises(LogError, match="no run here"):
            scan(tmp_path)

    def test_an_incomplete_last_commit_is_left_out(self, sealed):
        """What was not acknowledged is not in a scan."""
        last = segments(sealed)[-1].path
        last.write_bytes(last.read_bytes()[:-5])
        assert scan(sealed).collect().height == 10

    def test_a_damaged_live_end_is_refused(self, sealed):
        """Bytes that contradict the chain are an error, not fewer rows."""
        last = segments(sealed)[-1].path
        data = bytearray(last.read_bytes())
        data[60] ^= 1
        last.write_bytes(data)
        with pytest.raises(CorruptLog):
            scan(sealed).collect()


class TestForks:
    """A fork's scan begins with what it shares."""

    @staticmethod
    def fork(parent: Path, at: int, run: Path, sizes: list[int], make) -> Path:
        """Fork ``parent`` at event ``at`` and append commits of these sizes."""
        hashes = {block.commit.seq: block.commit.prev for block in open_log(parent, write=False).blocks()}
        with create(run, {"forked": at}, fork=Fork(f"../{parent.name}", at, hashes[at])) as log:
            seq = at
            for size in sizes:
                log.append(make(size, 1_000 + seq))
                seq += size
        return run

    @pytest.mark.parametrize("at", [3, 6, 8, 10])
    def test_it_holds_the_shared_events_and_its_own(self, sealed, tmp_path, reactions, at):
        """A fork within a segment, between two, or in the live one."""
        run = self.fork(sealed, at, tmp_path / "fork", [2, 4, 1], reactions)
        found = scan(run).collect()
        assert same(found, list(read_events(run)))
        assert found["seq"].to_list() == list(range(at + 7))

    def test_forks_of_forks(self, sealed, tmp_path, reactions):
        """The prefix is followed through all generations."""
        child = self.fork(sealed, 8, tmp_path / "child", [4, 4], reactions)
        own = self.fork(child, 12, tmp_path / "own", [2], reactions)
        shared = self.fork(child, 6, tmp_path / "shared", [2], reactions)
        for run in (own, shared):
            assert same(scan(run).collect(), list(read_events(run)))

    def test_a_parent_that_was_changed_is_found(self, sealed, tmp_path, reactions):
        """A fork whose pointer its parent's log does not lead to is refused."""
        run = self.fork(sealed, 8, tmp_path / "fork", [2], reactions)
        pointer = read_manifest(run).fork
        assert pointer is not None
        manifest = (run / "run.json").read_bytes().replace(pointer.hash.encode(), b"0" * 64)
        shutil.rmtree(run / "log")
        (run / "log").mkdir()
        (run / "run.json").write_bytes(manifest)
        with pytest.raises(CorruptLog):
            scan(run).collect()


class TestStudies:
    """Many runs are one frame."""

    @pytest.fixture
    def study(self, tmp_path, reactions, small_segments):
        """Two runs, one a folder further down, of 9 and 5 events."""
        for name, sizes in (("a/seed-1", [4, 4, 1]), ("b", [4, 1])):
            with create(tmp_path / "study" / name, {"name": name}) as log:
                for i, size in enumerate(sizes):
                    log.append(reactions(size, 4 * i))
        return tmp_path / "study"

    def test_a_folder_gives_all_events_of_all_runs(self, study):
        """Live ends too; the column ``run`` says whose they are."""
        counts = scan_study(study).group_by("run").len().sort("run").collect().rows()
        assert counts == [("a/seed-1", 9), ("b", 5)]

    def test_a_url_gives_the_parquet_in_place(self, study):
        """What is sealed is read where it is, without a log beside it."""
        for name in ("a/seed-1", "b"):
            shutil.rmtree(study / name / "log")
        counts = scan_study(study.as_uri()).group_by("run").len().sort("run").collect().rows()
        assert counts == [("a/seed-1", 8), ("b", 4)]

    def test_a_folder_without_runs(self, tmp_path):
        """Nothing there is an error that says so."""
        with pytest.raises(InputError, match="no runs here"):
            scan_study(tmp_path)


class TestReactions:
    """One row per reaction, single or of a crowd."""

    def test_crowds_are_spread(self, run):
        """A bulk event gives a row per persona, beside single reactions."""
        orders = pack([[0, 1], [1, 0], [0, 1]], Int8s)
        choices = pack([1, -1, 0], Int8s)
        some = ReactedMany(contest="c1", first=7, personas=pack([7, 300, 9], Int32s), orders=orders, choices=choices)
        all_of_them = ReactedMany(contest="c2", first=20, orders=orders, choices=choices)
        nobody = ReactedMany(contest="c3", first=0, orders=b"", choices=b"")
        one = Reacted(contest="c0", persona=5, order=[0, 1], choice=1, thought="t")
        with create(run, {}) as log:
            log.append([one, some, all_of_them, nobody])
        found = reactions(scan(run)).collect()
        assert found.columns == ["seq", "contest", "persona", "choice"]
        assert found.rows() == [
            (0, "c0", 5, 1),
            *[(1, "c1", 7, 1), (1, "c1", 300, -1), (1, "c1", 9, 0)],
            *[(2, "c2", 20, 1), (2, "c2", 21, -1), (2, "c2", 22, 0)],
        ]

    def test_no_crowd_and_no_reaction(self, run):
        """A log without any gives no rows of the same columns."""
        with create(run, {}) as log:
            log.append([StepEnded(state_hash="")])
        found = reactions(scan(run)).collect()
        assert found.height == 0 and found.columns == ["seq", "contest", "persona", "choice"]

    def test_the_runs_of_a_study(self, tmp_path, reactions):
        """The column ``run`` is kept."""
        make = reactions
        with create(tmp_path / "study" / "a", {}) as log:
            log.append(make(3))
        found = projection.reactions(scan_study(tmp_path / "study")).collect()
        assert found["run"].to_list() == ["a"] * 3


def test_no_name_stands_for_bytes_and_for_something_else():
    """Two types of events may use a name for different things, but text has no form of a bulk column."""
    kinds = [(name, dtype) for struct in RUN_KINDS.values() for name, dtype in columns(struct).items()]
    bulky = {name for name, dtype in kinds if isinstance(dtype, pl.Binary)}
    assert bulky and not {
        (name, str(dtype)) for name, dtype in kinds if name in bulky and not isinstance(dtype, pl.Binary)
    }


def test_what_members_write_and_remember_is_in_columns(tmp_path):
    """Events of personas that a language model plays, through a whole scan."""
    from tests.abm.networked.test_personas import CIRCLE, Player, held

    _, events = held(tmp_path, Player(), ties=CIRCLE)
    frame = scan(tmp_path / "r").collect()
    assert same(frame, events) and {"members_posted", "remembered"} <= set(frame["type"])
