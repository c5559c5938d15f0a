"""Where decisions meet the log: journals, digests, differences, replays."""

from abm.journal.digest import Digest, log_digest, run_digest
from abm.journal.live import Journal

__all__ = ["Digest", "Journal", "log_digest", "run_digest"]
