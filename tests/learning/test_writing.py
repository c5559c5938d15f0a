"""Writers that were not trained for the arena: what is asked again, learnt, counted and advised."""

from __future__ import annotations

import shutil

import pytest
from msgspec.structs import replace

from abm.arenas import arena
from abm.arenas.anchors import load_anchors
from abm.arenas.messages import NO_SENTENCE
from abm.arenas.prompts import ExampleMessage
from abm.events import (
    ArenaSet,
    LLMReplied,
    MessagePublished,
    MessageRedrawn,
    MessageRejected,
    RunConfigured,
    StepEnded,
    StepStarted,
)
from abm.llm import ScriptedLLM
from abm.log import open_log, read_events
from abm.worlds.networked.settings import NetworkConfig
from learning import run
from learning.fitness import observed
from learning.methods import training_set
from learning.methods.synthetic import contest, log, numbered
from learning.runs.costs import planned
from learning.runs.gate import GateClosed
from learning.runs.inputs import gather
from learning.runs.objects import Objects
from learning.runs.parts import settled
from learning.runs.redecide import replay_live, replay_recorded
from learning.runs.written import WritingCounts, advice, first_step, total, written
from learning.settings.config import RunConfig
from learning.settings.sources import load_config
from learning.training.settings import PRESETS
from moloch.errors import InputError
from moloch.exit_codes import ExitCode
from tests.learning.test_loop import carry_out
from tests.support.fakes import FakeTrainer, answer, fake_llm

SALES = arena("sales")
PLAIN = SALES.asked("plain")
AGAIN = RunConfig(
    train_anchors=3, held_out_anchors=3, train_personas=3, held_out_personas=3, batch=2, epochs=1, attempts=3, arms=("rft", "placebo"),
)  # fmt: skip


def half(request):
    """Return a completion that cannot be read half of the time."""
    return f"<sales_pitch>Buy {request.seed}.</sales_pitch>" if request.seed % 2 else "Sorry."


class Remote(ScriptedLLM):
    """A model that is paid by the call."""

    def __init__(self):
        super().__init__(half, unit="call")


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """A finished run whose writers have three attempts."""
    folder = tmp_path_factory.mktemp("again") / "run"
    carry_out(folder, AGAIN, llm=ScriptedLLM(half))
    return folder


def of(kind, folder):
    return [event for event in read_events(folder) if isinstance(event, kind)]


