"""What frames promise: the log's events as tables with stable columns that a codebook explains, for one run and for many."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import moloch
from abm.columns import Int16s, Int32s, pack, unpack
from abm.events import (
    AdapterTrained,
    ContestDecided,
    ContestOpened,
    CrowdJoined,
    Engaged,
    FeedAnswerInvalid,
    FeedOpened,
    LLMReplied,
    MembersPosted,
    MessagePublished,
    MessageRejected,
    PersonasJoined,
    Reacted,
    ReactionInvalid,
    RunEnded,
    StepStarted,
    TiesCut,
    TiesFormed,
    VerdictGiven,
)
from abm.log import Fork, Head, create, read_events
from abm.log.codec import KINDS, RUN_KINDS
from abm.log.fork import fork_point
from abm.log.segments import read_manifest
from abm.probe import kind_of
from abm.reactions import reacted_many
from analysis.frames import (
    NAMES,
    CellRun,
    codebook,
    columns_of,
    columns_of_cells,
    export,
    of_cells,
    of_run,
    write_codebook,
)
from analysis.readings.book import Book
from analysis.readings.evaluation import read_evaluation
from analysis.readings.originals import Originals
from analysis.readings.reading import result_of
from learning.alarms import MessageReading
from moloch.errors import CorruptLog, InputError

GOLDEN = Path(__file__).parents[1] / "golden" / "runs"
HOLD = [name for name in NAMES if name not in ("steps", "labels")]
"""Frames that the golden runs have rows of; they began before trainings were measured, and nobody labelled them. ``test_alarms.py`` has steps."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Finished runs of all arenas, in both worlds."""
    folder = tmp_path_factory.mktemp("frames") / "runs"
    shutil.copytree(GOLDEN, folder)
    return folder


@pytest.fixture(scope="module")
def networked(runs):
    return runs / "elections-networked"


@pytest.fixture(scope="module")
def cells(runs):
    """A cell for each run, and one that has not begun."""
    found = []
    for seed, folder in enumerate(sorted(runs.iterdir())):
        arena, world = folder.name.split("-")
        factors = {
            "arena": arena,
            "networked": world == "networked",
            "lr": seed if seed % 2 else seed + 0.5,
            "n": seed,
        }
        found.append(CellRun(folder.name, seed, factors, folder))
    return [*found, CellRun("to-come", 99, {"arena": "sales", "extra": 1}, runs / "to-come")]


def of(kind, run) -> list[Any]:
    return [event for event in read_events(run) if isinstance(event, kind)]


def said(kind, **fields):
    """Return an event of a message in contest ``evaluate/1/rft/a``."""
    slot = fields.setdefault("slot", 0)
    common = {
        "contest": "evaluate/1/rft/a",
        "message": f"evaluate/1/rft/a/{slot}",
        "anchor": "a",
        "adapter": "",
        "step": 0,
    }
    return kind(**common | fields)


@pytest.fixture
def small(tmp_path):
    """A run with what the golden ones have not: a rejected message, posts and answers that cannot be read."""
    reply = LLMReplied(
        key="k", site="s", model="m", adapter="", template="", refs=[], prompt="", text="t", finish="length", tokens_in=9,
        tokens_out=7, temperature=1.0, top_p=1.0, max_tokens=9, seed=1,
    )  # fmt: skip
    with create(tmp_path / "small", {"seed": 3}) as log:
        log.append([
            StepStarted(step=0, phase="evaluate", epoch=1, arm="rft"),
            reply,
            said(MessagePublished, competitor="base", thinking="", text="One two  three.", cause=1),
            said(MessageRejected, competitor="rft", slot=1, reason="no tag", attempt=3, cause=1),
            ContestOpened(step=0, contest="evaluate/1/rft/a", anchor="a", messages=["evaluate/1/rft/a/0"]),
            ContestDecided(step=0, contest="evaluate/1/rft/a", votes=[0, 0], abstained=0, invalid=0, outcome="forfeit", winner=0, ties="skip"),
            FeedOpened(step=0, messages=["evaluate/1/rft/a/0"], topics=b""),
            MembersPosted(step=0, round=0, messages=["evaluate/1/rft/a/said/4.0.0"], personas=pack([4], Int32s),
                          items=pack([0], Int16s), kinds=["reply"], texts=["No."], topics=b""),
            Engaged(step=0, round=1, action="like", members=pack([5, 6], Int32s), items=pack([1, 0], Int16s)),
            ReactionInvalid(step=0, contest="evaluate/1/rft/a", persona=8, order=[0], raw="?"),
            FeedAnswerInvalid(step=0, round=1, persona=9, why="no JSON", raw="?"),
            TiesFormed(step=0, why="follow", sources=pack([5], Int32s), targets=pack([-2], Int32s)),
            TiesCut(step=0, why="unfollow", sources=pack([6], Int32s), targets=pack([5], Int32s)),
            TiesCut(step=0, why="churn", sources=pack([7], Int32s), targets=pack([5], Int32s)),
        ])  # fmt: skip
    return tmp_path / "small"


