"""Studies: a page of factors, its cells, and what becomes of them. A cell is one run: one config, one folder, one log."""
