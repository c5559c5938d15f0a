"""What users have in their folders when they make mistakes: runs, studies, damages of them, and files."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.analysis.studies import small
from tests.mistakes.mistake import Given

GOLDEN = Path(__file__).parents[1] / "golden" / "runs"


def run(kind: str = "sales-isolated", name: str = "run") -> Given:
    """A run that has ended, of the pocket model; ``kind`` as the golden runs are named."""

    def give(folder: Path) -> None:
        shutil.copytree(GOLDEN / kind, folder / name)

    return give


PAGE = "name: small\ncross:\n  arena: [sales, social]\nseeds: 2\n"


@cache
def _made(ended: bool) -> Path:
    """Return a folder with a study and its page, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="moloch-study-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    cells = small.plan(folder / "study", PAGE)
    if ended:
        small.carry_out(folder / "study", cells)
    return folder


def study() -> Given:
    """A study whose cells have ended, in the folder ``study``, and its page beside it."""
    return lambda folder: shutil.copytree(_made(True), folder, dirs_exist_ok=True)


def planned() -> Given:
    """A study that has begun, none of whose cells has; likewise."""
    return lambda folder: shutil.copytree(_made(False), folder, dirs_exist_ok=True)


def empty(name: str) -> Given:
    """A folder with nothing in it."""
    return lambda folder: (folder / name).mkdir()


def without(name: str) -> Given:
    """Something is deleted."""

    def take(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return take


def segment(folder: Path, name: str = "run") -> Path:
    """Return a run's last segment, which may be written from now on."""
    path = sorted((folder / name / "log").iterdir())[-1]
    path.chmod(0o644)
    return path


def cut(keep: float, name: str = "run") -> Given:
    """The log ends early; ``keep`` is the share of its bytes that stays."""

    def damage(folder: Path) -> None:
        path = segment(folder, name)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * keep)])

    return damage


def flipped(at: float, name: str = "run") -> Given:
    """A bit of the log is another, so far into it."""

    def damage(folder: Path) -> None:
        path = segment(folder, name)
        data = bytearray(path.read_bytes())
        data[int(len(data) * at)] ^= 1
        path.write_bytes(data)

    return damage


def record(name: str = "run", **changes: object) -> Given:
    """``run.json`` says otherwise."""

    def change(folder: Path) -> None:
        path = folder / name / "run.json"
        path.chmod(0o644)
        path.write_text(json.dumps(json.loads(path.read_text()) | changes, indent=2))

    return change


def written(name: str, content: str | bytes) -> Given:
    """A file holds something else."""

    def write(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.chmod(0o644)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def shut(name: str, mode: int = 0o000) -> Given:
    """A file or a folder that may not be read, or written."""
    return lambda folder: (folder / name).chmod(mode)
