"""The audience graph over time: one widget for Jupyter, marimo and Solara, and the pure functions that pack what it draws.

Names are loaded when they are first used: the widget needs the ``ui`` extra, the functions do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.ui.graph.buffers import opinion_bins as opinion_bins
    from analysis.ui.graph.buffers import sample_ties as sample_ties
    from analysis.ui.graph.palettes import Swatch as Swatch
    from analysis.ui.graph.palettes import categories as categories
    from analysis.ui.graph.palettes import opinions as opinions
    from analysis.ui.graph.palettes import sequential as sequential
    from analysis.ui.graph.widget import DiffusionGraph as DiffusionGraph

_HOME = {
    "DiffusionGraph": "widget",
    "Swatch": "palettes",
    "categories": "palettes",
    "opinion_bins": "buffers",
    "opinions": "palettes",
    "sample_ties": "buffers",
    "sequential": "palettes",
}

__all__ = ["DiffusionGraph", "Swatch", "categories", "opinion_bins", "opinions", "sample_ties", "sequential"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'analysis.ui.graph' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"analysis.ui.graph.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
