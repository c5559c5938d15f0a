"""What a log means does not depend on clocks, processes, versions, or on files that may be thrown away."""

from __future__ import annotations

import io
import itertools
import random
import shutil
import time
from pathlib import Path

import msgspec
import polars as pl
import pytest

from abm.columns import Float32s, unpack
from abm.events import CrowdJoined, PersonasJoined, RunEnded
from abm.journal import log_digest
from abm.log import create, open_log, read_events, verify
from abm.log.parquet import path_of
from abm.log.projection import rebuild, scan, scan_votes
from abm.log.segments import segments
from abm.state.snapshots import Snapshots, _decoded, _encoded, _Snapshot, state_at
from abm.state.state import fold
from moloch.errors import InputError
from tests.faults.children import events
from tests.learning.test_loop import Killed, carry_out

GOLDEN = sorted((Path(__file__).parents[1] / "abm" / "log" / "golden").glob("v*"))


class TestClock:
    """A clock that jumps, stops and runs backwards."""

    def test_nothing_depends_on_it(self, tmp_path, monkeypatch):
        """The digest is that of a run with a good clock, and the log is whole and in order."""
        want = carry_out(tmp_path / "good").digest.hexdigest()
        draw, real = random.Random(1), time.time
        jumps = itertools.cycle([0, -3600, 31_536_000, -31_536_000, 0.5])
        monkeypatch.setattr(time, "time", lambda: real() + next(jumps) * draw.random())
        with pytest.raises(Killed):
            carry_out(tmp_path / "bad", commits=9)
        assert carry_out(tmp_path / "bad").digest.hexdigest() == want
        found = list(read_events(tmp_path / "bad"))
        assert [event.seq for event in found] == list(range(verify(tmp_path / "bad").seq))
        assert any(after.at < before.at for before, after in itertools.pairwise(found)), "the clock did not jump"


class TestProcesses:
    """The same study in other processes."""

    @pytest.mark.system
    @pytest.mark.parametrize(
        "seeds", [("0", "7"), pytest.param(("0", "1", "2", "3", "random"), marks=pytest.mark.faults)]
    )
    def test_hash_seeds_change_nothing(self, tmp_path, child, seeds):
        """Whatever Python's hash seed, the digest is one."""
        digests = set()
        for seed in seeds:
            process = child("study", tmp_path / seed, tmp_path / f"{seed}.paid", 0, PYTHONHASHSEED=seed)
            said, problem = process.communicate()
            assert "digest" in said, problem[-600:]
            digests.add(said.split()[-1])
        assert len(digests) == 1


class TestOldLogs:
    """Runs of every released schema."""

    @pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name)
    def test_they_mean_what_they_meant(self, golden):
        """Head, digest and every event stand; what changed since is read in today's shape."""
        want = msgspec.json.decode((golden / "expected.json").read_bytes())
        assert tuple(verify(golden)) == (want["seq"], want["hash"])
        assert log_digest(open_log(golden, write=False)) == want["digest"]
        joined = [event for event in read_events(golden) if isinstance(event, PersonasJoined | CrowdJoined)]
        assert joined or "." in golden.name, "only a supplement of later types may have nobody who joined"
        assert all(len(unpack(column, Float32s)) for event in joined for column in event.traits.values())


@pytest.fixture
def projected(run, monkeypatch) -> Path:
    """A run of sealed segments with their Parquet."""
    monkeypatch.setattr("abm.log.writer.SEAL_EVENTS", 20)
    with create(run, {"seed": 1}) as log:
        for i in range(25):
            log.append(events(4, i * 4))
    return run


def damage(draw: random.Random, files: list[Path]) -> None:
    """Damage one of some files, at random."""
    path = draw.choice(files)
    data = bytearray(path.read_bytes())
    at = draw.randrange(len(data))
    match draw.randrange(7):
        case 0:
            data[at] ^= 1 << draw.randrange(8)
        case 1:
            del data[at:]
        case 2:
            data[at : at + 8] = draw.randbytes(8)
        case 3:
            data[at:at] = draw.randbytes(draw.randrange(1, 64))
        case 4:
            data[at : at + 64] = bytes(64)
        case 5:
            data[:] = draw.choice(files).read_bytes() + b" "
        case 6:
            data = edited(draw, path)
    path.write_bytes(data)


def edited(draw: random.Random, path: Path) -> bytearray:
    """Return a file as somebody would edit it who knows its format."""
    if path.suffix == ".json":
        return edited_snapshot(draw, path)
    metadata, made = pl.read_parquet_metadata(path), io.BytesIO()
    votes = pl.read_parquet(path).with_columns(choice=(pl.col("choice") + draw.randrange(1, 3)) % 3)
    votes.write_parquet(made, metadata={"moloch": metadata["moloch"]})
    return bytearray(made.getvalue())


