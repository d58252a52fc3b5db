"""The stack decoder: exact on toys, reordering, threads."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from umt.smt.kneser_ney import KneserNey
from umt.smt.ngram import END, SPECIALS, START, NGram
from umt.smt.phrase_table import WORD_BITS, PhrasePairs, PhraseScoring, PhraseTable
from umt.smt.stack_decoder import DecoderWeights, decode, decode_all


def packed(*words: int) -> int:
    key = 0
    for word in words:
        key = key << WORD_BITS | (word + 1)
    return key


def toy(seed: int = 0) -> tuple[NGram, PhraseTable, PhrasePairs]:
    """Six source words, six target words, random phrase pairs of one or two words a side."""
    generator = np.random.default_rng(seed)
    words = (*SPECIALS, *"abcdef")
    ids = generator.integers(3, 9, 600).astype(np.int32)
    model = KneserNey(3).fit(words, ids, np.arange(0, 601, 6))
    phrases = []
    for source in [(w,) for w in range(3, 9)] + [(3, 4), (5, 6), (7, 8), (4, 5)]:
        targets = [(), (3 + source[0] % 6,), (3 + (source[0] + 2) % 6,), (5, 4)]
        phrases += [(packed(*source), packed(*target)) for target in targets]
    weights = generator.uniform(1, 9, len(phrases))
    source, target = np.array(phrases).T
    pairs = PhrasePairs(source, target, np.where(target > 0, 1, 0), weights, weights)
    options = PhraseScoring(min_count=0, discount=0.0).build_table(
        pairs, model.tables, np.zeros(9, np.bool_), np.ones(len(model.words))
    )
    return model, options, pairs


def exact(sentence: list[int], model: NGram, options: PhraseTable, search: DecoderWeights) -> float:
    """The best score over all monotone segmentations and all options."""
    by_phrase = dict(zip(options.keys.tolist(), options.nodes.tolist(), strict=True))
    best = -np.inf
    for cuts in itertools.product([False, True], repeat=len(sentence) - 1):
        spans = np.split(np.array(sentence), [i + 1 for i, cut in enumerate(cuts) if cut])
        keys = [packed(*span.tolist()) for span in spans]
        if not all(key in by_phrase for key in keys):
            continue
        ranges = [range(*options.begins[by_phrase[key] : by_phrase[key] + 2]) for key in keys]
        for chosen in itertools.product(*ranges):
            output = [int(w) for o in chosen for w in options.words[o, : options.sizes[o]]]
            line = [START, *output, END]
            logp = sum(model.word(line[max(0, k - 2) : k], line[k]) for k in range(1, len(line)))
            score = search.model * logp + search.word * len(output) + sum(options.scores[o] for o in chosen)
            best = max(best, float(score))
    return best


def scored(
    output: list[int], sentence: list[int], model: NGram, options: PhraseTable, search: DecoderWeights
) -> float:
    """The best score of this very output."""
    only = options._replace(scores=options.scores.copy())
    best = -np.inf
    by_phrase = dict(zip(options.keys.tolist(), options.nodes.tolist(), strict=True))

    def walk(place: int, done: int, score: float) -> None:
        nonlocal best
        if place == len(sentence):
            if done == len(output):
                best = max(best, score)
            return
        for length in range(1, len(sentence) - place + 1):
            node = by_phrase.get(packed(*sentence[place : place + length]))
            if node is None:
                continue
            for o in range(*only.begins[node : node + 2]):
                words = only.words[o, : only.sizes[o]].tolist()
                if output[done : done + len(words)] == words:
                    walk(place + length, done + len(words), score + float(only.scores[o]))

    walk(0, 0, 0.0)
    line = [START, *output, END]
    logp = sum(model.word(line[max(0, k - 2) : k], line[k]) for k in range(1, len(line)))
    return best + search.model * logp + search.word * len(output)


def test_without_reordering_the_beam_finds_the_exact_best() -> None:
    generator = np.random.default_rng(1)
    for seed in range(4):
        model, options, _ = toy(seed)
        search = DecoderWeights(beam=200, jump=0, model=0.7, word=0.3, distortion=0.5)
        sentence = generator.integers(3, 9, 5).astype(np.int32)
        output = decode(sentence, np.array([0, 5]), options, model.tables, search)[0].tolist()
        assert scored(output, sentence.tolist(), model, options, search) == pytest.approx(
            exact(sentence.tolist(), model, options, search), abs=1e-3
        )


def test_reordering_restores_the_order_of_the_target() -> None:
    words = (*SPECIALS, *"abcd")
    ids = np.array([3, 4, 5, 6] * 50, np.int32)
    model = KneserNey(3).fit(words, ids, np.arange(0, 201, 4))
    source = np.array([packed(w) for w in (3, 4, 5, 6)])
    ones = np.ones(4)
    pairs = PhrasePairs(source, source, np.ones(4, np.int64), ones, ones)
    options = PhraseScoring().build_table(
        pairs, model.tables, np.zeros(7, np.bool_), np.ones(len(model.words))
    )
    shuffled, offsets = np.array([4, 3, 6, 5], np.int32), np.array([0, 4])
    free = DecoderWeights(beam=20, jump=3, model=1.0, word=0.0, distortion=0.1)
    assert decode(shuffled, offsets, options, model.tables, free)[0].tolist() == [3, 4, 5, 6]
    fixed = free._replace(jump=0)
    assert decode(shuffled, offsets, options, model.tables, fixed)[0].tolist() == [4, 3, 6, 5]
    barred = options._replace(reordering_walls=np.array([False] * 3 + [True] * 4))
    assert decode(shuffled, offsets, barred, model.tables, free)[0].tolist() == [4, 3, 6, 5]


def test_threads_and_batches_change_nothing() -> None:
    model, options, _ = toy()
    ids = np.random.default_rng(3).integers(3, 9, 2000).astype(np.int32)
    offsets = np.arange(0, 2001, 10)
    search = DecoderWeights(beam=6, jump=2, model=0.7, word=0.3, distortion=0.5)
    one = decode_all(ids, offsets, options, model.tables, search, 1)
    two = decode_all(ids, offsets, options, model.tables, search, 2)
    assert all(np.array_equal(one[part], two[part]) for part in range(len(one)))
    for k in range(0, 200, 37):
        alone = decode(ids[10 * k : 10 * k + 10], np.array([0, 10]), options, model.tables, search)[0]
        assert (alone == one[0][one[1][k] : one[1][k + 1]]).all()
