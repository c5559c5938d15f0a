"""Arms that learn instructions: they look back, propose, try, and keep what votes prefer; every call is an event of the log."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from abm.arenas import arena
from abm.events import (
    AdapterTrained,
    AnchorsListed,
    EpochEnded,
    InstructionsProposed,
    InstructionsTried,
    LLMReplied,
    MessagePublished,
    StepStarted,
)
from abm.journal import LiveJournal, replay
from abm.llm import ScriptedLLM
from abm.llm.instructions import instructions_id, read_instructions
from abm.llm.port import Request, Sampling
from abm.log import create, read_events
from learning import run as run_whole
from learning.methods import METHODS, InstructionMethod, Retrospect, Trial, collect, learn_weights
from learning.methods.conformance import InstructionMethodConformance
from learning.methods.prompt import Prompt, RandomPrompt
from learning.runs.costs import check_places, planned
from learning.runs.fork import fork
from learning.runs.inputs import gather
from learning.runs.loop import Loop
from learning.runs.redecide import replay_recorded
from learning.settings.sources import load_config
from moloch.content import canonical, digest
from moloch.errors import CorruptLog, InputError, MolochError
from tests.learning.test_loop import carry_out
from tests.support.fakes import FakeTrainer
from tests.support.server import completion, ok, serving

SIZE = {
    "train_anchors": 6, "held_out_anchors": 3, "train_personas": 5, "held_out_personas": 3, "batch": 4, "audience": "llm",
}  # fmt: skip
ARMS = {
    "learner": {"method": "prompt", "compared_with": "twin"},
    "twin": {"method": "prompt_random", "rows_of": "learner"},
}
CONFIG = load_config(None, SIZE | {"arms": ARMS})
WARM, COLD = "Say that it is warm.", "Say that it is cold."
SALES = arena("sales")


def scripted(request) -> str:
    """Write what the instructions say, prefer what is warm and dislike what is cold, and propose both."""
    last = request.messages[-1]["content"]
    if request.site.startswith("reflect/"):
        return f"<think>They chose.</think><instructions>{(WARM, COLD)[int(request.site[-1]) - 1]}</instructions>"
    if request.site.startswith("react/"):
        options = [("cold" not in text) + ("warm" in text) for text in last.split("Option ")[1:]]
        tie = options[0] == options[-1]
        best = request.seed % 2 if tie else options.index(max(options))
        return f"<think>It is what I like, says {request.seed % 100}.</think><choice>{'AB'[best]}</choice>"
    system = request.messages[0]["content"]
    word = "warm" if WARM in system else "cold" if COLD in system else "blue"
    return f"<think>Plan {request.seed % 100}.</think><sales_pitch>It is {word}, {request.seed % 1000}.</sales_pitch>"


def silent(request) -> str:
    """Write, and propose nothing that can be read."""
    return "I would write more warmly." if request.site.startswith("reflect/") else scripted(request)


def verbose(request) -> str:
    """Vote with thoughts of a hundred words."""
    return scripted(request).replace("<think>It is", f"<think>{'very ' * 100}It is")


def llm(reply=scripted, unit="batch") -> ScriptedLLM:
    return ScriptedLLM(reply, unit=unit)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of a learner and its twin, and its events."""
    folder = tmp_path_factory.mktemp("run")
    carry_out(folder, CONFIG, llm=llm())
    return folder, list(read_events(folder))


def of(events, kind, arm: str, epoch: int) -> list:
    return [e for e in events if isinstance(e, kind) and (e.arm, e.epoch) == (arm, epoch)]


def learnt(events) -> dict[tuple[str, int], AdapterTrained]:
    return {(e.arm, e.epoch): e for e in events if isinstance(e, AdapterTrained)}


@pytest.mark.parametrize(
    "method", [Prompt(), RandomPrompt(), Prompt(thoughts=0, contests=1)], ids=["prompt", "random", "small"]
)
class TestConformance(InstructionMethodConformance):
    """Built-in methods keep the promises that those of others are held to."""


