"""Compiled beam against the same search written in plain Python, one sentence at a time.

python -m benchmarks.lexical
"""

from __future__ import annotations

import time

import numpy as np

from umt.cli.command_line import Command
from umt.smt.kneser_ney import KneserNey
from umt.smt.ngram import END, SPECIALS, START, NGram
from umt.smt.phrase_table import PhrasePairs, PhraseScoring, PhraseTable
from umt.smt.stack_decoder import DecoderWeights, decode_all
from umt.types import I32

WORDS, CHOICES, LENGTH, SENTENCES = 5000, 8, 25, 2000


def naive(sentence: I32, model: NGram, options: PhraseTable, beam: int, search: DecoderWeights) -> list[int]:
    """Monotone word by word: every hypothesis a tuple, every probability asked for one at a time."""
    row = {int(key): int(node) for key, node in zip(options.keys, options.nodes, strict=True) if key >= 0}
    hypotheses: dict[tuple[int, ...], tuple[float, list[int]]] = {(START,): (0.0, [])}
    for word in sentence.tolist():
        node, longer = row[word + 1], dict[tuple[int, ...], tuple[float, list[int]]]()
        for context, (score, output) in hypotheses.items():
            for option in range(options.begins[node], options.begins[node + 1]):
                total, state, words = score + float(options.scores[option]), context, list(output)
                for target in options.words[option, : options.sizes[option]].tolist():
                    total += search.model * model.word(state, target) + search.word
                    state, words = (*state, target)[-3:], [*words, target]
                if state not in longer or longer[state][0] < total:
                    longer[state] = (total, words)
        hypotheses = dict(sorted(longer.items(), key=lambda item: -item[1][0])[:beam])
    return max((s + search.model * model.word(c, END), o) for c, (s, o) in hypotheses.items())[1]


def main() -> None:
    """Build a random world, translate it both ways of writing the search, print sentences per second."""
    parser = Command("benchmarks.lexical", __doc__)
    parser.parse_args()
    generator = np.random.default_rng(0)
    weights = 1 / np.arange(1, WORDS + 1)
    words = (*SPECIALS, *(f"w{k}" for k in range(WORDS)))
    text = 3 + generator.choice(WORDS, 600_000, p=weights / weights.sum())
    model = KneserNey(4).fit(words, text.astype(np.int32), np.arange(0, 600_001, 20))
    source = np.repeat(np.arange(3, WORDS + 3), CHOICES)
    target = 3 + generator.integers(0, WORDS, len(source))
    shares = generator.uniform(0.1, 1, len(source))
    pairs = PhrasePairs(source + 1, target + 1, np.ones(len(source), np.int64), shares, shares)
    options = PhraseScoring().build_table(
        pairs, model.tables, np.zeros(len(words), np.bool_), np.ones(len(words))
    )
    ids = (3 + generator.choice(WORDS, SENTENCES * LENGTH, p=weights / weights.sum())).astype(np.int32)
    offsets = np.arange(0, len(ids) + 1, LENGTH)
    search = DecoderWeights(beam=12, jump=0, model=0.5, word=0.5, distortion=0.5)
    decode_all(ids[:LENGTH], offsets[:2], options, model.tables, search, 1)  # compile
    few = 20
    begin = time.perf_counter()
    for k in range(few):
        naive(ids[offsets[k] : offsets[k + 1]], model, options, 12, search)
    print(f"plain Python, monotone:    {few / (time.perf_counter() - begin):8.1f} sentences/s, 1 thread")
    for jump, threads in ((0, 1), (0, 2), (4, 1), (4, 2)):
        begin = time.perf_counter()
        decode_all(ids, offsets, options, model.tables, search._replace(jump=jump), threads)
        rate = SENTENCES / (time.perf_counter() - begin)
        print(f"compiled, jumps up to {jump}:    {rate:8.1f} sentences/s, {threads} thread(s)")


if __name__ == "__main__":
    main()
