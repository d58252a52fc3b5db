"""Parallel subwords on disk: synthetic pairs of a bootstrap, or true pairs."""

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
_PAIRS = "pairs"


class Bitext(NamedTuple):
    """Two texts in subwords, of which line i of ``target`` translates line i of ``source``."""

    source: TokenShards
    target: TokenShards


class TextTranslator(Protocol):
    """A bootstrap: translates raw sentences of one language into raw sentences of another."""

    def translate(self, sentences: list[str]) -> list[str]:
        """One translation a sentence, in order."""
        ...


def synthetic_pairs(
    text: PreparedText,
    bootstrap: Mapping[tuple[Lang, Lang], TextTranslator],
    tokenizer: Tokenizer,
    count: int,
    directory: Path,
    progress: ProgressCallback,
) -> list[Bitext]:
    """Pairs of ``count`` evenly spaced sentences of each language and their translations by ``bootstrap``.

    bootstrap: by (source, target). In the pairs the translation is the source and the real sentence the
    target, so that text of a language teaches to translate into it. Pairs that ``directory`` holds already
    are not written again.
    """
    bitexts = []
    for (real, other), translator in bootstrap.items():
        step = max(1, -(-text.size(real) // count))
        total = -(-text.size(real) // step)

        def write(place: Path, real: Lang = real, other: Lang = other, step: int = step, total: int = total,
                  translator: TextTranslator = translator) -> None:  # fmt: skip
            def synthetic_sources() -> Iterable[str]:
                sentences = islice(text.sentences(real), 0, None, step)
                translated = 0
                while batch := list(islice(sentences, _LINES)):
                    progress(f"writing {other} for {real} sentences", translated, total)
                    yield from translator.translate(batch)
                    translated += len(batch)

            write_shards(synthetic_sources(), other, tokenizer, place)
            write_shards(islice(text.sentences(real), 0, None, step), real, tokenizer, place)

        place = _once(directory / f"{real}-{other}", write)
        bitexts.append(Bitext(TokenShards(place, other), TokenShards(place, real)))
    return bitexts


def save_bootstrap_pairs(
    directory: Path,
    source_side: tuple[Lang, list[str]],
    target_side: tuple[Lang, list[str]],
    tokenizer: Tokenizer,
) -> None:
    """Write pairs that `load_bootstrap_pairs` opens; the target side is real text."""
    place = directory / f"{_PAIRS}.{target_side[0]}"
    place.mkdir()
    for lang, sentences in (source_side, target_side):
        write_shards(sentences, lang, tokenizer, place)


def load_bootstrap_pairs(directory: Path, languages: tuple[Lang, Lang]) -> list[Bitext]:
    """The pairs that a bootstrap in ``directory`` has saved; none of one that only translates."""
    first, second = languages
    return [
        Bitext(TokenShards(place, other), TokenShards(place, real))
        for real, other in ((first, second), (second, first))
        if (place := directory / f"{_PAIRS}.{real}").exists()
    ]


def encode_parallel_pairs(pairs: TrainingPairs, tokenizer: Tokenizer, directory: Path) -> list[Bitext]:
    """True pairs in subwords, both ways. Raises BadInput when there are none."""
    first, second = pairs.languages

    def write(place: Path) -> None:
        examples = list(pairs.examples())
        if not examples:
            raise BadInput("supervised learning needs at least one pair of sentences: see corpus.pairs")
        for lang, sentences in zip((first, second), zip(*examples, strict=True), strict=True):
            write_shards(map(normaliser(lang), sentences), lang, tokenizer, place)

    place = _once(directory / "known", write)
    forward = Bitext(TokenShards(place, first), TokenShards(place, second))
    return [forward, Bitext(forward.target, forward.source)]


def _once(place: Path, write: Callable[[Path], None]) -> Path:
    """``place``, written by ``write`` unless it exists."""
    if not place.exists():
        with atomic_directory(place) as directory:
            write(directory)
    return place
