"""What an export promises: the run's events as tables that other tools read, complete or not there."""

from __future__ import annotations

import base64
import shutil

import msgspec
import polars as pl
import pytest

from abm.columns import Int8s, Int32s, pack
from abm.events import Reacted, ReactedMany, RunConfigured, StepEnded
from abm.log import create, open_log
from abm.log.export import export
from moloch.errors import CorruptLog, InputError, LogError

CROWD = ReactedMany(
    contest="c", first=1, personas=pack([1, 300], Int32s), orders=pack([0, 1, 1, 0], Int8s), choices=pack([0, 1], Int8s)
)
SAID = 'says "é, ü"\nand more'


@pytest.fixture
def filled(run):
    """A run with an event of several types, in three commits."""
    with create(run, {"seed": 1}) as log:
        log.append([RunConfigured(config={"seed": 1, "name": "ü"})])
        log.append([Reacted(contest="c", persona=i, order=[1, 0], choice=-1, thought=SAID) for i in range(3)])
        log.append([CROWD, StepEnded(step=0, state_hash="")])
    return run


@pytest.fixture
def out(tmp_path):
    """Where the export will be."""
    return tmp_path / "out"


class TestParquet:
    """One typed file per event type."""

    def test_it_is_what_the_log_holds(self, filled, out):
        """Each file equals the log's own frame of that type; nothing else is there."""
        rows = export(filled, "parquet", out)
        assert rows == {"reacted": 3, "reacted_many": 1, "run_configured": 1, "step_ended": 1}
        assert sorted(path.name for path in out.iterdir()) == [f"{name}.parquet" for name in rows]
        for name in rows:
            assert pl.read_parquet(out / f"{name}.parquet").equals(open_log(filled, write=False).frame(name))

    def test_many_parts_become_one_file(self, run, reactions, out, monkeypatch):
        """What does not fit into memory at once is joined, in order."""
        monkeypatch.setattr("abm.log.frames.CHUNK", 100)
        monkeypatch.setattr("abm.log.export._PART", 300)
        with create(run, {}) as log:
            for i in range(10):
                log.append([*reactions(3, 3 * i), StepEnded(step=i, state_hash="")])
        export(run, "parquet", out)
        assert sorted(path.name for path in out.iterdir()) == ["reacted.parquet", "step_ended.parquet"]
        assert pl.read_parquet(out / "reacted.parquet")["persona"].to_list() == list(range(30))


class TestCSV:
    """One flat file per event type."""

    def test_it_can_be_read_back(self, filled, out):
        """Texts are quoted as they must be; lists and mappings are JSON, bulk columns base64."""
        export(filled, "csv", out)
        found = pl.read_csv(out / "reacted.csv")
        assert found["thought"].to_list() == [SAID] * 3
        assert [msgspec.json.decode(value) for value in found["order"]] == [[1, 0]] * 3
        assert found["choice"].to_list() == [-1] * 3
        crowd = pl.read_csv(out / "reacted_many.csv")
        assert base64.b64decode(crowd["personas"][0]) == CROWD.personas
        config = pl.read_csv(out / "run_configured.csv")["config"][0]
        assert msgspec.json.decode(config) == {"seed": 1, "name": "ü"}

    def test_lists_of_texts(self, run, out):
        """Quotes and commas within a list survive."""
        from abm.events import VerdictGiven

        spans = ['a "b"', "c, d", "é\\", "two\nlines"]
        with create(run, {}) as log:
            log.append([VerdictGiven(message="m", probe="p", judge="j", label=1, evidence=spans)])
        export(run, "csv", out)
        assert msgspec.json.decode(pl.read_csv(out / "verdict_given.csv")["evidence"][0]) == spans

    def test_a_file_that_is_added_to_has_one_header(self, run, reactions, out, monkeypatch):
        """Parts follow each other without another header."""
        monkeypatch.setattr("abm.log.frames.CHUNK", 100)
        monkeypatch.setattr("abm.log.export._PART", 300)
        with create(run, {}) as log:
            for i in range(10):
                log.append(reactions(3, 3 * i))
        export(run, "csv", out)
        assert pl.read_csv(out / "reacted.csv")["persona"].to_list() == list(range(30))


