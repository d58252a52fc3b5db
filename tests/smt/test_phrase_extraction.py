"""Phrase pairs that agree with word links."""

from __future__ import annotations

import numpy as np

from tests.smt.test_stack_decoder import packed
from umt.smt.phrase_extraction import WordAlignedSentences, extract


def test_phrase_pairs_respect_links_and_take_unlinked_words_along() -> None:
    # source: x y z, target: T a b; x-a, y-b, z alone, T alone (an article that the source does not have)
    linked = WordAlignedSentences(
        source=np.array([3, 4, 5], np.int32),
        source_offsets=np.array([0, 3]),
        target=np.array([6, 7, 8], np.int32),
        target_offsets=np.array([0, 3]),
        links=np.array([0 << 16 | 1, 1 << 16 | 2]),
        link_offsets=np.array([0, 2]),
    )
    result = set(zip(*(part.tolist() for part in extract(linked, 3)[:2]), strict=True))
    assert result == {
        (packed(3), packed(7)),
        (packed(3), packed(6, 7)),
        (packed(4), packed(8)),
        (packed(3, 4), packed(7, 8)),
        (packed(3, 4), packed(6, 7, 8)),
        (packed(5), 0),
    }