class TestCodebook:
    """Every column of every frame has its line, and every line its column."""

    @pytest.mark.parametrize("name", [*NAMES, *RUN_KINDS])
    def test_frames_have_the_columns_that_it_names(self, networked, name):
        """In its order and with its types, whether or not anything of it happened."""
        frame = of_run(networked, name)
        told = [(column["name"], column["dtype"]) for column in codebook(name)[name]]
        assert [(column, str(dtype)) for column, dtype in frame.collect_schema().items()] == told
        assert frame.collect().schema == frame.collect_schema()

    @pytest.mark.parametrize("name", NAMES)
    def test_every_column_is_explained(self, name):
        """In words, and by an event that there is; numbers that measure something have a unit."""
        for column in columns_of(name):
            assert len(column.meaning) > 8 and "|" not in column.meaning, column
            for kind, _, field in (part.partition(".") for part in column.source.split(", ")):
                assert kind in KINDS, column
                assert not field or field in KINDS[kind].__struct_fields__, column
        counts = {
            "votes",
            "abstained",
            "invalid",
            "messages",
            "words",
            "tokens",
            "rows",
            "steps",
            "cut",
            "loss_after",
            "at",
        }
        assert [c.name for c in columns_of(name) if c.name in counts and not c.unit] == []

    def test_fields_of_events_have_their_docstrings(self):
        """Those of every event, too."""
        columns = {column["name"]: column["meaning"] for column in codebook("feed_served")["feed_served"]}
        assert columns["ranks"] == "Place in that member's feed, from 0."
        assert columns["cause"].startswith("`seq` of the parent event")

    def test_the_reference_has_all_of_it(self, tmp_path):
        """The page of the documentation is the codebook as it is written beside frames."""
        written = write_codebook({name: columns_of(name) for name in NAMES}, tmp_path / "codebook.md").read_text(
            "utf-8"
        )
        page = (Path(__file__).parents[2] / "docs" / "reference" / "codebook.md").read_text("utf-8")
        assert page.endswith("\n" + written)

    def test_there_is_one_for_all(self, networked):
        """From a run, and without one; another name says what there is."""
        assert set(codebook()) == set(NAMES)
        assert moloch.open_run(networked).codebook("votes") == {"votes": codebook()["votes"]}
        for look in (codebook, lambda name: of_run(networked, name), lambda name: of_cells([], name)):
            with pytest.raises(InputError, match=r"no frame 'vote'.*contests, votes.*adapter_trained"):
                look("vote")


