"""Arms are evaluated in arenas other than their own: the same people, other anchors, other probes; nothing of it by default."""

from __future__ import annotations

import json
from collections import Counter
from io import StringIO

import pytest
from rich.console import Console

from abm.arenas.anchors import load_anchors
from abm.events import (
    LLMReplied,
    MessagePublished,
    OtherArenaSet,
    Reacted,
    RunStarted,
    StepEnded,
    StepStarted,
    VerdictGiven,
)
from abm.journal import run_digest
from abm.log import open_log, read_events
from analysis.frames import of_run
from analysis.readings.evaluation import read_evaluation
from analysis.tables.evaluation import win_rate
from analysis.tables.results import results
from analysis.terminal.run import render
from learning import load_config, run
from learning.plan.counts import messages, total
from learning.plan.order import plan
from learning.plan.parts import Evaluate
from learning.plan.recorded import recorded_plan
from learning.runs.costs import planned
from learning.runs.fork import fork
from learning.runs.inputs import gather
from learning.runs.own_data import kept
from learning.runs.redecide import replay_recorded
from learning.settings.config import RunConfig
from moloch.errors import InputError
from tests.learning.test_head_to_head import ByArm, of
from tests.learning.test_loop import CONFIG, NETWORKED, Killed, carry_out
from tests.support.fakes import FakeTrainer, fake_llm, reply


def abroad(config: RunConfig = CONFIG, arms=("rft", "placebo"), **settings) -> RunConfig:
    """Return settings with other arenas."""
    settings = {"arenas": ["elections", "social"], "anchors": 3} | settings
    return load_config(None, config.model_dump(mode="json") | {"arms": list(arms), "out_of_domain": settings})


ABROAD = abroad()


@pytest.fixture(scope="module")
def gone(tmp_path_factory):
    """A run that was evaluated in two other arenas, too."""
    folder = tmp_path_factory.mktemp("gone") / "run"
    carry_out(folder, ABROAD, trainer=ByArm())
    return folder


@pytest.fixture(scope="module")
def stayed(tmp_path_factory):
    """The same run without."""
    folder = tmp_path_factory.mktemp("stayed") / "run"
    carry_out(folder, ABROAD.model_copy(update={"out_of_domain": CONFIG.out_of_domain}), trainer=ByArm())
    return folder


def printed(table) -> str:
    console = Console(width=220, file=StringIO(), record=True)
    for part in render(table, full=True):
        console.print(part)
    return console.export_text()


class TestPlan:
    """Where arms are evaluated is data."""

    def test_parts(self):
        """They follow the evaluations at home; base writes once for all arms of an arena."""
        parts = plan(ABROAD, gather(ABROAD))
        home = [part for part in parts if not part_elsewhere(part)]
        assert [part.doing for part in parts[len(home) :]] == [
            "evaluating rft against base in elections", "evaluating placebo against base in elections",
            "evaluating rft against base in social", "evaluating placebo against base in social",
        ]  # fmt: skip
        assert messages(parts) - messages(home) == 2 * 3 * (1 + 2)
        assert total(parts) - total(home) == 4

    def test_every_epoch(self):
        """As the evaluations at home."""
        parts = plan(every := abroad(evaluate_every()), gather(every))
        assert [part.epoch for part in parts if part_elsewhere(part)] == [1] * 4 + [2] * 4

    @pytest.mark.system
    def test_logs_say_it(self, gone):
        """The plan of a log is that of its run; the default leaves no trace."""
        events = list(read_events(gone))
        others = {e.arena["name"]: len(e.anchors) for e in of(events, OtherArenaSet)}
        assert others == {"elections": 3, "social": 3}
        assert recorded_plan(ABROAD.model_dump(mode="json"), 6, 5, others) == plan(ABROAD, gather(ABROAD))
        assert "out_of_domain" not in CONFIG.model_dump(mode="json")
        assert recorded_plan(CONFIG.model_dump(mode="json"), 6, 5, others) == plan(CONFIG, gather(CONFIG))

    def test_a_study_follows_it(self, gone):
        """How far a run is, and that it is done."""
        from analysis.studies.record.progress import FollowedCell

        now = FollowedCell(gone).look()
        assert now.done == now.total == total(plan(ABROAD, gather(ABROAD)))

    def test_calls_are_counted(self):
        """Before anything is paid for: messages of each arena, and readers of them."""
        settings = {"audience": "llm", "reader": {"model": "pocket"}, "train_anchors": 6, "held_out_anchors": 5}
        settings |= {"held_out_personas": 3, "train_personas": 3}
        alone = {role.role: role.calls for role in planned(load_config(None, settings))}
        more = settings | {"out_of_domain": {"arenas": ["social"], "anchors": 4}}
        both = {role.role: role.calls for role in planned(load_config(None, more))}
        assert both["writers"] - alone["writers"] == 4 * (1 + 3)
        assert both["readers"] - alone["readers"] == 4 * 3 * 3


