"""Where decisions meet the log: journals that take or check them, the digest, differences, and replay."""

from abm.journal._adapters import AdaptersHeld
from abm.journal._differences import NOTHING, Difference, differences, excerpts, kind, place, shown
from abm.journal._replay import Replayed, replay
from abm.journal.checker import Checker, Diverged, Divergence, LogEnded
from abm.journal.decisions import Decision, Decisions, equal
from abm.journal.digest import Digest, log_digest, run_digest
from abm.journal.journal import Journal
from abm.journal.live import LiveJournal

__all__ = [
    "NOTHING",
    "AdaptersHeld",
    "Checker",
    "Decision",
    "Decisions",
    "Difference",
    "Digest",
    "Diverged",
    "Divergence",
    "Journal",
    "LiveJournal",
    "LogEnded",
    "Replayed",
    "differences",
    "equal",
    "excerpts",
    "kind",
    "log_digest",
    "place",
    "replay",
    "run_digest",
    "shown",
]


def __dir__() -> list[str]:
    return sorted(__all__)
