"""Where everything of a study lies in its folder. Knows names of files and folders, and nothing that is in them."""

from __future__ import annotations

from pathlib import Path

from moloch.errors import InputError
from moloch.near_files import did_you_mean

PAGE = "study.yaml"
"""The page as it was last planned."""
LOG = "study-log"
"""The study's own log."""
COPY = "copy.txt"
"""The word by which object storage knows a folder."""


def is_study(folder: Path) -> bool:
    """Tell whether a folder holds a study."""
    return (folder / LOG / "run.json").is_file()


def no_study(folder: Path) -> InputError:
    """Return that a folder holds no study, why, and what to do."""
    why, fix = f"there is no {LOG}", "Give a study's folder, or its page."
    if not folder.exists():
        why, fix = (
            "there is no such folder",
            f"{did_you_mean(folder)}moloch study run PAGE begins it; of a study that began with --out FOLDER, give that folder.",
        )
    elif (folder / "run.json").is_file():
        why = "it is a run"
    return InputError("no study here", where=str(folder), why=why, fix=fix)


class Layout:
    """The places of one study.

    Attributes:
        folder: the study's.
        page: a copy of the page, as it was last planned.
        log: folder of the study's own log.
        cells: holds a run's folder for each cell.
        claims: who works on which cell.
        output: what workers printed, and tracebacks.
        budget: what may be spent, and what each cell has taken of it.
        copy: the word by which object storage knows this folder.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.page, self.log = self.folder / PAGE, self.folder / LOG
        self.cells, self.claims = self.folder / "cells", self.folder / "claims"
        self.output, self.budget = self.folder / "output", self.folder / "budget"
        self.copy = self.folder / COPY

    def cell(self, name: str) -> Path:
        """Return the folder of a cell's run."""
        return self.cells / name

    def claim(self, name: str, attempt: int) -> Path:
        """Return the file that says who makes an attempt at a cell."""
        return self.claims / f"{name}.{attempt}.json"

    def settings(self, name: str) -> Path:
        """Return the file with all settings of a cell's run, where models are served among them, as its worker gets them."""
        return self.output / f"{name}.settings.json"

    def outcome(self, name: str, attempt: int) -> Path:
        """Return the file in which an attempt's worker says what became of it."""
        return self.output / f"{name}.{attempt}.json"

    def upload(self, name: str) -> Path:
        """Return the file that says what of a cell is in object storage."""
        return self.output / f"{name}.upload.json"

    def traceback(self, name: str, attempt: int) -> Path:
        """Return the file with the traceback of an attempt that failed."""
        return self.output / f"{name}.{attempt}.traceback.txt"

    def said(self, name: str, attempt: int) -> Path:
        """Return the file with all that an attempt's worker printed."""
        return self.output / f"{name}.{attempt}.txt"


def default_folder(name: str, base: str) -> Path:
    """Return where a study is carried out if nobody says it: what all its cells share is part of its name."""
    return Path("runs") / f"study-{name}-{base[:8]}"
