"""Solara under one name. It makes its hooks known at run time, where type checkers do not see them: they see ``Any``."""

from __future__ import annotations

from typing import Any

import solara as _solara  # pyright: ignore[reportMissingImports]
import solara.lab  # pyright: ignore[reportMissingImports]

solara: Any = _solara
