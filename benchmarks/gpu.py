"""How fast a lab's GPU writes and learns: ours against the way of the paper's public code, at the shape of Qwen3-8B.

Covers: rollout (new tokens a second: our decoding loop, and vLLM where it is installed, against ``model.generate`` with
right padding and eager attention) and training (tokens a second through LoRA steps of 16 trajectories: ours against
padded passes with eager attention, all logits and gradient checkpointing). The model is randomly initialised from a
configuration: no weights, no hub, no tokenizer. Both sides' rows are alike: prompts of 700 to 1,500 tokens, two
writers to each, completions of 100 to 400. Each side has as many in a batch as its memory holds, of 128 and 64; the
rival writes the first of ours. A random model ends nowhere, so each row is given its length; the rival's batch runs to
the longest of them, as it does in earnest, and only each row's own tokens count.

Rounds of both sides alternate in one process, five of them or as many as ``--minutes`` holds (at least one); the figure
is the median of the rounds. On a GPU the peak of memory is printed too. ``--shape tiny`` runs on a CPU in less than a
minute and says nothing about GPUs. Needs torch, transformers, peft, numpy, msgspec, pydantic and PyYAML, no other
package of this project's.

    python benchmarks/gpu.py                  # one GPU of 80 GB
    python benchmarks/gpu.py --shape tiny     # on a CPU
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks import gpu_work as work  # noqa: E402
from benchmarks.gpu_work import SHAPES, Shape, examples, texts, trainable, vllm_rollout  # noqa: E402
from learning.training.settings import PRESETS, LoraSettings  # noqa: E402

GOALS = {"rollout": 5.0, "training": 2.0}  # times the rival
WARM_UP = 12  # tokens a row: enough for steps to be captured


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
    """Both sides on one model, whose attention is switched between them.

    Args:
        minutes: of each part, that no round begins after if it would last longer.
    """

    def __init__(self, shape: Shape, device: Any, rounds: int, minutes: float, settings: LoraSettings) -> None:
        from learning.training.hardware import kernels

        self.shape, self.device, self.rounds, self.minutes, self.settings = shape, device, rounds, minutes, settings
        self.model = work.build(shape, device)
        self.kernel = kernels(settings, device) or "sdpa"

    def rollout(self) -> dict[str, Any]:
        """Measure writing."""
        batch = {True: self.shape.rows, False: self.shape.rival_rows}

        def side(ours: bool, shape: Shape, round_: int, rows: int) -> Timed:
            asked = texts(shape, self.shape.rows, round_)[: batch[ours]]
            self.model.set_attn_implementation("sdpa" if ours else "eager")
            write = work.our_rollout if ours else work.their_rollout
            return timed(lambda: write(self.model, asked, rows, 1000 * round_), self.device)

        return self._alternate("rollout", side, batch, "generate, right padding, eager, {} rows", "new tokens/s")

    def training(self) -> dict[str, Any]:
        """Measure learning; the model keeps its LoRA."""
        from learning.training.hardware import checkpoints, on_device

        model, optimiser = trainable(self.model, self.settings)
        longest = self.shape.prompts[1] + self.shape.completions[1]
        again = {True: checkpoints(self.settings, model, longest), False: True}

        def side(ours: bool, shape: Shape, round_: int, rows: int) -> Timed:
            learnt = examples(texts(shape, self.shape.learnt, round_), round_)
            self.model.set_attn_implementation(self.kernel if ours else "eager")
            self.model.gradient_checkpointing_disable()
            if again[ours]:
                self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            optimiser.zero_grad()
            if not ours:
                return timed(lambda: work.their_training(model, optimiser, learnt, self.settings, rows), self.device)
            settings = msgspec.structs.replace(self.settings, tokens_per_pass=rows)
            with on_device(self.device, settings):
                return timed(lambda: work.our_training(model, optimiser, learnt, settings), self.device)

        batch = {True: self.settings.tokens_per_pass, False: self.shape.rival_pass}
        line = self._alternate("training", side, batch, "padded, eager, all logits, {} rows a pass", "tokens/s")
        return line | {"attention": self.kernel, "checkpointing": again[True]}

    def _alternate(
        self, name: str, side: Callable[[bool, Shape, int, int], Timed], batch: dict[bool, int], rival: str, unit: str
    ) -> dict[str, Any]:
        """Let the sides take turns; ``batch`` is how much each does at once, and is halved until it fits."""
        most = dict(batch)
        short = self.shape._replace(completions=(min(WARM_UP, self.shape.completions[0]), WARM_UP))
        for ours in (False, True):
            self._fitting(side, ours, short, 0, most)
        found: dict[bool, list[Timed]] = {False: [], True: []}
        began = time.perf_counter()
        for round_ in range(1, self.rounds + 1):
            for ours in (False, True):
                found[ours].append(self._fitting(side, ours, self.shape, round_, most))
            if (time.perf_counter() - began) * (1 + 1 / round_) > 60 * self.minutes:
                break
        value, other = (median(one.rate for one in found[ours]) for ours in (True, False))
        line = figure(name, value, unit, rival.format(most[False]), other)
        line |= {"batch": most[True], "rounds": len(found[True])}
        if self.device.type == "cuda":
            line |= {
                "peak_gib": round(max(one.peak for one in found[True]), 1),
                "rival_peak_gib": round(max(one.peak for one in found[False]), 1),
            }
        return line

    def _fitting(
        self,
        side: Callable[[bool, Shape, int, int], Timed],
        ours: bool,
        shape: Shape,
        round_: int,
        most: dict[bool, int],
    ) -> Timed:
        """Time one side's round, with half of the batch from now on if the memory does not hold it."""
        import torch

        from moloch.errors import MolochError

        while True:
            try:
                return side(ours, shape, round_, most[ours])
            except (torch.OutOfMemoryError, MolochError):  # on_device turns the one into the other
                if most[ours] == 1:
                    raise
            most[ours] //= 2  # outside of the handler, which holds the tensors


