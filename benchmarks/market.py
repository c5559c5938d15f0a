"""What a market costs: learners that compete in one step against as many arms alone, and steps of DPO and GRPO against TRL's own.

Covers: messages that n learners write about the same anchors in one step, against steps of as many arms alone that write as many messages about
an anchor (with one message each, that is a pass for each learner); trainings of a market and of as many arms, from the plan; an optimiser step of
the preference and of the policy loss against TRL's trainer (its ``_compute_loss``, with log-probabilities of the reference handed to it), both with a backward pass, clipping and AdamW on the same
model and rows; how far the losses are apart; and what a placebo twin's training costs. The pocket model, one thread. Sides alternate in one process; a
figure is the median of the rounds, a ratio the median of the rounds' ratios, and times are the processor's. Run it with ``--json`` for one line per figure.

Contests, votes and adapters are made up: figures say what is computed, nothing of what is learnt.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path[0] = str(Path(__file__).resolve().parents[1])

from abm.arenas import arena  # noqa: E402
from abm.arenas.anchors import load_anchors  # noqa: E402
from abm.llm import Request, Sampling  # noqa: E402
from benchmarks.market_rows import Losses, TRLPairs, TRLPolicy, adapted, made_up, random_adapter, step_of  # noqa: E402

ROUNDS = 5
MAX_TOKENS = 96
ALIKE = 1e-4
"""How far losses may be from TRL's."""


class Side(NamedTuple):
    """What is timed: a piece of work, and how many units it does at each call."""

    work: Callable[[int], object]
    units: int


def timed(sides: Sequence[Side], rounds: int) -> list[list[float]]:
    """Return the milliseconds of the processor that a unit took on each side, by round; one more round comes before."""
    took: list[list[float]] = [[] for _ in sides]
    for round_ in range(rounds + 1):
        for own, side in zip(took, sides, strict=True):
            began = time.process_time()
            side.work(round_)
            own.append((time.process_time() - began) * 1e3 / side.units)
    return [own[1:] for own in took]


def against(
    name: str, unit: str, ours: list[float], theirs: list[float], rival: str, goal: float | None
) -> dict[str, Any]:
    """Return one line of the report; ``ok`` where ours takes at most ``goal`` times as long."""
    ratio = median(own / other for own, other in zip(ours, theirs, strict=True))
    return {
        "name": name, "value": round(median(ours), 3), "unit": unit, "rival": f"{rival}: {median(theirs):.3f}",
        "ratio": round(ratio, 3), "goal": f"<= {goal}x" if goal else "none", "ok": not goal or ratio <= goal,
    }  # fmt: skip


# -- generation -------------------------------------------------------------------------------------------


def requests(writers: Sequence[str], contests: int, round_: int) -> list[Request]:
    """Return the calls of a step: a message of each writer about each anchor; a writer that is there twice writes two."""
    rules = arena("sales")
    anchors = load_anchors(None, rules).train
    sampling = Sampling(temperature=0.7, max_tokens=MAX_TOKENS)
    return [
        Request(
            site=f"{number}/{slot}", messages=rules.write_prompt(anchors[(round_ * contests + number) % len(anchors)].text),
            sampling=sampling, seed=8 * (round_ * contests + number) + slot, adapter=writer,
        )
        for number in range(contests)
        for slot, writer in enumerate(writers)
    ]  # fmt: skip