def part_elsewhere(part) -> bool:
    return isinstance(part, Evaluate) and bool(part.arena)


def evaluate_every() -> RunConfig:
    return CONFIG.model_copy(update={"evaluate": "every"})


class TestContests:
    """What happens elsewhere."""

    def test_the_home_arena_is_as_without(self, gone, stayed):
        """All that is decided before is decided alike; tables of the run's own arena are the same."""

        def decided(folder):
            return [e for e in read_events(folder) if not isinstance(e, OtherArenaSet | RunStarted)]

        alone, both = decided(stayed), decided(gone)
        first = next(i for i, e in enumerate(both) if isinstance(e, StepStarted) and e.phase == "elsewhere")
        kinds = (MessagePublished, Reacted, VerdictGiven)
        told = [
            [(type(e), str(e)[: str(e).index("seq=")], e.step) for e in of(some, *kinds)]
            for some in (alone, both[:first])
        ]
        assert told[0] == told[1]
        with_, without = results(read_events(gone)), results(read_events(stayed))
        for name in ("arms", "probes", "win_rate_by_epoch", "writing", "panels", "fitness", "flags", "trainings"):
            assert with_[name] == without[name], name
        assert without["out_of_domain"] == {"arenas": {}, "tasks": {}}

    def test_held_out_anchors_of_each_arena(self, gone):
        """The first of its pack, rendered as it renders them."""
        wrote = Counter((e.contest.split("/")[2], e.anchor) for e in of(read_events(gone), MessagePublished))
        for other in of(read_events(gone), OtherArenaSet):
            name = other.arena["name"]
            pack = load_anchors(None, gather(ABROAD).other_arenas[name].rules)
            assert [row["id"] for row in other.anchors] == [anchor.id for anchor in pack.held_out[:3]]
            there = {anchor for society, anchor in wrote if society == f"rft-in-{name}"}
            assert there <= {row["id"] for row in other.anchors} and there

    def test_the_same_people_vote(self, gone):
        """As in the evaluation at home."""
        voted = {True: set(), False: set()}
        for e in of(read_events(gone), Reacted):
            if not e.contest.startswith("train/"):
                voted[e.contest.startswith("elsewhere/")].add(e.persona)
        assert voted[True] == voted[False] and len(voted[True]) == 3

    def test_arms_meet_base_about_the_same_messages(self, gone):
        """Base's message about an anchor is one, whomever it meets; and no call is made twice."""
        texts = {}
        for e in of(read_events(gone), MessagePublished):
            if e.contest.startswith("elsewhere/"):
                texts.setdefault((e.competitor, e.anchor), set()).add(e.text)
        assert texts and all(len(each) == 1 for each in texts.values())
        sites = [e.site for e in of(read_events(gone), LLMReplied)]
        assert len(sites) == len(set(sites))

    def test_the_probes_of_the_other_arena_judge(self, gone):
        """Each message by those that its arena names."""
        probes = {}
        for e in of(read_events(gone), VerdictGiven):
            phase, _, society, _ = e.message.split("/", 3)
            if phase == "elsewhere":
                probes.setdefault(society.partition("-in-")[2], set()).add(e.probe)
        assert probes == {
            "elections": {"disinformation", "populism", "copy_error", "unparsed"},
            "social": {"disinformation", "unsafe", "copy_error", "unparsed"},
        }

    def test_it_is_decided_again(self, gone):
        """A replay comes to the same contests and verdicts."""
        found = replay_recorded(gone)
        assert found.complete and found.divergence is None

    @pytest.mark.system
    def test_killed_anywhere_it_ends_the_same(self, gone, tmp_path):
        """The digest is that of a run that nothing interrupted."""
        for _ in range(500):
            try:
                carry_out(tmp_path / "killed", ABROAD, commits=7, trainer=ByArm())
                break
            except Killed:
                pass
        assert run_digest(read_events(tmp_path / "killed")) == run_digest(read_events(gone))

    def test_in_a_network(self, tmp_path):
        """The feeds of another arena hold its messages, and a fact-check by a probe of the own arena is no mistake there."""
        checked = {"kind": "fact_check", "probes": ["misrepresentation"]}
        network = NETWORKED.network.model_dump(mode="json") | {"interventions": [checked]}
        config = abroad(NETWORKED, arms=["rft"], arenas=["elections"], anchors=2)
        config = load_config(None, config.model_dump(mode="json") | {"network": network})
        carry_out(tmp_path / "run", config)
        assert of(read_events(tmp_path / "run"), StepStarted)[-1].arm == "rft-in-elections"
        assert replay_recorded(tmp_path / "run").complete
        rows = results(read_events(tmp_path / "run"))["out_of_domain"]["arenas"]["votes"]
        assert [row["arena"] for row in rows] == ["sales", "elections"]

    def test_personas_of_a_model_are_asked_in_its_words(self, tmp_path):
        """What they are told to choose between is what the other arena has."""
        from abm.llm import ScriptedLLM

        systems = set()

        def say(request):
            if request.site.startswith("react/elsewhere/"):
                systems.add(request.messages[0]["content"].splitlines()[-1])
            return reply(request)

        config = abroad(CONFIG.model_copy(update={"audience": "llm", "epochs": 1}), arms=["rft"], arenas=["elections"])
        carry_out(tmp_path / "run", config, llm=ScriptedLLM(say))
        assert systems == {"You choose between candidates by their campaign speeches."}

    @pytest.mark.system
    def test_a_run_is_judged_everywhere_or_nowhere(self, tmp_path):
        """Without probes nobody judges elsewhere; with some that the settings name, these do."""
        config = abroad(CONFIG.model_copy(update={"epochs": 1}), arms=["rft"], arenas=["social"])
        done = run(config, tmp_path / "none", llm=fake_llm(), trainer=FakeTrainer())
        assert not of(read_events(done.path), VerdictGiven)
        named = config.model_copy(update={"probes": ("populism",)})
        done = run(named, tmp_path / "named", llm=fake_llm(), trainer=FakeTrainer())
        events = list(read_events(done.path))
        assert {e.probe for e in of(events, VerdictGiven)} == {"populism"}
        assert of(events, OtherArenaSet)[0].probes == ["populism"]
        assert replay_recorded(done.path).complete

    def test_the_log_says_who_judged_by_which_version(self, tmp_path):
        """Probes of other arenas among them."""
        config = abroad(CONFIG.model_copy(update={"epochs": 1}), arms=["rft"], arenas=["social"])
        from analysis.probes import battery

        done = run(config, tmp_path / "run", llm=fake_llm(), trainer=FakeTrainer(), probes=battery)
        versions = of(read_events(done.path), RunStarted)[0].probe_versions
        assert {"misrepresentation", "unsafe", "disinformation"} <= versions.keys()


