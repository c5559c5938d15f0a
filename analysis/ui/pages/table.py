"""The pages by name: those with a tab in its order, then those that links alone lead to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.ui.pages.agents import Agents
from analysis.ui.pages.compare import Compare
from analysis.ui.pages.contests import Contests
from analysis.ui.pages.diffusion import Diffusion
from analysis.ui.pages.event import EventPage
from analysis.ui.pages.message import MessagePage
from analysis.ui.pages.people import People
from analysis.ui.pages.persona import Persona
from analysis.ui.pages.result import Result
from analysis.ui.pages.rows import Rows
from analysis.ui.pages.training import Probes, Training

WITHOUT_MAIN = ("diffusion", "compare")
"""Pages of several parts, none of which is the page's main landmark."""
BODIES: dict[str, Callable[..., Any]] = {
    "result": Result,
    "diffusion": Diffusion,
    "people": People,
    "persona": Persona,
    "agents": Agents,
    "contests": Contests,
    "training": Training,
    "probes": Probes,
    "compare": Compare,
    "event": EventPage,
    "rows": Rows,
    "message": MessagePage,
}
WITHOUT_TAB = ("event", "rows", "message")
"""Pages that links alone lead to."""
