"""Text as a stream of symbols, and the bits of the tables that a decoder needs: merges and prefix code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers.pre_tokenizers import ByteLevel

from umt.compression.mixing.prefix_code import PrefixCode
from umt.text.tokenizer import Tokenizer
from umt.types import F64, I64, Bools, Lang

_ALL = 1 << 40
"""Most bytes that a vocabulary is trained on: all."""


@dataclass(frozen=True)
class CodedText:
    """The sentences of one language as symbols of a prefix code over the subwords that occur in them.

    codes: (n,) symbols of all sentences, each sentence with its end.  ends: (sentences,) offsets in ``codes``
    after each sentence.  sizes: (sentences,) bytes, newlines included.  characters: (sentences,), likewise.
    numbers: (alphabet,) the network's id of each symbol.  tag: the network's id of the language.
    tree: the prefix code of the symbols.  starts: (alphabet,) whether a word begins with the symbol.
    table: bits that transmit the merges of the subwords and the lengths of the prefix code.
    merges: of these, the bits that all texts of one vocabulary pay once.  first: first id of the vocabulary,
    by which two texts share one.
    """

    lang: Lang
    codes: I64
    ends: I64
    sizes: I64
    characters: I64
    numbers: I64
    tag: int
    tree: PrefixCode
    starts: Bools
    table: float
    merges: float = 0.0
    first: int = 0

    def shuffled(self, generator: np.random.Generator) -> CodedText:
        """The same subwords and sentence lengths, the subwords permuted over the whole text."""
        inner = np.ones(len(self.codes), np.bool_)
        inner[self.ends - 1] = False
        codes = self.codes.copy()
        codes[inner] = generator.permutation(codes[inner])
        return replace(self, codes=codes)

    def shuffled_within(self, generator: np.random.Generator) -> CodedText:
        """The same subwords in every sentence, in random order."""
        inner = np.ones(len(self.codes), np.bool_)
        inner[self.ends - 1] = False
        sizes = np.diff(np.concatenate([[0], self.ends]))
        sentence = np.repeat(np.arange(len(self.ends)), sizes)[inner]
        codes = self.codes.copy()
        codes[inner] = codes[inner][np.lexsort((generator.random(len(sentence)), sentence))]
        return replace(self, codes=codes)

    def renamed(self, generator: np.random.Generator) -> CodedText:
        """The same text, the network's ids of its symbols permuted."""
        return replace(self, numbers=generator.permutation(self.numbers))

    def until(self, end: int) -> CodedText:
        """The sentences that end within the first ``end`` symbols; the tables stay as they are."""
        count = int(np.searchsorted(self.ends, end, side="right"))
        return replace(
            self,
            codes=self.codes[: self.ends[count - 1] if count else 0],
            ends=self.ends[:count],
            sizes=self.sizes[:count],
            characters=self.characters[:count],
        )

    @property
    def digest(self) -> str:
        """Hash of all that a network reads of it."""
        content = hashlib.sha256(f"{self.lang} {self.tag}".encode())
        for array in (self.codes, self.ends, self.numbers, self.tree.lengths, self.tree.order):
            content.update(f" {len(array)} ".encode() + np.ascontiguousarray(array, np.int64).tobytes())
        return content.hexdigest()

    def per_sentence(self, bits: NDArray[np.floating[Any]]) -> F64:
        """Sums over sentences of (n,) bits of the symbols: (sentences,)."""
        return np.diff(
            np.concatenate([[0.0], np.cumsum(bits, dtype=np.float64)])[np.concatenate([[0], self.ends])]
        )


@dataclass(frozen=True)
class SubwordAlphabet:
    """Subwords as the network numbers them: those of ``tokenizer``, from ``first`` on."""

    tokenizer: Tokenizer
    first: int = 0

    @property
    def end(self) -> int:
        """The next free number."""
        return self.first + len(self.tokenizer)

    def encode(self, lines: Sequence[str], lang: Lang) -> CodedText:
        """The lines in the subwords that occur in them; raises ValueError when there are fewer than two."""
        ids = self.tokenizer.encode(lines, lang)
        stream = np.concatenate([np.append(each.astype(np.int64), self.tokenizer.end) for each in ids])
        counts = np.bincount(stream, minlength=len(self.tokenizer))
        used = np.flatnonzero(counts)
        lengths = PrefixCode.huffman(counts[used]).lengths
        order = np.lexsort((np.arange(len(used)), lengths))  # leaves from left to right
        leaf = np.zeros(len(self.tokenizer), np.int64)
        leaf[used[order]] = np.arange(len(used))
        code_lengths = np.zeros(len(self.tokenizer), np.int64)  # 0: does not occur
        code_lengths[used] = lengths
        pieces = self.tokenizer.pieces
        merges = merge_bits(self.tokenizer.parts[0].to_str())
        return CodedText(
            lang=lang,
            codes=leaf[stream],
            ends=np.cumsum([len(each) + 1 for each in ids]),
            sizes=np.array([len(line.encode()) + 1 for line in lines]),
            characters=np.array([len(line) + 1 for line in lines]),
            numbers=used[order] + self.first,
            tag=self.tokenizer.tag(lang) + self.first,
            tree=PrefixCode.canonical(lengths[order]),
            starts=np.array([_begins(pieces[number]) for number in used[order]]),
            table=merges + kt_bits(code_lengths, int(code_lengths.max()) + 1),
            merges=merges,
            first=self.first,
        )


def vocabularies(
    texts: Mapping[Lang, Sequence[str]], size: int, disjoint: bool
) -> dict[Lang, SubwordAlphabet]:
    """``size`` subwords for each language, none shared; or as many for all where not ``disjoint``."""
    if not disjoint:
        joint = Tokenizer.train(texts, size + 3 + len(texts), sample=_ALL)
        return {lang: SubwordAlphabet(joint) for lang in texts}
    alphabets: dict[Lang, SubwordAlphabet] = {}
    first = 0
    for lang, lines in texts.items():
        alphabets[lang] = SubwordAlphabet(Tokenizer.train({lang: lines}, size + 4, sample=_ALL), first)
        first = alphabets[lang].end
    return alphabets


def table_bits(texts: Sequence[CodedText]) -> float:
    """Bits of the tables of texts that are coded together: those of one vocabulary pay its merges once."""
    merges = {text.first: text.merges for text in texts}
    return sum(text.table - text.merges for text in texts) + sum(merges.values())


def merge_bits(saved: str) -> float:
    """Bits of the merges of a byte-level vocabulary: of the two parts of each."""
    merges = json.loads(saved)["model"]["merges"]
    numbers = {byte: number for number, byte in enumerate(sorted(ByteLevel.alphabet()))}
    parts: list[int] = []
    for pair in merges:
        left, right = pair.split(" ") if isinstance(pair, str) else pair
        parts += [numbers[left], numbers[right]]
        numbers.setdefault(left + right, len(numbers))
    return kt_bits(np.array(parts, np.int64), 256 + len(merges)) + 32.0


def kt_bits(values: Iterable[int], alphabet: int) -> float:
    """Bits of a sequence under counts that start at a half each (Krichevsky and Trofimov 1981)."""
    counts = np.full(alphabet, 0.5)
    bits = 0.0
    for value in values:
        bits -= float(np.log2(counts[value] / counts.sum()))
        counts[value] += 1
    return bits


def _begins(piece: bytes) -> bool:
    """Whether a word begins with these bytes: after a space, or with no letter."""
    return not piece or not (piece[:1].isalpha() or piece[0] >= 0x80)
