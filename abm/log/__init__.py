"""The event log: append-only, hash-chained, durable before it is acknowledged.

``create`` and ``open_log`` give an :class:`EventLog`; ``read_events`` iterates a run's events without a lock;
``verify`` checks every byte against the chain.
"""

from abm.log.eventlog import EventLog, create, open_log, read_events, verify
from abm.log.writer import Head

__all__ = ["EventLog", "Head", "create", "open_log", "read_events", "verify"]
