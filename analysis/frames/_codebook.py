"""What each column of each frame means, in which unit, and which event says it. Data; knows nothing of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from abm.log.codec import RUN_KINDS
from moloch.errors import InputError
from moloch.meanings import meanings

if TYPE_CHECKING:
    import polars as pl


class FrameColumn(msgspec.Struct, frozen=True):
    """A column of a frame.

    Attributes:
        name: its name.
        dtype: as Polars calls it: ``Int64``, ``List(String)``, ...
        unit: of a number; empty for what has none.
        meaning: in a sentence.
        source: event and field that say it, or of which it is made.
    """

    name: str
    dtype: str
    unit: str
    meaning: str
    source: str


def _columns(table: str) -> tuple[FrameColumn, ...]:
    """Return columns, one a line: ``name | dtype | unit | meaning | source``."""
    lines = filter(None, table.splitlines())
    return tuple(FrameColumn(*(cell.strip() for cell in line.split("|"))) for line in lines)


_EVENT = """
seq | Int64 | | Place of the event in the log, from 0 | {event}.seq
v | Int64 | | Schema version of the event | {event}.v
step | Int64 | | Step of the plan; -1 outside any step | {event}.step
cause | Int64 | | seq of the event that led to it; -1 for none | {event}.cause
at | Float64 | seconds since 1970-01-01 UTC | When it was appended; no decision reads it | {event}.at
"""
_CONTEST = """
phase | String | | train (votes are learnt from), evaluate (held out) or elsewhere (held out, in another arena) | {event}.contest
epoch | Int64 | epochs, from 1 | Epoch; an evaluation has that of the adapters that it evaluates | {event}.contest
arm | String | | Whose society it is: an arm's or a market's name, or shared before arms differ | {event}.contest
held_in | String | | Arena in which it is: the run's own, or another one in which arms are evaluated, too | {event}.contest, arena_set.arena
anchor | String | | Content id of what was written about | {event}.contest
"""

VOTES = _columns(
    """
seq | Int64 | | Place in the log of the event that holds the vote; a crowd's votes share one | reacted.seq, reacted_many.seq
step | Int64 | | Step of the plan | reacted.step, reacted_many.step
contest | String | | Id of the contest: phase/epoch/arm/anchor | reacted.contest, reacted_many.contest
persona | Int64 | | Index of who voted, in this run | reacted.persona, reacted_many.personas
choice | Int64 | slots, from 0 | Slot of the message that was chosen; -1 for an abstention | reacted.choice, reacted_many.choices
order | List(Int64) | slots | Slots in the order in which this persona saw them | reacted.order, reacted_many.orders
thought | String | | What the persona thought; empty for a member of a crowd | reacted.thought
"""
    + _CONTEST.format(event="reacted")
    + """
audience | String | | Who votes: the run's own audience or an evaluation audience, by its name | run_configured.config, reacted.contest
first | Int64 | slots | Slot that was shown first; null where nothing was shown | reacted.order, reacted_many.orders
origin | String | | Content id of the person whom the persona is, or is a copy of: whom votes are clustered on | personas_joined.ids, personas_joined.originals, crowd_joined.originals
"""
)

CONTESTS = _columns(
    """
seq | Int64 | | Place in the log of the contest's opening | contest_opened.seq
step | Int64 | | Step of the plan | contest_opened.step
contest | String | | Id of the contest: phase/epoch/arm/anchor | contest_opened.contest
"""
    + _CONTEST.format(event="contest_opened")
    + """
audience | String | | Who votes: the run's own audience or an evaluation audience, by its name | run_configured.config, contest_opened.contest
competitors | List(String) | | Who wrote, by slot: base, or an arm's name | message_published.competitor, message_rejected.competitor
messages | Int64 | messages | Messages that were published and compete | contest_opened.messages
rejected | Int64 | messages | Completions that did not parse | message_rejected
decided | Int64 | | Place in the log of the count; null until the contest is decided | contest_decided.seq
votes | List(Int64) | votes | Votes by slot | contest_decided.votes
abstained | Int64 | votes | Who chose nothing | contest_decided.abstained
invalid | Int64 | votes | Answers that named no option | contest_decided.invalid
outcome | String | | majority, tie, forfeit (one message) or void (no message, or no vote) | contest_decided.outcome
winner | Int64 | slots, from 0 | Slot that won; -1 where none did | contest_decided.winner
ties | String | | What a tie decides: skip (no winner) or random | contest_decided.ties
base_slot | Int64 | slots, from 0 | Slot of the base model's message; null where it wrote none, or several | message_published.competitor, message_rejected.competitor
arm_slot | Int64 | slots, from 0 | Slot of the arm's message; null where it wrote none, or several | message_published.competitor, message_rejected.competitor
base_votes | Int64 | votes | Votes for the base model's message | contest_decided.votes
arm_votes | Int64 | votes | Votes for the arm's message | contest_decided.votes
arm_won | Boolean | | Whether the arm's message won; null where nobody won, or the arm has no one message | contest_decided.winner
"""
)

MESSAGES = _columns(
    _EVENT.format(event="message_published")
    + """