class TestSelection:
    """What voters prefer is kept."""

    def test_the_proposal_that_wins_becomes_the_adapter(self, run):
        """Its id is that of the text; the parent of the first is the base model."""
        trained = learnt(run[1])["learner", 1]
        assert (trained.kind, trained.instructions, trained.parent) == ("instructions", WARM, "")
        assert trained.adapter == instructions_id(WARM)
        assert trained.figures == {"readable": 2, "kept": 1, "best_share": 1.0}
        assert (trained.rows, trained.steps, trained.tokens, trained.loss_after) == (4, 2, 0, 0)

    def test_without_a_better_one_the_old_ones_stay(self, run):
        """In the second epoch one proposal is what there is already, and the other loses."""
        second = of(run[1], InstructionsProposed, "learner", 2)
        assert [e.reason for e in second] == ["unchanged", ""]
        trained = learnt(run[1])["learner", 2]
        assert trained.instructions == WARM and trained.adapter == trained.parent
        assert trained.figures == {"readable": 1, "kept": 0, "best_share": 0.0}

    def test_a_tie_keeps_the_old_ones(self):
        """So does a lead that is too small."""
        even, ahead = Trial(1, 5, 5, 2), Trial(2, 4, 6, 2)
        assert Prompt().pick([even], 1) == 0 and Prompt().pick([], 1) == 0
        assert Prompt().pick([even, ahead], 1) == 2 and Prompt(lead=0.1).pick([even, ahead], 1) == 0
        assert Prompt().pick([Trial(1, 4, 6, 2), ahead], 1) == 1, "of equal ones the first"

    def test_a_trial_without_votes_says_nothing(self):
        """It is no win."""
        assert Trial(1, 0, 0, 2).share == 0.5

    def test_what_was_learnt_writes(self, run):
        """Instructions stand at the end of the system text; the policy has their id, and the model's weights are the base model's."""
        wrote = [e for e in run[1] if isinstance(e, MessagePublished) and e.contest.startswith("evaluate/")]
        assert {e.adapter for e in wrote if e.competitor == "learner"} == {instructions_id(WARM)}
        assert all("warm" in e.text for e in wrote if e.competitor == "learner")
        answers = [e for e in run[1] if isinstance(e, LLMReplied)]
        assert {e.adapter for e in answers} == {""}
        ended = [e for e in run[1] if isinstance(e, EpochEnded)]
        assert [e.adapters["learner"] for e in ended] == [instructions_id(WARM)] * 2


class TestTwin:
    """The placebo: everything but the selection by votes."""

    def test_it_asks_as_much(self, run):
        """As many reflections and trials, in the first epoch the very same ones."""
        for kind in (InstructionsProposed, InstructionsTried):
            first, second = ([(e.proposal, getattr(e, "anchor", "")) for e in of(run[1], kind, arm, 1)] for arm in ARMS)
            assert first == second
        sites = Counter(
            e.site.replace("/twin/", "/learner/")
            for e in run[1]
            if isinstance(e, LLMReplied) and "/twin/" in e.site and "try/1" in e.site
        )
        assert sites == Counter(
            e.site for e in run[1] if isinstance(e, LLMReplied) and "/learner/" in e.site and "try/1" in e.site
        )
        assert learnt(run[1])["twin", 1].data == learnt(run[1])["learner", 1].data

    def test_it_keeps_one_at_random(self):
        """The old ones among them, whatever the votes."""
        trials = [Trial(1, 0, 9, 2), Trial(3, 9, 0, 2)]
        kept = Counter(RandomPrompt().pick(trials, seed) for seed in range(600))
        assert kept.keys() == {0, 1, 3} and min(kept.values()) > 150

    def test_it_is_the_markets_twin(self):
        """By the table of twins."""
        config = load_config(
            None,
            SIZE
            | {"markets": {"m": {"learners": {"a": {"method": "prompt"}}, "rivals": ["base"], "twins": ["market"]}}},
        )
        assert config.all_arms["a_market"].method == "prompt_random"
        gather(config)


