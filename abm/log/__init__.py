"""The event log: append-only, hash-chained, durable before it is acknowledged.

``create`` and ``open_log`` give an :class:`EventLog`; ``read_events`` iterates a run's events without a lock.
"""

from abm.log.eventlog import EventLog, Head, create, open_log, read_events, verify

__all__ = ["EventLog", "Head", "create", "open_log", "read_events", "verify"]
