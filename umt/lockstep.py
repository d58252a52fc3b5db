"""Coding many streams of subwords side by side: one step of the network gives the next distribution of each.

Encoder and decoder take the same steps on the same shapes, so that they see the same numbers to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import constriction
import numpy as np
import torch
from numpy.typing import NDArray

from umt.decoding_cache import DecodingCache, cache_opener
from umt.joint_lm import JointLM
from umt.types import BadInput, Progress

Longs = NDArray[np.int64]
Words = NDArray[np.uint32]

_SHORTEST = 256
"""Subwords that make a further stream worth its cold start."""

STREAMS = 128


@dataclass(frozen=True)
class Lockstep:
    """An arithmetic coder (range coding, by ``constriction``) driven by a causal language model.

    start: the number that stands before everything.
    """

    model: JointLM
    start: int

    def encode(self, ids: Longs, progress: Progress) -> tuple[Words, float]:
        """Compressed words, and the bits that the model asks for."""
        table = _spread(ids)
        coder = constriction.stream.queue.RangeEncoder()
        steps, bits = _Steps(self.model, table.shape, self.start), 0.0
        for time, row in enumerate(table):
            live = row >= 0
            chances = steps.next()[live]
            coder.encode(row[live].astype(np.int32), _FAMILY, chances)
            bits -= float(np.log2(chances[np.arange(len(chances)), row[live]].astype(np.float64)).sum())
            steps.read(np.maximum(row, 0))
            if time % 50 == 0:
                progress("coding", time, len(table))
        return coder.get_compressed(), bits

    def decode(self, words: Words, count: int, progress: Progress) -> Longs:
        """The ``count`` ids that `encode` was given; raises BadInput when the words are no code of theirs."""
        table = _spread(np.zeros(count, np.int64))
        coder = constriction.stream.queue.RangeDecoder(words)
        steps = _Steps(self.model, table.shape, self.start)
        for time, row in enumerate(table):
            live = row >= 0
            try:
                row[live] = coder.decode(_FAMILY, steps.next()[live])
            except AssertionError:
                raise BadInput("the archive does not decode with this model on this machine") from None
            steps.read(np.maximum(row, 0))
            if time % 50 == 0:
                progress("decoding", time, len(table))
        ids: Longs = table.T[table.T >= 0]
        return ids


_FAMILY = constriction.stream.model.Categorical(perfect=False, lazy=True)


def _spread(ids: Longs) -> Longs:
    """(steps, streams) of ids, each stream a stretch of them; -1 where a stream has ended."""
    streams = max(1, min(STREAMS, len(ids) // _SHORTEST))
    steps = -(-len(ids) // streams)
    table = np.full(steps * streams, -1, np.int64)
    table[: len(ids)] = ids
    return np.ascontiguousarray(table.reshape(streams, steps).T)


class _Steps:
    """The network one position at a time, for all streams; it forgets what fills its context, and begins
    anew."""

    def __init__(self, model: JointLM, table: tuple[int, ...], start: int) -> None:
        steps, streams = table
        self.vocabulary = len(model.head)
        self.opened = cache_opener(model, torch.arange(self.vocabulary), by_loop=False)
        self.context = min(model.context, steps)
        self.tokens = torch.full((streams,), start)
        self.position = self.context
        self.cache: DecodingCache | None = None

    def read(self, tokens: Longs) -> None:
        """What came next in each stream."""
        self.tokens = torch.from_numpy(tokens)

    @torch.no_grad()
    def next(self) -> NDArray[np.float32]:
        """(streams, vocabulary) probabilities of what comes next."""
        if self.cache is None or self.position == self.context:
            streams = len(self.tokens)
            nothing = torch.zeros(streams, 0, dtype=torch.long), torch.zeros(streams, dtype=torch.long)
            self.cache, self.position = self.opened(*nothing, 1, self.context), 0
        logits = self.cache.step(self.tokens)[:, : self.vocabulary]
        self.position += 1
        if not torch.isfinite(logits).all():
            raise BadInput("the model gives impossible probabilities: its weights are damaged")
        chances: NDArray[np.float32] = torch.softmax(logits, 1).numpy()
        return chances
