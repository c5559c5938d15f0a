"""The settings of a run: their types, where each value comes from, what is wrong with one, and the list of them all for people and editors."""