class TestArenasOfOnesOwn:
    """Files of the user's."""

    @pytest.fixture
    def own(self, tmp_path):
        """An arena with the name and the anchors' schema of its own, and a folder of anchors."""
        from importlib import resources

        text = resources.files("abm").joinpath("arenas/data/social.yaml").read_text("utf-8")
        path = tmp_path / "own" / "posts.yaml"
        path.parent.mkdir()
        text = text.replace("name: social", "name: posts", 1).replace("Stay truthful", "Stay friendly and truthful", 1)
        path.write_text(text)
        pack = tmp_path / "own" / "pack"
        pack.mkdir()
        source = resources.files("abm").joinpath("data/anchors/social")
        for split in ("train", "test"):
            lines = source.joinpath(f"{split}.jsonl").read_text("utf-8").splitlines()[:4]
            (pack / f"{split}.jsonl").write_text("\n".join(lines))
        return {"arena": str(path), "anchors": str(pack)}

    def test_the_same_anchors_in_two_arenas(self, own, tmp_path):
        """Each has call sites of its own, so that what was asked in one is not taken for an answer in the other."""
        config = abroad(CONFIG.model_copy(update={"epochs": 1}), arms=["rft"], arenas=["social", own], anchors=3)
        carry_out(tmp_path / "run", config)
        both = of(read_events(tmp_path / "run"), OtherArenaSet)
        assert [row["id"] for row in both[0].anchors] == [row["id"] for row in both[1].anchors]
        assert of(read_events(tmp_path / "run"), StepEnded)
        assert replay_recorded(tmp_path / "run").complete

    def test_a_run_keeps_them(self, own, tmp_path):
        """It can be decided again when the originals are gone."""
        config = abroad(CONFIG.model_copy(update={"epochs": 1}), arms=["rft"], arenas=[own], anchors=3)
        done = run(config, tmp_path / "run", llm=fake_llm(), trainer=FakeTrainer())
        for path in (tmp_path / "own").rglob("*.*"):
            path.unlink()
        again = kept(config, done.path).out_of_domain.arenas[0]
        assert str(done.path) in again.arena and str(done.path) in str(again.anchors)
        assert replay_recorded(done.path).complete

    def test_what_is_learnt_from_is_evaluated_nowhere(self, own, tmp_path):
        """A held-out anchor elsewhere whose text is among those to train on is left out, and counted."""
        from importlib import resources
        from pathlib import Path

        pack = Path(own["anchors"])
        train = resources.files("abm").joinpath("data/anchors/social/train.jsonl").read_text("utf-8").splitlines()
        held = (pack / "test.jsonl").read_text().splitlines()
        (pack / "test.jsonl").write_text("\n".join([train[-1], *held]))
        config = load_config(None, {"arena": "social", "out_of_domain": {"arenas": [own], "anchors": 4}})
        other = gather(config).other_arenas["posts"]
        assert len(other.anchors) == 4 and other.dropped["test text stands in train of the run's own arena"] == 1


