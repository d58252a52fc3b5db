"""Does joint compression explain translation? Five measurements of the bits that one language saves another.

    python -m benchmarks.transfer run [--only bridge] [--seeds 3] [--data ../shared/data] [--minutes 60]
    python -m benchmarks.transfer show [--records runs/transfer.jsonl]     docs/studies/joint-compression.md

bridge: joint code length over the quality of the alignment of initial embeddings. neighbours: code length of
X beside other texts. cipher: code length over the quality of a lexicon, and a search for the shortest code.
pointers: code length of verses given the other language, pointers paid. sweep: many small runs of the
generated world, and whether a code length predicts what they reach. The dictionary grades the alignments of
the first, and measures the last; no other one reads it.
"""
