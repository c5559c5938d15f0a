"""Other audiences vote on the held-out messages of a run, which are written and judged once."""

from __future__ import annotations

import pytest

from abm.events import (
    ContestDecided,
    EvaluationAudienceSet,
    LLMReplied,
    MessagePublished,
    Reacted,
    RunStarted,
    StepStarted,
    VerdictGiven,
)
from abm.journal import run_digest
from abm.log import read_events
from analysis.tables.results import results
from learning import load_config, run
from learning.plan.counts import messages, total
from learning.plan.order import plan
from learning.plan.parts import Evaluate
from learning.plan.recorded import recorded_plan
from learning.runs.costs import planned
from learning.runs.fork import fork
from learning.runs.redecide import replay_recorded
from moloch.errors import InputError
from tests.learning.test_head_to_head import ByArm, of
from tests.learning.test_loop import CONFIG, NETWORKED, Killed, carry_out
from tests.support.fakes import fake_llm

SHARP = "name: sharp\ntemperature: 0.01\nweights:\n  numbers: {mean: 5}\n"


def also(*audiences, config=CONFIG, again="", **more):
    """Return settings with evaluation audiences, as they are read from a page.

    Args:
        again: a model that plays the personas once more.
    """
    given = {"again": again} if again else list(audiences)
    values = config.model_dump(mode="json") | {"evaluation_audiences": given} | more
    return load_config(None, values, recorded=True)


VOTED = also("neutral")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A run before its own audience alone."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    carry_out(folder, CONFIG, trainer=ByArm())
    return folder


@pytest.fixture(scope="module")
def voted(tmp_path_factory):
    """The same, before the neutral audience, too."""
    folder = tmp_path_factory.mktemp("voted") / "run"
    carry_out(folder, VOTED, trainer=ByArm())
    return folder


class TestSettings:
    """Who votes is data."""

    def test_short_and_long_form(self):
        """A list names audiences; a mapping gives them names, and settings of their own."""
        listed = load_config(None, {"evaluation_audiences": ["neutral", "http://localhost:8000/v1#Llama-3.1"]})
        assert {name: each.audience for name, each in listed.evaluation_audiences.items()} == {
            "llama_3_1": "http://localhost:8000/v1#Llama-3.1", "neutral": "neutral"
        }  # fmt: skip
        long = load_config(None, {"evaluation_audiences": {"sober": "neutral"}})
        assert long.evaluation_audiences["sober"].audience == "neutral"

    def test_the_runs_own_votes_in_any_case(self):
        """Naming it again adds nothing; the default leaves no trace in records."""
        assert load_config(None, {"evaluation_audiences": ["default"]}) == load_config(None, {})
        assert "evaluation_audiences" not in load_config(None, {}).model_dump(mode="json")

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (["mine.yaml", "other/mine.yaml"], "two audiences would be called 'mine'"),
            ({"a@b": "neutral"}, "a name has lower-case letters"),
            ({"shared": "neutral"}, "reserved"),
            ([{"audience": "neutral"}], "a list holds the names"),
            ({"a": {"audience": "neutral", "size": 3}}, "evaluation_audiences.a.size"),
            (["http://"], "not the URL of a server"),
        ],
    )
    def test_mistakes(self, given, said):
        """Each is said, with its place."""
        with pytest.raises(InputError, match=said):
            load_config(None, {"evaluation_audiences": given})

    def test_a_misspelt_name_is_no_model(self, tmp_path):
        """What is neither audience nor model is refused before anything is written, with what was meant."""
        with pytest.raises(InputError, match="nuetral") as error:
            run(also("nuetral"), tmp_path / "run", llm=fake_llm(), trainer=ByArm())
        assert "neutral" in error.value.fix and not (tmp_path / "run").exists()


