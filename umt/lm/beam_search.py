"""Beam search over the distributions of a joint language model."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from umt.lm.decoding_cache import DecodingCache
from umt.lm.search import COMPACT_SHARE, Hypotheses, SearchTask, _exact, _written
from umt.runtime.validate import require


@dataclass(frozen=True)
class Beam:
    """The ``size`` likeliest beginnings side by side; what ended ranks by log p / tokens ** length_penalty.

    A penalty above 0 makes up for the shortness of likely hypotheses, and prefers loops, whose tokens are all
    likely. At 0 hypotheses rank by what the choice by both directions goes on with.

    A hypothesis ends when </s> is among its step's ``size`` best; a sentence is done when it has ``size`` of
    them and its best beginning, at its present length, is no better than the worst of them.
    """

    size: int = 8
    length_penalty: float = 0.0

    random = False

    def __post_init__(self) -> None:
        require(self, positive="size")

    @property
    def rows(self) -> int:
        """Hypotheses that a sentence needs at once."""
        return self.size

    def search(self, cache: DecodingCache, task: SearchTask) -> Hypotheses:
        """``size`` hypotheses a sentence, or fewer where fewer are possible."""
        size, caps, device = self.size, task.max_lengths, task.max_lengths.device
        batch, longest = len(caps), int(caps.max())
        ids = torch.full((batch, size, longest), task.end, device=device)
        ranks = torch.full((batch, size), -torch.inf, dtype=torch.float64, device=device)
        nats, ended = torch.full_like(ranks, torch.inf), torch.zeros_like(ranks, dtype=torch.bool)
        active = torch.arange(batch, device=device)
        writing = torch.ones(batch, dtype=torch.bool, device=device)
        past = ids.clone()
        scores = torch.full_like(ranks, -torch.inf)
        scores[:, 0] = 0
        tokens = torch.full((batch * size,), task.tag, device=device)
        for step in range(longest):
            likely = _exact(cache.step(tokens)).log_softmax(-1).view(len(active), size, -1)
            width = likely.shape[-1]
            # Only the likeliest of a row can be among the likeliest of all rows.
            values, chosen = likely.topk(min(2 * size, width))
            top, flat = (scores[:, :, None] + values).flatten(1).topk(2 * size)
            parent = flat // values.shape[2]
            chosen = chosen.flatten(1).gather(1, flat).clamp(max=len(task.allowed) - 1)  # others are -inf
            longer = past.gather(1, parent[:, :, None].expand(-1, -1, longest))
            longer[:, :, step] = chosen
            ends, last = chosen == task.end, step + 1 >= caps
            over = (ends | last[:, None]) & writing[:, None] & (torch.arange(2 * size, device=device) < size)
            rank = torch.where(over, top / (step + 1) ** self.length_penalty, -torch.inf)
            ranks[active], order = torch.cat([ranks[active], rank], 1).topk(size)
            nats[active] = torch.cat([nats[active], -top], 1).gather(1, order)
            ended[active] = torch.cat([ended[active], ends], 1).gather(1, order)
            wide = order[:, :, None].expand(-1, -1, longest)
            ids[active] = torch.cat([ids[active], longer], 1).gather(1, wide)

            scores, order = top.masked_fill(ends, -torch.inf).topk(size)
            parent, chosen = parent.gather(1, order), chosen.gather(1, order)
            past = longer.gather(1, order[:, :, None].expand(-1, -1, longest))
            cache.reorder((torch.arange(len(active), device=device)[:, None] * size + parent).flatten())
            tokens = task.allowed[chosen.flatten()]
            best = scores[:, 0] / (step + 1) ** self.length_penalty
            writing = writing & ~last & (ranks[active, -1] < best)
            going = int(writing.sum())
            if not going:
                break
            if (len(active) - going) * COMPACT_SHARE >= len(active):
                order = cache.compact(writing)
                active, caps, past, scores = active[order], caps[order], past[order], scores[order]
                tokens, writing = tokens.view(-1, size)[order].flatten(), writing[order]
        return _written(ids, nats.masked_fill(ranks == -torch.inf, torch.inf), ended, task.end)
