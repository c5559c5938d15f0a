"""``moloch study``: a page of factors and what becomes of it; without a page, one run over several seeds."""
