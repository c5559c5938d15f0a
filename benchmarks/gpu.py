"""How fast a lab's GPU writes and learns: ours against the way of the paper's public code, at the shape of Qwen3-8B.

Covers: rollout (new tokens a second: our decoding loop, and vLLM where it is installed, against ``model.generate`` with
right padding and eager attention) and training (tokens a second through LoRA steps of 16 trajectories: ours against
padded passes with eager attention, all logits and gradient checkpointing). The model is randomly initialised from a
configuration: no weights, no hub, no tokenizer. Both sides have the same rows: prompts of 700 to 1,500 tokens, two
writers to each, completions of 100 to 400. A random model ends nowhere, so each row is given its length; the rival's
batch runs to the longest of them, as it does in earnest, and only each row's own tokens count.

Rounds of both sides alternate in one process; the figure is the median of the rounds. On a GPU the peak of memory is
printed too. ``--shape tiny`` runs on a CPU in less than a minute and says nothing about GPUs. Needs torch, transformers,
peft and what ``abm.llm`` and ``learning.training`` import; neither trl, polars, mesa nor vllm.

    python -m benchmarks.gpu                  # one GPU of 80 GB
    python -m benchmarks.gpu --shape tiny     # on a CPU
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from statistics import median
from typing import Any, NamedTuple

import msgspec
import numpy as np

from learning.examples import Example
from learning.lora import PRESETS, LoraSettings

GOALS = {"rollout": 5.0, "training": 2.0}  # times the rival
TEMPERATURE = 0.7
WRITERS = 2  # about one anchor; they share a prompt


class Shape(NamedTuple):
    """A model and the texts that it meets: lengths in tokens, the ends included."""

    config: dict[str, int]
    prompts: tuple[int, int]
    completions: tuple[int, int]
    rows: int
    rival_pass: int  # rows of one of the rival's passes


SHAPES = {
    "8b": Shape(
        {"vocab_size": 151_936, "hidden_size": 4096, "intermediate_size": 12_288, "num_hidden_layers": 36,
         "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 40_960},
        (700, 1500), (100, 400), 64, 4,
    ),
    "tiny": Shape(
        {"vocab_size": 8192, "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 512},
        (60, 120), (10, 30), 16, 4,
    ),
}  # fmt: skip


class Text(NamedTuple):
    """A prompt and how many tokens follow it."""

    prompt: list[int]
    length: int


class Timed(NamedTuple):
    """Tokens a second, and the most memory that was taken, in GiB (0 on a CPU)."""

    rate: float
    peak: float


def texts(shape: Shape, rows: int, seed: int) -> list[Text]:
    """Return ``rows`` random texts, ``WRITERS`` to a prompt."""
    random = np.random.default_rng(seed)
    prompts = [
        random.integers(10, shape.config["vocab_size"] - 10, random.integers(*shape.prompts, endpoint=True)).tolist()
        for _ in range(-(-rows // WRITERS))
    ]
    return [Text(prompts[i // WRITERS], int(random.integers(*shape.completions, endpoint=True))) for i in range(rows)]


def build(shape: Shape, device: Any) -> Any:
    """Return a random model of the shape on the device: bfloat16 on a GPU, float32 on a CPU."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model("qwen3", **shape.config, tie_word_embeddings=False)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    with device:
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()


def timed(work: Callable[[], int], device: Any) -> Timed:
    """Do the work, which returns its tokens."""
    import torch

    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    tokens = work()
    if cuda:
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - began
    return Timed(tokens / seconds, torch.cuda.max_memory_allocated(device) / 2**30 if cuda else 0.0)


# -- rollout -----------------------------------------------------------------------------------------------


def our_rollout(model: Any, asked: Sequence[Text], batch: int, seed: int) -> int:
    """Return the tokens that our loop writes: batches of like length, as the backend makes them."""
    from abm.llm.decode import Row, decode

    rows = [Row(text.prompt, seed + i, TEMPERATURE, 1.0, text.length) for i, text in enumerate(asked)]
    rows.sort(key=lambda row: len(row.prompt))
    parts = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    return sum(len(row.tokens) for part in parts for row in decode(model, part, pad=0, stops=set()))


def their_rollout(model: Any, asked: Sequence[Text], batch: int, seed: int) -> int:
    """Return the tokens of each row's own length that ``generate`` writes, padded on the right, in the given order."""
    import torch

    torch.manual_seed(seed)
    for start in range(0, len(asked), batch):
        part = asked[start : start + batch]
        longest = max(len(text.prompt) for text in part)
        ids = torch.tensor([text.prompt + [0] * (longest - len(text.prompt)) for text in part], device=model.device)
        mask = torch.tensor([[1] * len(text.prompt) + [0] * (longest - len(text.prompt)) for text in part])
        new = max(text.length for text in part)
        with torch.inference_mode():
            model.generate(
                input_ids=ids, attention_mask=mask.to(model.device), do_sample=True, temperature=TEMPERATURE, top_k=0,
                top_p=1.0, max_new_tokens=new, min_new_tokens=new, pad_token_id=0,
            )  # fmt: skip
    return sum(text.length for text in asked)


