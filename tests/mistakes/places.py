"""What users have in their folders when they make mistakes: runs, studies, damages of them, and files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.analysis.studies import small
from tests.mistakes.mistake import Given

GOLDEN = Path(__file__).parents[1] / "golden" / "runs"


def run(kind: str = "sales-isolated", name: str = "run") -> Given:
    """A run that has ended, of the pocket model; ``kind`` as the golden runs are named."""

    def give(folder: Path) -> None:
        shutil.copytree(GOLDEN / kind, folder / name)

    return give


def study(name: str = "study", page: str = small.PAGE) -> Given:
    """A study whose cells have ended, and its page beside it."""

    def give(folder: Path) -> None:
        small.carry_out(folder / name, small.plan(folder / name, page))

    return give


def planned(name: str = "study", page: str = small.PAGE) -> Given:
    """A study that has begun, none of whose cells has."""

    def give(folder: Path) -> None:
        small.plan(folder / name, page)

    return give


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
