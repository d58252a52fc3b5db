"""Lossless compression of files with a language model and arithmetic coding.

An archive decodes to the same bytes on the machine and with the versions that compressed it.
"""

from __future__ import annotations

import hashlib
import struct
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from umt.compression.arithmetic_coding import ArithmeticCoder
from umt.compression.byte_fallback import decode, encode
from umt.compression.code_length import held_out_code_length
from umt.corpus.reading import lines as text_lines
from umt.lm.joint_lm import JointLM
from umt.lm.loading import load_with_tokenizer, require_causal
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.training.lm_objectives import CausalLM
from umt.training.loop import fit
from umt.training.optimiser import OptimiserConfig
from umt.types import BadInput, Lang, ProgressCallback

_EPOCHS, _ROW, _BATCH = 2, 64, 2048  # of the adaptation to a corpus
_DIGEST = 4  # bytes of the digests of a model and of a corpus
MOST_SUBWORDS = 1 << 28
"""Subwords of the longest file: some GB of memory, and weeks of coding."""
_LONGEST_VARINT = 5  # bytes; a damaged number ends there
_SAMPLE = 200  # lines that decide which language a file is in


@dataclass(frozen=True)
class Header:
    """Header of an archive, about 17 bytes; four more where the model was adapted to a corpus.

    model, condition, content: digests of the model, of the corpus that it was adapted to (empty: none) and of
    the file.  count: subwords.  lang: index into the tokenizer's languages.  threads: of the processor.
    """

    model: bytes
    condition: bytes
    content: bytes
    count: int
    lang: int
    threads: int

    MAGIC: ClassVar[bytes] = b"\xb5"
    FORMAT: ClassVar[bytes] = b"t"
    FORM: ClassVar[struct.Struct] = struct.Struct("<2s4s3sBB")

    def pack(self, body: bytes) -> bytes:
        """Header and body, a checksum over both in front of the body."""
        lang_and_condition = 2 * self.lang + bool(self.condition)
        head = self.FORM.pack(
            self.MAGIC + self.FORMAT, self.model, self.content, lang_and_condition, self.threads
        )
        head += self.condition + _varint(self.count)
        return head + zlib.crc32(head + body).to_bytes(4, "little") + body

    @classmethod
    def read(cls, archive: bytes, name: Path) -> tuple[Header, bytes]:
        """Header and body; raises BadInput when ``archive`` is none, of another format, or damaged."""
        if not archive.startswith(cls.MAGIC):
            raise BadInput(f"{name} is not an archive of this program: give what umt-archive compress wrote")
        if not archive.startswith(cls.MAGIC + cls.FORMAT):
            raise BadInput(
                f"{name} is of a format that this version of umt does not read: compress the file again"
            )
        if len(archive) < cls.FORM.size:
            raise BadInput(f"{name} is damaged: it ends within its header; fetch it again")
        _, model, content, after_given, threads = cls.FORM.unpack(archive[: cls.FORM.size])
        start = cls.FORM.size + (_DIGEST if after_given % 2 else 0)
        condition = archive[cls.FORM.size : start]
        count, end = _from_varint(archive, start)
        if end + 4 > len(archive):
            raise BadInput(f"{name} is damaged: it ends within its header; fetch it again")
        body = archive[end + 4 :]
        if zlib.crc32(archive[:end] + body) != int.from_bytes(archive[end : end + 4], "little"):
            raise BadInput(f"{name} is damaged: its checksum does not match; fetch it again")
        if count > MOST_SUBWORDS or not threads:
            raise BadInput(f"{name} is damaged: it claims {count:,} subwords and {threads} threads")
        return cls(model, condition, content, count, after_given // 2, threads), body


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _from_varint(data: bytes, start: int) -> tuple[int, int]:
    """The number that begins at ``start``, and the offset after it."""
    number = 0
    for length, byte in enumerate(data[start : start + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * length)
        if byte < 0x80:
            return number, start + length + 1
    return number, len(data)


@dataclass(frozen=True)
class Archiver:
    """A causal model and its tokenizer, perhaps adapted to a corpus first.

    identity: digest of the model's files. condition: digest of the corpus; empty without.
    """

    model: JointLM
    tokenizer: Tokenizer
    identity: bytes
    condition: bytes

    @classmethod
    def open(
        cls, directory: Path, condition: Path | None, progress: ProgressCallback, header: Header | None = None
    ) -> Archiver:
        """The model in ``directory``.

        Raises BadInput when there is no causal model with a tokenizer, or another one, or ``condition``
        is another corpus, than ``header`` asks for: before anything is learned.
        """
        if not directory.is_dir():
            raise BadInput(f"{directory} is no folder of a model")
        require_causal(directory)
        model, tokenizer = load_with_tokenizer(directory)
        model.eval()
        prefixes = ("model", "tokenizer", "languages", "config", "endings")
        files = sorted(
            file
            for file in directory.rglob("*")
            if file.suffix in (".json", ".safetensors") and file.name.startswith(prefixes)
        )
        digest = hashlib.sha256()
        for file in files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        corpus = [] if condition is None else list(text_lines(condition))
        condition_digest = (
            b"" if condition is None else hashlib.sha256("\n".join(corpus).encode()).digest()[:_DIGEST]
        )
        archiver = cls(model, tokenizer, digest.digest()[:_DIGEST], condition_digest)
        if header is not None:
            archiver.check_compatible(header)
        if condition is not None:
            adapt(model, tokenizer, corpus, progress)
        return archiver

    def check_compatible(self, header: Header) -> None:
        """Raises BadInput where an archive was made with something else."""
        if header.model != self.identity:
            raise BadInput("the archive was compressed with another model: give that one")
        if header.condition != self.condition:
            needs = "with another corpus than --given" if header.condition else "without --given"
            raise BadInput(f"the archive was compressed {needs if self.condition else 'with --given CORPUS'}")

    def compress(self, data: bytes, progress: ProgressCallback) -> tuple[bytes, float]:
        """The archive, and the bits that the model asks for."""
        lang = guess_language(data, self.model, self.tokenizer)
        ids = encode(data, self.tokenizer, lang)
        if len(ids) > MOST_SUBWORDS:
            raise BadInput(f"the file has {len(ids):,} subwords, more than {MOST_SUBWORDS:,}: split it")
        words, bits = self._coder().encode(ids, progress) if len(ids) else (np.zeros(0, np.uint32), 0.0)
        header = Header(
            self.identity,
            self.condition,
            _digest(data),
            len(ids),
            self.tokenizer.languages.index(lang),
            min(torch.get_num_threads(), 255),
        )
        return header.pack(words.astype(">u4").tobytes().rstrip(b"\0")), bits

    def decompress(self, archive: bytes, name: Path, progress: ProgressCallback) -> bytes:
        """The bytes that were compressed; raises BadInput when they cannot be had back."""
        header, body = Header.read(archive, name)
        self.check_compatible(header)
        if header.lang >= len(self.tokenizer.languages):
            raise BadInput(f"{name} is damaged: the model has no language number {header.lang}")
        words = np.frombuffer(body + bytes(8 - len(body) % 4), ">u4").astype(np.uint32)
        before = torch.get_num_threads()
        torch.set_num_threads(header.threads)
        try:
            ids = (
                self._coder().decode(words, header.count, progress) if header.count else np.zeros(0, np.int64)
            )
        finally:
            torch.set_num_threads(before)
        data = decode(ids, self.tokenizer)
        if _digest(data) != header.content:
            raise BadInput(
                f"{name} does not decode on this machine: it was made with other versions or hardware"
            )
        return data

    def _coder(self) -> ArithmeticCoder:
        return ArithmeticCoder(self.model, self.tokenizer.end)


def adapt(model: JointLM, tokenizer: Tokenizer, corpus: Sequence[str], progress: ProgressCallback) -> None:
    """Train ``model`` on ``corpus``: the same steps wherever an archive is made or read.

    Raises BadInput when ``corpus`` is empty.
    """
    if not corpus:
        raise BadInput("--given holds no line of text to adapt the model to")
    lang = guess_language("\n".join(corpus).encode(), model, tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        _, subwords = write_shards(corpus, lang, tokenizer, Path(folder))
        subwords += 2 * len(corpus)
        length = min(_ROW, model.context, max(2, subwords // 4))
        batch = max(length, min(_BATCH, subwords // 64))
        objective = CausalLM({lang: TokenShards(Path(folder), lang)}, tokenizer, length, batch, seed=0)
        optimisation = OptimiserConfig(
            max(8, _EPOCHS * subwords // batch), learning_rate=1e-3, weight_decay=0.0
        )
        fit(model, {"causal": objective}, optimisation, Path(folder), 0, progress)


def guess_language(data: bytes, model: JointLM, tokenizer: Tokenizer) -> Lang:
    """The language in which the first lines are shortest to code."""
    sample = []
    for line in data[:100_000].split(b"\n")[:_SAMPLE]:
        try:
            sample.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            continue
    if not sample:
        return tokenizer.languages[0]
    lengths = {
        lang: held_out_code_length(model, tokenizer, {lang: sample})[lang] for lang in tokenizer.languages
    }
    return min(lengths, key=lambda lang: float(lengths[lang].bits.sum()))


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:3]
