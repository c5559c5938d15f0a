"""A run's own data: the files that its settings name, kept in its folder by their content, so that it stays whole.

What a run read when it began lies in ``inputs/``, and its log says the SHA-256 of each file. So a run can be decided again, resumed
or forked where the originals are gone, were changed, or never were. Knows nothing of what the files mean.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from abm.arenas import ARENAS
from abm.audience import AUDIENCES
from abm.audience.weights import YAML
from abm.events import RunResumed, RunStarted, StepStarted
from abm.log import EventLog, open_log
from abm.log.segments import parent_of
from abm.tasks import BUILT_IN as TASK_SETS
from learning.settings.config import RunConfig
from media_graph import BUILDERS
from moloch.content import content_id
from moloch.errors import InputError
from populations.sources import BUILT_IN

FOLDER = "inputs"
PACK = ("train", "test")
"""Stems of the files of a folder of anchors."""

Sums = Mapping[str, str]
"""``setting/name of the file`` -> SHA-256."""


def named(config: RunConfig) -> dict[str, Path]:
    """Return the settings that name files of the user's own, each by its dotted name, with the path that it names."""
    graph = config.network.graph.kind if config.world == "networked" else ""
    paths = {
        "arena": config.arena if config.arena not in ARENAS else None,
        "anchors": config.anchors,
        "personas": config.personas if config.personas not in BUILT_IN else None,
        "mapping": config.mapping,
        "audience": config.audience if _is_yaml(config.audience) else None,
        "crowd.audience": config.crowd.audience if _is_yaml(config.crowd.audience) else None,
        "network.graph.kind": graph if graph not in BUILDERS else None,
        **{
            f"evaluation_audiences.{name}.audience": each.audience if _is_yaml(each.audience) else None
            for name, each in config.evaluation_audiences.items()
        },
        **{f"surveys.{i}.questions": survey.questions for i, survey in enumerate(config.surveys)},
        **_out_of_domain(config),
    }
    return {setting: Path(path) for setting, path in paths.items() if path}


def _out_of_domain(config: RunConfig) -> dict[str, str | None]:
    """Return the files of other arenas in which arms are evaluated, and of tasks."""
    paths: dict[str, str | None] = {
        f"out_of_domain.tasks.{i}": None if name in TASK_SETS else name
        for i, name in enumerate(config.out_of_domain.tasks)
    }
    for i, other in enumerate(config.out_of_domain.arenas):
        paths[f"out_of_domain.arenas.{i}.arena"] = other.arena if other.arena not in ARENAS else None
        paths[f"out_of_domain.arenas.{i}.anchors"] = other.anchors
    return paths


def _is_yaml(audience: str) -> bool:
    return audience not in AUDIENCES and Path(audience).suffix in YAML


def keep(config: RunConfig, log: EventLog) -> dict[str, str]:
    """Copy what the settings name into the run's folder, but for what it or the run it was forked from has; return the sums.

    Raises:
        InputError: a file cannot be copied.
    """
    there, laid = _kept(config, log), _laid(config, log.path)
    sums: dict[str, str] = {}
    for setting, path in named(config).items():
        if setting not in there:
            files = files_of(path if path.exists() else laid.get(setting, path))
            its = {f"{setting}/{file.name}": _sha256(file) for file in files}
            _copy(files, _place(log.path, setting, its))
            sums |= its
    return sums


def kept(config: RunConfig, run: Path) -> RunConfig:
    """Return settings that name the run's copies in place of the originals, as far as it has any; for reading only.

    Raises:
        InputError: a copy is gone or was changed; or there is neither copy nor original.
        LogError: the run's log, or that of one it was forked from, cannot be read.
    """
    copies = _kept(config, open_log(run, write=False))
    for setting, path in named(config).items():
        if setting not in copies and not path.exists() and "audience" not in setting:  # a log holds its choice models
            raise InputError(
                f"the run's own {setting} is gone",
                where=str(run),
                why=f"there is no {path} here, and the run, begun by an older moloch, holds no copy of it",
                fix="Put the file back in that place; it must be as it was when the run began.",
            )
    return _changed(config, copies)


def at_hand(config: RunConfig, run: Path) -> RunConfig:
    """Return settings that name the run's copies where an original is gone; see :func:`lay` for a run that has not begun.

    Raises:
        InputError, LogError: as :func:`kept`.
    """
    gone = [setting for setting, path in named(config).items() if not path.exists()]
    if not gone:
        return config
    copies = _laid(config, run)
    if (run / "run.json").exists():
        copies |= _kept(config, open_log(run, write=False))
    return _changed(config, {setting: copies[setting] for setting in gone if setting in copies})


