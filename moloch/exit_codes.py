"""How a command says to a script what became of it: one table, which docs/commands.md shows."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of ``moloch``; a traceback ends with Python's own 1."""

    DONE = 0
    """Everything that was asked for was done, and is whole."""
    BROKEN = 1
    """Something does not work here: a check found it broken or unfit, or the output could not be written."""
    INPUT = 2
    """Wrong input: a command, an option, a setting or a file; no run or study of that name; an extra that is not installed."""
    NOT_WHOLE = 3
    """A log that cannot be opened, verified or written; a study with cells that failed or are missing; a lost cluster."""
    DIFFERS = 4
    """Decisions differ from those in the log, or two runs that should be equal are not."""
    BUDGET = 5
    """A bound of calls, tokens, money or time was met; the same command with a larger one resumes."""
    SERVER = 6
    """A server of language models cannot continue; the same command resumes."""
    WEIGHTS = 7
    """An engine does not compute with the weights that it was given."""
    UNFIT = 8
    """A model is not fit for what the study asks of it."""
    INTERRUPTED = 130
    """Stopped with Ctrl-C; the same command resumes."""
    UNREAD = 141
    """Nobody reads the output any more, as where `head` has enough."""
