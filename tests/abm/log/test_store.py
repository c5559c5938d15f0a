"""What an upload promises: verified bytes, put once, never overwritten; what comes back verifies."""

from __future__ import annotations

import builtins
import shutil
from pathlib import Path

import pytest

from abm.events import RunEnded
from abm.log import create, open_log, read_events, verify
from abm.log.projection import scan, scan_study, scan_votes
from abm.log.segments import segments
from moloch.errors import Conflict, CorruptLog, InputError, LogError

obstore = pytest.importorskip("obstore")
from obstore.store import LocalStore  # noqa: E402

from abm.log.store import upload  # noqa: E402

GOLDEN = Path(__file__).parents[2] / "golden" / "runs" / "sales-isolated"


@pytest.fixture
def remote(tmp_path):
    """The folder that stands for object storage."""
    return tmp_path / "remote" / "study" / "run"


@pytest.fixture
def going(run, reactions, small_segments):
    """A run that has not ended: two sealed segments of 4, one live of 2."""
    with create(run, {"seed": 1}) as log:
        for i, size in enumerate((4, 4, 2)):
            log.append(reactions(size, 4 * i))
    return run


@pytest.fixture
def ended(going):
    """The same run, ended."""
    with open_log(going, write=True) as log:
        log.append([RunEnded(digest="d", seconds=1.0)])
    return going


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


