"""A study in object storage."""
