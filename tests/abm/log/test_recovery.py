"""What the log promises after a crash: everything acknowledged, nothing else, and no byte thrown away."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from abm.events import Recovered
from abm.log import codec, create, disk, open_log, read_events, verify
from abm.log.codec import PREAMBLE
from abm.log.segments import Segment, blocks, walk
from moloch.errors import CorruptLog, LogError, NoRun


def commits(segment: Path) -> list[tuple[int, int]]:
    """Return the byte ranges of a segment's commits."""
    return [(block.start, block.end) for block in blocks(Segment(segment, 0), None)]


@pytest.mark.usefixtures("in_memory")
class TestTornTail:
    """A file that ends within a commit is opened, and the part set aside."""

    @pytest.mark.system
    @pytest.mark.parametrize("sizes", [[2], [2, 3, 2]], ids=["only commit", "last of three"])
    def test_cut_at_every_byte(self, run, fill, segment, strip, reactions, folder, sizes):
        """Whatever byte the last commit is cut at, exactly the commits before it are read, and the cut is kept."""
        heads = fill(sizes)
        whole, start = segment.read_bytes(), commits(segment)[-1][0] if len(sizes) > 1 else 0
        for cut in range(start, len(whole)):
            copy = folder / "copy"
            shutil.copytree(run, copy)
            (copy / "log" / segment.name).write_bytes(whole[:cut])
            assert verify(copy) == heads[-2], f"a reader, cut at byte {cut}"
            with open_log(copy, write=True) as log:
                log.append(reactions(1, 99))
            found = list(read_events(copy))
            assert strip(found[: heads[-2].seq]) == strip(reactions(heads[-2].seq)), f"cut at byte {cut}"
            after = found[heads[-2].seq :]
            if start < cut != len(codec.PREAMBLE):
                assert isinstance(after[0], Recovered) and after[0].nbytes == cut - start
                assert (copy / "quarantine" / after[0].quarantined).read_bytes() == whole[start:cut]
                after = after[1:]
            assert strip(after) == strip(reactions(1, 99)), f"cut at byte {cut}"
            shutil.rmtree(copy)

    @pytest.mark.system
    def test_a_new_segment_cut_at_every_byte(self, run, fill, small_segments, strip, reactions, folder):
        """A crash in the first commit of a segment falls back on the segment before."""
        heads = fill([4, 2])
        last = max((run / "log").iterdir())
        whole = last.read_bytes()
        for cut in range(len(whole)):
            copy = folder / "copy"
            shutil.copytree(run, copy)
            (copy / "log" / last.name).write_bytes(whole[:cut])
            assert verify(copy) == heads[1]
            with open_log(copy, write=True) as log:
                log.append(reactions(1, 99))
            assert strip([e for e in read_events(copy) if not isinstance(e, Recovered)]) == strip(
                [*reactions(4), *reactions(1, 99)]
            )
            shutil.rmtree(copy)

    def test_a_recovery_that_is_itself_cut_short_loses_nothing(self, run, fill, segment, monkeypatch):
        """Bytes set aside by a recovery that crashed are not overwritten by the next one."""
        heads = fill([2, 2])
        start, end = commits(segment)[-1]
        os.truncate(segment, end - 1)

        def cut_short(file: int, data: bytes) -> None:
            os.write(file, data[:30])
            raise OSError(errno.EIO, "Input/output error")

        write = disk.write_all
        calls = iter([write, cut_short])  # to quarantine, then the Recovered event
        monkeypatch.setattr(disk, "write_all", lambda file, data: next(calls)(file, data))
        with pytest.raises(LogError, match="Input/output error"):
            open_log(run, write=True)
        monkeypatch.setattr(disk, "write_all", write)
        open_log(run, write=True).close()
        kept = sorted(path.stat().st_size for path in (run / "quarantine").iterdir())
        assert kept == sorted([end - 1 - start, 30])
        assert [type(e) for e in read_events(run)][heads[1].seq :] == [Recovered]

    def test_a_reader_changes_nothing(self, run, fill, segment):
        """Opening for reading leaves an incomplete commit where it is: it may be being written."""
        fill([2, 2])
        os.truncate(segment, segment.stat().st_size - 3)
        before = segment.read_bytes()
        assert len(list(read_events(run))) == 2
        assert segment.read_bytes() == before and not (run / "quarantine").exists()