class TestUpload:
    """What is sealed is put; the last segment only once the run has ended."""

    def test_a_run_that_goes_on(self, going, remote):
        """run.json, sealed segments and their Parquet; the last segment is left."""
        done = upload(going, remote.as_uri())
        want = ["run.json"]
        for first in (0, 4):
            want += [
                f"log/{first:020d}.jsonl.zst",
                f"parquet/{first:020d}.parquet",
                f"frames/votes-{first:020d}.parquet",
            ]
        assert done.put == want and done.there == [] and done.left == [f"log/{8:020d}.jsonl.zst"]
        assert names(remote) == sorted(want)
        assert done.nbytes == sum((going / name).stat().st_size for name in want)
        assert all((remote / name).read_bytes() == (going / name).read_bytes() for name in want)

    def test_a_run_that_has_ended(self, ended, remote):
        """Its last segment is put too, with its Parquet."""
        done = upload(ended, remote.as_uri())
        assert done.left == [] and f"log/{8:020d}.jsonl.zst" in done.put
        assert scan_study(remote.parent.as_uri()).collect()["seq"].sort().to_list() == list(range(11))
        assert scan_study(remote.parent.as_uri()).collect()["run"].unique().to_list() == ["run"]

    def test_its_votes(self, remote, tmp_path):
        """Frames of what was uploaded are those of the run."""
        here = shutil.copytree(GOLDEN, tmp_path / "here")
        upload(here, remote.as_uri())
        votes = scan_votes(remote.as_uri()).collect()
        assert votes.height and votes.equals(scan_votes(here).collect())

    def test_a_copy_that_comes_back_verifies(self, ended, remote, tmp_path):
        """What is fetched from the store has the same head, the same events and the same scan."""
        upload(ended, remote.as_uri())
        store, copy = LocalStore(remote), tmp_path / "copy"
        for found in obstore.list(store).collect():
            path = copy / found["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(obstore.get(store, found["path"]).bytes()))
        assert verify(copy) == verify(ended)
        assert list(read_events(copy)) == list(read_events(ended))
        assert scan(copy).collect().equals(scan(ended).collect())

    def test_again_puts_nothing(self, ended, remote):
        """What is there is found there."""
        first = upload(ended, remote.as_uri())
        again = upload(ended, remote.as_uri())
        assert again.put == [] and again.nbytes == 0 and again.there == first.put

    def test_again_goes_on(self, going, remote, reactions):
        """A run that went on gets its new segments put."""
        upload(going, remote.as_uri())
        with open_log(going, write=True) as log:
            log.append(reactions(4, 100))
            log.append([RunEnded(digest="d", seconds=1.0)])
        done = upload(going, remote.as_uri())
        assert [name for name in done.put if name.startswith("log/")] == [
            segment.path.relative_to(going).as_posix() for segment in segments(going)[2:]
        ]

    def test_progress_counts_files(self, ended, remote):
        """From none to all."""
        seen: list[tuple[int, int]] = []
        done = upload(ended, remote.as_uri(), progress=lambda *at: seen.append(at))
        assert seen == [(i, len(done.put)) for i in range(len(done.put) + 1)]

    def test_an_incomplete_last_commit_is_not_put(self, ended, remote):
        """A last segment that does not end with a whole commit is left."""
        with segments(ended)[-1].path.open("ab") as file:
            file.write(b"half")
        assert upload(ended, remote.as_uri()).left == [f"log/{8:020d}.jsonl.zst"]


class TestNothingIsOverwritten:
    """Bytes that are there stay."""

    @pytest.mark.parametrize("name", ["run.json", f"log/{4:020d}.jsonl.zst"])
    @pytest.mark.parametrize("change", ["another length", "another byte"])
    def test_another_object_is_an_error(self, ended, remote, name, change):
        """Other bytes under the name are refused, and stay as they are."""
        data = bytearray((ended / name).read_bytes())
        data[-1] ^= 1
        other = bytes(data) if change == "another byte" else b"other"
        (remote / name).parent.mkdir(parents=True)
        (remote / name).write_bytes(other)
        with pytest.raises(Conflict, match="holds something else"):
            upload(ended, remote.as_uri())
        assert (remote / name).read_bytes() == other

    def test_another_run_in_the_same_place(self, ended, remote, tmp_path, reactions):
        """The first file says so, before any segment is put."""
        upload(ended, remote.as_uri())
        before = names(remote)
        with create(tmp_path / "other", {"seed": 2}) as log:
            log.append(reactions(4))
            log.append([RunEnded(digest="d", seconds=1.0)])
        with pytest.raises(Conflict, match=r"run\.json"):
            upload(tmp_path / "other", remote.as_uri())
        assert names(remote) == before

    def test_projections_are_replaced(self, ended, remote):
        """A Parquet file can be made again, so another one gives way."""
        upload(ended, remote.as_uri())
        path = remote / "parquet" / f"{0:020d}.parquet"
        path.write_bytes(b"an older one")
        assert upload(ended, remote.as_uri()).put == [f"parquet/{0:020d}.parquet"]
        assert path.read_bytes() == (ended / "parquet" / path.name).read_bytes()


class TestRefusals:
    """What cannot be uploaded is said, and why."""

    def test_damage_is_not_uploaded(self, ended, remote):
        """A segment is verified before it is put."""
        path = segments(ended)[1].path
        data = bytearray(path.read_bytes())
        data[-3] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
        with pytest.raises(CorruptLog):
            upload(ended, remote.as_uri())
        assert not (remote / "log" / path.name).exists()

    def test_a_segment_of_another_chain_is_not_uploaded(self, ended, remote, tmp_path, reactions):
        """A segment that is whole, but of another run with the same settings, is refused."""
        with create(tmp_path / "other", {"seed": 1}) as log:
            for i in range(3):
                log.append(reactions(4, 4 * i + 100))
        path = segments(ended)[1].path
        path.unlink()
        path.write_bytes(segments(tmp_path / "other")[1].path.read_bytes())
        with pytest.raises(CorruptLog):
            upload(ended, remote.as_uri())
        assert not (remote / "log" / path.name).exists()

    @pytest.mark.parametrize("url", ["/somewhere", "nowhere://bucket/x", "", "file", "http://127.0.0.1:9/x"])
    def test_not_a_url(self, ended, url, tmp_path):
        """The error shows what a URL looks like; a file is no folder."""
        (tmp_path / "file").write_text("in the way")
        url = (tmp_path / url).as_uri() if url == "file" else url
        with pytest.raises(InputError, match=r"s3://bucket/folder"):
            upload(ended, url)

    def test_storage_that_cannot_be_written(self, ended, tmp_path):
        """A refusal of the storage is an error that names the file."""
        (tmp_path / "remote").mkdir()
        (tmp_path / "remote" / "log").write_text("in the way")
        with pytest.raises(LogError, match="cannot upload"):
            upload(ended, (tmp_path / "remote").as_uri())

    def test_without_obstore(self, ended, remote, monkeypatch):
        """The error says how to install it."""
        real = builtins.__import__

        def missing(name: str, *args, **kwargs):
            if name == "obstore":
                raise ImportError(name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", missing)
        with pytest.raises(InputError, match="needs the store extra"):
            upload(ended, remote.as_uri())
