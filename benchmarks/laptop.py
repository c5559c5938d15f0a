"""What a laptop gains: a real model's writing and learning under the laptop profile against those of the first release.

Covers: decoding (tokens a second of one batch of the profile: its prompts, two writers to each, its sampling and its rows) and
training (tokens a second of one step of its learning: prompts, and as many tokens behind each as its writers may write).
Ours is as ``moloch run --profile laptop`` computes. The rival is as 0.1 computed the same, with the same settings of sampling and
learning: in float32, each prompt read whole, the vocabulary sorted at each step of decoding, each row of training computed whole.
Both sides have one thread. Rounds alternate in one process; the figure is the median of the rounds. Times are the processor's, so
that a machine's other work moves them less. Needs a CPU that computes in bfloat16, and the model:

    moloch model add smollm2
    python benchmarks/laptop.py
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

sys.path[0] = str(Path(__file__).resolve().parents[1])

from abm.arenas.anchors import load_anchors  # noqa: E402
from abm.llm import Request, Sampling  # noqa: E402
from abm.llm.folders import model_folder  # noqa: E402
from benchmarks.gpu_work import our_training, trainable  # noqa: E402
from learning.methods import Row  # noqa: E402
from learning.runs.inputs import lora_of  # noqa: E402
from learning.settings.config import RunConfig  # noqa: E402
from learning.settings.sources import load_config  # noqa: E402
from learning.training.examples import Example, encode  # noqa: E402
from learning.training.hardware import load_base  # noqa: E402
from learning.training.settings import LoraSettings  # noqa: E402
from moloch.errors import InputError  # noqa: E402

GOALS = {"decoding": 2.5, "training": 1.7}  # times the rival
ROUNDS = 3
WRITERS = 2  # about one anchor; they share a prompt


def sorting(logits: Any, draws: Any, temperature: Any, top_p: Any) -> Any:
    """Return one token per row as the first release drew it: all tokens sorted, all of them summed up."""
    import torch

    probabilities = torch.softmax(logits.float() / torch.where(temperature == 0, 1.0, temperature), dim=-1)
    ranked, order = probabilities.sort(dim=-1, descending=True, stable=True)
    belongs = (ranked.cumsum(-1) - ranked) < top_p
    belongs[:, 0] = True
    probabilities = probabilities * torch.zeros_like(belongs).scatter(-1, order, belongs)
    cumulative = probabilities.cumsum(-1)
    total = cumulative[:, -1:]
    below = torch.nextafter(total, torch.zeros_like(total))
    return torch.searchsorted(cumulative, torch.minimum(draws[:, None] * total, below), right=True).squeeze(1)


@contextmanager
def drawn_by(sample: Callable[..., Any]) -> Iterator[None]:
    """Let the decoding loop draw so."""
    from abm.llm.local import _decode

    ours, _decode.sample = _decode.sample, sample
    try:
        yield
    finally:
        _decode.sample = ours


def prompts(config: RunConfig) -> list[list[dict[str, str]]]:
    """Return the run's prompts about anchors to learn from."""
    rules = config.rules()
    return [rules.write_prompt(anchor.text) for anchor in load_anchors(config.anchors, rules).train]


