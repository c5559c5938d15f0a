"""What happens: anchors, arenas, events, the log, state, worlds, audiences and language models."""
