"""Raw text to clean, segmented, deduplicated sentences without those of a held-out set."""
