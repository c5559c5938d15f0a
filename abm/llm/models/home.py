"""Where added models are kept."""

from __future__ import annotations

import os
from pathlib import Path

HOME = "MOLOCH_MODELS"
"""Environment variable that names another folder, such as one that the users of a cluster share."""


def models_home() -> Path:
    """Return the folder of added models: ``$MOLOCH_MODELS``, else in the cache of the user. It may not exist."""
    if named := os.environ.get(HOME):
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "moloch" / "models"
