"""Plain text as LaTeX and as Markdown: every sign that they would obey is escaped. Knows nothing of what texts say."""

from __future__ import annotations

import re

TEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$", "–": "--", "—": "---",
    "…": r"\ldots{}", "→": r"$\to$", "“": "``", "”": "''", "‘": "`", "’": "'", "|": r"\textbar{}", "<": r"\textless{}",
    ">": r"\textgreater{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip
"""Signs that LaTeX would obey, or may not have, and how they are written."""
LATIN = "\u024f"
"""The last sign of the Latin alphabets, which every LaTeX has; others are written by their number."""


def tex(text: str) -> str:
    """Return a text on one line as LaTeX shows it letter by letter."""
    return "".join(TEX[sign] if sign in TEX else _tex_sign(sign) for sign in " ".join(text.split()))


def _tex_sign(sign: str) -> str:
    if " " <= sign <= "~" or "\u00a0" <= sign <= LATIN:
        return sign
    return f"[U+{ord(sign):04X}]"


def markdown(text: str) -> str:
    """Return a text on one line as Markdown shows it letter by letter; also at the beginning of a line."""
    line = re.sub(r"([\\`*_|<>\[\]#~&])", r"\\\1", " ".join(text.split()))
    return re.sub(r"^(\d*)([-+=.)])(?=[\s=-]|$)", r"\1\\\2", line)
