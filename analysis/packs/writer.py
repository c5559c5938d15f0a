"""Packing: logs are verified, copied up to their last whole commit, and listed with their hashes."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

import msgspec

from abm.events import RunStarted
from abm.log import open_log, verify
from abm.log.absent_run import no_run
from abm.log.segments import Fork, parent_of, read_manifest
from analysis.packs.contents import CONTENTS, EXTRAS, FORMAT, Contents, Form, PackedFile, PackedRun
from analysis.packs.extras import extras
from analysis.packs.files import Piece, head_of, of_log, of_run
from analysis.studies.pages.cells import cells_of
from analysis.studies.pages.page import page_of
from analysis.studies.prereg.looks import look_at
from analysis.studies.record.layout import Layout, is_study
from analysis.studies.record.places import run_of
from analysis.studies.record.study_log import StudyLog
from learning.runs.own_data import copies_for
from moloch.errors import InputError, LogError, MolochError

_STORED = {".zst", ".safetensors", ".parquet", ".gz"}
"""Files that no compression makes smaller."""
_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file in a pack: equal contents are equal bytes."""

Progress = Callable[[int, int], None]


def pack(
    folder: Path | str,
    target: Path | str,
    *,
    logs: bool = True,
    adapters: bool = False,
    look: bool = False,
    progress: Progress = lambda done, total: None,
) -> Contents:
    """Pack a run or a study into one zip file, whole or not at all; return what it holds.

    A fork is packed with what it shares with other runs, so that its head stays what was published. Logs are verified first.

    Args:
        logs: the runs' logs; without, a study's tables, frames and codebook alone, from which nothing can be replayed.
        adapters: those that were learnt; a run that has not ended comes with them in any case, since it needs them to go on.
        look: pack a preregistered study before its end, or a cell of it; its log says so, as tables are packed, too.
        progress: called with the number of bytes packed, and of all.

    Raises:
        NoRun: neither a run nor a study.
        InputError: the target exists, a run without its log, or effects that are not to be seen yet.
        LogError, CorruptLog: a log cannot be read, or is damaged; nothing is written.
    """
    folder, target = Path(folder), Path(target)
    study = is_study(folder)
    if not study and not (folder / "run.json").is_file():
        raise no_run(folder)
    if not logs and not study:
        raise InputError("a run is its log", fix="Leave --no-logs out, or pack a study.")
    if target.exists():
        raise InputError("the file exists", where=str(target), fix="Give another name, or delete it.")
    look_at([folder], "pack", look)
    plan = _Plan(folder, study=study, logs=logs, adapters=adapters)
    try:
        return plan.write(target, progress)
    except OSError as error:
        raise LogError("cannot write the pack", where=str(target), why=error.strerror or str(error)) from error