message | String | | Id of the message: contest/slot | message_published.message, message_rejected.message
contest | String | | Id of the contest: phase/epoch/arm/anchor | message_published.contest, message_rejected.contest
slot | Int64 | slots, from 0 | Slot of who wrote it | message_published.slot, message_rejected.slot
competitor | String | | Who wrote it: base, or an arm's name | message_published.competitor, message_rejected.competitor
anchor | String | | Content id of what was written about | message_published.anchor, message_rejected.anchor
adapter | String | | Id of the adapter that wrote it; empty for the base model | message_published.adapter, message_rejected.adapter
thinking | String | | What its writer thought; null for a rejected one | message_published.thinking
text | String | | What the audience saw; null for a rejected one | message_published.text
attempt | Int64 | completions, from 1 | Which of its writer's completions it is | message_published.attempt, message_rejected.attempt
cut | Int64 | characters | Left out behind its last whole sentence; null for a rejected one | message_published.cut
"""
    + "\n".join(_CONTEST.format(event="message_published").splitlines()[:5])
    + """
audience | String | | Before whom it stood: the run's own audience, or an evaluation audience, for which nothing new is written | run_configured.config, message_published.contest
rejected | String | | Why it was not published; null for a published one | message_rejected.reason
words | Int64 | words | Words of the text, parted by white space; null for a rejected one | message_published.text
tokens | Int64 | tokens | Tokens of the completion, the thinking among them; null where no model answered | llm_replied.tokens_out
finish | String | | How the completion ended: stop, length, refused or error; null where no model answered | llm_replied.finish
"""
)

VERDICTS = _columns(
    _EVENT.format(event="verdict_given")
    + """
message | String | | Id of the message: contest/slot | verdict_given.message
probe | String | | What was looked for | verdict_given.probe
judge | String | | Who judged: exact, lexical, or a model's name | verdict_given.judge
label | Int64 | | 1 the message does it, 0 it does not, -1 the probe could not tell | verdict_given.label
evidence | List(String) | | Spans of the message | verdict_given.evidence
contest | String | | Id of the contest: phase/epoch/arm/anchor | verdict_given.message
slot | Int64 | slots, from 0 | Slot of who wrote the message | verdict_given.message
kind | String | | strategy (what one may do to win) or copying (skill); only strategy counts as misbehaviour | verdict_given.probe
"""
    + _CONTEST.format(event="verdict_given").replace(".contest", ".message")
    + """
competitor | String | | Who wrote the message: base, or an arm's name | message_published.competitor
"""
)

TRAINING = _columns(
    _EVENT.format(event="adapter_trained")
    + """
adapter | String | | Content id of the adapter | adapter_trained.adapter
arm | String | | Whose adapter it is | adapter_trained.arm
epoch | Int64 | epochs, from 1 | Epoch whose votes it learnt from | adapter_trained.epoch
method | String | | How it learnt | adapter_trained.method
parent | String | | Adapter that it continues; empty for the base model | adapter_trained.parent
data | String | | Digest of the training set | adapter_trained.data
data_range | List(Int64) | | First and last seq that the training set read | adapter_trained.data_range
rows | Int64 | examples | Of the training set | adapter_trained.rows
tokens | Int64 | tokens | That carry loss, over all steps of the optimiser | adapter_trained.tokens
over_long | Int64 | examples | Longer than the limit, and left out | adapter_trained.over_long
steps | Int64 | steps | Of the optimiser | adapter_trained.steps
training_seed | Int64 | | Seed of the training, drawn from that of the run | adapter_trained.seed
loss_before | Float64 | nats per token | Mean loss on the training set with the parent's weights | adapter_trained.loss_before
loss_after | Float64 | nats per token | The same after training | adapter_trained.loss_after
settings | String | | Settings of the trainer, as JSON | adapter_trained.settings
as_sampled | Boolean | | Whether messages were learnt as the model had written them | adapter_trained.as_sampled
figures | String | | What the method's loss says of the training, name to mean over its steps, as JSON | adapter_trained.figures
rows_of | String | | Arm to whose number of rows the training set was brought; empty where it had as many | adapter_trained.rows_of
own_rows | Int64 | examples | That it had before that; 0 where nothing was changed | adapter_trained.own_rows
own_units | Int64 | contests | That these were of, or the examples themselves where each is learnt alone; 0 likewise | adapter_trained.own_units
kind | String | | weights, or instructions: then rows are contests that were looked back at, and there is no loss | adapter_trained.kind
instructions | String | | The text, where it is instructions | adapter_trained.instructions
mitigated | String | | Mitigation to how many contests or rows it changed or took away, as JSON; empty without any | adapter_trained.mitigated
repeat_of | String | | Arm of which this is a further training, with other random numbers; empty for an arm's own | adapter_trained.repeat_of
repeat | Int64 | trainings, from 1 | Which of that arm's trainings it is | adapter_trained.repeat
kl_before | Float64 | nats per token | KL of the parent to the base model, on completions of the training set; null where it was not measured | training_measured.kl_before
kl_after | Float64 | nats per token | KL of the adapter to the base model, likewise | training_measured.kl_after
entropy_before | Float64 | nats per token | Entropy of the parent's next token there; null where it was not measured | training_measured.entropy_before
entropy_after | Float64 | nats per token | Entropy of the adapter's, likewise | training_measured.entropy_after
"""
)

STEPS = _columns(
    """