def edited_snapshot(draw: random.Random, path: Path) -> bytearray:
    """Return a snapshot with other votes, and with the hash of that state; as it is if it is none any more."""
    data = path.read_bytes()
    try:
        snapshot = msgspec.json.decode(data, type=_Snapshot, dec_hook=_decoded)
    except (ValueError, InputError):
        return bytearray(data)
    for tally in snapshot.state.tallies.values():
        tally.votes += draw.randrange(1, 9)
    return bytearray(
        msgspec.json.encode(msgspec.structs.replace(snapshot, state_hash=snapshot.state.hash()), enc_hook=_encoded)
    )


class TestDisposable:
    """Projections and snapshots may be deleted, spoilt or exchanged at any time."""

    def test_projections_come_back_equal(self, projected):
        """Deleted and rebuilt, a scan gives the same; so it does while there are none."""
        before = scan(projected).collect()
        files = {path.name: path.read_bytes() for path in (projected / "parquet").iterdir()}
        assert len(files) == 4
        shutil.rmtree(projected / "parquet")
        assert scan(projected).collect().equals(before)
        shutil.rmtree(projected / "parquet")
        assert len(rebuild(projected)) == 4
        assert {path.name for path in (projected / "parquet").iterdir()} == set(files)
        assert scan(projected).collect().equals(before)

    def test_another_runs_projection_is_not_believed(self, projected, tmp_path, monkeypatch):
        """A Parquet file that the log does not confirm is made again."""
        before = scan(projected).collect()
        other = tmp_path / "other"
        with create(other, {"seed": 2}) as log:
            for _ in range(25):
                log.append(events(4, 500))
        ours, theirs = (segments(where)[1] for where in (projected, other))
        shutil.copyfile(path_of(other, theirs), path_of(projected, ours))
        assert scan(projected).collect().equals(before)

    @pytest.mark.parametrize("times", [24, pytest.param(400, marks=pytest.mark.faults)])
    @pytest.mark.parametrize("look, folder", [(scan, "parquet"), (scan_votes, "frames")])
    def test_damaged_projections_are_as_if_they_were_not_there(self, projected, times, look, folder):
        """Flipped, cut, filled, exchanged or edited: a scan is as before, and no library's error gets out."""
        before = look(projected).collect()
        files = sorted((projected / folder).iterdir())
        assert len(files) == 4
        for i in range(times):
            damage(random.Random(i), files)
            assert look(projected).collect().equals(before), f"damage {i}"

    def test_the_last_segment_is_not_believed_to_be_another(self, run):
        """A run that has ended is projected whole: what is appended or changed after that is seen."""
        with create(run, {"seed": 1}) as log:
            log.append([*events(4, 0), RunEnded(digest="d", seconds=1.0)])
            before = {look: look(run).collect() for look in (scan, scan_votes)}
            log.append(events(4, 4))
            for look, frame in before.items():
                assert look(run).collect().head(len(frame)).equals(frame)
                assert look(run).collect().height > len(frame)

    @pytest.mark.parametrize("times", [24, pytest.param(400, marks=pytest.mark.faults)])
    def test_damaged_snapshots_are_as_if_they_were_not_there(self, tmp_path, monkeypatch, times):
        """As with projections: each moment's state is the fold of the events before it."""
        monkeypatch.setattr("abm.state.snapshots.EVERY", 1)
        run = tmp_path / "run"
        carry_out(run)
        log = open_log(run, write=False)
        files = sorted((run / "snap").iterdir())
        good = {path: path.read_bytes() for path in files}
        want = fold(log.read()).hash()
        for i in range(times):
            damage(random.Random(i), files[-2:])
            assert state_at(run).hash() == want, f"damage {i}"
            for path, data in good.items():
                path.write_bytes(data)

    def test_snapshots_are_the_state_from_zero(self, tmp_path, monkeypatch):
        """With all, some, none and foreign snapshots, every moment's state is the fold of the events before it."""
        monkeypatch.setattr("abm.state.snapshots.EVERY", 1)
        run = tmp_path / "run"
        carry_out(run)
        log = open_log(run, write=False)
        taken = sorted((run / "snap").iterdir())
        moments = [int(path.stem) for path in taken]
        want = {seq: fold(log.read(0, seq)).hash() for seq in moments}
        assert {seq: state_at(run, seq).hash() for seq in moments} == want
        shutil.copyfile(taken[0], taken[-1])  # one of another moment
        text = taken[2].read_text()
        taken[2].write_text(text.replace('"step":', '"step":1', 1))  # one that was edited
        assert text != taken[2].read_text()
        taken[1].unlink()
        assert {seq: state_at(run, seq).hash() for seq in moments} == want
        shutil.rmtree(run / "snap")
        assert {seq: state_at(run, seq).hash() for seq in moments} == want
        assert Snapshots(run).newest(log)[0] == 0
