"""What it takes for two runs to be one: settings, what the files, models and extensions that they name hold, the rules of probes, and
the version of moloch. Computed from settings before a run, and from its log after it; asks no server.

What may be spent, and where a model is served, is no part of it: it decides nothing. A model that a server has is known by its
name; where even that does not tell which one it is, as with a backend of a user's own, a run is like no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from abm.events import (
    CompetitorsJoined,
    Event,
    ExtensionsLoaded,
    ReaderJoined,
    RunEnded,
    RunResumed,
    RunStarted,
    StepStarted,
)
from abm.llm import backends
from abm.llm.folders import local_folder
from abm.llm.http.endpoint import is_server
from abm.log import EventLog, Head, open_log
from abm.probe import version_of
from learning.runs.own_data import files_of, named
from learning.runs.parts import chosen_probes, recorded_config, settled
from learning.settings.config import RunConfig
from moloch import extensions
from moloch.content import content_id, file_digest
from moloch.errors import InputError, MolochError
from moloch.near_files import did_you_mean

PACKAGE = "moloch-abm"
RUNS = ("*/run.json", "*/cells/*/run.json", "*/seed-*/run.json")
"""Where runs of a workspace are: runs, cells of studies, and what ``moloch study --seeds`` made before it made studies."""
_TOLD = (RunStarted, RunResumed, RunEnded, ExtensionsLoaded, CompetitorsJoined, ReaderJoined)


class Identity(NamedTuple):
    """What makes a run the one it is.

    Attributes:
        settings: content id of the settings, without the paths of files.
        content: content id of what those files, the models and the extensions hold, and of the rules of the probes.
        version: of moloch.
    """

    settings: str
    content: str
    version: str

    @property
    def id(self) -> str:
        """All of it as one content id."""
        return content_id(list(self))


class FinishedRun(NamedTuple):
    """A run that has ended, and whose log is whole.

    Attributes:
        events: of its log; ``head`` is the hash of the last one.
    """

    path: Path
    identity: Identity
    head: str
    digest: str
    events: int


class RunContents(NamedTuple):
    """What the files, models and extensions hold that a run's settings name, and by which rules its probes judge.

    Attributes:
        files: ``setting/name of the file`` -> SHA-256; ``extensions``: module -> SHA-256.
        models: model -> digest of its files, empty where a server has it; None where one cannot be told from others.
        probes: name -> version.
    """

    files: Mapping[str, str]
    models: Mapping[str, str] | None
    extensions: Mapping[str, str]
    probes: Mapping[str, int]

    @property
    def id(self) -> str:
        """Content id of all of it; empty where a model cannot be told from others."""
        return (
            content_id([dict(self.files), dict(self.models), dict(self.extensions), dict(self.probes)])
            if self.models is not None
            else ""
        )


def identity_of(config: RunConfig) -> Identity | None:
    """Return what a run with these settings would be; None where its models cannot be told from others.

    Raises:
        InputError: a file, a model or an extension that they name cannot be read.
    """
    config = settled(config, None)
    contents = contents_of(config)
    return identity_with(config, contents, _version()) if contents.id else None


def identity_if_readable(config: RunConfig) -> Identity | None:
    """Return the same; None where a file, a model or an extension cannot be read: who carries the run out says what is wrong."""
    try:
        return identity_of(config)
    except (MolochError, OSError):
        return None


def identity_with(config: RunConfig, contents: RunContents, version: str) -> Identity:
    """Return the identity of a run with these settings that begins with these contents under a version of moloch."""
    return Identity(_settings(settled(config, None)), contents.id, version)


def contents_of(config: RunConfig) -> RunContents:
    """Return what a run with these settings, which are settled, would begin with.

    Raises:
        InputError: a file, a model or an extension that they name cannot be read.
    """
    from analysis.probes import battery

    models = _models(config)
    loaded = {each.module: each.sha256 for each in extensions.load(config.extensions)}
    config, judges = chosen_probes(config, config.rules(), battery if config.probes is None else None)
    sums = {
        f"{setting}/{file.name}": _file_digest(file, file.stat().st_mtime_ns, file.stat().st_size)
        for setting, path in named(config).items()
        for file in _there(setting, path)
    }
    return RunContents(sums, models, loaded, {probe.name: version_of(probe) for probe in judges})


def contents_begun(log: EventLog) -> RunContents | None:
    """Return what a run began with, by its log; None where that does not say it. Reads what precedes its first step.

    Raises:
        LogError: it cannot be read.
    """
    begun: RunStarted | None = None
    models, loaded = dict[str, str](), dict[str, str]()
    for event in log.read():
        match event:
            case RunStarted():
                begun = event
            case CompetitorsJoined() | ReaderJoined():
                models |= _digests(event)
            case ExtensionsLoaded():
                loaded = dict(event.sha256)
            case StepStarted():
                break
            case _:
                pass
    if begun is None:
        return None
    here = {model: digest for model, digest in models.items() if model in begun.models}
    return RunContents(begun.inputs, here, loaded, begun.probe_versions)


def finished_run(path: Path) -> FinishedRun | None:
    """Return a run if it has ended and can stand for another; verifies its whole log, and reads only what began and ended it.

    Raises:
        LogError: it is damaged, or cannot be read.
        InputError: its settings are none of today.
    """
    log = open_log(path, write=False)
    if log.fork is not None or log.ended() is None:
        return None
    config, head = recorded_config(log), Head(0, "")
    told: list[Event] = []
    for block in log.blocks():
        told += block.events(_TOLD)
        head = Head(block.commit.seq + block.commit.n, block.commit.hash)
    begun = [event for event in told if isinstance(event, RunStarted | RunResumed)]
    versions = {event.versions.get(PACKAGE, "") for event in begun}
    loaded = [event.sha256 for event in told if isinstance(event, ExtensionsLoaded)]
    if len({content_id(each) for each in loaded}) > 1:  # their code changed while it went on
        return None
    here = {model for event in begun for model in event.models}
    models = {
        model: digest
        for event in told
        if isinstance(event, CompetitorsJoined | ReaderJoined)
        for model, digest in _digests(event).items()
        if model in here
    }
    served = {model: "" for model in _named_models(config) if is_server(model)}
    contents = RunContents(begun[0].inputs, models | served, loaded[0] if loaded else {}, begun[0].probe_versions)
    identity = Identity(_settings(config), contents.id, " and ".join(sorted(versions)))
    digest = next(event.digest for event in reversed(told) if isinstance(event, RunEnded))
    return FinishedRun(path, identity, head.hash, digest, head.seq)


def settings_of(record: Mapping[str, Any]) -> str:
    """Return the part of a run's identity that its ``run.json`` tells.

    Raises:
        ValueError: they are no settings of today.
    """
    return _settings(RunConfig.model_validate(record))


def _settings(config: RunConfig) -> str:
    record = config.model_dump(mode="json")
    for setting in named(config):
        *within, last = setting.split(".")
        here: Any = record
        for name in within:
            here = here[int(name)] if isinstance(here, list) else here[name]
        here[last] = None
    return content_id(record)


def _named_models(config: RunConfig) -> set[str]:
    return {config.model, *config.asked_models, *config.other_writers.values()}


def _digests(event: CompetitorsJoined | ReaderJoined) -> dict[str, str]:
    """Return model -> digest of those that an event names."""
    others = event.model_digests if isinstance(event, CompetitorsJoined) else {}
    return {event.model: event.model_digest} | others


def _models(config: RunConfig) -> dict[str, str] | None:
    """Return model -> digest of its files, empty where a server has it that its name tells; None where one is neither."""
    serving, digests = config.serving, dict[str, str]()
    for model in _named_models(config):
        if is_server(model):
            digests[model] = ""
        elif serving.endpoint(model) is None and serving.here in backends.BUILT_IN and (folder := local_folder(model)):
            digests[model] = _model_digest(folder)
        else:
            return None
    return digests


def _there(setting: str, path: Path) -> list[Path]:
    files = files_of(path)
    for file in files or [path]:
        if not file.is_file():
            fix = did_you_mean(file).rstrip()
            raise InputError(f"cannot read {setting}", where=str(file), why="there is no such file", fix=fix)
    return files


@cache
def _version() -> str:
    return metadata.version(PACKAGE)


@cache
def _file_digest(path: Path, changed: int, size: int) -> str:
    return file_digest(path)


@cache
def _model_digest(folder: Path) -> str:
    from abm.llm.weights import model_digest

    return model_digest(folder)


class RunLibrary:
    """Finished runs of a workspace, which cells of a study may be already.

    Args:
        workspace: folder of runs and of studies.
        but: a study whose cells are left out.
        older: whether runs by other versions of moloch count.
    """

    def __init__(self, workspace: Path, but: Path, *, older: bool = False) -> None:
        self._workspace, self._but, self._older = workspace, but.resolve(), older
        self._shelves: dict[str, list[Path]] | None = None
        self._known: dict[Path, FinishedRun | None] = {}

    @property
    def is_empty(self) -> bool:
        """Whether the workspace has no run of settings that are valid today: nothing can be found then."""
        return not self._by_settings()

    def find(self, config: RunConfig) -> FinishedRun | None:
        """Return a finished run of equal identity; None if there is none, or settings name what cannot be read."""
        wanted = identity_if_readable(config)
        return self.of(wanted) if wanted is not None else None

    def of(self, wanted: Identity) -> FinishedRun | None:
        """Return a finished run of this identity; None if there is none."""
        for path in self._by_settings().get(wanted.settings, ()):
            done = self._finished(path)
            if done and done.identity[:2] == wanted[:2] and (self._older or done.identity.version == wanted.version):
                return done
        return None

    def _finished(self, path: Path) -> FinishedRun | None:
        if path not in self._known:
            try:
                self._known[path] = finished_run(path)
            except (MolochError, OSError):  # damaged, or by a newer moloch: it is as if it were not there
                self._known[path] = None
        return self._known[path]

    def _by_settings(self) -> dict[str, list[Path]]:
        """Return the workspace's runs by their settings; reads each ``run.json`` once."""
        if self._shelves is None:
            self._shelves = {}
            for path in self._runs():
                try:
                    self._shelves.setdefault(settings_of(open_log(path, write=False).config), []).append(path)
                except (MolochError, OSError, ValueError):
                    continue
        return self._shelves

    def _runs(self) -> list[Path]:
        files = [path for pattern in RUNS for path in self._workspace.glob(pattern)]
        return sorted(path.parent for path in files if self._but not in path.resolve().parents)
