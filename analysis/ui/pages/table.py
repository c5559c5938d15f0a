"""The pages by name, in the order of their tabs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.ui.pages.diffusion import Diffusion

BODIES: dict[str, Callable[..., Any]] = {"diffusion": Diffusion}
