"""The pages by name, in the order of their tabs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.ui.pages.agents import Agents
from analysis.ui.pages.compare import Compare
from analysis.ui.pages.contests import Contests
from analysis.ui.pages.diffusion import Diffusion
from analysis.ui.pages.people import People
from analysis.ui.pages.persona import Persona
from analysis.ui.pages.result import Result
from analysis.ui.pages.training import Probes, Training

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
}
