"""What snapshots promise: the state they give is the one that the log gives, or they are not used."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from abm.events import ContestDecided, ContestOpened, MessagePublished, PersonasJoined, Reacted, StepEnded, StepStarted
from abm.journal import LiveJournal
from abm.log import create, open_log
from abm.state.snapshots import Snapshots, _decoded, _encoded, _Snapshot, state_at
from abm.state.state import fold


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of four steps, with a snapshot after each."""
    monkeypatch.setattr("abm.state.snapshots.EVERY", 1)
    with create(tmp_path / "run", {}) as log:
        journal = LiveJournal(log)
        with journal.transaction():
            journal.emit(PersonasJoined(split="train", first=0, ids=["a"], names=["A"], texts=["t"], traits={}))
        for step in range(4):
            with journal.transaction():
                journal.emit(StepStarted(step=step, phase="train", epoch=1, arm="shared"))
                place = {"contest": f"c{step}", "anchor": "x"}
                for slot in (0, 1):
                    journal.emit(
                        MessagePublished(
                            **place,
                            message=f"c{step}/{slot}",
                            slot=slot,
                            competitor="base",
                            adapter="",
                            thinking="",
                            text="hello",
                        )
                    )
                journal.emit(ContestOpened(**place, messages=[f"c{step}/0", f"c{step}/1"]))
                journal.emit(Reacted(contest=f"c{step}", persona=0, order=[1, 0], choice=1, thought=""))
                journal.emit(
                    ContestDecided(
                        contest=f"c{step}",
                        votes=[0, 1],
                        abstained=0,
                        invalid=0,
                        outcome="majority",
                        winner=1,
                        ties="skip",
                    )
                )
            with journal.transaction():
                journal.emit(StepEnded(step=step, state_hash=journal.state.hash()))
    return tmp_path / "run"


def snapshots(run: Path) -> list[Path]:
    return sorted((run / "snap").iterdir())


class TestState:
    """A state from a snapshot is the state from zero."""

    def test_at_every_event(self, run):
        """Wherever one looks, with snapshots or without, the state is the same."""
        log = open_log(run, write=False)
        assert len(snapshots(run)) == 4
        for seq in range(log.head().seq + 1):
            assert state_at(run, seq).hash() == fold(log.read(0, seq)).hash()

    def test_the_nearest_is_used(self, run):
        """Folding goes on from the newest snapshot before the place."""
        log = open_log(run, write=False)
        taken = [int(path.stem) for path in snapshots(run)]
        assert [Snapshots(run).newest(log, seq)[0] for seq in (0, taken[0], taken[1] - 1, taken[1])] == [
            0, taken[0], taken[0], taken[1],
        ]  # fmt: skip

    def test_the_snapshot_is_not_shared(self, run):
        """Two readers get two states."""
        log = open_log(run, write=False)
        one, two = (Snapshots(run).newest(log)[1] for _ in range(2))
        one.reactions[0] += 1
        assert one.hash() != two.hash()


class TestDoubt:
    """A snapshot that does not belong to this log is passed over."""

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda text: text[:-9],
            lambda text: text.replace('"step":4', '"step":3'),
            lambda text: text.replace('"hash":"', '"hash":"0', 1),
            lambda text: "{}",
            lambda text: text.replace('"data":"', '"data":"AAAA', 1),
            lambda text: text.replace('"shape":[', '"shape":[7,', 1),
            lambda text: text.replace('"<i8"', '"object"', 1),
        ],
        ids=["cut", "edited", "another chain", "empty", "another column", "another shape", "objects"],
    )
    def test_it_is_damaged(self, run, spoil):
        """Whatever is wrong with it, the state comes from the one before it and the log."""
        newest = snapshots(run)[-1]
        spoiled = spoil(newest.read_text())
        assert spoiled != newest.read_text()
        newest.write_text(spoiled)
        log = open_log(run, write=False)
        assert Snapshots(run).newest(log)[0] == int(snapshots(run)[-2].stem)
        assert state_at(run).hash() == fold(log.read()).hash()

    def test_one_that_agrees_with_itself_is_not_believed(self, run):
        """Who edits the state and computes its hash again is not believed either."""
        newest = snapshots(run)[-1]
        snapshot = msgspec.json.decode(newest.read_bytes(), type=_Snapshot, dec_hook=_decoded)
        snapshot.state.tallies["train/base"].votes += 100
        edited = msgspec.structs.replace(snapshot, state_hash=snapshot.state.hash())
        newest.write_bytes(msgspec.json.encode(edited, enc_hook=_encoded))
        assert state_at(run).hash() == fold(open_log(run, write=False).read()).hash()

    @pytest.mark.parametrize(
        "column",
        [
            {"dtype": "|O", "shape": [1], "data": b"12345678"},
            {"dtype": "O", "shape": [1], "data": b"12345678"},
            {"dtype": "<i8,<i8", "shape": [1], "data": b"0" * 16},
            {"dtype": "<U2", "shape": [1], "data": b"12345678"},
            {"dtype": "<i8", "shape": [2**62, 2**62], "data": b""},
            {"dtype": "<i8", "shape": [-1], "data": b"12345678"},
            {"dtype": "<i8", "shape": [1] * 40, "data": b"12345678"},
            {"dtype": "<i8", "shape": [2], "data": b"12345678"},
            {"dtype": "<i8", "shape": [True], "data": b"12345678"},
            {"dtype": 8, "shape": [1], "data": b"12345678"},
            {"shape": [1]},
            [],
        ],
        ids=str,
    )
    def test_only_columns_of_a_state_reach_numpy(self, column, monkeypatch):
        """A crafted column is refused before numpy sees it."""
        monkeypatch.setattr("numpy.dtype", None)
        monkeypatch.setattr("numpy.frombuffer", None)
        raw = msgspec.json.decode(msgspec.json.encode(column))
        with pytest.raises(ValueError):
            _decoded(None, raw)

    def test_it_is_deleted(self, run):
        """Snapshots may be thrown away."""
        for path in snapshots(run):
            path.unlink()
        assert state_at(run).hash() == fold(open_log(run, write=False).read()).hash()
