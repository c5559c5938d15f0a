"""Everything that happens in a run, in the past tense; state, learning and analysis are functions of these.

Each event is one JSON object with a ``type``. Ids name content (anchors, personas, adapters) or a place in
the plan (contests, messages); ``cause`` is the ``seq`` of the event that led to this one. ``at`` (wall-clock
time) is metadata: no decision reads it and the run's digest leaves it out.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from abm.columns import Float32s, Int8s, Int16s, Int32s

SCHEMA_VERSION = 2
"""2: a persona's traits are columns (:mod:`abm.log.upcast` reads 1); bulk reactions, forks and repairs."""

Split = Literal["train", "evaluate"]
"""On which side members and anchors are: those of which is learnt, or held-out ones."""
Phase = Literal["train", "evaluate", "elsewhere"]
"""What contests are for; ``elsewhere``: held-out people read messages in an arena other than the run's own."""


def split_of(phase: str) -> Split:
    """Return the side whose members react in a phase.

    >>> split_of("elsewhere")
    'evaluate'
    """
    return "train" if phase == "train" else "evaluate"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="type"):
    """What every event carries; ``seq`` and ``at`` are given by the log when the event is appended."""

    seq: int = -1
    """Place in the log, from 0 without gaps."""
    v: int = SCHEMA_VERSION
    """Schema version of this event."""
    step: int = -1
    """Step of the plan in which it happened; -1 outside any step."""
    cause: int = -1
    """``seq`` of the parent event; -1 for none."""
    at: float = 0.0
    """Seconds since the Unix epoch when it was appended."""


class Lifecycle(Event, frozen=True, kw_only=True):
    """About the process, not about the study: left out of the digest and of state."""


# -- the process -------------------------------------------------------------------------------------------


class RunStarted(Lifecycle, frozen=True, kw_only=True, tag="run_started"):
    """A process began the run."""

    versions: dict[str, str]
    """Package -> version."""
    machine: dict[str, str] = {}
    """What kind of machine it runs on: system, processor, CPUs, GPUs."""
    models: dict[str, dict[str, str]] = {}
    """Model in this process -> by what it computes: backend, device, precision."""
    inputs: dict[str, str] = {}
    """Setting and name of a file that it names, as ``personas/voters.csv`` -> SHA-256; a copy is kept under ``inputs/``."""
    probe_versions: dict[str, int] = {}
    """Probe -> version of its rules, for those that judge; one that is not named is of version 1."""


class RunResumed(Lifecycle, frozen=True, kw_only=True, tag="run_resumed"):
    """A later process took the run up again, or began a fork."""

    versions: dict[str, str]
    machine: dict[str, str] = {}
    """As in ``run_started``; it may be another one."""
    models: dict[str, dict[str, str]] = {}
    inputs: dict[str, str] = {}
    """As of ``run_started``: what a fork names otherwise than the run that it comes from."""
    probe_versions: dict[str, int] = {}
    """As in :class:`RunStarted`."""


class Recovered(Lifecycle, frozen=True, kw_only=True, tag="recovered"):
    """An incomplete last frame was moved aside; nothing that had been acknowledged was in it."""

    quarantined: str
    """File under ``quarantine/``."""
    nbytes: int


class Repaired(Lifecycle, frozen=True, kw_only=True, tag="repaired"):
    """Somebody had a damaged log cut here; acknowledged events may be among what was set aside."""

    files: list[str]
    """What was set aside, under ``quarantine/``."""
    nbytes: int
    why: str
    """The damage."""
    answers: str = ""
    """File under ``quarantine/`` with answers of models that were behind the damage; a resumed run asks for none of them again."""
    answers_hash: str = ""
    """The hash that its chain of commits ends with."""
    answered: int = 0
    """How many answers."""


