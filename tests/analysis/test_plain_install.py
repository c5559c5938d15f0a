"""An installation without extras: every command works, or says in one line which extra it needs."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from moloch import extras
from moloch.extras import EXTRAS, missing

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "runs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NAMES = {
    "pydantic": "pydantic pydantic_core",
    "pyyaml": "yaml",
    "backports.zstd": "backports",
    "solara-assets": "solara_assets",
    "fonttools": "fontTools",
    "vl-convert-python": "vl_convert",
}
"""Package -> the modules of other names that it brings."""
NEEDS = {"run": "learn", "fork": "learn", "replay --live": "learn", "log upload": "store", "ui": "ui"}
"""Command -> the extra without which it cannot do anything."""
PYTHONS = ("python3.11", "python3.12", "python3.13")


def brought(requirements: list[str]) -> set[str]:
    """Return the modules that requirements bring."""
    packages = [re.split(r"[<>=;,!~ ]", each)[0] for each in requirements]
    return {module for each in packages for module in NAMES.get(each, each.replace("-", "_")).split()}


def check(said: dict[str, tuple[object, str]]) -> None:
    """See that each command does what it can without extras."""
    for command, (code, text) in said.items():
        assert code != "traceback", f"{command}: {text}"
        lines = text.strip().splitlines()
        if extra := NEEDS.get(command.partition(" --reader")[0]):
            assert code == 2 and f"the {extra} extra" in lines[-1], f"{command}: {text}"
        elif "127.0.0.1" in command:
            assert code and "cannot reach the server" in lines[-1], f"{command}: {text}"
        else:
            assert code == 0, f"{command}: {text}"


UNREACHED = (
    "No matching distribution",
    "Could not find a version",
    "Connection",
    "Temporary failure in name resolution",
)
"""What pip says where the registry lacks a package for this Python, or cannot be reached; all else is a failure of ours."""


def installed(command: list[object]) -> None:
    """Install, or skip the test where there are no packages to install."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode and any(each in done.stderr for each in UNREACHED):
        pytest.skip(f"the registry has no packages for this Python: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


class TestWithoutExtras:
    """What is not there is missed where it is needed, and not before."""

    @pytest.mark.system
    def test_every_command(self, tmp_path):
        """With the modules of all extras hidden."""
        shutil.copytree(GOLDEN, tmp_path / "runs")
        program = [sys.executable, "tests/support/plain_install.py", tmp_path / "runs", tmp_path, "block"]
        done = subprocess.run(
            program, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        check(json.loads(done.stdout))

    @pytest.mark.slow
    @pytest.mark.parametrize("python", PYTHONS)
    def test_a_new_environment(self, python, tmp_path):
        """Of each Python that is supported and here: what is declared suffices, and the answers are the same."""
        if not shutil.which(python) or subprocess.run([python, "-c", ""], capture_output=True).returncode:
            pytest.skip(f"no {python} here")
        subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
        source = tmp_path / "source"  # of its own: a build leaves files where it builds
        for name in (*OURS, "README.md", "LICENSE", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            source.mkdir(exist_ok=True)
            copy(ROOT / name, source / name)
        wheels = [tmp_path / "venv" / "bin" / "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", source]
        installed(wheels)
        program = [
            tmp_path / "venv" / "bin" / "python",
            "-I",
            ROOT / "tests/support/plain_install.py",
            GOLDEN,
            tmp_path,
        ]
        done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        check(json.loads(done.stdout))


def built(folder: Path) -> Path:
    """Build the wheel from a copy of the sources, since a build leaves files where it builds; return it."""
    source = folder / "source"
    source.mkdir()
    for name in (*OURS, "README.md", "LICENSE", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", folder, source], check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def demo(moloch: Path, elsewhere: Path) -> subprocess.CompletedProcess[str]:
    """Carry out the demo, made short, from a folder that is not the repository's."""
    elsewhere.mkdir()
    short = [f"--set={name}=4" for name in ("train_anchors", "held_out_anchors")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([moloch, "run", *short], cwd=elsewhere, env=environment, capture_output=True, text=True)


class TestWheel:
    """What is published runs without the repository: every file that it needs is in it."""

    @pytest.mark.system
    def test_runs_the_demo(self, tmp_path):
        """From another folder, in an environment with the wheel alone; what it depends on is taken from this one."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
        python = tmp_path / "venv" / "bin" / "python"
        install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
        subprocess.run([*install, built(tmp_path)], check=True, capture_output=True)
        (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        done = demo(tmp_path / "venv" / "bin" / "moloch", tmp_path / "elsewhere")
        assert done.returncode == 0, done.stderr
        assert "beyond placebo" in done.stdout and list((tmp_path / "elsewhere" / "runs").glob("*/run.json"))

    @pytest.mark.system
    def test_the_source_holds_no_tests_and_the_wheel_only_packages(self, tmp_path):
        """A source distribution has what a reader needs; tests and finished studies, with data of others, are in neither."""
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
        if listed.returncode:
            pytest.skip("not a clone")
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():  # not one that was just removed
                (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, tmp_path / "source" / name)
        call = "from setuptools import build_meta as b; b.build_sdist('..'); b.build_wheel('..')"
        subprocess.run([sys.executable, "-c", call], cwd=tmp_path / "source", check=True, capture_output=True)
        with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as file:
            source = {name.partition("/")[2] for name in file.getnames()}
        assert {
            "LICENSE",
            "README.md",
            "CHANGELOG.md",
            "CITATION.cff",
            "docs/index.md",
            "examples/elections.py",
        } <= source
        assert not [name for name in source if name.startswith(("tests", "benchmarks", "docs/studies/"))]
        with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as file:
            wheel = file.namelist()
            metadata = file.read(next(name for name in wheel if name.endswith("/METADATA"))).decode()
        assert {name.partition("/")[0] for name in wheel if ".dist-info/" not in name} == OURS
        assert not [name for name in wheel if name.endswith((".ts", ".mjs"))]
        assert [name for name in wheel if name.endswith("/licenses/LICENSE")]
        assert "Description-Content-Type: text/markdown" in metadata and "# Moloch" in metadata

    @pytest.mark.slow
    @pytest.mark.parametrize("python", ("python3.11", "python3.13"))
    def test_runs_the_demo_in_an_empty_environment(self, python, tmp_path):
        """With what the wheel itself asks for, and nothing else: gigabytes, and minutes."""
        if not shutil.which(python) or subprocess.run([python, "-c", ""], capture_output=True).returncode:
            pytest.skip(f"no {python} here")
        subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
        wheel = f"moloch-abm[learn] @ {built(tmp_path).as_uri()}"
        install = [tmp_path / "venv" / "bin" / "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel]
        installed(install)
        done = demo(tmp_path / "venv" / "bin" / "moloch", tmp_path / "elsewhere")
        assert done.returncode == 0, done.stderr
        assert "beyond placebo" in done.stdout


class TestDeclared:
    """What the code imports is declared, and what an extra brings is known where it is missed."""

    @pytest.mark.system
    def test_every_import_is_declared(self):
        """As a dependency, or in an extra."""
        declared = brought(PROJECT["dependencies"]) | {module for modules in EXTRAS.values() for module in modules}
        for package in ("abm", "analysis", "learning", "media_graph", "moloch", "populations"):
            for path in (ROOT / package).rglob("*.py"):
                if "node_modules" not in path.parts:
                    assert imported(path) <= declared | sys.stdlib_module_names | OURS, path

    def test_extras_are_those_of_the_project(self):
        """Module by module."""
        declared = PROJECT["optional-dependencies"]
        plain = brought(PROJECT["dependencies"])
        for extra, modules in EXTRAS.items():
            assert set(modules) - INDIRECT == brought(declared[extra]) - plain - {"pandas"}  # Mesa brings pandas

    def test_a_module_of_no_extra_is_a_fault(self):
        """And keeps its traceback."""
        assert missing(ModuleNotFoundError("No module named 'abc'", name="abc")) is None
        assert "it comes with the learn extra" in str(missing(ModuleNotFoundError("...", name="torch.nn")))

    def test_a_clone_is_set_up_by_make(self, monkeypatch, tmp_path):
        """Which installs all extras but those that want packages of their own; elsewhere pip does."""
        makefile = Path(extras.__file__).parent.parent / "Makefile"
        assert set(extras.IN_SETUP) <= set(re.findall(r"^TESTS := (.*)", makefile.read_text(), re.M)[0].split(","))
        assert (extras.how_to_get("ui"), extras.how_to_get("ray")) == ("make setup", "pip install -e '.[ray]'")
        monkeypatch.setattr(extras, "_ROOT", tmp_path)
        assert extras.how_to_get("ui") == "pip install 'moloch-abm[ui]'"


OURS = {"abm", "analysis", "learning", "media_graph", "moloch", "populations"}
INDIRECT = {"huggingface_hub", "starlette", "traitlets", "uvicorn"}
"""Modules that packages of an extra bring."""


def imported(path: Path) -> set[str]:
    """Return the top-level modules that a file imports anywhere."""
    tops = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            tops.add(node.module.partition(".")[0])
    return tops
