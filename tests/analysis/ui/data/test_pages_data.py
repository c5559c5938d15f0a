"""What pages show of a run is what its log says, in words."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from abm.columns import Int16s, Int32s, unpack
from abm.events import (
    AdapterTrained,
    ContestDecided,
    Engaged,
    FeedOpened,
    LLMReplied,
    MessagePublished,
    MessageRejected,
    OpinionsShifted,
    PersonasJoined,
    Reacted,
    ReactionInvalid,
    RunEnded,
    StepEnded,
    VerdictGiven,
)
from abm.log import create, open_log, read_events
from abm.probe import DIAGNOSTIC
from abm.state.platform import UNIT
from analysis.readings.book import Book
from analysis.readings.evaluation import read_evaluation
from analysis.readings.reading import result_of
from analysis.readings.society import SocietyKey
from analysis.tables.compare import compare
from analysis.tables.evaluation import probe_table, win_rate
from analysis.ui.address import PageAddress
from analysis.ui.data import agents, contests, probes, training
from analysis.ui.data.compare import compared
from analysis.ui.data.film import film, society_choices, society_of, society_options
from analysis.ui.data.head import headline
from analysis.ui.data.life import written_now
from analysis.ui.data.lineage import tree
from analysis.ui.data.persona import find_by_name, find_person
from analysis.ui.data.places import place
from analysis.ui.data.run_list import list_rows, listed
from analysis.ui.data.runs import describe, find_runs, keys, quoted
from analysis.ui.data.society import SocietyReading
from analysis.ui.data.story import read_story
from analysis.ui.data.told import lines, story_rows

JUDGED = Path(__file__).parents[3] / "golden" / "runs" / "elections-isolated"
"""A run in which probes of strategy and probes of skill found something, in different contests."""


def book(run) -> Book:
    return result_of(read_events(run), Book())


class TestBook:
    """One pass keeps what pages ask for again and again."""

    def test_counts(self, isolated):
        """Contests, messages, verdicts, adapters, answers: as many as the log has."""
        events, found = list(read_events(isolated)), book(isolated)
        kinds = Counter(type(event) for event in events)
        messages = [message for contest in found.contests.values() for message in contest.messages.values()]
        assert len(messages) == kinds[MessagePublished] + kinds[MessageRejected]
        assert sum(len(message.verdicts) for message in messages) == kinds[VerdictGiven] > 0
        assert sum(contest.outcome != "" for contest in found.contests.values()) == kinds[ContestDecided]
        assert (found.replies, len(found.adapters), found.seq) == (
            kinds[LLMReplied],
            kinds[AdapterTrained],
            len(events),
        )

    def test_a_contest_of_one_author_tells_its_messages_apart(self, isolated):
        """In training all messages are by one competitor: numbers are added; in evaluation names suffice."""
        found = book(isolated)
        trained = next(c for c in found.contests.values() if c.step.phase == "train" and len(c.messages) == 2)
        evaluated = next(c for c in found.contests.values() if c.step.phase == "evaluate" and len(c.messages) == 2)
        assert len(set(trained.competitors().values())) == 2
        assert list(evaluated.competitors().values()) == ["base", evaluated.step.arm]


class TestRuns:
    """Runs from outside, without reading them."""

    def test_states(self, isolated, tmp_path):
        """Finished, empty, damaged; one that stopped is not said to be running."""
        config = json.loads((isolated / "run.json").read_text())["config"]
        create(tmp_path / "empty", config).close()
        stopped = create(tmp_path / "stopped", config)
        stopped.append(list(read_events(isolated))[:20])
        assert describe("a", tmp_path / "stopped").state == "running"
        stopped.close()
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "run.json").write_text("no")
        states = {path.name: describe("k", path).state for path in find_runs(tmp_path)}
        assert states == {"empty": "empty", "stopped": "stopped", "broken": "damaged"}
        assert describe("k", isolated).state == "ended"

    def test_looking_takes_no_lock(self, isolated, tmp_path):
        """A run can be opened for writing while somebody asks whether it is being written."""
        shutil.copytree(isolated, tmp_path / "run")
        assert not written_now(tmp_path / "run")
        with open_log(tmp_path / "run", write=True):
            assert written_now(tmp_path / "run")

    def test_keys_are_short_and_different(self, tmp_path):
        """Folders of the same name are shown with those above."""
        found = keys([tmp_path / "a" / "s1", tmp_path / "b" / "s1", tmp_path / "c", tmp_path / "c"])
        assert list(found) == ["a/s1", "b/s1", "c"]

    def test_paths_in_commands(self, tmp_path, monkeypatch):
        """A run below the working folder is named from there, and blanks are quoted."""
        monkeypatch.chdir(tmp_path)
        assert quoted(tmp_path / "runs" / "a b") == "'runs/a b'"
        assert quoted(tmp_path.parent / "x").startswith("/")

    def test_rows_and_headline(self, isolated):
        """The list and the header name the run's head, digest and limits."""
        info = describe("isolated", isolated)
        ended = next(event for event in read_events(isolated) if isinstance(event, RunEnded))
        assert (info.head, info.digest) == (open_log(isolated, write=False).head().hash, ended.digest)
        shown = headline(info, book(isolated))
        assert [fact[1] for fact in shown["facts"] if fact[0] == "epochs"] == ["2 of 2"]
        assert "a choice model votes" in shown["note"]
        (row,) = list_rows(listed([info], []), lambda entry: None, now=info.written + 7_300)
        assert (row["url"], row["wins"], row["written"]) == ("/?run=isolated", "…", "2 hours ago")

    def test_what_is_to_come(self, isolated):
        """The header says how much of the plan is done and what comes next; nothing comes after its end."""
        info, events = describe("isolated", isolated), list(read_events(isolated))
        ends = [i for i, event in enumerate(events) if isinstance(event, StepEnded)]

        def facts(events) -> dict[str, str]:
            return {name: text for name, text, _ in headline(info, result_of(events, Book()))["facts"]}

        trained = sum(isinstance(event, AdapterTrained) for event in events)
        planned = len(ends) + trained
        assert facts(events[: ends[0]])["plan"] == f"0 of {planned}"
        begun = facts(events[: ends[0] + 1])
        assert (begun["plan"], begun["to come"]) == (f"1 of {planned}", "epoch 1: shared competes")
        last = facts(events[: ends[-1]])
        assert last["plan"] == f"{planned - 1} of {planned}" and last["to come"].startswith("evaluating ")
        assert facts(events)["plan"] == f"{planned} of {planned}" and "to come" not in facts(events)
        assert "plan" not in facts(events[:1])