class TestOfRun:
    """Rows are what the events say."""

    @pytest.mark.system
    @pytest.mark.parametrize("name", HOLD)
    def test_files_and_the_log_give_the_same(self, runs, tmp_path, monkeypatch, name):
        """Parquet of a run that has ended, and the same log where no file can be written."""
        for run in sorted(runs.iterdir()):
            projected = of_run(run, name).collect()
            assert len(projected) and list(run.glob("*/*.parquet"))
            copy = tmp_path / run.name
            shutil.copytree(run, copy, ignore=shutil.ignore_patterns("*.parquet"))
            with monkeypatch.context() as patch:
                patch.setattr("abm.log.projection.write", lambda *args: (_ for _ in ()).throw(OSError(28, "full")))
                assert of_run(copy, name).collect().equals(projected)
            assert not list(copy.glob("*/*.parquet"))

    @pytest.mark.parametrize("name", [name for name in HOLD if name != "writing"])
    def test_a_fork_begins_with_what_it_shares(self, networked, name):
        """Its frames hold the rows of the shared events, and then its own."""
        fork = networked.parent.parent / f"fork-{name}"
        shared = of_run(networked, name).collect()
        point = fork_point(networked, 9, fork)
        with create(fork, {"seed": 1}, fork=point) as log:
            log.append([StepStarted(step=99, phase="evaluate", epoch=2, arm="tfb")])
        frame = of_run(fork, name).collect()
        assert 0 < len(frame) <= len(shared)
        assert frame.equals(shared.filter(pl.col("seq") < point.seq))

    def test_a_forks_messages_are_measured_with_those_that_it_shares(self, networked):
        """What was written before the fork is in its measures, and nothing that its parent wrote after it."""
        point = fork_point(networked, 9, fork := networked.parent.parent / "fork-writing")
        with create(fork, {"seed": 1}, fork=point) as log:
            log.append([StepStarted(step=99, phase="evaluate", epoch=2, arm="tfb")])
        measured = MessageReading()
        for event in islice(read_events(networked), point.seq):
            measured.take(event)
        rows = of_run(fork, "writing").collect()
        assert 0 < len(rows) < len(of_run(networked, "writing").collect())
        assert rows["words"].to_list() == [each.words for each in measured.result().values()]

    @pytest.mark.system
    def test_contests(self, runs):
        """Who wrote, how it was decided, and which slots are whose: as the tables of an evaluation have it."""
        for run in runs.iterdir():
            frame = of_run(run, "contests").collect()
            opened, decided = of(ContestOpened, run), of(ContestDecided, run)
            assert frame["contest"].to_list() == [event.contest for event in opened]
            by_contest = {event.contest: event for event in decided}
            book = result_of(read_events(run), Book()).contests
            for row in frame.iter_rows(named=True):
                event, contest = by_contest[row["contest"]], book[row["contest"]]
                assert (row["votes"], row["outcome"], row["winner"]) == (event.votes, event.outcome, event.winner)
                assert row["decided"] == event.seq
                wrote = [contest.messages[slot] for slot in sorted(contest.messages)]
                assert row["competitors"] == [message.competitor for message in wrote]
                assert row["rejected"] == sum(bool(message.rejected) for message in wrote)
                assert (row["phase"], row["epoch"], row["arm"]) == (
                    contest.step.phase,
                    contest.step.epoch,
                    contest.step.arm,
                )
                for who, name in (("base", "base"), ("arm", row["arm"])):
                    slots = [message.slot for message in wrote if message.competitor == name]
                    assert row[f"{who}_slot"] == (slots[0] if len(slots) == 1 else None)
                    assert row[f"{who}_votes"] == (event.votes[slots[0]] if len(slots) == 1 else None)
                won = row["arm_slot"] == event.winner if event.winner >= 0 and row["arm_slot"] is not None else None
                assert row["arm_won"] is won
            evaluated = frame.filter(phase="evaluate")
            assert evaluated["contest"].to_list() == [
                each.contest for each in read_evaluation(read_events(run)).contests
            ]

    def test_a_contest_that_goes_on_and_a_forfeit(self, small):
        """Nothing is made up for what has not happened."""
        with create(small.parent / "open", {}) as log:
            log.append([ContestOpened(step=0, contest="train/1/shared/b", anchor="b", messages=["x", "y"])])
        row = of_run(small.parent / "open", "contests").collect().row(0, named=True)
        assert row["messages"] == 2 and row["rejected"] == 0 and row["decided"] is None and row["arm_won"] is None
        row = of_run(small, "contests").collect().row(0, named=True)
        assert (row["messages"], row["rejected"], row["outcome"], row["arm_won"]) == (1, 1, "forfeit", False)

    def test_votes_name_whose_copies_members_are(self, networked):
        """By content id, as votes are clustered in the tables."""
        originals, ids = Originals(), {}
        for event in of((PersonasJoined, CrowdJoined), networked):
            originals.take(event)
            ids |= dict(enumerate(event.ids, event.first)) if isinstance(event, PersonasJoined) else {}
        votes = of_run(networked, "votes").collect()
        run = read_manifest(networked).genesis[:16]
        expected = [ids.get(each, f"{run}/{each}") for each in originals.of(votes["persona"].to_numpy()).tolist()]
        assert votes["origin"].to_list() == expected
        assert votes["first"].to_list() == [event.order[0] for event in of(Reacted, networked)]

    def test_members_of_a_crowd_are_those_they_were_drawn_from(self, tmp_path):
        """And a log that names somebody who has not joined is no log of ours."""
        people = PersonasJoined(split="train", first=0, ids=["p", "q", "p2"], names=["P", "Q", "P #2"], texts=["", "", ""],
                                traits={}, originals=pack([0, 1, 0], Int32s))  # fmt: skip
        drawn = CrowdJoined(split="train", first=3, size=2, origin="drawn", traits={}, originals=pack([1, 0], Int32s))
        unknown = CrowdJoined(split="train", first=5, size=1, origin="file", traits={})
        vote = reacted_many(
            "train/1/shared/a", np.arange(6), np.zeros((6, 1), np.int8), np.zeros(6, np.int8), step=0, cause=0
        )
        with create(tmp_path / "run", {}) as log:
            log.append([people, drawn, unknown, vote])
        origin = of_run(tmp_path / "run", "votes").collect()["origin"].to_list()
        assert origin == ["p", "q", "p", "q", "p", f"{read_manifest(tmp_path / 'run').genesis[:16]}/5"]
        lost = CrowdJoined(split="train", first=0, size=1, origin="drawn", traits={}, originals=pack([9], Int32s))
        with create(tmp_path / "edited", {}) as log:
            log.append([lost, vote])
        assert of_run(tmp_path / "edited", "votes").select("choice").collect().height == 6
        with pytest.raises(CorruptLog, match="copies of people who are not there"):
            of_run(tmp_path / "edited", "votes").collect()

    def test_members_of_unknown_origin_are_other_people_in_another_run(self, tmp_path):
        """In logs of release 0.1, whose crowds do not say whom they are like: equal numbers are not equal people, but for those of a fork."""
        crowd = CrowdJoined(split="train", first=0, size=2, origin="drawn", traits={})
        vote = reacted_many(
            "train/1/shared/a", np.arange(2), np.zeros((2, 1), np.int8), np.zeros(2, np.int8), step=0, cause=0
        )
        head = Head(0, "")
        for name, seed in (("again", 1), ("other", 2), ("one", 1)):
            with create(tmp_path / name, {"seed": seed}) as log:
                head = log.append([crowd])
                log.append([vote])
        pointer = Fork("../one", head.seq, head.hash)
        with create(tmp_path / "fork", {"seed": 3}, fork=pointer) as log:
            log.append([vote])

        def people(name):
            return set(of_run(tmp_path / name, "votes").collect()["origin"])

        assert len(people("one") | people("other")) == 4
        assert people("one") == people("again") == people("fork")

    def test_messages(self, networked, small):
        """Published and rejected ones, in the order of the log, with what their completion cost."""
        frame = of_run(networked, "messages").collect()
        replies = {event.seq: event for event in of(LLMReplied, networked)}
        published = of(MessagePublished, networked)
        assert frame["text"].to_list() == [event.text for event in published]
        assert frame["tokens"].to_list() == [replies[event.cause].tokens_out for event in published]
        assert frame["words"].to_list() == [len(event.text.split()) for event in published]
        assert frame["rejected"].null_count() == len(frame)
        frame = of_run(small, "messages").collect()
        columns = [
            "message",
            "competitor",
            "text",
            "rejected",
            "attempt",
            "words",
            "tokens",
            "finish",
            "phase",
            "epoch",
            "arm",
        ]
        assert frame.select(columns).rows() == [
            ("evaluate/1/rft/a/0", "base", "One two  three.", None, 1, 3, 7, "length", "evaluate", 1, "rft"),
            ("evaluate/1/rft/a/1", "rft", None, "no tag", 3, None, 7, "length", "evaluate", 1, "rft"),
        ]

    def test_verdicts(self, runs):
        """With the place of their message, its author, and what kind of thing the probe watches."""
        for run in runs.iterdir():
            frame = of_run(run, "verdicts").collect()
            given, authors = of(VerdictGiven, run), {m.message: m.competitor for m in of(MessagePublished, run)}
            assert frame["label"].to_list() == [event.label for event in given]
            assert frame["competitor"].to_list() == [authors[event.message] for event in given]
            assert frame["kind"].to_list() == [kind_of(event.probe) for event in given]
            assert frame.select(pl.format("{}/{}", "contest", "slot")).to_series().to_list() == [
                e.message for e in given
            ]
            assert (
                frame.select(pl.format("{}/{}/{}/{}", "phase", "epoch", "arm", "anchor")).to_series().to_list()
                == frame["contest"].to_list()
            )

    def test_training(self, networked):
        """One row per adapter; its seed is not taken for the run's."""
        frame, trained = of_run(networked, "training").collect(), of(AdapterTrained, networked)
        assert frame["training_seed"].to_list() == [event.seed for event in trained] and len(trained) == 6
        assert frame["loss_after"].to_list() == [event.loss_after for event in trained]
        assert [json.loads(text) for text in frame["settings"]] == [event.settings for event in trained]

    def test_reactions(self, networked):
        """All that members do: as many rows as the events have members."""
        frame = of_run(networked, "reactions").collect()
        expected = Counter(event.action for event in of(Engaged, networked) for _ in unpack(event.members, Int32s))
        expected += Counter("vote" if event.choice >= 0 else "abstain" for event in of(Reacted, networked))
        formed = [event for event in of(TiesFormed, networked) if event.why == "follow"]
        expected += Counter("follow" for event in formed for _ in unpack(event.sources, Int32s))
        assert Counter(frame["kind"]) == expected
        steps = {event.step: (event.phase, event.epoch, event.arm) for event in of(StepStarted, networked)}
        assert all(steps[row[0]] == row[1:] for row in frame.select("step", "phase", "epoch", "arm").rows())
        messages = {event.message for event in of(MessagePublished, networked)}
        told = frame.drop_nulls("message")
        assert set(told["message"]) <= messages
        assert told.select(pl.format("{}/{}", "contest", "slot")).to_series().equals(told["message"], check_names=False)

    def test_reactions_to_what_members_wrote(self, small):
        """It is liked as messages are; it has no slot. What churn does is nobody's doing."""
        frame = of_run(small, "reactions").collect()
        columns = ["kind", "persona", "round", "contest", "message", "slot", "target"]
        contest = "evaluate/1/rft/a"
        assert frame.select(columns).rows() == [
            ("like", 5, 1, contest, f"{contest}/said/4.0.0", None, None),
            ("like", 6, 1, contest, f"{contest}/0", 0, None),
            ("invalid", 8, None, contest, None, None, None),
            ("invalid", 9, 1, None, None, None, None),
            ("follow", 5, None, None, None, None, -2),
            ("unfollow", 6, None, None, None, None, 5),
        ]
        assert set(frame.select("phase", "epoch", "arm").rows()) == {("evaluate", 1, "rft")}
        assert of_run(small, "reactions").filter(kind="invalid").select("persona").collect()["persona"].to_list() == [
            8,
            9,
        ]
        assert of_run(small, "reactions").head(3).collect().equals(frame.head(3))


