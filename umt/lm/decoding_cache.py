"""What a search decodes with: a network one position at a time that remembers prompts and hypotheses.

`cache_opener` chooses between `umt.lm.kernels.KVCache` and `TransformersCache`, which stands in for it where
a network is none that `umt.lm.kernels` knows, or where a model is to run without them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from umt.lm.joint_lm import JointLM
from umt.lm.kernels import BLOCK, DecodingWeights, KVCache
from umt.lm.mixed_precision import autocast
from umt.lm.plain_forward import merged_states, read


class DecodingCache(Protocol):
    """A batch of sentences that are written token by token; beams of a sentence are rows side by side."""

    def step(self, tokens: Tensor) -> Tensor:
        """Read one token a row, (rows,), and give the logits of the next: (rows, allowed and some more).

        What lies beyond the allowed ones is -inf and fills up the last `umt.lm.kernels.BLOCK`.  The caller
        may spoil the result.
        """
        ...

    def argmax_nll(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """(rows,) the place of the largest of each row of ``logits``, and its -log softmax in nats."""
        ...

    def reorder(self, parents: Tensor) -> None:
        """Row i goes on from what row ``parents[i]`` (rows,), of the same sentence, has written."""
        ...

    def compact(self, staying: Tensor) -> Tensor:
        """Let sentences go; ``staying`` (sentences,) says which remain.

        Returns (remaining,) the former places of those that now are the batch, in their new order.
        """
        ...


CacheOpener = Callable[[Tensor, Tensor, int, int], DecodingCache]
"""From prompts (batch, longest), padded on the right, their lengths (batch,), beams and most steps."""


def cache_opener(
    model: JointLM, allowed: Tensor, dtype: torch.dtype = torch.float32, by_loop: bool = True
) -> CacheOpener:
    """How batches are decoded by ``model`` as it is now.

    allowed: (allowed,) numbers of the tokens that may be written.
    dtype: of products by weights; a GPU decodes in bf16 always, a processor without `umt.lm.kernels` in the
    precision of the weights.
    by_loop: attend in a compiled loop, where there is one, rather than by products over all rows.
    """
    on_gpu = model.device.type == "cuda"
    if not model.decodes_by_kernels:
        short = torch.bfloat16 if on_gpu else torch.float32
        kind = TransformersCache if model.encoder is None else MergedCache
        return lambda prompts, lengths, beams, steps: kind(model, allowed, prompts, lengths, beams, short)
    everything = torch.bfloat16 if on_gpu else None
    products = None if dtype == torch.float32 else dtype
    weights = DecodingWeights.of(model.network, allowed, everything, products, model.encoder)
    return lambda prompts, lengths, beams, steps: KVCache(weights, prompts, lengths, beams, steps, by_loop)


def cache_capacity(model: JointLM, share: float) -> int:
    """Positions whose keys and values, in bf16, fit into this share of the memory of the model's GPU."""
    config: Any = model.inner.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    size = 2 * config.num_hidden_layers * heads * dim * torch.bfloat16.itemsize
    memory: int = torch.cuda.get_device_properties(model.device).total_memory
    return max(1, int(share * memory) // int(size))


class TransformersCache:
    """The cache of ``transformers``: every row holds keys and values of its prompt, too.

    allowed: (allowed,) numbers of the tokens that may be written.
    prompts: (batch, longest), padded on the right; inside they are padded on the left, so that all rows write
    the same column. lengths: (batch,). beams: rows of each sentence. dtype: of products, on a GPU.
    """

    def __init__(
        self,
        model: JointLM,
        allowed: Tensor,
        prompts: Tensor,
        lengths: Tensor,
        beams: int,
        dtype: torch.dtype,
    ) -> None:
        """Reads the prompts."""
        self.model, self.beams, self.dtype = model, beams, dtype
        self.head = model.head.detach()[allowed.to(model.device)]
        self.past: Any = DynamicCache(config=model.inner.config)
        longest = prompts.shape[1]
        places = torch.arange(longest, device=prompts.device) - (longest - lengths)[:, None]
        self.mask = places >= 0  # (batch, longest), later (rows, longest and all that is written)
        if longest:
            places = places.clamp(min=0)
            self._prefill(prompts.gather(1, places), places)
        self.past.batch_repeat_interleave(beams)
        self.mask, self.places = self.mask.repeat_interleave(beams, 0), lengths.repeat_interleave(beams)

    def _prefill(self, prompts: Tensor, places: Tensor) -> None:
        """Read the prompts, padded on the left, at ``places``; both (batch, longest)."""
        self._read(prompts, places)

    def _read(self, ids: Tensor, places: Tensor) -> Tensor:
        """(rows, length, width) states of ``ids`` at ``places``, both (rows, length), which join the past."""
        with autocast(self.model.device, self.dtype):
            return read(self.model.inner, ids, self.mask.long(), places, self.past)

    def step(self, tokens: Tensor) -> Tensor:
        """See `DecodingCache`."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], 1)
        places = self.places.clamp(max=self.model.context - 1)  # a finished row may be beyond the context
        hidden = self._read(tokens[:, None], places[:, None])[:, 0]
        self.places = self.places + 1
        logits = hidden.new_full((len(tokens), -(-len(self.head) // BLOCK) * BLOCK), -torch.inf)
        logits[:, : len(self.head)] = hidden @ self.head.to(hidden.dtype).T
        return logits

    def argmax_nll(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """See `DecodingCache`."""
        largest, chosen = logits.max(-1)
        return chosen, logits.logsumexp(-1) - largest

    def reorder(self, parents: Tensor) -> None:
        """See `DecodingCache`."""
        self.past.reorder_cache(parents)

    def compact(self, staying: Tensor) -> Tensor:
        """See `DecodingCache`; those that remain keep their order."""
        order = staying.nonzero()[:, 0]
        rows = (order[:, None] * self.beams + torch.arange(self.beams, device=order.device)).flatten()
        self.past.batch_select_indices(rows)
        self.mask, self.places = self.mask[rows], self.places[rows]
        return order


class MergedCache(TransformersCache):
    """That of a T5 Gemma 2: keys and values of the encoder's states beside those of what is written."""

    def _prefill(self, prompts: Tensor, places: Tensor) -> None:
        """Read the prompts (batch, longest), padded on the left, at ``places``, which differ by row."""
        encoder: Any = self.model.encoder
        with autocast(self.model.device, self.dtype):
            output = encoder(input_ids=prompts, attention_mask=self.mask, position_ids=places)
        self.states = output.last_hidden_state.repeat_interleave(self.beams, 0)
        self.longest = prompts.shape[1]
        self.past = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def _read(self, ids: Tensor, places: Tensor) -> Tensor:
        """See `TransformersCache`; ``places`` follow from the past."""
        inner: Any = self.model.inner
        visible, own = self.mask[:, : self.longest], self.mask[:, self.longest :]
        with autocast(self.model.device, self.dtype):
            return merged_states(inner, ids, own[:, None, None], self.states, visible, self.past)

    def compact(self, staying: Tensor) -> Tensor:
        """See `DecodingCache`."""
        self.states = self.states[staying.repeat_interleave(self.beams)]
        return super().compact(staying)