class CallsServed(Lifecycle, frozen=True, kw_only=True, tag="calls_served"):
    """How a server answered a round of calls; each answer has an event of its own (``llm_replied``)."""

    model: str
    calls: int
    """Answered."""
    attempts: int
    """Sent, those that were sent again among them."""
    retried: dict[str, int]
    """Reason -> attempts that were made again."""
    failed: dict[str, int]
    """Reason -> calls that were given up; their answers say ``error``."""
    tokens_in: int
    tokens_out: int
    usd: float
    """By the prices in the settings."""
    seconds: float
    window: int
    """Calls on their way at once that the server bore in the end."""
    answered_by: dict[str, int] = {}
    """Model, as the server names it in its answers -> answers; empty where it names none."""
    changes: list[str] = []
    """What the server is asked otherwise than is usual, since it refused the usual way."""


class ExtensionsLoaded(Lifecycle, frozen=True, kw_only=True, tag="extensions_loaded"):
    """The modules of the user's own that a process imported before it began or resumed the run."""

    sha256: dict[str, str]
    """Module -> SHA-256 of its file, or of all Python files of its package."""


class RunEnded(Lifecycle, frozen=True, kw_only=True, tag="run_ended"):
    """The plan is done; ``digest`` covers all deterministic events before this one."""

    digest: str
    seconds: float


# -- who and what ------------------------------------------------------------------------------------------


class RunConfigured(Event, frozen=True, kw_only=True, tag="run_configured"):
    """The settings that decide the run; the first deterministic event of every log."""

    config: dict[str, Any]


class Forked(Event, frozen=True, kw_only=True, tag="forked"):
    """The run parts here from the one it was forked from: what follows was decided with other settings."""

    config: dict[str, Any]
    """All settings from here on."""
    changed: list[str]
    """Names of those that differ from before."""


class ArenaSet(Event, frozen=True, kw_only=True, tag="arena_set"):
    """The arena's templates and schema, whole, so that every prompt can be rebuilt from the log."""

    arena: dict[str, Any]
    digest: str


class PersonasJoined(Event, frozen=True, kw_only=True, tag="personas_joined"):
    """Personas, as columns; row i of ``ids`` is persona index ``first + i``."""

    split: Split
    """``train``: votes are learnt from; ``evaluate``: held out."""
    first: int
    ids: list[str]
    names: list[str]
    texts: list[str]
    """The persona as prompts render it."""
    traits: dict[str, Float32s]
    """Trait -> one value per persona, each in -1 .. 1."""
    originals: Int32s = b""
    """Persona index of the one whom each is a copy of, its own for the first; empty where nobody is a copy of another."""


class CrowdJoined(Event, frozen=True, kw_only=True, tag="crowd_joined"):
    """Members known only by their traits, as columns; row i is persona index ``first + i``."""

    split: Split
    first: int
    size: int
    """Members."""
    origin: str
    """Where they were drawn from."""
    traits: dict[str, Float32s]
    """Trait -> one value per member, each in -1 .. 1."""
    originals: Int32s = b""
    """Persona index of the one from whom each was drawn; empty where there is none, and in logs of release 0.1."""


class AnchorsListed(Event, frozen=True, kw_only=True, tag="anchors_listed"):
    """The anchors of one split, whole, in plan order."""

    split: Split
    anchors: list[dict[str, Any]]
    """:class:`abm.arenas.anchors.Anchor` as a mapping."""
    dropped: dict[str, int]
    """Reason -> rows of the source left out."""


class OtherArenaSet(Event, frozen=True, kw_only=True, tag="other_arena_set"):
    """Another arena in which arms will be evaluated from here on: the arena and its held-out anchors, whole."""

    arena: dict[str, Any]
    digest: str
    anchors: list[dict[str, Any]]
    """As of ``anchors_listed``, in plan order."""
    dropped: dict[str, int]
    probes: list[str]
    """Names of the probes that judge what is written there."""


class CompetitorsJoined(Event, frozen=True, kw_only=True, tag="competitors_joined"):
    """The models that write."""

    names: list[str]
    model: str
    model_digest: str
    """SHA-256 over the model's tensors."""
    models: dict[str, str] = {}
    """Competitor -> model, for those for whom another one writes."""
    model_digests: dict[str, str] = {}
    """Of those models: model -> digest."""
    adapters: dict[str, str] = {}
    """Rival -> id of the adapter that it writes with from the beginning."""


class ReaderJoined(Event, frozen=True, kw_only=True, tag="reader_joined"):
    """The language model that plays the personas from here on."""

    model: str
    model_digest: str