class TestAttempts:
    """A message that cannot be read is asked for again, as often as the arena says, and the log holds each answer."""

    def test_each_attempt_is_an_answer_of_its_own(self, again):
        """Its place is named, its draws are its own, and it leads to what became of it."""
        answers = {event.seq: event for event in of(LLMReplied, again)}
        assert len({event.seed for event in answers.values() if "/1/" in event.site}) > len(answers) / 4
        for event in of(MessageRedrawn, again):
            site = answers[event.cause].site
            assert site.endswith(f"/{event.slot}" if event.attempt == 1 else f"/{event.slot}/{event.attempt}")
            assert event.reason == "no <sales_pitch>" and answers[event.cause].text == "Sorry."
        third = [event for event in of(MessagePublished, again) if event.attempt == 3]
        assert third and all(answers[event.cause].site.endswith("/3") for event in third)

    def test_more_can_be_read(self, again, tmp_path):
        """And a rejection comes after the last attempt only."""
        carry_out(tmp_path / "once", AGAIN.model_copy(update={"attempts": None}), llm=ScriptedLLM(half))
        once, thrice = of(MessageRejected, tmp_path / "once"), of(MessageRejected, again)
        assert 0 < len(thrice) < len(once) and {event.attempt for event in thrice} <= {3}
        assert not of(MessageRedrawn, tmp_path / "once")

    def test_arms_draw_alike(self, again):
        """The second attempt of two arms about one anchor in one slot has one seed."""
        seeds: dict[tuple[str, str, str], set[int]] = {}
        arms: dict[tuple[str, str, str], set[str]] = {}
        for event in of(LLMReplied, again):
            _, phase, _, anchor, writer, *place = event.site.split("/")
            if phase == "evaluate" and writer != "base":
                seeds.setdefault((anchor, *place), set()).add(event.seed)
                arms.setdefault((anchor, *place), set()).add(writer)
        second = [place for place in arms if len(place) == 3 and arms[place] == {"rft", "placebo"}]
        assert second and all(len(each) == 1 for each in seeds.values())

    @pytest.mark.system
    @pytest.mark.parametrize("llm", [lambda: ScriptedLLM(half), Remote], ids=["batch", "call"])
    def test_dying_after_any_commit_ends_in_the_same_digest(self, llm, tmp_path):
        """And nothing that was answered is asked again."""
        left = []
        config = AGAIN.model_copy(update={"arms": ("rft",), "train_anchors": 2, "held_out_anchors": 2})

        def keep(folder):
            left.append(shutil.copytree(folder, tmp_path / str(len(left))))

        whole = carry_out(tmp_path / "whole", config, before_commit=keep, llm=llm()).digest.hexdigest()
        answered = len(of(LLMReplied, tmp_path / "whole"))
        assert len(left) > 10
        for folder in left:
            model, held = llm(), len(of(LLMReplied, folder))
            assert carry_out(folder, config, llm=model).digest.hexdigest() == whole, f"after commit {folder.name}"
            assert model.calls == answered - held

    def test_in_a_networked_world(self, tmp_path):
        """A message that took two attempts is read and bought there like any other."""
        config = AGAIN.model_copy(update={"world": "networked", "network": NetworkConfig(rounds=2), "arms": ("rft",)})
        carry_out(tmp_path / "run", config, llm=ScriptedLLM(half))
        assert of(MessageRedrawn, tmp_path / "run")
        assert (found := replay_recorded(tmp_path / "run")).complete and found.divergence is None

    def test_it_is_decided_again_alike(self, again):
        """From its answers, and by its model."""
        assert (found := replay_recorded(again)).complete and found.divergence is None
        assert (found := replay_live(again, llm=ScriptedLLM(half))).complete and found.divergence is None

    def test_what_a_run_may_cost_counts_them(self, again, tmp_path):
        """The bound is that of all attempts; a run's messages are answered once each, however often they were asked for."""
        once = planned(AGAIN.model_copy(update={"attempts": None}))[0]
        assert planned(AGAIN)[0].most_out == 3 * once.most_out and planned(AGAIN)[0].calls == once.calls
        assert planned(AGAIN, again)[0].answered == once.calls


def said(text: str, finish: str = "stop", *, text_read: str, thinking: str = "") -> list:
    """Return a log in which the winner of a contest was read out of an answer."""
    rest = log(contest("a0", [1, 1, 0]))
    reply = LLMReplied(
        key="k", site="write/train/1/a0/base/1", model="m", adapter="", template="", refs=[], prompt="", text=text,
        finish=finish, tokens_in=1, tokens_out=1, temperature=1.0, top_p=1.0, max_tokens=9, seed=1,
    )  # fmt: skip
    at = next(i for i, event in enumerate(rest) if isinstance(event, StepStarted)) + 1
    return [
        replace(event, cause=at, thinking=thinking, text=text_read)
        if isinstance(event, MessagePublished) and event.slot == 1
        else event
        for event in numbered([*rest[:at], reply, *rest[at:]])
    ]


