"""Sentence pairs as subwords on disk: real sentences beside a bootstrap's renderings, or known pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from umt.corpus.known_pairs import TrainingPairs
from umt.corpus.prepared_text import PreparedText
from umt.runtime.files import atomic_directory
from umt.text.normalisation import normaliser
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.types import BadInput, Lang, ProgressCallback

_LINES = 4_000
_HANDED = "pairs"


class Bitext(NamedTuple):
    """Two files of subwords: line i of ``given`` is to become line i of ``asked``."""

    source: TokenShards
    target: TokenShards


class TextTranslator(Protocol):
    """A bootstrap: raw sentences of one language to raw sentences of another."""

    def translate(self, sentences: list[str]) -> list[str]:
        """As many as are given, in their order."""
        ...


def synthetic(
    text: PreparedText,
    bootstrap: Mapping[tuple[Lang, Lang], TextTranslator],
    tokenizer: Tokenizer,
    count: int,
    directory: Path,
    progress: ProgressCallback,
) -> list[Bitext]:
    """Let ``bootstrap``, keyed by (from, to), render ``count`` evenly spaced sentences of each language.

    The renderings are given and the real sentences asked for, so each language's text teaches the way to
    itself. What ``directory`` holds already is not written again.
    """
    bitexts = []
    for (real, other), translator in bootstrap.items():
        step = max(1, -(-text.size(real) // count))
        total = -(-text.size(real) // step)

        def write(place: Path, real: Lang = real, other: Lang = other, step: int = step, total: int = total,
                  translator: TextTranslator = translator) -> None:  # fmt: skip
            def renderings() -> Iterable[str]:
                sentences = islice(text.sentences(real), 0, None, step)
                done = 0
                while batch := list(islice(sentences, _LINES)):
                    progress(f"writing {other} for {real} sentences", done, total)
                    yield from translator.translate(batch)
                    done += len(batch)

            write_shards(renderings(), other, tokenizer, place)
            write_shards(islice(text.sentences(real), 0, None, step), real, tokenizer, place)

        place = _once(directory / f"{real}-{other}", write)
        bitexts.append(Bitext(TokenShards(place, other), TokenShards(place, real)))
    return bitexts


def save_bootstrap_pairs(
    directory: Path, given: tuple[Lang, list[str]], asked: tuple[Lang, list[str]], tokenizer: Tokenizer
) -> None:
    """Write pairs that `handed_on` opens; what is asked for is real."""
    place = directory / f"{_HANDED}.{asked[0]}"
    place.mkdir()
    for lang, sentences in (given, asked):
        write_shards(sentences, lang, tokenizer, place)


def load_bootstrap_pairs(directory: Path, languages: tuple[Lang, Lang]) -> list[Bitext]:
    """The pairs that a bootstrap in ``directory`` has written itself; none of one that only translates."""
    first, second = languages
    return [
        Bitext(TokenShards(place, other), TokenShards(place, real))
        for real, other in ((first, second), (second, first))
        if (place := directory / f"{_HANDED}.{real}").exists()
    ]


def encode_parallel_pairs(pairs: TrainingPairs, tokenizer: Tokenizer, directory: Path) -> list[Bitext]:
    """True pairs, both ways. Raises BadInput when there are none."""
    first, second = pairs.languages

    def write(place: Path) -> None:
        examples = list(pairs.examples())
        if not examples:
            raise BadInput("supervised learning was given no pair of sentences")
        for lang, sentences in zip((first, second), zip(*examples, strict=True), strict=True):
            write_shards(map(normaliser(lang), sentences), lang, tokenizer, place)

    place = _once(directory / "known", write)
    there = Bitext(TokenShards(place, first), TokenShards(place, second))
    return [there, Bitext(there.target, there.source)]


def _once(place: Path, write: Callable[[Path], None]) -> Path:
    """``place``, written now unless it is there."""
    if not place.exists():
        with atomic_directory(place) as directory:
            write(directory)
    return place
