"""The control that a phrase-based translator must beat: its own lexicon, permuted."""

from __future__ import annotations

from dataclasses import replace

import torch

from umt.smt.translator import PhraseBasedTranslator


def permuted_translator(translator: PhraseBasedTranslator) -> PhraseBasedTranslator:
    """The same language model, lengths and search with target words that a random permutation has exchanged.

    It writes fluent text that has nothing to do with the source: what the target's frequent words score.
    """
    words = torch.from_numpy(translator.options.words)
    exchange = _exchange(int(words.max()) + 1).to(words.dtype)
    return replace(translator, options=translator.options._replace(words=exchange[words.long()].numpy()))


def _exchange(size: int) -> torch.Tensor:
    # the seed is a part of the baselines' definition, not of a run
    return torch.randperm(size, generator=torch.Generator().manual_seed(0))
