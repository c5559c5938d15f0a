"""A run's plan as data: its parts in order, what can be counted of them, and the plan that a log was made by. Knows no models and no files."""
