"""A run or a study as a folder of pages that needs no server: it opens from disk, and can be zipped and mailed.

Its numbers, sentences and links are those of the pages of ``moloch ui``, whose functions of the log it stands on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from analysis.site.folder import SiteMade
    from analysis.site.writer import write_site

_HOMES = {
    "SiteMade": "analysis.site.folder",
    "write_site": "analysis.site.writer",
}

__all__ = ["SiteMade", "write_site"]

__getattr__, __dir__ = door(__name__, _HOMES)
