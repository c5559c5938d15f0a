"""Runs as a list: what each is, how far it came, and whether a process is writing it. Reads the ends of logs only."""

from __future__ import annotations

import contextlib
import os
import shlex
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from abm.log import EventLog, Head, open_log
from abm.log.about import lineage
from abm.log.tail import Ending
from analysis.studies.record.cell_ends import CUT
from analysis.studies.record.layout import LOG, is_study
from analysis.ui.data.life import State, state_of
from moloch.errors import MolochError
from moloch.plain_text import near_paths


@dataclass(frozen=True)
class RunInfo:
    """One run from outside.

    Attributes:
        key: what the page's address calls it.
        head: hash of the chain; ``digest``: what a finished run ended with.
        forked: the run that it was forked from, and how many of its events they share.
        error: what is wrong with the log.
        written: when its last event was appended, in seconds since the Unix epoch; 0 for never, or where it was not looked up.
    """

    key: str
    path: Path
    config: dict[str, Any]
    state: State
    events: int = 0
    head: str = ""
    digest: str = ""
    forked: tuple[str, int] | None = None
    error: str = ""
    written: float = 0.0

    @property
    def audience(self) -> str:
        """Who reacts."""
        return Path(str(self.config.get("audience", ""))).name


def plain_path(path: Path) -> str:
    """Return a run's folder as a script here names it: from here, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def quoted(path: Path) -> str:
    """Return a run's folder, or a file in it, as a command line here takes it."""
    return shlex.quote(plain_path(path))


def find_runs(folder: Path) -> list[Path]:
    """Return the runs in a folder and in the folders of it (seeds, cells of studies), by name.

    Logs beside a run's own, of verdicts, answers and interviews, stand in its folder and are no runs; nor is a study's own log.
    """
    folders = {path.parent for depth in ("*", "*/*", "*/cells/*") for path in folder.glob(f"{depth}/run.json")}
    return sorted(each for each in folders if each.name != LOG and not (each.parent / "run.json").exists())


def find_studies(folder: Path) -> list[Path]:
    """Return the studies in a folder, by name; the folder itself where it is one."""
    inside = [log.parent.parent for log in folder.glob(f"*/{LOG}/run.json")]
    return sorted(inside if not is_study(folder) else [folder, *inside])


def cells_folder(run: Path) -> Path | None:
    """Return the folder in whose ``cells`` a run stands; None where it stands in no such."""
    return run.parent.parent if run.parent.name == "cells" else None


def keys(paths: Iterable[Path]) -> dict[str, Path]:
    """Return key -> run; a key is the folder's name, or as much of its path as no other run has."""
    listed = dict.fromkeys(path.resolve() for path in paths)
    ends = Counter(path.parts[-take:] for path in listed for take in range(1, len(path.parts) + 1))
    by_key: dict[str, Path] = {}
    for path in listed:
        parts = path.parts
        take = next((take for take in range(1, len(parts)) if ends[parts[-take:]] == 1), len(parts))
        by_key["/".join(part.strip("/") for part in parts[-take:])] = path
    return by_key


def describe(key: str, path: Path) -> RunInfo:
    """Return a run's description; a damaged or unreadable one is described as such, and one that is gone."""
    return Ends().describe(key, path)


def seen_from(key: str, path: Path, head: Head, digest: str, written: float = 0.0) -> RunInfo:
    """Return the description of a run whose log ends at ``head``, with the digest of its end if it has ended.

    Raises:
        MolochError: ``run.json``, or that of the run that it was forked from, cannot be read.
    """
    config, past = open_log(path, write=False).config, lineage(path)
    forked = (Path(past[0]["run"]).name, int(past[0]["seq"])) if past else None
    return RunInfo(
        key, path, config, state_of(path, head.seq, bool(digest)), head.seq, head.hash, digest, forked, written=written
    )


class Ends:
    """Descriptions of many runs: each is made again when a file of it has changed, from what was appended since the last one."""

    def __init__(self) -> None:
        self._ends: dict[tuple[Path, int], Ending] = {}
        self._known: dict[Path, tuple[object, RunInfo]] = {}
        self._lock = threading.Lock()

    def describe(self, key: str, path: Path) -> RunInfo:
        """Return a run's description; see :func:`describe`."""
        stamp = (key, _stamp(path))
        before, info = self._known.get(path, (None, None))
        if (
            info is not None and before == stamp and info.state != "damaged"
        ):  # which another folder may be the reason of
            return info if info.state == "ended" else replace(info, state=state_of(path, info.events, False))
        try:
            info = self._described(key, path)
        except Exception as error:  # an unforeseen error in one run's folder must not hide the others
            why = f"its folder cannot be understood: {type(error).__name__}: {error}"
            info = RunInfo(key, path, {}, "damaged", error=why)
        self._known[path] = (stamp, info)
        return info

    def knows(self, path: Path) -> bool:
        """Return whether a run was described before."""
        return path in self._known

    def damage(self, path: Path) -> str | None:
        """Return what is wrong with the end of the log of a run that should have ended; empty for nothing, None where it was never described."""
        _, info = self._known.get(path.resolve(), (None, None))
        if info is None:
            return None
        return info.error if info.state == "damaged" else CUT if info.state in ("stopped", "empty") else ""

    def _described(self, key: str, path: Path) -> RunInfo:
        try:
            log = open_log(path, write=False)
        except MolochError as error:
            return RunInfo(key, path, {}, "damaged", error=near_paths(str(error)))
        place = (path, (path / "run.json").stat().st_ino)  # another run may come to stand in the same folder
        try:
            with self._lock:
                seen = self._look(place, log)
            return seen_from(key, path, *seen)
        except MolochError as error:
            return RunInfo(key, path, log.config, "damaged", error=near_paths(str(error)))

    def _look(self, place: tuple[Path, int], log: EventLog) -> tuple[Head, str, float]:
        ending = self._ends.pop(place, None)
        if ending is not None:
            try:
                ending.look()
            except MolochError:  # it may have been fixed, or emptied: look at the whole of it
                ending = None
        if ending is None:
            next(log.blocks(), None)  # the first commit shows whether run.json was edited
            ending = log.ending()
        self._ends[place] = ending
        digest = ending.ended.digest if ending.ended is not None else ""
        return ending.head, digest, ending.last.at if ending.last is not None else 0.0


def _stamp(path: Path) -> list[tuple[str, int, int]]:
    """Return names, sizes and times of what a run is described from."""
    stamp: list[tuple[str, int, int]] = []
    for folder in (path, path / "log"):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            files = sorted((entry.name, entry.stat()) for entry in entries if entry.is_file())
            stamp += [(name, status.st_size, status.st_ctime_ns) for name, status in files]
    return stamp
