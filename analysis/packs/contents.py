"""What a pack says of itself: its runs with their heads, and every file with its size and hash."""

from __future__ import annotations

from typing import Literal

import msgspec

FORMAT = 1
"""Version of a pack's layout."""
CONTENTS = "pack.json"
"""Its first file, which lists the others."""
EXTRAS = "analysis"
"""Folder of what was computed from the logs: tables, frames, the codebook."""

Form = Literal["run", "study"]


class PackedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file in a pack; ``name`` is relative, with slashes."""

    name: str
    nbytes: int
    sha256: str


class PackedRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run, and how its log ends.

    Attributes:
        folder: in the pack; ``cell``: its name in the study, empty outside of one.
        events, head: of the log, up to its last whole commit; ``ended``: whether the run has.
        digest: of what was decided; empty where the run has not ended.
        log: whether its log is in the pack; else only what was computed from it is.
        version: of the moloch that began it.
        extensions: modules of the user's own that it needs to be decided again; they are not in the pack.
        shared: whether it is here only for what forks share with it.
    """

    folder: str
    events: int
    head: str
    ended: bool
    digest: str = ""
    cell: str = ""
    log: bool = True
    version: str = ""
    extensions: list[str] = []
    shared: bool = False


class Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a pack holds.

    Attributes:
        kind: what was packed, and ``main``: its folder in the pack.
        study_head: of the study's own log.
        moloch: version that packed it.
        left_out: in words.
    """

    format: int
    kind: Form
    name: str
    main: str
    moloch: str
    runs: list[PackedRun]
    files: list[PackedFile]
    study_head: str = ""
    left_out: list[str] = []

    @property
    def nbytes(self) -> int:
        """Of all files, unpacked."""
        return sum(file.nbytes for file in self.files)
