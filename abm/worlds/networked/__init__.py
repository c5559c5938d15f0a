"""The networked world: accounts, feeds, what members do there, and what it does to them."""
