"""One training loop: knows a model and objectives, no language pair and no aligner."""
