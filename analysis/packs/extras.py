"""What a pack holds besides logs: tables and frames that were computed from them, for who only wants to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from abm.log import read_events
from analysis.tables.results import results

README = """\
This is a pack of Moloch, a toolkit for population studies of language models that compete for an audience.

    moloch unpack FILE.zip        checks every file and every log, then shows what can be done with it

pack.json       what is in here: the runs with the heads of their logs, every file with its SHA-256
analysis/       tables and frames, computed from the logs when they were packed
the rest        the folders of the runs, as they stood

The hash at the head of a log names all of it: compare it with the one that was published.
"""


def extras(folder: Path, cells: Mapping[str, Path]) -> dict[str, bytes]:
    """Return name -> bytes of what is computed.

    Args:
        cells: of a study; empty for a run.
    """
    runs = dict(cells) or {"": folder}
    tables = {name: results(read_events(path)) for name, path in runs.items()}
    told = tables[""] if not cells else tables
    return {"README.txt": README.encode(), "results.json": json.dumps(told, indent=1).encode()}
