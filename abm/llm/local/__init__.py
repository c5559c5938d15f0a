"""Language models in this process, by transformers: decoding, caches, guides."""
