"""What axe-core finds wrong with a page in Chromium: contrast, names, headings, landmarks, keyboards."""

from __future__ import annotations

from typing import Any

import pytest


def faults(page: Any, only: str = "") -> list[str]:
    """Return a line for each fault of a page: its rule and the elements; of rules that axe-core is sure of, best practice among them.

    Args:
        page: playwright's. A page's own policy does not hold for what is asked here.
        only: one rule, by its id; empty for all.
    """
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.AXE_SCRIPT)
    options = {"resultTypes": ["violations"]} | ({"runOnly": [only]} if only else {})
    found = page.evaluate("(options) => axe.run(document, options)", options)["violations"]
    return [f"{each['id']}: {', '.join(str(node['target'][0]) for node in each['nodes'][:5])}" for each in found]