def vllm_rollout(shape: Shape, rows: int, rounds: int) -> None:
    """Print vLLM's tokens a second; meant for a process of its own, since it takes most of the memory."""
    from transformers import AutoConfig
    from vllm import LLM, SamplingParams

    with tempfile.TemporaryDirectory() as folder:
        config = AutoConfig.for_model("qwen3", **shape.config, tie_word_embeddings=False)
        config.architectures = ["Qwen3ForCausalLM"]
        config.save_pretrained(folder)
        engine = LLM(
            folder, load_format="dummy", skip_tokenizer_init=True, seed=0, enable_prefix_caching=True,
            max_model_len=shape.prompts[1] + shape.completions[1],
        )  # fmt: skip
        rates = []
        for round_ in range(rounds + 1):
            asked = texts(shape, rows, round_)
            settings = [
                SamplingParams(
                    temperature=TEMPERATURE, max_tokens=text.length, ignore_eos=True, seed=i, detokenize=False
                )
                for i, text in enumerate(asked)
            ]
            began = time.perf_counter()
            found = engine.generate([{"prompt_token_ids": text.prompt} for text in asked], settings, use_tqdm=False)
            rates.append(sum(len(one.outputs[0].token_ids) for one in found) / (time.perf_counter() - began))
    print(json.dumps(median(rates[1:])))  # the first warms up


# -- training ----------------------------------------------------------------------------------------------


def trainable(model: Any, settings: LoraSettings) -> tuple[Any, Any]:
    """Return the model with a LoRA, and its optimiser."""
    import torch
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, lora_dropout=settings.dropout, target_modules=list(settings.targets),
        task_type="CAUSAL_LM",
    )  # fmt: skip
    model = get_peft_model(model, config).train()
    return model, torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=settings.lr)


def examples(asked: Sequence[Text], seed: int) -> list[Example]:
    """Return the texts as trajectories to learn."""
    random = np.random.default_rng(seed)
    return [
        Example([*text.prompt, *random.integers(10, 1000, text.length).tolist()], len(text.prompt), 1.0, True)
        for text in asked
    ]


def our_training(model: Any, optimiser: Any, rows: Sequence[Example], settings: LoraSettings) -> int:
    """Return the tokens of our steps."""
    from learning.training.losses import packs, step_losses

    base = model.get_base_model()
    for start in range(0, len(rows), settings.batch):
        for loss in step_losses(base, rows[start : start + settings.batch], settings.tokens_per_pass, pack=packs(base)):
            loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return sum(len(row.ids) for row in rows)


def their_training(model: Any, optimiser: Any, rows: Sequence[Example], settings: LoraSettings, each: int) -> int:
    """Return the tokens of the rival's steps: ``each`` rows a pass in the given order, the library's loss on all logits."""
    import torch

    base = model.get_base_model()
    for start in range(0, len(rows), settings.batch):
        step = rows[start : start + settings.batch]
        learnt = sum(row.learnt for row in step)
        for place in range(0, len(step), each):
            part = step[place : place + each]
            longest = max(len(row.ids) for row in part)
            ids = torch.zeros((len(part), longest), dtype=torch.long)
            mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
            for i, row in enumerate(part):
                ids[i, : len(row.ids)] = torch.tensor(row.ids)
                mask[i, : len(row.ids)] = 1
                labels[i, row.start : len(row.ids)] = ids[i, row.start : len(row.ids)]
            batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
            batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
            base(**batch, use_cache=False, num_items_in_batch=learnt).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return sum(len(row.ids) for row in rows)


# -- both --------------------------------------------------------------------------------------------------


