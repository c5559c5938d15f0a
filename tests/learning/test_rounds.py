"""Arms with a memory: what they wrote lately, what others wrote, and the votes stand in their prompts while they learn, and nowhere else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from abm.arenas import arena
from abm.events import AnchorsListed, ContestDecided, LLMReplied, MessagePublished, RoundsRecalled, StepStarted
from abm.llm.port import text_tokens
from abm.log import read_events
from learning.methods import training_set
from learning.runs.costs import planned
from learning.runs.redecide import replay_recorded
from learning.settings.sources import load_config
from moloch.content import canonical, content_id, digest
from moloch.errors import InputError
from tests.learning.test_loop import carry_out

SALES = arena("sales")
SIZE = {"train_anchors": 12, "held_out_anchors": 3, "train_personas": 5, "held_out_personas": 3, "batch": 4}
RFT, PLACEBO = {"method": "rft"}, {"method": "placebo"}
DUEL = {"duel": {"learners": {"a": RFT | {"memory": {"rounds": 3}}, "b": PLACEBO}, "twins": ["market"]}}
ALONE = {"s": RFT | {"memory": {"rounds": 2}}}
CONFIG = load_config(None, SIZE | {"arms": ALONE, "markets": DUEL})
OFF = load_config(
    None, SIZE | {"arms": {"s": RFT}, "markets": {"duel": DUEL["duel"] | {"learners": {"a": RFT, "b": PLACEBO}}}}
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, and its events."""
    folder = tmp_path_factory.mktemp("run")
    carry_out(folder, CONFIG)
    return folder, list(read_events(folder))


def recalled(events, name: str) -> list[RoundsRecalled]:
    return [e for e in events if isinstance(e, RoundsRecalled) and e.competitor == name]


class TestMemory:
    """The newest rounds, whole, in the order in which they were held."""

    @pytest.mark.parametrize(("name", "rounds"), [("s", 2), ("a", 3), ("a_market", 3)])
    def test_what_was_decided_before_the_step(self, run, name, rounds):
        """From the first epoch on, of its own society and in which it wrote; contests of one step know nothing of each other."""
        events = run[1]
        market = {"s": "s", "a": "duel", "a_market": "duel_market"}[name]
        held, expected, step = list[str](), dict[int, list[str]](), None
        for e in events:
            if isinstance(e, StepStarted):
                step = e
                if (e.phase, e.arm) == ("train", market):
                    expected[e.step] = held[-rounds:]
            elif isinstance(e, ContestDecided) and (step.phase, step.arm) in (("train", "shared"), ("train", market)):
                published = {m.slot: m for m in events if isinstance(m, MessagePublished) and m.contest == e.contest}
                mine = [m for m in published.values() if m.competitor == name]
                if step.arm == "shared" or mine:
                    held.append(e.contest)
        found = {e.step: e.recalled for e in recalled(events, name)}
        first = min(expected)
        later = [at for at in expected if at > first]
        assert len(found) == len(expected) == 3
        assert all(found[at] == expected[at] for at in later)
        assert set(found[first]) <= {c for c in held if "/shared/" in c} and len(found[first]) == rounds

    def test_texts_and_votes(self, run):
        """Its own, others', and how many of the votes each had."""
        for e in recalled(run[1], "a"):
            for contest in e.recalled:
                if "/duel/" not in contest:
                    continue
                decided = next(d for d in run[1] if isinstance(d, ContestDecided) and d.contest == contest)
                for m in (m for m in run[1] if isinstance(m, MessagePublished) and m.contest == contest):
                    who = "You" if m.competitor == "a" else "Another"
                    assert f"{who}, {decided.votes[m.slot]} of {sum(decided.votes)} votes: {m.text}" in e.remembered

    def test_only_who_has_one_remembers(self, run):
        """A rival without sees the arena's own prompt."""
        assert {e.competitor for e in run[1] if isinstance(e, RoundsRecalled)} == {"s", "a", "a_market"}

    @pytest.mark.system
    def test_rounds_that_do_not_fit_are_left_out_whole_and_counted(self, tmp_path):
        """The oldest first."""
        small = load_config(None, SIZE | {"arms": {"s": RFT | {"memory": {"rounds": 3, "tokens": 90}}}})
        carry_out(tmp_path / "run", small)
        events = recalled(read_events(tmp_path / "run"), "s")
        assert all(len(e.recalled) + e.left_out == 3 and text_tokens(e.remembered) <= 90 for e in events)
        assert any(e.left_out for e in events) and any(e.recalled for e in events)
        tight = load_config(None, SIZE | {"arms": {"s": RFT | {"memory": {"rounds": 3, "tokens": 32}}}})
        carry_out(tmp_path / "tight", tight)
        assert {(e.left_out, e.remembered, e.memory) for e in recalled(read_events(tmp_path / "tight"), "s")} == {
            (3, "", "")
        }