def generation(learners: int, contests: int, rounds: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what a message costs in a market, with one message of each learner, and with two."""
    from abm.llm.local.backend import TransformersLLM

    names = [random_adapter(folder, seed) for seed in range(learners)]
    llm = TransformersLLM("pocket", adapters=folder, device="cpu", threads=1)

    def written(calls: Sequence[Request]) -> None:
        for _ in llm.complete(calls):
            pass

    def apart(calls: Sequence[Request]) -> None:
        for name in names:
            written([call for call in calls if call.adapter == name])

    def alone(round_: int) -> None:
        written(requests([names[round_ % learners]] * 2, contests, round_))

    messages = learners * contests
    one, separate, two, solo = timed(
        [
            Side(lambda round_: written(requests(names, contests, round_)), messages),
            Side(lambda round_: apart(requests(names, contests, round_)), messages),
            Side(lambda round_: written(requests(names * 2, contests, round_)), 2 * messages),
            Side(alone, 2 * contests),
        ],
        rounds,
    )
    what, rival = f"a message, {learners} learners, {contests} contests", "an arm alone, two messages a contest"
    yield against(f"{what}, two each", "ms", two, solo, rival, 1.2)
    yield against(f"{what}, one each", "ms", one, separate, "arms alone, one message a contest", 1.2)
    # Not like for like: here each message has a prompt of its own to be read, there two messages share one.
    yield against(f"{what}, one each, beside two of an arm", "ms", one, solo, rival, None)


# -- training ---------------------------------------------------------------------------------------------


def trainings(learners: int) -> dict[str, Any]:
    """Return how many trainings a market of learners has beside as many arms alone, by the plan."""
    from learning.plan.order import plan
    from learning.plan.parts import Learn
    from learning.runs.inputs import gather
    from learning.settings.sources import load_config

    names = [f"arm{i}" for i in range(learners)]
    both = (
        {"markets": {"m": {"learners": {name: {"method": "rft"} for name in names}}}},
        {"arms": {name: {"method": "rft"} for name in names}},
    )
    found = [
        sum(isinstance(part, Learn) for part in plan(config, gather(config)))
        for config in (load_config(None, settings) for settings in both)
    ]  # fmt: skip
    return {
        "name": f"trainings, {learners} learners", "value": found[0], "unit": "", "rival": f"{learners} arms: {found[1]}",
        "ratio": found[0] / found[1], "goal": "<= 1.0x", "ok": found[0] <= found[1],
    }  # fmt: skip


def distance(name: str, ours: float, theirs: float) -> dict[str, Any]:
    """Return how far a loss is from TRL's."""
    apart = abs(ours - theirs)
    return {
        "name": name, "value": round(ours, 6), "unit": "", "rival": f"TRL: {theirs:.6f}", "ratio": round(ours / theirs, 6) if theirs else 0.0,
        "goal": f"apart by <= {ALIKE}", "ok": apart <= ALIKE,
    }  # fmt: skip


def stepped(model: Any, loss: Callable[[], Iterator[Any]]) -> Callable[[int], None]:
    """Return what takes an optimiser step by the parts of a loss; the rate is 0, so that every step is the same one."""
    import torch

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=0.0)

    def step(_: int) -> None:
        model.train()
        for part in loss():
            part.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()

    return step


def training(contests: int, rounds: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield steps of both losses, their distances, and what a twin's training takes."""
    model, tokenizer = adapted()
    for name, method, writers, rival in (("DPO", "dpo", 2, TRLPairs), ("GRPO", "grpo", 4, TRLPolicy)):
        data = made_up(method, max(1, 2 * contests // writers), writers)
        step = step_of(model, tokenizer, data)
        theirs: Losses = rival(model, tokenizer, step, folder)
        yield distance(f"{name}, loss", *theirs.both())
        ours, other = timed(
            [Side(stepped(model, theirs.ours), 1), Side(stepped(model, lambda by=theirs: iter([by.theirs()])), 1)],
            rounds,
        )
        yield against(f"{name}, a step of {len(step.rows)} messages", "ms", ours, other, "TRL", 1.05)
    yield twin(contests, rounds, folder)


def twin(contests: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Return a placebo twin's training, brought to its learner's rows, against the learner's."""
    import msgspec

    from learning.methods import RowsOf
    from learning.training.settings import PRESETS
    from learning.training.trainer import LoRATrainer

    settings, own = PRESETS["pocket"], made_up("rft", contests, 2)
    random = msgspec.structs.replace(made_up("placebo", contests, 2), rows_of=RowsOf("rft", own, settings.max_length))
    trainer = LoRATrainer("pocket", folder / "twins")

    def learnt(data: Any) -> Callable[[int], None]:
        return lambda round_: trainer.train(data, parent="", settings=settings, seed=round_, lineage={}) and None

    twin_took, own_took = timed([Side(learnt(data), 1) for data in (random, own)], rounds)
    name = f"a placebo twin's training, {contests} contests"
    return against(name, "ms", twin_took, own_took, "its learner", None)


def figures(given: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """Measure what is asked for."""
    if "generation" in given.part:
        yield from generation(given.learners, given.contests, given.rounds, folder)
    if "training" in given.part:
        yield trainings(given.learners)
        yield from training(given.learnt, given.rounds, folder)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--part", nargs="+", choices=["generation", "training"], default=["generation", "training"])
    parser.add_argument("--learners", type=int, default=2, help="of the market")
    parser.add_argument("--contests", type=int, default=12, help="of a step")
    parser.add_argument("--learnt", type=int, default=4, help="contests of two messages that an optimiser step learns")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        for line in figures(given, Path(temporary)):
            if given.json:
                print(json.dumps(line), flush=True)
            else:
                verdict = "ok" if line["ok"] else "MISSED"
                print(
                    f"{line['name']:56} {line['value']:>9} {line['unit']:2} {line['ratio']:>6}x  {line['rival']}  goal {line['goal']}: {verdict}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