class TestValidation:
    """Proposals are tried where nothing was learnt from."""

    def test_on_training_anchors_that_no_reflection_saw(self, run):
        """Never on held-out ones."""
        listed = {e.split: {a["id"] for a in e.anchors} for e in run[1] if isinstance(e, AnchorsListed)}
        for arm in ARMS:
            for epoch in (1, 2):
                tried = {e.anchor for e in of(run[1], InstructionsTried, arm, epoch)}
                seen = {c.rsplit("/", 1)[1] for e in of(run[1], InstructionsProposed, arm, epoch) for c in e.looked_at}
                assert len(tried) == 2 and len(seen) == 4 and not tried & seen
                assert tried < listed["train"] and not tried & listed["evaluate"]

    @pytest.mark.parametrize(("anchors", "share", "size"), [(2, 0.9, 1), (3, 0.01, 1), (96, 0.25, 24), (8, 0.999, 7)])
    def test_one_anchor_at_least_is_on_each_side(self, anchors, share, size):
        """Whatever the share."""
        assert Prompt(validation=share).validation_size(anchors) == size

    def test_a_training_anchor_alone_is_refused(self):
        """There would be nothing to try on."""
        with pytest.raises(InputError, match="arm 'learner' needs two training anchors: it reads contests"):
            gather(load_config(None, SIZE | {"train_anchors": 1, "arms": ARMS}))

    def test_voters_are_the_training_personas(self, run):
        """Every one of them is asked about each pair."""
        tried = of(run[1], InstructionsTried, "learner", 1)
        assert all(sum(e.votes) + e.abstained + e.invalid == SIZE["train_personas"] for e in tried)
        assert [e.votes for e in tried if e.proposal == 1] == [[0, 5], [0, 5]]


class TestLog:
    """Every call is an event, and every prompt follows from the log."""

    def test_prompts_of_writers_are_recovered(self, run):
        """From the template, the anchor and the instructions that the references name."""
        texts = {e.adapter: e.instructions for e in run[1] if isinstance(e, AdapterTrained | InstructionsProposed)}
        texts[instructions_id("")] = ""
        anchors = {a["id"]: a["text"] for e in run[1] if isinstance(e, AnchorsListed) for a in e.anchors}
        told = 0
        for e in run[1]:
            if isinstance(e, LLMReplied) and e.site.split("/")[0] in ("write", "try"):
                anchor, *instructions = e.refs
                prompt = SALES.write_prompt(anchors[anchor], texts[instructions[0]] if instructions else "")
                assert digest(canonical(prompt)) == e.prompt and e.template == SALES.write_digest
                told += bool(instructions)
        assert told > 20

    def test_prompts_of_reflections_are_recovered(self, run):
        """From the contests and the instructions that the references name."""
        seeds = {(e.arm, e.epoch): e.seed for e in learnt(run[1]).values()}
        parents = {(e.arm, e.epoch): e.parent for e in learnt(run[1]).values()}
        texts = {e.adapter: e.instructions for e in learnt(run[1]).values()} | {instructions_id(""): ""}
        asked = [e for e in run[1] if isinstance(e, LLMReplied) and e.site.startswith("reflect/")]
        assert len(asked) == 8
        for e in asked:
            _, epoch, arm, _ = e.site.split("/")
            contests = collect(run[1], "shared" if epoch == "1" else arm, int(epoch), SALES)
            had, *shown = e.refs
            assert had == (parents[arm, int(epoch)] or instructions_id(""))
            by_id = {contest.id: contest for contest in contests.learnable}
            of = Retrospect(contests, [by_id[each] for each in shown], texts[had], seeds[arm, int(epoch)])
            assert digest(canonical(Prompt().reflection(of))) == e.prompt and e.template == Prompt().template

    def test_a_reflection_shows_texts_votes_and_thoughts(self, run):
        """Of its own messages."""
        contests = collect(run[1], "shared", 1, SALES)
        contest = contests.learnable[0]
        system, user = Prompt(thoughts=2).reflection(Retrospect(contests, [contest], "Be brief.", 1))
        assert "You are a seller" in system["content"] and "Be brief." in user["content"]
        for slot, message in contest.messages.items():
            assert f"yours, {contest.votes[slot]} of {sum(contest.votes)} votes:\n{message.text}" in user["content"]
        assert user["content"].count("It is what I like") == 2
        assert contests.anchors[contest.messages[0].anchor] in user["content"]

    def test_it_is_decided_again(self, run):
        """From the log alone, and state adds up."""
        again = replay_recorded(run[0])
        assert (again.divergence, again.complete, again.trainings) == (None, True, 4)
        assert replay(run[0], verify=True).steps

    def test_no_message_of_a_trial_is_a_contest(self, run):
        """Tables of contests and tallies know nothing of it."""
        assert {e.arm for e in run[1] if isinstance(e, StepStarted)} == {"shared", *ARMS}
        assert not [e for e in run[1] if isinstance(e, MessagePublished) and e.contest.startswith("try/")]

    @pytest.mark.system
    @pytest.mark.parametrize("unit", ["batch", "call"])
    def test_dying_after_any_commit_ends_in_the_same_digest(self, unit, tmp_path):
        """And pays for no answer twice."""
        left_behind: list[Path] = []

        def keep(folder):
            left_behind.append(shutil.copytree(folder, tmp_path / str(len(left_behind))))

        small = load_config(
            None,
            SIZE
            | {
                "train_anchors": 3,
                "held_out_anchors": 2,
                "train_personas": 2,
                "held_out_personas": 2,
                "arms": ARMS,
                "epochs": 1,
            },
        )
        whole = carry_out(tmp_path / "whole", small, before_commit=keep, llm=llm(unit=unit)).digest.hexdigest()
        reflecting = [
            folder
            for folder in left_behind
            if any(isinstance(e, LLMReplied) and e.site.startswith("reflect/") for e in read_events(folder))
        ]
        assert len(reflecting) > 8
        for folder in reflecting:
            known = {e.site for e in read_events(folder) if isinstance(e, LLMReplied)}
            asked: list[str] = []
            going_on = llm(lambda request, asked=asked: asked.append(request.site) or scripted(request), unit)
            assert carry_out(folder, small, llm=going_on).digest.hexdigest() == whole, f"after commit {folder.name}"
            assert not known & set(asked)

    def test_the_plan_counts_every_call(self, run, tmp_path):
        """Of writers, reflections and readers; a proposal that cannot be read is not tried."""
        calls = {role.role: role.calls for role in planned(CONFIG)}
        assert calls["reflections"] == 2 * 2 * (2 + 3 * 2)
        sites = Counter(e.site.split("/")[0] for e in run[1] if isinstance(e, LLMReplied))
        unread = sum(bool(e.reason) for e in run[1] if isinstance(e, InstructionsProposed))
        assert unread, "the test shows nothing"
        assert calls["reflections"] - 2 * unread == sites["reflect"] + sites["try"]
        assert calls["readers"] - 2 * 5 * unread == sites["react"] - sum(
            e.site.endswith("again") for e in run[1] if isinstance(e, LLMReplied)
        )
        assert {role.role: role.answered for role in planned(CONFIG, run[0])}["reflections"] == sites[
            "reflect"
        ] + sites["try"]

    @pytest.mark.system
    def test_a_fork_shares_what_was_learnt(self, run, tmp_path):
        """And goes on with other settings of its reflections."""
        config, folder = fork(run[0], 3, ["lora.options.thoughts=0"], tmp_path / "fork")
        carry_out(folder, config, llm=llm())
        events = list(read_events(folder))
        assert learnt(events)["learner", 1] == learnt(run[1])["learner", 1]
        assert learnt(events)["learner", 2].settings["thoughts"] == 0
        assert replay_recorded(folder).divergence is None


