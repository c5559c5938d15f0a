"""Ways of learning: what of a log each learns from."""
