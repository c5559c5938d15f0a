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
    """Return the study of a page, or the only run or study inside a folder, and say on stderr that it is taken; any other path as it is.

    Of a folder that holds several, the command's own error lists them.

    Raises:
        InputError: it is a page with mistakes, or its study has not begun where it is by default.
    """
    from analysis.cli.console import stderr
    from analysis.studies.record.layout import is_study, no_study
    from analysis.studies.record.places import folder_of, only_inside

    if path.suffix in PAGES and path.is_file() and page_keys(path):
        study = folder_of(path)
        if not is_study(study):
            raise no_study(study)
        stderr().print(f"taking {study}, the study of {path}", markup=False, highlight=False, soft_wrap=True)
        return study
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
