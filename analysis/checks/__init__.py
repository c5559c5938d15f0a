"""Checks before a study begins: of this machine, and of the people."""