class TestPlaces:
    """Where members stand."""

    def test_by_ties(self, networked):
        """The graph's ties, within the split, and a layout that is not kept where it cannot be."""
        found = book(networked)
        joined = [j for j in found.people if j.split == "evaluate"]
        personas = joined[0].first + np.arange(sum(len(j.ids) for j in joined if isinstance(j, PersonasJoined)))
        there = place(found.people, found.header, personas, "evaluate", run=networked / "run.json")  # no folder
        assert len(there.ties) and there.ties.max() < len(personas) and there.note == ""
        assert len(there.names) == len(personas) == len(there.xy)
        assert there.communities is not None and len(there.communities) == len(personas)

    def test_by_traits(self, isolated):
        """Without ties: two traits, in order of rank; others if asked for."""
        found = book(isolated)
        personas = next(j.first for j in found.people if j.split == "evaluate") + np.arange(3)
        there = place(found.people, found.header, personas, "evaluate", across="anger", up="thrift")
        assert "anger (across) and thrift (up)" in there.note
        assert np.abs(there.xy).max() <= 1 and len(set(map(tuple, there.xy.tolist()))) == 3


class TestFilm:
    """Frames as colours."""

    @pytest.mark.parametrize("fill", ["choice", "opinion", "exposure"])
    def test_codes_are_in_the_palette(self, networked, fill):
        """Every member of every frame has a colour."""
        reader = SocietyReading(SocietyKey("evaluate", "rft"))
        for event in read_events(networked):
            reader.take(event)
        assert reader.frames is not None
        found = film(reader.frames, fill, 1)
        assert found.fills.shape == (len(reader.frames), reader.frames.n)
        if fill == "exposure":  # rings would say the same again
            assert found.outlines is None
        else:
            assert found.outlines is not None and found.outlines.shape == found.fills.shape
        assert found.fills.max() < len(found.palette)
        if fill == "opinion":
            assert found.ramp["high"] >= max(np.abs(o).max() for o in reader.frames.opinions)

    def test_choices_name_what_is_there(self, isolated):
        """Every option is a society of the log; an address that names another falls back."""
        found = book(isolated)
        options = dict(society_options(found))
        assert "evaluate/rft/2" in options and "train/tfb/all" in options
        key, choices = society_choices(found, PageAddress(society="evaluate/nobody/7"))
        assert str(key) in options and [choice["name"] for choice in choices] == ["society", "fill", "across", "up"]

    def test_every_step_has_its_society(self, isolated):
        """One that can be chosen and that holds the step; a step that is not there has none."""
        found = book(isolated)
        for step in found.steps:
            key = society_of(found, step.number)
            assert key is not None and str(key) in dict(society_options(found))
            assert step in list(found.of(key.phase, key.arm, key.epoch))
        assert society_of(found, 10**6) is None


