"""The run or study that a command was given: also by the page of a study, or by a folder that holds exactly one, as ``moloch unpack`` leaves it."""

from __future__ import annotations

from pathlib import Path

PAGE_KEYS = ("base", "cross", "sample", "exclude", "seeds", "primary")
"""What a study's page has, and the settings of a run have not."""
PAGES = (".yaml", ".yml")
"""Endings of a page."""


def page_keys(path: Path) -> list[str]:
    """Return which keys of a study's page a file has: none, of another file.

    Raises:
        InputError: it cannot be read, or is not YAML.
    """
    from moloch.yamls import read_source

    values = read_source(path, "the settings").values()
    return [key for key in PAGE_KEYS if key in values] if isinstance(values, dict) else []


def named_place(path: Path) -> Path:
    """Return the study of a page, or what :func:`only_place` returns; that it is taken is said on stderr.

    Raises:
        InputError: it is a page with mistakes, or its study has not begun where it is by default.
    """
    from analysis.cli.console import stderr
    from analysis.studies.record.layout import is_study, no_study
    from analysis.studies.record.places import folder_of

    if path.suffix in PAGES and path.is_file() and page_keys(path):
        study = folder_of(path)
        if not is_study(study):
            raise no_study(study)
        stderr().print(f"taking {study}, the study of {path}", markup=False, highlight=False, soft_wrap=True)
        return study
    return only_place(path)


def only_place(path: Path) -> Path:
    """Return the only run or study inside a folder, and say on stderr that it is taken; any other path as it is.

    ``FOLDER#CELL`` is a cell of the only study inside it. Of a folder that holds several, the command's own error lists them.
    """
    from analysis.cli.console import stderr
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import only_inside

    folder, sign, cell = str(path).rpartition("#")
    if sign and not path.exists() and (only := only_inside(Path(folder))) is not None and is_study(only):
        return Path(f"{only_place(Path(folder))}#{cell}")
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
    """Say what was given in the place of a file of settings, if it is a run, a study, another folder or a pack; else return.

    Raises:
        InputError: it is one of these; with the command that takes it.
    """
    from zipfile import is_zipfile

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
    if kind:
        why = f"it is {kind}, and the command takes a file with settings of a run"
        raise InputError("no settings here", where=str(path), why=why, fix=fix)