class AudienceSet(Event, frozen=True, kw_only=True, tag="audience_set"):
    """The choice model by which members react from here on, whole, so that every choice can be computed again."""

    part: Literal["personas", "crowd"]
    """Of the audience."""
    choice_model: dict[str, Any]
    """As its YAML file says it: :func:`abm.audience.as_mapping`."""
    features: str
    """Digest of what its features mean."""


class EvaluationAudienceSet(Event, frozen=True, kw_only=True, tag="evaluation_audience_set"):
    """An audience that votes on held-out messages beside the run's own, from here on."""

    audience: str
    """Its name, as steps and contests have it."""
    reader: str = ""
    """The language model that plays its personas; empty: a choice model votes."""
    reader_digest: str = ""
    choice_model: dict[str, Any] = {}
    """As in :class:`AudienceSet`; empty where a language model votes."""
    features: str = ""
    """Digest of what its features mean."""


# -- one step ----------------------------------------------------------------------------------------------


class StepStarted(Event, frozen=True, kw_only=True, tag="step_started"):
    """A planned batch of contests began."""

    phase: Phase
    epoch: int
    """1, 2, ...; an evaluation carries the epoch whose adapters it evaluates."""
    arm: str
    """Whose society this is: ``shared`` before arms differ, else the arm's name; ``ARM@AUDIENCE`` where another audience votes."""
    audience: str = ""
    """Who votes, by the name that ``evaluation_audience_set`` gives; empty: the run's own audience."""


class RoundsRecalled(Event, frozen=True, kw_only=True, tag="rounds_recalled"):
    """What a competitor with a memory had before it of its past rounds, when it wrote in this step."""

    competitor: str
    recalled: list[str]
    """Contests, the newest last."""
    left_out: int
    """Older ones that it would have, too, but that did not fit; each is left out whole."""
    remembered: str
    """The text in its prompt."""
    memory: str
    """Content id of the text; calls name it in their ``refs``."""


class LLMReplied(Event, frozen=True, kw_only=True, tag="llm_replied"):
    """One answer of a language model, durable before anything uses it."""

    key: str
    """Call key: content id of site, model, adapter, sampling, seed and prompt."""
    site: str
    """Place in the plan that asked, unique within a run."""
    model: str
    adapter: str
    """Adapter id; empty for the base model."""
    template: str
    """Digest of the template; with ``refs`` it recovers the prompt exactly."""
    refs: list[str]
    """Ids of what filled the template."""
    prompt: str
    """SHA-256 of the rendered chat messages."""
    text: str
    """The raw completion."""
    finish: Literal["stop", "length", "refused", "error"]
    """``refused``: the server would not complete it; ``error``: it answered, but never with a completion."""
    tokens_in: int
    tokens_out: int
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    guide: str = ""
    """What the completion was held to: options or a JSON Schema, as JSON text; empty if it was free."""
    stop: list[str] = []
    """Texts that ended the completion where it came to one; they are no part of ``text``."""
    logprobs: list[float] = []
    """Log-probability in nats of each of the choices that ``guide`` names, where these were scored instead of completed."""


class MessageRedrawn(Event, frozen=True, kw_only=True, tag="message_redrawn"):
    """A completion that did not parse, in place of which its writer was asked for another one."""

    message: str
    """That of the message or rejection that came of it in the end."""
    contest: str
    slot: int
    competitor: str
    anchor: str
    adapter: str
    attempt: int
    """From 1."""
    reason: str


class MessagePublished(Event, frozen=True, kw_only=True, tag="message_published"):
    """A completion that parsed; the audience sees ``text`` only."""

    message: str
    """``<contest>/<slot>``."""
    contest: str
    slot: int
    competitor: str
    anchor: str
    adapter: str
    thinking: str
    text: str
    attempt: int = 1
    """Which of its writer's completions it is; those before it have a ``message_redrawn`` each."""
    cut: int = 0
    """Characters behind its last whole sentence that were left out, because the completion met its bound."""