def copies_for(config: RunConfig, run: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each file that the settings name and that is there, with where its copy belongs in the run's folder.

    Raises:
        InputError: a file cannot be read.
    """
    for setting, path in named(config).items():
        if path.exists():
            files = files_of(path)
            place = _place(run, setting, {f"{setting}/{file.name}": _sha256(file) for file in files})
            yield from ((file, place / file.name) for file in files)


def lay(config: RunConfig, run: Path, others: Iterable[Path]) -> None:
    """Put copies that other runs keep into the folder of a run that has not begun, where the original is gone.

    Args:
        others: runs; a copy counts where the other's settings named the same.

    Raises:
        InputError: a copy is gone or was changed, or cannot be written.
        LogError: a log cannot be read.
    """
    gone = {setting for setting, path in named(config).items() if not path.exists()}
    if (run / "run.json").exists() or not (gone := gone - _laid(config, run).keys()):
        return
    for other in others:
        copies = _kept(config, open_log(other, write=False))
        for setting in gone & copies.keys():
            files = files_of(copies[setting])
            _copy(files, _place(run, setting, {f"{setting}/{file.name}": _sha256(file) for file in files}))
        gone -= copies.keys()
        if not gone:
            return


def _laid(config: RunConfig, run: Path) -> dict[str, Path]:
    """Return setting -> copy, for copies in the run's folder whose content is what their folder's name says."""
    found = {}
    for setting, path in named(config).items():
        for place in sorted((run / FOLDER).glob(f"{setting}-*")):
            files = [file for file in sorted(place.iterdir()) if file.is_file()]
            if files and _place(run, setting, {f"{setting}/{file.name}": _sha256(file) for file in files}) == place:
                found[setting] = place / path.name if (place / path.name).is_file() else place
    return found


def _kept(config: RunConfig, log: EventLog) -> dict[str, Path]:
    """Return setting -> copy, for what ``config`` names as that run did, or one that it was forked from.

    Raises:
        InputError: a copy is not what the log says.
    """
    sums = _recorded(log)
    copies = {}
    for setting, path in named(config).items():
        its = {name: sha256 for name, sha256 in sums.items() if name.rpartition("/")[0] == setting}
        if its and _at(log.config, setting) == _at(config.model_dump(mode="json"), setting):
            place = _place(log.path, setting, its)
            _check(place, its)
            copies[setting] = place if path.name not in {name.rpartition("/")[2] for name in its} else place / path.name
    if log.fork is not None:
        copies = _kept(config, open_log(parent_of(log.path, log.fork), write=False)) | copies
    return copies


def _recorded(log: EventLog) -> Sums:
    """Return the sums that a run recorded of its own when it began."""
    for event in log.read(log.fork.seq if log.fork is not None else 0):
        if isinstance(event, RunStarted | RunResumed) and event.inputs:
            return event.inputs
        if isinstance(event, StepStarted):
            break
    return {}


def _place(run: Path, setting: str, sums: Sums) -> Path:
    return run / FOLDER / f"{setting}-{content_id(sums)}"


def _check(place: Path, sums: Sums) -> None:
    for name, sha256 in sums.items():
        copy = place / name.rpartition("/")[2]
        if not copy.is_file() or _sha256(copy) != sha256:
            raise InputError(
                f"the run's copy of its {name.rpartition('/')[0]} was {'changed' if copy.is_file() else 'deleted'}",
                where=str(copy),
                why=f"its log says SHA-256 {sha256[:12]}",
                fix="Restore it from a copy of the run.",
            )


def files_of(path: Path) -> list[Path]:
    """Return the files that a setting names: one, or those of a folder of anchors."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and file.name.partition(".")[0] in PACK)


def _copy(files: list[Path], place: Path) -> None:
    """Copy files to a folder that is there whole, or not at all."""
    if place.is_dir():
        return
    new = place.with_name(f"{place.name}.{os.getpid()}.new")
    try:
        new.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copyfile(file, new / file.name)
        new.rename(place)
    except OSError as error:
        raise InputError("cannot keep the run's data", where=str(place), why=error.strerror or str(error)) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError("cannot read the run's data", where=str(path), why=error.strerror or str(error)) from error


def _changed(config: RunConfig, paths: Mapping[str, Path]) -> RunConfig:
    """Return settings in which some name other paths."""
    record = config.model_dump(mode="json")
    for setting, path in paths.items():
        *within, last = setting.split(".")
        there = _at(record, ".".join(within))
        there[int(last) if isinstance(there, list) else last] = str(path)
    return RunConfig.model_validate(record)


def _at(record: Any, setting: str) -> Any:
    """Return a setting by its dotted name; all of them for none."""
    for name in filter(None, setting.split(".")):
        if isinstance(record, list | tuple):
            record = record[int(name)] if name.isdecimal() and int(name) < len(record) else None
        else:
            record = record.get(name) if isinstance(record, Mapping) else None
    return record