class TestKilledWriter:
    """A process that is killed has kept its word."""

    WRITER = textwrap.dedent("""
        import sys
        from abm.events import Reacted
        from abm.log import writer, open_log
        writer.SEAL_EVENTS = 50
        with open_log(sys.argv[1], write=True) as log:
            while True:
                n = 1 + log.head().seq % 7
                log.append([Reacted(contest="c", persona=i, order=[0, 1], choice=0, thought="t" * i) for i in range(n)])
                print(*log.head(), flush=True)
    """)

    @pytest.mark.system
    def test_killed_again_and_again(self, run):
        """After kill -9 every acknowledged event is there and the chain holds, cycle after cycle."""
        create(run, {}).close()
        genesis, heard = verify(run).hash, (0, "")
        for cycle in range(4):
            with subprocess.Popen(
                [sys.executable, "-c", self.WRITER, str(run)], stdout=subprocess.PIPE, text=True
            ) as writer:
                assert writer.stdout is not None
                acknowledged = [writer.stdout.readline() for _ in range(10 + 7 * cycle)]
                writer.send_signal(signal.SIGKILL)
                acknowledged += writer.stdout.read().splitlines(keepends=True)
            seq, hashed = [line for line in acknowledged if line.endswith("\n")][-1].split()
            assert int(seq) > heard[0]
            heard = (int(seq), hashed)
            heads = {(block.commit.seq + block.commit.n, block.commit.hash) for block in walk(run, genesis)}
            assert heard in heads, "an acknowledged commit is gone"
        with open_log(run, write=True) as log:
            assert [event.seq for event in log.read()] == list(range(log.head().seq))


class TestOddFolders:
    """Folders that a crash, or a person, can leave behind."""

    def test_no_segments(self, run):
        """A run whose first segment was never made starts from nothing."""
        create(run, {}).close()
        (run / "log" / f"{0:020d}.jsonl.zst").unlink()
        assert list(read_events(run)) == []
        with open_log(run, write=True) as log:
            assert log.append([Recovered(quarantined="", nbytes=0)]).seq == 1

    @pytest.mark.parametrize("gone", ["the folder", "all files", "all but the preamble", "all but half a commit"])
    @pytest.mark.parametrize("sign", ["adapters/one/adapter.safetensors", "parquet/0.parquet", "snap/7.json", "notes"])
    def test_a_log_that_is_gone_does_not_begin_again(self, run, fill, gone, sign):
        """Where something of the run is left but its events, opening it for writing is refused, and changes nothing."""
        fill([3])
        (run / sign).parent.mkdir(parents=True, exist_ok=True)
        (run / sign).write_text("what only a run that went on leaves behind")
        first = run / "log" / f"{0:020d}.jsonl.zst"
        if gone == "the folder":
            shutil.rmtree(run / "log")
        elif gone == "all files":
            first.unlink()
        else:
            first.write_bytes(first.read_bytes()[: len(PREAMBLE) if "preamble" in gone else 60])
        before = sorted(run.rglob("*"))
        with pytest.raises(CorruptLog, match="the run's log is gone"):
            open_log(run, write=True)
        assert sorted(run.rglob("*")) == before

    def test_a_log_whose_folder_is_gone_does_not_begin_again(self, run, fill):
        """run.json is never there before the folder of the log is."""
        fill([3])
        shutil.rmtree(run / "log")
        with pytest.raises(CorruptLog, match="the run's log is gone"):
            open_log(run, write=True)

    def test_no_run(self, run, tmp_path):
        """A folder without run.json is no run, and stays untouched."""
        for write in (False, True):
            with pytest.raises(NoRun, match=r"no run\.json"):
                open_log(tmp_path, write=write)
            with pytest.raises(NoRun, match="nothing of that name"):
                open_log(run / "nowhere", write=write)
        assert list(tmp_path.iterdir()) == []

    def test_run_json_cut_anywhere(self, in_memory, run, fill):
        """A truncated run.json is one clear error."""
        fill([1])
        whole = (run / "run.json").read_bytes()
        for cut in range(len(whole) - 1):
            (run / "run.json").write_bytes(whole[:cut])
            with pytest.raises(CorruptLog, match=r"run\.json is damaged"):
                open_log(run, write=False)

    def test_a_segment_emptied_by_a_crash_goes_on(self, run, fill, small_segments, reactions):
        """An empty last segment takes the next commit."""
        heads = fill([4])
        (run / "log" / f"{4:020d}.jsonl.zst").touch()
        assert verify(run) == heads[-1]
        with open_log(run, write=True) as log:
            log.append(reactions(1, 4))
        assert [event.seq for event in read_events(run)] == [0, 1, 2, 3, 4]


