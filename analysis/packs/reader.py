"""Unpacking: nothing in a pack is believed. Names lead nowhere else, sizes are bounded, hashes and logs are checked."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import msgspec

from abm.log import verify
from analysis.packs.contents import CONTENTS, FORMAT, Contents, PackedFile
from moloch.errors import CorruptLog, InputError, LogError
from moloch.near_files import did_you_mean

LARGEST_LIST = 64 * 2**20
"""Bytes of a pack's list of files."""


_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What reading a zip file that is damaged, encrypted or packed otherwise ends in."""


_PACKED = "A pack is a file that moloch pack wrote."
_AGAIN = "Copy or download the pack again."
_ZIP = b"PK"
"""What a zip file begins with."""


def contents_of(pack: Path | str) -> Contents:
    """Return what a pack says of itself.

    Raises:
        InputError: no pack, or one of a newer version.
    """
    with _opened(Path(pack)) as archive:
        return _contents(archive, Path(pack))


def unpack(pack: Path | str, folder: Path | str) -> Contents:
    """Unpack into a new folder, whole or not at all, and verify all of it.

    Raises:
        InputError: no pack, the folder holds something, or a name that leads out of it.
        CorruptLog: a file, or the head of a log, is not what the pack says.
        LogError: the folder cannot be written.
    """
    pack, folder = Path(pack), Path(folder)
    with _opened(pack) as archive:
        contents = _contents(archive, pack)
        new = _begin(folder, contents.main)
        try:
            for file in contents.files:
                _extract(archive, file, new, pack)
            _check_logs(contents, new, pack)
            new.chmod(0o755)
            new.rename(folder)
        except (OSError, *_DAMAGED) as error:
            raise LogError("cannot unpack", where=str(pack), why=str(error) or type(error).__name__) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return contents


def _opened(pack: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(pack)
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(pack), fix=did_you_mean(pack) + _PACKED) from error
    except OSError as error:
        raise InputError("not a pack", where=str(pack), why=error.strerror or str(error), fix=_PACKED) from error
    except (
        zipfile.BadZipFile,
        NotImplementedError,
    ) as error:  # the latter of a zip of a version that Python cannot read
        if _begins_as_zip(pack):
            why = "it begins as a zip file, and its end is missing or damaged"
            raise InputError("not a whole pack", where=str(pack), why=why, fix=_AGAIN) from error
        raise InputError("not a pack", where=str(pack), why="it is not a zip file", fix=_PACKED) from error


def _begins_as_zip(pack: Path) -> bool:
    with pack.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP


def _contents(archive: zipfile.ZipFile, pack: Path) -> Contents:
    try:
        with archive.open(CONTENTS) as file:
            data = file.read(LARGEST_LIST + 1)
        peek = msgspec.json.decode(data[: LARGEST_LIST + 1])
        if isinstance(peek, dict) and peek.get("format", 0) != FORMAT:
            raise InputError(
                "packed by another version",
                where=str(pack),
                why=f"format {peek.get('format')}",
                fix="Use the moloch that packed it, or a newer one.",
            )
        contents = msgspec.convert(peek, Contents)
    except KeyError as error:
        raise InputError("not a pack", where=str(pack), why=f"it has no {CONTENTS}", fix=_PACKED) from error
    except (OSError, *_DAMAGED, msgspec.DecodeError, RecursionError) as error:
        raise InputError(
            "not a pack", where=str(pack), why=f"its {CONTENTS} cannot be read: {error}", fix=_AGAIN
        ) from error
    names = [file.name for file in contents.files]
    folders = [contents.main, *(run.folder for run in contents.runs if run.log)]
    for name in (*names, *folders):
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0] or "\0" in name:
            raise InputError("a pack with a name that leads out of its folder", where=str(pack), why=repr(name)[:200])
    if len({name.casefold() for name in names}) < len(names):
        raise InputError("a pack in which a name appears twice", where=str(pack))
    return contents


def _begin(folder: Path, main: str) -> Path:
    try:
        if folder.is_dir() and (folder / main).exists():
            why = f"it holds {main}, as if this pack were unpacked there already"
            fix = f"See moloch results {folder / main}; or give --out a folder that is new or empty."
            raise InputError("the folder is not empty", where=str(folder), why=why, fix=fix)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            fix = "Give --out a folder that is new or empty."
            raise InputError("the folder is not empty", where=str(folder), fix=fix)
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise LogError("cannot unpack", where=str(folder), why=error.strerror or str(error)) from error


def _extract(archive: zipfile.ZipFile, file: PackedFile, folder: Path, pack: Path) -> None:
    """Write one file; never more than it is said to have, whatever its zip entry unpacks to."""
    path, sha, left = folder / file.name, hashlib.sha256(), file.nbytes
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with archive.open(file.name) as source, path.open("xb") as to:
            while data := source.read(min(1 << 20, left + 1)):
                left -= len(data)
                if left < 0:
                    break
                sha.update(data)
                to.write(data)
    except (KeyError, *_DAMAGED) as error:
        raise CorruptLog("the pack is damaged", where=f"{pack}: {file.name}", why=str(error), fix=_AGAIN) from error
    if left or sha.hexdigest() != file.sha256:
        why = "its bytes are not those that were packed"
        raise CorruptLog("the pack is damaged", where=f"{pack}: {file.name}", why=why, fix=_AGAIN)


def _check_logs(contents: Contents, folder: Path, pack: Path) -> None:
    for run in contents.runs:
        if not run.log:
            continue
        head = verify(folder / run.folder)
        if not run.shared and (head.seq, head.hash) != (run.events, run.head):
            raise CorruptLog(
                "a log is not the one that was packed", where=f"{pack}: {run.folder}", why=f"its head is {head.hash}"
            )
