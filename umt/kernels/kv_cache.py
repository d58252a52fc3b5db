"""A network one position at a time, with a cache of keys and values."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from umt.kernels.cpu_forward import keys_and_values, through
from umt.kernels.cpu_loops import bits
from umt.kernels.decoding_loops import attend
from umt.kernels.decoding_weights import Weights, product

BLOCK = 64
"""Rows of logits are a multiple of this long, so that they can be searched in blocks."""


class Cache:
    """Keys and values of a batch of prompts, and of what each of its beams has written since.

    The two are kept apart: beams share their prompt, all rows write the same column, and only prompts need
    a mask.

    prompts: (batch, longest), padded on the right; lengths: (batch,); each sentence has ``beams`` rows, and
    writes at most ``steps`` tokens.
    by_loop: attend in `umt.kernels.decoding_loops`, else by products over all rows.
    """

    def __init__(self, weights: Weights, prompts: Tensor, lengths: Tensor, beams: int, steps: int) -> None:
        self.weights, self.beams, self.written = weights, beams, 0
        self.by_loop = weights.exact
        batch, longest = prompts.shape
        kept = weights.heads // weights.groups
        shape = (len(weights.layers), 2, batch, kept, longest, weights.dim)
        self.prompt = weights.head.new_empty(shape)  # in the precision of products, as in training
        self.own = weights.head.new_empty((*shape[:2], batch * beams, kept, steps, weights.dim))
        # all of it for as long as there is a row: a compiled loop over a part takes one number at a time
        both = zip(self.prompt, self.own, strict=True) if self.by_loop else ()
        self.known = [(bits(prompt), bits(own)) for prompt, own in both]
        self.logits = weights.head.new_empty(batch * beams, -(-len(weights.head) // BLOCK) * BLOCK)
        self.places = lengths.repeat_interleave(beams)
        self.mask: Tensor | None = None
        if int(lengths.min()) < longest:
            beyond = torch.arange(longest, device=prompts.device) >= lengths[:, None]
            self.mask = torch.zeros(beyond.shape, dtype=self.prompt.dtype, device=prompts.device)
            self.mask.masked_fill_(beyond, -torch.inf)
        if weights.whole:
            self._read_by_halves(prompts)
        else:
            self._read(prompts)

    @property
    def sentences(self) -> int:
        """How many are still being written."""
        return self.prompt.shape[2]

    def _read_by_halves(self, prompts: Tensor) -> None:
        """Fill the cache of the prompts, as training reads them."""
        weights, (batch, longest) = self.weights, prompts.shape
        turns = weights.turns[:longest].view(1, longest, 1, -1)
        mask = torch.zeros(longest, longest, dtype=self.prompt.dtype)
        if weights.reading is weights.layers:
            mask.fill_(-torch.inf).triu_(1)
        elif self.mask is not None:
            mask = self.mask.repeat_interleave(weights.heads, 0)[:, None]
        x = weights.embeddings[prompts.flatten()]
        for number, layer in enumerate(weights.reading):
            if number + 1 < len(weights.reading):
                x, told = through(x, layer, None, turns, mask, weights.gate, weights.epsilon)
            else:
                told = keys_and_values(x, layer, turns, mask, weights.epsilon)
            self.prompt[number] = told.view(2, batch, weights.heads, longest, weights.dim)

    def _read(self, prompts: Tensor) -> None:
        """The same in torch, for any network; of the last layer nothing but keys and values is needed."""
        weights, (batch, longest) = self.weights, prompts.shape
        kept = weights.heads // weights.groups
        hidden = weights.embeddings[prompts.flatten()]
        normed = weights.normal(hidden)
        turns = weights.turns[:longest].repeat(batch, 1)
        both_ways = weights.reading is not weights.layers
        for number, layer in enumerate(weights.reading):
            joint = weights.turn(product(normed, layer.joint, hidden), layer.turned, turns)
            queries, both = joint[:, : weights.heads * weights.dim], joint[:, weights.heads * weights.dim :]
            self.prompt[number] = both.view(batch, longest, 2, kept, weights.dim).permute(2, 0, 3, 1, 4)
            if number + 1 < len(weights.reading):
                seen = F.scaled_dot_product_attention(
                    queries.to(self.prompt).view(batch, longest, weights.heads, weights.dim).transpose(1, 2),
                    self.prompt[number, 0],
                    self.prompt[number, 1],
                    attn_mask=None if self.mask is None or not both_ways else self.mask[:, None, None],
                    is_causal=not both_ways,
                    scale=1.0,
                    enable_gqa=weights.groups > 1,
                )
                found = seen.transpose(1, 2).reshape(batch * longest, -1)
                normed = weights.onwards(hidden, found, layer)

    def step(self, tokens: Tensor) -> Tensor:
        """Read one token a row, (rows,), and give the logits of the next: (rows, allowed and some more).

        What lies beyond the allowed ones is -inf and fills up the last `BLOCK`.  The caller may spoil the
        result; the next step overwrites it.
        """
        weights, rows = self.weights, len(tokens)
        hidden = weights.embeddings[tokens]
        normed = weights.normal(hidden)
        for number, layer in enumerate(weights.layers):
            found = self._attend(product(normed, layer.joint, hidden), layer.turned, number)
            normed = weights.onwards(hidden, found, layer)
        self.written += 1
        torch.mm(normed.to(self.logits), weights.head.T, out=self.logits[:rows, : len(weights.head)])
        self.logits[:rows, len(weights.head) :] = -torch.inf
        return self.logits[:rows]

    def _attend(self, joint: Tensor, turned: Tensor | None, number: int) -> Tensor:
        """What the queries in ``joint`` find in the prompts and their own past: (rows, heads * dim).

        The keys and values in it join the past.
        """
        weights, rows = self.weights, len(joint)
        if self.by_loop:
            found = joint.new_empty(rows, weights.heads * weights.dim)
            gains = joint.new_empty(0, weights.dim) if turned is None else turned
            attend(
                joint.numpy(),
                gains.numpy(),
                weights.epsilon,
                weights.turns.numpy(),
                self.places.numpy(),
                *self.known[number],
                self.beams,
                self.written,
                found.numpy(),
            )
            return found
        places = (self.places + self.written).clamp_(max=len(weights.turns) - 1)  # finished rows
        joint = weights.turn(joint, turned, weights.turns[places])
        queries, both = joint[:, : weights.heads * weights.dim], joint[:, weights.heads * weights.dim :]
        self.own[number, ..., self.written, :] = both.view(rows, 2, -1, weights.dim).transpose(0, 1)
        return self._attend_in_blocks(queries.contiguous(), number)

    def _attend_in_blocks(self, queries: Tensor, number: int) -> Tensor:
        """The same by products over all rows at once, of queries that are rotated and keys that are known."""
        weights, rows, batch = self.weights, len(queries), self.sentences
        kept = weights.heads // weights.groups
        (keys, values), (own_keys, own_values) = (
            self.prompt[number],
            self.own[number, ..., : self.written + 1, :],
        )
        longest = keys.shape[2]
        alone = queries.view(rows * kept, weights.groups, weights.dim)
        # Beams of one sentence are queries of one product with their common prompt.
        beams = queries.view(batch, self.beams, kept, -1, weights.dim).transpose(1, 2)
        shared = beams.reshape(batch * kept, -1, weights.dim)
        there = torch.bmm(shared, keys.flatten(0, 1).transpose(1, 2)).view(batch, kept, -1, longest)
        if self.mask is not None:
            there += self.mask[:, None, None]
        there = there.view(batch, kept, self.beams, -1, longest).transpose(1, 2)
        here = torch.bmm(alone, own_keys.flatten(0, 1).transpose(1, 2))
        shares = torch.cat([there.reshape(rows * kept, -1, longest), here], -1).softmax(-1)
        found = torch.bmm(shares[..., longest:], own_values.flatten(0, 1))
        theirs = shares[..., :longest].view(batch, self.beams, kept, -1, longest).transpose(1, 2)
        read = torch.bmm(theirs.reshape(batch * kept, -1, longest), values.flatten(0, 1))
        back = read.view(batch, kept, self.beams, -1, weights.dim).transpose(1, 2)
        return found.view(batch, self.beams, kept, -1, weights.dim).add_(back).view(rows, -1)

    def follow(self, parents: Tensor) -> None:
        """Row i goes on from what row ``parents[i]`` (rows,), of the same sentence, has written."""
        changed = (parents != torch.arange(len(parents), device=parents.device)).nonzero()[:, 0]
        if len(changed):
            past = self.own[..., : self.written, :]
            past[:, :, changed] = past[:, :, parents[changed]]

    def keep(self, kept: Tensor) -> Tensor:
        """Let sentences go; ``kept`` (sentences,) says which stay.  The last ones move into the gaps.

        Returns (staying,) the former places of those that now are the batch, in their new order.
        """
        staying = int(kept.sum())
        gaps = (~kept[:staying]).nonzero()[:, 0]
        order = torch.arange(staying, device=kept.device)
        order[gaps] = movers = kept[staying:].nonzero()[:, 0] + staying
        self.prompt[:, :, gaps] = self.prompt[:, :, movers]
        layers, two, rows = self.own.shape[:3]
        own = self.own.view(layers, two, rows // self.beams, self.beams, *self.own.shape[3:])
        past = own[..., : self.written, :]
        past[:, :, gaps] = past[:, :, movers]
        self.prompt, self.own = self.prompt[:, :, :staying], self.own[:, :, : staying * self.beams]
        self.places = self.places.view(-1, self.beams)[order].flatten()
        self.mask = None if self.mask is None else self.mask[order]
        return order
