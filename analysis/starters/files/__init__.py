"""The files that ``moloch init`` writes, as they are written. Nothing here is imported: each is copied."""
