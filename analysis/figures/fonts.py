"""The letters of an SVG inside the SVG: text stays text, and looks alike where the font is not installed."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties


def with_fonts(svg: bytes, figure: Figure) -> bytes:
    """Return an SVG with the letters that its figure uses, as WOFF inside a style sheet."""
    from matplotlib.font_manager import findfont
    from matplotlib.text import Text

    letters: dict[str, set[str]] = {}
    used: dict[str, FontProperties] = {}
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_text().strip() and text.get_visible():
            font = text.get_fontproperties()
            path = findfont(font)
            letters.setdefault(path, set()).update(text.get_text())
            used[path] = font
    rules = "".join(_face(path, used[path], letters[path]) for path in sorted(letters))
    return svg.replace(b"<defs>", f"<defs>\n  <style>{rules}</style>".encode(), 1)


def _face(path: str, font: FontProperties, letters: set[str]) -> str:
    weight = "bold" if str(font.get_weight()) in ("bold", "700") else "normal"
    data = base64.b64encode(_subset(path, letters)).decode()
    return (
        f"@font-face{{font-family:'{font.get_name()}';font-weight:{weight};font-style:{font.get_style()};"
        f"src:url(data:font/woff;base64,{data}) format('woff')}}"
    )


def _subset(path: str, letters: set[str]) -> bytes:
    """Return the letters of a font as WOFF."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    options = Options(flavor="woff", hinting=False, layout_features=[], name_IDs=[], notdef_outline=True)
    options.drop_tables += ["FFTM"]
    font = TTFont(path, recalcTimestamp=False, lazy=True)
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(sorted(letters)))
    subsetter.subset(font)
    font.flavor = "woff"
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()
