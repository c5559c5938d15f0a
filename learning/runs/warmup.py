"""How long a run takes here, from a warm-up: its models write a few tokens over one batch, its trainer learns a few texts.

Nothing of it is kept. Minutes are estimates: completions may be longer or shorter than usual, and contests without a winner
are not learnt from. Knows nothing of servers.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from abm.arenas import Message
from abm.events import AdapterTrained
from abm.llm.backends import Backends
from abm.llm.folders import POCKET
from abm.llm.port import LLM, Request, Sampling, in_batches
from abm.log import read_events
from learning.methods import METHODS, TrainingSet, learn_weights, training_set
from learning.methods.synthetic import contest, log
from learning.plan.order import plan
from learning.plan.parts import Learn
from learning.runs.costs import HERE, RolePlan
from learning.runs.inputs import Inputs
from learning.runs.parts import computing
from learning.settings.config import RunConfig
from learning.training.settings import LoraSettings
from learning.training.trainer import LoRATrainer

TOKENS = 8
"""That each row of the batch gets."""
CONTESTS = (1, 3)
"""That two trainings learn from: their difference is what a contest costs, the rest what any training costs."""
FORWARD = {False: 3, True: 4}
"""Forward passes that a row's learning costs, without recomputed activations and with them."""


class Warmup(msgspec.Struct, frozen=True):
    """What a warm-up measured, in seconds.

    Attributes:
        prompt, token: of one prompt, and of one token of a completion, in a full batch.
        training: of any training, and ``row``: of each example of it, learnt once.
        rows: that were written together.
    """

    prompt: float
    token: float
    training: float
    row: float
    rows: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able mapping."""
        return msgspec.to_builtins(self)

    def timed(self, roles: Sequence[RolePlan], config: RunConfig, inputs: Inputs, folder: Path) -> list[RolePlan]:
        """Return the plan of a run with minutes of what the measured model does, its trainings among it."""
        done = 0
        if (folder / "run.json").exists():
            trained = (event for event in read_events(folder) if isinstance(event, AdapterTrained))
            done = sum(event.kind == "weights" for event in trained)
        written = [self._written(role) if role.model == config.model and not role.served else role for role in roles]
        return [*written, self._learnt(config, inputs, written[0], done)]

    def _written(self, role: RolePlan) -> RolePlan:
        calls = role.calls - role.answered
        return msgspec.structs.replace(role, minutes=(calls * self.prompt + role.tokens_out * self.token) / 60)

    def _learnt(self, config: RunConfig, inputs: Inputs, writers: RolePlan, done: int) -> RolePlan:
        trainings = (part for part in plan(config, inputs) if isinstance(part, Learn))
        learns = [part for part in trainings if learn_weights([inputs.arms[part.arm].method])]
        length = (writers.tokens_in + writers.tokens_out) / max(1, writers.calls - writers.answered)
        tokens = seconds = 0.0
        for part in learns[done:]:
            settings = inputs.lora[part.arm]
            market = inputs.market_of(part.arm)
            own = len(market.places(part.arm)) / len(
                market.writers
            )  # of the contests, the learner's own messages win about so many
            rows = inputs.train_anchors * own * len(_examples(config, inputs, part.arm, 1, 1).rows)
            tokens += rows * length * settings.repeat
            cost = FORWARD[bool(settings.checkpointing)]
            seconds += self.training + rows * self.row * (2 + cost * settings.repeat) / (2 + cost)
        return RolePlan(
            role="learners",
            model=config.model,
            place=HERE,
            calls=len(learns),
            answered=done,
            tokens_in=round(tokens),
            tokens_out=0,
            most_out=0,
            usd=0.0,
            most_usd=0.0,
            minutes=seconds / 60,
        )


def is_measured(config: RunConfig) -> bool:
    """Return whether a warm-up says something of a run: its writers are in this process, and take minutes."""
    return config.serving.endpoint(config.model) is None and config.model != POCKET and not config.serving.tokens_per_s


def measure(config: RunConfig, inputs: Inputs, usual: int, clock: Callable[[], float] = time.perf_counter) -> Warmup:
    """Have the run's model write, and learn, a little.

    Args:
        usual: tokens of a completion to learn.
        clock: seconds.

    Raises:
        InputError: the model cannot be opened, or the settings ask for what this machine does not have.
        MolochError: memory does not suffice.
    """
    prompts = [inputs.arena.write_prompt(anchor.text) for anchor in inputs.anchors.train[: config.batch]]
    with closing(Backends(config.serving, **computing(config))) as backends:
        prompt, token, rows = _writing(backends.llm(config.model), prompts, config, clock)
    training, row = _learning(config, inputs, usual, clock)
    return Warmup(prompt, token, training, row, rows)


def _writing(
    llm: LLM, prompts: Sequence[list[Message]], config: RunConfig, clock: Callable[[], float]
) -> tuple[float, float, int]:
    """Return the seconds of a prompt and of a token, and the rows of the batch that gave them."""

    def asked(tokens: int) -> list[Request]:
        sampling = Sampling(config.sampling.temperature, config.sampling.top_p, tokens)
        twice = [prompt for prompt in prompts for _ in range(config.messages)]
        return [Request(f"warmup/{i}", prompt, sampling, seed=i) for i, prompt in enumerate(twice)]

    def seconds(requests: Sequence[Request]) -> tuple[float, int]:
        began = clock()
        tokens = sum(reply.tokens_out for reply in llm.complete(requests))
        return clock() - began, tokens

    seconds(asked(1)[:1])  # what is made ready once is not counted
    short, few = seconds(in_batches(llm, asked(1))[0])
    batch = in_batches(llm, asked(1 + TOKENS))[0]
    long, many = seconds(batch)
    token = max(0.0, long - short) / max(1, many - few)
    return max(0.0, short / len(batch) - token), token, len(batch)


def _learning(config: RunConfig, inputs: Inputs, usual: int, clock: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds of any training, and of each row in it."""
    arm = next((name for name, each in inputs.arms.items() if learn_weights([each.method])), "")
    if not arm:
        return 0.0, 0.0
    settings = msgspec.structs.replace(inputs.lora[arm], repeat=1, batch=max(CONTESTS))
    took: list[float] = []
    for count in CONTESTS:
        with tempfile.TemporaryDirectory() as scratch:
            began = clock()
            LoRATrainer(config.model, Path(scratch)).train(
                _examples(config, inputs, arm, count, usual), parent="", settings=settings, seed=1, lineage={}
            )
            took.append(clock() - began)
    rows = len(_examples(config, inputs, arm, CONTESTS[1] - CONTESTS[0], 1).rows)
    row = max(0.0, took[1] - took[0]) / rows
    return max(0.0, took[0] - row * len(_examples(config, inputs, arm, CONTESTS[0], 1).rows)), row


def _examples(config: RunConfig, inputs: Inputs, arm: str, contests: int, usual: int) -> TrainingSet:
    """Return what an arm's method learns from so many contests, with prompts of the run and completions of ``usual`` words."""
    settings: LoraSettings = inputs.lora[arm]
    method: Any = METHODS.get(inputs.arms[arm].method).configured(settings.for_methods)
    slots = range(config.messages)
    events = log(*(contest(f"a{i}", [1, 1, 0], slots=slots) for i in range(contests)))
    made = training_set(events, method, source_arm="shared", epoch=1, arena=inputs.arena, seed=1)
    prompts = [inputs.arena.write_prompt(anchor.text) for anchor in inputs.anchors.train[:contests]]
    rows = [
        msgspec.structs.replace(row, prompt=prompts[i % len(prompts)], completion="word " * usual)
        for i, row in enumerate(made.rows)
    ]
    return msgspec.structs.replace(made, rows=rows)
