"""Lossless encoding of any bytes as subwords."""

from __future__ import annotations

import numpy as np

from umt.text.morphology import SuffixSplitter
from umt.text.tokenizer import Tokenizer
from umt.types import I64, Lang


def encode(data: bytes, tokenizer: Tokenizer, lang: Lang) -> I64:
    """Subwords of any bytes: a tag before each line, the end for a newline, single bytes for what is no
    UTF-8."""
    if not data:
        return np.zeros(0, np.int64)
    lines = data.split(b"\n")
    texts = [line.decode("utf-8", errors="replace") for line in lines]
    pieces = tokenizer.pieces
    restored = tokenizer.inflections.get(lang, SuffixSplitter())
    part = 0 if len(tokenizer.parts) == 1 else tokenizer.languages.index(lang)
    first = sum(each.get_vocab_size() for each in tokenizer.parts[:part])
    single = {piece: first + number for number, piece in enumerate(pieces[first:]) if len(piece) == 1}
    tag, end = np.array([tokenizer.tag(lang)]), np.array([tokenizer.end])
    parts = []
    for line, ids in zip(lines, tokenizer.encode(texts, lang), strict=True):
        if _line(b"".join([pieces[number] for number in ids]), restored) != line:
            ids = np.array([single[line[at : at + 1]] for at in range(len(line))])
        parts += [tag, ids.astype(np.int64), end]
    return np.concatenate(parts[:-1])


def decode(ids: I64, tokenizer: Tokenizer) -> bytes:
    """The bytes that `encode` was applied to."""
    pieces, tags = tokenizer.pieces, {tokenizer.tag(lang): lang for lang in tokenizer.languages}
    lines, restored = [], SuffixSplitter()
    for line_ids in np.split(ids, np.flatnonzero(ids == tokenizer.end) + 1) if len(ids) else []:
        lang = tags.get(int(line_ids[0])) if len(line_ids) else None
        restored = tokenizer.inflections.get(lang, SuffixSplitter()) if lang else restored
        lines.append(_line(b"".join([pieces[number] for number in line_ids]), restored))
    return b"\n".join(lines)


def _line(raw: bytes, inflection: SuffixSplitter) -> bytes:
    """A line with its endings put back; one that is no UTF-8 has none."""
    if not inflection.stem_and_suffix:
        return raw
    try:
        return inflection.join_text(raw.decode("utf-8")).encode()
    except UnicodeDecodeError:
        return raw
