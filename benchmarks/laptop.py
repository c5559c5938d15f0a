"""What a laptop gains from bfloat16: a real model's writing and learning against those of the first release.

Covers: decoding (tokens a second: bfloat16, and top_p without sorting the vocabulary, against float32 with a sort at each
step, as the first release wrote) and training (tokens a second of LoRA steps: bfloat16 base against float32). Both sides
have the same prompts, rows and one thread. Rounds alternate in one process; the figure is the median of the rounds. Times are
the processor's, so that a machine's other work moves them less. Needs a CPU that computes in bfloat16, and the model:

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

sys.path[0] = str(Path(__file__).resolve().parents[1])

from abm.arenas import arena  # noqa: E402
from abm.arenas.anchors import load_anchors  # noqa: E402
from abm.llm import Request, Sampling  # noqa: E402
from benchmarks.gpu_work import our_training, trainable  # noqa: E402
from learning.training.examples import Example  # noqa: E402
from learning.training.settings import PRESETS  # noqa: E402
from moloch.errors import InputError  # noqa: E402

GOALS = {"decoding": 2.5, "training": 1.7}  # times the rival
ROUNDS = 5
TOP_P = 0.95
LEARNT = 48  # tokens of a completion to learn, behind its prompt


def sorting(probabilities: Any, top_p: Any) -> Any:
    """Return each row's nucleus as the first release found it: all tokens sorted."""
    import torch

    ranked, order = probabilities.sort(dim=-1, descending=True, stable=True)
    belongs = (ranked.cumsum(-1) - ranked) < top_p
    belongs[:, 0] = True
    return torch.zeros_like(belongs).scatter(-1, order, belongs)


@contextmanager
def drawn_by(nucleus: Callable[..., Any]) -> Iterator[None]:
    """Let the decoding loop find nuclei so."""
    from abm.llm.local import _decode

    ours, _decode.nucleus = _decode.nucleus, nucleus
    try:
        yield
    finally:
        _decode.nucleus = ours


def prompts() -> list[list[dict[str, str]]]:
    """Return prompts about built-in anchors."""
    rules = arena("sales")
    return [rules.write_prompt(anchor.text) for anchor in load_anchors(None, rules).train]


def decoding(llm: Any, round_: int, rows: int, tokens: int) -> int:
    """Return the tokens that a model wrote, two rows to a prompt."""
    asked = prompts()[round_ * rows : (round_ + 1) * rows]
    sampling = Sampling(temperature=0.7, top_p=TOP_P, max_tokens=tokens)
    requests = [Request(str(i), asked[i // 2], sampling, 100 * round_ + i) for i in range(rows)]
    return sum(reply.tokens_out for reply in llm.complete(requests))


def texts(llm: Any, rows: int) -> list[Example]:
    """Return prompts, and the beginning of other ones as what is learnt: their length is what counts here."""
    found = [llm.prompt_ids(Request(str(i), asked, Sampling(), 0)) for i, asked in enumerate(prompts()[: 2 * rows])]
    return [Example(ids + other[:LEARNT], len(ids)) for ids, other in zip(found[:rows], found[rows:], strict=True)]


def rate(work: Callable[[], int]) -> float:
    """Return tokens per second of the processor."""
    began = time.process_time()
    tokens = work()
    return tokens / (time.process_time() - began)


def compared(
    name: str, ours: Callable[[int], int], theirs: Callable[[int], int], rounds: int, rival: str
) -> dict[str, Any]:
    """Do both sides' work alternately, after one round that is not counted; return the figure."""
    rates: list[tuple[float, float]] = []
    for round_ in range(rounds + 1):
        slow = rate(lambda round_=round_: theirs(round_))
        rates.append((rate(lambda round_=round_: ours(round_)), slow))
    value, other = (median(side) for side in zip(*rates[1:], strict=True))
    return {
        "name": name, "value": round(value, 2), "unit": "tokens/s", "rival": f"{rival}: {round(other, 2)}",
        "ratio": round(value / other, 3), "goal": f">= {GOALS[name]}x", "ok": value >= GOALS[name] * other,
    }  # fmt: skip


def figures(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure decoding, then training on the same two models."""
    import torch

    from abm.llm import precision
    from abm.llm.local.backend import TransformersLLM

    precision.check("bfloat16", "cpu")
    torch.set_num_threads(1)
    ours, theirs = (
        TransformersLLM(given.model, device="cpu", dtype=dtype, threads=1) for dtype in ("bfloat16", "float32")
    )

    def first_release(round_: int) -> int:
        with drawn_by(sorting):
            return decoding(theirs, round_, given.rows, given.tokens)

    yield compared(
        "decoding",
        lambda round_: decoding(ours, round_, given.rows, given.tokens),
        first_release,
        given.rounds,
        "the first release's, float32 and sorted",
    )
    settings, rows = PRESETS["paper"], texts(ours, given.learnt)
    sides = [trainable(llm.model, settings) for llm in (ours, theirs)]
    for model, _ in sides:
        for weight in model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()  # as the trainer has it
    yield compared(
        "training",
        lambda round_: our_training(*sides[0], rows, settings),
        lambda round_: our_training(*sides[1], rows, settings),
        given.rounds,
        "float32",
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--model", default="smollm2", help="an added model or a folder")
    parser.add_argument("--rows", type=int, default=16, help="rows decoded together")
    parser.add_argument("--tokens", type=int, default=16, help="that each of them gets")
    parser.add_argument("--learnt", type=int, default=2, help="texts of a round of training")
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