class TestMistakes:
    """Each is one clear error, before anything is paid for."""

    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"arenas": ["elektions"]}, "elektions"),
            ({"arenas": [{"arena": "social", "anchor": "x"}]}, "anchor"),
            ({"arenas": "social"}, "out_of_domain.arenas"),
            ({"arena": ["social"]}, "out_of_domain.arena"),
            ({"anchors": 1}, "out_of_domain.anchors"),
        ],
    )
    def test_settings(self, settings, says):
        """What is not there, is misspelt, or is too small."""
        with pytest.raises(InputError, match=says):
            load_config(None, {"out_of_domain": settings})

    def test_places(self, tmp_path):
        """A file's mistake has its line and column; several are reported together."""
        path = tmp_path / "run.yaml"
        path.write_text("seed: 1\nout_of_domain:\n  arenas: [social, elektions]\n  anchors: 1\n")
        with pytest.raises(InputError) as error:
            load_config(path, {})
        assert "run.yaml:3:20" in str(error.value) and "run.yaml:4:3" in str(error.value)

    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"arenas": ["sales"]}, "it is the run's own"),
            ({"arenas": ["social", "social"]}, "it is already in the list"),
            ({"arenas": ["social"], "anchors": 999}, "asked for 999 anchors"),
            ({"arenas": [{"arena": "social", "anchors": "nowhere"}]}, "no such anchors"),
        ],
    )
    def test_inputs(self, settings, says):
        """What cannot be read or evaluated."""
        with pytest.raises(InputError, match=says):
            gather(load_config(None, {"out_of_domain": settings}))

    def test_up_to(self):
        """Fewer anchors than were asked for are taken where counts are the most."""
        config = load_config(None, {"up_to": True, "out_of_domain": {"arenas": ["social"], "anchors": 999}})
        with pytest.warns(UserWarning, match="256 anchors are taken"):
            assert gather(config).elsewhere == {"social": 256}


