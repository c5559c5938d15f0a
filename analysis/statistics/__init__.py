"""Estimates and their intervals. Knows arrays; knows nothing of events."""
