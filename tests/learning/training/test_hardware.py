"""Kernels, quantisation and recomputation are what was asked for, or a clear error; estimates are held against counts."""

from __future__ import annotations

import msgspec
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from abm.llm.local.attention import PLAIN  # noqa: E402
from learning.training import hardware  # noqa: E402
from learning.training.examples import Example  # noqa: E402
from learning.training.hardware import activation_bytes, checkpoints, kernels, load_base, on_device  # noqa: E402
from learning.training.losses import row_losses, whole_inputs  # noqa: E402
from learning.training.settings import PRESETS, LoraSettings, lora_settings  # noqa: E402
from moloch.errors import InputError, MolochError  # noqa: E402
from tests.support.tiny import save_tiny_model  # noqa: E402

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
FLASH = "transformers.utils.import_utils.is_flash_attn_2_available"


class TestKernels:
    """Which attention computes."""

    @pytest.mark.parametrize(
        "device, precision, there, wanted",
        [
            (GPU, "bf16", True, "flash_attention_2"),
            (GPU, "bf16", False, None),
            (GPU, "float32", True, None),
            (CPU, "bf16", True, None),
        ],
    )
    def test_auto_takes_flash_where_it_works(self, monkeypatch, device, precision, there, wanted):
        """Installed, on a GPU, in bf16; anything else is left to transformers."""
        monkeypatch.setattr(FLASH, lambda: there)
        assert kernels(LoraSettings(precision=precision), device) == wanted

    @pytest.mark.parametrize("device, reason", [(GPU, "flash-attn is not installed"), (CPU, "needs a CUDA device")])
    def test_flash_by_name_that_cannot_be_had(self, monkeypatch, device, reason):
        """One line with the way out."""
        monkeypatch.setattr(FLASH, lambda: False)
        with pytest.raises(InputError, match=rf"{reason}.*lora\.attention"):
            kernels(LoraSettings(attention="flash_attention_2"), device)

    @pytest.mark.parametrize("name", ["sdpa", "eager"])
    def test_others_by_name(self, tiny_model, name):
        """The model that is loaded computes with them."""
        model = load_base(tiny_model, LoraSettings(attention=name, precision="float32"), CPU)
        assert model.config._attn_implementation == name


class TestQuantisation:
    """4-bit training is refused where it cannot be done."""

    @pytest.mark.parametrize(
        "changes, wanted",
        [
            ({"shared": True}, PLAIN),
            ({"shared": True, "precision": "float32"}, "sdpa"),
            ({"shared": True, "attention": "eager"}, "eager"),
            ({}, "sdpa"),
        ],
    )
    def test_plain_products_where_they_pay(self, tiny_model, changes, wanted):
        """In bf16 on a CPU, with shared beginnings, unless other attention is asked for."""
        assert load_base(tiny_model, LoraSettings(**changes), CPU).config._attn_implementation == wanted

    def test_without_a_gpu(self, tiny_model):
        """Named as the setting it is."""
        with pytest.raises(InputError, match=r"lora\.quantize: 4-bit training needs a CUDA device"):
            load_base(tiny_model, LoraSettings(quantize="4bit"), CPU)

    def test_without_bitsandbytes(self, tiny_model, monkeypatch):
        """Told what to install."""
        monkeypatch.setattr(hardware, "find_spec", lambda name: None)
        with pytest.raises(InputError, match=r"bitsandbytes: it is not installed\. pip install bitsandbytes"):
            load_base(tiny_model, LoraSettings(quantize="4bit"), GPU)


class TestMemory:
    """Activations are recomputed where they would not fit."""

    def test_said_is_done(self, tiny_model):
        """Only ``auto`` decides."""
        model = AutoModelForCausalLM.from_pretrained(tiny_model)
        for said in (True, False):
            assert checkpoints(LoraSettings(checkpointing=said), model, 10) is said
        assert checkpoints(LoraSettings(checkpointing="auto"), model, 10) is False, "small, on a CPU"
        assert checkpoints(LoraSettings(shared=True), model, 10) is False, "a beginning would be lost"

    @pytest.mark.parametrize("free, wanted", [(40, True), (1000, False)])
    def test_auto_goes_by_free_memory(self, tiny_model, monkeypatch, free, wanted):
        """On a GPU: 100 tokens a pass, of 8 bytes each."""
        model = AutoModelForCausalLM.from_pretrained(tiny_model)
        monkeypatch.setattr(type(model), "device", GPU)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * 10, 0))
        monkeypatch.setattr(hardware, "activation_bytes", lambda config, settings: 8)
        assert checkpoints(LoraSettings(checkpointing="auto", tokens_per_pass=100), model, 10) is wanted

    @pytest.mark.parametrize("architecture", ["qwen3", "llama"])
    @pytest.mark.parametrize("precision", ["bf16", "float32"])
    @pytest.mark.parametrize("dropout", [0.0, 0.05])
    def test_the_estimate_is_near_the_count(self, tmp_path, architecture, precision, dropout):
        """Of the bytes that autograd really keeps per token: not below, and not far above."""
        shape = {"hidden_size": 128, "intermediate_size": 384, "num_attention_heads": 4, "head_dim": 32}
        folder = save_tiny_model(tmp_path, architecture, **shape)
        settings = LoraSettings(precision=precision, dropout=dropout)
        model = load_base(folder, settings, CPU)
        config = LoraConfig(r=2, lora_dropout=dropout, target_modules=list(settings.targets))
        model = get_peft_model(model, config).train()
        weights = {tensor.untyped_storage().data_ptr() for tensor in model.parameters()}
        kept = {}

        def keep(tensor):
            kept[tensor.untyped_storage().data_ptr()] = tensor
            return tensor

        rows = [Example(list(range(6, 206)), 199) for _ in range(4)]
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), whole_inputs(model):
            row_losses(model.get_base_model(), rows)
        counted = sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in weights) / 800
        assert counted <= activation_bytes(model.config, settings) <= 2 * counted

    @pytest.mark.parametrize(
        "changes, helps", [({}, "set lora.checkpointing to true"), ({"shared": True}, "leave lora.shared out")]
    )
    def test_out_of_memory_is_one_line(self, changes, helps):
        """With the settings that help."""
        wanted = rf"out of GPU memory: tried to.*lora\.tokens_per_pass, now 16384, or {helps}"
        with pytest.raises(MolochError, match=wanted), on_device(CPU, LoraSettings(**changes)):
            raise torch.OutOfMemoryError("tried to allocate\nand more")

    @pytest.mark.parametrize("asks", [lambda: torch.empty(1 << 50), lambda: bytearray(1 << 60)])
    def test_out_of_main_memory_is_one_line(self, asks):
        """As torch and as Python say it on a CPU."""
        wanted = r"training ran out of memory: .*lora\.tokens_per_pass, now 16384"
        with pytest.raises(MolochError, match=wanted) as error, on_device(CPU, LoraSettings()):
            asks()
        assert "\n" not in str(error.value)


class TestPresets:
    """The paper's models have the paper's settings."""

    @pytest.mark.parametrize("name", ["qwen3-8b", "llama-3.1-8b"])
    def test_only_memory_differs(self, name):
        """What decides what is learnt is the paper's; what bounds memory is for one GPU."""
        memory = {"tokens_per_pass": 16384, "checkpointing": True}
        assert msgspec.structs.replace(PRESETS[name], **memory) == PRESETS["paper"]

    def test_settings_of_older_runs_are_read(self):
        """What a log says without the newer settings means what it meant."""
        assert lora_settings("paper", {}).processes == 1
        assert msgspec.convert({"rank": 16}, LoraSettings) == PRESETS["paper"]