class TestPrompts:
    """Where the memory stands, and where it does not."""

    def test_every_prompt_follows_from_the_log(self, run):
        """References name the anchor and the memory."""
        texts = {e.memory: e.remembered for e in run[1] if isinstance(e, RoundsRecalled)}
        anchors = {row["id"]: row["text"] for e in run[1] if isinstance(e, AnchorsListed) for row in e.anchors}
        with_memory = 0
        for e in run[1]:
            if isinstance(e, LLMReplied) and e.site.startswith("write/"):
                anchor, *memory = e.refs
                assert memory == [content_id(texts[ref]) for ref in memory]
                prompt = SALES.write_prompt(anchors[anchor], remembered=texts[memory[0]] if memory else "")
                assert digest(canonical(prompt)) == e.prompt
                with_memory += len(memory)
        assert with_memory == 12 * (2 + 1 + 1), "each message of those who remember, after the first epoch"

    @pytest.mark.system
    def test_held_out_contests_know_no_memory(self, run, tmp_path):
        """An evaluation asks what it would ask without: memory changes training, and the measure stays the same."""
        carry_out(tmp_path / "off", OFF)

        def asked(events):
            return {e.site: (e.prompt, e.refs) for e in events if isinstance(e, LLMReplied) and "/evaluate/" in e.site}

        assert asked(run[1]) == asked(read_events(tmp_path / "off")) and len(asked(run[1])) >= 9

    def test_what_is_learnt_has_the_prompt_that_it_was_written_from(self, run):
        """With the memory of that step."""
        rows = training_set(run[1], "rft", source_arm="s", epoch=2, arena=SALES, seed=CONFIG.seed).rows
        prompts = {e.seq: e.prompt for e in run[1] if isinstance(e, LLMReplied)}
        causes = {e.message: e.cause for e in run[1] if isinstance(e, MessagePublished)}
        assert len(rows) > 4
        assert all(digest(canonical(row.prompt)) == prompts[causes[row.message]] for row in rows)
        assert all("Your latest sales pitch texts" in row.prompt[0]["content"] for row in rows)


class TestRun:
    """It is part of the run."""

    def test_without_the_setting_nothing_changes(self):
        """Records are those of before; a twin remembers as its learner."""
        assert "memory" not in str(OFF.model_dump(mode="json"))
        assert CONFIG.all_arms["a_market"].memory == CONFIG.all_arms["a"].memory != CONFIG.all_arms["b"].memory
        assert load_config(None, CONFIG.model_dump(mode="json"), recorded=True).all_arms == CONFIG.all_arms

    @pytest.mark.system
    def test_it_is_decided_again(self, run):
        """From its log alone."""
        assert (again := replay_recorded(run[0])).complete and again.divergence is None

    @pytest.mark.system
    def test_dying_after_any_commit_ends_in_the_same_digest(self, tmp_path):
        """What is remembered is a function of the log before the step."""
        small = load_config(None, {k: min(v, 6) for k, v in SIZE.items()} | {"arms": ALONE})
        left_behind: list[Path] = []

        def keep(folder):
            left_behind.append(shutil.copytree(folder, tmp_path / str(len(left_behind))))

        whole = carry_out(tmp_path / "whole", small, before_commit=keep).digest.hexdigest()
        assert len(left_behind) > 8
        for folder in left_behind:
            assert carry_out(folder, small).digest.hexdigest() == whole, f"after commit {folder.name}"

    def test_the_plan_counts_its_tokens(self):
        """At most, in the prompts of those who remember."""
        with_memory, without = (planned(config)[0].tokens_in for config in (CONFIG, OFF))
        assert with_memory - without == pytest.approx(600 * 12 * 4, rel=0.01)

    @pytest.mark.system
    def test_in_a_network(self, tmp_path):
        """Feeds and accounts do not matter to it."""
        config = load_config(
            None,
            SIZE
            | {
                "train_anchors": 6,
                "world": "networked",
                "network": {"rounds": 2},
                "arms": {"s": PLACEBO | {"memory": {"rounds": 2}}},
            },
        )
        carry_out(tmp_path / "run", config)
        assert len(recalled(read_events(tmp_path / "run"), "s")) == 2
        assert replay_recorded(tmp_path / "run").divergence is None

    @pytest.mark.parametrize(
        ("memory", "says"),
        [
            ({"rounds": 0}, "it must be at least 1"),
            ({"rounds": 2, "tokens": 8}, "it must be at least 32"),
            ({"round": 2}, "setting 'arms.s.memory.round' is not valid: there is no such setting"),
        ],
    )
    def test_mistakes(self, memory, says):
        """Are said with their place."""
        with pytest.raises(InputError) as caught:
            load_config(None, {"arms": {"s": RFT | {"memory": memory}}})
        assert says in str(caught.value) and "memory" in str(caught.value)