class TestTrainingSets:
    """What is learnt in plain format is the text that was sampled, from the prompt that asked for it."""

    def learnt(self, events, rules=PLAIN, method="rft", **options):
        return training_set(events, method, source_arm="shared", epoch=1, arena=rules, seed=1, **options).rows

    def test_the_text_itself(self):
        """After the examples; without a tag, and without thinking that is not there."""
        (row,) = self.learnt(said(" Buy a0.\n", text_read="Buy a0."))
        assert row.completion == " Buy a0.\n" and row.ended
        assert row.prompt == PLAIN.write_prompt("Title: a0") and len(row.prompt) == 6

    def test_not_beyond_the_cut(self):
        """Nobody voted on what was left out; and the message teaches no end."""
        (row,) = self.learnt(said("Buy a0. It is", "length", text_read="Buy a0."))
        assert row.completion == "Buy a0." and not row.ended

    def test_not_beyond_a_text_that_ends_it(self):
        """Which is where it ended."""
        (row,) = self.learnt(said("Buy a0.\nUser: x", "length", text_read="Buy a0."), PLAIN.asked(stop=("\nUser:",)))
        assert row.completion == "Buy a0." and row.ended

    def test_what_no_model_wrote(self):
        """It is the text alone, too."""
        (row,) = self.learnt(said("Other.", text_read="Buy a0."))
        assert row.completion == "Buy a0."

    def test_thoughts_are_plain(self):
        """TFB asks for what a reader thinks, and learns just that: there is no block to learn."""
        rows = self.learnt(said("Buy a0.", text_read="Buy a0."), method="tfb", thoughts_per_contest=9)
        thoughts = [row for row in rows if row.kind == "thought"]
        assert len(thoughts) == 3 and thoughts[0].completion == "Person 0 likes 1 of a0."
        assert (
            thoughts[0].prompt[-1]["content"].endswith("Write what the customer thinks, in the customer's own words.")
        )


class TestSettings:
    """One setting asks any arena for plain text; what is left out leaves no trace."""

    def test_one_setting(self):
        """And the others of the arena beside it."""
        config = load_config(None, {}, ["format=plain", "attempts=2", r'stop=["\n\n"]', "cut=none"])
        rules = config.rules()
        assert (rules.format, rules.attempts, rules.stop, rules.cut) == ("plain", 2, ("\n\n",), "none")
        assert rules.examples == PLAIN.examples and config.id != RunConfig().id

    def test_examples(self):
        """One's own in place of the arena's, or none."""
        given = load_config(None, {}, ["format=plain", "examples=[{anchor: 'Title: x', message: Buy x.}]"])
        assert given.rules().examples == (ExampleMessage(anchor="Title: x", message="Buy x."),)
        assert load_config(None, {}, ["format=plain", "examples=[]"]).rules().examples == ()

    def test_examples_are_about_nothing_that_is_evaluated(self):
        """An anchor to train on may be one; a held-out one may not."""
        anchors = load_anchors(None, SALES)
        config = AGAIN.model_copy(update={"examples": (ExampleMessage(anchor=anchors.train[0].text, message="Buy."),)})
        assert gather(config).arena.examples == config.examples
        example = ExampleMessage(anchor=anchors.held_out[0].text, message="Buy.")
        with pytest.raises(InputError, match=r"examples.1 is about a held-out anchor.*Title: "):
            gather(config.model_copy(update={"examples": (*(config.examples or ()), example)}))

    def test_defaults_leave_no_trace(self):
        """Old records stay what they were."""
        assert not {"format", "examples", "stop", "attempts", "cut"} & RunConfig().model_dump(mode="json").keys()
        assert RunConfig().id == load_config(None, {}, ["attempts=null"]).id

    @pytest.mark.parametrize(
        "setting", ["format=xml", "attempts=0", "attempts=9", "stop=['']", "cut=word", "examples=[{anchor: x}]"]
    )
    def test_a_mistake_is_one_clear_error(self, setting):
        """It names the setting."""
        with pytest.raises(InputError, match=setting.partition("=")[0]):
            load_config(None, {}, [setting])

    def test_the_log_holds_what_was_asked(self, tmp_path):
        """The arena as it was asked for, and the settings as they were given."""
        config = AGAIN.model_copy(update={"format": "plain", "arms": ("rft",)})
        carry_out(tmp_path / "run", config, llm=ScriptedLLM(lambda request: f"Buy {request.seed}."))
        (rules,), (settings,) = of(ArenaSet, tmp_path / "run"), of(RunConfigured, tmp_path / "run")
        assert rules.arena == config.rules().model_dump(mode="json") and rules.digest == config.rules().digest
        assert settings.config["format"] == "plain"
        assert (found := replay_recorded(tmp_path / "run")).complete and found.divergence is None


