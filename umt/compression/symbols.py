"""Text as a stream of symbols that can be coded, and what it costs to tell a decoder the alphabet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers.pre_tokenizers import ByteLevel

from umt.compression.prefix_code import PrefixCode
from umt.text.tokenizer import Tokenizer
from umt.types import F64, I64, Bools, Lang

_ALL = 1 << 40
"""Bytes that a vocabulary is learned from, at most."""


@dataclass(frozen=True)
class CodedText:
    """The sentences of one language as leaves of a prefix code over the subwords that occur in them.

    leaves: (n,) of all sentences, each with its end.  ends: (sentences,) where each ends in ``leaves``.
    sizes: (sentences,) bytes, newlines included.  characters: (sentences,), likewise.
    numbers: (alphabet,) the network's number of each leaf.  tag: the network's number of the language.
    tree: its symbols are the leaves themselves.  starts: (alphabet,) whether a word begins there.
    table: bits that tell a decoder the merges of the subwords and the lengths of the prefix code.
    merges: of these, what all texts of one vocabulary pay once.  first: its first number, by which two texts
    know whether it is the same.
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
        """The same subwords and sentence lengths, the subwords thrown over the whole text."""
        inner = np.ones(len(self.codes), np.bool_)
        inner[self.ends - 1] = False
        leaves = self.codes.copy()
        leaves[inner] = generator.permutation(leaves[inner])
        return replace(self, codes=leaves)

    def per_sentence(self, bits: NDArray[np.floating[Any]]) -> F64:
        """Sums over sentences of (n,) bits of the leaves: (sentences,)."""
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
        told = np.zeros(len(self.tokenizer), np.int64)  # 0: does not occur
        told[used] = lengths
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
            table=merges + kt_bits(told, int(told.max()) + 1),
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
    found: dict[Lang, SubwordAlphabet] = {}
    first = 0
    for lang, lines in texts.items():
        found[lang] = SubwordAlphabet(Tokenizer.train({lang: lines}, size + 4, sample=_ALL), first)
        first = found[lang].end
    return found


def table_bits(texts: Sequence[CodedText]) -> float:
    """Bits of the tables of texts that are coded together: those of one vocabulary pay its merges once."""
    merges = {text.first: text.merges for text in texts}
    return sum(text.table - text.merges for text in texts) + sum(merges.values())


def merge_bits(saved: str) -> float:
    """Bits of the merges of a byte-level vocabulary: of the two parts of each."""
    merges = json.loads(saved)["model"]["merges"]
    known = {byte: number for number, byte in enumerate(sorted(ByteLevel.alphabet()))}
    parts: list[int] = []
    for pair in merges:
        left, right = pair.split(" ") if isinstance(pair, str) else pair
        parts += [known[left], known[right]]
        known.setdefault(left + right, len(known))
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
