"""The run or study that a command was given: of a folder that holds exactly one, as ``moloch unpack`` leaves it, that one."""

from __future__ import annotations

from pathlib import Path


def named_place(path: Path) -> Path:
    """Return the only run or study inside a folder, and say on stderr that it is taken; any other path as it is.

    ``FOLDER#CELL`` is a cell of the only study inside it. Of a folder that holds several, the command's own error lists them.
    """
    from analysis.cli.console import stderr
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import only_inside

    folder, sign, cell = str(path).rpartition("#")
    if sign and not path.exists() and (only := only_inside(Path(folder))) is not None and is_study(only):
        return Path(f"{named_place(Path(folder))}#{cell}")
    only = only_inside(path)
    if only is None:
        return path
    stderr().print(f"taking {only}, the only one in {path}", markup=False, highlight=False, soft_wrap=True)
    return only


def named_run(path: Path) -> Path:
    """Return the run that a path names, also as ``STUDY#CELL``, or as a folder that holds it alone.

    Raises:
        InputError, LogError: as :func:`analysis.studies.record.places.one_run`.
    """
    from analysis.studies.record.places import one_run

    return one_run(named_place(path))


def began(run: Path) -> None:
    """Check that anything happened in a run: an empty log of one that was carried out is no empty result.

    Raises:
        LogError: its log holds no events, or cannot be read.
    """
    from abm.log import open_log
    from moloch.errors import LogError

    if not open_log(run, write=False).head().seq:
        why, fix = "nothing happened yet, or its log is gone", "Begin the run, or restore its log from a copy."
        raise LogError("the log holds no events", where=str(run), why=why, fix=fix)


def refuse_other_kind(path: Path) -> None:
    """Say what was given in the place of a file of settings, if it is a run, a study, a study's page or a pack; else return.

    Raises:
        InputError: it is one of these; with the command that takes it.
    """
    from zipfile import is_zipfile

    from analysis.studies.pages.page import is_page
    from analysis.studies.record.layout import is_study
    from moloch.errors import InputError

    kind, fix = "", ""
    if (path / "run.json").is_file():
        kind = "a run"
        fix = f"moloch resume {path} continues it; moloch run --like {path} takes its settings for a new one."
    elif is_study(path):
        kind, fix = "a study", f"moloch study run {path} resumes it."
    elif path.is_dir():
        kind, fix = "a folder", "Give a YAML file; moloch config show prints what may stand in it."
    elif path.is_file() and is_zipfile(path):
        kind, fix = "a pack, or another zip file", "Unpack it first, with moloch unpack."
    elif path.is_file() and is_page(path):
        kind, fix = "the page of a study", f"Carry it out with moloch study run {path}."
    if kind:
        why = f"it is {kind}, and the command takes a file with settings of a run"
        raise InputError("no settings here", where=str(path), why=why, fix=fix)
