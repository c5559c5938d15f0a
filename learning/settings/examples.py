"""Values to show for settings whose types name none."""

from __future__ import annotations

from typing import Any

EXAMPLES: dict[str, Any] = {}
"""Dotted name of a setting -> a value."""
