"""A run: its inputs and the loop that carries it out, live, forked or decided again."""