class TestPersona:
    """One persona's time in a society."""

    def test_every_reaction_of_it_is_there(self, isolated):
        """Each in its own order, with its thought and choice; none of anybody else."""
        found, key = book(isolated), SocietyKey("evaluate", "rft", 2)
        person = find_person(found, next(j.first for j in found.people if j.split == "evaluate") + 1)
        assert person is not None
        story = read_story(read_events(isolated), found, person, key)
        mine = [
            e for e in read_events(isolated)
            if isinstance(e, Reacted | ReactionInvalid) and e.persona == person.persona and e.contest.startswith("evaluate/2/rft/")
        ]  # fmt: skip
        assert [each.contest for each in story.encounters] == [event.contest for event in mine] != []
        for event, each in zip(mine, story.encounters, strict=True):
            assert [seen.slot for seen in each.seen] == event.order
            assert [seen.letter for seen in each.seen] == ["A", "B"][: len(event.order)]
            if isinstance(event, Reacted):
                assert each.thought == event.thought
                assert [seen.slot for seen in each.seen if seen.chosen] == [event.choice] * (event.choice >= 0)

    def test_feeds_and_opinions(self, networked):
        """What it liked, shared and replied to, and its last opinion of each competitor, are the events'."""
        found, key = book(networked), SocietyKey("evaluate", "rft", 1)
        for persona in range(next(j.first for j in found.people if j.split == "evaluate"), 9):
            person, did, last, items = find_person(found, persona), 0, {}, []
            assert person is not None
            for event in read_events(networked):
                if isinstance(event, FeedOpened):
                    items = event.messages
                if not items or not items[0].startswith("evaluate"):
                    continue
                if isinstance(event, Engaged):
                    did += int((unpack(event.members, Int32s) == persona).sum())
                elif isinstance(event, OpinionsShifted) and event.about == "opinion":
                    for row in np.flatnonzero(unpack(event.members, Int32s) == persona):
                        last[event.slot] = float(unpack(event.values, Int16s)[row]) / UNIT
            story = read_story(read_events(networked), found, person, key)
            seen = [message for each in story.encounters for message in each.seen]
            assert sum(len(message.did) for message in seen) <= did
            ends = {name: line[-1][1] for name, line in story.opinions.items()}
            assert ends == {
                ["base", "rft"][slot]: value for slot, value in last.items() if ["base", "rft"][slot] in ends
            }
            assert all("NaN" not in line["path"] for line in lines(story.opinions, book(networked).config))

    def test_find(self, isolated):
        """By name, by a part of it, by number; nobody is -1."""
        found = book(isolated)
        joined = next(j for j in found.people if j.split == "evaluate" and isinstance(j, PersonasJoined))
        assert find_by_name(found, "evaluate", joined.names[2].upper()) == joined.first + 2
        assert find_by_name(found, "evaluate", str(joined.first + 1)) == joined.first + 1
        assert find_by_name(found, "evaluate", "nobody at all") == find_by_name(found, "evaluate", "") == -1

    def test_rows_show_long_texts_on_demand(self, isolated):
        """A page of a story names each text, so that one of them can be asked for whole."""
        found = book(isolated)
        person = find_person(found, next(j.first for j in found.people if j.split == "evaluate"))
        assert person is not None
        story = read_story(read_events(isolated), found, person, SocietyKey("evaluate", "rft", 2))
        rows = story_rows(story, 0, 2)
        assert len(rows) == 2 and rows[0]["seen"][0]["id"] == f"{rows[0]['contest']}/{story.encounters[0].seen[0].slot}"


