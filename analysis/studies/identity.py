"""What it takes for two runs to be one: settings, what the files, models and extensions that they name hold, probes, and the version
of moloch. Computed from settings before a run, and from its log after it; reads, and imports nothing but what settings name.

Bounds on what may be spent and where models are served are no part of it: they decide nothing. A model that is served elsewhere is
known by its name alone.
"""

from __future__ import annotations

from typing import NamedTuple

from moloch.content import content_id

PACKAGE = "moloch-abm"


class Identity(NamedTuple):
    """What makes a run the one it is.

    Attributes:
        settings: content id of the settings, with what files are called left out.
        content: content id of what those files, the models and the extensions hold, and of the rules of the probes.
        version: of moloch.
    """

    settings: str
    content: str
    version: str

    @property
    def id(self) -> str:
        """All of it as one content id."""
        return content_id(list(self))

    def equals(self, other: Identity, *, any_version: bool = False) -> bool:
        """Tell whether two are one run, by another version of moloch if that may be."""
        return self[:2] == other[:2] and (any_version or self.version == other.version)
