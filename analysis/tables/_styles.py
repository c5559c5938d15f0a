"""Length and format of a message, as numbers. Knows text alone."""

from __future__ import annotations

import re
from functools import lru_cache

CONTROLS = ("length", "lists", "emoji", "bold", "numbers")
"""What :func:`style_of` counts: words, list items, emoji, bold spans and headings, numbers."""
_LIST = re.compile(r"^[ \t]*(?:[-*+•‣▪]|\d{1,2}[.)])[ \t]+\S", re.MULTILINE)
_PICTURE = "[\U0001f300-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u231a\u231b\u23e9-\u23fa]"
_EMOJI = re.compile(
    f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]*(?:\u200d{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]*)*)"
)
_BOLD = re.compile(r"\*\*(?=\S)[^*\n]+\*\*|__(?=\S)[^_\n]+__|^[ \t]*#{1,6}[ \t]+\S", re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@lru_cache(maxsize=4096)  # the base model's messages are in the contests of every arm
def style_of(text: str) -> tuple[int, ...]:
    """Return how much a message has of each of :data:`CONTROLS`; the number of a list's item is no number."""
    items = len(_LIST.findall(text))
    numbered = len(re.findall(r"^[ \t]*\d{1,2}[.)][ \t]+\S", text, re.MULTILINE))
    numbers = len(_NUMBER.findall(text)) - numbered
    return len(text.split()), items, len(_EMOJI.findall(text)), len(_BOLD.findall(text)), numbers
