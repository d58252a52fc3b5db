"""From pairs of frequent words to a shared space of all words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Generator, Tensor

from umt.align.linear_maps import map_to_shared_space, normalise
from umt.embeddings.lexicon import Lexicon, induce
from umt.embeddings.retrieval import csls, mutual
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.runtime.validate import require

_TRUSTED = 0.6
"""Share of the pairs, the best by CSLS, that the last maps are fitted on: the others are often wrong."""


@dataclass(frozen=True)
class SharedSpace:
    """Both vocabularies as unit vectors in one space, and what was read off it.

    pairs: (n, 2) the mutual nearest neighbours of the last round.
    history: one entry a round: the vocabulary, the pairs, their mean CSLS score.
    """

    source: Embeddings
    target: Embeddings
    lexicon: Lexicon
    reverse: Lexicon
    pairs: Tensor
    history: tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class Refinement:
    """Fit maps on pairs, take the mutual nearest neighbours of more words as pairs, and repeat.

    sizes: the most frequent words of both sides that take part in each round; 0 stands for all of them.
    reweight, ridge: see `symmetric_maps`; reweight holds for the last maps, the rounds before use 0.5.
    candidates: how many each lexicon row holds.
    """

    sizes: tuple[int, ...] = (4000, 8000, 16000, 0)
    reweight: float = 1.0
    ridge: float = 0.1
    candidates: int = 20

    def __post_init__(self) -> None:
        require(self, positive="candidates", at_least_zero="sizes ridge")

    def refine(
        self, source: WordSpace, target: WordSpace, pairs: Tensor, generator: Generator
    ) -> SharedSpace:
        """The shared space that grows out of ``pairs``, (n, 2) indices of words that translate each other.

        Raises ValueError when there are fewer than two pairs.
        """
        if pairs.dim() != 2 or pairs.shape[1:] != (2,) or len(pairs) < 2:
            raise ValueError(f"pairs must be at least two rows of two indices, got {tuple(pairs.shape)}")
        x, y = normalise(source.vectors), normalise(target.vectors)
        history: list[Mapping[str, float]] = []
        trusted = pairs
        for size in self.sizes:
            mapped_x, mapped_y = map_to_shared_space(x, y, pairs, 0.5, self.ridge)
            some_x, some_y = mapped_x[: size or None], mapped_y[: size or None]
            forward, backward = csls(some_x, some_y)
            found = mutual(forward, backward)
            if len(found) < 2:  # nothing to go on from: keep what there is
                break
            pairs = found
            scores = forward.scores[pairs[:, 0], 0]
            trusted = pairs[scores.argsort(descending=True)[: max(2, round(_TRUSTED * len(pairs)))]]
            entry = {"words": len(some_x), "pairs": len(pairs), "csls": scores.mean().item()}
            history.append({name: float(value) for name, value in entry.items()})
        mapped_x, mapped_y = map_to_shared_space(x, y, trusted, self.reweight, self.ridge)
        left, right = Embeddings(source.words, mapped_x), Embeddings(target.words, mapped_y)
        lexicon, reverse = induce(left, right, self.candidates)
        return SharedSpace(left, right, lexicon, reverse, pairs, tuple(history))