class TestPreset:
    """How adapters are learnt follows from the model."""

    def test_it_follows_from_the_model(self):
        """Pocket's own rates for the pocket model, as records always said; general ones for others."""
        assert RunConfig().model_dump()["preset"] == RunConfig().trainer_preset == "pocket"
        other = RunConfig(model="smollm2")
        assert other.model_dump()["preset"] == other.trainer_preset == "general"
        assert PRESETS["general"].lr == PRESETS["paper"].lr

    def test_pockets_rates_are_for_pocket(self, tmp_path):
        """The mistake is named where it stands."""
        file = tmp_path / "run.yaml"
        file.write_text("model: smollm2\npreset: pocket\n")
        with pytest.raises(InputError, match=r"run.yaml:2.*preset 'pocket' is for the pocket model.*Leave preset out"):
            load_config(file, {})
        with pytest.raises(InputError, match=r"for another rate set lora.lr"):
            Objects().check_preset(RunConfig(model="smollm2", preset="pocket"))

    def test_a_run_goes_on_as_it_began(self, tmp_path):
        """One that recorded pocket's rates for another model keeps them, and can be read."""
        record = RunConfig(model="other", preset="pocket").model_dump(mode="json")
        assert load_config(None, record, recorded=True).trainer_preset == "pocket"
        from abm.log import create

        create(tmp_path / "run", record).close()
        assert settled(RunConfig(model="other"), tmp_path / "run").trainer_preset == "pocket"
        assert settled(RunConfig(model="other"), tmp_path / "new").trainer_preset == "general"


def reply(seq: int, text: str, finish: str = "stop") -> LLMReplied:
    return LLMReplied(
        seq=seq, key="k", site=f"write/train/1/a/base/{seq}", model="m", adapter="", template="", refs=[], prompt="", text=text,
        finish=finish, tokens_in=1, tokens_out=1, temperature=1.0, top_p=1.0, max_tokens=9, seed=1,
    )  # fmt: skip


COMMON = {"message": "m", "contest": "c", "slot": 0, "competitor": "base", "anchor": "a", "adapter": ""}


class TestCounts:
    """What was written is counted: read or not and why, cut, asked again, copied."""

    def test_everything_is_counted(self):
        """Each answer once, each message once."""
        example = PLAIN.examples[0].message
        counts = written(
            [
                ArenaSet(arena=PLAIN.model_dump(mode="json"), digest=""),
                *(
                    reply(0, "None"),
                    reply(1, "It is blue. It", "length"),
                    reply(2, "None", "length"),
                    reply(3, example),
                ),
                MessageRedrawn(**COMMON, cause=0, attempt=1, reason="empty message"),
                MessagePublished(**COMMON, cause=1, thinking="", text="It is blue.", attempt=2, cut=3),
                MessageRejected(**COMMON, cause=2, reason="empty message"),
                MessagePublished(**COMMON, cause=3, thinking="", text=example),
            ]
        )
        assert counts == WritingCounts(
            published=2, rejected=1, redrawn=1, reasons={"empty message": 2}, answers=4, bounded=2, cut=1, copied=1,
            sample="It is blue.", unread="None",
        )  # fmt: skip
        assert (counts.messages, counts.parsed, counts.at_bound) == (3, 0.5, 0.5)

    def test_a_failed_call_is_no_fault_of_the_writer(self):
        """What a server never answered has no tag either, and is counted as what it is: after a step, and by the gate."""
        events = [
            ArenaSet(arena=SALES.model_dump(mode="json"), digest=""),
            *(reply(0, "", "error"), reply(1, "", "error"), reply(2, "", "refused"), reply(3, "Sorry.")),
            *(MessageRejected(**COMMON, cause=cause, reason="no <sales_pitch>") for cause in range(4)),
        ]
        assert written(events).reasons == {
            "the server gave no answer": 2, "the server would not complete it": 1, "no <sales_pitch>": 1,
        }  # fmt: skip
        assert written(events).unread == "Sorry."
        [writer] = observed(events).writers
        assert "the server gave no answer (2)" in writer.why and "Look at the server" in writer.against[0].fix

    def test_nothing_was_written(self):
        """No share of nothing is wrong."""
        counts = total([])
        assert (counts.parsed, counts.at_bound, list(advice(counts, PLAIN))) == (1.0, 0.0, [])

    def test_the_first_step(self, again, tmp_path):
        """It is counted alone, and not before it has ended."""
        events = first_step(open_log(again, write=False))
        assert written(events).messages == 4 and not any(isinstance(event, StepEnded) for event in events)
        run(AGAIN, tmp_path / "run", llm=fake_llm(), trainer=FakeTrainer())
        assert written(first_step(open_log(tmp_path / "run", write=False))).messages == 4


