"""Which number tells the better translator without parallel text? Small runs, good and bad, and what is true.

    python -m benchmarks.selection run [--store runs] [--minutes 60] [--only lexicon rate]
    python -m benchmarks.selection show             docs/studies/selection.md, .svg from all runs so far

The true BLEU is measured beside the training and told to nobody; no criterion sees a pair of sentences.
"""
