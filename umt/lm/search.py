"""Choosing the next token: `Greedy`, `Sampling` or `Beam`, over a batch of sentences.

Tokens are numbered by their place among the allowed ones here.  Rows of logits are searched in blocks: first
the best block, then the best token in it, which spares most of a pass that no processor does fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from umt.lm.decoding_cache import DecodingCache
from umt.lm.kernels import BLOCK
from umt.runtime.validate import require

COMPACT_SHARE = 8
"""Finished rows leave the batch when one in so many is finished."""
GPU_SYNC_STEPS = 6
"""Steps between checks for finished sentences on a GPU: each check synchronises with the device."""


class SearchTask(NamedTuple):
    """Decoding of a batch of sentences.

    tag: the first token read; allowed: (allowed,) tokens that may be written; end: the place of </s> among
    them. max_lengths: (batch,) tokens to write at most; draws: (batch, longest cap or more) uniform in [0,
    1), to sample.
    """

    tag: int
    allowed: Tensor
    end: int
    max_lengths: Tensor
    draws: Tensor | None = None


class Hypotheses(NamedTuple):
    """The hypotheses of each sentence, best first.

    ids: (batch, hypotheses, longest cap), places among the allowed.
    lengths, nats, ended: (batch, hypotheses); of what stands before the end; -log p, infinite where there is
    no hypothesis; false where the cap cut it off.
    """

    ids: Tensor
    lengths: Tensor
    nats: Tensor
    ended: Tensor


@dataclass(frozen=True)
class Greedy:
    """The likeliest token each time."""

    rows = 1
    random = False

    def search(self, cache: DecodingCache, task: SearchTask) -> Hypotheses:
        """One hypothesis a sentence."""

        def pick(logits: Tensor, sentences: Tensor, step: int) -> tuple[Tensor, Tensor]:
            return cache.argmax_nll(logits)

        return _step_by_step(cache, task, pick)


@dataclass(frozen=True)
class Sampling:
    """A token drawn from the model's distribution: the first whose cumulative probability exceeds the draw.

    temperature: below 1 sharpens.
    top_k: only the likeliest so many; 0: all.
    top_p: of these only the fewest that together hold this much of the probability; 1: all.
    With top_k or top_p the tokens are cumulated by falling probability, else in their own order.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    rows = 1
    random = True

    def __post_init__(self) -> None:
        require(
            self, positive="temperature", at_least_zero="top_k", within={"top_p": "(0, 1]"}
        )  # greedy search is its limit at 0

    def search(self, cache: DecodingCache, task: SearchTask) -> Hypotheses:
        """One hypothesis a sentence."""
        draws = task.draws
        if draws is None:
            raise ValueError("sampling needs draws")

        def pick(logits: Tensor, sentences: Tensor, step: int) -> tuple[Tensor, Tensor]:
            logits = _exact(logits)
            weights = logits.sub_(logits.amax(-1, keepdim=True)).exp_()
            chosen = self._draw(weights, draws[sentences, step].double())
            return chosen, (weights.sum(-1) / weights.gather(1, chosen[:, None])[:, 0]).log()

        return _step_by_step(cache, task, pick)

    def _draw(self, weights: Tensor, draws: Tensor) -> Tensor:
        """(rows,) tokens by (rows, allowed) unnormalised probabilities of temperature 1."""
        if self.temperature != 1:
            weights = weights.pow(1 / self.temperature)
        if self.top_k == 0 and self.top_p == 1:
            return _drawn(weights, draws)
        values, tokens = weights.topk(min(self.top_k or weights.shape[1], weights.shape[1]))
        sums = values.double().cumsum(-1)
        limit = self.top_p * sums[:, -1:]
        values = values.masked_fill(sums - values >= limit, 0)  # the likeliest always stays
        place = _first_beyond(values.double(), draws)
        return tokens.gather(1, place[:, None])[:, 0]


def _step_by_step(
    cache: DecodingCache, task: SearchTask, pick: Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]
) -> Hypotheses:
    """One hypothesis a sentence: ``pick`` gives tokens and their nats from logits, sentences and the step."""
    caps, device = task.max_lengths, task.max_lengths.device
    batch, longest = len(caps), int(caps.max())
    ids = torch.full((batch, longest), task.end, device=device)
    nats = torch.zeros(batch, dtype=torch.float64, device=device)
    ended = torch.zeros(batch, dtype=torch.bool, device=device)
    active = torch.arange(batch, device=device)
    writing = torch.ones_like(ended)
    tokens = torch.full((batch,), task.tag, device=device)
    often = GPU_SYNC_STEPS if device.type == "cuda" else 1
    for step in range(longest):
        chosen, cost = pick(cache.step(tokens), active, step)
        ids[active, step] = chosen.where(writing, task.end)
        nats[active] += cost.where(writing, 0)
        finished = chosen == task.end
        ended[active] |= finished & writing
        writing &= ~finished & (step + 1 < caps)
        tokens = task.allowed[chosen]
        if step % often:
            continue
        going = int(writing.sum())
        if not going:
            break
        if (len(active) - going) * COMPACT_SHARE >= len(active):
            order = cache.compact(writing)
            active, caps, tokens, writing = active[order], caps[order], tokens[order], writing[order]
    return _written(ids[:, None], nats[:, None], ended[:, None], task.end)


def _written(ids: Tensor, nats: Tensor, ended: Tensor, end: int) -> Hypotheses:
    lengths = (ids != end).long().cumprod(-1).sum(-1)
    return Hypotheses(ids.cpu(), lengths.cpu(), nats.cpu(), ended.cpu())


def _exact(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


def _drawn(weights: Tensor, draws: Tensor) -> Tensor:
    """(rows,) the first places where the cumulated ``weights`` exceed ``draws`` of their sum."""
    blocks = weights.view(len(weights), -1, BLOCK)
    sums = blocks.sum(-1).double()
    ends = sums.cumsum(-1)
    target = draws * ends[:, -1]
    block = (ends <= target[:, None]).sum(-1).clamp_(max=sums.shape[1] - 1)[:, None]
    share = (target - (ends - sums).gather(1, block)[:, 0]) / sums.gather(1, block)[:, 0]
    inside = blocks[torch.arange(len(blocks), device=blocks.device), block[:, 0]].double()
    return block[:, 0] * BLOCK + _first_beyond(inside, share.clamp_(0, 1 - 2**-40))


def _first_beyond(weights: Tensor, shares: Tensor) -> Tensor:
    """(rows,) the first places where the cumulated ``weights`` exceed ``shares`` < 1 of their sum."""
    sums = weights.cumsum(-1)
    return (sums <= shares[:, None] * sums[:, -1:]).sum(-1).clamp_(max=weights.shape[1] - 1)