class Bench:
    """Both sides on one model, whose attention is switched between them."""

    def __init__(self, shape: Shape, device: Any, rows: int, rounds: int, settings: LoraSettings) -> None:
        from learning.training.hardware import kernels

        self.shape, self.device, self.rows, self.rounds, self.settings = shape, device, rows, rounds, settings
        self.model = build(shape, device)
        self.kernel = kernels(settings, device) or "sdpa"
        self.each = shape.rival_pass

    def rollout(self) -> dict[str, Any]:
        """Measure writing."""

        def side(ours: bool, round_: int, rows: int) -> Timed:
            asked = texts(self.shape, rows, round_)
            self.model.set_attn_implementation("sdpa" if ours else "eager")
            work = our_rollout if ours else their_rollout
            return timed(lambda: work(self.model, asked, rows, 1000 * round_), self.device)

        return self._alternate("rollout", side, f"generate, right padding, eager, {self.rows} rows", "new tokens/s")

    def training(self) -> dict[str, Any]:
        """Measure learning; the model keeps its LoRA."""
        from learning.training.hardware import checkpoints

        model, optimiser = trainable(self.model, self.settings)
        ours_again = checkpoints(self.settings, model, sum((self.shape.prompts[1], self.shape.completions[1])))

        def side(ours: bool, round_: int, rows: int) -> Timed:
            learnt = examples(texts(self.shape, rows, round_), round_)
            self.model.set_attn_implementation(self.kernel if ours else "eager")
            if ours_again or not ours:
                self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            else:
                self.model.gradient_checkpointing_disable()
            if ours:
                return timed(lambda: our_training(model, optimiser, learnt, self.settings), self.device)
            return self._fitting(model, optimiser, learnt)

        line = self._alternate("training", side, f"padded, eager, all logits, {self.each} rows a pass", "tokens/s")
        line["rival"] = line["rival"].replace(f"{self.shape.rival_pass} rows a pass", f"{self.each} rows a pass")
        return line | {"attention": self.kernel, "checkpointing": ours_again}

    def _fitting(self, model: Any, optimiser: Any, learnt: Sequence[Example]) -> Timed:
        """Let the rival train with as many rows a pass as the memory holds."""
        import torch

        while True:
            try:
                return timed(lambda: their_training(model, optimiser, learnt, self.settings, self.each), self.device)
            except torch.OutOfMemoryError:
                if self.each == 1:
                    raise
                self.each //= 2
            optimiser.zero_grad()

    def _alternate(self, name: str, side: Callable[[bool, int, int], Timed], rival: str, unit: str) -> dict[str, Any]:
        side(False, 0, min(self.rows, 4)), side(True, 0, min(self.rows, 4))  # warm up
        theirs, ours = [], []
        for round_ in range(1, self.rounds + 1):
            theirs.append(side(False, round_, self.rows))
            ours.append(side(True, round_, self.rows))
        value, other = (median(one.rate for one in found) for found in (ours, theirs))
        line = figure(name, value, unit, rival, other)
        if self.device.type == "cuda":
            line |= {
                "peak_gib": round(max(one.peak for one in ours), 1),
                "rival_peak_gib": round(max(one.peak for one in theirs), 1),
            }
        return line


def figure(name: str, value: float, unit: str, rival: str, other: float) -> dict[str, Any]:
    """Return one line of the output."""
    goal = GOALS[name.split(",")[0]]
    return {
        "name": name, "value": round(value, 1), "unit": unit, "rival": f"{rival}: {other:.1f}",
        "ratio": round(value / other, 2), "goal": f">= {goal:g}x", "ok": value >= goal * other,
    }  # fmt: skip


def vllm_figure(given: argparse.Namespace, rival: dict[str, Any]) -> dict[str, Any]:
    """Return vLLM's rollout, measured in a process of its own, against the rival's figure of this one."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--part", "vllm", "--shape", given.shape]
    command += ["--rows", str(given.rows), "--rounds", str(given.rounds)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(f"vLLM failed: {found.stderr.strip().splitlines()[-1]}")
    name, _, other = rival["rival"].rpartition(": ")
    return figure("rollout, vLLM", json.loads(found.stdout.strip().splitlines()[-1]), rival["unit"], name, float(other))


def show(line: dict[str, Any], as_json: bool) -> None:
    """Print a figure."""
    if as_json:
        print(json.dumps(line), flush=True)
        return
    memory = f"  peak {line['peak_gib']} GiB against {line['rival_peak_gib']}" if "peak_gib" in line else ""
    print(
        f"{line['name']:14} {line['value']:>9,.1f} {line['unit']:12} {line['ratio']:>6}x  {line['rival']}{memory}"
        f"  goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--shape", choices=SHAPES, default="8b", help="of the model; tiny is for a CPU")
    parser.add_argument("--rows", type=int, default=0, help="rows of a round, decoded in one batch by both sides")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part", choices=("all", "rollout", "training", "vllm"), default="all")
    given = parser.parse_args()
    shape = SHAPES[given.shape]
    given.rows = given.rows or shape.rows
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if given.part == "vllm":
        return vllm_rollout(shape, given.rows, given.rounds)
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if given.shape == "8b" and device.type == "cpu":
        raise SystemExit("the shape 8b needs a CUDA device; --shape tiny runs on a CPU")
    settings = (
        PRESETS["qwen3-8b"]
        if device.type == "cuda"
        else msgspec.structs.replace(PRESETS["qwen3-8b"], precision="float32")
    )
    bench = Bench(shape, device, given.rows, given.rounds, settings)
    written = bench.rollout() if given.part != "training" else None
    if written:
        show(written, given.json)
    if given.part != "rollout":
        show(bench.training(), given.json)
    del bench
    if written and device.type == "cuda" and find_spec("vllm"):
        torch.cuda.empty_cache()
        show(vllm_figure(given, written), given.json)


if __name__ == "__main__":
    main()
