"""Counting equals the naive count, whatever the window and the sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from umt.embeddings.counts import (
    SENTENCE_BREAK,
    IndexedCorpus,
    count_left_right,
    count_pairs,
    index_words,
    read_tokens,
)
from umt.types import BadInput


def naive(tokens: IndexedCorpus, words: int, contexts: int, window: int) -> np.ndarray:
    counts = np.zeros((words, contexts))
    ids = tokens.ids.tolist()
    for here, word in enumerate(ids):
        for step in (1, -1):
            for offset in range(1, window + 1):
                there = here + step * offset
                if not 0 <= there < len(ids) or ids[there] == SENTENCE_BREAK or word == SENTENCE_BREAK:
                    break
                if word < words and ids[there] < contexts:
                    counts[word, ids[there]] += 1
    return counts


def test_tokens_are_lower_cased_and_ranked() -> None:
    tokens = index_words(["The cat the dog\n\nThe  CAT"])
    assert tokens.words == ("the", "cat", "dog")
    assert tokens.frequencies.tolist() == [3, 2, 1]
    assert tokens.ids.tolist() == [0, 1, 0, 2, SENTENCE_BREAK, SENTENCE_BREAK, 0, 1, SENTENCE_BREAK]
    assert tokens.vocabulary(10, minimum_count=2) == 2


@pytest.mark.parametrize(("words", "contexts"), [(40, 40), (40, 7), (20, 20), (5, 1)])
def test_pairs_equal_the_naive_count(words: int, contexts: int) -> None:
    random = np.random.default_rng(1)
    lines = [" ".join(f"w{n}" for n in random.zipf(1.5, random.integers(0, 15)) % 40) for _ in range(80)]
    lines.append(" ".join(f"w{n}" for n in range(40)))
    tokens = index_words(["\n".join(lines)])
    counts = count_pairs(tokens.ids, words, contexts, (4, 1, 9))
    assert sorted(counts) == [1, 4, 9]
    for window, matrix in counts.items():
        assert matrix.has_sorted_indices
        assert (matrix.toarray() == naive(tokens, words, contexts, window)).all()


def test_sides_are_told_apart() -> None:
    tokens = index_words(["x a y x b\nb x a a a"])  # by frequency: a x b y
    after, before = (side.toarray() for side in count_left_right(tokens.ids, 4, 2, (1,))[1])
    assert after.tolist() == [[2, 0], [2, 0], [0, 1], [0, 1]]
    assert before.tolist() == [[2, 2], [0, 0], [0, 1], [1, 0]]


def test_blocks_of_a_file_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a b c\nd e\n" * 50
    (tmp_path / "en.words").write_text(text, encoding="utf-8")
    monkeypatch.setattr("umt.embeddings.counts._BLOCK", 7)
    assert read_tokens(tmp_path / "en.words").ids.tolist() == index_words([text]).ids.tolist()


def test_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "en.words"
    for content, message in ((b"", "no word"), (b"\xff\xfe\n", "UTF-8")):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=message):
            read_tokens(path)
    with pytest.raises(BadInput, match="nothere"):
        read_tokens(tmp_path / "nothere")
    with pytest.raises(ValueError, match="windows"):
        count_pairs(index_words(["a b"]).ids, 2, 2, (0,))
    with pytest.raises(ValueError, match="contexts"):
        count_pairs(index_words(["a b"]).ids, 2, 3, (1,))
