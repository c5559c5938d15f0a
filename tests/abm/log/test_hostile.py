"""What a folder that somebody made on purpose, or copied by links, can do: be refused in one clear error, or nothing."""

from __future__ import annotations

import json
import os
import shutil
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from backports import zstd

from abm.events import RunEnded, StepEnded
from abm.log import codec, create, disk, open_log, read_events, repair, verify
from abm.log.about import about, count_types, lineage
from abm.log.fork import fork_point
from abm.log.projection import scan
from abm.log.segments import FORMAT, MOST_FORKS, read_manifest
from moloch.errors import CorruptLog, Locked, LogError


def frame(body: bytes) -> bytes:
    """Return a body with a header that agrees with it."""
    start = struct.pack("<IIII", codec._MAGIC, codec.HEADER_SIZE - 8, len(body), zlib.crc32(body))
    return start + struct.pack("<I", zlib.crc32(start)) + body


def crafted(run: Path, text: bytes, n: int = 1) -> bytes:
    """Return a commit of any text, its sums right, as a run's first."""
    prev = read_manifest(run).genesis
    commit = codec.Commit(v=codec.SCHEMA_VERSION, seq=0, n=n, prev=prev, hash=codec.chain(prev, text, {}))
    return frame(zstd.compress(text + codec._commit_line(commit)))


class TestBombs:
    """A commit unpacks to what it may hold, and no more."""

    @pytest.mark.parametrize("kind", ["stated", "unstated", "two frames"])
    def test_it_is_refused_before_it_is_unpacked(self, run, segment, kind, monkeypatch):
        """Some kilobytes that would become megabytes are damage, and take no memory."""
        monkeypatch.setattr(codec, "UNPACKED", 2**20)
        create(run, {}).close()
        zeros = bytes(2**25)
        body = zstd.compress(zeros)
        if kind == "unstated":
            packer = zstd.ZstdCompressor()
            body = packer.compress(zeros) + packer.flush()
        elif kind == "two frames":
            body = zstd.compress(b"{}\n") + body
        segment.write_bytes(codec.PREAMBLE + frame(body))
        tracemalloc.start()
        with pytest.raises(CorruptLog, match="not a commit"):
            verify(run)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**24

    def test_a_large_commit_is_none(self, run, reactions, monkeypatch):
        """What packs well, as a crowd's columns do, is read."""
        monkeypatch.setattr(codec, "UNPACKED", 2**20)
        with create(run, {}) as log:
            log.append(reactions(20_000))
        assert verify(run).seq == 20_000


class TestCraftedLines:
    """Lines whose sums are right, and that are no events."""

    @pytest.mark.parametrize(
        "line",
        [
            b"[" * 100_000,
            b'{"type":"reacted","seq":0,"order":' + b"[" * 100_000,
            b'{"type":"reacted","seq":0}',
            b'{"type":"reacted"',
            b'{"type":7}',
            b"null",
            b"",
            b"\xff\xfe",
            b'{"type":"epoch_ended","seq":0,"epoch":1e999,"adapters":{}}',
            b'{"type":"epoch_ended","seq":0,"epoch":1,"adapters":{"a":"\\ud800"}}',
            b'{"type":"llm_replied","seq":0,"key":[],"site":{}}',
        ],
        ids=lambda line: str(line[:40]),
    )
    def test_they_are_one_error(self, run, segment, line):
        """Whoever reads them: event by event, or as columns."""
        create(run, {}).close()
        segment.write_bytes(codec.PREAMBLE + crafted(run, line + b"\n"))
        for read in (
            lambda: list(read_events(run)),
            lambda: scan(run).collect(),
            lambda: open_log(run, write=False).ended(),
        ):
            with pytest.raises(LogError):
                read()

    @pytest.mark.parametrize(("text", "n"), [(b"", 0), (b'{"type":"reacted","seq":0}\n', 0), (b"", -1)])
    def test_a_commit_of_nothing_is_damage(self, run, segment, text, n):
        """Every commit holds an event."""
        create(run, {}).close()
        segment.write_bytes(codec.PREAMBLE + crafted(run, text, n))
        for read in (verify, about, count_types, lambda run: list(read_events(run))):
            with pytest.raises(CorruptLog, match="a commit of"):
                read(run)

    @pytest.mark.parametrize("line", [b"null", b"{}", b'{"seq":0,"type":"reacted"}', b'{"type":"\xff"}', b"[" * 50_000])
    def test_types_are_counted_of_events_only(self, run, segment, line):
        """What is none is said."""
        create(run, {}).close()
        segment.write_bytes(codec.PREAMBLE + crafted(run, line + b"\n"))
        with pytest.raises(CorruptLog, match="not an event"):
            count_types(run)

    @pytest.mark.parametrize(
        "fork", [{"run": "x", "seq": -1, "hash": ""}, {"run": "x\0y", "seq": 1, "hash": ""}, [1], 7]
    )
    def test_a_pointer_to_nowhere(self, run, fork):
        """It is one error."""
        create(run, {}).close()
        (run / "run.json").write_text(json.dumps({"format": FORMAT, "config": {}, "fork": fork}))
        with pytest.raises(LogError):
            list(read_events(run))

    def test_a_deep_run_json_is_damaged(self, run):
        """It is not read to the bottom."""
        create(run, {}).close()
        (run / "run.json").write_text('{"format":1,"config":' + "[" * 100_000)
        with pytest.raises(CorruptLog, match=r"run\.json is damaged"):
            open_log(run, write=False)