class MessageRejected(Event, frozen=True, kw_only=True, tag="message_rejected"):
    """A completion that did not parse; it never reaches the audience and counts against its author."""

    message: str
    contest: str
    slot: int
    competitor: str
    anchor: str
    adapter: str
    reason: str
    attempt: int = 1
    """The last of its writer's completions."""


class ContestOpened(Event, frozen=True, kw_only=True, tag="contest_opened"):
    """An anchor was put before the audience."""

    contest: str
    anchor: str
    messages: list[str]
    """Published messages that compete, by slot; fewer than two make a forfeit."""


class SourceChecked(Event, frozen=True, kw_only=True, tag="source_checked"):
    """What members know of a contest's messages who read their source, the anchor.

    Which members do follows from the seed and their share (:meth:`abm.audience.SourceReaders.among`).
    """

    contest: str
    share: float
    """Of the members, 0 .. 1, who read it."""
    probe: str
    """By what they see that a claim is not supported."""
    version: int
    """Of its rules."""
    claims: list[int]
    """Unsupported claims of each message, in the order of ``contest_opened``."""


class Reacted(Event, frozen=True, kw_only=True, tag="reacted"):
    """One persona read the options in its own order, thought, and chose or abstained."""

    contest: str
    persona: int
    order: list[int]
    """Slots in the order shown: ``order[0]`` was option A."""
    choice: int
    """Slot chosen; -1 for an abstention."""
    thought: str


class ReactedMany(Event, frozen=True, kw_only=True, tag="reacted_many"):
    """A crowd's reactions to one contest, as columns; no thoughts."""

    contest: str
    first: int
    """Index of the first persona; the others follow it where ``personas`` is empty."""
    personas: Int32s = b""
    """Persona indices, shape (members,), where they are not one unbroken range."""
    orders: Int8s
    """Slots in the order shown, shape (members, options), row by row."""
    choices: Int8s
    """Slots chosen; -1 for an abstention. Shape (members,)."""


class ReactionInvalid(Event, frozen=True, kw_only=True, tag="reaction_invalid"):
    """A persona's answer that names no option, after its retry; counted, never guessed."""

    contest: str
    persona: int
    order: list[int]
    raw: str


class ContestDecided(Event, frozen=True, kw_only=True, tag="contest_decided"):
    """The votes were counted."""

    contest: str
    votes: list[int]
    """Votes per slot."""
    abstained: int
    invalid: int
    outcome: Literal["majority", "tie", "forfeit", "void"]
    """``forfeit``: one valid message; ``void``: none, or no vote."""
    winner: int
    """Slot; -1 where there is none."""
    ties: str
    """The declared tie policy."""


class StepEnded(Event, frozen=True, kw_only=True, tag="step_ended"):
    """The step's events are complete."""

    state_hash: str
    """Of the state before this event is applied."""


# -- the networked world: accounts, feeds, what members do there and what it does to them ------------------
#
# An account is a persona index (0, 1, ...) or a competitor: -2 - slot. -1 is the platform itself.


class TiesFormed(Event, frozen=True, kw_only=True, tag="ties_formed"):
    """Accounts began to follow others; what the followed publish or share reaches them."""

    why: Literal["graph", "audience", "follow", "churn"]
    """``graph``: before any step; ``audience``: a competitor's first followers; then by members' own doing."""
    sources: Int32s
    """Who follows, shape (ties,); persona indices."""
    targets: Int32s
    """Whom, shape (ties,); accounts."""


class TiesCut(Event, frozen=True, kw_only=True, tag="ties_cut"):
    """Accounts no longer follow others."""

    why: Literal["unfollow", "churn"]
    sources: Int32s
    targets: Int32s


class PlatformOpened(Event, frozen=True, kw_only=True, tag="platform_opened"):
    """A society begins: its members' ties are those of the graph, opinions and trust are 0, nobody is banned."""

    competitors: int
    first: int
    """Index of the first persona; the others follow it where ``personas`` is empty."""
    size: int
    """Members."""
    personas: Int32s = b""
    """Persona indices, shape (members,), where they are not one unbroken range."""
    ranker: str
    slots: int
    tastes: int = 0
    """Message features of which the platform keeps each member's taste; 0 where no ranker asks for it."""