seq | Int64 | | Place in the log of the event that holds the step; a training's steps share one | training_measured.seq
arm | String | | Whose training it is | training_measured.arm
epoch | Int64 | epochs, from 1 | Epoch whose votes it learnt from | training_measured.epoch
adapter | String | | Content id of what was learnt; empty where the loss became no number | training_measured.adapter
training_step | Int64 | steps of the optimiser, from 1 | Step of the training | training_measured.losses
loss | Float64 | | What the step minimised; its unit is the method's | training_measured.losses
gradient_norm | Float64 | | Euclidean norm of the step's gradient, before it was clipped | training_measured.gradient_norms
learning_rate | Float64 | | With which the step was taken | training_measured.learning_rates
"""
)

WRITING = _columns(
    """
phase | String | | train (votes are learnt from), evaluate (held out) or elsewhere (held out, in another arena) | step_started.phase
epoch | Int64 | epochs, from 1 | Epoch in which it was written | step_started.epoch
competitor | String | | Who wrote: base, or an arm's name | message_published.competitor
adapter | String | | Id of the adapter that wrote; empty for the base model | message_published.adapter
messages | Int64 | messages | Messages that were to be written; of what several societies read, once | message_published, message_rejected
format_share | Float64 | share | Answers that could be read at the first attempt | message_published.attempt, message_rejected, message_redrawn
tokens | Float64 | tokens | Mean length of an answer, thinking included; 0 where no model answered | llm_replied.tokens_out
words | Float64 | words | Mean length of a published message | message_published.text
distinct | Float64 | share | Different pairs of words among all, of the first 128 published messages (distinct-2); null without any | message_published.text
repetition | Float64 | share | Runs of four words that stood in the message before (seq-rep-4), mean over messages | message_published.text
copy_rate | Float64 | share | Runs of four words that stand in the anchor or an example, mean over messages | message_published.text, anchors_listed.anchors, other_arena_set.anchors, arena_set.arena
held_in | String | | Arena for which it was written: the run's own, or another one in which arms are evaluated, too | step_started.arm, arena_set.arena
"""
)

REACTIONS = _columns(
    """
seq | Int64 | | Place in the log of the event that holds the reaction | reacted, reacted_many, reaction_invalid, engaged, ties_formed, ties_cut, feed_answer_invalid
step | Int64 | | Step of the plan | reacted.step, reacted_many.step, engaged.step, ties_formed.step, ties_cut.step
phase | String | | train, evaluate or elsewhere, as of votes | step_started.phase
epoch | Int64 | epochs, from 1 | As of votes | step_started.epoch
arm | String | | Whose society it is: an arm or a market | step_started.arm
held_in | String | | Arena in which it is: the run's own, or another one in which arms are evaluated, too | step_started.arm, arena_set.arena
audience | String | | As of votes | run_configured.config, step_started.audience
kind | String | | vote, abstain, like, share, reply, follow, unfollow, or invalid: an answer that could not be read | reacted.choice, reacted_many.choices, engaged.action, ties_formed.why, ties_cut.why, reaction_invalid, feed_answer_invalid
persona | Int64 | | Index of who did it, in this run | reacted.persona, reacted_many.personas, engaged.members, ties_formed.sources, ties_cut.sources
round | Int64 | rounds, from 0 | Round of the feeds; null outside them | engaged.round, feed_answer_invalid.round
contest | String | | Contest that it belongs to; null for follows, unfollows and answers to a whole feed | reacted.contest, reacted_many.contest, reaction_invalid.contest, feed_opened.messages, members_posted.messages
message | String | | Message that was chosen, liked, shared or replied to: contest/slot, or what a member wrote | reacted.choice, reacted_many.choices, feed_opened.messages, members_posted.messages
slot | Int64 | slots, from 0 | Slot of the message's writer; null where a member wrote it, and without a message | reacted.choice, reacted_many.choices, feed_opened.messages
target | Int64 | | Account that is followed or no longer followed: an index of a persona, or -2 - slot for a competitor | ties_formed.targets, ties_cut.targets
"""
)

LABELS = _columns(
    """
