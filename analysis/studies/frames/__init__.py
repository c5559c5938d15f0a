"""The frames of a study, and whether two executions came to the same."""
