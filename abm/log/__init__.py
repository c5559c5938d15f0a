"""The event log: append-only, hash-chained, durable before it is acknowledged.

``create`` and ``open_log`` give an :class:`EventLog`; ``read_events`` iterates a run's events without a lock;
``verify`` checks every byte against the chain; ``repair`` cuts a damaged log before its first bad place. What comes after a run stands in a
:class:`SideLog` beside it.
"""

from abm.log.eventlog import EventLog, check_folder, create, open_log, read_events, verify
from abm.log.recovery import Head, repair
from abm.log.segments import Fork
from abm.log.side_log import SideLog

__all__ = [
    "EventLog",
    "Fork",
    "Head",
    "SideLog",
    "check_folder",
    "create",
    "open_log",
    "read_events",
    "repair",
    "verify",
]


def __dir__() -> list[str]:
    return sorted(__all__)