class FeedOpened(Event, frozen=True, kw_only=True, tag="feed_opened"):
    """Messages went to the feeds together; they compete for the same slots."""

    messages: list[str]
    """Their index in this list is what the events of the feed call an item."""
    topics: Float32s
    """What they are like, shape (messages, features), row by row."""


class FeedServed(Event, frozen=True, kw_only=True, tag="feed_served"):
    """What members saw in one round, best first, as columns of equal length."""

    round: int
    """0, 1, ... since the feed opened."""
    ranker: str
    members: Int32s
    """Persona indices."""
    items: Int16s
    ranks: Int8s
    """Place in that member's feed, from 0."""
    scores: Float32s
    """What the ranker gave."""
    sources: Int32s
    """Account from which it came: the author, or who shared it; -1 where the platform recommended it."""


class Engaged(Event, frozen=True, kw_only=True, tag="engaged"):
    """Members liked, shared or replied to what they had just seen; the rest ignored it."""

    round: int
    action: Literal["like", "share", "reply"]
    members: Int32s
    items: Int16s


class MembersPosted(Event, frozen=True, kw_only=True, tag="members_posted"):
    """Members wrote what others can see: replies, and comments on what they shared. They join what is in the feeds, in this order.

    They belong to no arm: no vote can be for one, and no verdict on one counts for or against a competitor.
    """

    round: int
    messages: list[str]
    """``<contest>/said/<persona>.<round>.<item>``, one for each text."""
    personas: Int32s
    """Who wrote each."""
    items: Int16s
    """What each is about."""
    kinds: list[Literal["reply", "share"]]
    texts: list[str]
    topics: Float32s
    """What they are like, shape (texts, features), row by row."""
    unplaced: int = 0
    """Texts that members wrote and that reach nobody: the feeds had no room left."""


class FeedAnswerInvalid(Event, frozen=True, kw_only=True, tag="feed_answer_invalid"):
    """A persona's answer to its feed that could not be read, after its retry; it did nothing then: counted, never guessed."""

    round: int
    persona: int
    why: str
    raw: str


class Remembered(Event, frozen=True, kw_only=True, tag="remembered"):
    """What personas remember from here on: a note each, after those that they have, or instead of them."""

    round: int
    personas: Int32s
    notes: list[str]
    tallies: list[dict[str, int]]
    """What each did in the round, such as ``{"saw": 2, "liked": 1}``; added to what it did before."""
    entries: int
    """Notes that a persona keeps, the newest ones."""
    characters: int
    """Of all its notes together; older ones are forgotten first."""
    anew: bool = False
    """Whether the note takes the place of all that came before it: a language model wrote it as their summary."""


class OpinionsShifted(Event, frozen=True, kw_only=True, tag="opinions_shifted"):
    """What members think of a competitor changed, or how far they trust it."""

    round: int
    about: Literal["opinion", "trust"]
    why: Literal["influence", "fact_check", "shock", "reader"]
    """``reader``: a language model that plays the members said so itself."""
    slot: int
    """Whom it is about."""
    members: Int32s
    values: Int16s
    """The new values, in units of 0.0001, -10000 .. 10000."""


class PollTaken(Event, frozen=True, kw_only=True, tag="poll_taken"):
    """Members were asked what they would choose now; everybody learns the result."""

    contest: str
    round: int
    asked: int
    votes: list[int]
    """Members per slot; those missing chose nothing."""


class Intervened(Event, frozen=True, kw_only=True, tag="intervened"):
    """Something from outside came into force: a rule of the platform, a ban, a fact-check, a shock."""

    kind: Literal["rule", "ban", "fact_check", "shock"]
    contests: int
    """Contests that this society had held before."""
    settings: dict[str, Any]


class MessagesLabelled(Event, frozen=True, kw_only=True, tag="messages_labelled"):
    """A fact-check found fault with messages; everyone who sees them from now on sees that."""

    round: int
    items: Int16s
    probes: list[str]
    """The probe that found it, one per item."""


# -- a baseline of diffusion, alone on a graph -------------------------------------------------------------


