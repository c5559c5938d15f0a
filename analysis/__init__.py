"""What a run means: probes, statistics, evaluation tables, and views of single contests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from analysis.frames import codebook
    from analysis.probes import battery
    from analysis.readings.answers import read_answers
    from analysis.readings.extrapolation import extrapolation
    from analysis.readings.graphs import audience_graph
    from analysis.readings.spreads import spreads
    from analysis.statistics.estimates import Estimate
    from analysis.tables.competition import competition, competition_frame
    from analysis.tables.contest_list import list_contests
    from analysis.tables.evaluation import position_bias, probe_table, table, win_rate, win_rate_against_placebo
    from analysis.tables.panels import panel_table
    from analysis.tables.positions import position_table
    from analysis.tables.reach import reach_table
    from analysis.tables.repeats import repeat_frame, repeats
    from analysis.tables.rivalry import rivalry, rivalry_frame
    from analysis.tables.seeds import across_seeds
    from analysis.tables.surrogate import surrogate_of
    from analysis.tables.transfer import transfer
    from analysis.terminal.contest import show_contest

_HOMES = {
    "Estimate": "analysis.statistics.estimates",
    "across_seeds": "analysis.tables.seeds",
    "audience_graph": "analysis.readings.graphs",
    "battery": "analysis.probes",
    "codebook": "analysis.frames",
    "competition": "analysis.tables.competition",
    "competition_frame": "analysis.tables.competition",
    "extrapolation": "analysis.readings.extrapolation",
    "list_contests": "analysis.tables.contest_list",
    "panel_table": "analysis.tables.panels",
    "position_bias": "analysis.tables.evaluation",
    "position_table": "analysis.tables.positions",
    "probe_table": "analysis.tables.evaluation",
    "reach_table": "analysis.tables.reach",
    "read_answers": "analysis.readings.answers",
    "repeat_frame": "analysis.tables.repeats",
    "repeats": "analysis.tables.repeats",
    "rivalry": "analysis.tables.rivalry",
    "rivalry_frame": "analysis.tables.rivalry",
    "show_contest": "analysis.terminal.contest",
    "spreads": "analysis.readings.spreads",
    "surrogate_of": "analysis.tables.surrogate",
    "table": "analysis.tables.evaluation",
    "transfer": "analysis.tables.transfer",
    "win_rate": "analysis.tables.evaluation",
    "win_rate_against_placebo": "analysis.tables.evaluation",
}

__all__ = [
    "Estimate", "across_seeds", "audience_graph", "battery", "codebook", "competition", "competition_frame", "extrapolation", "list_contests", "panel_table",
    "position_bias", "position_table", "probe_table", "reach_table", "read_answers", "repeat_frame", "repeats", "rivalry", "rivalry_frame", "show_contest",
    "spreads", "surrogate_of", "table", "transfer", "win_rate", "win_rate_against_placebo",
]  # fmt: skip

__getattr__, __dir__ = door(__name__, _HOMES)