class TestPlan:
    """It follows from the settings."""

    def test_parts(self):
        """They follow the evaluations before the run's own audience; they cost contests, not messages."""
        counts = type("Counts", (), {"train_anchors": 6, "held_out_anchors": 5, "elsewhere": {}, "answers": {}})()
        before, after = plan(CONFIG, counts), plan(VOTED, counts)
        new = [part for part in after[len(before) :] if isinstance(part, Evaluate)]
        assert after[: len(before)] == before and len(after) == len(before) + 3
        assert [part.arm for part in new] == ["rft@neutral", "tfb@neutral", "placebo@neutral"]
        assert new[0].doing == "evaluating rft against base, neutral votes"
        assert messages(after) == messages(before) and total(after) == total(before) + 3 * 2

    def test_questionnaires_follow_the_runs_own(self):
        """Nobody is asked again after contests before others."""
        counts = type("Counts", (), {"train_anchors": 6, "held_out_anchors": 5, "elsewhere": {}, "answers": {}})()
        asked = {"surveys": [{"questions": "q.yaml"}], "reader": {"model": "pocket"}}
        parts = [p for p in plan(also("neutral", **asked), counts) if type(p).__name__ == "Survey"]
        assert parts and not [p for p in parts if "@" in p.arm]

    def test_logs_say_it(self):
        """What a log records gives the same plan."""
        assert recorded_plan(VOTED.model_dump(mode="json"), 12, 5)[-1].arm == "placebo@neutral"

    def test_calls_are_counted_apart(self):
        """A language model reads only the contests before it."""
        small = {"train_anchors": 6, "held_out_anchors": 5}
        roles = {role.role: role for role in planned(load_config(None, small | {"evaluation_audiences": ["llm"]}))}
        assert roles["readers (llm)"].calls == 3 * 5 * 20 and "readers" not in roles
        played = small | {"audience": "llm", "evaluation_audiences": {"again": "pocket"}}
        roles = {role.role: role.calls for role in planned(load_config(None, played))}
        alone = {role.role: role.calls for role in planned(load_config(None, small | {"audience": "llm"}))}
        assert roles == alone | {"readers (again)": 3 * 5 * 20}


