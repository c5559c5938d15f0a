"""Whether two executions came to the same, in lines. Knows mappings; knows nothing of logs or frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.formats import count

SHOWN = 12
"""Differences that are named."""


def frame_equality_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what to print of a comparison of frames, in order.

    Args:
        told: as ``analysis.studies.frames.equality.FrameEquality.as_dict`` makes it.
    """
    yield f"A  {told['a']}\nB  {told['b']}"
    found = told["differences"]
    for each in found[:SHOWN]:
        yield _line(each)
    if len(found) > SHOWN:
        yield f"and {count(len(found) - SHOWN, 'difference')} more; --json names them all"
    rows = ", ".join(f"{name} {number:,}" for name, number in told["rows"].items())
    cells = f"{count(told['cells'], 'cell')}; " if "cells" in told["rows"] else ""
    yield f"{'Equal' if told['equal'] else 'Not equal'}: {cells}rows compared: {rows}."
    yield f"Not compared: {'; '.join(_left_out(told['left_out']))}. Places in a log are those among its decisions."


def _left_out(columns: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield the columns that were not compared, once for all frames that have the same."""
    for names in dict.fromkeys(map(tuple, columns.values())):
        of = [frame for frame, each in columns.items() if tuple(each) == names]
        yield f"{', '.join(names)} of {'the other frames' if len(of) < len(columns) and len(of) > 1 else ', '.join(of)}"


def _line(each: Mapping[str, Any]) -> str:
    where = f"{each['frame']}, {each['cell']}" if each["cell"] else each["frame"]
    if not each["column"]:
        return f"{where}: {each['a']} in A, {each['b']} in B"
    about = f" ({each['about']})" if each["about"] else ""
    more = f"; {each['rows']:,} rows differ" if each["rows"] > 1 else ""
    return f"{where}: {each['column']}, row {each['row']:,}{about}: {each['a']} in A, {each['b']} in B{more}"