class TestCircles:
    """Forks that lead back to themselves."""

    @pytest.mark.parametrize("length", [1, 2, 5])
    def test_a_circle_has_no_beginning(self, tmp_path, length):
        """It is said, whatever is asked of the run."""
        for i in range(length):
            folder = tmp_path / f"r{i}"
            create(folder, {}).close()
            manifest = json.loads((folder / "run.json").read_text())
            manifest["fork"] = {"run": f"../r{(i + 1) % length}", "seq": 5, "hash": "0" * 64}
            (folder / "run.json").write_text(json.dumps(manifest))
            (folder / "log" / f"{0:020d}.jsonl.zst").unlink()
        run = tmp_path / "r0"
        reads = (
            lambda: list(read_events(run)), lambda: verify(run), lambda: lineage(run), lambda: about(run),
            lambda: scan(run).collect(), lambda: list(open_log(run, write=False).follow()),
        )  # fmt: skip
        for read in reads:
            with pytest.raises(CorruptLog, match="no beginning"):
                read()

    @pytest.mark.system
    def test_too_many_forks_are_refused(self, tmp_path, reactions):
        """Before reading them would take more of Python's stack than there is."""
        with create(tmp_path / "0", {}) as log:
            head = log.append(reactions(1))
        for i in range(1, 2 * MOST_FORKS):
            (tmp_path / str(i) / "log").mkdir(parents=True)
            manifest = {
                "format": FORMAT,
                "config": {},
                "fork": {"run": f"../{i - 1}", "seq": head.seq, "hash": head.hash},
            }
            (tmp_path / str(i) / "run.json").write_text(json.dumps(manifest))
        assert len(list(read_events(tmp_path / str(MOST_FORKS)))) == 1
        with pytest.raises(CorruptLog, match="chain of forks is too long"):
            list(read_events(tmp_path / str(2 * MOST_FORKS - 1)))


def linked(run: Path, copy: Path) -> Path:
    """Return a copy of a run made of hard links, as ``cp -al`` makes it."""
    return Path(shutil.copytree(run, copy, copy_function=os.link))


class TestLinkedCopies:
    """A copy whose files are the original's own."""

    def test_going_on_in_the_copy_leaves_the_original(self, run, fill, reactions, tmp_path):
        """Its log is copied before a byte of it is written; both are whole."""
        heads = fill([2, 3])
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        copy = linked(run, tmp_path / "copy")
        with open_log(copy, write=True) as log:
            log.append(reactions(4, 5))
        assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
        assert verify(run) == heads[-1] and verify(copy).seq == 9

    def test_recovering_the_copy_leaves_the_original(self, run, fill, segment, tmp_path):
        """Nor is the original cut."""
        fill([2, 3])
        segment.write_bytes(segment.read_bytes()[:-5])
        before = segment.read_bytes()
        copy = linked(run, tmp_path / "copy")
        open_log(copy, write=True).close()
        assert segment.read_bytes() == before and verify(copy).seq == 3

    def test_each_has_a_lock_of_its_own(self, run, fill, reactions, tmp_path):
        """Both may be written at once; each by one."""
        fill([2])
        copy = linked(run, tmp_path / "copy")
        with open_log(run, write=True) as one, open_log(copy, write=True) as two:
            one.append(reactions(1, 2))
            two.append(reactions(2, 2))
            for folder in (run, copy):
                assert disk.is_locked(folder)
                with pytest.raises(Locked):
                    open_log(folder, write=True)
        assert (verify(run).seq, verify(copy).seq) == (3, 4)


class TestFollowing:
    """Whoever follows a run that has ended comes to an end."""

    @pytest.mark.parametrize("start", [0, 1, 2, 3, 99])
    def test_it_ends_with_the_run(self, run, reactions, start):
        """From wherever it began, also behind the end."""
        with create(run, {}) as log:
            log.append(reactions(2))
            log.append([RunEnded(digest="0" * 64, seconds=1.0)])
        follower = open_log(run, write=False).follow(start, poll=0, stop=_patience(50))
        assert [event.seq for event in follower] == list(range(3))[start:]

    def test_a_fork_of_an_ended_run_has_not_ended(self, run, reactions, tmp_path):
        """What ended is its parent."""
        with create(run, {}) as log:
            log.append([*reactions(2), StepEnded(step=0, state_hash="")])
            log.append([RunEnded(digest="0" * 64, seconds=1.0)])
        point = fork_point(run, 1, tmp_path / "fork")
        with create(tmp_path / "fork", {}, fork=point) as log:
            follower = log.follow(poll=0)
            assert [next(follower).seq for _ in range(3)] == [0, 1, 2]
            log.append(reactions(1))
            assert next(follower).seq == 3


def _patience(looks: int):
    """Return a function that raises once it was asked so often: the follower should have ended."""
    left = [looks]

    def stop() -> bool:
        left[0] -= 1
        assert left[0], "it follows a run that has ended"
        return False

    return stop


def test_salvage_does_not_unpack_a_bomb(run, fill, segment, monkeypatch):
    """A repair passes it over."""
    monkeypatch.setattr(codec, "UNPACKED", 2**20)
    fill([2, 2])
    segment.write_bytes(segment.read_bytes()[:-1] + b"!" + frame(zstd.compress(bytes(2**25))))
    done = repair(run)
    assert done is not None and done.answered == 0 and verify(run).seq == 3