def decoding(llm: Any, config: RunConfig, round_: int, rows: int) -> int:
    """Return the tokens that a model wrote for one batch."""
    asked, sampling = prompts(config), Sampling(**config.sampling.model_dump())
    requests = [
        Request(str(i), asked[(round_ * rows + i) // WRITERS % len(asked)], sampling, 100 * round_ + i)
        for i in range(rows)
    ]
    return sum(reply.tokens_out for reply in llm.complete(requests))


def texts(model: str, config: RunConfig, rows: int) -> list[Example]:
    """Return prompts and the end of other ones behind them as what is learnt: their length is what counts here."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder(model), local_files_only=True)
    asked = [Row(prompt, "", 1.0, "trajectory", "", "", [], ended=False) for prompt in prompts(config)]
    ids = [encode(row, tokenizer).ids for row in asked]
    learnt = config.sampling.max_tokens
    return [Example(ids[i] + ids[rows + i][-learnt:], len(ids[i])) for i in range(rows)]


def learner(model: str, settings: LoraSettings) -> Callable[[list[Example]], int]:
    """Return what takes one step on rows with a fresh adapter, on a base model as the trainer has it, and returns their tokens."""
    import torch

    base = load_base(model_folder(model), settings, torch.device("cpu"))
    adapted, optimiser = trainable(base, settings)
    for weight in adapted.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return lambda rows: our_training(adapted, optimiser, rows, settings)


def rate(work: Callable[[], int]) -> float:
    """Return tokens per second of the processor."""
    began = time.process_time()
    tokens = work()
    return tokens / (time.process_time() - began)


def compared(
    name: str, ours: Callable[[int], int], theirs: Callable[[int], int], rounds: int, rival: str
) -> dict[str, Any]:
    """Do both sides' work alternately, and return the figure."""
    rates = [
        (rate(lambda round_=round_: ours(round_)), rate(lambda round_=round_: theirs(round_)))
        for round_ in range(rounds)
    ]
    value, other = (median(side) for side in zip(*rates, strict=True))
    return {
        "name": name, "value": round(value, 2), "unit": "tokens/s", "rival": f"{rival}: {round(other, 2)}",
        "ratio": round(value / other, 3), "goal": f">= {GOALS[name]}x", "ok": value >= GOALS[name] * other,
    }  # fmt: skip


def writing(given: argparse.Namespace, config: RunConfig) -> dict[str, Any]:
    """Measure decoding."""
    from abm.llm.local.backend import TransformersLLM

    ours, theirs = (
        TransformersLLM(given.model, device="cpu", dtype=dtype, threads=1) for dtype in ("bfloat16", "float32")
    )
    few = config.model_copy(update={"sampling": config.sampling.model_copy(update={"max_tokens": 2})})

    def first_release(config: RunConfig, round_: int) -> int:
        with drawn_by(sorting):
            return decoding(theirs, config, round_, given.rows)

    decoding(ours, few, 0, given.rows)
    first_release(few, 0)
    return compared(
        "decoding",
        lambda round_: decoding(ours, config, round_, given.rows),
        lambda round_: first_release(config, round_),
        given.rounds,
        "the first release's, float32, prompts whole, sorted",
    )


def learning(given: argparse.Namespace, config: RunConfig) -> dict[str, Any]:
    """Measure training."""
    settings = msgspec.structs.replace(lora_of(config)["rft"], precision="bf16")
    plain = msgspec.structs.replace(settings, precision="float32", shared=False, checkpointing=False)
    rows = texts(given.model, config, given.learnt)
    ours, theirs = learner(given.model, settings), learner(given.model, plain)
    ours(rows[:2])
    theirs(rows[:2])
    return compared(
        "training",
        lambda round_: ours(rows),
        lambda round_: theirs(rows),
        given.rounds,
        "the first release's, float32, rows whole",
    )


def figures(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure decoding, then training."""
    import torch

    from abm.llm import precision

    precision.check("bfloat16", "cpu")
    torch.set_num_threads(1)
    changes = [f"sampling.max_tokens={given.tokens}"] if given.tokens else []
    config = load_config(None, {"model": given.model}, changes, profile="laptop")
    yield writing(given, config)
    yield learning(given, config)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--model", default="smollm2", help="an added model or a folder")
    parser.add_argument("--rows", type=int, default=32, help="rows decoded together")
    parser.add_argument("--tokens", type=int, help="most that each of them gets, if not the profile's")
    parser.add_argument("--learnt", type=int, default=16, help="texts of a step of training")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        for line in figures(given):
            if given.json:
                print(json.dumps(line), flush=True)
            else:
                print(
                    f"{line['name']:10} {line['value']:>8,} {line['unit']:9} {line['ratio']:>6}x  {line['rival']}"
                    f"  goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}",
                    flush=True,
                )
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