class TestOfCells:
    """Many runs are one frame, each row with its cell's factors."""

    @pytest.mark.parametrize("name", [*HOLD, "step_started"])
    @pytest.mark.parametrize("engine", ["in-memory", "streaming"])
    def test_rows_are_those_of_the_runs(self, cells, name, engine):
        """In the order of cells, with the same columns, whatever computes it; a cell without a run has none."""
        frame = of_cells(cells, name)
        rows = frame.collect(engine=engine)
        assert rows.schema == frame.collect_schema()
        own = pl.concat([of_run(cell.folder, name).collect() for cell in cells[:-1]])
        assert rows.select(own.columns).equals(own)
        assert rows["cell"].unique(maintain_order=True).to_list() == [cell.cell for cell in cells[:-1]]

    def test_factors_are_columns(self, cells):
        """Of one type each, names in the order of the page; the codebook of the cells names them."""
        frame = of_cells(cells, "contests")
        schema = frame.collect_schema()
        assert {name: schema[name] for name in ("cell", "seed", "arena", "networked", "lr", "n", "extra")} == {
            "cell": pl.String, "seed": pl.Int64, "arena": pl.Enum(["elections", "sales", "social"]), "networked": pl.Boolean,
            "lr": pl.Float64, "n": pl.Int64, "extra": pl.Int64,
        }  # fmt: skip
        told = [(column.name, column.dtype) for column in columns_of_cells(cells, "contests")]
        assert told == [(name, str(dtype)) for name, dtype in schema.items()]
        counts = dict(frame.group_by("arena").len().collect().rows())
        assert counts == {
            arena: sum(1 for c in cells[:-1] if c.factors["arena"] == arena for _ in of(ContestOpened, c.folder))
            for arena in counts
        }

    def test_a_factor_never_hides_a_column(self, cells):
        """One that is called as a column of the frame gets another name there."""
        named = [CellRun("a", 1, {"method": "x", "seed": 2}, cells[0].folder)]
        frame = of_cells(named, "training").select("method", "factor_method", "seed", "factor_seed").collect()
        assert set(frame["method"]) > {"rft"} and frame.select(
            "factor_method", "seed", "factor_seed"
        ).unique().rows() == [("x", 1, 2)]

    def test_levels_of_different_kinds_are_text(self, cells):
        """As the page writes them."""
        mixed = [cell._replace(factors={"size": size}) for cell, size in zip(cells, [1, "auto", 2.5], strict=False)]
        assert of_cells(mixed, "votes").select(pl.col("size").unique(maintain_order=True)).collect()[
            "size"
        ].to_list() == ["1", "auto", "2.5"]

    def test_runs_that_cannot_matter_are_not_opened(self, cells, monkeypatch):
        """A question about some levels reads the runs of these; the first rows need the first run."""
        opened = []
        monkeypatch.setattr(
            "analysis.frames._cells.of_run", lambda run, name: opened.append(run.name) or of_run(run, name)
        )
        votes = of_cells(cells, "votes").filter((pl.col("arena") == "social") & pl.col("networked")).collect()
        assert opened == ["social-networked"] and set(votes["arena"]) == {"social"}
        opened.clear()
        assert of_cells(cells, "votes").head(3).collect().height == 3 and opened == ["elections-isolated"]

    @pytest.mark.system
    def test_any_question(self, cells):
        """Conditions on factors and on columns together, with few columns and with all."""
        frame = of_cells(cells, "votes")
        whole = frame.collect()
        for wanted in (
            pl.col("arm") == "rft",
            (pl.col("arena") == "sales") & (pl.col("choice") > 0),
            pl.lit(value=False),
        ):
            for engine in ("in-memory", "streaming"):
                assert frame.filter(wanted).collect(engine=engine).equals(whole.filter(wanted))
                assert (
                    frame.filter(wanted)
                    .select("choice")
                    .collect(engine=engine)
                    .equals(whole.filter(wanted).select("choice"))
                )
        assert frame.select(pl.len()).collect().item() == len(whole)
        assert frame.filter(pl.col("arm") == "rft").head(70).collect().equals(whole.filter(arm="rft").head(70))
        assert frame.tail(5).collect().equals(whole.tail(5))

    def test_what_is_being_written_is_seen(self, tmp_path):
        """A frame is a question: asked again, it has the rows that were appended since."""
        frame = of_cells([CellRun("a", 1, {}, tmp_path / "a")], "votes")
        assert frame.collect().height == 0
        with create(tmp_path / "a", {}) as log:
            for n in (1, 2):
                log.append([Reacted(contest="train/1/shared/a", persona=0, order=[0], choice=0, thought="")])
                assert frame.collect().height == n
            log.append([RunEnded(digest="", seconds=1.0)])
        assert frame.collect().height == 2

    @pytest.mark.parametrize("engine", ["in-memory", "streaming"])
    def test_a_damaged_run_is_one_error(self, cells, tmp_path, engine):
        """That names the file; rows of the others are not taken for the whole."""
        bad = tmp_path / "bad"
        shutil.copytree(cells[0].folder, bad, ignore=shutil.ignore_patterns("*.parquet"))
        (segment,) = (bad / "log").iterdir()
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        segment.chmod(0o644)
        segment.write_bytes(data)
        with pytest.raises(CorruptLog, match="bad/log"):
            of_cells([cells[1], CellRun("bad", 1, {}, bad)], "votes").select("choice").collect(engine=engine)

    def test_no_cells(self):
        """A study of nothing has no rows, and the same columns."""
        assert of_cells([], "votes").collect().columns == [
            "cell",
            "seed",
            *(column.name for column in columns_of("votes")),
        ]