class TestUnreadable:
    """A model that does not do what it is asked changes nothing."""

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("I would write more warmly.", "no <instructions>"),
            ("<instructions>Be warm.", "unclosed <instructions>"),
            ("<instructions></instructions>", "empty <instructions>"),
            ("<instructions>a</instructions><instructions>b</instructions>", "more than one <instructions>"),
            ("<instructions>Put it in <b>bold</b>.</instructions>", "tags inside <instructions>"),
            (f"<instructions>{'warm ' * 121}</instructions>", "121 words, 120 at most"),
        ],
    )
    def test_the_reason_is_in_the_log(self, said, reason):
        """Nothing is cut or guessed."""
        assert Prompt().read(said, "").reason == reason

    def test_the_old_instructions_stay(self, tmp_path):
        """At first there are none: the arm writes with the arena's own prompt, and nothing is tried."""
        config = load_config(None, SIZE | {"arms": {"learner": {"method": "prompt"}}, "audience": "default"})
        carry_out(tmp_path / "run", config, llm=llm(silent))
        events = list(read_events(tmp_path / "run"))
        proposed = [e for e in events if isinstance(e, InstructionsProposed)]
        assert len(proposed) == 4 and all(e.reason and not e.instructions and not e.adapter for e in proposed)
        assert not [e for e in events if isinstance(e, InstructionsTried)]
        trained = learnt(events)["learner", 2]
        assert (trained.instructions, trained.adapter, trained.figures["readable"]) == ("", instructions_id(""), 0)
        wrote = next(
            e
            for e in events
            if isinstance(e, LLMReplied) and e.site.startswith("write/evaluate/2") and "/learner/" in e.site
        )
        base = next(
            e for e in events if isinstance(e, LLMReplied) and e.site == wrote.site.replace("/learner/1", "/base/0")
        )
        assert wrote.prompt == base.prompt
        assert replay_recorded(tmp_path / "run").complete

    def test_an_answer_without_an_end_proposes_nothing(self, tmp_path):
        """It met its bound, although its tags are closed."""

        class Cut(ScriptedLLM):
            def complete(self, requests):
                for reply in super().complete(requests):
                    yield (
                        reply
                        if not reply.site.startswith("reflect/")
                        else type(reply)(reply.site, reply.text, "length", 1, 1)
                    )

        carry_out(tmp_path / "run", CONFIG, llm=Cut(scripted))
        proposed = [e for e in read_events(tmp_path / "run") if isinstance(e, InstructionsProposed)]
        assert {e.reason for e in proposed} == {"the answer has no end: length"}

    def test_contests_that_do_not_fit_are_left_out_whole_and_counted(self, tmp_path):
        """Where none fits, nothing is asked."""
        few = load_config(
            None,
            SIZE
            | {"arms": {"learner": {"method": "prompt"}}, "epochs": 1, "lora": {"options": {"prompt_tokens": 520}}},
        )
        carry_out(tmp_path / "few", few, llm=llm())
        for e in of(read_events(tmp_path / "few"), InstructionsProposed, "learner", 1):
            assert 0 < len(e.looked_at) < 4 and len(e.looked_at) + e.left_out == 4
        none = load_config(
            None,
            SIZE
            | {"arms": {"learner": {"method": "prompt"}}, "epochs": 1, "lora": {"options": {"prompt_tokens": 256}}},
        )
        carry_out(tmp_path / "none", none, llm=llm(verbose))
        events = list(read_events(tmp_path / "none"))
        assert {(e.reason, e.left_out) for e in of(events, InstructionsProposed, "learner", 1)} == {
            ("no contest fits into 256 tokens", 4)
        }
        assert not [e for e in events if isinstance(e, LLMReplied) and e.site.startswith("reflect/")]
        assert learnt(events)["learner", 1].over_long == 8


