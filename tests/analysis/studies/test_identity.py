"""Two runs are one where all that decides them is equal, wherever their files lie; else they are two."""

from __future__ import annotations

from pathlib import Path

import pytest

from abm.llm import backends
from abm.log import open_log
from analysis.probes import battery
from analysis.studies.record.identity import RunLibrary, finished_run, identity_of
from learning import fork, run
from learning.settings.config import RunConfig
from tests.analysis.studies.test_controller import FAST
from tests.support import fast_cells
from tests.support.fakes import FakeTrainer

AUDIENCE = "name: mine\nintercept: 0\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """The fast model is one that is known by its files."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(backends, "BUILT_IN", (*backends.BUILT_IN, "fast"))


def config(**settings) -> RunConfig:
    return RunConfig.model_validate(FAST | {"serving": {"llm": "fast"}} | settings)


def anchors(folder: Path, text: str = "good") -> str:
    """Return a folder of anchors."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, first in (("train", 0), ("test", 10)):
        rows = [
            f'{{"title": "Lamp {first + i}", "description": "A {text} thing for {first + i} watts."}}' for i in range(4)
        ]
        rows = [
            row.replace("thing", ("lantern", "beacon", "torch", "candle", "glow")[i % 5]) for i, row in enumerate(rows)
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(rows) + "\n")
    return str(folder)


class TestIdentity:
    """Before a run, and from its log after it."""

    @pytest.mark.parametrize("settings", [{}, {"seed": 7}, {"audience": "neutral"}, {"probes": ["unparsed"]}], ids=str)
    def test_it_is_the_same(self, tmp_path, settings):
        done = run(config(**settings), tmp_path / "run", probes=None if "probes" in settings else battery)
        kept = finished_run(tmp_path / "run")
        assert kept and kept.identity == identity_of(config(**settings))
        assert (kept.head, kept.digest, kept.events) == (done.head.hash, done.digest, done.head.seq)

    @pytest.mark.system
    def test_with_data_of_its_own(self, tmp_path):
        """By what files hold and are called, wherever they lie."""
        here, there, other = (anchors(tmp_path / name) for name in ("here", "there", "other"))
        run(config(anchors=here), tmp_path / "run", probes=battery)
        kept = finished_run(tmp_path / "run")
        assert kept and kept.identity == identity_of(config(anchors=there))
        anchors(Path(other), "bad")
        assert kept.identity != identity_of(config(anchors=other))
        anchors(Path(there), "bad")
        assert kept.identity != identity_of(config(anchors=there)), "a file was changed in its place"

    @pytest.mark.system
    def test_what_makes_another_one(self, monkeypatch):
        ours = identity_of(config())
        assert ours
        others = [
            config(seed=2),
            config(extensions=[]),
            config(probes=["unparsed"]),
            config(sampling={"temperature": 1}),
        ]
        assert len({ours, *map(identity_of, others)}) == 5
        assert identity_of(config(budget={"calls": 3}, gate="flag")) == ours
        monkeypatch.setattr("analysis.studies.record.identity._version", lambda: "0.0.1")
        older = identity_of(config())
        assert older and older != ours and older[:2] == ours[:2]
        monkeypatch.setattr("analysis.studies.record.identity._model_digest", lambda folder: "other weights")
        assert (other := identity_of(config())) and other.content != ours.content

    def test_a_model_that_nobody_can_tell_from_others(self, monkeypatch):
        """Is none that was seen before."""
        monkeypatch.setattr(backends, "BUILT_IN", ("transformers",))
        assert identity_of(config()) is None


class TestLibrary:
    """Finished runs of the workspace; what is damaged or unfinished is not among them."""

    @pytest.fixture
    def shelf(self, tmp_path):
        done = run(config(), tmp_path / "runs" / "a" / "cells" / "one", probes=battery)
        return RunLibrary(tmp_path / "runs", tmp_path / "runs" / "mine"), done

    @pytest.mark.system
    def test_a_cell_of_another_study(self, shelf):
        library, done = shelf
        assert (kept := library.find(config())) and kept.path == done.path and library.find(config(seed=2)) is None

    def test_one_of_its_own_is_left_out(self, tmp_path, shelf):
        assert RunLibrary(tmp_path / "runs", tmp_path / "runs" / "a").find(config()) is None

    def test_one_that_is_damaged(self, tmp_path, shelf):
        segment = next((shelf[1].path / "log").iterdir())
        segment.chmod(0o644)
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)
        assert shelf[0].find(config()) is None

    def test_one_that_has_not_ended(self, tmp_path, shelf):
        segment = next((shelf[1].path / "log").iterdir())
        segment.chmod(0o644)
        segment.write_bytes(segment.read_bytes()[:-200])
        assert open_log(shelf[1].path, write=False).ended() is None and shelf[0].find(config()) is None

    def test_one_that_nobody_judged(self, tmp_path):
        run(config(), tmp_path / "runs" / "bare")
        assert RunLibrary(tmp_path / "runs", tmp_path).find(config()) is None

    @pytest.mark.system
    def test_a_fork(self, tmp_path, shelf):
        """Its settings are not those that its beginning had."""
        settings, folder = fork(shelf[1].path, 1, ["ties=random"], tmp_path / "runs" / "forked")
        fast = fast_cells.Fast(backends.Opening("pocket", None, 1, backends.Serving(llm="fast")))
        run(settings, folder, probes=battery, llm=fast, trainer=FakeTrainer())
        assert RunLibrary(tmp_path / "runs", tmp_path).find(config(ties="random")) is None

    def test_another_version(self, tmp_path, shelf, monkeypatch):
        """Only where it is asked for."""
        monkeypatch.setattr("analysis.studies.record.identity._version", lambda: "99.0")
        assert shelf[0].find(config()) is None
        older = RunLibrary(tmp_path / "runs", tmp_path / "runs" / "mine", older=True)
        assert (kept := older.find(config())) and kept.path == shelf[1].path
