"""Word vectors by skip-gram with negative sampling (Mikolov et al., 2013), trained by gensim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator

from umt.embeddings.counts import SENTENCE_BREAK, IndexedCorpus, count_pairs
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require
from umt.types import BadInput, Lang


@dataclass(frozen=True)
class Skipgram:
    """Skip-gram vectors with negative sampling.

    size, windows, count_columns, minimum_count: as in `PpmiSvd`; dim, window, epochs: of the vectors.
    negative: random words for each true one; sample: frequent words are skipped above this share.
    workers: threads; more than one is faster and draws differently each time.
    """

    size: int = 25_000
    dim: int = 300
    windows: tuple[int, ...] = (5, 10)
    window: int = 5
    count_columns: int = 5_000
    minimum_count: int = 5
    epochs: int = 5
    negative: int = 10
    sample: float = 1e-4
    workers: int = 1

    def __post_init__(self) -> None:
        require(self, positive="size dim windows window count_columns minimum_count epochs negative workers")

    def build(self, lang: Lang, tokens: IndexedCorpus, generator: Generator) -> WordSpace:
        """The word space of one language. Raises `BadInput` when hardly a word is frequent enough."""
        try:
            from gensim.models import Word2Vec  # takes a second to import, and only this strategy needs it
        except ImportError:
            raise BadInput("words=skipgram needs gensim: pip install 'umt[skipgram]'") from None
        size = tokens.vocabulary(self.size, self.minimum_count)
        if size < 20:
            raise BadInput(f"{lang}: {size} words occur {self.minimum_count} times, too few: give more text")
        model = Word2Vec(
            vector_size=self.dim,
            window=self.window,
            min_count=1,
            sg=1,
            negative=self.negative,
            sample=self.sample,
            epochs=self.epochs,
            workers=self.workers,
            seed=int(torch.randint(2**31, (1,), generator=generator, device=generator.device)),
        )
        names = [str(rank) for rank in range(size)]
        model.build_vocab_from_freq(dict(zip(names, tokens.frequencies[:size].tolist(), strict=True)))
        text = _Sentences(tokens, names)
        model.train(text, total_examples=int((tokens.ids == SENTENCE_BREAK).sum()) + 1, epochs=self.epochs)
        counts = count_pairs(tokens.ids, size, min(self.count_columns, size), self.windows)
        frequencies = torch.from_numpy(tokens.frequencies[:size].astype(np.float64))
        vectors = torch.from_numpy(model.wv[names].astype(np.float32))
        return WordSpace(lang, tokens.words[:size], frequencies, counts, vectors)


@dataclass(frozen=True)
class _Sentences:
    """The known words of each sentence; can be iterated once an epoch."""

    tokens: IndexedCorpus
    names: list[str]

    def __iter__(self) -> Iterator[list[str]]:
        ends = np.flatnonzero(self.tokens.ids == SENTENCE_BREAK)
        begin, size = 0, len(self.names)
        for end in [*ends.tolist(), len(self.tokens.ids)]:
            words = [self.names[number] for number in self.tokens.ids[begin:end].tolist() if number < size]
            begin = end + 1
            if words:
                yield words