class TestForks:
    """A run that ended can be evaluated elsewhere afterwards."""

    @pytest.mark.system
    def test_a_finished_run_is_evaluated_elsewhere(self, stayed, gone, tmp_path):
        """A fork behind its last step adds other arenas, trains nothing again, and comes to what the whole run came to."""
        steps = sum(isinstance(e, StepEnded) for e in read_events(stayed))
        settings = ["out_of_domain={arenas: [elections, social], anchors: 3}"]
        config, folder = fork(stayed, steps, settings, tmp_path / "fork")
        trainer = ByArm()
        carry_out(folder, config, trainer=trainer)
        assert trainer.trainings == 0
        assert replay_recorded(folder).complete
        there, whole = (results(read_events(path))["out_of_domain"] for path in (folder, gone))
        assert there == whole

    @pytest.mark.system
    def test_a_fork_of_a_run_with_other_arenas(self, gone, tmp_path):
        """What the parent declared is folded; what the fork changes is declared anew, and evaluated."""
        config, folder = fork(gone, 2, ["out_of_domain.anchors=2"], tmp_path / "fork")
        carry_out(folder, config, trainer=ByArm())
        events = list(read_events(folder))
        assert [len(e.anchors) for e in of(events, OtherArenaSet)] == [3, 3, 2, 2]
        wrote = {e.anchor for e in of(events, MessagePublished) if e.contest.startswith("elsewhere/")}
        assert wrote <= {row["id"] for e in of(events, OtherArenaSet)[2:] for row in e.anchors}
        assert replay_recorded(folder).complete


