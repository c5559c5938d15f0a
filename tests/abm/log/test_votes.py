"""Votes as a projection of their own: the log's reactions a row each, whatever becomes of the files."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abm.columns import Int8s, pack
from abm.events import Event, Reacted, ReactedMany, RunEnded, StepEnded
from abm.log import Fork, create, open_log, read_events
from abm.log.parquet import is_current, is_last_current, path_of
from abm.log.projection import scan, scan_votes
from abm.log.segments import read_manifest, segments
from abm.log.votes import VOTES, place_of, vote_columns
from abm.reactions import each, reacted_many
from moloch.errors import CorruptLog

ENDED = RunEnded(digest="d", seconds=1.0)


def happened(n: int, seed: int = 0) -> list[Event]:
    """Return ``n`` events: single reactions, crowds of several sizes and numbers of options, and others."""
    draw = np.random.default_rng(seed)
    made: list[Event] = []
    for i in range(n):
        contest = f"evaluate/{i % 3}/{'rft' if i % 2 else 'placebo'}/anchor/{i}"
        match i % 4:
            case 0:
                made.append(StepEnded(step=i, state_hash="h"))
            case 1:
                made.append(
                    Reacted(step=i, contest=contest, persona=i, order=[1, 0, 2], choice=i % 3, thought=f"why {i}")
                )
            case 2:
                size, options = int(draw.integers(1, 9)), int(draw.integers(2, 5))
                people = np.arange(size) + i if draw.random() < 0.5 else draw.permutation(50)[:size]
                orders = np.stack([draw.permutation(options) for _ in range(size)]).astype(np.int8)
                choices = draw.integers(-1, options, size).astype(np.int8)
                made.append(reacted_many(contest, people, orders, choices, step=i, cause=0))
            case _:
                made.append(Reacted(contest=f"c{i}", persona=i, order=[], choice=-1, thought=""))
    return made


def rows(events: Iterator[Event] | list[Event]) -> list[tuple]:
    """Return what a scan of votes should hold."""
    expected = []
    for event in events:
        for vote in [event] if isinstance(event, Reacted) else each(event) if isinstance(event, ReactedMany) else []:
            parts: list = [*vote.contest.split("/", 3), None, None, None][:4]
            parts[1] = int(parts[1]) if parts[1] is not None else None
            first = vote.order[0] if vote.order else None
            expected.append(
                (vote.seq, vote.step, vote.contest, *parts, vote.persona, vote.choice, first, vote.order, vote.thought)
            )
    return expected


@pytest.fixture
def voted(run, small_segments) -> Path:
    """A run of 40 events in several sealed segments and a live one."""
    with create(run, {}) as log:
        for start in range(0, 40, 4):
            log.append(happened(40)[start : start + 4])
    return run


@pytest.fixture
def ended(run) -> Path:
    """A run of one segment that has ended."""
    with create(run, {}) as log:
        log.append([*happened(40), ENDED])
    return run


class TestRows:
    """One row per reaction."""

    def test_they_are_the_logs_reactions_in_order(self, voted):
        """Single ones and those of crowds, from files and from the live end."""
        assert scan_votes(voted).collect().rows() == rows(read_events(voted))
        assert len(list((voted / "frames").iterdir())) == len(segments(voted)) - 1

    @pytest.mark.parametrize("events", [[], happened(1), happened(2)[1:], happened(3)[2:]])
    def test_any_kind_alone(self, run, events):
        """No reaction at all, single ones only, crowds only: the same columns."""
        with create(run, {}) as log:
            if events:
                log.append(events)
        found = scan_votes(run).collect()
        assert found.schema == pl.Schema(vote_columns()) and found.rows() == rows(read_events(run))

    def test_a_file_and_the_live_end_hold_the_same(self, voted, monkeypatch):
        """Also where no file can be written, and with slices of a few votes."""
        projected = scan_votes(voted).collect()
        shutil.rmtree(voted / "frames")
        monkeypatch.setattr("abm.log.votes.SLICE", 3)
        monkeypatch.setattr("abm.log.parquet.write", lambda *parts: (_ for _ in ()).throw(OSError(28, "full")))
        monkeypatch.setattr("abm.log.projection.derive", lambda *parts: (_ for _ in ()).throw(OSError(28, "full")))
        assert scan_votes(voted).collect().equals(projected)
        assert not (voted / "frames").exists()

    def test_only_what_is_asked_for(self, voted):
        """Columns, rows and the first few, as of any lazy frame."""
        whole = scan_votes(voted).collect()
        some = scan_votes(voted).filter(pl.col("arm") == "rft").select("seq", "choice")
        assert some.collect().equals(whole.filter(pl.col("arm") == "rft").select("seq", "choice"))
        assert scan_votes(voted).head(7).collect().equals(whole.head(7))

    def test_a_fork_begins_with_what_it_shares(self, voted, tmp_path):
        """Within a segment and between two."""
        hashes = {block.commit.seq: block.commit.prev for block in open_log(voted, write=False).blocks()}
        for at in (8, 12):
            fork = tmp_path / f"fork-{at}"
            with create(fork, {"forked": at}, fork=Fork(f"../{voted.name}", at, hashes[at])) as log:
                log.append(happened(6, seed=at))
            assert scan_votes(fork).collect().rows() == rows(read_events(fork))

    @pytest.mark.parametrize("changed", [{"orders": b"\0"}, {"personas": b"\0\0\0\0"}])
    @pytest.mark.parametrize("end", [[], [ENDED]])
    def test_columns_of_different_lengths(self, run, changed, end):
        """They are no votes: nobody's choice becomes somebody else's, in a run that goes on and in one that has ended."""
        good = {"orders": pack([[0, 1]] * 3, Int8s), "choices": pack([0, 1, 0], Int8s)}
        with create(run, {}) as log:
            log.append([ReactedMany(contest="c", first=0, **good | changed), *end])
        with pytest.raises(CorruptLog, match="columns of one length"):
            scan_votes(run).collect()

    def test_places(self):
        """An id with more parts than a place gives them to its anchor; one with fewer has none."""
        frame = pl.DataFrame({"contest": ["train/1/a/b/c", "x", "train/late/a/b"]}).select(place_of())
        assert frame.rows() == [("train", 1, "a", "b/c"), ("x", None, None, None), ("train", None, "a", "b")]


class TestFiles:
    """Disposable, and believed only as they were made."""

    def test_they_are_made_of_the_events_parquet(self, voted, monkeypatch):
        """Where that is there: the log is not decoded a second time."""
        scan(voted).collect()
        decoded = []
        monkeypatch.setattr("abm.log.parquet.read", lambda segment: decoded.append(segment))
        assert scan_votes(voted).collect().rows() == rows(read_events(voted))
        assert decoded == []

    def test_one_of_other_bytes_is_made_again(self, voted):
        """Cut, emptied, exchanged, or with other votes."""
        want = scan_votes(voted).collect()
        segment, after = segments(voted)[:2]
        path, other = path_of(voted, segment, VOTES), path_of(voted, after, VOTES)
        good = path.read_bytes()
        edited = path.with_name("edited")
        pl.read_parquet(path).with_columns(choice=1 - pl.col("choice")).write_parquet(edited)
        for bad in (good[:-10], b"", other.read_bytes(), edited.read_bytes()):
            path.write_bytes(bad)
            assert not is_current(voted, segment, after, VOTES)
            assert scan_votes(voted).collect().equals(want)
        assert is_current(voted, segment, after, VOTES)

    @pytest.mark.parametrize("look", [scan, scan_votes])
    def test_an_ended_run_is_decoded_once(self, ended, monkeypatch, look):
        """Its last segment is projected, too, although none comes after it."""
        want = look(ended).collect()
        monkeypatch.setattr("abm.log.projection.walk", lambda *place: pytest.fail("the log was read again"))
        assert look(ended).collect().equals(want)

    @pytest.mark.parametrize("look", [scan, scan_votes])
    def test_a_run_that_goes_on_is_read(self, run, look):
        """One that has not ended has no file of its live end, and what is appended after an end is seen."""
        with create(run, {}) as log:
            log.append(happened(8))
            before = look(run).collect().height
            assert not list(run.glob("*/*.parquet"))
            log.append([ENDED])
            assert look(run).collect().filter(pl.col("seq") < 8).height == before
            assert len(list(run.glob("*/*.parquet"))) == 1
            log.append(happened(8))
            assert look(run).collect().filter(pl.col("seq") > 8).height == before

    @pytest.mark.parametrize("look", [scan, scan_votes])
    def test_a_last_segment_of_other_bytes(self, ended, look):
        """A changed byte, and changed settings, are found; a shorter log has fewer rows."""
        whole = look(ended).collect()
        (segment,) = segments(ended)
        good = segment.path.read_bytes()
        segment.path.chmod(0o644)
        for data, error in ((good[:60] + bytes([good[60] ^ 1]) + good[61:], CorruptLog), (good[:-5], None)):
            segment.path.write_bytes(data)
            if error:
                with pytest.raises(error):
                    look(ended).collect()
            else:
                assert look(ended).collect().height == 0 < whole.height
        segment.path.write_bytes(good)
        assert look(ended).collect().equals(whole)
        manifest = ended / "run.json"
        manifest.write_bytes(manifest.read_bytes() + b" ")
        with pytest.raises(CorruptLog):
            look(ended).collect()

    def test_nothing_is_believed_that_cannot_be_confirmed(self, ended, tmp_path, monkeypatch):
        """On another machine the file is made again, and then used."""
        scan_votes(ended)
        genesis, (segment,) = read_manifest(ended).genesis, segments(ended)
        assert is_last_current(ended, segment, genesis, VOTES)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
        assert not is_last_current(ended, segment, genesis, VOTES)
        scan_votes(ended)
        assert is_last_current(ended, segment, genesis, VOTES)

    def test_the_live_segment_is_not_hashed(self, voted, monkeypatch):
        """A reader of a long run does not read its growing file only to learn that nothing was made of it."""
        scan_votes(voted)
        hashed, digest = [], hashlib.file_digest
        monkeypatch.setattr("hashlib.file_digest", lambda file, how: hashed.append(file.name) or digest(file, how))
        scan_votes(voted)
        assert not [name for name in hashed if name.endswith(".zst")]
