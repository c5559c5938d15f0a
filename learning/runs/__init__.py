"""A run: its inputs, its plan, and the loop that carries it out, live, forked or decided again."""
