"""Negative control of a phrase-based translator: the same system with permuted target words."""

from __future__ import annotations

from dataclasses import replace

import torch

from umt.smt.translator import PhraseBasedTranslator


def permuted_translator(translator: PhraseBasedTranslator) -> PhraseBasedTranslator:
    """The same language model, lengths and search with the target words of the phrase table permuted.

    Its outputs are fluent and unrelated to the source; their score is due to frequent words alone.
    """
    words = torch.from_numpy(translator.options.words)
    exchange = _exchange(int(words.max()) + 1).to(words.dtype)
    return replace(translator, options=translator.options._replace(words=exchange[words.long()].numpy()))


def _exchange(size: int) -> torch.Tensor:
    # the seed is a part of the baselines' definition, not of a run
    return torch.randperm(size, generator=torch.Generator().manual_seed(0))
