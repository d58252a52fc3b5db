"""How right a lexicon is: for all words, by frequency and by part of speech, and however it is read off."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from umt.align import Alignment
from umt.baselines import random_lexicon
from umt.lexicon import Dictionary, Lexicon, Ranks, frequency_bands
from umt.report import DICTIONARY, Row
from umt.retrieval import Neighbours, csls, nearest
from umt.types import Score
from umt.wordspace import Embeddings

READINGS = {"": "lexicon", "csls": "CSLS", "nn": "nearest"}
"""How translations are read off: by the probabilities of the lexicon, by CSLS or by nearest neighbour in the
shared space; the name of a score ends in the key."""


def lexicon_rows(
    bridges: Mapping[str, Alignment],
    known: Dictionary,
    kinds: Mapping[str, str],
    directions: tuple[str, str],
    stems: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
) -> Iterator[Row]:
    """The scores of each system both ways, those of a random lexicon first.

    known: the truth from source to target. kinds: the part of speech of each word, as far as known.
    stems: form -> stem of both languages where endings are cut off: a form is translated as its stem is.
    """
    first = next(iter(bridges.values()))
    systems = {"random": [{"": random_lexicon(each)} for each in (first.lexicon, first.reverse)]}
    systems |= {system: readings_of(alignment) for system, alignment in bridges.items()}
    for system, readings in systems.items():
        truths = known, known.reversed()
        for direction, truth, ways, forms in zip(directions, truths, readings, stems, strict=True):
            subsets = _subsets(ways[""], truth, kinds)
            for way, lexicon in ways.items():
                start = time.perf_counter()
                ranks = Ranks.read(lexicon.with_forms(forms), truth)
                seconds = time.perf_counter() - start
                for subset, words in subsets.items():
                    for score in ranks.only(words).scores():
                        if not way or score.name != "coverage":  # the same for every reading
                            yield Row(system, subset, direction, _named(score, way), seconds)


def _named(score: Score, way: str) -> Score:
    signature = f"{score.signature}|by:{way or 'lexicon'}"
    return replace(score, name=f"{score.name} {way}".strip(), signature=signature)


def readings_of(alignment: Alignment) -> list[dict[str, Lexicon]]:
    """Source to target and back: the lexicon itself and what the shared space says, keyed as `READINGS`."""
    sides = alignment.source, alignment.target
    found = [{"": alignment.lexicon}, {"": alignment.reverse}]
    for way, search in (("csls", csls), ("nn", nearest)):
        k = alignment.lexicon.candidates.shape[1]
        forward, backward = search(sides[0].vectors, sides[1].vectors, k)
        found[0][way] = _lexicon(*sides, forward)
        found[1][way] = _lexicon(*sides[::-1], backward)
    return found


def _lexicon(source: Embeddings, target: Embeddings, neighbours: Neighbours) -> Lexicon:
    return Lexicon(source.words, target.words, neighbours.indices, neighbours.scores.softmax(1))


def _subsets(lexicon: Lexicon, truth: Dictionary, kinds: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """All words, those of each band of frequency, those of each part of speech; empty subsets left out."""
    parts = frequency_bands(lexicon.source)
    for kind in sorted(set(kinds.values())):
        parts[kind] = frozenset(word for word, its in kinds.items() if its == kind)
    asked = frozenset(truth.pairs)
    found = {f"{DICTIONARY} {name}": words & asked for name, words in parts.items()}
    return {DICTIONARY: asked, **{name: words for name, words in found.items() if words}}
