"""The joint subword vocabulary: byte-level BPE, lossless; its folder opens with ``AutoTokenizer``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Regex
from tokenizers import Tokenizer as Subwords
from tokenizers.decoders import ByteLevel as BytesBack
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Split
from tokenizers.pre_tokenizers import Sequence as Steps
from tokenizers.trainers import BpeTrainer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from umt.runtime.validate import require
from umt.text import morphology
from umt.text.byte_alphabet import token_bytes
from umt.text.morphology import SUFFIX_MARK, SuffixSplitter
from umt.types import I64, BadInput, Lang

Ids = npt.NDArray[np.unsignedinteger[Any]]

PAD, END, MASK = "<pad>", "</s>", "<mask>"

# Words with the space before them, runs of Han characters, single digits, punctuation, spaces.
_PATTERN = r"\p{Han}+| ?[\p{L}\p{M}&&[^\p{Han}]]+| ?\p{N}| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+"
_FILE = "languages.json"


@dataclass(frozen=True)
class Tokenizer:
    """Text to subword numbers and back.

    languages: each has a tag of its own, such as ``<en>``.
    parts: one vocabulary for all languages, or one a language (``disjoint``: no shared subword); the numbers
        of a later part follow those of the earlier ones.
    inflections: suffix splitters of the languages that have one: `encode` splits, `decode` joins.
    """

    languages: tuple[Lang, ...]
    parts: tuple[Subwords, ...]
    inflections: Mapping[Lang, SuffixSplitter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.parts) not in (1, len(self.languages)):
            raise ValueError(f"{len(self.parts)} vocabularies do not serve {len(self.languages)} languages")
        for part in self.parts:
            part.encode_special_tokens = True  # a "<mask>" in somebody's text is text

    @classmethod
    def train(
        cls,
        texts: Mapping[Lang, Iterable[str]],
        vocabulary: int,
        disjoint: bool = False,
        sample: int = 10_000_000,
    ) -> Tokenizer:
        """Learn a vocabulary from equally many bytes of every language.

        texts: strings of each language; no subword crosses a line end. sample: bytes of each at most.
        Raises BadInput when ``vocabulary`` is smaller than the bytes and special tokens.
        """
        languages = tuple(texts)
        special = [PAD, END, MASK, *(f"<{lang}>" for lang in languages)]
        floor = 256 * (len(languages) if disjoint else 1) + len(special)
        if vocabulary < floor:
            raise BadInput(f"tokenizer.vocabulary must be at least {floor}, got {vocabulary}")
        if not disjoint:
            strings = (string for _, string in _balanced(texts, sample))
            return cls(languages, (_learn(strings, vocabulary, special),))
        size = (vocabulary - len(special)) // len(languages)
        sides: dict[Lang, list[str]] = {lang: [] for lang in languages}
        for lang, string in _balanced(texts, sample):
            sides[lang].append(string)
        parts = [
            _learn(iter(strings), size + (0 if number else len(special)), [] if number else special)
            for number, strings in enumerate(sides.values())
        ]
        return cls(languages, tuple(parts))

    def __len__(self) -> int:
        return sum(part.get_vocab_size() for part in self.parts)

    @cached_property
    def without_suffix_splitting(self) -> Tokenizer:
        """The same subwords for text whose endings are cut off already, or are to stay."""
        return replace(self, inflections={})

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The smallest unsigned integers that hold every number."""
        return np.dtype(np.uint16 if len(self) <= 1 << 16 else np.uint32)

    @property
    def pad(self) -> int:
        """Padding token id."""
        return self._special(PAD)

    @property
    def end(self) -> int:
        """Ends a sentence."""
        return self._special(END)

    @property
    def mask(self) -> int:
        """Stands for a hidden subword."""
        return self._special(MASK)

    def tag(self, lang: Lang) -> int:
        """Says that text of ``lang`` follows."""
        return self._special(f"<{lang}>")

    @property
    def special_ids(self) -> frozenset[int]:
        """Every number that is no text."""
        return frozenset((self.pad, self.end, self.mask, *map(self.tag, self.languages)))

    def encode(self, lines: Sequence[str], lang: Lang | None = None) -> list[Ids]:
        """Numbers of each line, without tags; a disjoint vocabulary requires ``lang``, as endings do."""
        if lang is None and len(self.parts) > 1:
            raise ValueError("a disjoint vocabulary must know the language")
        if lang is not None and (endings := self.inflections.get(lang)):
            lines = [endings.split_text(line) for line in lines]
        number = 0 if len(self.parts) == 1 or lang is None else self.languages.index(lang)
        first = sum(part.get_vocab_size() for part in self.parts[:number])
        encoded = self.parts[number].encode_batch_fast(list(lines), add_special_tokens=False)
        return [(np.asarray(each.ids, dtype=np.int64) + first).astype(self.dtype) for each in encoded]

    def decode(self, ids: Iterable[int], lang: Lang | None = None) -> str:
        """The text of ``ids``; tags and the like are left out, broken characters become U+FFFD."""
        pieces = self.pieces
        text = b"".join([pieces[number] for number in ids]).decode("utf-8", errors="replace")
        endings = self.inflections.get(lang) if lang is not None else None
        return endings.join_text(text) if endings else text

    @cached_property
    def pieces(self) -> tuple[bytes, ...]:
        """The bytes that each number stands for; none for tags and the like."""
        table: list[bytes] = []
        for part in self.parts:
            added = part.get_added_tokens_decoder()
            for number in range(part.get_vocab_size()):
                token = part.id_to_token(number)
                table.append(b"" if token is None or number in added else token_bytes(token))
        return tuple(table)

    @cached_property
    def byte_lengths(self) -> I64:
        """Bytes of each number: (vocabulary,); the end of a sentence counts as its newline.

        An ending counts without its mark and the space before it: about what it adds to a word.
        """
        mark = f" {SUFFIX_MARK}".encode() if self.inflections else b""
        lengths = np.array([len(piece.removeprefix(mark)) for piece in self.pieces], dtype=np.int64)
        lengths[self.end] = 1
        return lengths

    def check(self) -> None:
        """Raises BadInput unless strange text comes back from its numbers."""
        text = " Ab\u00e9 \u4e16\u754c \U0001f600\n9"
        if (back := self.decode(self.encode([text], self.languages[0])[0], self.languages[0])) != text:
            raise BadInput(f"a byte-level vocabulary is needed: {text!r} comes back as {back!r}")

    def save(self, directory: Path) -> None:
        """Write ``tokenizer.json``, its ``tokenizer_config.json``, ``languages.json``, ``endings.json``."""
        for number, part in enumerate(self.parts):
            saved = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
                tokenizer_object=part,
                clean_up_tokenization_spaces=False,
                **({} if number else {"pad_token": PAD, "eos_token": END, "mask_token": MASK}),
            )
            saved.save_pretrained(directory if number == 0 else directory / self.languages[number])
        if self.inflections:
            morphology.save(self.inflections, directory)
        (directory / _FILE).write_text(json.dumps(self.languages), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Tokenizer:
        """Read what `save` wrote; raises BadInput when it is not there, or damaged."""
        try:
            languages = tuple(Lang(each) for each in json.loads((directory / _FILE).read_text("utf-8")))
            others = (directory / lang / "tokenizer.json" for lang in languages[1:])
            files = [directory / "tokenizer.json", *(file for file in others if file.exists())]
            parts = tuple(Subwords.from_file(str(file)) for file in files)
            tokenizer = cls(languages, parts, morphology.load(directory))
            if any(max(part.get_vocab().values()) >= part.get_vocab_size() for part in parts):
                raise ValueError("its numbers have gaps")
            assert tokenizer.special_ids  # raises where one is missing
        except FileNotFoundError:
            raise BadInput(f"{directory} holds no tokenizer: {_FILE} is missing") from None
        except Exception as error:  # json and tokenizers raise what they like
            raise BadInput(f"the tokenizer in {directory} is damaged: {error}") from None
        return tokenizer

    def _special(self, token: str) -> int:
        number = self.parts[0].token_to_id(token)
        if number is None:
            raise ValueError(f"the vocabulary has no {token}: its languages are {', '.join(self.languages)}")
        return int(number)


@dataclass(frozen=True)
class ByteLevelBPE:
    """A vocabulary learned from the text to be modelled; the first fields are those of `Tokenizer.train`.

    endings: whether the endings that preparation has found are words of their own here, too.
    """

    vocabulary: int
    disjoint: bool = False
    sample: int = 10_000_000
    split_suffixes: bool = True

    def __post_init__(self) -> None:
        require(self, positive="sample")
        require(self, at_least={"vocabulary": 261 + 256 * self.disjoint})  # bytes, two tags, three marks

    def learn(
        self, texts: Mapping[Lang, Iterable[str]], inflections: Mapping[Lang, SuffixSplitter]
    ) -> Tokenizer:
        """From the lines of each language."""
        learned = inflections if self.split_suffixes else {}
        splitters = {lang: one for lang, one in learned.items() if one.stem_and_suffix}
        cut = {
            lang: map(splitters[lang].split_text, lines) if lang in splitters else lines
            for lang, lines in texts.items()
        }
        tokenizer = Tokenizer.train(cut, self.vocabulary, self.disjoint, self.sample)
        return replace(tokenizer, inflections=splitters)


@dataclass(frozen=True)
class PretrainedTokenizer:
    """The vocabulary of a model of the hub or of a saved folder, with our special tokens added to it."""

    name: str

    def learn(
        self, texts: Mapping[Lang, Iterable[str]], inflections: Mapping[Lang, SuffixSplitter]
    ) -> Tokenizer:
        """Of a model of ours it is the whole, endings and all; else endings stay where they are.

        Raises BadInput when there is none, or when it does not give every text back.
        """
        if (Path(self.name) / _FILE).exists():
            own = Tokenizer.load(Path(self.name))
            if set(own.languages) == set(texts):
                return own
        try:
            subwords = AutoTokenizer.from_pretrained(self.name, trust_remote_code=False).backend_tokenizer
        except (OSError, ValueError, AttributeError) as error:
            message = str(error).splitlines()[0]
            raise BadInput(
                f"no tokenizer could be opened at {self.name}: {message} "
                "(give a folder, or a name of the hub where that can be reached)"
            ) from None
        subwords.add_special_tokens([PAD, END, MASK, *(f"<{lang}>" for lang in texts)])
        subwords.no_padding()
        subwords.no_truncation()
        tokenizer = Tokenizer(tuple(texts), (subwords,))
        tokenizer.check()
        return tokenizer


def _learn(strings: Iterator[str], vocabulary: int, special: list[str]) -> Subwords:
    subwords = Subwords(BPE())
    subwords.pre_tokenizer = Steps(
        [Split(Regex(_PATTERN), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    subwords.decoder = BytesBack()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=special,
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    subwords.train_from_iterator(strings, trainer)
    return subwords


def _balanced(texts: Mapping[Lang, Iterable[str]], sample: int) -> Iterator[tuple[Lang, str]]:
    """Strings of the languages in turn, so that their bytes stay level; ends when one has no more."""
    sides = {lang: iter(strings) for lang, strings in texts.items()}
    read = dict.fromkeys(sides, 0)
    while True:
        lang = min(read, key=lambda code: read[code])
        string = next(sides[lang], None)
        if string is None or read[lang] >= sample:
            return
        read[lang] += len(string.encode())
        yield lang, string
