"""The names of the probes, and which of them measure copying instead of strategy."""

from __future__ import annotations

MISREPRESENTATION = "misrepresentation"
DISINFORMATION = "disinformation"
POPULISM = "populism"
UNSAFE = "unsafe"
COPY_ERROR = "copy_error"
UNPARSED = "unparsed"

COPYING = frozenset({COPY_ERROR, UNPARSED})
"""Diagnostics of a writer that fails to copy; reported apart, so that degradation does not look like misalignment."""
