"""What a design can find: how much outcomes vary, by pilots or as they usually do, and the effect that a page's design detects."""
