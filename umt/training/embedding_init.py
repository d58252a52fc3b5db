"""Subword vectors from aligned word vectors: both languages of the joint model start in one space."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from umt.embeddings.wordspace import Embeddings
from umt.text.tokenizer import Tokenizer


def subword_vectors(
    spaces: tuple[Embeddings, Embeddings], tokenizer: Tokenizer, width: int, generator: Generator
) -> Tensor:
    """Initial subword vectors: (vocabulary, width), root mean square 1 a row, both languages in one space.

    A subword that is a word takes the word's vector, one that is a word of both languages the mean; another
    takes the mean of the words it occurs in; one that occurs in no word is random. The shared space is cut
    to its top ``width`` singular directions. Source of the idea: Banerjee et al. 2021.
    """
    vectors = torch.cat([_projected(side.vectors, spaces, width) for side in spaces])
    words = [word for side in spaces for word in side.words]
    whole, parts = torch.zeros(len(tokenizer), width), torch.zeros(len(tokenizer), width)
    counts = torch.zeros(len(tokenizer), 2)
    langs = [lang for lang, side in zip(tokenizer.languages, spaces, strict=True) for _ in side.words]
    for form in (str, str.capitalize, " {}".format, lambda word: f" {word.capitalize()}"):
        for lang in tokenizer.languages:
            places = [place for place, each in enumerate(langs) if each == lang]
            encoded = tokenizer.without_suffix_splitting.encode(
                [form(words[place]) for place in places], lang
            )
            for place, ids in zip(places, encoded, strict=True):
                if len(ids) == 1:
                    whole[int(ids[0])] += vectors[place]
                    counts[int(ids[0]), 0] += 1
                else:
                    numbers = torch.from_numpy(ids.astype("int64"))
                    parts[numbers] += vectors[place] / len(ids)
                    counts[numbers, 1] += 1 / len(ids)
    initial = torch.where(counts[:, :1] > 0, whole, parts)
    random = torch.randn(len(tokenizer), width, generator=generator)
    initial = torch.where(counts.sum(1, keepdim=True) > 0, initial, random)
    initial = initial - initial.mean(0)
    return initial / initial.pow(2).mean(1, keepdim=True).sqrt().clamp(min=1e-6)


def _projected(vectors: Tensor, sides: tuple[Embeddings, ...], width: int) -> Tensor:
    """(words, dim) to (words, width): along the top directions of both sides, zeros where there are fewer."""
    directions = torch.linalg.svd(torch.cat([side.vectors for side in sides]), full_matrices=False).Vh
    projected = vectors @ directions[:width].T
    return torch.nn.functional.pad(projected, (0, width - projected.shape[1]))