class TestRuns:
    """Whole runs, with other arms and without files of a model."""

    @pytest.mark.system
    def test_a_run_without_weights_needs_no_model_here(self, tmp_path):
        """A served writer learns where nothing can be trained; its instructions lie with the run, and are compared with the log."""
        done = run_whole(CONFIG, tmp_path / "run", llm=llm())
        kept = tmp_path / "run" / "adapters"
        assert read_instructions(kept, instructions_id(WARM)) == WARM
        verified = replay(tmp_path / "run", verify=True)
        assert instructions_id(WARM) in verified.adapters and not verified.adapters_missing
        assert replay_recorded(done.path).divergence is None
        file = kept / instructions_id(WARM) / "instructions.json"
        file.write_text(file.read_text().replace("warm", "hot"))
        with pytest.raises(CorruptLog, match="the instructions are not those that were learnt"):
            replay(tmp_path / "run", verify=True)

    def test_a_run_does_not_go_on_with_a_changed_file(self, tmp_path):
        """It is looked at where it is used, before anything is asked with it."""
        folder = tmp_path / "run"

        def dying(request):
            if request.site.startswith("write/train/2/"):
                raise MolochError("the line is cut")
            return scripted(request)

        with pytest.raises(MolochError, match="the line is cut"):
            run_whole(CONFIG, folder, llm=llm(dying))
        file = folder / "adapters" / instructions_id(WARM) / "instructions.json"
        file.write_text(file.read_text().replace("warm", "hot"))
        going_on = llm()
        with pytest.raises(CorruptLog, match="the instructions are not those that were learnt"):
            run_whole(CONFIG, folder, llm=going_on)
        assert not going_on.calls

    def test_weights_need_files(self):
        """With an arm that learns them, as ever."""
        assert not learn_weights(["prompt", "prompt_random"]) and learn_weights(["prompt", "rft"])
        served = {"serving": {"llm": "http://127.0.0.1:9/v1"}, "model": "nowhere", "audience": "default"}
        check_places(load_config(None, served | {"arms": ARMS}))
        with pytest.raises(InputError, match="no files of model 'nowhere' here"):
            check_places(load_config(None, served | {"arms": {"a": {"method": "prompt"}, "b": {"method": "rft"}}}))

    @pytest.mark.system
    def test_in_a_market_with_an_arm_that_learns_weights(self, tmp_path):
        """Each learns from its own messages; reflections show the rival's as another's."""
        markets = {"duel": {"learners": {"a": {"method": "prompt"}, "b": {"method": "placebo"}}}}
        config = load_config(None, SIZE | {"train_anchors": 12, "markets": markets})
        carry_out(tmp_path / "run", config, llm=llm())
        events = list(read_events(tmp_path / "run"))
        trained = learnt(events)
        assert trained["a", 1].kind == "instructions" and trained["b", 1].kind == "weights"
        wrote = [e for e in events if isinstance(e, MessagePublished) and e.contest.startswith("train/2/duel/")]
        assert {(e.competitor, e.adapter) for e in wrote} == {(arm, trained[arm, 1].adapter) for arm in "ab"}
        assert all(("warm" in e.text) == (e.competitor == "a") for e in wrote)
        assert replay_recorded(tmp_path / "run").divergence is None

    @pytest.mark.system
    def test_in_a_network(self, tmp_path):
        """The feed is the market; trials are plain contests."""
        config = load_config(
            None,
            SIZE | {"audience": "default", "world": "networked", "network": {"rounds": 2}, "arms": ARMS, "epochs": 1},
        )
        carry_out(tmp_path / "run", config, llm=llm())
        events = list(read_events(tmp_path / "run"))
        assert len(of(events, InstructionsTried, "learner", 1)) == 4
        assert replay_recorded(tmp_path / "run").divergence is None

    @pytest.mark.parametrize(
        ("arms", "says"),
        [
            ({"a": {"method": "prompt"}, "b": {"method": "rft", "rows_of": "a"}}, "b cannot have the rows of a: one of rft and prompt learns weights"),
            ({"a": {"method": "prompt"}, "b": {"method": "prompt_random", "rows_of": "a", "lora": {"options": {"proposals": 3}}}}, "b would not make as many calls: lora.options.proposals is 3 for b and 2 for a"),
            ({"a": {"method": "prompt", "lora": {"options": {"proposal": 3}}}}, "method prompt: no setting 'proposal'. Did you mean 'proposals'"),
            ({"a": {"method": "prompt", "mitigations": ["truth_gate"]}}, "the mitigation 'truth_gate' cannot change what 'prompt' learns: it learns instructions, not rows"),
            ({"a": {"method": "prompt", "lora": {"options": {"validation": 1.0}}}}, "a setting of Prompt is not valid"),
        ],
    )  # fmt: skip
    def test_mistakes(self, arms, says):
        """Are said once, in words."""
        with pytest.raises(InputError) as caught:
            gather(load_config(None, SIZE | {"arms": arms}))
        assert says in str(caught.value)

    @pytest.mark.system
    def test_with_members_who_read_the_source(self, tmp_path):
        """They vote in trials as they do in contests: here a claim that the anchor does not support decides."""
        settings = SIZE | {
            "audience": "default",
            "arms": {"learner": {"method": "prompt"}},
            "epochs": 1,
            "train_personas": 20,
        }
        claims = {1: "It costs 12345 coins and weighs 777 grams.", 2: "It is here."}

        def claiming(request):
            if request.site.startswith("reflect/"):
                return f"<instructions>Claim {request.site[-1]}.</instructions>"
            number = next((n for n in claims if f"Claim {n}." in request.messages[0]["content"]), 0)
            return f"<sales_pitch>{claims.get(number, 'It is here.')}</sales_pitch>"

        votes = {}
        for share in (0.0, 1.0):
            folder = tmp_path / str(share)
            config = load_config(None, settings | {"source_readers": {"train": share}, "ties": "random"})
            carry_out(folder, config, llm=llm(claiming))
            votes[share] = sum(
                e.votes[1] for e in read_events(folder) if isinstance(e, InstructionsTried) and e.proposal == 1
            )
            assert replay_recorded(folder).divergence is None
        assert votes[1.0] < 0.8 * votes[0.0]

    def test_by_the_arms_own_model(self, tmp_path):
        """The model that writes for it reflects, and writes in its trials."""
        asked = {"first": [], "second": []}

        def writer(name):
            return ScriptedLLM(lambda request: asked[name].append(request.site) or scripted(request), name)

        config = load_config(
            None,
            SIZE | {"arms": {"learner": {"method": "prompt", "model": "http://127.0.0.1:9/v1#second"}}, "epochs": 1},
        )
        log = create(tmp_path / "run", config.model_dump(mode="json"))
        with log:
            others = dict.fromkeys(config.other_writers, writer("second"))
            Loop(config, gather(config), LiveJournal(log), writer("first"), FakeTrainer(), others=others).run()
        assert {site.split("/")[0] for site in asked["first"]} == {"react"}
        assert {site.split("/")[0] for site in asked["second"]} == {"write", "reflect", "try"}

    def test_a_fork_keeps_the_kind_of_adapter(self, run, tmp_path):
        """Weights do not go on from a text."""
        with pytest.raises(
            InputError, match=r"the arm 'learner' cannot continue to learn by rft.*an adapter that is instructions"
        ):
            fork(run[0], 3, ["arms.learner.method=rft", "arms.twin.rows_of=null"], tmp_path / "fork")

    def test_a_method_of_ones_own(self, tmp_path):
        """One class: what is asked, how it is read, and what is kept; the rest is the house's."""

        class Shortest(InstructionMethod, frozen=True):
            """Keeps what has the fewest words, of proposals that lost nothing."""

            def reflection(self, of):
                return [{"role": "user", "content": f"{len(of.shown)} contests. Now: {of.instructions}"}]

            def read(self, said, instructions):
                return said

            def pick(self, trials, seed):
                return max((trial.proposal for trial in trials), default=0)

        METHODS.add("shortest", Shortest)
        try:
            config = load_config(None, SIZE | {"arms": {"a": {"method": "shortest"}}, "epochs": 1})
            own = llm(
                lambda request: (
                    f"Rule {request.site[-1]}." if request.site.startswith("reflect/") else scripted(request)
                )
            )
            carry_out(tmp_path / "run", config, llm=own)
            assert learnt(read_events(tmp_path / "run"))["a", 1].instructions == "Rule 2."
            assert replay_recorded(tmp_path / "run").divergence is None
        finally:
            METHODS._added.pop("shortest")


