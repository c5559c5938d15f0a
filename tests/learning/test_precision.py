"""In which precision, and with how many threads, models compute: settings of a run, settled before its first event, and kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abm.arenas import arena
from abm.journal import replay
from abm.llm import Request, Sampling, precision
from abm.llm.backends import BACKENDS, Backends, Opening, Serving
from abm.log import open_log
from learning import load_config, run
from learning.runs.inputs import lora_of
from learning.runs.parts import settled
from moloch.errors import InputError
from tests.support.fakes import FakeTrainer, fake_llm

SMALL = {"train_anchors": 3, "held_out_anchors": 2, "train_personas": 3, "held_out_personas": 3, "arms": ["rft"]}
NONE: dict[str, bool] = {}


@pytest.fixture
def cpu(monkeypatch):
    """Give this machine a CPU that says of itself what the test says; it has no CUDA."""
    torch = pytest.importorskip("torch", reason="needs the learn extra")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return lambda **flags: monkeypatch.setattr(precision, "_capabilities", lambda: flags)


def carried_out(folder, report=lambda progress: None, **changes):
    settings = load_config(None, SMALL | {"epochs": 1} | changes)
    return run(settings, folder, llm=fake_llm(), trainer=FakeTrainer(), report=report)


def stopped(progress):
    if progress.done:
        raise KeyboardInterrupt


class TestAuto:
    """``auto`` is decided once, by the hardware."""

    @pytest.mark.parametrize(
        ("flags", "want", "why"),
        [
            ({"amx_bf16": True, "avx512_bf16": True}, "bfloat16", "AMX and AVX512-BF16"),
            ({"avx512_bf16": True}, "bfloat16", "AVX512-BF16"),
            ({"avx2": True, "amx_bf16": False}, "float32", "none of"),
            ({"bf16": True}, "float32", "none of"),
        ],
    )
    def test_by_what_the_cpu_says(self, cpu, flags, want, why):
        """bfloat16 with AMX or AVX512-BF16, else float32; and it says by what."""
        cpu(**flags)
        found, said = precision.resolved()
        assert found == want and why in said

    def test_what_this_machine_says_is_what_linux_says(self):
        """The CPU's own flags, where the system shows them."""
        try:
            lines = Path("/proc/cpuinfo").read_text().splitlines()
            flags = set(next(line for line in lines if line.startswith("flags")).split())
        except (OSError, StopIteration):
            pytest.skip("this system shows no flags of its CPU")
        assert bool(precision.hardware("cpu", precision.FAST)) == bool(flags & {"amx_bf16", "avx512_bf16"})

    def test_recorded_and_kept(self, cpu, tmp_path):
        """A run holds what it resolved to; on a machine that would take another, it goes on as it began, and ends the same."""
        cpu(avx512_bf16=True)
        whole = carried_out(tmp_path / "run", precision="auto")
        assert open_log(tmp_path / "run", write=False).config["precision"] == "bfloat16"
        cpu(bf16=True)
        assert carried_out(tmp_path / "run", precision="auto").head == whole.head
        assert carried_out(tmp_path / "other", precision="auto").digest != whole.digest
        assert open_log(tmp_path / "other", write=False).config["precision"] == "float32"
        assert replay(tmp_path / "run", verify=True).digest == whole.digest

    def test_as_if_it_was_asked_for(self, cpu, tmp_path):
        """What auto resolves to is the same run as that precision by its name."""
        cpu(amx_bf16=True)
        assert (
            carried_out(tmp_path / "a", precision="auto").digest
            == carried_out(tmp_path / "b", precision="bfloat16").digest
        )

    def test_refused_where_nothing_computes_in_it(self, cpu, tmp_path):
        """A run in bfloat16 neither begins nor goes on where a CPU would emulate it: one line, and nothing is written."""
        cpu(avx512_bf16=True)
        with pytest.raises(KeyboardInterrupt):
            carried_out(tmp_path / "run", precision="auto", report=stopped)
        head = open_log(tmp_path / "run", write=False).head()
        cpu(avx2=True)
        for folder in ("run", "new"):
            with pytest.raises(InputError, match="does not compute in bfloat16") as error:
                carried_out(tmp_path / folder, precision="bfloat16")
            assert "\n" not in str(error.value) and "AVX512-BF16" in str(error.value)
        assert open_log(tmp_path / "run", write=False).head() == head and not (tmp_path / "new").exists()

    @pytest.mark.parametrize("asked", ["auto", "bfloat16"])
    def test_a_finished_run_is_shown_anywhere(self, cpu, tmp_path, asked):
        """Nothing of it is computed again, so it matters to nobody in what this machine computes."""
        cpu(avx512_bf16=True)
        whole = carried_out(tmp_path / "run", precision="bfloat16")
        cpu(avx2=True)
        assert carried_out(tmp_path / "run", precision=asked).head == whole.head

    def test_models_of_a_replay_are_refused_too(self, cpu):
        """Whoever opens a model for a run, it computes as the run did, or not at all."""
        cpu()
        with pytest.raises(InputError, match="does not compute in bfloat16"):
            Backends(Serving(device="cpu"), precision="bfloat16").llm("pocket")