class TestContests:
    """What happens in them."""

    @pytest.mark.system
    def test_nothing_else_changes(self, voted, alone):
        """Every event before them, and every table of the run's own audience, is that of a run without them."""
        first, second = list(read_events(alone)), list(read_events(voted))

        def told(events):
            return [e.contest for e in of(events, ContestDecided)]

        assert [c for c in told(second) if "@" not in c] == told(first)
        one, other = results(iter(first)), results(iter(second))
        for name in (
            "arms",
            "probes",
            "win_rate_by_epoch",
            "position_bias",
            "writing",
            "panels",
            "positions",
            "invalid_rate",
        ):
            assert one[name] == other[name], name
        assert one["transfer"] == []

    def test_messages_are_written_and_judged_once(self, voted, alone):
        """Each message is the one that the run's own audience read."""
        events = list(read_events(voted))
        assert len(of(events, LLMReplied)) == len(of(read_events(alone), LLMReplied))
        texts: dict[tuple, set] = {}
        for event in of(events, MessagePublished):
            phase, epoch, _, anchor = event.contest.split("/")
            if phase == "evaluate":
                texts.setdefault((epoch, event.competitor, anchor), set()).add(event.text)
        assert texts and all(len(each) == 1 for each in texts.values())
        assert of(events, VerdictGiven) and not [v for v in of(events, VerdictGiven) if "@" in v.message]

    def test_each_vote_names_its_audience(self, voted):
        """In its contest and in its step; how the audience votes is in the log."""
        steps = [e for e in of(read_events(voted), StepStarted) if e.audience]
        assert {(e.arm, e.audience) for e in steps} == {
            (f"{arm}@neutral", "neutral") for arm in ("rft", "tfb", "placebo")
        }
        [said] = of(read_events(voted), EvaluationAudienceSet)
        assert said.audience == "neutral" and said.choice_model["name"] == "neutral" and said.features

    def test_its_own_rule_decides(self, tmp_path):
        """An audience that wants numbers alone chooses the message that has one, whatever the run's own chooses."""
        (tmp_path / "sharp.yaml").write_text(SHARP)
        carry_out(tmp_path / "run", also(str(tmp_path / "sharp.yaml")), trainer=ByArm())
        texts: dict[str, dict[int, str]] = {}
        wrong = 0
        for event in read_events(tmp_path / "run"):
            if isinstance(event, MessagePublished) and "@sharp" in event.contest:
                texts.setdefault(event.contest, {})[event.slot] = event.text
            elif isinstance(event, Reacted) and "@sharp" in event.contest:
                numbers = {slot: "40" in text for slot, text in texts[event.contest].items()}
                wrong += numbers[event.choice] < max(numbers.values())
        assert texts and not wrong

    def test_its_file_is_kept_with_the_run(self, tmp_path):
        """So that the run is decided again where the original is gone."""
        (tmp_path / "sharp.yaml").write_text(SHARP)
        config = also(str(tmp_path / "sharp.yaml"), epochs=1, arms=["rft"])
        done = run(config, tmp_path / "run", llm=fake_llm(), trainer=ByArm())
        [begun] = of(read_events(done.path), RunStarted)
        assert list(begun.inputs) == ["evaluation_audiences.sharp.audience/sharp.yaml"]
        (tmp_path / "sharp.yaml").unlink()
        assert replay_recorded(done.path).complete

    @pytest.mark.system
    def test_a_language_model_plays_it(self, tmp_path):
        """Its calls are its own; a replay needs no model."""
        done = run(also("llm", model="writer"), tmp_path / "run", llm=_both(), trainer=ByArm())
        events = list(read_events(done.path))
        [said] = of(events, EvaluationAudienceSet)
        assert said.audience == "llm" and said.reader and not said.choice_model
        sites = [e.site for e in of(events, LLMReplied) if e.site.startswith("react/")]
        assert sites and all("@llm/" in site for site in sites)
        found = replay_recorded(done.path)
        assert found.complete and found.divergence is None
        row = next(r for r in results(read_events(done.path))["transfer"] if r["audience"] == "llm")
        assert row["reader"] and row["win_rate"]["n"]

    def test_it_is_decided_again(self, voted):
        """Replay comes to the same contests."""
        found = replay_recorded(voted)
        assert found.complete and found.divergence is None

    @pytest.mark.system
    def test_killed_anywhere_it_ends_the_same(self, voted, tmp_path):
        """The digest is that of a run that nothing interrupted."""
        for _ in range(500):
            try:
                carry_out(tmp_path / "killed", VOTED, commits=5, trainer=ByArm())
                break
            except Killed:
                pass
        assert run_digest(read_events(tmp_path / "killed")) == run_digest(read_events(voted))

    def test_in_a_network(self, tmp_path):
        """Its members read the feeds in a society of their own."""
        config = also("neutral", config=NETWORKED)
        carry_out(tmp_path / "run", config, trainer=ByArm())
        assert {e.arm for e in of(read_events(tmp_path / "run"), StepStarted)} >= {"rft", "rft@neutral"}
        assert replay_recorded(tmp_path / "run").complete

    def test_a_fork_adds_one(self, alone, tmp_path):
        """From the end of a run on: the trainings and messages of the parent are shared."""
        steps = [e.step for e in of(read_events(alone), StepStarted)]
        config, folder = fork(alone, max(steps) + 1, ["evaluation_audiences=[neutral]"], tmp_path / "fork")
        carry_out(folder, config, trainer=ByArm())
        assert {r["audience"] for r in results(read_events(folder))["transfer"]} == {"", "neutral"}


