"""Arithmetic coding of many streams of subwords in parallel: a step of the network predicts the next of each.

Encoder and decoder take the same steps on the same shapes, so that their numbers agree to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import constriction
import numpy as np

from umt.lm.joint_lm import JointLM
from umt.lm.stepwise import StepwiseLM
from umt.types import I64, U32, BadInput, ProgressCallback

_SHORTEST = 256
"""Subwords a stream at least: every stream begins without context."""

STREAMS = 128


@dataclass(frozen=True)
class ArithmeticCoder:
    """An arithmetic coder (range coding, by ``constriction``) driven by a causal language model.

    start: id before the first subword of every stream.
    """

    model: JointLM
    start: int

    def encode(self, ids: I64, progress: ProgressCallback) -> tuple[U32, float]:
        """Compressed words of 32 bits, and the code length under the model in bits."""
        table = _spread(ids)
        coder = constriction.stream.queue.RangeEncoder()
        steps, bits = StepwiseLM(self.model, table.shape, self.start), 0.0
        for time, row in enumerate(table):
            live = row >= 0
            chances = steps.next()[live]
            coder.encode(row[live].astype(np.int32), _FAMILY, chances)
            bits -= float(np.log2(chances[np.arange(len(chances)), row[live]].astype(np.float64)).sum())
            steps.read(np.maximum(row, 0))
            if time % 50 == 0:
                progress("coding", time, len(table))
        return coder.get_compressed(), bits

    def decode(self, words: U32, count: int, progress: ProgressCallback) -> I64:
        """The ``count`` ids that were encoded; raises BadInput when the words cannot be decoded."""
        table = _spread(np.zeros(count, np.int64))
        coder = constriction.stream.queue.RangeDecoder(words)
        steps = StepwiseLM(self.model, table.shape, self.start)
        for time, row in enumerate(table):
            live = row >= 0
            try:
                row[live] = coder.decode(_FAMILY, steps.next()[live])
            except AssertionError:
                raise BadInput(
                    "the archive does not decode with this model on this machine: decode it where it was made"
                ) from None
            steps.read(np.maximum(row, 0))
            if time % 50 == 0:
                progress("decoding", time, len(table))
        ids: I64 = table.T[table.T >= 0]
        return ids


_FAMILY = constriction.stream.model.Categorical(perfect=False, lazy=True)


def _spread(ids: I64) -> I64:
    """(steps, streams) of ids, each stream a run of them; -1 where a stream has ended."""
    streams = max(1, min(STREAMS, len(ids) // _SHORTEST))
    steps = -(-len(ids) // streams)
    table = np.full(steps * streams, -1, np.int64)
    table[: len(ids)] = ids
    return np.ascontiguousarray(table.reshape(streams, steps).T)
