"""Word vectors from a language model's states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator

from tests.small_translation import EN, HAN, ZH, cipher, network, sentences
from umt.embeddings.counts import IndexedCorpus, index_words
from umt.lm.loading import load, save
from umt.lm.word_vectors import LmWordVectors
from umt.text.tokenizer import Tokenizer
from umt.types import BadInput, Lang


def text(count: int = 300) -> IndexedCorpus:
    """Chinese of which each word is followed by one of three, and a few words that stand alone."""
    rare = [chr(0x5B57 + number) for number in range(8)]
    return index_words([" ".join(HAN[word] for word in each) for each in sentences(count, 1)] + rare * 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that learned which word follows which."""
    directory = tmp_path_factory.mktemp("lm")
    tokenizer, _, _ = cipher(directory)
    model = network(tokenizer)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    lines = ["".join(HAN[word] for word in each) for each in sentences(400, 2)]
    rows = [[tokenizer.tag(ZH), *each.tolist()] for each in tokenizer.encode(lines, ZH)]
    for step in range(60):
        some = [rows[(step * 32 + number) % len(rows)] for number in range(32)]
        width = min(map(len, some))
        ids = torch.tensor([row[:width] for row in some])
        loss = model.nll(model.hidden(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    save(model, directory)
    tokenizer.save(directory)
    return directory


def test_vectors_are_the_mean_states_before_and_at_a_word(folder: Path) -> None:
    tokens = text(40)
    builder = LmWordVectors(str(folder), windows=(2,), minimum_count=1)
    space = builder.build(ZH, tokens, Generator())
    model, tokenizer = load(folder), Tokenizer.load(folder)
    sums, seen = torch.zeros(2, len(tokens.words), 32), torch.zeros(len(tokens.words))
    for line in np.split(tokens.ids, np.flatnonzero(tokens.ids < 0)):
        ids, places = [tokenizer.tag(ZH)], []
        for word in line[line >= 0].tolist():
            pieces = tokenizer.encode([tokens.words[word]], ZH)[0].tolist()
            places.append((word, len(ids) - 1, len(ids) + len(pieces) - 1))
            ids += pieces
        states = model.hidden(torch.tensor([ids]))[0].detach()
        for word, before, end in places:
            sums[0, word] += states[before]
            sums[1, word] += states[end]
            seen[word] += 1
    means = torch.cat([*(sums / seen[:, None])], 1)
    means -= means.mean(0)
    directions, _, _ = torch.linalg.svd(means, full_matrices=False)
    assert builder.power == 0.25
    weights = torch.linalg.svdvals(means) ** 0.5
    expected = directions * weights @ directions.T
    torch.testing.assert_close(space.vectors @ space.vectors.T, expected, atol=1e-3, rtol=1e-2)
    assert space.words == tokens.words
    assert list(space.counts) == [2]


def test_words_that_follow_alike_lie_close(folder: Path) -> None:
    space = LmWordVectors(str(folder), windows=(2,), minimum_count=1).build(ZH, text(), Generator())
    order = [space.words.index(word) for word in HAN]
    near = torch.nn.functional.normalize(space.vectors[order], dim=1)
    similarity = near @ near.T
    beside = float(torch.stack([similarity[n, (n + 1) % len(HAN)] for n in range(len(HAN))]).mean())
    across = float(torch.stack([similarity[n, (n + 8) % len(HAN)] for n in range(len(HAN))]).mean())
    assert beside > across + 0.3  # two of the three words that follow two neighbours are the same


def test_a_word_that_no_chosen_sentence_holds_is_read_alone(folder: Path) -> None:
    tokens = text()
    few = LmWordVectors(str(folder), windows=(2,), minimum_count=1, sentences=3).build(
        ZH, tokens, Generator()
    )
    assert (few.vectors.norm(dim=1) > 0.01).all()


def test_what_cannot_be_read_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"name it by words\.model=FOLDER"):
        LmWordVectors().build(ZH, text(), Generator())
    with pytest.raises(BadInput, match="no causal language model could be opened"):
        LmWordVectors(str(tmp_path), minimum_count=1).build(ZH, text(), Generator())
    with pytest.raises(BadInput, match="knows en, zh, not fr"):
        LmWordVectors(str(folder), minimum_count=1).build(Lang("fr"), text(), Generator())
    with pytest.raises(BadInput, match="too few"):
        LmWordVectors(str(folder), minimum_count=10_000).build(EN, text(), Generator())
    with pytest.raises(ValueError, match="sentences must be positive, got 0"):
        LmWordVectors(sentences=0)