class TestDefault:
    """Whoever does not ask has what there was before there was the setting."""

    def test_in_no_record(self):
        """At their defaults, neither setting is recorded."""
        assert not {"precision", "threads"} & set(load_config(None, {}).model_dump(mode="json"))

    def test_nothing_is_looked_up(self, monkeypatch, tmp_path):
        """Without the setting, no hardware is asked for."""
        monkeypatch.setattr(precision, "_capabilities", lambda: 1 / 0)
        config = load_config(None, SMALL)
        assert settled(config, tmp_path) is config

    def test_they_decide_a_run(self, tmp_path):
        """Unlike where models are served, they are part of what a run is."""
        ids = {load_config(None, changes).id for changes in ({}, {"precision": "float32"}, {"threads": 2})}
        assert len(ids) == 3
        assert load_config(None, {"serving": {"rows": 4}}).id in ids


class TestHandedOn:
    """Models that write, and the trainer, get what the run says."""

    def test_to_backends(self):
        """A backend is opened with both; empty where the run leaves them open."""
        openings: list[Opening] = []
        BACKENDS.register("listening")(lambda opening: openings.append(opening) or fake_llm())
        serving = Serving(llm="listening")
        Backends(serving, precision="bfloat16", threads=2).llm("any")
        Backends(serving).llm("any")
        assert [(each.precision, each.threads) for each in openings] == [("bfloat16", 2), ("", None)]

    def test_to_questions_asked_beside_the_run(self, tmp_path, monkeypatch, cpu):
        """The check before a run, a questionnaire and an interview after it compute as the run does."""
        from analysis.cli.ask import ask
        from analysis.cli.interview import interview
        from analysis.cli.llm import check
        from analysis.readings.book import Book
        from analysis.readings.reading import result_of
        from analysis.ui.interview import Interviewer
        from tests.support.questionnaires import media

        cpu(avx512_bf16=True)
        carried_out(tmp_path / "run", precision="bfloat16", threads=2)
        handed_on: list[tuple[str, int | None]] = []

        def opened(opening: Opening):
            handed_on.append((opening.precision, opening.threads))
            raise InputError("enough")

        monkeypatch.setitem(BACKENDS._built_in, "transformers", opened)
        path = media(tmp_path)
        book = result_of(open_log(tmp_path / "run", write=False).read(), Book())
        doors = [
            lambda: check("pocket", arena="sales", set_=["precision=bfloat16", "threads=2"]),
            lambda: ask(tmp_path / "run", path, reader="pocket"),
            lambda: interview(tmp_path / "run", "3", reader="pocket", question=["Why?"]),
            lambda: Interviewer("transformers")._open(book),
        ]
        for door in doors:
            with pytest.raises(InputError, match="enough"):
                door()
        assert handed_on == [("bfloat16", 2)] * len(doors)

    def test_to_the_trainer(self):
        """The trainer computes as its run does, unless its own settings say otherwise."""
        config = load_config(None, {"preset": "paper", "precision": "float32", "threads": 2, "arms": ["rft"]})
        assert (lora_of(config)["rft"].precision, lora_of(config)["rft"].threads) == ("float32", 2)
        own = load_config(None, {"precision": "bfloat16", "arms": ["rft"], "lora": {"precision": "float32"}})
        assert lora_of(own)["rft"].precision == "float32"
        assert lora_of(load_config(None, {"precision": "bfloat16"}))["rft"].precision == "bf16"

    def test_one_place_for_the_engines_precision(self):
        """vLLM gets the run's; a second word on it has to be the same."""
        with pytest.raises(InputError, match=r"serving\.vllm\.dtype"):
            Backends(Serving(llm="vllm", vllm={"dtype": "half"}), precision="bfloat16").llm("pocket")


