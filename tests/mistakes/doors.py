"""Who makes which mistakes."""

from __future__ import annotations

from tests.mistakes.mistake import Mistake
from tests.mistakes.newcomer import NEWCOMER

DOORS: dict[str, tuple[Mistake, ...]] = {"newcomer": NEWCOMER}
