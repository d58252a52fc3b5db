"""Hidden states of a Llama, a Qwen 3 or a Gemma 3 on a processor, with few passes over memory.

On a CPU half of a training step of a small network goes into reading and writing: a norm of six operations,
a rotation of eight, attention in blocks too small. Here each half of a layer is one function with a backward
pass of its own: norms fold into the matrices that follow, what lies between two products is one pass
(`umt.kernels.cpu_loops`), and softmax and products run over all heads at once.  The numbers are those of
``transformers`` up to rounding (tested), or up to that of bf16 where the products by the weights are asked
for in it, as on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule

from umt.kernels.cpu_autograd import attended, fed, only_normed
from umt.kernels.layer_weights import Network, Parts, activation, anatomy, gain, parts, rotation

_LONGEST = 256
"""Beyond this length, attention that skips the future costs less than one that computes and hides it."""


def serves(network: nn.Module, ids: Tensor) -> bool:
    """Whether this module can stand in for the forward pass of ``network`` on ``ids`` (batch, length)."""
    inner = anatomy(network)
    return inner is not None and ids.device.type == "cpu" and ids.shape[1] <= _LONGEST and plain(inner)


def plain(inner: Network) -> bool:
    """Whether ``inner`` is one in fp32 whose heads have keys of their own, without dropout, in one piece, and
    which nobody asked to have compiled.
    """
    config: Any = inner.config
    return (
        inner._compiled_call_impl is None
        and not isinstance(inner.layers[0], FSDPModule)
        and config.num_attention_heads == config.num_key_value_heads
        and config.hidden_size == config.num_attention_heads * config.head_dim
        and not config.attention_dropout
        and inner.embed_tokens.weight.dtype == torch.float32
    )


class Given(NamedTuple):
    """What one network has read for another to go on from.

    kept: a layer each, (2, batch * heads, longest, head), keys and values. seen: (batch, longest), false
    where a row has ended.
    """

    kept: list[Tensor]
    seen: Tensor


def hidden_states(
    network: Network,
    ids: Tensor,
    bidirectional: bool = False,
    products: torch.dtype = torch.float32,
    given: Given | None = None,
) -> Tensor:
    """The last hidden states of ``ids`` (batch, length), all of which are text: (batch, length, width).

    products: the precision of what is multiplied by weights and, without ``given``, in attention; everything
    else is fp32. given: what stands before each row, read by another network.
    """
    batch, length = ids.shape
    # attention over sentences has new shapes at every step, for each of which bf16 has to compile
    mask = torch.zeros(length, length, dtype=products if given is None else torch.float32)
    if not bidirectional:
        mask.fill_(-torch.inf).triu_(1)
    before = torch.zeros(1, dtype=torch.long)
    if given is not None:
        before = given.seen.sum(1)
        hidden = torch.zeros(given.seen.shape).masked_fill_(~given.seen, -torch.inf)
        mask = torch.cat(
            [hidden[:, None].expand(-1, length, -1), mask.expand(batch, length, length)], -1
        ).repeat_interleave(_heads(network), 0)  # (batch * heads, length, all before and here)
    turns, epsilon = _turns(network, before, length), network.config.rms_norm_eps
    x = network.embed_tokens(ids).view(batch * length, -1)
    for number, layer in enumerate(_layers(network, products)):
        past = None if given is None else given.kept[number]
        x, _ = through(x, layer, past, turns, mask, activation(network), epsilon)
    x = only_normed(x, epsilon) * gain(network.norm)
    return x.view(batch, length, -1)


def read(network: Network, ids: Tensor, lengths: Tensor, products: torch.dtype = torch.float32) -> Given:
    """Read ``ids`` (batch, longest), of which the first ``lengths`` (batch,) of each row are text, from both
    sides.
    """
    batch, longest = ids.shape
    seen = torch.arange(longest) < lengths[:, None]
    mask = torch.zeros(seen.shape).masked_fill_(~seen, -torch.inf)
    mask = mask.repeat_interleave(_heads(network), 0)[:, None]
    turns, epsilon = _turns(network, torch.zeros(1, dtype=torch.long), longest), network.config.rms_norm_eps
    x = network.embed_tokens(ids).view(batch * longest, -1)
    kept: list[Tensor] = []
    for layer in _layers(network, products):
        if len(kept) + 1 == len(network.layers):  # nobody asks for the hidden states after the last one
            told = keys_and_values(x, layer, turns, mask, epsilon)
        else:
            x, told = through(x, layer, None, turns, mask, activation(network), epsilon)
        kept.append(told)
    return Given(kept, seen)


def through(
    x: Tensor, layer: Parts, past: Tensor | None, turns: Tensor, mask: Tensor, gate: str, epsilon: float
) -> tuple[Tensor, Tensor]:
    """``x`` after one layer, and the keys and values that it made."""
    x, kept = attended(
        x, layer.joint, layer.turned, layer.output, layer.after_attention, past, turns, mask, epsilon
    )
    return fed(x, layer.gate_up, layer.down, layer.after_feeding, gate, epsilon), kept


def keys_and_values(x: Tensor, layer: Parts, turns: Tensor, mask: Tensor, epsilon: float) -> Tensor:
    """What one layer would make of ``x``, (2, batch * heads, length, head), and nothing else."""
    return attended(x, layer.joint, layer.turned, None, None, None, turns, mask, epsilon)[1]


def _heads(network: Network) -> int:
    return int(network.config.num_attention_heads)


def _layers(network: Network, products: torch.dtype) -> Iterator[Parts]:
    for layer in network.layers:
        yield parts(layer, cast(int, network.config.head_dim), products, torch.float32)


def _turns(network: Network, before: Tensor, length: int) -> Tensor:
    """(rows or 1, length, 1, half of a head) unit complex numbers of the places after ``before`` (rows,)."""
    places = before[:, None] + torch.arange(length)
    cosine, sine = rotation(network, places.flatten(), torch.empty(0))
    return torch.complex(cosine, sine).view(*places.shape, 1, -1)
