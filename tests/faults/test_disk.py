"""A disk that orders, refuses and fills up: no acknowledgement without a sync, nothing acknowledged lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from abm.events import Reacted
from abm.log import create, disk, open_log, read_events, verify
from moloch.errors import LogError
from tests.faults.children import events


class Shim:
    """Records what the log asks of the disk, in order, and may refuse one of the calls."""

    NAMES = ("write_all", "sync_data", "open_appending", "sync_folder", "write_durably", "truncate")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, refuse: int = -1, code: int = errno.EIO, half: bool = False):
        self.calls: list[tuple[str, object]] = []
        self.refuse, self.code, self.half = refuse, code, half
        for name in self.NAMES:
            monkeypatch.setattr(disk, name, self._shimmed(name, getattr(disk, name)))

    def _shimmed(self, name, real):
        def call(*args):
            if threading.current_thread().name.startswith("projecting"):
                return real(*args)  # projections are disposable; what the disk refuses them is nobody's error
            number = len(self.calls)
            self.calls.append((name, args[0]))
            if number == self.refuse:
                if self.half and name == "write_all":
                    os.write(args[0], args[1][: len(args[1]) // 2])
                raise OSError(self.code, os.strerror(self.code))
            return real(*args)

        return call


class TestOrder:
    """Bytes reach the disk before anything says that they did."""

    def test_every_acknowledgement_has_its_sync(self, run, monkeypatch):
        """When a future resolves, everything written was synced; a new segment's name was synced before its first bytes."""
        monkeypatch.setattr("abm.log.writer.SEAL_EVENTS", 10)
        shim = Shim(monkeypatch)
        with create(run, {}) as log:
            for i in range(40):
                futures = [log.submit(events(n, 0)) for n in (1, 3)] if i % 3 else []
                for future in futures:
                    future.add_done_callback(lambda _: shim.calls.append(("told", None)))
                log.append(events(2, 0))
                shim.calls.append(("told", None))
        written, unnamed = False, False
        for (name, what), after in zip(shim.calls, [*shim.calls[1:], ("", None)], strict=True):
            match name:
                case "open_appending":
                    unnamed = True
                case "sync_folder" if isinstance(what, Path) and what.name == "log":
                    unnamed = False
                case "write_all":
                    assert not unnamed, "a segment was written to before its name was durable"
                    written = True
                case "sync_data":
                    written = False
                case "told":
                    assert not written, f"somebody was told before the sync (then came {after})"
        assert ("told", None) in shim.calls and any(name == "sync_data" for name, _ in shim.calls)
        assert sum(name == "open_appending" for name, _ in shim.calls) > 3


class TestRefusals:
    """Every single call that the log makes is refused once."""

    @pytest.mark.parametrize(("code", "half"), [(errno.ENOSPC, True), (errno.EIO, False)], ids=["full", "broken"])
    def test_nothing_acknowledged_is_lost(self, tmp_path, monkeypatch, code, half):
        """One clear error, no more appends, and what was acknowledged is there; the run goes on afterwards."""
        monkeypatch.setattr("abm.log.writer.SEAL_EVENTS", 6)
        for refuse in range(200):
            run, told, error = tmp_path / str(refuse), 0, None
            with monkeypatch.context() as broken:
                shim = Shim(broken, refuse=refuse, code=code, half=half)
                try:
                    with create(run, {}) as log:
                        try:
                            for _ in range(6):
                                told = log.append(events(3, log.head().seq)).seq
                        finally:
                            if refuse < len(shim.calls):
                                with pytest.raises(LogError):
                                    log.append(events(3, log.head().seq))
                except LogError as refused:
                    error = refused
            if refuse >= len(shim.calls):
                assert refuse > 15 and told == 18
                return
            assert error is not None and os.strerror(code) in str(error)
            there = (run / "run.json").exists()
            with open_log(run, write=True) if there else create(run, {}) as log:
                head = log.head().seq
                log.append(events(1, head))
            assert [e.persona for e in read_events(run) if isinstance(e, Reacted)][:told] == list(range(told))
            assert verify(run).seq == head + 1

    @pytest.mark.parametrize("call", ["write_durably", "truncate", "write_all"])
    def test_refused_while_recovering(self, run, monkeypatch, call):
        """A recovery that the disk refuses loses nothing, and succeeds when the disk does."""
        with create(run, {}) as log:
            log.append(events(3, 0))
            log.append(events(3, 3))
        path = next((run / "log").iterdir())
        whole = path.read_bytes()
        path.write_bytes(whole[:-5])
        with monkeypatch.context() as broken:
            broken.setattr(disk, call, lambda *args: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
            with pytest.raises(LogError, match="Input/output error"):
                open_log(run, write=True)
        open_log(run, write=True).close()
        assert [e.persona for e in read_events(run) if isinstance(e, Reacted)] == [0, 1, 2]
        kept = b"".join(p.read_bytes() for p in (run / "quarantine").iterdir())
        assert kept.startswith(whole[whole.index(kept[:20]) : -5])


class TestFullDisk:
    """A file system that is really full."""

    def test_on_a_small_file_system(self, tmp_path):
        """All that was acknowledged is read back; with room made, the run goes on."""
        mount = Path(tempfile.mkdtemp(dir=tmp_path))
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("mounting a file system needs rights that this machine does not give")
        try:
            run, told = mount / "run", 0
            with create(run, {}) as log, pytest.raises(LogError, match=r"No space left.*Make room"):
                while True:
                    told = log.append(
                        [Reacted(contest="c", persona=told + i, order=[0], choice=0, thought=os.urandom(300).hex()) for i in range(20)]
                    ).seq  # fmt: skip
            assert told and verify(run).seq == told
            subprocess.run(["mount", "-o", "remount,size=1m", str(mount)], check=True)
            with open_log(run, write=True) as log:
                log.append(events(1, log.head().seq))
            assert [e.persona for e in read_events(run) if isinstance(e, Reacted)][:told] == list(range(told))
        finally:
            subprocess.run(["umount", str(mount)], check=False)


def test_the_disk_module_is_the_only_door():
    """The shim above relies on the disk module being the only door to the disk."""
    source = "".join(
        path.read_text()
        for path in Path(disk.__file__).parent.glob("*.py")
        if path.name not in ("disk.py", "parquet.py")
    )
    for call in ("os.fsync", "os.write(", "os.fdatasync", "os.ftruncate"):
        assert call not in source, f"{call} is called elsewhere than in abm/log/disk.py ({sys.version})"