def counted(**values) -> WritingCounts:
    return WritingCounts(**({"published": 8, "answers": 16, "reasons": {}} | values))


class TestAdvice:
    """It follows from the cause, and there is none where nothing is wrong."""

    @pytest.mark.parametrize(
        ("counts", "rules", "says"),
        [
            (counted(), SALES, []),
            (counted(rejected=8, reasons={"no <sales_pitch>": 8}), SALES, ["format=plain"]),
            (counted(rejected=8, reasons={"tags inside message": 8}), PLAIN, ["leave out format: plain"]),
            (counted(rejected=8, bounded=8, reasons={"unclosed <sales_pitch>": 8}), SALES, ["sampling.max_tokens, or set cut=sentence"]),
            (counted(bounded=4), PLAIN, []),
            (counted(rejected=4, bounded=4, reasons={NO_SENTENCE: 4}), PLAIN, ["raise sampling.max_tokens"]),
            (counted(rejected=4, bounded=4, reasons={"unclosed <think>": 4}), PLAIN, ["sampling.max_tokens", "still thinking"]),
            (counted(copied=4), PLAIN, ["change examples"]),
            (counted(rejected=8, reasons={"empty message": 8}), PLAIN, ["attempts=3"]),
            (counted(rejected=8, reasons={"the server gave no answer": 8}), SALES, ["look at its messages"]),
            (counted(rejected=8, reasons={"empty message": 8}), PLAIN.asked(attempts=3), []),
        ],
    )  # fmt: skip
    def test_it_follows_from_the_cause(self, counts, rules, says):
        """One sentence for each."""
        given = list(advice(counts, rules))
        assert len(given) == len(says) and all(word in sentence for word, sentence in zip(says, given, strict=True)), (
            given
        )

    def test_a_training_without_rows_says_it_too(self, tmp_path):
        """More anchors are no help against answers that cannot be read, be it one of two."""
        with pytest.raises(GateClosed, match=r"nothing to learn.*could not be read.*format=plain") as caught:
            carry_out(
                tmp_path / "run",
                llm=ScriptedLLM(lambda request: answer(request) if request.site[-2:] == "/0" else "Sorry."),
            )
        assert "anchors" not in caught.value.fix and "for example 'Sorry.'" in caught.value.why

    @pytest.mark.parametrize(
        ("said", "finish", "why", "fix"),
        [
            ("Both\x1b[31m are lovely.", "stop", r"\(names no option: 9\), for example 'Both are lovely.'", "reader.answer=json"),
            ("<think>Well, the", "length", "met the bound on tokens before it named an option: 9", "reader.max_tokens"),
            ("", "error", "the server gave no answer: 9", "concurrency"),
        ],
    )  # fmt: skip
    def test_so_it_does_of_readers(self, tmp_path, said, finish, why, fix):
        """How many of their answers could not be counted, why, one of them, and what would help."""
        config = AGAIN.model_copy(update={"audience": "llm"})

        class Rambling(ScriptedLLM):
            def complete(self, requests):
                for reply in super().complete(requests):
                    yield replace(reply, finish=finish) if reply.site.startswith("react/") else reply

        llm = Rambling(lambda request: said if request.site.startswith("react/") else answer(request))
        with pytest.raises(GateClosed, match=f"9 of 9 answers of the readers could not be counted.*{why}") as caught:
            carry_out(tmp_path / "run", config, llm=llm)
        assert caught.value.exit_code == ExitCode.UNFIT
        assert fix in caught.value.fix and "anchors" not in caught.value.fix
