"""A drawing inside a page: its ids are its own there, and it can do nothing but be seen. Knows SVG; knows nothing of what is drawn."""

from __future__ import annotations

import re
from xml.etree import ElementTree

SVG = "http://www.w3.org/2000/svg"
HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
REFUSED = {"script", "foreignObject", "iframe", "image", "a", "animate", "set", "handler"}
_OUTSIDE = re.compile(r"url\(\s*[\"']?(?!#|data:font/)|@import", re.IGNORECASE)
_FACE = re.compile(r"@font-face\s*\{[^}]*?font-family:\s*'([^'}]+)'")


def inline_svg(svg: str, prefix: str) -> str:
    """Return a drawing as an element of a page.

    Args:
        svg: that this product drew.
        prefix: of its ids and of the fonts that it brings, which several drawings would share: each brings the letters of its own.

    Raises:
        ValueError: it holds a script, a handler, or asks for something outside of itself.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(svg[svg.index("<svg") :])
    faces = {name for element in root.iter() if element.text for name in _FACE.findall(element.text)}
    for element in root.iter():
        for child in [each for each in element if _local(each) == "metadata"]:
            element.remove(child)
        _check(element)
        for name, value in element.attrib.items():
            element.set(name, _renamed(_own(name, value, prefix), faces, prefix))
        if _local(element) == "style":
            element.text = _renamed(element.text or "", faces, prefix)
    return ElementTree.tostring(root, encoding="unicode")


def _local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _check(element: ElementTree.Element) -> None:
    outside = any(name in HREFS and not value.startswith("#") for name, value in element.attrib.items())
    outside |= any(_OUTSIDE.search(value) for value in element.attrib.values())
    outside |= _local(element) == "style" and bool(_OUTSIDE.search(element.text or ""))
    if outside or _local(element) in REFUSED or any(name.lower().startswith("on") for name in element.attrib):
        raise ValueError("a drawing may hold no script and ask for nothing")


def _own(name: str, value: str, prefix: str) -> str:
    """Return an attribute with the drawing's own ids."""
    if name == "id":
        return f"{prefix}-{value}"
    if name in HREFS:
        return f"#{prefix}-{value[1:]}"
    return re.sub(r"url\(\s*#([^)]+)\)", rf"url(#{prefix}-\1)", value)


def _renamed(text: str, faces: set[str], prefix: str) -> str:
    """Return a style in which fonts that the drawing brings have names of their own."""
    for face in faces:
        text = text.replace(f"'{face}'", f"'{prefix} {face}'")
    return text
