"""A study's folder: its log, who works on what, how its cells stand, and what they began with."""
