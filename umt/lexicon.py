"""Bilingual lexicons: what an aligner induces (`Lexicon`) and what is true (`Dictionary`)."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from umt.retrieval import Neighbours, csls
from umt.types import BadInput, Score
from umt.wordspace import Embeddings, WordSpace


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
    def row(self) -> dict[str, int]:
        """The row of each source word."""
        return {word: index for index, word in enumerate(self.source)}

    def translations(self, word: str) -> list[tuple[str, float]]:
        """Candidates of ``word`` with their probabilities, best first; empty when it is unknown."""
        if word not in self.row:
            return []
        row = self.row[word]
        pairs = zip(self.candidates[row].tolist(), self.probabilities[row].tolist(), strict=True)
        return [(self.target[index], probability) for index, probability in pairs if probability > 0]

    def power(self, certainty: float, words: int = 1000) -> float:
        """To which power probabilities are to be raised so that the best translations of the first ``words``
        words have ``certainty`` on average; from 1/16 to 16.
        """
        logs = self.probabilities[:words].double().clamp_min(1e-30).log()
        low, high = -4.0, 4.0
        for _ in range(30):
            middle = (low + high) / 2
            sure = float((2**middle * logs).softmax(1).amax(1).mean())
            low, high = (middle, high) if sure < certainty else (low, middle)
        return float(2 ** ((low + high) / 2))

    def with_forms(self, stems: Mapping[str, str]) -> Lexicon:
        """The same, and each form of a word translated as its stem; ``stems``: form -> stem."""
        more = [
            (form, self.row[stem])
            for form, stem in stems.items()
            if form not in self.row and stem in self.row
        ]
        rows = [*range(len(self.source)), *(row for _, row in more)]
        words = (*self.source, *(form for form, _ in more))
        return Lexicon(words, self.target, self.candidates[rows], self.probabilities[rows])

    def save(self, directory: Path, name: str = "lexicon") -> None:
        """Write ``{name}.safetensors`` and ``{name}.json``, the two word lists."""
        parts = {"candidates": self.candidates, "probabilities": self.probabilities}
        tensors = {key: value.contiguous() for key, value in parts.items()}
        save_file(tensors, directory / f"{name}.safetensors")
        text = json.dumps({"source": self.source, "target": self.target}, ensure_ascii=False)
        (directory / f"{name}.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path, name: str = "lexicon") -> Lexicon:
        """Read what `save` wrote."""
        tensors = load_file(directory / f"{name}.safetensors")
        words = json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))
        source, target = tuple(words["source"]), tuple(words["target"])
        return cls(source, target, tensors["candidates"], tensors["probabilities"])


def induce(
    source: Embeddings, target: Embeddings, k: int = 20, temperature: float | None = None
) -> tuple[Lexicon, Lexicon]:
    """Source-target and target-source lexicons from two sets of unit vectors in one space.

    The candidates are the ``k`` best by CSLS; p(target | source) is their softmax at ``temperature``,
    which `temperature_of` finds when it is not given.
    """
    return read_off(source.words, target.words, *csls(source.vectors, target.vectors, k), k, temperature)


def read_off(
    source: tuple[str, ...],
    target: tuple[str, ...],
    forward: Neighbours,
    backward: Neighbours,
    k: int,
    temperature: float | None = None,
) -> tuple[Lexicon, Lexicon]:
    """`induce` from neighbours that are known, the words of either side given."""
    heats = [temperature_of(forward, backward), temperature_of(backward, forward)]
    if temperature is not None:
        heats = [temperature, temperature]
    return (
        Lexicon(source, target, forward.indices[:, :k], (forward.scores[:, :k] / heats[0]).softmax(1)),
        Lexicon(target, source, backward.indices[:, :k], (backward.scores[:, :k] / heats[1]).softmax(1)),
    )


def temperature_of(forward: Neighbours, backward: Neighbours) -> float:
    """The temperature at which the softmax of ``forward`` best predicts what the other direction says.

    A source word's translation, as the other direction sees it, is the target word whose best source word
    it is; the likelihood of these pairs (those among the candidates) is largest at the wanted temperature.
    No dictionary is involved. Returns 0.1 where there is no such pair.
    """
    claims = backward.indices[:, 0]  # (targets,) the source word that each target word claims
    place = forward.indices[claims] == torch.arange(len(claims), device=claims.device)[:, None]
    known = place.any(1)
    if not known.any():
        return 0.1
    scores, correct = forward.scores[claims[known]], place[known].int().argmax(1, keepdim=True)
    heats = [0.01 * 1.1**step for step in range(48)]
    losses = [-(scores / heat).log_softmax(1).gather(1, correct).mean().item() for heat in heats]
    return heats[losses.index(min(losses))]


@dataclass(frozen=True)
class Dictionary:
    """What is true, for evaluation and supervised controls only: the translations of each source word."""

    pairs: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, path: Path) -> Dictionary:
        """Read "word translation" lines, separated by a tab or by the first space; case is folded.

        Raises `BadInput` when the file cannot be read, is not text, or a line is not a pair.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise BadInput(f"{path} is not UTF-8 text (byte {error.start}): convert it first") from error
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}") from error
        pairs: dict[str, set[str]] = {}
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            parts = [part.strip() for part in line.lower().split("\t" if "\t" in line else None, 1)]
            if len(parts) != 2 or not all(parts):
                raise BadInput(f"{path} line {number} is not a word, a space or tab, and its translation")
            pairs.setdefault(parts[0], set()).add(parts[1])
        if not pairs:
            raise BadInput(f"{path} holds no word pair")
        return cls({word: frozenset(translations) for word, translations in pairs.items()})

    def find(self, source: WordSpace | Embeddings, target: WordSpace | Embeddings) -> Tensor:
        """(pairs, 2) indices of the pairs that both vocabularies know, so that a dictionary can be a seed."""
        column = {word: index for index, word in enumerate(target.words)}
        found = [
            (row, column[translation])
            for row, word in enumerate(source.words)
            for translation in sorted(self.pairs.get(word, ()))
            if translation in column
        ]
        return torch.tensor(found, dtype=torch.int64).view(-1, 2)

    def of_stems(self, source: Mapping[str, str], target: Mapping[str, str]) -> Dictionary:
        """The same pairs with the stem of each form in its place; ``source``, ``target``: form -> stem."""
        pairs: dict[str, set[str]] = {}
        for word, translations in self.pairs.items():
            stems = {target.get(each, each) for each in translations}
            pairs.setdefault(source.get(word, word), set()).update(stems)
        return Dictionary({word: frozenset(translations) for word, translations in pairs.items()})

    def reversed(self) -> Dictionary:
        """The same pairs, looked up from the other side."""
        pairs: dict[str, set[str]] = {}
        for word, translations in self.pairs.items():
            for translation in translations:
                pairs.setdefault(translation, set()).add(word)
        return Dictionary({word: frozenset(translations) for word, translations in pairs.items()})


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
    """Where the first true translation of each word of a dictionary stands among its candidates.

    places: 1 for the best candidate, 0 where none of the candidates is true, None where the word is not
        covered: the lexicon does not know it, or none of its translations.
    candidates: how many each word has.
    """

    places: Mapping[str, int | None]
    candidates: int

    @classmethod
    def read(cls, lexicon: Lexicon, dictionary: Dictionary) -> Ranks:
        """Look up every word of the dictionary."""
        known = set(lexicon.target)
        rows = lexicon.candidates.tolist()
        places: dict[str, int | None] = {}
        for word, truth in dictionary.pairs.items():
            if word not in lexicon.row or not truth & known:
                places[word] = None
                continue
            guesses = (lexicon.target[index] for index in rows[lexicon.row[word]])
            places[word] = next((place for place, guess in enumerate(guesses, start=1) if guess in truth), 0)
        return cls(places, lexicon.candidates.shape[1])

    def only(self, words: Container[str]) -> Ranks:
        """The same for those of ``words`` that the dictionary holds."""
        return replace(self, places={word: place for word, place in self.places.items() if word in words})

    def scores(self, ks: Sequence[int] = (1, 5, 10)) -> list[Score]:
        """Coverage, precision at each k and mean reciprocal rank.

        "p@k" and "mrr" count a word that is not covered as wrong, "p@k covered" and "mrr covered" leave it
        out. The reciprocal rank is 0 where the truth is not among the candidates. Intervals: Wilson's 95%,
        for mrr the normal approximation.
        """
        covered = [place for place in self.places.values() if place is not None]
        asked = len(self.places)
        scores = [_share("coverage", len(covered), asked, "words known on both sides")]
        for k in ks:
            hits = sum(0 < place <= k for place in covered)
            scores.append(_share(f"p@{k}", hits, asked, "oov:wrong"))
            scores.append(_share(f"p@{k} covered", hits, len(covered), "oov:left out"))
        values = [1 / place if place else 0.0 for place in covered]
        rule = f"candidates:{self.candidates}|oov:"
        scores.append(_mean("mrr", values + [0.0] * (asked - len(covered)), rule + "wrong"))
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
    spread = 1.96 * math.sqrt(max(0.0, sum(each * each for each in values) / count - mean * mean) / count)
    low, high = max(0.0, mean - spread), min(1.0, mean + spread)
    return Score(name, mean, low, high, f"words:{len(values)}|{rule}|interval:normal")
