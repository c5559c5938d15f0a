"""What a pack holds besides logs: tables and frames that were computed from them, for who only wants to read."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from importlib.metadata import metadata
from pathlib import Path

from abm.llm.versions import PROJECT
from abm.log import read_events
from analysis.frames import export_all, write_codebook
from analysis.studies.frames.study_frames import all_frames
from analysis.studies.record.layout import is_study
from analysis.tables.results import results

README = """\
This is a pack of Moloch, a toolkit for population studies of language models that compete for an audience.
It was written by the Python package {name} {version}{pages}. To read it:

    pip install {name}=={version}   or in a clone of the project: make setup
    moloch unpack FILE.zip        checks every file and every log, then shows what can be done with it

pack.json       what is in here: the runs with the heads of their logs, every file with its SHA-256
analysis/       tables, computed from the logs when they were packed; the codebook of its frames; the frames themselves,
                if the logs are not in here
the rest        the folders of the runs, as they stood

The hash at the head of a log names all of it: compare it with the one that was published.
"""


def extras(folder: Path, cells: Mapping[str, Path], *, frames: bool) -> dict[str, bytes]:
    """Return name -> bytes of what is computed.

    Args:
        cells: of a study; empty for a run.
        frames: contests, votes and the other frames, too, as Parquet.
    """
    study = is_study(folder)
    tables = {name: results(read_events(path)) for name, path in (cells if study else {"": folder}).items()}
    told = tables if study else tables[""]
    return {
        "README.txt": _readme().encode(),
        "results.json": json.dumps(told, indent=1).encode(),
        **(_frames(folder) if frames else {}),
        **_codebook(folder),
    }


def _readme() -> str:
    """Return what the pack is, and where to get what reads it: the package as it is installed here, with the addresses that it declares."""
    about = metadata(PROJECT)
    pages = [each.partition(", ")[2] for each in about.get_all("Project-URL") or ()]
    return README.format(name=PROJECT, version=about["Version"], pages=f" ({', '.join(pages)})" if pages else "")


def _codebook(folder: Path) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as temporary:
        columns = {name: columns for name, (_, columns) in all_frames(folder).items()}
        files = [write_codebook(columns, Path(temporary) / f"codebook.{suffix}") for suffix in ("json", "md")]
        return {file.name: file.read_bytes() for file in files}


def _frames(folder: Path) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as temporary:
        files = export_all(all_frames(folder), Path(temporary) / "frames")
        return {f"frames/{file.name}": file.read_bytes() for file in files if file.suffix == ".parquet"}
