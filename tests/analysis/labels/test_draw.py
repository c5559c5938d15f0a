"""What a draw promises: random within strata, blind, the same for the same seed, and never a message twice."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from abm.label_events import LabelsDrawn
from abm.log import read_events, verify
from analysis.frames import of_run
from analysis.labels import draw, import_labels, read_key, write_batch
from analysis.labels._draw import allocation
from moloch.errors import InputError
from tests.analysis.labels.world import (
    HOSTILE,
    drawn,
    errs,
    labelled,
    runs,
    sampling,
    table,
    write_run,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run, for tests that only read it."""
    return write_run(tmp_path_factory.mktemp("made") / "run")


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def ids(sample) -> set[str]:
    return {message.message for each in sample.by_run for message in each.messages}


class TestAllocation:
    """Strata get equal parts, and rare ones all they have."""

    def test_rare_strata_are_oversampled(self):
        """What they lack goes to the others, and nothing is lost."""
        assert allocation({"a": 2, "b": 500, "c": 50, "d": 0}, 62) == {"a": 2, "b": 30, "c": 30, "d": 0}

    @pytest.mark.parametrize("total", range(13))
    def test_the_total_is_met(self, total):
        """For every size that can be drawn, and no stratum gives more than it has."""
        sizes = {"a": 1, "b": 4, "c": 3, "d": 4}
        parts = allocation(sizes, total)
        assert sum(parts.values()) == total and all(parts[name] <= size for name, size in sizes.items())


class TestDraw:
    """A sample of the evaluation."""

    def test_by_its_seed(self, made):
        """The same seed draws the same; another one other messages; a larger sample holds the smaller one."""
        first, again, other = (draw(runs(made), sampling(24, seed=seed)) for seed in (1, 1, 2))
        assert ids(first) == ids(again) != ids(other)
        assert ids(first) < ids(draw(runs(made), sampling(48)))

    def test_strata_are_writers_and_verdicts(self, made):
        """Each with how many there were, and how many were taken: the chance of each message is known."""
        sample = draw(runs(made), sampling(30))
        there = Counter((writer, errs(writer, i)[1]) for writer in ("base", "rft", "placebo") for i in range(36))
        assert {(each.writer, each.found): each.there for each in sample.strata} == there
        taken = Counter((m.writer, m.found) for each in sample.by_run for m in each.messages)
        assert {(each.writer, each.found): each.drawn for each in sample.strata} == taken
        assert sum(taken.values()) == 30 and max(taken.values()) - min(taken.values()) <= 1

    def test_what_several_societies_read_is_one_message(self, made):
        """Base's message about an anchor stands in each arm's contest; it is drawn once at most."""
        sample = draw(runs(made), sampling(108))
        assert len(ids(sample)) == 3 * 36
        with pytest.raises(InputError, match="108 are left"):
            draw(runs(made), sampling(109))

    def test_what_the_probe_could_not_tell_is_not_drawn(self, tmp_path):
        """It is in no rate, either."""
        run = write_run(tmp_path / "run", says=lambda writer, i: (False, -1 if i % 2 else 0))
        assert {(each.found, each.there) for each in draw(runs(run), sampling(6)).strata} == {(0, 18)}

    def test_never_twice(self, run, tmp_path):
        """A second draw takes from what is left, whatever its seed, until nothing is."""
        drawn(tmp_path / "one", run, size=60)
        second = draw(runs(run), sampling(48, seed=2))
        assert not ids(second) & {m.message for m in read_key(tmp_path / "one").runs[0].drawn.messages}
        with pytest.raises(InputError, match="48 are left; 60 were drawn before"):
            draw(runs(run), sampling(49, seed=2))

    def test_of_a_study(self, tmp_path):
        """Over its runs together; each run's log of labels holds its own messages, and the strata of all."""
        folders = [write_run(tmp_path / name, anchors=12, seed=seed) for seed, name in enumerate("ab", 1)]
        out = drawn(tmp_path / "out", *folders, size=30)
        events = [event for folder in folders for event in read_events(folder / "labels")]
        assert [type(event) for event in events] == [LabelsDrawn, LabelsDrawn]
        assert sum(len(event.messages) for event in events) == 30 == len(table(out / "sheet.csv")) - 1
        assert events[0].strata == events[1].strata and sum(each.there for each in events[0].strata) == 72

    def test_of_a_run_that_has_not_ended(self, tmp_path):
        """Messages may still be added, and would have no chance to be drawn."""
        run = write_run(tmp_path / "run", ended=False)
        with pytest.raises(InputError, match="has not ended"):
            draw(runs(run), sampling(3))

    def test_of_a_probe_that_was_not_asked(self, made):
        """The error says where to look for one."""
        from dataclasses import replace

        for changed in (replace(sampling(), probe="no_such"), replace(sampling(), rater="no-such-judge")):
            with pytest.raises(InputError, match="no message was judged"):
                draw(runs(made), changed)


