"""Code lengths and the archive: the language model as a compressor."""
