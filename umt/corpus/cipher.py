"""``corpus=cipher``: any monolingual text becomes two languages, one of them enciphered word for word.

The halves are disjoint and the truth is known, so what an aligner finds can be checked on real text: the two
languages differ in their words, in nothing else, until ``merge``, ``split`` and ``reorder`` make them differ.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from random import Random
from typing import Literal
from zlib import crc32

from umt.corpus import HeldOut, ParallelSet
from umt.corpus.dictionary import Dictionary
from umt.corpus.reading import file_digest, files_under, lines
from umt.corpus.synthetic.source import SyntheticWorld
from umt.runtime.validate import require
from umt.types import BadInput, Lang

PARTS = 100
SHARES = {"source": range(0, 49), "target": range(49, 98), "dev": range(98, 99), "test": range(99, 100)}
"""Which of the `PARTS` of all lines goes where; equal lines go to the same place."""
SYLLABLES = [consonant + vowel for consonant in "bcdfghjklmnprstvwxyz" for vowel in "aeiou"]
POOL = 1000
"""Merged words share this many cipher words."""
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Cipher:
    """Half of a text as it is, the other half enciphered.

    languages: the code of the text and one for its cipher, which no segmenter should know.
    path: a file or folder of text; null: the generated world's English.
    size: sentences of the world to draw; a path is read whole.
    merge: share of the words that share a cipher word with others.
    split: share of the words whose cipher is two words.
    reorder: a word moves at most so many places; 0 keeps the order.
    """

    languages: tuple[Lang, Lang] = (Lang("en"), Lang("xx"))
    path: str | None = None
    size: int = 200_000
    merge: float = 0.0
    split: float = 0.0
    reorder: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.path is not None and not self.path.strip():
            raise ValueError(
                "path must be a file or folder, or null for the generated world, got an empty path"
            )
        require(self, positive="size", at_least_zero="reorder", share="merge split")
        if self.languages[0] == self.languages[1]:
            raise ValueError(f"a cipher needs two different language codes, got {list(self.languages)}")
        if self.path is None and self.languages[0] != "en":
            raise ValueError(
                f"without a path the text is English, so languages must begin with en, got {self.languages}"
            )

    @property
    def relation(self) -> str:
        """What the two sides are to each other."""
        return "disjoint lines of one text, those of one side enciphered word for word"

    def sentences(self, lang: Lang) -> Iterator[str]:
        """The lines of one half; raises `BadInput` when the path cannot be read or is too small."""
        if lang not in self.languages:
            raise ValueError(f"this cipher speaks {' and '.join(self.languages)}, not {lang}")
        enciphered = lang == self.languages[1]
        empty = True
        for line in self.lines("target" if enciphered else "source"):
            empty = False
            yield self.encipher(line) if enciphered else line
        if empty:
            raise BadInput(
                f"{self.path or 'the generated text'} has too few lines to be halved: give a longer text"
            )

    def lines(self, share: str) -> Iterator[str]:
        """The lines that belong to source, target, dev or test, as they are."""
        parts, salt = SHARES[share], str(self.seed).encode()
        for line in self._text():
            if line and crc32(line.encode(), crc32(salt)) % PARTS in parts:
                yield line

    def _text(self) -> Iterator[str]:
        if self.path is None:
            yield from SyntheticWorld(size=self.size, seed=self.seed).sentences(Lang("en"))
        else:
            for file in self._files():
                yield from (line.strip() for line in lines(file))

    def _files(self) -> list[Path]:
        return files_under(Path(str(self.path)), "corpus.path")

    def encipher(self, sentence: str) -> str:
        """The sentence with every word replaced; numbers and marks stay, capitals too."""
        if self.reorder:
            sentence = self._reordered(sentence)
        return _WORD.sub(lambda word: self._encipher_word(word[0]), sentence)

    def _encipher_word(self, word: str) -> str:
        code = " ".join(self.code(word.lower()))
        return code.capitalize() if word[0].isupper() else code

    def code(self, word: str) -> tuple[str, ...]:
        """The one or two cipher words of a lower-case word."""
        number = int.from_bytes(blake2b(f"{self.seed} {word}".encode(), digest_size=16).digest(), "big")
        number, merged = divmod(number, 9973)
        number, halved = divmod(number, 9973)
        if merged < self.merge * 9973:
            number %= POOL
        first = _pronounced(number)
        return (first, _pronounced(number // 7 + 1)) if halved < self.split * 9973 else (first,)

    def _reordered(self, sentence: str) -> str:
        """Words change places; what stands between them stays."""
        words = _WORD.findall(sentence)
        random = Random(crc32(sentence.encode()))
        order = sorted(range(len(words)), key=lambda place: place + random.uniform(0, self.reorder + 1))
        moved = iter([words[place] for place in order])
        return _WORD.sub(lambda _: next(moved), sentence)

    def held_out(self) -> tuple[HeldOut, ...]:
        """Up to 500 dev and 1,000 test pairs."""
        return CipherPairs(self, "dev", 500), CipherPairs(self, "test", 1000)

    def digest(self) -> str:
        """Changes with the text and with every option that changes the cipher."""
        text = (
            SyntheticWorld(size=self.size, seed=self.seed).digest()
            if self.path is None
            else file_digest(self._files())
        )
        options = (self.languages, self.merge, self.split, self.reorder, self.seed)
        return sha256(f"{text} {options}".encode()).hexdigest()

    def dictionary(self, part: str = "all", least: int = 10) -> Dictionary:
        """word -> its cipher words, for all words that occur ``least`` times in the text.

        part: all, train or test, else ValueError; train and test share no word.
        """
        if part not in ("all", "train", "test"):
            raise ValueError(f"part must be all, train or test, got {part}")
        counts = Counter(word.lower() for line in self._text() for word in _WORD.findall(line))
        words = (word for word, count in counts.items() if count >= least)
        return Dictionary(
            {
                word: frozenset(self.code(word))
                for word in words
                if part in ("all", "test" if crc32(word.encode()) % 2 else "train")
            }
        )


@dataclass(frozen=True)
class CipherPairs:
    """Held-out lines and their cipher."""

    cipher: Cipher
    split: Literal["dev", "test"] = "test"
    size: int = 1000

    def __post_init__(self) -> None:
        require(self)

    @property
    def name(self) -> str:
        return self.split

    def unpaired_side(self, lang: Lang) -> list[str]:
        """The lines of one language, sorted."""
        plain = lang == self.cipher.languages[0]
        return sorted(line if plain else self.cipher.encipher(line) for line in self._lines())

    def pairs(self) -> ParallelSet:
        """The pairs."""
        source, target = self.cipher.languages
        lines = self._lines()
        sides = {
            source: tuple((line,) for line in lines),
            target: tuple((self.cipher.encipher(line),) for line in lines),
        }
        return ParallelSet(self.name, sides)

    def digest(self) -> str:
        return sha256(f"{self.cipher.digest()} {self.split} {self.size}".encode()).hexdigest()

    def _lines(self) -> list[str]:
        """Different lines of at least four words, the first ``size`` of them."""
        different = dict.fromkeys(
            line for line in self.cipher.lines(self.split) if len(_WORD.findall(line)) >= 4
        )
        return list(different)[: self.size]


def _pronounced(number: int) -> str:
    """Five syllables: 10 billion words, so that two words hardly ever meet by chance."""
    syllables = []
    for _ in range(5):
        number, syllable = divmod(number, len(SYLLABLES))
        syllables.append(SYLLABLES[syllable])
    return "".join(syllables)
