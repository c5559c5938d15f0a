"""Run folders of any name and in any state: each is listed, and none hides the others."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from abm.events import MessagePublished, PersonasJoined
from abm.log import codec, create, read_events
from analysis.formats import LABEL
from analysis.readings.book import Book
from analysis.readings.reading import result_of
from analysis.ui.address import PageAddress
from analysis.ui.data import runs as data
from analysis.ui.data.head import headline
from analysis.ui.data.run_list import list_rows, listed
from analysis.ui.data.runs import describe, find_runs, keys
from analysis.ui.data.training import training_rows
from analysis.ui.library import Library
from tests.support.hostile_run import ADAPTER, hostile_run

NAMES = (
    "with space", "quo'te\"", "hash#tag", "per%2fcent", "new\nline", "amp&eq=?", "back\\slash", "..hidden", "semi;colon", "plus+",
    "<b>bold", "ünï\u202ecode", "{{ 1 }}", "L" * 200, os.fsdecode(b"no \xff utf-8"),
)  # fmt: skip
BROKEN = {
    "not json": "{", "not a mapping": "[1]", "no settings": '{"format": 1}', "newer": '{"format": 99, "config": {}}',
    "empty": "", "not utf-8": "\udcff",
}  # fmt: skip


def settled(follower):
    """Wait until what stands in the log is read, or cannot be."""
    leave = follower.look()
    assert follower.ready.wait(timeout=30)
    leave()
    return follower


def rows(runs):
    """The rows of the list."""
    return list_rows(listed(runs, []), lambda entry: None, now=0.0)


class TestNames:
    """A folder may be called what it likes."""

    def test_every_name_has_an_address(self, networked, tmp_path):
        """The address of a run says its name, whatever is in it, and is ASCII."""
        for name in NAMES:
            shutil.copytree(networked, tmp_path / name)
        found = keys(find_runs(tmp_path))
        assert sorted(found) == sorted(NAMES)
        for row in rows([describe(key, path) for key, path in found.items()]):
            assert row["state"] == "ended" and row["url"].isascii()
            assert PageAddress.parse(row["url"].removeprefix("/")).run == row["key"]

    def test_half_a_character_is_no_reason_to_stop(self):
        """What a browser sends may hold half of a surrogate pair; an address has a question mark for it."""
        assert PageAddress(find="\ud800x").search() == "find=%3Fx"

    @pytest.mark.parametrize(
        "search", ["?run=%ff%fe", "?run=%ED%A0%80", "?%", "?&".ljust(9_000, "&"), "?a=1" * 101, "?run=%00"]
    )
    def test_any_address_is_read(self, search):
        """An address that is no address names the list of runs, or a run that is not there."""
        found = PageAddress.parse(search)
        assert found.page == "result" and PageAddress.parse(found.search()) == found

    def test_links_out_of_the_folder_and_into_it(self, networked, tmp_path):
        """A link to a run is that run, under its own name; a link to the folder itself adds nothing."""
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs" / "linked").symlink_to(networked)
        (tmp_path / "runs" / "again").symlink_to(tmp_path / "runs")
        assert keys(find_runs(tmp_path / "runs")) == {networked.name: networked.resolve()}


class TestBroken:
    """What is no run, or no longer, is said to be so in its row."""

    @pytest.mark.parametrize("name", BROKEN)
    def test_run_json(self, tmp_path, name):
        """A run.json that cannot be read makes a damaged run, with the reason."""
        (tmp_path / "run.json").write_bytes(os.fsencode(BROKEN[name]))
        found = describe(name, tmp_path)
        assert found.state == "damaged" and "run.json" in found.error
        assert headline(found, Book())["state"] == "damaged" and rows([found])[0]["error"] == found.error

    def test_a_folder_in_its_place(self, tmp_path):
        """Neither does a folder of that name stop anything."""
        (tmp_path / "run.json").mkdir()
        assert describe("x", tmp_path).state == "damaged"

    def test_settings_of_other_types(self, tmp_path):
        """Settings are shown as they are, of whatever type."""
        strange = {"arms": 5, "arena": {"a": 1}, "audience": [1], "epochs": [1], "world": {}, "seed": None, "model": 7}
        create(tmp_path / "strange", strange).close()
        found = describe("strange", tmp_path / "strange")
        assert found.state == "empty"
        assert "{'a': 1}" in rows([found])[0]["setting"] and headline(found, Book())["facts"]

    def test_what_nobody_foresaw(self, networked, monkeypatch):
        """An error of ours in one run's description is that run's row, not the end of the list."""

        def broken(path):
            raise TypeError("nobody foresaw this")

        monkeypatch.setattr(data, "lineage", broken)
        found = describe("x", networked)
        assert found.state == "damaged" and "nobody foresaw this" in found.error

    def test_a_newer_log(self, networked, tmp_path):
        """A log that a newer version wrote is shown as far as it is understood, and says whose fault it is."""
        config = json.loads((networked / "run.json").read_text())["config"]
        with create(tmp_path / "newer", config) as log:
            log.append(list(read_events(networked))[:20])
        segment = next((tmp_path / "newer" / "log").glob("*.zst"))
        head = describe("newer", tmp_path / "newer").head
        line = b'{"type":"minds_read","seq":20}\n'
        commit = codec.Commit(99, 20, 1, head, codec.chain(head, line, {}), {})
        body = codec.zstd.compress(line + codec._commit_line(commit))
        start = codec.struct.pack("<IIII", codec._MAGIC, codec.HEADER_SIZE - 8, len(body), codec.zlib.crc32(body))
        with segment.open("ab") as file:
            file.write(start + codec.struct.pack("<I", codec.zlib.crc32(start)) + body)
        newer = settled(Library([tmp_path / "newer"]).follower("newer"))
        assert "written by a newer moloch" in newer.error and newer.read(lambda book: book.seq) == 20

    def test_what_stands_before_the_damage(self, networked, tmp_path):
        """Events before a damaged commit are read, and the damage is reported."""
        shutil.copytree(networked, tmp_path / "run")
        segment = next((tmp_path / "run" / "log").glob("*.zst"))
        data = bytearray(segment.read_bytes())
        data[-200] ^= 1
        segment.chmod(0o644)
        segment.write_bytes(data)
        found = settled(Library([tmp_path / "run"]).follower("run"))
        assert "damaged" in found.error and found.read(lambda book: len(book.contests)) > 0


class TestManyRuns:
    """A thousand runs are a list like another."""

    def test_only_what_changed_is_read_again(self, networked, tmp_path, monkeypatch):
        """A second look opens the log of no run that is as it was; a run that has grown, or was damaged, is read."""
        for number in range(5):
            shutil.copytree(networked, tmp_path / "runs" / f"{number}")
        looked: list[str] = []
        described = data.Ends._described
        monkeypatch.setattr(
            data.Ends, "_described", lambda self, key, path: (looked.append(key), described(self, key, path))[1]
        )
        library = Library([], [tmp_path / "runs"])
        first = library.runs()
        assert len(looked) == 5
        assert library.runs() == first and len(looked) == 5
        shutil.rmtree(tmp_path / "runs" / "2" / "log")
        (tmp_path / "runs" / "3" / "run.json").write_text("{")
        assert [run.state for run in library.runs()] == ["ended", "ended", "empty", "damaged", "ended"]
        assert sorted(looked[5:]) == ["2", "3"]
        library.runs()
        assert looked[7:] == ["3"]

    def test_keys_of_many_of_one_name(self):
        """Keys of runs that share their ends are as short as tells them apart."""
        paths = [Path(f"/studies/{study}/seed/{seed}") for study in range(30) for seed in range(100)]
        found = keys(paths)
        assert len(found) == 3_000 and found["7/seed/42"] == Path("/studies/7/seed/42")
        assert keys([Path("/a/x"), Path("/b/x"), Path("/x")]) == {
            "a/x": Path("/a/x"),
            "b/x": Path("/b/x"),
            "/x": Path("/x"),
        }


class TestReplaced:
    """The folder decides what a run's name means, now."""

    def test_another_run_in_its_place(self, networked, isolated, tmp_path):
        """A run that lies in the folder of one that was read is read in its stead."""
        library, run = Library([], [tmp_path]), tmp_path / "run"
        shutil.copytree(networked, run)
        before = settled(library.follower("run"))
        assert library.follower("run") is before
        shutil.rmtree(run)
        shutil.copytree(isolated, run)
        after = settled(library.follower("run"))
        assert after is not before and after.read(lambda book: book.config)["world"] == "isolated"
        library.close()

    def test_gone_and_back(self, networked, tmp_path):
        """A run that is gone is not there; one that is there again is read again."""
        library, run = Library([tmp_path / "run"]), tmp_path / "run"
        gone = settled(library.follower("run"))
        assert "no run here" in gone.error and library.runs()[0].state == "damaged"
        shutil.copytree(networked, run)
        back = settled(library.follower("run"))
        assert back.error == "" and back.read(lambda book: book.ended) is not None
        library.close()


