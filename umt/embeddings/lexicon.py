"""Probabilistic bilingual lexicons and their induction from vectors in one space."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from umt.embeddings.retrieval import Neighbours, csls
from umt.embeddings.wordspace import Embeddings
from umt.runtime.saved_arrays import SavedArrays, SavedJson, damaged

_FORMAT = 1
_SINKHORN_STEPS = 30
_FUNCTION_WORDS = 100  # about as many of the most frequent words are function words
_RARE = 1e-9  # share of a text's tokens below which a word's frequency says nothing


@dataclass(frozen=True)
class Lexicon:
    """Candidate translations of every source word, best first.

    candidates: (words, k) indices into ``target``.
    probabilities: (words, k) p(target | source), rows descending, summing to at most 1.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    candidates: Tensor
    probabilities: Tensor

    def __post_init__(self) -> None:
        if not len(self.source) == len(self.candidates) or self.candidates.shape != self.probabilities.shape:
            raise ValueError(
                f"{len(self.source)} words, candidates {tuple(self.candidates.shape)} and probabilities "
                f"{tuple(self.probabilities.shape)} do not fit together"
            )

    @cached_property
    def index(self) -> dict[str, int]:
        """The row of each source word."""
        return {word: index for index, word in enumerate(self.source)}

    @cached_property
    def target_index(self) -> dict[str, int]:
        """The index of each target word."""
        return {word: index for index, word in enumerate(self.target)}

    def translations(self, word: str) -> list[tuple[str, float]]:
        """Candidates of ``word`` with their probabilities, best first; empty when it is unknown."""
        if word not in self.index:
            return []
        row = self.index[word]
        pairs = zip(self.candidates[row].tolist(), self.probabilities[row].tolist(), strict=True)
        return [(self.target[index], probability) for index, probability in pairs if probability > 0]

    def sharpening_exponent(self, certainty: float, words: int = 1000) -> float:
        """The power to which probabilities are to be raised so that the best translations of the first
        ``words`` words have probability ``certainty`` on average; from 1/16 to 16.
        """
        logs = self.probabilities[:words].double().clamp_min(1e-30).log()
        low, high = -4.0, 4.0
        for _ in range(30):
            middle = (low + high) / 2
            precision = float((2**middle * logs).softmax(1).amax(1).mean())
            low, high = (middle, high) if precision < certainty else (low, middle)
        return float(2 ** ((low + high) / 2))

    def with_matched_frequencies(self, source: Tensor, target: Tensor, strength: float) -> Lexicon:
        """The lexicon whose translations are expected about as often as the target text has them.

        p(y|x) becomes u_x p(y|x) v_y, rows that sum to one, v_y = (f_y / sum_x u_x f_x p(y|x))**strength:
        the optimal transport plan nearest to the lexicon where the source's frequencies hold and the target's
        are penalised by a Kullback-Leibler divergence (Chizat, Peyré, Schmitzer and Vialard, 2018, "Scaling
        algorithms for unbalanced optimal transport problems"). A word that many claim becomes less likely.

        The first ``_FUNCTION_WORDS`` rows stay, for what one language says by a function word others say by
        word order or not at all: their frequencies are not those of their translations.

        source, target: (words,) token counts of both texts. strength: 0 changes nothing, 1 matches exactly.
        """
        share, wanted = source / source.sum(), target / target.sum()
        old, scale = self.probabilities.double(), torch.ones_like(wanted)
        for _ in range(_SINKHORN_STEPS):
            plan = old * (share / (old * scale[self.candidates]).sum(1))[:, None]
            expected = torch.zeros_like(wanted).index_add_(0, self.candidates.flatten(), plan.flatten())
            scale = ((wanted + _RARE) / (expected + _RARE)) ** strength
        probabilities = old * scale[self.candidates]
        probabilities /= probabilities.sum(1, keepdim=True)
        probabilities[:_FUNCTION_WORDS] = old[:_FUNCTION_WORDS]
        best = probabilities.sort(dim=1, descending=True, stable=True)
        return replace(
            self, candidates=self.candidates.gather(1, best.indices), probabilities=best.values.float()
        )

    def with_inflected_forms(self, stems: Mapping[str, str]) -> Lexicon:
        """The lexicon with each inflected form translated as its stem; ``stems``: form -> stem."""
        forms = [
            (form, self.index[stem])
            for form, stem in stems.items()
            if form not in self.index and stem in self.index
        ]
        rows = [*range(len(self.source)), *(row for _, row in forms)]
        words = (*self.source, *(form for form, _ in forms))
        return Lexicon(words, self.target, self.candidates[rows], self.probabilities[rows])

    def save(self, directory: Path, name: str = "lexicon") -> None:
        """Write ``{name}.safetensors`` and ``{name}.json``, the two word lists."""
        parts = {"candidates": self.candidates, "probabilities": self.probabilities}
        tensors = {key: value.contiguous() for key, value in parts.items()}
        save_file(tensors, directory / f"{name}.safetensors")
        content = {"format": _FORMAT, "source": self.source, "target": self.target}
        text = json.dumps(content, ensure_ascii=False)
        (directory / f"{name}.json").write_text(text, encoding="utf-8")

    def export(self, directory: Path, name: str = "lexicon", smallest: float = 0.01) -> None:
        """Write ``{name}.tsv``, "word translation probability" a line, and ``{name}.muse.txt``, the best
        translation of each word in the format of MUSE's dictionaries.

        smallest: a less likely translation is left out unless it is the best.
        """
        with (
            (directory / f"{name}.tsv").open("w", encoding="utf-8") as table,
            (directory / f"{name}.muse.txt").open("w", encoding="utf-8") as muse,
        ):
            rows = zip(self.source, self.candidates.tolist(), self.probabilities.tolist(), strict=True)
            for word, candidates, probabilities in rows:
                muse.write(f"{word} {self.target[candidates[0]]}\n")
                for rank, (index, probability) in enumerate(zip(candidates, probabilities, strict=True)):
                    if rank == 0 or probability >= smallest:
                        table.write(f"{word}\t{self.target[index]}\t{probability:.4g}\n")

    @classmethod
    def load(cls, directory: Path, name: str = "lexicon") -> Lexicon:
        """Read what `save` wrote; raises BadInput when a file is damaged or of another format."""
        about = SavedJson.read(directory / f"{name}.json", _FORMAT)
        saved = SavedArrays.read(directory / f"{name}.safetensors")
        source, target = about.strings("source"), about.strings("target")
        shape = len(source), None
        candidates = saved.array("candidates", np.int64, shape, low=0, high=len(target) - 1)
        probabilities = saved.array("probabilities", np.float32, candidates.shape, low=0, high=1.001)
        if not candidates.size:
            raise damaged(saved.path, "it holds no candidates")
        return cls(source, target, torch.from_numpy(candidates), torch.from_numpy(probabilities))


