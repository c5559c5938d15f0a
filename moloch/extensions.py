"""Extensions: modules of the user's own whose import registers parts. Only a command that decides imports one.

A module is looked up where Python looks, and in the folder from which the command was started; never in a run's folder
nor in a pack of anchors, which may come from somebody else. A log names the extensions of its run; whether that is
reason enough to import them depends on whether the run was written on this machine by this user (:func:`written_here`).
"""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import msgspec

from moloch.content import digest
from moloch.errors import InputError, MolochError, PartFailed
from moloch.notebook import note, noted

PACK = ("train.jsonl", "test.jsonl")
"""Files that make a folder a pack of anchors."""
OUR_PACKAGES = ("moloch", "populations", "media_graph", "abm", "learning", "analysis")
"""Some extensions are ours; an exception in them is a fault of ours."""
_users_files: set[str] = set()


class Extension(msgspec.Struct, frozen=True):
    """An extension that was imported.

    Attributes:
        module: its dotted name.
        sha256: of its file, or of all Python files of its package with their paths.
    """

    module: str
    sha256: str


def load(modules: Sequence[str]) -> list[Extension]:
    """Import extensions, in the given order; one that was imported before stays as it is.

    Raises:
        InputError: a name is none, there is no such module, it lies in a run or a pack, or it cannot be imported.
    """
    return [_import(name) for name in modules]


def changed(recorded: Mapping[str, str], loaded: Iterable[Extension]) -> list[str]:
    """Return the extensions whose files differ from those that a log recorded.

    Args:
        recorded: module -> SHA-256.
    """
    return [each.module for each in loaded if recorded.get(each.module, each.sha256) != each.sha256]


def note_written_here(run_json: bytes) -> None:
    """Note that a run with this ``run.json`` was begun here; see :mod:`moloch.notebook`."""
    note("runs", digest(run_json))


def written_here(run_json: bytes) -> bool:
    """Return whether a run with this ``run.json`` was begun by this user on this machine."""
    return noted("runs", digest(run_json)) is not None


def _import(name: str) -> Extension:
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        example = Path(name).stem if name.endswith(".py") and Path(name).stem.isidentifier() else "my_study"
        raise InputError(
            f"the extension {name!r} is not a module's name", fix=f"Name it as an import statement would: {example}."
        )
    here = str(Path.cwd())
    if "" not in sys.path and here not in sys.path:
        sys.path.append(here)  # last, so that nothing there hides a module of Python's or ours
    spec = _spec(name.partition(".")[0])
    if spec is None:
        raise InputError(
            f"there is no module {name!r} to extend this run with",
            fix=f"Start the command in the folder of {name.partition('.')[0]}.py, add that folder to PYTHONPATH, or "
            "install the package.",
        )
    files = _files(spec)
    _refuse_foreign(name, files)
    try:
        module = import_module(name)
    except MolochError:
        raise
    except (Exception, SystemExit) as error:  # a user's module may raise anything when it is imported
        raise InputError(
            f"the extension {name!r} cannot be imported",
            where=_line(error, files),
            why=f"{type(error).__name__}: {error}",
            fix=f"Try it alone: python -c 'import {name}'",
        ) from error
    files = _files(module.__spec__ or spec)
    if name.partition(".")[0] not in OUR_PACKAGES:
        _users_files.update(map(str, files))
    return Extension(name, _sha256(files))


def failed_part(error: Exception) -> PartFailed | None:
    """Return what to tell a user of an exception that one of the imported extensions raised; None if none did, which is a fault of ours."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in _users_files]
    if not frames:
        return None
    at = frames[-1]
    return PartFailed(
        f"a part of your own failed: {at.name} raised {type(error).__name__}",
        where=f"{at.filename}:{at.lineno}",
        why=f"{error or 'it gave no reason'}, at `{at.line}`",
        fix="What is in the log stays. Repair the file, and give the same command again; a run resumes where it stopped.",
    )


def _spec(top: str) -> ModuleSpec | None:
    """Return where a module is, without importing it."""
    if top in sys.modules:
        return sys.modules[top].__spec__
    try:
        return find_spec(top)
    except (ImportError, ValueError):
        return None


def _files(spec: ModuleSpec) -> list[Path]:
    """Return the Python files of a module, or of a whole package."""
    if spec.submodule_search_locations is not None:
        return sorted(file for folder in spec.submodule_search_locations for file in Path(folder).rglob("*.py"))
    return [Path(spec.origin)] if spec.origin and Path(spec.origin).is_file() else []


def _sha256(files: Sequence[Path]) -> str:
    if len(files) == 1:
        return hashlib.sha256(files[0].read_bytes()).hexdigest()
    root = Path(os.path.commonpath(files)) if files else Path()
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(root).as_posix()}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _refuse_foreign(name: str, files: Sequence[Path]) -> None:
    """Refuse code that lies in a run's folder or in a pack of anchors."""
    known = set[Path]()
    for file in files:
        for folder in file.resolve().parents:
            if folder in known:  # and so are those above it
                break
            known.add(folder)
            run, pack = (folder / "run.json").is_file(), all((folder / each).is_file() for each in PACK)
            if run or pack:
                raise InputError(
                    f"the extension {name!r} is not imported",
                    where=str(file),
                    why=f"it lies in {'a run' if run else 'a pack of anchors'}, which may come from someone else",
                    fix="Read the file; if you trust it, move it to a folder of your own.",
                )


def _line(error: BaseException, files: Sequence[Path]) -> str:
    """Return file and line of the extension in which an error arose."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    own_files = {str(file) for file in files}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in own_files]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
