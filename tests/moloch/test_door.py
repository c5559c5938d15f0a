"""The front door: ``import moloch`` is cheap, its names are stable, and a folder that hides a package of ours is named."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import moloch
from moloch.lazy import OURS

ROOT = Path(moloch.__file__).parents[1]
HEAVY = {"torch", "numpy", "polars", "mesa", "pydantic", "msgspec", "networkx", "abm", "learning", "analysis", "rich"}


def python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True)


def packages() -> list[str]:
    """Return every package of ours, by its dotted name."""
    names = []
    for top in ("moloch", *OURS):
        names.append(top)
        found = pkgutil.walk_packages([str(ROOT / top)], f"{top}.")
        names += [module.name for module in found if module.ispkg and ".graph.js" not in module.name]
    return names


@pytest.mark.parametrize("package", ["moloch", *OURS])
def test_types_are_said_to_be_there(package):
    """Type checkers take those of an installed package only where it says that it has them."""
    assert (ROOT / package / "py.typed").is_file()


def test_import_loads_nothing_heavy(tmp_path):
    """Neither the packages behind it nor any library."""
    done = python("import sys, moloch; print(*sorted({name.split('.')[0] for name in sys.modules}))", tmp_path)
    assert not HEAVY & set(done.stdout.split())


def test_every_name_is_found():
    """What the door lists is there, and what is not listed is an AttributeError."""
    assert dir(moloch) == sorted(moloch.__all__)
    for name in moloch.__all__:
        assert getattr(moloch, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        _ = moloch.runn


@pytest.mark.parametrize("package", packages())
def test_no_submodule_hides_a_public_name(package):
    """Importing a submodule sets the package's attribute of that name: a public object of the same name would be gone."""
    door = importlib.import_module(package)
    submodules = {module.name for module in pkgutil.iter_modules(door.__path__)}
    public = set(getattr(door, "__all__", ()))
    assert not {name for name in public & submodules if not isinstance(getattr(door, name), type(sys))}


@pytest.mark.parametrize("package", packages())
def test_a_door_shows_its_public_names(package):
    """And nothing else: tab completion is a list of what there is to use."""
    door = importlib.import_module(package)
    if hasattr(door, "__all__"):
        assert dir(door) == sorted(door.__all__)


@pytest.mark.system
def test_a_training_set_is_always_the_function():
    """Whatever was imported before."""
    code = "import learning; import learning.runs.run; print(callable(learning.training_set), callable(learning.run))"
    assert python(code, ROOT).stdout.split() == ["True", "True"]


class TestShadows:
    """A folder of the user's own named like a package of ours."""

    @pytest.fixture
    def study(self, tmp_path):
        (tmp_path / "analysis").mkdir()
        (tmp_path / "analysis" / "__init__.py").write_text("mine = 1\n")
        return tmp_path

    @pytest.mark.system
    def test_import_moloch_still_works(self, study):
        """Names that do not need the hidden package are there."""
        assert python("import moloch; print(moloch.RunConfig(seed=3).seed)", study).stdout.strip() == "3"

    def test_the_folder_is_named_in_one_line(self, study):
        """Where the hidden package is needed."""
        done = python("import moloch; moloch.run()", study)
        assert done.stderr.strip().splitlines()[-1] == (
            f"ImportError: {study / 'analysis'} hides moloch's package 'analysis': rename it, or start Python in another folder"
        )

    def test_the_command_says_so_too(self, study):
        """Without a traceback."""
        done = subprocess.run([sys.executable, "-m", "moloch", "--help"], cwd=study, capture_output=True, text=True)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
        assert str(study / "analysis") in done.stderr

    def test_a_folder_without_code_hides_nothing(self, tmp_path):
        """Results in ``analysis/`` are no package; where an editable install lets them hide ours, they are named."""
        (tmp_path / "analysis").mkdir()
        done = python("import moloch; print(moloch.run)", tmp_path)
        assert done.returncode == 0 or f"{tmp_path / 'analysis'} hides moloch's package" in done.stderr