class TestExport:
    """A file, and beside it what it holds."""

    @pytest.mark.parametrize("suffix", ["parquet", "csv"])
    @pytest.mark.parametrize("name", NAMES)
    def test_a_file_and_its_codebook(self, networked, tmp_path, name, suffix):
        """The file has the frame's rows; each of its columns is explained."""
        path = tmp_path / f"{name}.{suffix}"
        beside = export(of_run(networked, name), path, columns_of(name))
        assert beside.name == f"{name}.codebook.json" and json.loads(beside.read_text()) == codebook(name)
        frame = of_run(networked, name).collect()
        if suffix == "parquet":
            assert pl.read_parquet(path).equals(frame)
        else:
            read = pl.read_csv(path)
            assert read.columns == frame.columns and len(read) == len(frame)
            for column in frame.columns:
                if isinstance(frame.schema[column], pl.List) and frame[column].null_count() == 0:
                    assert [json.loads(text) for text in read[column]] == frame[column].to_list()

    def test_another_kind_of_file(self, networked, tmp_path):
        """Is refused before anything is read."""
        with pytest.raises(InputError, match=r"votes\.xlsx"):
            export(of_run(networked, "votes"), tmp_path / "votes.xlsx", columns_of("votes"))
        assert list(tmp_path.iterdir()) == []
