"""Packs: a run or a study as one file that another machine verifies, shows, replays and resumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from analysis.packs.contents import Contents, PackedRun
    from analysis.packs.reader import contents_of, unpack
    from analysis.packs.writer import pack

_HOMES = {
    "Contents": "analysis.packs.contents",
    "PackedRun": "analysis.packs.contents",
    "contents_of": "analysis.packs.reader",
    "pack": "analysis.packs.writer",
    "unpack": "analysis.packs.reader",
}

__all__ = ["Contents", "PackedRun", "contents_of", "pack", "unpack"]

__getattr__, __dir__ = door(__name__, _HOMES)
