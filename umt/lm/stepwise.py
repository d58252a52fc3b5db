"""The next-token distribution of many streams, one token at a time, without a batch of prompts."""

from __future__ import annotations

import torch

from umt.lm.decoding_cache import DecodingCache, cache_opener
from umt.lm.joint_lm import JointLM
from umt.types import F32, I64, BadInput


class StepwiseLM:
    """A joint model read one token at a time in several streams; a full context is emptied and begun anew.

    table: (steps, streams). start: the first token of every stream.
    """

    def __init__(self, model: JointLM, table: tuple[int, ...], start: int) -> None:
        steps, streams = table
        self.vocabulary = len(model.head)
        self.opened = cache_opener(model, torch.arange(self.vocabulary), by_loop=False)
        self.context = min(model.context, steps)
        self.tokens = torch.full((streams,), start)
        self.position = self.context
        self.cache: DecodingCache | None = None

    def read(self, tokens: I64) -> None:
        """Give the next token of each stream: (streams,)."""
        self.tokens = torch.from_numpy(tokens)

    @torch.no_grad()
    def next(self) -> F32:
        """(streams, vocabulary) probabilities of the next token; raises BadInput when one is not finite."""
        if self.cache is None or self.position == self.context:
            streams = len(self.tokens)
            nothing = torch.zeros(streams, 0, dtype=torch.long), torch.zeros(streams, dtype=torch.long)
            self.cache, self.position = self.opened(*nothing, 1, self.context), 0
        logits = self.cache.step(self.tokens)[:, : self.vocabulary]
        self.position += 1
        if not torch.isfinite(logits).all():
            raise BadInput("the model gives impossible probabilities: its weights are damaged")
        chances: F32 = torch.softmax(logits, 1).numpy()
        return chances
