"""What becomes of what a study declared: looks before its end, tests of hypotheses, deviations. What can be declared: ``preregistration``."""
