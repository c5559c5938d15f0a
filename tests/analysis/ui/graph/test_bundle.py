"""What is shipped to the browser is what the sources say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.ui.graph import bundle

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("name", ["diffusion.js", "diffusion.css", "webgl.js"])
def test_a_bundle_is_the_build_of_the_sources(name):
    """Its first line holds their digest; `make widget` builds it again."""
    assert bundle.built_from(name) == bundle.sources_digest()


def test_the_digest_sees_every_source(tmp_path):
    """A changed, added or removed byte changes it."""
    copy = tmp_path / "js"
    shutil.copytree(bundle.SOURCES, copy, ignore=shutil.ignore_patterns("node_modules"))
    seen = {bundle.sources_digest(copy)}
    (copy / "src" / "index.ts").write_text("changed", "utf-8")
    seen.add(bundle.sources_digest(copy))
    (copy / "src" / "more.ts").write_text("", "utf-8")
    seen.add(bundle.sources_digest(copy))
    (copy / "src" / "style.css").unlink()
    seen.add(bundle.sources_digest(copy))
    assert len(seen) == 4


def test_a_build_gives_the_same_bytes(tmp_path):
    """Where node and the packages are."""
    if not shutil.which("node") or not (bundle.SOURCES / "node_modules").is_dir():
        pytest.skip("node or its packages are not installed")
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=bundle.SOURCES, check=True)
    for built in tmp_path.iterdir():
        assert built.read_bytes() == (bundle.STATIC / built.name).read_bytes(), built.name


def test_the_lock_file_names_no_registry():
    """It pins versions and digests; where they come from is the builder's to say."""
    lock = json.loads((bundle.SOURCES / "package-lock.json").read_text("utf-8"))
    assert lock["packages"] and not [name for name, entry in lock["packages"].items() if "resolved" in entry]


def test_nothing_bundled_is_under_a_licence_that_binds_the_whole():
    """Each package's licence is shipped, and none is a GPL."""
    notices = (bundle.STATIC / "webgl.licenses.txt").read_text("utf-8")
    licences = re.findall(r"^[@\w./-]+ \d[\w.-]* \((.+)\)$", notices, re.MULTILINE)
    assert "@cosmos.gl/graph" in notices and len(licences) > 5
    assert set(licences) <= {"MIT", "ISC", "BSD-3-Clause", "Apache-2.0", "(MPL-2.0 OR Apache-2.0)"}


def test_data_never_becomes_markup():
    """No source writes HTML; text goes in as text nodes."""
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser")
    for path in (bundle.SOURCES / "src").iterdir():
        assert not forbidden.search(path.read_text("utf-8")), path.name


def test_the_wheel_holds_bundles_and_no_sources():
    """The settings say so; what npm installs is never shipped."""
    import tomllib

    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert "analysis.ui.graph.js*" in tools["packages"]["find"]["exclude"]
    patterns = tools["package-data"]["analysis.ui.graph"]
    shipped = {path.name for pattern in patterns for path in bundle.HERE.glob(pattern)}
    assert shipped == {path.name for path in bundle.STATIC.iterdir()} >= {"diffusion.js", "diffusion.css", "webgl.js"}