class TestDatasets:
    """A folder that Hugging Face ``datasets`` reads."""

    def test_each_event_type_is_a_configuration(self, filled, out, tmp_path, monkeypatch):
        """load_dataset(folder, type) gives the rows, offline."""
        datasets = pytest.importorskip("datasets")
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
        export(filled, "hf", out)
        found = datasets.load_dataset(str(out), "reacted", cache_dir=str(tmp_path / "cache"))["train"]
        assert found["thought"][:] == [SAID] * 3 and found["order"][:] == [[1, 0]] * 3
        crowd = datasets.load_dataset(str(out), "reacted_many", cache_dir=str(tmp_path / "cache"))["train"]
        assert crowd["personas"][:] == [CROWD.personas]

    def test_its_card_names_the_head(self, filled, out):
        """The README says from which log, up to where, and lists the configurations."""
        rows = export(filled, "hf", out)
        card = (out / "README.md").read_text(encoding="utf-8")
        assert open_log(filled, write=False).head().hash in card
        import yaml

        header = yaml.safe_load(card.split("---\n")[1])
        assert header == {"configs": [{"config_name": n, "data_files": f"data/{n}/*.parquet"} for n in rows]}


@pytest.mark.parametrize("kind", ["parquet", "csv", "hf"])
class TestCare:
    """Nothing is overwritten, nothing is left half done."""

    def test_progress_counts_events(self, filled, out, kind, monkeypatch):
        """From none to all, never back."""
        monkeypatch.setattr("abm.log.frames.CHUNK", 1)
        seen: list[tuple[int, int]] = []
        export(filled, kind, out, progress=lambda done, total: seen.append((done, total)))
        assert seen == [(0, 6), (1, 6), (4, 6), (6, 6)]

    def test_an_empty_folder_will_do(self, filled, out, kind):
        """A folder that is there, and empty, is filled."""
        out.mkdir()
        export(filled, kind, out)
        assert any(out.iterdir())

    def test_a_folder_that_holds_something_is_refused(self, filled, out, kind):
        """Nothing in it is touched."""
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        with pytest.raises(InputError, match="holds something"):
            export(filled, kind, out)
        assert [path.name for path in out.iterdir()] == ["mine.txt"]

    def test_a_run_without_events(self, run, out, kind):
        """There is nothing to export, which is said."""
        create(run, {}).close()
        with pytest.raises(InputError, match="nothing to export"):
            export(run, kind, out)
        assert not out.exists()

    def test_a_damaged_log_leaves_nothing(self, run, reactions, out, kind, small_segments, tmp_path):
        """An export that cannot be finished is not there, nor are its parts."""
        with create(run, {}) as log:
            for i in range(3):
                log.append(reactions(4, 4 * i))
        path = sorted((run / "log").iterdir())[1]
        data = bytearray(path.read_bytes())
        data[-3] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
        with pytest.raises(CorruptLog):
            export(run, kind, out)
        assert [path.name for path in tmp_path.iterdir()] == ["run"]

    def test_a_full_disk_leaves_nothing(self, filled, out, kind, tmp_path, monkeypatch):
        """The error says what to do; what was written is removed."""

        def fail(*args: object, **kwargs: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("polars.DataFrame.write_csv", fail)
        monkeypatch.setattr("polars.DataFrame.write_parquet", fail)
        with pytest.raises(LogError, match="No space left"):
            export(filled, kind, out)
        assert [path.name for path in tmp_path.iterdir()] == ["run"]

    def test_a_log_that_goes_on(self, filled, out, kind, reactions, tmp_path):
        """What is appended while an export is on its way is left out whole."""
        with open_log(filled, write=True) as log:
            added = []

            def progress(done: int, total: int) -> None:
                if not added:
                    added.append(log.append(reactions(5, 100)))

            assert sum(export(filled, kind, out, progress=progress).values()) == 6


def test_an_unknown_kind(filled, out):
    """The error lists the kinds there are."""
    with pytest.raises(InputError, match="parquet, csv, hf"):
        export(filled, "xlsx", out)


def test_projections_are_not_needed(run, fill, out, small_segments):
    """An export reads the log itself, and leaves the run as it is."""
    fill([4, 4, 2])
    shutil.rmtree(run / "parquet", ignore_errors=True)
    export(run, "parquet", out)
    assert not (run / "parquet").exists()
    assert pl.read_parquet(out / "reacted.parquet").height == 10