@pytest.fixture(scope="module")
def run(networked, tmp_path_factory):
    """The hostile run, of few members."""
    base = json.loads((networked / "run.json").read_text())["config"]
    return hostile_run(tmp_path_factory.mktemp("small") / "<b>run", base, members=400)


class TestHostileBook:
    """What a log calls things is cut to what a page can show, and leads nowhere."""

    @pytest.mark.system
    def test_it_ends_within_a_commit(self, run):
        """All that was acknowledged is read; the torn rest is no event and no damage."""
        events, book = len(list(read_events(run))), result_of(read_events(run), Book())
        assert describe("x", run).state == "stopped" and describe("x", run).events == events
        assert book.steps[-1].last == -1 and list(book.contests.values())[-1].outcome == ""

    @pytest.mark.system
    def test_no_label_is_long(self, run):
        """Subjects and settings of a megabyte are cut."""
        book = result_of(read_events(run), Book())
        assert max(len(book.subject(anchor)) for anchor in book.anchors) == LABEL
        assert max(len(value) for row in training_rows(book, run) for _, value in row["settings"]) == LABEL

    def test_an_adapter_that_is_a_path(self, run):
        """An adapter's name leads to a folder of the run, or nowhere."""
        found = {row["adapter"]: row["check"] for row in training_rows(result_of(read_events(run), Book()), run)}
        assert (run.parent / "outside" / "check.json").is_file()
        assert found[ADAPTER] and not found["../../../outside"] and list(found.values()).count([]) == len(found) - 1

    def test_it_is_all_there(self, run):
        """The run holds what the pages are shown to bear."""
        events = list(read_events(run))
        texts = [event.text for event in events if isinstance(event, MessagePublished)]
        names = [name for event in events if isinstance(event, PersonasJoined) for name in event.names]
        assert (
            max(map(len, texts)) > 1e6 and max(text.count("\n") for text in texts) >= 1e6 and "\x00" in "".join(names)
        )
