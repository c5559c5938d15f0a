"""A log in object storage, over a real protocol: pieces that are put once, what comes back verifies, and each refusal is one clear error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from abm.events import RunEnded
from abm.log import create, open_log, read_events, verify
from abm.log.projection import scan_study
from moloch.errors import Conflict, CorruptLog, InputError, LogError

pytest.importorskip("obstore")
pytest.importorskip("moto")
from abm.log.mirror import LogMirror, download
from abm.log.objects import ObjectFolder
from abm.log.store import upload
from tests.support.object_storage import BUCKET, SECRET, ObjectServer, served

URL = f"s3://{BUCKET}/study"
FIRST = f"study/run/live/{0:020d}/{0:015d}.part"


@pytest.fixture
def server(monkeypatch) -> Iterator[ObjectServer]:
    with served() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def there(server) -> ObjectFolder:
    return ObjectFolder(URL)


@pytest.fixture
def going(run, reactions, small_segments):
    """A run that has not ended: two sealed segments of 4, one live of 2."""
    with create(run, {"seed": 1}) as log:
        for i, size in enumerate((4, 4, 2)):
            log.append(reactions(size, 4 * i))
    return run


def append(run, events):
    with open_log(run, write=True) as log:
        return log.append(events)


class TestPieces:
    """What is durable is put as objects of its own; none is ever put twice."""

    @pytest.mark.system
    def test_whatever_was_appended(self, going, there, server, reactions):
        """Sealed segments whole, the rest in pieces; sealed, it is one object, and its pieces are gone."""
        mirror = LogMirror(going, there, "run/")
        mirror.put_new()
        live = f"study/run/live/{8:020d}/"
        assert [name for name in server.objects() if name.startswith(live)] == [f"{live}{0:015d}.part"]
        append(going, reactions(1, 50))
        done = mirror.put_new()
        pieces = {name: data for name, data in server.objects().items() if name.startswith(live)}
        segment = going / "log" / f"{8:020d}.jsonl.zst"
        assert len(pieces) == 2 == len(done.put) + 1 and b"".join(pieces.values()) == segment.read_bytes()
        assert not mirror.put_new().put
        append(going, reactions(4, 60)), append(going, reactions(1, 70))
        mirror.put_new()
        assert not [name for name in server.objects() if name.startswith(live)]
        assert server.objects()[f"study/run/log/{8:020d}.jsonl.zst"] == segment.read_bytes()
        puts = Counter(
            path for method, path in server.asked if method == "PUT" and ("/log/" in path or "/live/" in path)
        )
        assert set(puts.values()) == {1}

    def test_a_new_process_goes_on_where_the_last_one_was(self, run, fill, there, server, reactions):
        fill([3])
        LogMirror(run, there, "run/").put_new()
        append(run, reactions(2, 3))
        assert len(LogMirror(run, there, "run/").put_new().put) == 1
        assert download(there, "run/", run.parent / "copy", there.objects()) == verify(run)

    def test_a_run_that_ended_is_whole(self, going, there, server, tmp_path):
        mirror = LogMirror(going, there, "run/")
        mirror.put_new()
        append(going, [RunEnded(digest="d", seconds=1.0)])
        assert not mirror.put_new().left and not [name for name in server.objects() if "/live/" in name]
        assert scan_study(URL).collect()["seq"].sort().to_list() == list(range(11))

    @pytest.mark.parametrize("after", range(1, 7))
    def test_interrupted_anywhere_and_repeated(self, going, there, server, tmp_path, after):
        """run.json, two segments with their Parquet and a piece: what was put stays, the rest comes, and all of it is the log."""
        puts = 0

        def refuse(method: str, path: str) -> tuple[int, str] | None:
            nonlocal puts
            puts += method == "PUT"
            return (403, "AccessDenied") if method == "PUT" and puts >= after else None

        server.fault = refuse
        mirror = LogMirror(going, there, "run/")
        with pytest.raises(LogError, match="refused"):
            mirror.put_new()
        server.fault = lambda method, path: None
        before = server.objects()
        assert len(before) == after - 1
        mirror.put_new()
        assert len(server.objects()) == 6 and before.items() <= server.objects().items()
        assert not LogMirror(going, there, "run/").put_new().put
        assert download(there, "run/", tmp_path / "copy", there.objects()) == verify(going)
        assert list(read_events(tmp_path / "copy")) == list(read_events(going))


class TestTwoHistories:
    """Put-if-absent leaves one; the other gets an error, and nothing is overwritten."""

    @pytest.mark.system
    def test_two_go_on_from_the_same_place(self, run, fill, there, server, reactions, tmp_path):
        fill([3])
        mirror = LogMirror(run, there, "run/")
        mirror.put_new()
        copy = tmp_path / "copy"
        download(there, "run/", copy, there.objects())
        other = LogMirror(copy, there, "run/")
        append(copy, reactions(2, 100)), append(run, reactions(2, 200))
        other.put_new()
        before = server.objects()
        with pytest.raises(Conflict):
            mirror.put_new()
        with pytest.raises(Conflict, match="another history"):
            LogMirror(run, there, "run/").put_new()
        with pytest.raises(Conflict, match="another history"):
            download(there, "run/", run, there.objects())
        assert server.objects() == before and len(list(read_events(run))) == 5

    def test_one_that_is_behind(self, run, fill, there, reactions, tmp_path):
        """A copy of before is brought up to date, and not taken for news."""
        fill([3])
        mirror = LogMirror(run, there, "run/")
        mirror.put_new()
        copy = tmp_path / "copy"
        download(there, "run/", copy, there.objects())
        append(run, reactions(2, 3))
        mirror.put_new()
        with pytest.raises(Conflict, match="or is longer"):
            LogMirror(copy, there, "run/").put_new()
        assert download(there, "run/", copy, there.objects()) == verify(run)
        LogMirror(copy, there, "run/").put_new()


class TestDamage:
    """What is not what was put is noticed on its way in."""

    @pytest.mark.parametrize("where", [0, 40, -1])
    def test_a_byte(self, going, there, server, tmp_path, where):
        LogMirror(going, there, "run/").put_new()
        for name in [f"study/run/log/{4:020d}.jsonl.zst", f"study/run/live/{8:020d}/{0:015d}.part"]:
            good = server.objects()[name]
            data = bytearray(good)
            data[where] ^= 1
            server.damage(name, bytes(data))
            with pytest.raises(CorruptLog):
                download(there, "run/", tmp_path / f"{len(name)}", there.objects())
            server.damage(name, good)
        download(there, "run/", tmp_path / "good", there.objects())

    def test_a_piece_that_was_cut(self, run, fill, there, server, reactions, tmp_path):
        fill([3, 2])
        mirror = LogMirror(run, there, "run/")
        mirror.put_new()
        good = server.objects()[FIRST]
        server.damage(FIRST, good[:-7])
        with pytest.raises(CorruptLog, match="within a commit"):
            download(there, "run/", tmp_path / "one", there.objects())
        append(run, reactions(1, 5))
        mirror.put_new()
        with pytest.raises(CorruptLog, match="the piece before it ends"):
            download(there, "run/", tmp_path / "two", there.objects())


class TestRefusals:
    """One message each, which says what to do, and no secret in it."""

    def refused(self, ended, url=URL) -> str:
        with pytest.raises(LogError) as caught:
            upload(ended, url)
        assert SECRET not in str(caught.value) and caught.value.__cause__ is None
        return str(caught.value)

    @pytest.fixture
    def ended(self, run, fill):
        fill([3])
        append(run, [RunEnded(digest="d", seconds=1.0)])
        return run

    def test_no_bucket(self, ended, server):
        assert "no such bucket" in self.refused(ended, "s3://nobodys/study")
        with pytest.raises(LogError, match="no such bucket"):
            ObjectFolder("s3://nobodys/study").objects()
        with pytest.raises(LogError, match="no such bucket"):
            ObjectFolder("s3://nobodys/study").read("x")

    def test_no_credentials(self, ended, server, monkeypatch):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        said = self.refused(ended)
        assert "no credentials in the environment" in said and "AWS_ACCESS_KEY_ID" in said

    @pytest.mark.parametrize("code", ["AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId"])
    def test_denied(self, ended, server, code):
        server.fault = lambda method, path: (403, code)
        assert f"the credentials are refused ({code})" in self.refused(ended)

    def test_busy(self, ended, server, monkeypatch):
        server.fault = lambda method, path: (503, "SlowDown")
        assert "it answers 503" in self.refused(ended)

    def test_nobody_there(self, ended, server):
        server.close()
        try:
            assert "cannot be reached" in self.refused(ended)
        finally:
            server.__init__()

    def test_plain_http(self, ended, server, monkeypatch):
        monkeypatch.delenv("AWS_ALLOW_HTTP")
        assert "plain HTTP" in self.refused(ended)

    @pytest.mark.parametrize("url", [f"s3://me:{SECRET}@{BUCKET}/x", f"s3://{BUCKET}/x?sig={SECRET}"])
    def test_a_secret_in_the_url(self, ended, url):
        with pytest.raises(InputError, match="environment only") as caught:
            upload(ended, url)
        assert SECRET not in str(caught.value)

    def test_a_busy_moment_passes(self, ended, server):
        """What is refused for a while is asked for again."""
        times = iter(range(100))
        server.fault = lambda method, path: (503, "SlowDown") if next(times) < 2 else None
        assert upload(ended, URL).put
