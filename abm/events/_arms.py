"""What arms learn: proposed instructions, adapters, how trainings went, and arms beyond their thresholds."""

from __future__ import annotations

from typing import Any, Literal

from abm.columns import Float32s
from abm.events._event import Event, Lifecycle


class InstructionsProposed(Event, frozen=True, kw_only=True, tag="instructions_proposed"):
    """A model looked back at contests of an arm and proposed other instructions for it; they are tried before the arm's next training ends."""

    arm: str
    epoch: int
    proposal: int
    """From 1."""
    looked_at: list[str]
    """Contests that it was shown, in order."""
    left_out: int
    """Contests that were drawn, too, but did not fit into the prompt."""
    instructions: str
    """What is proposed, as it would stand in the prompt; empty where it could not be read."""
    adapter: str
    """Content id of the instructions; empty likewise."""
    reason: str = ""
    """Why the answer holds no instructions."""


class InstructionsTried(Event, frozen=True, kw_only=True, tag="instructions_tried"):
    """Members chose between a message by proposed instructions and one by those that the arm had, about an anchor that no reflection was shown."""

    arm: str
    epoch: int
    proposal: int
    """As in :class:`InstructionsProposed`."""
    anchor: str
    texts: list[str]
    """The message by the instructions that the arm had, and that by the proposal; empty where it could not be read, and then nobody is asked."""
    votes: list[int]
    """For either message."""
    abstained: int
    invalid: int


class AdapterTrained(Event, frozen=True, kw_only=True, tag="adapter_trained"):
    """An adapter was learnt from a range of this log: weights, or instructions."""

    adapter: str
    """Content id: SHA-256 over its tensors and settings, or over its instructions, first 16 hex."""
    arm: str
    epoch: int
    method: str
    parent: str
    """Adapter that it continues; empty for the base model."""
    data: str
    """Digest of the training set (rows with their event ids)."""
    data_range: list[int]
    """First and last ``seq`` that the training set read."""
    rows: int
    tokens: int
    """Tokens that carry loss, summed over all optimiser steps."""
    over_long: int
    """Examples longer than the limit, refused (never cut)."""
    steps: int
    seed: int
    loss_before: float
    """Mean loss on the training set with the parent's weights."""
    loss_after: float
    settings: dict[str, Any]
    as_sampled: bool = False
    """Whether messages were learnt as the model had written them, where that is not how a rendering of their thinking and
    text has it; false where there is no difference, and in logs of release 0.1, which learnt the rendering."""
    figures: dict[str, float] = {}
    """What the method's loss says of the training beside its value, such as how much was clipped: name -> mean over all steps."""
    rows_of: str = ""
    """The arm to whose number of rows the training set was brought; empty where it had as many, and for learners."""
    own_rows: int = 0
    """Rows that it had before that; 0 where nothing was changed."""
    own_units: int = 0
    """Contests that they were of, or the rows themselves where each is learnt alone; 0 likewise."""
    kind: Literal["weights", "instructions"] = "weights"
    """What the adapter is. Where it is instructions, ``rows`` are contests that were looked back at, ``over_long`` those that did not fit,
    ``steps`` proposals, and nothing has a loss."""
    instructions: str = ""
    """The text, where it is instructions; an empty one leaves the prompt as the arena has it."""
    mitigated: dict[str, int] = {}
    """Mitigation -> how many contests or rows it decided otherwise, changed or took away; empty where there is none."""
    repeat_of: str = ""
    """The arm of which this is a further training, with other random numbers; empty for an arm's own."""
    repeat: int = 1
    """Which of that arm's trainings it is; 1 for an arm's own."""


class TrainingMeasured(Lifecycle, frozen=True, kw_only=True, tag="training_measured"):
    """How a training went; its ``adapter_trained`` follows, unless it diverged.

    It is about the process: what was learnt is decided by the adapter, and no digest depends on what is measured of it.
    """

    arm: str
    epoch: int
    adapter: str
    """That was learnt; empty where the loss became no number."""
    losses: Float32s = b""
    """What each optimiser step minimised, shape (steps,)."""
    gradient_norms: Float32s = b""
    """Euclidean norm of each step's gradient before it was clipped, shape (steps,)."""
    learning_rates: Float32s = b""
    """With which each step was taken, shape (steps,)."""
    kl_before: float = 0.0
    """KL(parent || base model), nats per token, on completions of the training set."""
    kl_after: float = 0.0
    """KL(new adapter || base model), likewise."""
    entropy_before: float = 0.0
    """Of the parent's next-token distribution there, nats."""
    entropy_after: float = 0.0
    """Of the new adapter's."""
    drift_tokens: int = 0
    """Tokens over which these four are means; 0 where they were not measured."""
    same_as: str = ""
    """The arm for which an equal training was carried out, of which this is the result; empty where it was carried out itself."""


class ArmFlagged(Lifecycle, frozen=True, kw_only=True, tag="arm_flagged"):
    """An arm is beyond thresholds of the settings; it goes on."""

    arm: str
    epoch: int
    moment: Literal["training", "contests", "evaluation"]
    """What showed it: the training of this epoch, or the messages that it wrote in its contests or in the evaluation."""
    measures: list[str]
    """Thresholds that it is beyond, as the settings ``alarms`` name them; ``diverged``: the loss became no number; ``rows``: there was nothing
    to learn from."""
    measured: list[float]
    """What was measured, one per threshold."""
    limits: list[float]
    """The thresholds."""


class ArmStopped(Event, frozen=True, kw_only=True, tag="arm_stopped"):
    """An arm is beyond thresholds of the settings, and the run goes on without it."""

    arm: str
    epoch: int
    moment: Literal["training", "contests", "evaluation"]
    """As in :class:`ArmFlagged`."""
    measures: list[str]
    """As in :class:`ArmFlagged`."""
    measured: list[float]
    """What was measured, one per threshold."""
    limits: list[float]
    """The thresholds."""


class EpochEnded(Event, frozen=True, kw_only=True, tag="epoch_ended"):
    """Simulation and learning of an epoch are done for every arm."""

    epoch: int
    adapters: dict[str, str]
    """Arm -> adapter id."""
