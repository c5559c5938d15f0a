"""What a study can find, before it is paid for: how much outcomes vary, what a design detects, and the cheapest one that will do."""
