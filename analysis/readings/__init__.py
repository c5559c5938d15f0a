"""Readings: folds of a log, each event once."""
