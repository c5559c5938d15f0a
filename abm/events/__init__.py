"""Everything that happens in a run, in the past tense; state, learning and analysis are functions of these.

Each event is one JSON object with a ``type``. Ids name content (anchors, personas, adapters) or a place in
the plan (contests, messages); ``cause`` is the ``seq`` of the event that led to this one. ``at`` (wall-clock
time) is metadata: no decision reads it and the run's digest leaves it out.
"""

from __future__ import annotations

from abm.events._arms import (
    AdapterTrained,
    ArmFlagged,
    ArmStopped,
    EpochEnded,
    InstructionsProposed,
    InstructionsTried,
    TrainingMeasured,
)
from abm.events._contests import (
    ContestDecided,
    ContestOpened,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    SourceChecked,
    StepEnded,
    StepStarted,
)
from abm.events._diffusion import StatesShifted, ValuesShifted
from abm.events._event import SCHEMA_VERSION, Event, Lifecycle, Phase, Split, split_of
from abm.events._feeds import (
    Engaged,
    FeedAnswerInvalid,
    FeedOpened,
    FeedServed,
    Intervened,
    MembersPosted,
    MessagesLabelled,
    OpinionsShifted,
    PlatformOpened,
    PollTaken,
    Remembered,
    TiesCut,
    TiesFormed,
)
from abm.events._inputs import (
    AnchorsListed,
    ArenaSet,
    AudienceSet,
    CompetitorsJoined,
    CrowdJoined,
    EvaluationAudienceSet,
    Forked,
    OtherArenaSet,
    PersonasJoined,
    ReaderJoined,
    RunConfigured,
)
from abm.events._messages import LLMReplied, MessagePublished, MessageRedrawn, MessageRejected, RoundsRecalled
from abm.events._process import CallsServed, ExtensionsLoaded, Recovered, Repaired, RunEnded, RunResumed, RunStarted
from abm.events._surveys import (
    InterviewAnswered,
    InterviewOpened,
    QuestionAnswered,
    SurveyClosed,
    SurveyOpened,
    SurveysSet,
)
from abm.events._tasks import AnswerJudged, TaskAnswered, TasksClosed, TasksListed
from abm.events._verdicts import MessageAudited, PostJudged, VerdictGiven

__all__ = [
    "SCHEMA_VERSION",
    "AdapterTrained",
    "AnchorsListed",
    "AnswerJudged",
    "AnyEvent",
    "ArenaSet",
    "ArmFlagged",
    "ArmStopped",
    "AudienceSet",
    "CallsServed",
    "CompetitorsJoined",
    "ContestDecided",
    "ContestOpened",
    "CrowdJoined",
    "Engaged",
    "EpochEnded",
    "EvaluationAudienceSet",
    "Event",
    "ExtensionsLoaded",
    "FeedAnswerInvalid",
    "FeedOpened",
    "FeedServed",
    "Forked",
    "InstructionsProposed",
    "InstructionsTried",
    "Intervened",
    "InterviewAnswered",
    "InterviewOpened",
    "LLMReplied",
    "Lifecycle",
    "MembersPosted",
    "MessageAudited",
    "MessagePublished",
    "MessageRedrawn",
    "MessageRejected",
    "MessagesLabelled",
    "OpinionsShifted",
    "OtherArenaSet",
    "PersonasJoined",
    "Phase",
    "PlatformOpened",
    "PollTaken",
    "PostJudged",
    "QuestionAnswered",
    "Reacted",
    "ReactedMany",
    "ReactionInvalid",
    "ReaderJoined",
    "Recovered",
    "Remembered",
    "Repaired",
    "RoundsRecalled",
    "RunConfigured",
    "RunEnded",
    "RunResumed",
    "RunStarted",
    "SourceChecked",
    "Split",
    "StatesShifted",
    "StepEnded",
    "StepStarted",
    "SurveyClosed",
    "SurveyOpened",
    "SurveysSet",
    "TaskAnswered",
    "TasksClosed",
    "TasksListed",
    "TiesCut",
    "TiesFormed",
    "TrainingMeasured",
    "ValuesShifted",
    "VerdictGiven",
    "split_of",
]

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
"""Any event of the log: the union that decodes one by its ``type``."""


def __dir__() -> list[str]:
    return sorted(__all__)
