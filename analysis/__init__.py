"""What a run means: probes, statistics, evaluation tables, and views of single contests.

Names are loaded when they are first used, so that ``import analysis`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.evaluation import position_bias as position_bias
    from analysis.evaluation import probe_table as probe_table
    from analysis.evaluation import table as table
    from analysis.evaluation import win_rate as win_rate
    from analysis.evaluation import win_rate_against_placebo as win_rate_against_placebo
    from analysis.graphs import audience_graph as audience_graph
    from analysis.panels import panel_table as panel_table
    from analysis.positions import position_table as position_table
    from analysis.probes import battery as battery
    from analysis.reach import reach_table as reach_table
    from analysis.reach import spreads as spreads
    from analysis.seeds import across_seeds as across_seeds
    from analysis.show import list_contests as list_contests
    from analysis.show import show_contest as show_contest
    from analysis.statistics import Estimate as Estimate
    from analysis.surrogate import extrapolation as extrapolation
    from analysis.surrogate import surrogate_of as surrogate_of

_HOME = {
    "Estimate": "statistics",
    "across_seeds": "seeds",
    "audience_graph": "graphs",
    "battery": "probes",
    "extrapolation": "surrogate",
    "list_contests": "show",
    "panel_table": "panels",
    "position_bias": "evaluation",
    "position_table": "positions",
    "probe_table": "evaluation",
    "reach_table": "reach",
    "show_contest": "show",
    "spreads": "reach",
    "surrogate_of": "surrogate",
    "table": "evaluation",
    "win_rate": "evaluation",
    "win_rate_against_placebo": "evaluation",
}

__all__ = [
    "Estimate",
    "across_seeds",
    "audience_graph",
    "battery",
    "extrapolation",
    "list_contests",
    "panel_table",
    "position_bias",
    "position_table",
    "probe_table",
    "reach_table",
    "show_contest",
    "spreads",
    "surrogate_of",
    "table",
    "win_rate",
    "win_rate_against_placebo",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"analysis.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
