"""Mesa views of a run that stands in a log: the replayed model, its members, its measures."""