def figure(name: str, value: float, unit: str, rival: str, other: float) -> dict[str, Any]:
    """Return one line of the output."""
    goal = GOALS[name.split(",")[0]]
    return {
        "name": name, "value": round(value, 1), "unit": unit, "rival": f"{rival}: {other:.1f}",
        "ratio": round(value / other, 2), "goal": f">= {goal:g}x", "ok": value >= goal * other,
    }  # fmt: skip


def vllm_figure(given: argparse.Namespace, rival: dict[str, Any]) -> dict[str, Any]:
    """Return vLLM's rollout, measured in a process of its own, against the rival's figure of this one."""
    command = [sys.executable, __file__, "--part", "vllm", "--shape", given.shape, "--rounds", str(given.rounds)]
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
    memory = f"  {line['rounds']} rounds" if "rounds" in line else ""
    memory += f"  peak {line['peak_gib']} GiB against {line['rival_peak_gib']}" if "peak_gib" in line else ""
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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=8, help="for the rounds of both parts together")
    parser.add_argument("--part", choices=("all", "rollout", "training", "vllm"), default="all")
    given = parser.parse_args()
    shape = SHAPES[given.shape]
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if given.part == "vllm":
        print(vllm_rollout(shape, shape.rows, given.rounds))
        return
    import torch
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if given.shape == "8b" and device.type == "cpu":
        raise SystemExit("the shape 8b needs a CUDA device; --shape tiny runs on a CPU")
    settings = (
        PRESETS["qwen3-8b"]
        if device.type == "cuda"
        else msgspec.structs.replace(PRESETS["qwen3-8b"], precision="float32")
    )
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("abm.llm.local._steps").setLevel(logging.INFO)  # says whether steps are replayed
    minutes = given.minutes / (2 if given.part == "all" else 1)
    bench = Bench(shape, device, given.rounds, minutes, settings)
    written = bench.rollout() if given.part != "training" else None
    if written:
        show(written, given.json)
    if given.part != "rollout":
        show(bench.training(), given.json)
    del bench
    if written and device.type == "cuda" and find_spec("vllm"):
        gc.collect()  # models refer to themselves
        torch.cuda.empty_cache()
        show(vllm_figure(given, written), given.json)


if __name__ == "__main__":
    main()