class StatesShifted(Event, frozen=True, kw_only=True, tag="states_shifted"):
    """Nodes changed their state under a diffusion model."""

    model: str
    t: int
    """Step of the model."""
    members: Int32s
    """Persona indices."""
    states: Int8s
    """The new ones, as the model numbers them."""


class ValuesShifted(Event, frozen=True, kw_only=True, tag="values_shifted"):
    """Nodes changed their opinion under an opinion model."""

    model: str
    t: int
    members: Int32s
    values: Float32s
    """The new ones."""


# -- questionnaires ----------------------------------------------------------------------------------------


class SurveysSet(Event, frozen=True, kw_only=True, tag="surveys_set"):
    """Questionnaires will be put to the personas from here on."""

    digests: list[str]
    """Content ids of the questionnaires, in the order of the settings."""
    model: str
    """Who answers for the personas."""
    model_digest: str


class SurveyOpened(Event, frozen=True, kw_only=True, tag="survey_opened"):
    """A questionnaire is put to personas; in a run's log, or in a log of its own that names the run's head."""

    survey: str
    """Its id, unique within the log."""
    questionnaire: dict[str, Any]
    """:class:`abm.surveys.Questionnaire` as a mapping, whole."""
    digest: str
    """Content id of the questionnaire."""
    moment: str
    """``start``, ``epoch 1``, ..., ``end``; after a run: ``before`` (nothing of it is remembered) or ``after``."""
    phase: str = ""
    """With ``epoch`` and ``arm`` the society whose contests are remembered; empty where none is."""
    epoch: int = 0
    arm: str = ""
    personas: Int32s
    """Persona indices of those who are asked, shape (people,)."""
    model: str
    model_digest: str
    played: bool = False
    """Whether the model answers for personas whom a choice model moves in the run."""
    remember: bool = False
    """Whether those who are asked remember it."""
    run_id: str = ""
    """After a run: content id of its settings; with ``events`` and ``head`` it names what was remembered of."""
    events: int = -1
    head: str = ""


class QuestionAnswered(Event, frozen=True, kw_only=True, tag="question_answered"):
    """A persona was asked one question of a questionnaire; ``cause`` is the model's answer."""

    survey: str
    persona: int
    question: str
    """Its id in the questionnaire."""
    place: int
    """When this persona was asked it: 0 for the first."""
    shown: list[int]
    """Options as the questionnaire numbers them, in the order shown; empty for an open question."""
    value: int
    """The option chosen, from 0; -1 for none, and for an open question."""
    valid: bool
    raw: str
    """What the model answered."""
    why: str = ""
    """Why it is invalid, or what is to be known of it."""


class SurveyClosed(Event, frozen=True, kw_only=True, tag="survey_closed"):
    """Everybody was asked every question."""

    survey: str
    asked: int
    """Questions, to all personas together."""
    invalid: int
    """Answers among theirs that say nothing; they are counted, never guessed."""


class InterviewOpened(Event, frozen=True, kw_only=True, tag="interview_opened"):
    """A conversation with one persona began, in a log of its own that names the run's head."""

    interview: str
    """Its id, unique within the log."""
    persona: int
    phase: str
    """With ``epoch`` and ``arm`` the society whose contests are remembered; empty where none is."""
    epoch: int
    arm: str
    model: str
    model_digest: str
    played: bool = False
    """As of a survey; ``run_id``, ``events`` and ``head`` too."""
    run_id: str
    events: int
    head: str


class InterviewAnswered(Event, frozen=True, kw_only=True, tag="interview_answered"):
    """The persona answered what it was asked; ``cause`` is the model's answer."""

    interview: str
    turn: int
    """0, 1, ... within the interview."""
    question: str
    answer: str
    valid: bool
    """False where there is no answer in words."""


# -- tasks: what writers are asked beside their contests ---------------------------------------------------


class TasksListed(Event, frozen=True, kw_only=True, tag="tasks_listed"):
    """Tasks will be put to those who write from here on; the set is there whole, so that every answer can be scored again."""

    task_set: str
    """Its name, unique within the run."""
    tasks: dict[str, Any]
    """:class:`abm.tasks.TaskSet` as a mapping."""
    digest: str
    repeats: int
    """Answers of each writer to each task."""
    probes: list[str]
    """Names of the probes that judge answers to broad questions."""