def induce(
    source: Embeddings, target: Embeddings, k: int = 20, temperature: float | None = None
) -> tuple[Lexicon, Lexicon]:
    """Source-target and target-source lexicons from two sets of unit vectors in one space.

    The candidates are the ``k`` best by CSLS; p(target | source) is their softmax at ``temperature``, with
    None at that of `fit_temperature`.
    """
    return lexicons_from_neighbours(
        source.words, target.words, *csls(source.vectors, target.vectors, k), k, temperature
    )


def lexicons_from_neighbours(
    source: tuple[str, ...],
    target: tuple[str, ...],
    forward: Neighbours,
    backward: Neighbours,
    k: int,
    temperature: float | None = None,
) -> tuple[Lexicon, Lexicon]:
    """`induce` from the nearest neighbours of both directions."""
    temperatures = [fit_temperature(forward, backward), fit_temperature(backward, forward)]
    if temperature is not None:
        temperatures = [temperature, temperature]
    return (
        Lexicon(source, target, forward.indices[:, :k], (forward.scores[:, :k] / temperatures[0]).softmax(1)),
        Lexicon(
            target, source, backward.indices[:, :k], (backward.scores[:, :k] / temperatures[1]).softmax(1)
        ),
    )


def fit_temperature(forward: Neighbours, backward: Neighbours) -> float:
    """The temperature at which the softmax of ``forward`` best predicts the pairs of ``backward``.

    The pairs of the other direction are each target word with its best source word; the likelihood of those
    among the candidates of ``forward`` is maximised over a grid of temperatures. No dictionary is involved.
    Returns 0.1 where there is no such pair.
    """
    claims = backward.indices[:, 0]  # (targets,) the source word that each target word claims
    place = forward.indices[claims] == torch.arange(len(claims), device=claims.device)[:, None]
    known = place.any(1)
    if not known.any():
        return 0.1
    scores, correct = forward.scores[claims[known]], place[known].int().argmax(1, keepdim=True)
    temperatures = [0.01 * 1.1**step for step in range(48)]
    losses = [
        -(scores / temperature).log_softmax(1).gather(1, correct).mean().item()
        for temperature in temperatures
    ]
    return temperatures[losses.index(min(losses))]
