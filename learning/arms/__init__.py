"""What one run compares: arms, how each learns, the markets in which it meets others, and the models on which it stands. Reads settings and
records; knows no log and no plan."""
