"""Phrase tables: phrase pairs of `umt.smt.phrase_extraction`, counted and scored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from umt.runtime.jit import jit
from umt.runtime.saved_arrays import SavedArrays, damaged
from umt.runtime.validate import require
from umt.smt.ngram import NGramTables, empty_table, insert, number_keys, score_next
from umt.types import F32, F64, I32, I64, Bools

MAX_PHRASE = 4
"""Words in the longest phrase of either side."""
WORD_BITS = 15
"""Bits of a word in a packed phrase, which bounds the vocabulary of either side."""


class PhraseTable(NamedTuple):
    """Translation options of source phrases, as arrays for the decoder; H hash slots, P phrases, O options.

    keys: (H,) packed phrases or -1.  nodes: (H,) the phrase's number.  begins: (P + 1,) of its options.
    words: (O, MAX_PHRASE) target words, -1 beyond the last.  sizes: (O,) target words; 0 deletes the phrase.
    lengths: (O,) what the option counts for in the word reward; a copied word counts 1.
    scores: (O,) weighted log score of the option without the language model, in nats.
    lm_estimate: (O,) log p of its words out of context, in nats.
    links: (O,) bit i * MAX_PHRASE + j set when source word i and target word j are aligned.
    reordering_walls: (source vocabulary,) words that no reordering may cross.
    """

    keys: I64
    nodes: I32
    begins: I64
    words: I32
    sizes: I64
    lengths: F32
    scores: F32
    lm_estimate: F32
    links: I64
    reordering_walls: Bools


class PhrasePairs(NamedTuple):
    """Occurrences of phrase pairs with weights: packed source and target words (0: empty phrase), links."""

    source: I64
    target: I64
    links: I64
    forward: F64  # counts towards p(target | source)
    backward: F64  # counts towards p(source | target)


@jit
def _lm_estimate(words: Any, sizes: Any, tables: Any) -> Any:
    guess = np.zeros(len(sizes), np.float32)
    for option in range(len(sizes)):
        node = 0
        for j in range(sizes[option]):
            logp, node = score_next(tables, node, words[option, j])
            guess[option] += logp
    return guess


def _unpack(packed: I64) -> tuple[I32, I64]:
    """(N, MAX_PHRASE) words and (N,) sizes of packed phrases."""
    words = np.full((len(packed), MAX_PHRASE), -1, np.int32)
    sizes = np.zeros(len(packed), np.int64)
    rest = packed.copy()
    while (rest > 0).any():
        sizes += rest > 0
        rest >>= WORD_BITS
    for j in range(MAX_PHRASE):
        inside = sizes > j
        words[inside, j] = (
            (packed[inside] >> (WORD_BITS * (sizes[inside] - 1 - j))) & ((1 << WORD_BITS) - 1)
        ) - 1
    return words, sizes


@dataclass(frozen=True)
class PhraseScoring:
    """Scoring of phrase pairs by relative frequencies.

    forward, backward: weights of log p(target | source) and log p(source | target), relative frequencies.
    phrase: phrase penalty, added for each phrase used (negative prefers few long phrases).
    discount: subtracted from each count of a pair of more than one source word, against chance pairs.
    min_count: least count of a pair of more than one source word.
    options: translation options per source phrase.
    """

    forward: float = 0.65
    backward: float = 0.35
    phrase: float = 0.0
    discount: float = 0.5
    min_count: int = 2
    options: int = 12

    def __post_init__(self) -> None:
        require(self)

    def build_table(
        self, pairs: PhrasePairs, tables: NGramTables, barriers: Bools, lengths: F64
    ) -> PhraseTable:
        """Merge equal pairs, score them and keep the best of each source phrase.

        lengths: (target vocabulary,) what each word counts for in the word reward.
        barriers: (source vocabulary,) words that no reordering may cross.
        """
        s, sources = number_keys(pairs.source)
        t, targets = number_keys(pairs.target)
        p, count = number_keys(s.astype(np.int64) * targets + t)
        s_of, t_of, links = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.int64)
        s_of[p], t_of[p], links[p] = s, t, pairs.links
        forward = np.bincount(p, pairs.forward, minlength=count)
        backward = np.bincount(p, pairs.backward, minlength=count)
        packed_source, packed_target = np.zeros(sources, np.int64), np.zeros(targets, np.int64)
        packed_source[s], packed_target[t] = pairs.source, pairs.target
        several = packed_source[s_of] >> WORD_BITS > 0
        source_total = np.bincount(s_of, forward, minlength=sources)
        target_total = np.bincount(t_of, backward, minlength=targets)
        keep = ~several | (forward >= self.min_count)
        keep &= (forward > 1e-9) & (backward > 1e-9)
        s_of, t_of, links = s_of[keep], t_of[keep], links[keep]
        less = np.where(several[keep], self.discount, 0)
        scores = self.forward * np.log((forward[keep] - less) / source_total[s_of])
        scores += self.backward * np.log((backward[keep] - less) / target_total[t_of]) + self.phrase
        ranked = np.lexsort((-scores, s_of))
        s_of, t_of, links, scores = s_of[ranked], t_of[ranked], links[ranked], scores[ranked]
        begins = np.searchsorted(s_of, np.arange(sources + 1))
        top = np.arange(len(s_of)) - begins[s_of] < self.options
        s_of, t_of, links, scores = s_of[top], t_of[top], links[top], scores[top]
        words, sizes = _unpack(packed_target[t_of])
        keys, nodes = empty_table(sources)
        insert(keys, nodes, packed_source, 0)
        return PhraseTable(
            keys=keys,
            nodes=nodes,
            begins=np.searchsorted(s_of, np.arange(sources + 1)),
            words=words,
            sizes=sizes,
            lengths=np.where(words >= 0, lengths[words], 0).sum(1).astype(np.float32),
            scores=scores.astype(np.float32),
            lm_estimate=_lm_estimate(words, sizes, tables),
            links=links,
            reordering_walls=barriers,
        )


def read_table(path: Path, source_words: int, target_words: int) -> PhraseTable:
    """The saved table of a translator with so many words a side.

    Raises BadInput when the file is damaged.
    """
    saved = SavedArrays.read(path)
    sizes = saved.array("sizes", np.int64, (None,), low=0, high=MAX_PHRASE)
    words = saved.array("words", np.int32, (len(sizes), MAX_PHRASE), low=-1, high=target_words - 1)
    if (words < 0)[np.arange(MAX_PHRASE) < sizes[:, None]].any():
        raise damaged(path, "words lacks a word of an option")
    phrases = len(saved.arrays.get("begins", sizes[:0])) - 1
    keys, nodes = saved.hash_table("keys", "nodes", phrases)
    packed = keys[keys != -1]
    words_of_keys, _ = _unpack(packed.clip(0, (1 << WORD_BITS * MAX_PHRASE) - 1))
    if (
        (packed <= 0).any()
        or (packed >> WORD_BITS * MAX_PHRASE).any()
        or (words_of_keys >= source_words).any()
    ):
        raise damaged(path, "keys holds a phrase of words that the vocabulary lacks")
    return PhraseTable(
        keys=keys,
        nodes=nodes,
        begins=saved.offsets("begins", np.int64, phrases, len(sizes)),
        words=words,
        sizes=sizes,
        lengths=saved.array("lengths", np.float32, sizes.shape),
        scores=saved.array("scores", np.float32, sizes.shape),
        lm_estimate=saved.array("lm_estimate", np.float32, sizes.shape),
        links=saved.array("links", np.int64, sizes.shape, low=0, high=(1 << MAX_PHRASE**2) - 1),
        reordering_walls=saved.array("reordering_walls", np.bool_, (source_words,)),
    )


def translatable_words(options: PhraseTable) -> list[int]:
    """The single words that have options, by number."""
    words = options.keys[(options.keys > 0) & (options.keys < 1 << WORD_BITS)]
    return sorted(int(word) - 1 for word in words)
