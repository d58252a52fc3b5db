"""Hidden states of a Llama, a Qwen 3, a Gemma 3 or a T5 Gemma 2 on a processor, with few passes over memory.

On a CPU half of a training step of a small network goes into reading and writing: a norm of six operations,
a rotation of eight, attention in blocks too small. Here each half of a layer is one function with a backward
pass of its own: norms fold into the matrices that follow, what lies between two products is one pass
(`umt.lm.kernels.cpu_loops`), and softmax and products run over all heads at once.  The numbers are those of
``transformers`` up to rounding (tested), or up to that of bf16 where the products by the weights are asked
for in it, as on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule

from umt.lm.kernels.cpu_autograd import attention_block, mlp_block, rms_norm
from umt.lm.kernels.layer_weights import LayerWeights, Network, activation, layer_weights, rms_gain, rope

MAX_LENGTH = 256
"""Beyond this length, attention that skips the future costs less than one that computes and hides it."""


def is_standard(inner: Network) -> bool:
    """Whether every head of ``inner`` has keys of its own, heads fill the width, and there is no dropout."""
    config: Any = inner.config
    return bool(
        config.num_attention_heads == config.num_key_value_heads
        and config.hidden_size == config.num_attention_heads * config.head_dim
        and not config.attention_dropout
    )


def is_plain_fp32(inner: Network) -> bool:
    """Whether ``inner`` has weights in fp32 that are in one piece, and nobody has asked to compile it."""
    return (
        inner._compiled_call_impl is None
        and not isinstance(inner.layers[0], FSDPModule)
        and inner.embed_tokens.weight.dtype == torch.float32
    )


class EncoderMemory(NamedTuple):
    """What a decoder attends to beside its own past: keys and values that it makes of an encoder's states.

    cache: a layer each, (2, batch * heads, longest, dim), keys and values. visible: (batch, longest), false
    where a row has ended.
    """

    cache: list[Tensor]
    visible: Tensor


def hidden_states(
    network: Network,
    ids: Tensor,
    bidirectional: bool = False,
    dtype: torch.dtype = torch.float32,
    memory: EncoderMemory | None = None,
) -> Tensor:
    """(batch, length, width), fp32: the last hidden states of ``ids`` (batch, length), all of which are text.

    dtype: the precision of what is multiplied by weights and, without ``memory``, in attention; everything
    else is fp32. memory: what stands before each row, read by another network.
    """
    batch, length = ids.shape
    # attention over sentences has new shapes at every step, for each of which bf16 has to compile
    mask = torch.zeros(length, length, dtype=dtype if memory is None else torch.float32)
    if not bidirectional:
        mask.fill_(-torch.inf).triu_(1)
    if memory is not None:
        hidden = torch.zeros(memory.visible.shape).masked_fill_(~memory.visible, -torch.inf)
        mask = torch.cat(
            [hidden[:, None].expand(-1, length, -1), mask.expand(batch, length, length)], -1
        ).repeat_interleave(_heads(network), 0)  # (batch * heads, length, all before and here)
    turns, epsilon = _turns(network, length), network.config.rms_norm_eps
    x = network.embed_tokens(ids).view(batch * length, -1)
    for number, layer in enumerate(_layers(network, dtype)):
        past = None if memory is None else memory.cache[number]
        x, _ = layer_forward(x, layer, past, turns, mask, activation(network), epsilon)
    x = rms_norm(x, epsilon) * rms_gain(network.norm)
    return x.view(batch, length, -1)


def encode(
    encoder: Network, decoder: Network, ids: Tensor, lengths: Tensor, dtype: torch.dtype = torch.float32
) -> EncoderMemory:
    """Read ``ids`` (batch, longest) from both sides; of each row the first ``lengths`` (batch,) are text.

    decoder: what makes keys and values of the encoder's last states. dtype: as in `hidden_states`; attention
    is in fp32.
    """
    batch, longest = ids.shape
    visible = torch.arange(longest) < lengths[:, None]
    mask = torch.zeros(visible.shape).masked_fill_(~visible, -torch.inf)
    mask = mask.repeat_interleave(_heads(encoder), 0)[:, None]
    turns, epsilon = _turns(encoder, longest), encoder.config.rms_norm_eps
    x = encoder.embed_tokens(ids).view(batch * longest, -1)
    for layer in _layers(encoder, dtype):
        x, _ = layer_forward(x, layer, None, turns, mask, activation(encoder), epsilon)
    still = torch.ones_like(turns)
    layers = _layers(decoder, dtype, encoder.norm)
    cache = [keys_and_values(x, memory_layer(layer), still, mask, epsilon) for layer in layers]
    return EncoderMemory(cache, visible)


def layer_forward(
    x: Tensor, layer: LayerWeights, past: Tensor | None, turns: Tensor, mask: Tensor, gate: str,
    epsilon: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``x`` (rows, width) after one layer, and the keys and values that it made.

    past, turns, mask: see `umt.lm.kernels.cpu_autograd.attention_block`. gate: the activation.
    """
    x, made = attention_block(
        x, layer.qkv, layer.qk_norm, layer.output, layer.after_attention, past, turns, mask, epsilon
    )
    return mlp_block(x, layer.gate_up, layer.down, layer.after_mlp, gate, epsilon), made


def keys_and_values(x: Tensor, layer: LayerWeights, turns: Tensor, mask: Tensor, epsilon: float) -> Tensor:
    """What one layer would make of ``x``, (2, batch * heads, length, dim), and nothing else."""
    return attention_block(x, layer.qkv, layer.qk_norm, None, None, None, turns, mask, epsilon)[1]


def memory_layer(layer: LayerWeights) -> LayerWeights:
    """``layer`` as it reads the states of an encoder before their last norm."""
    return layer._replace(qkv=cast(Tensor, layer.memory))


def _heads(network: Network) -> int:
    return int(network.config.num_attention_heads)


def _layers(
    network: Network, dtype: torch.dtype, encoder_norm: nn.Module | None = None
) -> Iterator[LayerWeights]:
    for layer in network.layers:
        dim = cast(int, network.config.head_dim)
        yield layer_weights(layer, dim, dtype, torch.float32, encoder_norm)


def _turns(network: Network, length: int) -> Tensor:
    """(1, length, 1, dim / 2) unit complex numbers of the first places."""
    cosine, sine = rope(network, torch.arange(length), torch.empty(0))
    return torch.complex(cosine, sine).view(1, length, 1, -1)
