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
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from statistics import median
from typing import Any, NamedTuple

import msgspec

from benchmarks import gpu_work as work
from benchmarks.gpu_work import SHAPES, Shape, examples, texts, trainable, vllm_rollout
from learning.examples import Example
from learning.lora import PRESETS, LoraSettings

GOALS = {"rollout": 5.0, "training": 2.0}  # times the rival


class Timed(NamedTuple):
    """Tokens a second, and the most memory that was taken, in GiB (0 on a CPU)."""

    rate: float
    peak: float


def timed(task: Callable[[], int], device: Any) -> Timed:
    """Do the work, which returns its tokens."""
    import torch

    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    tokens = task()
    if cuda:
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - began
    return Timed(tokens / seconds, torch.cuda.max_memory_allocated(device) / 2**30 if cuda else 0.0)


class Bench:
    """Both sides on one model, whose attention is switched between them."""

    def __init__(self, shape: Shape, device: Any, rows: int, rounds: int, settings: LoraSettings) -> None:
        from learning.training.hardware import kernels

        self.shape, self.device, self.rows, self.rounds, self.settings = shape, device, rows, rounds, settings
        self.model = work.build(shape, device)
        self.kernel = kernels(settings, device) or "sdpa"
        self.each = shape.rival_pass

    def rollout(self) -> dict[str, Any]:
        """Measure writing."""

        def side(ours: bool, round_: int, rows: int) -> Timed:
            asked = texts(self.shape, rows, round_)
            self.model.set_attn_implementation("sdpa" if ours else "eager")
            write = work.our_rollout if ours else work.their_rollout
            return timed(lambda: write(self.model, asked, rows, 1000 * round_), self.device)

        return self._alternate("rollout", side, f"generate, right padding, eager, {self.rows} rows", "new tokens/s")

    def training(self) -> dict[str, Any]:
        """Measure learning; the model keeps its LoRA."""
        from learning.training.hardware import checkpoints, on_device

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
                with on_device(self.device, self.settings):
                    return timed(lambda: work.our_training(model, optimiser, learnt, self.settings), self.device)
            return self._fitting(model, optimiser, learnt)

        line = self._alternate("training", side, f"padded, eager, all logits, {self.each} rows a pass", "tokens/s")
        line["rival"] = line["rival"].replace(f"{self.shape.rival_pass} rows a pass", f"{self.each} rows a pass")
        return line | {"attention": self.kernel, "checkpointing": ours_again}

    def _fitting(self, model: Any, optimiser: Any, learnt: Sequence[Example]) -> Timed:
        """Let the rival train with as many rows a pass as the memory holds."""
        import torch

        while True:
            try:
                return timed(
                    lambda: work.their_training(model, optimiser, learnt, self.settings, self.each), self.device
                )
            except torch.OutOfMemoryError:
                if self.each == 1:
                    raise
                self.each //= 2
            optimiser.zero_grad()

    def _alternate(self, name: str, side: Callable[[bool, int, int], Timed], rival: str, unit: str) -> dict[str, Any]:
        for ours in (False, True):
            side(ours, 0, min(self.rows, 4))  # warm up
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
        print(vllm_rollout(shape, given.rows, given.rounds))
        return
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