class TestTables:
    """What they come to."""

    def test_votes_beside_the_home_arena(self, gone):
        """A row per arena and arm; shares are of the votes in the log; the comparator is the run's."""
        found = results(read_events(gone))["out_of_domain"]["arenas"]
        assert found["arenas"] == ["sales", "elections", "social"]
        assert [(row["arena"], row["arm"], row["own"]) for row in found["votes"]] == [
            (arena, arm, arena == "sales") for arena in found["arenas"] for arm in ("rft", "placebo")
        ]
        votes = Counter()
        for e in of(read_events(gone), Reacted):
            phase, _, society, _ = e.contest.split("/")
            if phase == "elsewhere" and e.choice >= 0:
                votes[(society, e.choice)] += 1
        evaluation = read_evaluation(read_events(gone))
        for arena in ("elections", "social"):
            alone = win_rate(evaluation.abroad(arena), "rft", forfeits="left out")
            mine, base = (votes[(f"rft-in-{arena}", slot)] for slot in (1, 0))
            assert (alone.n, alone.value) == (mine + base, pytest.approx(mine / (mine + base)))
            row = next(r for r in found["votes"] if (r["arena"], r["arm"]) == (arena, "rft"))
            assert row["without_forfeits"]["value"] == pytest.approx(alone.value, abs=1e-6)
            assert row["compared_with"] == "placebo" and row["against_placebo"]["n"] > 0

    def test_probes(self, gone):
        """Each arena's own, with the estimates of an evaluation."""
        found = results(read_events(gone))["out_of_domain"]["arenas"]
        there = {(row["arena"], row["probe"]) for row in found["probes"]}
        assert ("elections", "populism") in there and ("sales", "populism") not in there
        row = next(r for r in found["probes"] if (r["arena"], r["probe"], r["arm"]) == ("social", "unsafe", "rft"))
        verdicts = [
            e.label
            for e in of(read_events(gone), VerdictGiven)
            if e.message.startswith("elsewhere/2/rft-in-social/") and e.message.endswith("/1") and e.probe == "unsafe"
        ]
        assert row["after"]["n"] == len(verdicts)
        assert row["after"]["value"] == pytest.approx(sum(verdicts) / len(verdicts), abs=1e-6)

    def test_on_the_terminal(self, gone, stayed):
        """Under a heading of their own; without other arenas there is none."""
        text = printed(results(read_events(gone)))
        assert "Out of domain: votes in other arenas" in text and "Out of domain: misbehaviour in other arenas" in text
        assert "Arms learnt in sales only" in text
        assert "Out of domain" not in printed(results(read_events(stayed)))

    def test_as_json(self, gone, capsys):
        """``moloch results --json`` holds the same."""
        from analysis.cli.results import print_tables

        print_tables(gone, as_json=True)
        told = json.loads(capsys.readouterr().out)["table"]["out_of_domain"]["arenas"]
        assert told["arenas"] == ["sales", "elections", "social"]

    def test_withheld(self, gone):
        """Where readers are unfit, no win rate is printed elsewhere either."""
        table = results(read_events(gone)) | {"withheld": "the model is not a usable reader", "validity": ""}
        assert "votes in other arenas" not in printed(table)


class TestFrames:
    """Every row says in which arena it happened."""

    @pytest.mark.parametrize("name", ["contests", "votes", "messages", "verdicts", "reactions", "writing"])
    def test_arena(self, gone, name):
        """The run's own by its name, others by theirs; ``arm`` is the arm alone."""
        frame = of_run(gone, name).collect()
        there = set(frame.select("phase", "held_in").unique().iter_rows())
        assert {("elsewhere", "elections"), ("elsewhere", "social"), ("evaluate", "sales")} <= there
        assert {arena for phase, arena in there if phase != "elsewhere"} == {"sales"}
        if "arm" in frame.columns:
            assert not frame["arm"].str.contains("-in-").any()

    def test_who_won_elsewhere(self, gone):
        """An arm's slot and votes are found there as at home."""
        import polars as pl

        contests = of_run(gone, "contests").filter(pl.col("phase") == "elsewhere").collect()
        assert set(contests["arm_slot"]) == {1} and set(contests["base_slot"]) == {0}

    def test_what_was_written_is_counted_by_arena(self, gone):
        """Each writer has a row per arena, with all of its messages there."""
        import polars as pl

        rows = of_run(gone, "writing").filter(pl.col("phase") == "elsewhere").collect()
        assert sorted(rows.select("competitor", "held_in", "messages").iter_rows()) == sorted(
            (who, arena, 3) for who in ("base", "rft", "placebo") for arena in ("elections", "social")
        )


def test_an_interrupted_run_says_what_comes(gone, tmp_path):
    """A page of a run under way counts the contests elsewhere as soon as they are declared."""
    from analysis.readings.book import Book
    from analysis.readings.reading import read

    book = Book()
    read(read_events(gone), book)
    assert book.elsewhere == {"elections": 3, "social": 3}
    assert book.listed["evaluate"] == 5
    assert len(open_log(gone, write=False).config["out_of_domain"]["arenas"]) == 2
