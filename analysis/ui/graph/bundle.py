"""The browser half as files: bundles that npm made (``static/``) of the sources (``js/``), and whether they still match."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

HERE = Path(__file__).parent
SOURCES, STATIC = HERE / "js", HERE / "static"
BUILD_FILES = ("build.mjs", "package-lock.json", "package.json", "tsconfig.json")
_BANNER = re.compile(r"/\* sources sha256:([0-9a-f]{64}) \*/")


def read(name: str) -> str:
    """Return a bundle's text."""
    return (STATIC / name).read_text("utf-8")


def built_from(name: str) -> str | None:
    """Return the digest of the sources that a bundle was built from, as its first line says."""
    banner = _BANNER.match(read(name))
    return banner[1] if banner else None


def sources_digest(folder: Path = SOURCES) -> str:
    """Return the SHA-256 over names, lengths and bytes of what the bundles are built from; ``build.mjs`` computes the same."""
    names = [*BUILD_FILES, *(f"src/{path.name}" for path in (folder / "src").iterdir())]
    digest = hashlib.sha256()
    for name in sorted(names):
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
