"""Hidden states as ``transformers`` computes them, of any network and of one that goes on from an encoder."""

from __future__ import annotations

import inspect
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache, EncoderDecoderCache

from umt.lm.t5gemma2 import T5Gemma2Decoder


def hidden_states(inner: nn.Module, ids: Tensor, mask: Tensor | None, bidirectional: bool) -> Tensor:
    """(batch, length, width) last hidden states of ``ids`` (batch, length).

    inner: a network of ``transformers`` without its head. mask: (batch, length), true where a position may be
    attended to. bidirectional: every position sees every other, instead of those before it.
    """
    masks: dict[str, Any] = {}
    if isinstance(inner, T5Gemma2Decoder):  # nothing is to be read, and one masked state stands for that
        visible = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
        own = visible[:, None, None].expand(-1, 1, ids.shape[1], -1)
        own = own if bidirectional else own.tril()
        states = torch.zeros(len(ids), 1, inner.config.hidden_size, device=ids.device)
        return merged_states(inner, ids, own, states, states[..., 0] > 0)
    if bidirectional:
        visible = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
        masks["attention_mask"] = visible[:, None, None, :].expand(-1, 1, ids.shape[1], -1)
    elif mask is not None:
        masks["attention_mask"] = mask.long()
        masks["position_ids"] = (mask.long().cumsum(1) - 1).clamp(min=0)
    return cast(Tensor, inner(input_ids=ids, use_cache=False, **masks).last_hidden_state)


def hidden_states_after(
    encoder: nn.Module, decoder: T5Gemma2Decoder, sources: Tensor, lengths: Tensor, ids: Tensor
) -> Tensor:
    """(batch, length, width) states of ``ids`` (batch, length) in ``decoder``, given what an encoder read.

    sources: (batch, longest), of which ``encoder`` reads the first ``lengths`` (batch,) from both sides.
    """
    length, visible = ids.shape[1], torch.arange(sources.shape[1], device=ids.device) < lengths[:, None]
    states = encoder(input_ids=sources, attention_mask=visible).last_hidden_state
    own = torch.ones(len(ids), 1, length, length, dtype=torch.bool, device=ids.device).tril()
    return merged_states(decoder, ids, own, states, visible)


def merged_states(
    inner: T5Gemma2Decoder,
    ids: Tensor,
    mask: Tensor,
    states: Tensor,
    visible: Tensor,
    past: EncoderDecoderCache | None = None,
) -> Tensor:
    """(batch, length, width) states of ``ids`` (batch, length), whose keys and values join ``past``.

    mask: (batch, 1, length, all own keys). states: (batch, longest, width) of an encoder; visible: (batch,
    longest) which of them may be attended to.
    """
    others = visible[:, None, None].expand(-1, 1, ids.shape[1], -1)
    output = inner(
        input_ids=ids,
        attention_mask=dict.fromkeys(("full_attention", "sliding_attention"), mask),
        encoder_hidden_states=states,
        encoder_attention_mask={"full_attention": others},
        cache=past,
        use_cache=past is not None,
    )
    return cast(Tensor, output.last_hidden_state)


def read(inner: nn.Module, ids: Tensor, mask: Tensor, places: Tensor, past: DynamicCache) -> Tensor:
    """(batch, length, width) states of ``ids`` (batch, length), whose keys and values join ``past``.

    mask: (batch, all keys), false where nothing is to be attended to. places: (batch, length) positions.
    """
    name = "cache" if "cache" in inspect.signature(inner.forward).parameters else "past_key_values"
    caches: dict[str, Any] = {name: past, "use_cache": True}  # ``transformers`` has had two names for it
    output = inner(input_ids=ids, attention_mask=mask, position_ids=places, **caches)
    return cast(Tensor, output.last_hidden_state)
