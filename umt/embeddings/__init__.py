"""Words to counts, vectors, neighbours and a lexicon; arrays only, no configuration and no network of
ours."""
