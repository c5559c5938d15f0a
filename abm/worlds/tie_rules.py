"""What may decide a tie. Settings name it, and need nothing else of the worlds."""

from __future__ import annotations

from typing import Literal

Ties = Literal["skip", "random"]
"""What a tie decides: no winner (counted), or a keyed fair coin."""
