"""Code lengths of held-out text under a causal model, per byte, character and subword, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from umt.lm.joint_lm import JointLM
from umt.lm.scoring import SequenceScorer
from umt.runtime.batching import budgeted, inside, pad
from umt.text.tokenizer import Tokenizer
from umt.types import F64, I64, Lang, Score

UNITS = ("byte", "character", "token")
_TOKENS = 4096  # of a batch, padding included


@dataclass(frozen=True)
class CodeLength:
    """Bits of sentences, and their sizes; all (sentences,). A line end counts as one unit of each kind."""

    bits: F64
    bytes: I64
    characters: I64
    tokens: I64

    def __post_init__(self) -> None:
        if not len(self.bits) == len(self.bytes) == len(self.characters) == len(self.tokens) > 0:
            raise ValueError("a code length needs sentences, and as many bits as sentences")

    @classmethod
    def joined(cls, parts: Iterable[CodeLength]) -> CodeLength:
        """All sentences of several."""
        fields = zip(*((each.bits, each.bytes, each.characters, each.tokens) for each in parts), strict=True)
        return cls(*(np.concatenate(field) for field in fields))

    def per(self, unit: str, name: str, resamples: int = 1000, seed: int = 0) -> Score:
        """Bits per ``byte``, ``character`` or ``token``; the 95% interval resamples sentences."""
        sizes = {"byte": self.bytes, "character": self.characters, "token": self.tokens}[unit]
        value = float(self.bits.sum() / sizes.sum())
        drawn = np.random.default_rng(seed).multinomial(
            len(self.bits), np.full(len(self.bits), 1 / len(self.bits)), resamples
        )
        low, high = np.quantile((drawn @ self.bits) / (drawn @ sizes), [0.025, 0.975])
        signature = f"sentences:{len(self.bits)}|resamples:{resamples}|each sentence alone, its end paid"
        return Score(name, value, float(low), float(high), signature)


def held_out_code_length(
    model: JointLM, tokenizer: Tokenizer, texts: Mapping[Lang, Sequence[str]]
) -> dict[str, CodeLength]:
    """Code length of each language, and of all ``together``: of each sentence given its language, its end
    included.

    What exceeds the model's context begins again with the tag of the language.
    """
    lengths: dict[str, CodeLength] = {}
    for lang, lines in texts.items():
        ids = tokenizer.encode(lines, lang)
        pieces = []  # (sentence, ids with tag and end)
        room = model.context - 1
        for number, sequence in enumerate(ids):
            whole = np.append(sequence.astype(np.int64), tokenizer.end)
            for start in range(0, len(whole), room):
                pieces.append((number, np.append(tokenizer.tag(lang), whole[start : start + room])))
        pieces.sort(key=lambda piece: len(piece[1]))
        bits = np.zeros(len(lines))
        for batch in budgeted(pieces, _TOKENS, lambda piece: len(piece[1])):
            for (number, _), nats in zip(
                batch, _nats(model, [row for _, row in batch], tokenizer.pad), strict=True
            ):
                bits[number] += nats / math.log(2)
        lengths[lang] = CodeLength(
            bits,
            np.array([len(line.encode()) + 1 for line in lines]),
            np.array([len(line) + 1 for line in lines]),
            np.array([len(each) + 1 for each in ids]),
        )
    return {**lengths, "together": CodeLength.joined(lengths.values())}


@dataclass(frozen=True)
class TranslatedCodeLength:
    """Bits of sentences given their translations, and of the same sentences alone.

    left_out: pairs that are longer than the context of the model, and in neither.
    """

    alone: CodeLength
    given_translation: CodeLength
    left_out: int

    def share(self, resamples: int = 1000, seed: int = 0) -> Score:
        """1 - K(y|x) / K(y), the share of its bits that the translation of a sentence saves."""
        alone, conditional = self.alone.bits, self.given_translation.bits
        drawn = np.random.default_rng(seed).multinomial(
            len(alone), np.full(len(alone), 1 / len(alone)), resamples
        )
        low, high = np.quantile(1 - (drawn @ conditional) / (drawn @ alone), [0.025, 0.975])
        signature = f"sentences:{len(alone)}|left out:{self.left_out}|resamples:{resamples}"
        return Score(
            "share saved", float(1 - conditional.sum() / alone.sum()), float(low), float(high), signature
        )


def translated_code_length(
    model: tuple[JointLM, Tokenizer],
    translator: tuple[JointLM, Tokenizer],
    sources: Sequence[str],
    targets: Sequence[str],
    direction: tuple[Lang, Lang],
) -> TranslatedCodeLength:
    """Targets under a language model, and under a translator that is given their sources.

    sources, targets: (pairs,) normalised; direction: their languages. Raises ValueError where no pair fits
    the context of the translator.
    """
    (source, target), (network, tokenizer) = direction, translator
    messages, decoded = tokenizer.encode(sources, source), tokenizer.encode(targets, target)
    fits = [n for n, y in enumerate(decoded) if len(messages[n]) + len(y) <= network.context - 3]
    nats = SequenceScorer(network, tokenizer).conditional_nll(
        [messages[n] for n in fits], [decoded[n] for n in fits], source, target
    )
    alone = held_out_code_length(*model, {target: [targets[n] for n in fits]})[target]
    conditional = replace(
        alone, bits=nats / math.log(2), tokens=np.array([len(decoded[n]) + 1 for n in fits])
    )
    return TranslatedCodeLength(alone, conditional, len(sources) - len(fits))


def scores(lengths: Mapping[str, CodeLength]) -> dict[str, list[Score]]:
    """Bits per byte, character and token of each entry of `held_out_code_length`."""
    return {name: [length.per(unit, f"bits/{unit}") for unit in UNITS] for name, length in lengths.items()}


@torch.no_grad()
def _nats(model: JointLM, rows: Sequence[I64], fill: int) -> list[float]:
    """-log p of all but the first of each row."""
    ids = pad(rows, fill).to(model.device)
    is_target = inside([len(row) - 1 for row in rows], ids.shape[1] - 1)
    hidden = model.hidden(ids[:, :-1])[is_target.to(model.device)]
    nats = torch.zeros(is_target.shape, dtype=torch.float64)
    nats[is_target] = model.nll(hidden, ids[:, 1:][is_target.to(model.device)]).double().cpu()
    return [float(each) for each in nats.sum(1)]
