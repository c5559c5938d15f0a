"""For a nursery: what :mod:`tests.support.slow_leaver` does, by workers that hold a device."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import tests.support.slow_leaver  # noqa: F401

torch = ModuleType("torch")
torch.cuda = SimpleNamespace(is_initialized=lambda: True)  # type: ignore[attr-defined]
sys.modules["torch"] = torch