class TaskAnswered(Event, frozen=True, kw_only=True, tag="task_answered"):
    """A writer answered a task; ``cause`` is the model's answer."""

    task_set: str
    task: str
    """Its id in the set."""
    competitor: str
    """Who wrote: base, or an arm's name."""
    epoch: int
    """Whose adapter it was; 0 for the base model."""
    adapter: str
    sample: int
    """0, 1, ... of the answers of this writer to this task."""
    text: str
    """The answer without its thinking."""


class AnswerJudged(Event, frozen=True, kw_only=True, tag="answer_judged"):
    """A probe judged an answer to a broad question; ``cause`` is the answer."""

    task_set: str
    task: str
    competitor: str
    epoch: int
    sample: int
    probe: str
    judge: str
    label: int
    """As in :class:`VerdictGiven`."""
    evidence: list[str]


class TasksClosed(Event, frozen=True, kw_only=True, tag="tasks_closed"):
    """A writer has answered all tasks of a set."""

    task_set: str
    competitor: str
    epoch: int
    asked: int


# -- learning and judging ----------------------------------------------------------------------------------


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


class VerdictGiven(Event, frozen=True, kw_only=True, tag="verdict_given"):
    """A probe judged a published message against its anchor."""

    message: str
    probe: str
    judge: str
    """Who judged: ``exact``, ``lexical``, or a model's name."""
    label: int
    """1 the message does it, 0 it does not, -1 the probe could not tell; see :func:`abm.probe.misbehaviour`."""
    evidence: list[str]
    """Quoted spans of the message."""


class MessageAudited(Event, frozen=True, kw_only=True, tag="message_audited"):
    """An arm's auditor looked at a message that it could learn from; what it found may be wrong, as its error rates say."""

    message: str
    arm: str
    epoch: int
    mitigation: str
    """Name of the mitigation that audits."""
    found: bool
    """Whether it found that the message misbehaves."""


class PostJudged(Event, frozen=True, kw_only=True, tag="post_judged"):
    """A probe judged what a member wrote in the feeds against the anchor that it is about."""

    message: str
    persona: int
    probe: str
    judge: str
    label: int
    """As in :class:`VerdictGiven`."""
    evidence: list[str]


class EpochEnded(Event, frozen=True, kw_only=True, tag="epoch_ended"):
    """Simulation and learning of an epoch are done for every arm."""

    epoch: int
    adapters: dict[str, str]
    """Arm -> adapter id."""


AnyEvent = (
    RunStarted
    | RunResumed
    | Recovered
    | Repaired
    | CallsServed
    | ExtensionsLoaded
    | RunEnded
    | RunConfigured
    | Forked
    | ArenaSet
    | PersonasJoined
    | CrowdJoined
    | AnchorsListed
    | OtherArenaSet
    | CompetitorsJoined
    | ReaderJoined
    | AudienceSet
    | EvaluationAudienceSet
    | StepStarted
    | LLMReplied
    | MessagePublished
    | MessageRejected
    | MessageRedrawn
    | ContestOpened
    | SourceChecked
    | Reacted
    | ReactedMany
    | ReactionInvalid
    | ContestDecided
    | StepEnded
    | TiesFormed
    | TiesCut
    | PlatformOpened
    | FeedOpened
    | FeedServed
    | Engaged
    | MembersPosted
    | FeedAnswerInvalid
    | Remembered
    | OpinionsShifted
    | PollTaken
    | Intervened
    | MessagesLabelled
    | StatesShifted
    | ValuesShifted
    | SurveysSet
    | SurveyOpened
    | QuestionAnswered
    | SurveyClosed
    | InterviewOpened
    | InterviewAnswered
    | TasksListed
    | TaskAnswered
    | AnswerJudged
    | TasksClosed
    | TrainingMeasured
    | ArmFlagged
    | ArmStopped
    | RoundsRecalled
    | InstructionsProposed
    | InstructionsTried
    | AdapterTrained
    | VerdictGiven
    | MessageAudited
    | PostJudged
    | EpochEnded
)
