"""Lexicon scores as rows of a table: of all words, by frequency band, part of speech and read-out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from umt.align import Alignment
from umt.corpus.dictionary import Dictionary
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.retrieval import Neighbours, csls, nearest
from umt.embeddings.wordspace import Embeddings
from umt.evaluation.baselines import permuted_lexicon
from umt.evaluation.lexicon_precision import Ranks, frequency_bands
from umt.evaluation.rows import DICTIONARY, ScoreRow
from umt.types import Score

_HARDLY = 0.05
READOUTS = {"": "lexicon", "csls": "CSLS", "nn": "nearest"}
"""How translations are read off: by the probabilities of the lexicon, by CSLS or by nearest neighbour in the
shared space; the name of a score ends in the key."""


def lexicon_rows(
    alignments: Mapping[str, Alignment],
    known: Dictionary,
    kinds: Mapping[str, str],
    directions: tuple[str, str],
    stems: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
) -> Iterator[ScoreRow]:
    """The scores of each system both ways, those of a random lexicon first.

    known: the truth from source to target. kinds: the part of speech of each word, as far as known.
    stems: form -> stem of both languages where endings are cut off: a form is translated as its stem is.
    """
    first = next(iter(alignments.values()))
    systems = {"random": [{"": permuted_lexicon(each)} for each in (first.lexicon, first.reverse_lexicon)]}
    systems |= {system: readouts_of(alignment) for system, alignment in alignments.items()}
    for system, readouts in systems.items():
        truths = known, known.reversed()
        for direction, truth, lexicons, forms in zip(directions, truths, readouts, stems, strict=True):
            subsets = _subsets(lexicons[""], truth, kinds)
            for readout, lexicon in lexicons.items():
                start = time.perf_counter()
                ranks = Ranks.read(lexicon.with_inflected_forms(forms), truth)
                seconds = time.perf_counter() - start
                for subset, words in subsets.items():
                    for score in ranks.restricted_to(words).scores():
                        if not readout or score.name != "coverage":  # the same for every read-out
                            named = _named(score, readout)
                            yield ScoreRow(system, subset, direction, named, seconds, "lexicon")


def unknown_dictionary(rows: Iterable[ScoreRow]) -> Iterator[str]:
    """A sentence for each direction in which the text knows hardly a word of the dictionary."""
    for row in rows:
        coverage = (row.set, row.system, row.score.name) == (DICTIONARY, "unsupervised", "coverage")
        if coverage and row.score.value < _HARDLY:
            yield (
                f"{row.direction}: the text knows {row.score.value:.1%} of the dictionary, too little: "
                "is it of these languages, a word and its translation a line, written as the text is?"
            )


def _named(score: Score, readout: str) -> Score:
    signature = f"{score.signature}|by:{readout or 'lexicon'}"
    return replace(score, name=f"{score.name} {readout}".strip(), signature=signature)


def readouts_of(alignment: Alignment) -> list[dict[str, Lexicon]]:
    """Source to target and back: the lexicon itself and what the shared space says, keyed as `READOUTS`."""
    sides = alignment.source, alignment.target
    readouts = [{"": alignment.lexicon}, {"": alignment.reverse_lexicon}]
    for name, search in (("csls", csls), ("nn", nearest)):
        k = alignment.lexicon.candidates.shape[1]
        forward, backward = search(sides[0].vectors, sides[1].vectors, k)
        readouts[0][name] = _lexicon(*sides, forward)
        readouts[1][name] = _lexicon(*sides[::-1], backward)
    return readouts


def _lexicon(source: Embeddings, target: Embeddings, neighbours: Neighbours) -> Lexicon:
    return Lexicon(source.words, target.words, neighbours.indices, neighbours.scores.softmax(1))


def _subsets(lexicon: Lexicon, truth: Dictionary, kinds: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """All words, those of each band of frequency, those of each part of speech; empty subsets left out."""
    parts = frequency_bands(lexicon.source)
    for kind in sorted(set(kinds.values())):
        parts[kind] = frozenset(word for word, its in kinds.items() if its == kind)
    every = frozenset(truth.pairs)
    subsets = {f"{DICTIONARY} {name}": words & every for name, words in parts.items()}
    return {DICTIONARY: every, **{name: words for name, words in subsets.items() if words}}