class TestTables:
    """What they come to."""

    def test_win_rates_by_audience(self, voted):
        """Each is what was counted; differences are of the same people about the same anchors."""
        rows = {(row["arm"], row["audience"]): row for row in results(read_events(voted))["transfer"]}
        assert list(rows) == [(arm, who) for arm in ("rft", "tfb", "placebo") for who in ("", "neutral")]
        counts: dict[tuple, list[int]] = {}
        for event in of(read_events(voted), Reacted):
            phase, _, society, _ = event.contest.split("/")
            if phase == "evaluate" and event.choice >= 0 and len(event.order) == 2:
                arm, _, who = society.partition("@")
                counts.setdefault((arm, who), []).append(event.choice)
        for key, choices in counts.items():
            found = rows[key]["without_forfeits"]
            assert (found["n"], found["value"]) == (len(choices), pytest.approx(sum(choices) / len(choices), abs=1e-6))
        for arm in ("rft", "tfb", "placebo"):
            less = rows[(arm, "neutral")]["win_rate"]["value"] - rows[(arm, "")]["win_rate"]["value"]
            assert rows[(arm, "neutral")]["difference"]["value"] == pytest.approx(less, abs=2e-6)
            assert rows[(arm, "")]["difference"]["n"] == 0

    def test_on_the_terminal(self, voted):
        """A line per arm and audience."""
        from io import StringIO

        from rich.console import Console

        from analysis.terminal.run import render

        console = Console(width=200, file=StringIO(), record=True)
        for part in render(results(read_events(voted)), full=True):
            console.print(part)
        text = console.export_text()
        assert "before audiences other than the run's" in text and "its own" in text and "neutral" in text

    @pytest.mark.system
    def test_frames(self, voted):
        """A column says who voted; arms are called as they are."""
        from analysis.frames import of_run

        votes = of_run(voted, "votes").collect()
        assert set(votes["audience"]) == {"default", "neutral"} and not votes["arm"].str.contains("@").any()
        others = votes.filter(audience="neutral")
        assert set(others["phase"]) == {"evaluate"} and others["contest"].str.contains("@neutral").all()
        for name in ("contests", "messages", "reactions"):
            frame = of_run(voted, name).collect()
            assert set(frame["audience"]) == {"default", "neutral"} and "rft" in set(frame["arm"]), name
        contests = of_run(voted, "contests").collect().filter(audience="neutral", outcome="majority")
        assert contests["arm_slot"].null_count() == 0

    def test_explanations_are_of_the_runs_own(self, voted, alone):
        """What the votes of others were for is no part of them."""
        from analysis.tables.explained import explained

        assert str(explained([voted], arm="rft").parts) == str(explained([alone], arm="rft").parts)

    def test_so_are_votes_that_a_surrogate_is_fitted_to(self, voted, alone):
        """And those that people's votes are held against."""
        from abm.log import open_log
        from analysis.calibration._calibrate import _votes
        from learning.surrogates.votes import read_votes

        assert len(read_votes(read_events(voted)).choices) == len(read_votes(read_events(alone)).choices)
        assert list(_votes(open_log(voted, write=False))) == list(_votes(open_log(alone, write=False)))

    def test_so_is_what_personas_remember(self, voted):
        """Unless a society before others is asked for by its name."""
        from learning.surveys.surveyed import SurveyedRun

        run = SurveyedRun.read(voted)
        assert [place.arm for place in run.place("evaluate")] == ["rft", "tfb", "placebo"]
        assert [place.arm for place in run.place("evaluate", arms=["rft@neutral"])] == ["rft@neutral"]

    @pytest.mark.system
    def test_strengths_are_of_the_runs_own(self, tmp_path):
        """Votes of others are in no comparison of arms with each other."""
        carry_out(tmp_path / "met", CONFIG.model_copy(update={"head_to_head": "all"}), trainer=ByArm())
        carry_out(tmp_path / "both", also("neutral", head_to_head="all"), trainer=ByArm())
        met, both = (results(read_events(tmp_path / name)) for name in ("met", "both"))
        assert both["head_to_head"] == met["head_to_head"] and met["head_to_head"]["votes"]

    def test_readers_are_looked_at_apart(self, tmp_path):
        """What is known of the run's own readers is what it is without others."""
        played = {
            "config": CONFIG.model_copy(update={"audience": "llm", "model": "writer", "epochs": 1, "arms": ("rft",)})
        }
        run(also(**played), tmp_path / "one", llm=_both(), trainer=ByArm())
        run(also(again=_both().name, **played), tmp_path / "two", llm=_both(), trainer=ByArm())
        one, two = (results(read_events(tmp_path / name)) for name in ("one", "two"))
        assert one["fitness"] == two["fitness"] and two["transfer"]

    def test_pages_name_it(self, voted):
        """A society before another audience is one of its own, of the evaluation alone."""
        from analysis.readings.book import Book
        from analysis.readings.reading import result_of
        from analysis.ui.data.film import society_options

        options = dict(society_options(result_of(read_events(voted), Book())))
        assert options["evaluate/rft@neutral/2"] == "Evaluation, rft before neutral, epoch 2"
        assert not [key for key in options if key.startswith("train/") and "@" in key]


def _both():
    """Return a model that writes and reads."""
    from abm.llm import ScriptedLLM
    from tests.support.fakes import reply

    return ScriptedLLM(reply)
