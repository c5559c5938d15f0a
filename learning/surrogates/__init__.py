"""Surrogate audiences: choice models fitted to the votes of another audience."""