class TestRefusedWrites:
    """A disk that refuses costs nothing that was acknowledged."""

    @pytest.mark.parametrize(("code", "fix"), [(errno.ENOSPC, "Make room"), (errno.EIO, "Check the disk")])
    def test_a_failed_write_poisons_the_writer(self, run, reactions, strip, monkeypatch, code, fix):
        """One clear error; every later append fails; the next opening sets the part aside and goes on."""
        log = create(run, {})
        log.append(reactions(3))

        def half(file: int, data: bytes) -> None:
            os.write(file, data[: len(data) // 2])
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(disk, "write_all", half)
        with pytest.raises(LogError, match=f"{os.strerror(code)}.*{fix}"):
            log.append(reactions(2, 3))
        monkeypatch.undo()
        with pytest.raises(LogError, match=os.strerror(code)):
            log.append(reactions(2, 3))
        assert log.head().seq == 3
        log.close()
        with open_log(run, write=True) as again:
            again.append(reactions(2, 3))
        found = list(read_events(run))
        assert isinstance(found[3], Recovered)
        assert strip([*found[:3], *found[4:]]) == strip(reactions(5))

    def test_a_failed_sync_is_never_repeated(self, run, reactions, monkeypatch):
        """After a failed fdatasync the writer does not ask again."""
        calls = []

        def fail(file: int) -> None:
            calls.append(file)
            raise OSError(errno.EIO, "Input/output error")

        with create(run, {}) as log:
            monkeypatch.setattr(disk, "sync_data", fail)
            for _ in range(3):
                with pytest.raises(LogError, match="Input/output error"):
                    log.append(reactions(1))
        assert len(calls) == 1

    def test_an_interrupt_within_a_write_poisons_the_writer(self, run, reactions, monkeypatch):
        """Ctrl-C between write and sync leaves no half-known state behind."""
        with create(run, {}) as log:
            log.append(reactions(1))

            def interrupt(file: int) -> None:
                raise KeyboardInterrupt

            monkeypatch.setattr(disk, "sync_data", interrupt)
            with pytest.raises(KeyboardInterrupt):
                log.append(reactions(1, 1))
            monkeypatch.undo()
            with pytest.raises(LogError, match="KeyboardInterrupt"):
                log.append(reactions(1, 1))
        with open_log(run, write=True) as log:
            assert log.head().seq in (1, 2)

    def test_a_segment_that_cannot_be_made(self, run, reactions, monkeypatch, small_segments):
        """A disk that is full when a segment is sealed gives the same clear error and loses nothing."""
        with create(run, {}) as log:
            head = log.append(reactions(4))

            def full(path: Path) -> int:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            monkeypatch.setattr(disk, "open_appending", full)
            for _ in range(2):
                with pytest.raises(LogError, match="Make room"):
                    log.append(reactions(1, 4))
        assert verify(run) == head

    def test_a_real_file_size_limit(self, run):
        """With a limit set by the system, all that was acknowledged is read back and the error is ours."""
        create(run, {}).close()
        script = textwrap.dedent("""
            import resource, sys
            from pathlib import Path
            from moloch.errors import LogError
            from abm.events import Reacted
            from abm.log import open_log
            event = Reacted(contest="c", persona=0, order=[0], choice=0, thought="because")
            with open_log(sys.argv[1], write=True) as log:
                log.append([event])
                log.append([event])
                size = next((Path(sys.argv[1]) / "log").iterdir()).stat().st_size
                resource.setrlimit(resource.RLIMIT_FSIZE, (size + 60, size + 60))  # within the next commit
                try:
                    log.append([event])
                except LogError as error:
                    print(log.head().seq, log.head().hash, error)
        """)
        done = subprocess.run([sys.executable, "-c", script, str(run)], capture_output=True, text=True, check=True)
        seq, hashed, *message = done.stdout.split()
        assert seq == "2" and "Make room" in " ".join(message)
        assert tuple(verify(run)) == (int(seq), hashed)
        with open_log(run, write=True) as log:
            recovered = list(log.read())[-1]
        assert isinstance(recovered, Recovered) and recovered.nbytes == 60
