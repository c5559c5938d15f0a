"""The command ``moloch``. What it needs is loaded within :func:`main`, so that Ctrl-C is met there too."""

from __future__ import annotations

import codecs
import io
import sys
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from moloch.errors import MolochError

from analysis.cli.output import written
from moloch.exit_codes import ExitCode

NAME = "moloch"
"""What usage lines and shell completion call the command, also where Python was given the module."""
ASCII = {"−": "-", "–": "-", "→": ">", "…": "."}
"""Signs of tables, each with the one that stands for it where a terminal cannot show it: a figure keeps its sign."""


def main() -> None:
    """Run the command line; a user's mistake ends in a line on stderr and a non-zero exit code."""
    with written():
        _print_anything()
        _call()


def _call() -> None:
    try:
        from analysis.cli.app import app
        from moloch.errors import MolochError
        from moloch.extensions import failed_part
        from moloch.extras import missing

        _show_warnings()

        try:
            app(prog_name=NAME)
        except MolochError as error:
            _end(error)
        except ImportError as error:  # of an optional package, wherever it is first used
            if (lacking := missing(error) or failed_part(error)) is None:
                raise
            _end(lacking)
        except Exception as error:
            if (failed := failed_part(error) or _too_long(error)) is None:
                raise
            _end(failed)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


def _too_long(error: Exception) -> MolochError | None:
    """Return what to tell a user whose path is longer than paths may be, wherever it was given; None for any other error."""
    import errno

    from moloch.errors import InputError

    if not isinstance(error, OSError) or error.errno != errno.ENAMETOOLONG:
        return None
    name = str(error.filename)
    return InputError(
        "no file can have this name",
        where=name if len(name) <= QUOTED else f"{name[:QUOTED]}...",
        why="it is longer than this system allows",
        fix="Give the path of a file or folder; is it a text that another option takes?",
    )


def _end(error: MolochError) -> NoReturn:
    """Say what went wrong, each mistake on its line, and leave."""
    from moloch.errors import Mistakes

    for each in error.each if isinstance(error, Mistakes) else (error,):
        print(_line(each), file=sys.stderr)
    sys.exit(error.exit_code)


QUOTED = 60
"""Characters of a path that is too long for one."""
LONGEST = 2_000
"""Characters of a message; its beginning says what and where, its end what to do."""


def _line(message: object) -> str:
    """Return a message as one line that a terminal shows and does not obey: it may quote a file, of any length."""
    from moloch.plain_text import near_paths
    from moloch.texts import for_terminal

    line = for_terminal(near_paths(f"moloch: {message}").replace("\n", " "))
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


def _show_warnings() -> None:
    """Print a warning of ours as one line; those of libraries stay as they are."""
    from moloch.errors import MolochWarning

    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *rest: Any) -> None:
        if issubclass(category, MolochWarning):
            print(_line(message), file=sys.stderr)
        else:
            shown(message, category, filename, lineno, *rest)

    warnings.showwarning = show


def _print_anything() -> None:
    """Replace signs that the terminal's encoding lacks (ASCII lacks most), instead of ending the command."""
    codecs.register_error("moloch", _replaced)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="moloch")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Return what is printed for signs that the terminal's encoding lacks: one of :data:`ASCII`, or ``?``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(ASCII.get(sign, "?") for sign in error.object[error.start : error.end]), error.end