class TestSheets:
    """What labellers get, and what they do not."""

    def test_are_blind(self, run, tmp_path):
        """An id, the anchor, the message and the question; no arm, no verdict, no place in the run, and in no order that tells one."""
        out = drawn(tmp_path / "out", run)
        key, (head, *rows) = read_key(out), table(out / "sheet.csv")
        assert head == ["id", "anchor", "message", "question", "label"] and {row[4] for row in rows} == {""}
        text = (out / "sheet.csv").read_text("utf-8")
        for secret in ("rft", "placebo", "base", "evaluate", "misrepresentation", key.draw):
            assert secret not in text
        by_id = {m.id: m for m in key.runs[0].drawn.messages}
        writers = [by_id[row[0]].writer for row in rows]
        assert len({row[0] for row in rows}) == 40 and writers != sorted(writers) and len(set(writers[:10])) > 1
        assert {"LIE" in row[2] for row in rows} == {True, False}

    def test_the_run_is_not_touched(self, run, tmp_path):
        """Its log keeps its head; the log of labels beside it is a chain of its own."""
        before = verify(run)
        out = labelled(drawn(tmp_path / "out", run))
        import_labels(out)
        assert verify(run) == before and verify(run / "labels").seq == 41

    def test_formulas_are_text(self, tmp_path):
        """A message that begins like a formula has an apostrophe before it in the sheet, and comes back as it was."""
        from analysis.labels._draw import DrawnItem
        from analysis.labels._sheet import read_sheet, write_sheet

        for hostile in (HOSTILE, "-1", "+1", "@x", "'=1", "\t=1", "plain\r\nlines\x00"):
            write_sheet(tmp_path / "s.csv", [DrawnItem("i", hostile, hostile)], "Q?", {})
            assert not table(tmp_path / "s.csv")[1][2].startswith(("=", "+", "-", "@", "\t"))
            row = read_sheet(tmp_path / "s.csv")[0]
            assert (row.anchor, row.message, row.question) == (hostile, hostile, "Q?")

    def test_of_several_labellers(self, run, tmp_path):
        """Some messages go to all of them, each in another order, and the others to one."""
        out = drawn(tmp_path / "out", run, labellers=("ann", "bob"), shared=10)
        ann, bob = ([row[0] for row in table(out / f"sheet-{name}.csv")[1:]] for name in ("ann", "bob"))
        both = set(ann) & set(bob)
        assert len(both) == 10 and len(ann) == len(bob) == 25 and len({*ann, *bob}) == 40
        assert [each for each in ann if each in both] != [each for each in bob if each in both]

    def test_all_share_all_by_default(self, run, tmp_path):
        """The same messages."""
        out = drawn(tmp_path / "out", run, labellers=("ann", "bob"))
        ann, bob = (table(out / f"sheet-{name}.csv") for name in ("ann", "bob"))
        assert sorted(ann) == sorted(bob) and ann != bob


class TestAgain:
    """The same command gives the same sample, and a kill loses nothing."""

    def test_a_sheet_with_labels_stays(self, run, tmp_path):
        """The sample is given out again, also into another folder, and drawn no second time."""
        out = labelled(drawn(tmp_path / "out", run))
        filled = (out / "sheet.csv").read_bytes()
        sample = draw(runs(run), sampling())
        assert sample.again
        write_batch(out, sample)
        write_batch(tmp_path / "other", sample)
        assert (out / "sheet.csv").read_bytes() == filled
        assert [r[:4] for r in table(tmp_path / "other" / "sheet.csv")] == [r[:4] for r in table(out / "sheet.csv")]
        assert verify(run / "labels").seq == 1

    def test_a_kill_between_the_key_and_the_logs(self, run, tmp_path):
        """The key comes first: importing writes what the log lacks."""
        import shutil

        out = labelled(drawn(tmp_path / "out", run))
        shutil.rmtree(run / "labels")
        assert import_labels(out).new == 40
        assert [type(event).__name__ for event in read_events(run / "labels")][:2] == ["LabelsDrawn", "LabelGiven"]

    def test_another_folder_is_not_written_over(self, run, tmp_path):
        """Neither one with something else in it, nor one with another sample."""
        drawn(tmp_path / "out", run)
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "notes.txt").write_text("mine")
        for folder in ("out", "full"):
            with pytest.raises(InputError, match="holds something else"):
                drawn(tmp_path / folder, run, size=20, seed=3)


class TestFrame:
    """The frame ``labels``."""

    def test_a_row_per_message_and_labeller(self, run, tmp_path):
        """With the weight of the draw, and where the message stands in the run."""
        assert of_run(run, "labels").collect().height == 0
        out = drawn(tmp_path / "out", run, labellers=("ann", "bob"), shared=10)
        waiting = of_run(run, "labels").collect()
        assert waiting.height == 40 and waiting["label"].null_count() == 40
        labelled(out)
        import_labels(out)
        frame = of_run(run, "labels").collect()
        assert frame.height == 50 and set(frame["label"]) == {"yes", "no"} and set(frame["labeller"]) == {"ann", "bob"}
        assert set(frame["competitor"]) == {"base", "rft", "placebo"} and set(frame["phase"]) == {"evaluate"}
        once = frame.unique("message")
        assert once["weight"].sum() == pytest.approx(108)

    def test_the_key_says_what_the_log_says(self, run, tmp_path):
        """As JSON that anybody can read."""
        out = drawn(tmp_path / "out", run)
        key = json.loads((out / "key.json").read_text())
        logged = next(iter(read_events(run / "labels")))
        assert key["draw"] == logged.draw and len(key["runs"][0]["drawn"]["messages"]) == len(logged.messages)
