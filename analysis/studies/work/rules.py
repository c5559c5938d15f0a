"""How a controller goes about its work: bounds, second attempts and their pauses. Settings; carries nothing out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from abm.study_events import Origin
from analysis.studies.pages.page import StopRules
from analysis.studies.record.identity import FinishedRun, Identity
from analysis.studies.record.layout import Layout
from analysis.studies.work.tasks import Needs
from learning import RunConfig

TRIES: dict[Origin, int] = {"backend": 5, "node": 3, "disk": 3, "memory": 2}
"""Attempts that one controller makes at a cell, by why the last one failed; others it makes once."""
PAUSES: dict[Origin, float] = {"backend": 10.0, "disk": 30.0, "node": 1.0}
"""Seconds before the second of them; each further one waits twice as long."""
LONGEST_PAUSE = 600.0
"""The longest of them."""


@dataclass(frozen=True)
class Rules:
    """How a controller goes about its work.

    Attributes:
        stop: the page's bounds.
        retry: whether cells that failed for reasons that stay are tried again, too.
        wait: for cells that others carry out; else the work ends once no other is left.
        needs: of each cell's config, besides memory.
        identity: of a cell's config; None where it cannot be told.
        reused: finds the finished run of an identity.
        store: URL of a folder in object storage, to which the log of a cell goes once it has ended; empty for none.
        pauses: seconds before a second attempt, by origin.
    """

    stop: StopRules = field(default_factory=StopRules)
    retry: bool = False
    wait: bool = True
    needs: Callable[[RunConfig], Needs] = lambda config: Needs()
    identity: Callable[[RunConfig], Identity | None] = lambda config: None
    reused: Callable[[Identity], FinishedRun | None] = lambda identity: None
    store: str = ""
    pauses: Mapping[Origin, float] = field(default_factory=lambda: PAUSES)


def bounded(config: RunConfig, stop: StopRules, layout: Layout) -> RunConfig:
    """Return a cell's settings with the bounds that all cells share: on what may be spent, and on calls at once to one server."""
    bounds = {name: bound for name in ("calls", "tokens", "usd") if (bound := getattr(stop, name)) is not None}
    budget = config.budget.model_copy(update=bounds | {"shared": str(layout.budget.resolve())})
    serving = config.serving.model_copy(update={"shared": str((layout.budget / "servers").resolve())})
    return config.model_copy(update={"budget": budget, "serving": serving})


def most_failures(share: float, cells: int) -> float:
    """Return how many cells may fail: a share, but that one alone never stops the others, unless none may."""
    return max(share * cells, 1.0) if share else 0.0