class TestContests:
    """The list and one contest."""

    @pytest.mark.parametrize("outcome", ["majority", "tie", "forfeit"])
    def test_filters(self, isolated, outcome):
        """Each filter leaves exactly those that fit, newest first."""
        found = book(isolated)
        listed = contests.listed(found, PageAddress(outcome=outcome))
        assert listed == [c for c in found.contests.values() if c.outcome == outcome][::-1]

    @pytest.mark.parametrize("outcome", ["misbehaved", "miscopied"])
    def test_what_probes_found_filters_by_its_kind(self, outcome):
        """Contests, messages and chips of strategy are apart from those of skill, each as the log's verdicts say."""
        found, of_kind = book(JUDGED), set()
        for event in read_events(JUDGED):
            if isinstance(event, VerdictGiven) and (event.probe in DIAGNOSTIC) == (outcome == "miscopied"):
                of_kind |= {event.message} if event.label == 1 else set()
        address = PageAddress(outcome=outcome)
        listed = contests.listed(found, address)
        assert {c.contest for c in listed} == {message.rpartition("/")[0] for message in of_kind}
        assert 0 < len(listed) < len(contests.listed(found, PageAddress(phase="evaluate")))
        wrote = {
            c.messages[slot].message for arm in ("rft", "placebo") for c, slot in agents.wrote(found, address, arm)
        }
        assert wrote == {
            message for message in of_kind if message.split("/")[2] in ("rft", "placebo") and message.endswith("/1")
        }
        kind = "strategy" if outcome == "misbehaved" else "copying"
        for row in contests.contest_rows(found, listed, address):
            chips = [chip["text"] for chip in row["failed"] if chip["kind"] == kind]
            assert chips and all((chip.split(":")[0] in DIAGNOSTIC) == (kind == "copying") for chip in chips)

    def test_marked_evidence_has_its_kind(self):
        """In a message, what a probe of skill quotes is marked as such, and nothing else is."""
        found = book(JUDGED)
        contest = next(c for c in contests.listed(found, PageAddress(outcome="miscopied")))
        for message in contests.one(found, contest, [], PageAddress())["messages"]:
            slips = {span for v in message["verdicts"] if v["bad"] and v["kind"] == "copying" for span in v["evidence"]}
            marked = {" ".join(message["text"]["pieces"][i][0].split()) for i in message["text"]["slips"]}
            assert marked == slips

    def test_one(self, isolated):
        """Votes, messages, verdicts and reactions are the log's; shares of the bar add up to one."""
        found = book(isolated)
        contest = next(c for c in found.contests.values() if c.outcome == "majority" and c.step.phase == "evaluate")
        shown = contests.one(found, contest, read_events(isolated), PageAddress())
        reacted = [
            e
            for e in read_events(isolated)
            if isinstance(e, Reacted | ReactionInvalid) and e.contest == contest.contest
        ]
        assert [row["persona"] for row in shown["reactions"]] == [event.persona for event in reacted]
        assert [part["count"] for part in shown["votes"]][:2] == [str(votes) for votes in contest.votes]
        assert sum(part["share"] for part in shown["votes"]) == pytest.approx(1)
        assert [message["won"] for message in shown["messages"]] == [
            slot == contest.winner for slot in sorted(contest.messages)
        ]
        assert "won with" in shown["outcome"]


