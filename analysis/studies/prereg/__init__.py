"""What a study declares before its first call, and what becomes of it: hypotheses, looks, conclusions, deviations."""
