"""Install Moloch with some of its extras into an environment: one line says what comes, one how far it is.

``python .ci/install.py VENV EXTRAS WHAT``. Needs nothing but Python 3.11; installs with uv where it is, otherwise with pip. The installer's own words go
into VENV/install.log, and are shown where it fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

SIZES = {"learn": 2.0}
"""Gigabytes on disk, measured with pip on Linux x86_64 without a GPU; all extras of the tests come to 3.2."""
ALL = 3.2
STEP = re.compile(r"^(?:Collecting|Downloading|Installing|Building|Resolved|Prepared)\b.*", re.M)
"""What the installers say of their steps."""
EVERY_S = 15.0
"""Seconds between two lines where there is no terminal."""


def main(folder: Path, extras: str, what: str) -> int:
    """Make the environment unless it is there, and install; return the installer's exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036  it is what looks
        print("Python 3.11 or newer is needed: make PYTHON=python3.11 ...", file=sys.stderr)
        return 1
    print(f"{folder}: installing what {what}, about {SIZES.get(extras, ALL)} GB; once, some minutes", flush=True)
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True, symlinks=True)
    done = 1
    for command in installers(python, extras):
        if not (done := carry_out(command, folder)):
            break
    if done:
        print(f"{folder}: not installed; {folder / 'install.log'} ends with:", file=sys.stderr)
        print("\n".join((folder / "install.log").read_text("utf-8", "replace").splitlines()[-15:]), file=sys.stderr)
    return done


def installers(python: Path, extras: str) -> list[list[str]]:
    """Return the commands to try, the fast one first."""
    of = ["-c", "constraints.txt", "-e", f".[{extras}]"]
    with_pip = [str(python), "-m", "pip", "install", "--progress-bar", "off", *of]
    if not (uv := shutil.which("uv")):
        return [with_pip]
    return [[uv, "pip", "install", "--python", str(python), "--torch-backend", "auto", *of], with_pip]


def carry_out(command: list[str], folder: Path) -> int:
    """Carry out a command, showing how far it is; return its exit code."""
    began, shown, live = time.monotonic(), 0.0, sys.stderr.isatty()
    with (folder / "install.log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        while running.poll() is None:
            time.sleep(0.5)
            seconds = time.monotonic() - began
            if live or seconds - shown >= EVERY_S:
                shown = seconds
                said = f"  {seconds:4.0f} s  {far(folder)}"
                print(f"\r\x1b[K{said[:78]}" if live else said, end="" if live else "\n", file=sys.stderr, flush=True)
    if live:
        print("\r\x1b[K", end="", file=sys.stderr)
    if not running.returncode:
        print(f"{folder}: {packages(folder)} packages, {time.monotonic() - began:.0f} s", flush=True)
    return running.returncode


def far(folder: Path) -> str:
    """Return how far the installer is: what it collected, then what of that is in place."""
    said = (folder / "install.log").read_text("utf-8", "replace")
    if whole := re.search(r"^Installing collected packages: (.*)$", said, re.M):
        return f"installing {whole[1].count(',') + 1} packages: {packages(folder)} done"
    collected = len(re.findall(r"^Collecting ", said, re.M))
    last = (STEP.findall(said) or ["starting"])[-1]
    return f"{f'{collected} packages found; ' if collected else ''}{last}"


def packages(folder: Path) -> int:
    """Return how many packages an environment has."""
    return sum(1 for _ in folder.glob("lib/python*/site-packages/*.dist-info"))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
