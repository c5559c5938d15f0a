"""Seeing it: what a run's log shows in a browser. Reads logs, writes nothing, and is not needed to run anything."""
