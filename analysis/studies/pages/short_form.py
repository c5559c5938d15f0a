"""The short form of a study: the settings of one run, carried out with several seeds. Makes a page of them; knows nothing of command lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.studies.pages.page import WrittenPage, page_of
from learning import RunConfig

OWN = ("seed", "budget")
"""Settings of a run that are its study's to say: seeds, and bounds for all of them together."""
LONGEST = 80
"""Characters of a study's name."""


def short_page(settings: Mapping[str, Any], seeds: int) -> WrittenPage:
    """Return the page of a study whose cells differ in their seed alone.

    Args:
        settings: of the run, as they were given; its budget becomes the bounds that all cells share.
        seeds: how many: 1, 2, ...
    """
    base = {name: value for name, value in settings.items() if name not in OWN}
    config = RunConfig.model_validate(settings)
    bounds = {name: getattr(config.budget, name) for name in ("calls", "tokens", "usd")}
    minutes = config.budget.minutes
    bounds["hours"] = None if minutes is None else minutes / 60
    stop = {name: bound for name, bound in bounds.items() if bound is not None}
    page: dict[str, Any] = {"name": _name(config), "base": base, "seeds": seeds}
    return page_of(page | ({"stop": stop} if stop else {}))


def _name(config: RunConfig) -> str:
    parts = [
        Path(config.arena).stem,
        Path(config.audience).stem,
        *([] if config.world == "isolated" else [config.world]),
    ]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(parts)).strip("._-")[:LONGEST] or "study"
