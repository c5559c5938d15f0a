"""Chromium, started once, for the tests that need a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium under playwright."""
    for package in ("anywidget", "playwright"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    if not shutil.which("chromium"):
        pytest.skip("Chromium is not installed")
    from tests.support.widget_page import chromium

    with chromium() as found:
        yield found