class TestReal:
    """A tiny model, asked to compute in bfloat16 with two threads."""

    @pytest.fixture(autouse=True)
    def needs(self):
        pytest.importorskip("peft", reason="needs the learn extra")
        if not precision.hardware("cpu"):
            pytest.skip("this CPU does not compute in bfloat16")

    def test_written(self, tiny_model):
        """What a process records of its models says both, and the model computes so."""
        llm = Backends(Serving(device="cpu"), precision="bfloat16", threads=2).llm(str(tiny_model))
        assert llm.place() | {"precision": "bfloat16", "threads": "2"} == llm.place()
        assert {str(weight.dtype) for weight in llm.model.parameters()} == {"torch.bfloat16"}

    def test_a_batch_answers_for_itself(self, tiny_model):
        """Whatever was computed before it, as after a kill: what its prompts share follows from the batch alone."""
        from abm.llm.local._prompts import beginning
        from abm.llm.local.backend import TransformersLLM

        texts = [f"Sell this lamp, which is made of wood, in {count} words." for count in range(10)]
        asked = [
            Request(str(i), [{"role": "user", "content": texts[i]}], Sampling(0.9, 0.95, 12), seed=i) for i in range(10)
        ]
        whole, rest = (TransformersLLM(tiny_model, device="cpu", dtype="bfloat16", batch=4) for _ in range(2))
        assert whole._ways.shared and beginning([tuple(whole.prompt_ids(each)) for each in asked])
        replies = {reply.site: reply for reply in whole.complete(asked)}
        assert len({reply.text for reply in replies.values()}) > 5
        for batch in reversed(rest.batches(asked)):
            again = list(rest.complete(batch))
            assert [replies[reply.site] for reply in again] == again

    @pytest.mark.system
    @pytest.mark.parametrize("shared", [{}, {"shared": True}], ids=["rows whole", "beginnings shared"])
    def test_learnt(self, tiny_model, tmp_path, shared):
        """The base computes in bfloat16; the adapter, which the optimiser changes, is float32, and learns, the same again."""
        from safetensors.torch import load_file

        from learning.methods import training_set
        from learning.methods.synthetic import contest, log
        from learning.training.settings import lora_settings
        from learning.training.trainer import LoRATrainer

        votes = log(*(contest(f"a{i}", [1, 1, i % 2], orders=[[0, 1], [1, 0], [1, 0]]) for i in range(5)))
        rows = training_set(votes, "rft", source_arm="shared", epoch=1, arena=arena("sales"), seed=1)
        small = {"rank": 2, "lr": 1e-2, "batch": 2, "repeat": 2, "threads": 1, "precision": "bf16"} | shared
        trained, again = (
            LoRATrainer(str(tiny_model), tmp_path).train(
                rows, parent="", settings=lora_settings("paper", small), seed=1, lineage={}
            )
            for _ in range(2)
        )
        assert trained == again
        tensors = load_file(tmp_path / trained.adapter / "adapter_model.safetensors")
        assert {str(tensor.dtype) for tensor in tensors.values()} == {"torch.float32"}
        assert trained.loss_after < trained.loss_before
        assert json.loads((tmp_path / trained.adapter / "lineage.json").read_text())["settings"]["threads"] == 1
