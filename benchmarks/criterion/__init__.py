"""Which number tells a right alignment from a wrong one? Many strategies on many corpora, and what is true.

    python -m benchmarks.criterion run [--data ../shared/data] [--store runs] [--only bible] [--minutes 60]
    python -m benchmarks.criterion show             docs/studies/criterion.md, .svg from all runs so far
    python -m benchmarks.criterion seeds CORPUS ALIGNER    does it work from every seed, and does one know
    python -m benchmarks.criterion whole CORPUS ALIGNER    the same of what train.py runs, by its own verdict
    python -m benchmarks.criterion verdicts [--manuals data]   that verdict on texts that match and do not

A dictionary is read afterwards, to measure; no strategy and no criterion sees it. The generated corpora need
no data; those of real text are left out where ``--data`` does not hold them.
"""
