"""Precision of a lexicon against a true dictionary: P@k and mean reciprocal rank, with intervals."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from umt.corpus.dictionary import Dictionary
from umt.embeddings.lexicon import Lexicon
from umt.types import Score


def wilson(successes: float, trials: int) -> tuple[float, float]:
    """The 95% interval of a proportion (Wilson, 1927); (0, 1) without a trial."""
    if trials == 0:
        return 0.0, 1.0
    z, share = 1.959964, successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


@dataclass(frozen=True)
class Ranks:
    """The rank of the first true translation of each dictionary word among its candidates.

    ranks: 1 for the best candidate, 0 where none of the candidates is true, None where the word is not
        covered: the lexicon does not know it, or none of its translations.
    candidates: how many each word has.
    """

    ranks: Mapping[str, int | None]
    candidates: int

    @classmethod
    def read(cls, lexicon: Lexicon, dictionary: Dictionary) -> Ranks:
        """Look up every word of the dictionary."""
        known = set(lexicon.target)
        rows = lexicon.candidates.tolist()
        ranks: dict[str, int | None] = {}
        for word, truth in dictionary.pairs.items():
            if word not in lexicon.index or not truth & known:
                ranks[word] = None
                continue
            guesses = (lexicon.target[index] for index in rows[lexicon.index[word]])
            ranks[word] = next((rank for rank, guess in enumerate(guesses, start=1) if guess in truth), 0)
        return cls(ranks, lexicon.candidates.shape[1])

    def restricted_to(self, words: Container[str]) -> Ranks:
        """The same for those of ``words`` that the dictionary holds."""
        return replace(self, ranks={word: rank for word, rank in self.ranks.items() if word in words})

    def scores(self, ks: Sequence[int] = (1, 5, 10)) -> list[Score]:
        """Coverage, precision at each k and mean reciprocal rank.

        "p@k" and "mrr" count a word that is not covered as wrong, "p@k covered" and "mrr covered" leave it
        out. The reciprocal rank is 0 where the truth is not among the candidates. Intervals: Wilson's 95%,
        for mrr the normal approximation.
        """
        covered = [rank for rank in self.ranks.values() if rank is not None]
        words = len(self.ranks)
        scores = [_share("coverage", len(covered), words, "words known on both sides")]
        for k in ks:
            hits = sum(0 < rank <= k for rank in covered)
            scores.append(_share(f"p@{k}", hits, words, "oov:wrong"))
            scores.append(_share(f"p@{k} covered", hits, len(covered), "oov:left out"))
        values = [1 / rank if rank else 0.0 for rank in covered]
        rule = f"candidates:{self.candidates}|oov:"
        scores.append(_mean("mrr", values + [0.0] * (words - len(covered)), rule + "wrong"))
        scores.append(_mean("mrr covered", values, rule + "left out"))
        return scores


def precision(lexicon: Lexicon, dictionary: Dictionary, ks: Sequence[int] = (1, 5, 10)) -> list[Score]:
    """Share of the dictionary's words with a true translation among the first k candidates: see `Ranks`."""
    return Ranks.read(lexicon, dictionary).scores(ks)


def frequency_bands(
    words: Sequence[str], edges: Sequence[int] = (500, 1000, 5000, 20_000)
) -> dict[str, frozenset[str]]:
    """The bands of ``words``, most frequent first, cut after each rank of ``edges``, by name."""
    bounds = [0, *(edge for edge in edges if edge < len(words)), len(words)]
    return {f"rank {low + 1}-{high}": frozenset(words[low:high]) for low, high in pairwise(bounds)}


def _share(name: str, hits: int, trials: int, rule: str) -> Score:
    low, high = wilson(hits, trials)
    return Score(name, hits / max(trials, 1), low, high, f"words:{trials}|hits:{hits}|{rule}|interval:wilson")


def _mean(name: str, values: Sequence[float], rule: str) -> Score:
    count = max(len(values), 1)
    mean = sum(values) / count
    spread = 1.96 * math.sqrt(max(0.0, sum(value * value for value in values) / count - mean * mean) / count)
    low, high = max(0.0, mean - spread), min(1.0, mean + spread)
    return Score(name, mean, low, high, f"words:{len(values)}|{rule}|interval:normal")
