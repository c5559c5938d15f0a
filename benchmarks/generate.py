"""How fast writers write: our decoding loop against ``model.generate`` of transformers, on the same prompts.

Covers: the pocket model at a temperature of 0.7, two writers per anchor as in a contest, from chat messages to text,
and with all prompts different. Rounds of both sides alternate in one process on one thread;
the figure is the median of the rounds. Tokens are those before each end token. Run it with ``--json`` for one line
per figure.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])

from abm.arenas import arena  # noqa: E402
from abm.arenas.anchors import load_anchors  # noqa: E402
from abm.llm import Request, Sampling  # noqa: E402

ROUNDS = 5
MAX_TOKENS = 96
GOAL = 1.3  # times the rival
WRITERS = (2, 1)  # about one anchor; two share a prompt


def requests(rows: int, writers: int, round_: int) -> list[Request]:
    """Return ``rows`` calls about built-in anchors, ``writers`` about each."""
    rules = arena("sales")
    anchors = load_anchors(None, rules).train
    sampling = Sampling(temperature=0.7, max_tokens=MAX_TOKENS)
    return [
        Request(
            site=str(i), messages=rules.write_prompt(anchors[(i // writers) % len(anchors)].text), sampling=sampling,
            seed=1_000 * round_ + i,
        )
        for i in range(rows)
    ]  # fmt: skip


def ours(llm: Any, asked: list[Request]) -> int:
    """Return the tokens that our loop wrote."""
    return sum(reply.tokens_out for reply in llm.complete(asked))


def theirs(model: Any, tokenizer: Any, asked: list[Request]) -> int:
    """Return the tokens that transformers wrote, read back to text as ours are."""
    import torch

    texts = [
        tokenizer.apply_chat_template(request.messages, tokenize=False, add_generation_prompt=True) for request in asked
    ]
    batch = tokenizer(texts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt")
    batch.pop("token_type_ids", None)
    with torch.inference_mode():
        out = model.generate(**batch, do_sample=True, temperature=0.7, top_k=0, top_p=1.0, max_new_tokens=MAX_TOKENS)
    new = out[:, batch["input_ids"].shape[1] :]
    tokenizer.batch_decode(new, skip_special_tokens=True)
    ended = (new == tokenizer.eos_token_id).long().cumsum(1) > 0
    return int((~ended).sum())


def rate(work: Callable[[], int]) -> float:
    """Return tokens per second."""
    began = time.perf_counter()
    tokens = work()
    return tokens / (time.perf_counter() - began)


def bench(rows: int, writers: int, llm: Any, model: Any) -> dict[str, Any]:
    """Write the same prompts with both, alternately."""
    import torch

    our_rates, their_rates = [], []
    for round_ in range(ROUNDS):
        asked = requests(rows, writers, round_)
        torch.manual_seed(round_)
        their_rates.append(rate(lambda asked=asked: theirs(model, llm.tokenizer, asked)))
        our_rates.append(rate(lambda asked=asked: ours(llm, asked)))
    value, rival = median(our_rates), median(their_rates)
    return {
        "name": f"generate, {rows} rows, {writers} per anchor", "value": round(value), "unit": "tokens/s",
        "rival": f"transformers generate: {round(rival)}", "ratio": round(value / rival, 3), "goal": f">= {GOAL}x",
        "ok": value >= GOAL * rival,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--model", default="pocket", help="'pocket' or a model's folder")
    parser.add_argument("--rows", type=int, default=64, help="rows in a batch")
    given = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch

    from abm.llm.local.backend import TransformersLLM

    torch.set_num_threads(1)
    llm, rival = (TransformersLLM(given.model, device="cpu", threads=1) for _ in range(2))
    ours(llm, requests(8, 1, 0))
    theirs(rival.model, rival.tokenizer, requests(8, 1, 0))
    for writers in WRITERS:
        line = bench(given.rows, writers, llm, rival.model)
        if given.json:
            print(json.dumps(line), flush=True)
        else:
            print(
                f"{line['name']:34} {line['value']:>7,} {line['unit']:9} {line['ratio']:>6}x  {line['rival']}"
                f"  goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