class _Plan:
    """What goes into a pack, and under which names."""

    def __init__(self, folder: Path, *, study: bool, logs: bool, adapters: bool) -> None:
        self._folder, self._study, self._logs, self._adapters = folder.resolve(), study, logs, adapters
        self._cells = dict(_cells(folder)) if study else {}
        runs = [path.resolve() for path in self._cells.values()] if study else [self._folder]
        self._shared = _shared(runs)
        every = [self._folder, *runs, *self._shared] if logs else [self._folder]
        self._root = Path(os.path.commonpath([path.parent for path in every]))
        self.runs = [self._packed(run) for run in runs]
        if logs:
            self.runs += [self._forked_from(path, fork) for path, fork in self._shared.items()]
        self.pieces = dict(self._pieces(runs))

    def write(self, target: Path, progress: Progress) -> Contents:
        """Write the pack beside its name first, and then under it."""
        new = target.with_name(f".{target.name}.new")
        made = extras(self._folder, self._cells, frames=not self._logs)
        total = sum(
            piece.size if piece.size is not None else piece.path.stat().st_size for piece in self.pieces.values()
        )
        files: list[PackedFile] = []
        done = 0
        try:
            with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
                for name, data in made.items():
                    files.append(_put(archive, f"{EXTRAS}/{name}", data))
                for name, piece in self.pieces.items():
                    files.append(_copy(archive, name, piece))
                    done += files[-1].nbytes
                    progress(done, total)
                contents = self._contents(files)
                archive.writestr(_info(CONTENTS), msgspec.json.format(msgspec.json.encode(contents), indent=2))
            with new.open("rb+") as file:
                os.fsync(file.fileno())
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)
        return contents

    def _contents(self, files: list[PackedFile]) -> Contents:
        left_out = [] if self._logs else ["logs"]
        packed = {run.folder for run in self.runs if not run.ended} if self._logs else set()
        if not self._adapters and any(
            (path / "adapters").is_dir() and self._name(path) not in packed
            for path in (self._folder, *self._cells.values())
        ):
            left_out.append("adapters")
        kind: Form = "study" if self._study else "run"
        head = StudyLog(self._folder).head().hash if self._study else ""
        main = self._name(self._folder)
        return Contents(
            FORMAT, kind, self._folder.name, main, metadata.version("moloch-abm"), self.runs, files, head, left_out
        )

    def _packed(self, run: Path) -> PackedRun:
        log, head = open_log(run, write=False), head_of(run)
        ended = log.ended()
        begun = next((event for event in log.read(0, 64) if isinstance(event, RunStarted)), None)
        cell = next((name for name, path in self._cells.items() if path.resolve() == run), "")
        return PackedRun(
            folder=self._name(run) if self._logs else "",
            events=head.seq,
            head=head.hash,
            ended=ended is not None,
            digest=ended.digest if ended else "",
            cell=cell,
            log=self._logs,
            version=begun.versions.get("moloch-abm", "") if begun else "",
            extensions=list(log.config.get("extensions", ())),
        )

    def _pieces(self, runs: Sequence[Path]) -> Iterator[tuple[str, Piece]]:
        if self._study:
            layout = Layout(self._folder)
            if layout.page.is_file():
                yield self._name(layout.page), Piece(layout.page)
            yield from ((self._name(piece.path), piece) for piece in of_log(layout.log))
        if not self._logs:
            return
        if self._study:
            yield from self._to_come()
        for run in runs:
            verify(run)
            whole = self._adapters or open_log(run, write=False).ended() is None  # it needs them to go on
            yield from ((self._name(piece.path), piece) for piece in of_run(run, adapters=whole))
        for parent, fork in self._shared.items():
            log = list(of_log(parent, fork.seq))
            rest = [piece for piece in of_run(parent, adapters=self._adapters) if piece.path.parent != parent / "log"]
            yield from ((self._name(piece.path), piece) for piece in (*log, *rest))

    def _to_come(self) -> Iterator[tuple[str, Piece]]:
        """Yield the user's own data of cells that have not begun, where their runs will look for it."""
        state, layout = StudyLog(self._folder).state(), Layout(self._folder)
        if all(name in self._cells for name in state.cells):
            return
        try:
            planned = cells_of(page_of(state.page, recorded=True)).cells
        except MolochError:  # a page of another version, which this one cannot carry out either
            return
        for cell in planned:
            if cell.name in state.cells and cell.name not in self._cells:
                for file, place in copies_for(cell.config, layout.cell(cell.name)):
                    yield self._name(place), Piece(file)

    def _forked_from(self, parent: Path, fork: Fork) -> PackedRun:
        whole = self._packed(parent)
        return msgspec.structs.replace(whole, events=fork.seq, head=fork.hash, ended=False, digest="", shared=True)

    def _name(self, path: Path) -> str:
        return path.resolve().relative_to(self._root).as_posix()


def _shared(runs: Sequence[Path]) -> dict[Path, Fork]:
    """Return the runs outside of these with which they share events, each with the last place that is shared."""
    shared: dict[Path, Fork] = {}
    for run in runs:
        while (fork := read_manifest(run).fork) is not None:
            run = parent_of(run, fork).resolve()
            if run not in runs and (run not in shared or shared[run].seq < fork.seq):
                shared[run] = fork
    return shared


def _cells(study: Path) -> Iterator[tuple[str, Path]]:
    """Yield the cells of a study that have a log, with its folder."""
    for name, cell in StudyLog(study).state().cells.items():
        if (folder := run_of(Layout(study), cell)) is not None:
            yield name, folder


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_STORED if Path(name).suffix in _STORED else zipfile.ZIP_DEFLATED
    return info


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> PackedFile:
    archive.writestr(_info(name), data)
    return PackedFile(name, len(data), hashlib.sha256(data).hexdigest())


def _copy(archive: zipfile.ZipFile, name: str, piece: Piece) -> PackedFile:
    sha, left = hashlib.sha256(), piece.size if piece.size is not None else piece.path.stat().st_size
    nbytes = left
    info = _info(name)
    info.file_size = left
    with piece.path.open("rb") as file, archive.open(info, "w", force_zip64=left >= 1 << 31) as to:
        while left and (data := file.read(min(1 << 20, left))):
            sha.update(data)
            to.write(data)
            left -= len(data)
    if left:
        raise LogError("a file became shorter while it was packed", where=str(piece.path), fix="Pack it again.")
    return PackedFile(name, nbytes, sha.hexdigest())
