"""Text from outside as plain text: without escape sequences, control characters and hidden formats.

The joiners U+200C and U+200D stay: Persian spelling and emoji need them. What goes is written out below and does not come from
Python's tables of characters, which change from version to version: content ids are made of such texts.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
"""Sequences that a terminal would obey: CSI and OSC of ECMA-48."""

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # controls, but for those that are space
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"  # formats
    "\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff"  # surrogates, private use
    "\ufdd0-\ufdef" + "".join(f"{chr(p * 0x10000 + 0xFFFE)}{chr(p * 0x10000 + 0xFFFF)}" for p in range(15)) + "]"
)


def visible(text: str, instead: str = "") -> str:
    """Return ``text`` without escape sequences, and with ``instead`` for each hidden character; space stays as it is."""
    if text.isascii() and text.isprintable():  # most texts of a large file: nothing in them is hidden
        return text if text.strip() else ""
    kept = _HIDDEN.sub(instead, _ESCAPE.sub("", text))
    return kept if any(c not in JOINERS and not c.isspace() for c in kept) else ""


def one_line(text: str) -> str:
    """Return ``text`` on one line with single spaces, without anything hidden."""
    return " ".join(visible(text, " ").split())


def near_paths(text: str) -> str:
    """Return a message in which paths in the working folder are relative to it, and others in the home folder begin with ``~``.

    What was given as an absolute path otherwise fills a line of 80 columns, and is cut in two there.
    """
    try:
        here = str(Path.cwd())
    except OSError:  # it was deleted
        here = ""
    for folder, instead in ((here, ""), (os.environ.get("HOME", ""), f"~{os.sep}")):
        if len(folder) > 1:  # not the root
            begins = rf"(?<![\w./~-]){re.escape(folder)}"
            text = re.sub(
                rf"{begins}{re.escape(os.sep)}(?=[^\s{re.escape(os.sep)}])", lambda _, instead=instead: instead, text
            )
    return text


def quoted(value: object, longest: int = 60) -> str:
    """Return a value as an error shows it: its repr, cut after ``longest`` characters."""
    shown = repr(value[: 2 * longest] if isinstance(value, str) else value)
    return shown if len(shown) <= longest else f"{shown[:longest]}..."


def with_article(noun: str) -> str:
    """Return a noun with *a* or *an*, by its first letter."""
    return f"{'an' if noun[:1].lower() in ('a', 'e', 'i', 'o', 'u') else 'a'} {noun}"
