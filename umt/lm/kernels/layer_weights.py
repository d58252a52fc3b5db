"""What Llama, Qwen 3 and Gemma 3 have in common: one view of their layers, for training and for decoding.

Each half of a layer is ``x + after(part(norm(x)))``.  Gains of the norms before a product are folded into its
matrix, and the scale of attention into the queries. The two halves of a head that a rotation turns together
become neighbours, in queries and keys alike, which no product notices: a pair is one complex number.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import Gemma3TextModel, LlamaModel, PreTrainedModel, Qwen3Model
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.t5gemma2.modeling_t5gemma2 import (
    T5Gemma2Decoder,
    T5Gemma2Model,
    T5Gemma2RMSNorm,
    T5Gemma2TextEncoder,
)

Network = LlamaModel | Qwen3Model | Gemma3TextModel | T5Gemma2TextEncoder | T5Gemma2Decoder
ACTIVATIONS = ("silu", "gelu_pytorch_tanh")


class LayerWeights(NamedTuple):
    """The weights of one layer; matrices are (out, in).

    qkv: ((heads + 2 key heads) * dim, width), queries, then keys, then values.
    qk_norm: (2, dim), the gains of a norm of each query and each key; None without one.
    output: (width, heads * dim).
    after_attention, after_mlp: (width,), the gains of a norm of what is added; None without one.
    gate_up: (2 hidden, width), gates, then ups. down: (width, hidden).
    memory: as ``qkv``, of the states of an encoder, whose last norm's gains it holds; None without one.
    """

    qkv: Tensor
    qk_norm: Tensor | None
    output: Tensor
    after_attention: Tensor | None
    gate_up: Tensor
    down: Tensor
    after_mlp: Tensor | None
    memory: Tensor | None = None


def supported(network: object) -> Network | None:
    """The inner network, where it is one that `layer_weights` takes apart, else None.

    network: a module of ``transformers``, with or without its head. Every layer must attend to everything
    that came before: no sliding windows, no caps on logits, no biases.
    """
    inner = network.base_model if isinstance(network, PreTrainedModel) else network
    inner = inner.decoder if isinstance(inner, T5Gemma2Model) else inner
    if not isinstance(inner, Network):
        return None
    config: Any = inner.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    biased = getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False)
    caps = ("final_logit_softcapping", "attn_logit_softcapping")
    odd = biased or any(getattr(config, name, None) for name in caps)
    fit = kinds == {"full_attention"} and activation(inner) in ACTIVATIONS and not odd
    return inner if fit else None


def layer_weights(
    layer: nn.Module,
    dim: int,
    dtype: torch.dtype,
    gain_dtype: torch.dtype,
    encoder_norm: nn.Module | None = None,
) -> LayerWeights:
    """The weights of ``layer``, through which gradients flow back into its parameters.

    dim: of a head. dtype: of the matrices; gain_dtype: of the gains.
    encoder_norm: the last of an encoder to whose states the layer attends.
    """
    attention, mlp = cast(Any, layer).self_attn, cast(Any, layer).mlp
    before, after = attention_norms(layer)
    normed, sandwiched = hasattr(attention, "q_norm"), hasattr(layer, "pre_feedforward_layernorm")
    between = cast(Any, layer).pre_feedforward_layernorm if sandwiched else after
    qk_norm = None
    if normed:
        gains = torch.stack([rms_gain(attention.q_norm) * attention.scaling, rms_gain(attention.k_norm)])
        qk_norm = gains.view(2, 2, dim // 2).mT.flatten(1).to(gain_dtype)

    def paired(part: nn.Linear) -> Tensor:
        halves = part.weight.view(-1, 2, dim // 2, part.in_features)
        return halves.transpose(1, 2).reshape(part.weight.shape)

    queries = paired(attention.q_proj) * (1.0 if normed else attention.scaling)
    qkv = torch.cat([queries, paired(attention.k_proj), attention.v_proj.weight])
    gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
    return LayerWeights(
        (qkv * rms_gain(before)).to(dtype),
        qk_norm,
        attention.o_proj.weight.to(dtype),
        rms_gain(after).to(gain_dtype) if sandwiched else None,
        (gate_up * rms_gain(between)).to(dtype),
        mlp.down_proj.weight.to(dtype),
        rms_gain(cast(Any, layer).post_feedforward_layernorm).to(gain_dtype) if sandwiched else None,
        None if encoder_norm is None else (qkv * rms_gain(encoder_norm)).to(dtype),
    )


def attention_norms(layer: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The norm before attention, and the next: of what attention adds, or before the feed-forward part."""
    known: Any = layer
    if hasattr(layer, "pre_self_attn_layernorm"):
        return known.pre_self_attn_layernorm, known.post_self_attn_layernorm
    return known.input_layernorm, known.post_attention_layernorm


def rms_gain(norm: nn.Module) -> Tensor:
    """(width,) what an RMSNorm multiplies by; Gemma stores its difference from 1."""
    weight = cast(Tensor, norm.weight)
    return weight + 1 if isinstance(norm, Gemma3RMSNorm | T5Gemma2RMSNorm) else weight


def activation(inner: Network) -> str:
    """The name of the activation of the gate."""
    config: Any = inner.config
    return str(getattr(config, "hidden_activation", None) or config.hidden_act)


def embedding_scale(inner: Network) -> float:
    """What embeddings are multiplied by on the way in, not on the way out."""
    return float(getattr(inner.embed_tokens, "scalar_embed_scale", 1.0))


def rope(inner: Network, places: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine, (places, dim / 2), at ``places`` (places,), in the precision of ``like``."""
    kind = [] if isinstance(inner, LlamaModel | Qwen3Model) else ["full_attention"]
    cosine, sine = inner.rotary_emb(like, places[None], *kind)
    half = cosine.shape[-1] // 2
    return cosine[0, :, :half], sine[0, :, :half]
