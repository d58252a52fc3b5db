"""A network one position at a time, with a cache of keys and values."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from umt.lm.kernels.cpu_forward import keys_and_values, layer_forward, memory_layer
from umt.lm.kernels.cpu_loops import as_array
from umt.lm.kernels.decoding_loops import argmax_nll, attend_to_cache
from umt.lm.kernels.decoding_weights import DecodingWeights, matmul

BLOCK = 64
"""Rows of logits are a multiple of this long, so that they can be searched in blocks."""


class KVCache:
    """Keys and values of a batch of prompts, and of what each of its beams has written since.

    The two are kept apart: beams share their prompt, all rows write the same column, and only prompts need
    a mask.

    prompts: (batch, longest), padded on the right. lengths: (batch,).
    beams: rows of each sentence, which stand together. steps: tokens that are written at most.
    by_loop: attend in `umt.lm.kernels.decoding_loops` where that can be, else by products over all rows,
    which several threads share.
    """

    def __init__(
        self,
        weights: DecodingWeights,
        prompts: Tensor,
        lengths: Tensor,
        beams: int,
        steps: int,
        by_loop: bool = True,
    ) -> None:
        """Reads the prompts."""
        self.weights, self.beams, self.steps_done = weights, beams, 0
        self.by_loop = by_loop and weights.by_loops
        batch, longest = prompts.shape
        kv_heads = weights.heads // weights.groups
        shape = (len(weights.layers), 2, batch, kv_heads, longest, weights.dim)
        self.prompt = weights.head.new_empty(shape)  # in the precision of products, as in training
        self.generated = weights.head.new_empty((*shape[:2], batch * beams, kv_heads, steps, weights.dim))
        # all of it for as long as there is a row: a compiled loop over a part takes one number at a time
        both = zip(self.prompt, self.generated, strict=True) if self.by_loop else ()
        self.arrays = [(as_array(prompt), as_array(generated)) for prompt, generated in both]
        self.logits = weights.head.new_empty(batch * beams, -(-len(weights.head) // BLOCK) * BLOCK)
        self.lengths = lengths.repeat_interleave(beams)
        self.places = torch.zeros_like(self.lengths) if weights.has_encoder else self.lengths
        self.mask: Tensor | None = None
        if not longest:
            return
        if int(lengths.min()) < longest:
            beyond = torch.arange(longest, device=prompts.device) >= lengths[:, None]
            self.mask = torch.zeros(beyond.shape, dtype=self.prompt.dtype, device=prompts.device)
            self.mask.masked_fill_(beyond, -torch.inf)
        if weights.standard:
            self._prefill_cpu(prompts)
        else:
            self._prefill(prompts)

    @property
    def sentences(self) -> int:
        """How many are still being written."""
        return self.prompt.shape[2]

    def _prefill_cpu(self, prompts: Tensor) -> None:
        """Fill the cache of the prompts (batch, longest), as training reads them."""
        weights, (batch, longest) = self.weights, prompts.shape
        turns = weights.turns[:longest].view(1, longest, 1, -1)
        mask = torch.zeros(longest, longest, dtype=self.prompt.dtype)
        if not weights.has_encoder:
            mask.fill_(-torch.inf).triu_(1)
        elif self.mask is not None:
            mask = self.mask.repeat_interleave(weights.heads, 0)[:, None]
        x = weights.embeddings[prompts.flatten()]
        for number, layer in enumerate(weights.prompt_layers):
            if weights.has_encoder or number + 1 < len(weights.prompt_layers):
                x, made = layer_forward(x, layer, None, turns, mask, weights.gate, weights.epsilon)
            else:
                made = keys_and_values(x, layer, turns, mask, weights.epsilon)
            if not weights.has_encoder:
                self.prompt[number] = made.view(2, batch, weights.heads, longest, weights.dim)
        for number, layer in enumerate(weights.layers if weights.has_encoder else ()):
            made = keys_and_values(x, memory_layer(layer), torch.ones_like(turns), mask, weights.epsilon)
            self.prompt[number] = made.view(2, batch, weights.heads, longest, weights.dim)

    def _prefill(self, prompts: Tensor) -> None:
        """The same in torch, for any network; of the last layer nothing but keys and values is needed."""
        weights, (batch, longest) = self.weights, prompts.shape
        kv_heads, width = weights.heads // weights.groups, weights.heads * weights.dim
        hidden = weights.embeddings[prompts.flatten()]
        normed = weights.normal(hidden)
        turns = weights.turns[:longest].repeat(batch, 1)
        for number, layer in enumerate(weights.prompt_layers):
            qkv = weights.rotated(matmul(normed, layer.qkv, hidden), layer.qk_norm, turns)
            queries, both = qkv[:, :width], qkv[:, width:]
            made = both.view(batch, longest, 2, kv_heads, weights.dim).permute(2, 0, 3, 1, 4).to(self.prompt)
            if not weights.has_encoder:
                self.prompt[number] = made
            if weights.has_encoder or number + 1 < len(weights.prompt_layers):
                attended = F.scaled_dot_product_attention(
                    queries.to(self.prompt).view(batch, longest, weights.heads, weights.dim).transpose(1, 2),
                    made[0],
                    made[1],
                    attn_mask=None
                    if self.mask is None or not weights.has_encoder
                    else self.mask[:, None, None],
                    is_causal=not weights.has_encoder,
                    scale=1.0,
                    enable_gqa=weights.groups > 1,
                )
                attended = attended.transpose(1, 2).reshape(batch * longest, -1)
                normed = weights.finish_layer(hidden, attended, layer)
        for number, layer in enumerate(weights.layers if weights.has_encoder else ()):
            qkv = matmul(normed, memory_layer(layer).qkv, hidden)
            both = weights.rotated(qkv, layer.qk_norm, torch.ones_like(turns))[:, width:]
            made = both.view(batch, longest, 2, kv_heads, weights.dim)
            self.prompt[number] = made.permute(2, 0, 3, 1, 4)

    def step(self, tokens: Tensor) -> Tensor:
        """Read one token a row, (rows,), and give the logits of the next: (rows, allowed and some more).

        What lies beyond the allowed ones is -inf and fills up the last `BLOCK`.  The caller may spoil the
        result; the next step overwrites it.
        """
        weights, rows = self.weights, len(tokens)
        hidden = weights.embeddings[tokens]
        normed = weights.normal(hidden)
        for number, layer in enumerate(weights.layers):
            attended = self._attend(matmul(normed, layer.qkv, hidden), layer.qk_norm, number)
            normed = weights.finish_layer(hidden, attended, layer)
        self.steps_done += 1
        torch.mm(normed.to(self.logits), weights.head.T, out=self.logits[:rows, : len(weights.head)])
        self.logits[:rows, len(weights.head) :] = -torch.inf
        return self.logits[:rows]

    def _attend(self, qkv: Tensor, qk_norm: Tensor | None, number: int) -> Tensor:
        """(rows, heads * dim) what the queries get from the prompts and their own past.

        qkv: (rows, (heads + 2 key heads) * dim); its keys and values join the past. qk_norm: (2, dim).
        number: of the layer.
        """
        weights, rows, width = self.weights, len(qkv), self.weights.heads * self.weights.dim
        if self.by_loop:
            out = qkv.new_empty(rows, width)
            gains = qkv.new_empty(0, weights.dim) if qk_norm is None else qk_norm
            attend_to_cache(
                qkv.numpy(),
                gains.numpy(),
                weights.epsilon,
                weights.turns.numpy(),
                self.lengths.numpy(),
                self.places.numpy(),
                *self.arrays[number],
                self.beams,
                self.steps_done,
                out.numpy(),
            )
            return out
        places = (self.places + self.steps_done).clamp_(max=len(weights.turns) - 1)  # finished rows
        qkv = weights.rotated(qkv, qk_norm, weights.turns[places])
        queries, both = qkv[:, :width], qkv[:, width:]
        self.generated[number, ..., self.steps_done, :] = both.view(rows, 2, -1, weights.dim).transpose(0, 1)
        return self._attend_in_blocks(queries.contiguous(), number)

    def _attend_in_blocks(self, queries: Tensor, number: int) -> Tensor:
        """The same by products over all rows at once, of queries that are rotated and keys that are known."""
        weights, rows, batch = self.weights, len(queries), self.sentences
        kv_heads = weights.heads // weights.groups
        keys, values = self.prompt[number]  # (batch, key heads, longest, dim)
        own_keys, own_values = self.generated[number, ..., : self.steps_done + 1, :]
        longest = keys.shape[2]
        by_row = queries.view(rows * kv_heads, weights.groups, weights.dim)
        own_scores = torch.bmm(by_row, own_keys.flatten(0, 1).transpose(1, 2))
        if not longest:
            return torch.bmm(own_scores.softmax(-1), own_values.flatten(0, 1)).view(rows, -1)
        # Beams of one sentence are queries of one product with their common prompt.
        beams = queries.view(batch, self.beams, kv_heads, -1, weights.dim).transpose(1, 2)
        shared = beams.reshape(batch * kv_heads, -1, weights.dim)
        prompt_scores = torch.bmm(shared, keys.flatten(0, 1).transpose(1, 2)).view(
            batch, kv_heads, -1, longest
        )
        if self.mask is not None:
            prompt_scores += self.mask[:, None, None]
        prompt_scores = prompt_scores.view(batch, kv_heads, self.beams, -1, longest).transpose(1, 2)
        shares = torch.cat([prompt_scores.reshape(rows * kv_heads, -1, longest), own_scores], -1).softmax(-1)
        own = torch.bmm(shares[..., longest:], own_values.flatten(0, 1))
        theirs = shares[..., :longest].view(batch, self.beams, kv_heads, -1, longest).transpose(1, 2)
        read = torch.bmm(theirs.reshape(batch * kv_heads, -1, longest), values.flatten(0, 1))
        back = read.view(batch, kv_heads, self.beams, -1, weights.dim).transpose(1, 2)
        return own.view(batch, self.beams, kv_heads, -1, weights.dim).add_(back).view(rows, -1)

    def argmax_nll(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """(rows,) the first place of the largest of each row of ``logits``, and its -log softmax in nats."""
        if logits.device.type == "cpu" and logits.dtype in (torch.float32, torch.bfloat16):
            chosen, nll = torch.empty(len(logits), dtype=torch.int64), torch.empty(len(logits))
            argmax_nll(as_array(logits), as_array(chosen), as_array(nll))
            return chosen, nll
        logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
        blocks = logits.view(len(logits), -1, BLOCK)
        best, block = blocks.amax(-1).max(-1)
        inside = blocks[torch.arange(len(blocks), device=blocks.device), block].argmax(-1)
        return block * BLOCK + inside, (logits - best[:, None]).exp_().sum(-1).log()

    def reorder(self, parents: Tensor) -> None:
        """Row i goes on from what row ``parents[i]`` (rows,), of the same sentence, has written."""
        changed = (parents != torch.arange(len(parents), device=parents.device)).nonzero()[:, 0]
        if len(changed):
            past = self.generated[..., : self.steps_done, :]
            past[:, :, changed] = past[:, :, parents[changed]]

    def compact(self, staying: Tensor) -> Tensor:
        """Let sentences go; ``staying`` (sentences,) says which remain.  The last ones move into the gaps.

        Returns (remaining,) the former places of those that now are the batch, in their new order.
        """
        count = int(staying.sum())
        gaps = (~staying[:count]).nonzero()[:, 0]
        order = torch.arange(count, device=staying.device)
        order[gaps] = movers = staying[count:].nonzero()[:, 0] + count
        self.prompt[:, :, gaps] = self.prompt[:, :, movers]
        layers, two, rows = self.generated.shape[:3]
        by_sentence = self.generated.view(
            layers, two, rows // self.beams, self.beams, *self.generated.shape[3:]
        )
        past = by_sentence[..., : self.steps_done, :]
        past[:, :, gaps] = past[:, :, movers]
        self.prompt, self.generated = self.prompt[:, :, :count], self.generated[:, :, : count * self.beams]
        self.lengths = self.lengths.view(-1, self.beams)[order].flatten()
        self.places = self.places.view(-1, self.beams)[order].flatten()
        self.mask = None if self.mask is None else self.mask[order]
        return order