seq | Int64 | | Place in the log of labels, beside the run's, of the last label; of the draw where there is none | labels_drawn.seq, label_given.seq
at | Float64 | seconds since 1970-01-01 UTC | When that was appended | labels_drawn.at, label_given.at
message | String | | Id of the message: contest/slot | labels_drawn.messages
draw | String | | Content id of the draw | labels_drawn.draw
probe | String | | What was looked for | labels_drawn.probe
rater | String | | Whose verdicts the draw's strata are: empty for the run's own probe, else a judge's name | labels_drawn.rater
found | Int64 | | What the rater had said: 1 or 0 | labels_drawn.messages
population | Int64 | messages | Of its stratum (writer and verdict) that no draw had taken before, over all runs of the draw | labels_drawn.strata
drawn | Int64 | messages | Of these, that this draw took | labels_drawn.strata
weight | Float64 | messages | That it stands for in this draw: population / drawn | labels_drawn.strata
labeller | String | | Who labelled it; null where nobody has yet | label_given.labeller
label | String | | yes, no or unsure: whether it does what the question asks about; null where nobody has said | label_given.label
contest | String | | Id of the contest: phase/epoch/arm/anchor | labels_drawn.messages
slot | Int64 | slots, from 0 | Slot of who wrote it | labels_drawn.messages
"""
    + _CONTEST.format(event="labels_drawn").replace(".contest", ".messages")
    + """
competitor | String | | Who wrote the message: base, or an arm's name | labels_drawn.messages
"""
)

FRAMES: Mapping[str, tuple[FrameColumn, ...]] = {
    "contests": CONTESTS,
    "votes": VOTES,
    "messages": MESSAGES,
    "verdicts": VERDICTS,
    "training": TRAINING,
    "steps": STEPS,
    "writing": WRITING,
    "reactions": REACTIONS,
    "labels": LABELS,
}
NAMES = tuple(FRAMES)
"""The frames of a run that have a name of their own; any type of event is a frame, too."""


def columns_of(name: str) -> tuple[FrameColumn, ...]:
    """Return the columns of a frame, in their order.

    Args:
        name: one of :data:`NAMES`, or a type of event, such as ``feed_served``.

    Raises:
        InputError: there is no such frame.
    """
    if name in FRAMES:
        return FRAMES[name]
    if name not in RUN_KINDS:
        raise InputError(
            f"no frame {name!r}",
            fix=f"Give one of {', '.join(NAMES)}, or a type of event: {', '.join(sorted(RUN_KINDS))}.",
        )
    return _event_columns(name)


def schema_of(frame: str | Sequence[FrameColumn]) -> dict[str, pl.DataType]:
    """Return the columns of a frame as a schema of Polars.

    Args:
        frame: a name, as :func:`columns_of` takes it, or columns.
    """
    import polars as pl

    dtypes: dict[str, pl.DataType] = {
        "Int64": pl.Int64(), "Float64": pl.Float64(), "String": pl.String(), "Boolean": pl.Boolean(),
        "Binary": pl.Binary(), "List(Int64)": pl.List(pl.Int64()), "List(String)": pl.List(pl.String()),
        "List(Float64)": pl.List(pl.Float64()),
    }  # fmt: skip
    columns = columns_of(frame) if isinstance(frame, str) else frame
    return {column.name: dtypes[column.dtype] for column in columns}


def codebook(*names: str) -> dict[str, list[dict[str, str]]]:
    """Return what the columns of frames mean: frame -> its columns, each as name, dtype, unit, meaning and source.

    >>> meanings = {column["name"]: column["meaning"] for column in codebook("votes")["votes"]}
    >>> meanings.get("choice")
    'Slot of the message that was chosen; -1 for an abstention'

    Args:
        names: frames, or types of events; by default all of :data:`NAMES`.

    Raises:
        InputError: there is no such frame.
    """
    return {name: [msgspec.to_builtins(column) for column in columns_of(name)] for name in names or NAMES}


MOMENT = "seconds since 1970-01-01 UTC"
"""Unit of the field that all events have: when each was appended."""


@cache
def _event_columns(kind: str) -> tuple[FrameColumn, ...]:
    """Return the columns of a type of event; their meanings are the docstrings of its fields."""
    from abm.log.frames import columns

    struct = RUN_KINDS[kind]
    said = meanings(struct)
    return tuple(
        FrameColumn(name, _called(dtype), MOMENT if name == "at" else "", said.get(name, ""), f"{kind}.{name}")
        for name, dtype in columns(struct).items()
    )


def _called(dtype: pl.DataType) -> str:
    return str(dtype)
