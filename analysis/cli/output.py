"""What happens when nobody reads what a command prints, or it cannot be written: one line or none, and an exit code.

stdout to a full disk ends the command with 1 and one line; stdout to a pipe that was closed, as by ``| head -1``, ends it
silently with 141, as the shell reports that signal. Whatever becomes of stderr, the command goes on. Knows nothing of commands.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moloch.exit_codes import ExitCode


class OutputLost(BaseException):
    """stdout takes no more; nobody but :func:`written` can do anything about it, as with an interrupt."""

    def __init__(self, error: OSError) -> None:
        self.closed, self.why = isinstance(error, BrokenPipeError), error.strerror or str(error)
        super().__init__(self.why)


class _Results(io.FileIO):
    """stdout without errors that libraries catch, each in its own way."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OutputLost(error) from error


class _Messages(io.FileIO):
    """stderr that never fails: what it does not take is lost."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


@contextlib.contextmanager
def written() -> Iterator[None]:
    """Write all that is printed, also what is still held when the block ends; leave as the module says if that fails."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _over(sys.stdout, 1, _Results), _over(sys.stderr, 2, _Messages)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputLost as lost:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)  # what is still held goes there when Python ends
        if not lost.closed:
            print(f"moloch: cannot write the output: {lost.why}", file=sys.stderr)
        sys.exit(ExitCode.UNREAD if lost.closed else ExitCode.BROKEN)
    finally:
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _over(stream: Any, descriptor: int, kind: type[io.FileIO]) -> Any:
    """Return the stream over another file of the same descriptor; as it is where it is none of the terminal's."""
    if stream is None:  # the caller closed it
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper) or _descriptor(stream) != descriptor:
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(kind(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _descriptor(stream: io.TextIOWrapper) -> int | None:
    try:
        return stream.fileno()
    except OSError:  # it has none, as where a test catches what is printed
        return None
