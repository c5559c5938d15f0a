"""What a study found: its results, and those of two side by side."""