class TestServed:
    """Behind a server: the writer that this method is for."""

    def settings(self, url: str):
        """Return the settings of a run whose writer and readers are served, and whose server goes on refusing after a while."""
        served = {"llm": url, "server": {"concurrency": 2}}
        return load_config(
            None, SIZE | {"model": "m", "arms": {"learner": {"method": "prompt"}}, "epochs": 1, "serving": served}
        )

    @pytest.mark.system
    def test_it_learns_without_a_file_of_the_model(self, tmp_path):
        """Interrupted between the calls of a training it goes on, and asks for nothing twice."""
        asked: Counter[str] = Counter()
        refusing = [True]

        def served(call):
            prompt = call.fields["messages"]
            text = canonical(prompt).decode()
            reflects = "You are a seller, and you look back" in text
            kind = "reflect" if reflects else "react" if "<choice>" in text else "write"
            asked[f"{kind} {text} {call.fields['seed']}"] += 1
            if refusing[0] and sum(key.startswith("reflect") for key in asked) > 1:
                return ok({"error": {"message": "no more"}}, "401 Unauthorized")
            number = 1 + sum(key.startswith("reflect") for key in asked) % 2
            site = {"reflect": f"reflect/1/learner/{number}", "react": "react/", "write": "write/"}[kind]
            return completion(scripted(Request(site, prompt, Sampling(), call.fields["seed"])))

        with serving(served) as server:
            config = self.settings(server.url)
            with pytest.raises(MolochError):
                run_whole(config, tmp_path / "run")
            known = {e.site for e in read_events(tmp_path / "run") if isinstance(e, LLMReplied)}
            assert any(site.startswith("reflect/") for site in known), "it died elsewhere: the test shows nothing"
            refusing[0] = False
            run_whole(config, tmp_path / "run")
        events = list(read_events(tmp_path / "run"))
        sites = [e.site for e in events if isinstance(e, LLMReplied)]
        assert len(set(sites)) == len(sites) and known < set(sites)
        assert learnt(events)["learner", 1].kind == "instructions"
        assert (tmp_path / "run" / "adapters" / learnt(events)["learner", 1].adapter / "instructions.json").is_file()
        assert sum(asked.values()) - len(asked) <= 1, "only the refused call came again"
        assert replay_recorded(tmp_path / "run").divergence is None