class TestTables:
    """Numbers of pages are those of the analysis."""

    def test_agents(self, isolated):
        """Win rates by arm; every message of an arm once, with what became of it."""
        found, evaluation = book(isolated), read_evaluation(read_events(isolated))
        rows = {row["arm"]: row for row in agents.arm_rows(found, evaluation) if row["arm"]}
        for arm in ("rft", "tfb", "placebo"):
            assert rows[arm]["win"] == f"{100 * win_rate(evaluation, arm).value:.1f} %"
        mine = agents.wrote(found, PageAddress(phase="evaluate"), "rft")
        assert len(mine) == sum(c.step.phase == "evaluate" and c.step.arm == "rft" for c in found.contests.values())
        assert {agents.result(contest, slot) for contest, slot in mine} <= {
            "won",
            "lost",
            "tie",
            "rejected",
            "undecided",
        }

    def test_lineage(self, isolated):
        """From the base model through every epoch."""
        assert [row["name"] for row in agents.lineage_rows(book(isolated), "rft")] == [
            "base model",
            "after epoch 1",
            "after epoch 2",
        ]

    def test_boxes_of_one_epoch_stand_in_one_column(self, isolated):
        """An arm that learns for the first time in the second epoch leaves a column free."""
        found = book(isolated)
        late = msgspec.structs.replace(found.adapters[-1], arm="late", parent="", adapter="a late one")
        found.adapters.append(late)

        def columns(nodes: list[dict[str, Any]], left: int) -> dict[str, int]:
            here = {node["key"]: left + 1 + node["skip"] for node in nodes}
            return here | {k: v for node in nodes for k, v in columns(node["children"], here[node["key"]]).items()}

        placed = columns(tree(found, None, PageAddress(run="r")), -1)
        assert placed["base"] == 0 and placed["rft/1"] == 1 and placed["rft/2"] == placed[f"late/{late.epoch}"] == 2

    def test_training(self, isolated, tmp_path):
        """Losses and data of each adapter; what lies beside it, or that nothing does."""
        found = book(isolated)
        row = training.training_rows(found, isolated)[0]
        trained = found.adapters[0]
        assert (row["adapter"], row["after"], row["files"]) == (
            trained.adapter,
            f"{trained.loss_after:.4f}",
            "not in this run's folder",
        )
        folder = tmp_path / "adapters" / trained.adapter
        folder.mkdir(parents=True)
        (folder / "check.json").write_text('{"model": "m", "logprobs": [-1.0, -2.0]}')
        there = training.training_rows(found, tmp_path)[0]
        assert there["check"] == [["model", "m"], ["logprobs", "2 values, -2 to -1"]] and "check.json" in there["files"]
        (folder / "check.json").write_text("{")
        assert training.training_rows(found, tmp_path)[0]["check"] == [["check.json", "cannot be read"]]

    def test_probes(self, isolated):
        """One row per probe and arm that was judged."""
        evaluation = read_evaluation(read_events(isolated))
        tables = probes.probe_tables(evaluation, probes.epoch_of(evaluation, 0))
        judged = [row for row in probe_table(evaluation) if row.base.n]
        assert sum(len(table["rows"]) for table in tables) == len(judged) > 0
        assert probes.epoch_of(evaluation, 99) == evaluation.epochs[-1]

    def test_every_difference_from_placebo_fits_its_axis(self, isolated):
        """One axis for a table, on which no interval is cut; a row without a placebo has no bar."""
        evaluation = read_evaluation(read_events(isolated))
        placebo = {(row.probe, row.arm): row.placebo for row in probe_table(evaluation)}
        for table in probes.probe_tables(evaluation, 2):
            end = float(table["axis"]) / 100
            for row in table["rows"]:
                found = placebo[row["probe"].replace(" ", "_"), row["arm"]]
                assert (row["bar"] is None) == math.isnan(found.value)
                if row["bar"] is not None:
                    low, high = row["bar"]["low"], row["bar"]["low"] + row["bar"]["width"]
                    assert [found.low, found.high] == pytest.approx(
                        [end * (at / 50 - 1) for at in (low, high)], abs=1e-5
                    )  # six digits

    def test_a_difference_without_an_interval_is_on_its_axis(self, networked, monkeypatch):
        """In one society a value has none; the axis reaches as far as the value."""
        evaluation = read_evaluation(read_events(networked))
        far = [replace(row, placebo=replace(row.placebo, value=0.4)) for row in probe_table(evaluation)]
        assert math.isnan(far[0].placebo.low)
        monkeypatch.setattr(probes, "probe_table", lambda *_, **__: far)
        for table in probes.probe_tables(evaluation, evaluation.epochs[-1]):
            bars = [row["bar"] for row in table["rows"]]
            assert [float(table["axis"]) / 100 * (bar["at"] / 50 - 1) for bar in bars] == pytest.approx(
                [0.4] * len(bars)
            )

    def test_compare(self, networked, other):
        """Settings that differ, the first other decision, and the outcomes of both."""
        shown = compared(compare(networked, other), "A", "B")
        assert ["audience", "default", "neutral"] in shown["settings"]
        assert shown["parting"] is not None and shown["outcomes"]
        assert compared(compare(networked, networked), "A", "A")["said"] == ["Both are the same run."]
