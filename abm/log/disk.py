"""Durable bytes: what the writer asks of the operating system. Knows nothing of events; tests break it on purpose."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from moloch.durable import sync as sync_folder
from moloch.errors import Locked, LogError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

sync_data = getattr(os, "fdatasync", os.fsync)
"""Return once the bytes of an open file, and its length, are on disk."""


def write_all(file: int, data: bytes) -> None:
    """Write ``data`` to an open file, however many calls that takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def write_at(file: int, data: bytes, at: int) -> None:
    """Write ``data`` to an open file from byte ``at`` on; writing the same there again changes nothing."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        view, at = view[written:], at + written


def write_durably(path: Path, data: bytes) -> None:
    """Write a small file so that after a crash it is there whole, or not at all."""
    new = path.with_name(path.name + ".new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        write_all(file, data)
        os.fsync(file)
    except OSError:
        new.unlink(missing_ok=True)  # on a full disk, what is half written must not stand in the way once there is room
        raise
    finally:
        os.close(file)
    new.replace(path)
    sync_folder(path.parent)


def unshare(path: Path) -> None:
    """Make a file one of its own if it is also known by other names, as in a copy made of hard links: those stay as they are."""
    try:
        if path.stat().st_nlink == 1:
            return
    except FileNotFoundError:
        return
    write_durably(path, path.read_bytes())


def open_appending(path: Path) -> int:
    """Open a file for appending, made if need be, its name durable and no other file's; return the descriptor."""
    return _opened(path, os.O_APPEND)


def open_placing(path: Path) -> int:
    """Open a file in the same way, for :func:`write_at`."""
    return _opened(path, 0)


def _opened(path: Path, flag: int) -> int:
    unshare(path)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o644)
    try:
        sync_folder(path.parent)
    except BaseException:
        os.close(file)
        raise
    return file


def truncate(file: int, size: int) -> None:
    """Cut an open file to ``size`` bytes, durably."""
    os.ftruncate(file, size)
    os.fsync(file)


def seal(path: Path) -> None:
    """Make a finished file read-only; a file system that cannot does no harm."""
    with contextlib.suppress(OSError):
        path.chmod(0o444)


def lock(run: Path) -> int:
    """Take a run's lock; it is released when the descriptor that is returned is closed, by us or by our end.

    Raises:
        Locked: another process has it.
        LogError: the file cannot be opened.
    """
    path = run / "LOCK"
    try:
        unshare(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        relock(descriptor, run)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def unlock(descriptor: int) -> None:
    """Give a lock back and keep its descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def relock(descriptor: int, run: Path) -> None:
    """Take a run's lock with a descriptor of its file.

    Raises:
        Locked: another process has it.
        LogError: it cannot be taken.
    """
    path = run / "LOCK"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(
            os.fstat(descriptor), path.stat()
        ):  # another process made the file one of its own just now
            raise BlockingIOError
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        if not isinstance(error, BlockingIOError):
            raise unwritable(path, error) from error
        raise Locked(
            "the run is being written",
            where=str(run),
            why=f"process {holder}, or one that it started, holds its lock",
            fix="Wait for it or end it, then run the command again; reading needs no lock.",
        ) from error
    with contextlib.suppress(OSError):  # only for people to read
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def is_locked(run: Path) -> bool:
    """Tell whether a process holds a run's lock; changes nothing."""
    try:
        descriptor = os.open(run / "LOCK", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def unwritable(path: Path, error: BaseException) -> LogError:
    """Return the error for a write that the system refused."""
    full = isinstance(error, OSError) and error.errno in _FULL
    todo = "Make room" if full else "Check the disk and that you may write there"
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return LogError(
        "cannot write the log",
        where=str(path),
        why=why,
        fix=f"Everything acknowledged is safe. {todo}, then run the same command again.",
    )
