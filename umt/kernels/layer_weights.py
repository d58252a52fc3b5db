"""What Llama, Qwen 3 and Gemma 3 have in common: one view of their layers, for training and for decoding.

Each half of a layer is ``x + after(part(norm(x)))``.  Gains of the norms before a product are folded into its
matrix, and the scale of attention into the queries. The two halves of a head that a rotation turns together
become neighbours, in queries and keys alike, which no product notices: a pair is one complex number.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    Gemma3TextModel,
    LlamaModel,
    PreTrainedModel,
    Qwen3Model,
)
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm

from umt.kernels.fused_weights import Fold, folded

Network = LlamaModel | Qwen3Model | Gemma3TextModel
ACTIVATIONS = ("silu", "gelu_pytorch_tanh")


class Parts(NamedTuple):
    """One layer; matrices are (out, in).

    joint: queries, then keys, then values. turned: (2, dim), the gains of a norm of each query and each key,
    None without one. after_attention, after_feeding: (width,), the gains of a norm of what is added, None
    without one.
    """

    joint: Tensor
    turned: Tensor | None
    output: Tensor
    after_attention: Tensor | None
    gate_up: Tensor
    down: Tensor
    after_feeding: Tensor | None


def anatomy(network: object) -> Network | None:
    """The inner network, where it is one that `parts` takes apart, else None.

    Every layer must look at everything that came before: no sliding windows.
    """
    inner = network.base_model if isinstance(network, PreTrainedModel) else network
    if not isinstance(inner, Network):
        return None
    config: Any = inner.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    biased = getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False)
    caps = ("final_logit_softcapping", "attn_logit_softcapping")
    odd = biased or any(getattr(config, name, None) for name in caps)
    fit = kinds == {"full_attention"} and activation(inner) in ACTIVATIONS and not odd
    return inner if fit else None


def unknown_kind(name: str) -> str | None:
    """The kind of a causal model, in a folder or on the hub, where `anatomy` does not know it.

    Only its configuration is read. None where it is known, or where nothing can be read: what opens the model
    says why.
    """
    for at_hand in (True, False):  # what was fetched once asks for no connection
        try:
            config = AutoConfig.from_pretrained(name, local_files_only=at_hand)
            with torch.device("meta"):
                network = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
        except Exception:  # json and the hub raise what they like
            continue
        return None if anatomy(network) else type(network).__name__
    return None


def parts(layer: nn.Module, dim: int, products: torch.dtype, others: torch.dtype) -> Parts:
    """``layer`` taken apart, the matrices in one precision, the gains in another; ``dim``: of a head.

    Gradients flow back into its weights.
    """
    attention, mlp = cast(Any, layer).self_attn, cast(Any, layer).mlp
    before, after = cast(Any, layer).input_layernorm, cast(Any, layer).post_attention_layernorm
    normed, sandwiched = hasattr(attention, "q_norm"), hasattr(layer, "pre_feedforward_layernorm")
    between = cast(Any, layer).pre_feedforward_layernorm if sandwiched else after
    turned = None
    if normed:
        gains = torch.stack([gain(attention.q_norm) * attention.scaling, gain(attention.k_norm)])
        turned = gains.view(2, 2, dim // 2).mT.flatten(1).to(others)

    def whole(part: nn.Linear) -> Fold:
        return Fold(part.weight, torch.arange(len(part.weight), device=part.weight.device))

    def paired(part: nn.Linear, scale: float = 1.0) -> Fold:
        order = whole(part).order.view(-1, 2, dim // 2).mT.flatten()
        return Fold(part.weight, order, scale)

    heads = [paired(attention.q_proj, 1.0 if normed else attention.scaling), paired(attention.k_proj)]
    return Parts(
        folded([*heads, whole(attention.v_proj)], gain(before), products),
        turned,
        attention.o_proj.weight.to(products),
        gain(after).to(others) if sandwiched else None,
        folded([whole(mlp.gate_proj), whole(mlp.up_proj)], gain(between), products),
        mlp.down_proj.weight.to(products),
        gain(cast(Any, layer).post_feedforward_layernorm).to(others) if sandwiched else None,
    )


def gain(norm: nn.Module) -> Tensor:
    """(width,) what an RMSNorm multiplies by; Gemma keeps its distance from 1."""
    weight = cast(Tensor, norm.weight)
    return weight + 1 if isinstance(norm, Gemma3RMSNorm) else weight


def activation(inner: Network) -> str:
    """The name of the gate's."""
    config: Any = inner.config
    return str(getattr(config, "hidden_activation", None) or config.hidden_act)


def embedding_scale(inner: Network) -> float:
    """What embeddings are multiplied by on the way in, not on the way out."""
    return float(getattr(inner.embed_tokens, "scalar_embed_scale", 1.0))


def rotation(inner: Network, places: Tensor, exact: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine, (places, dim / 2), at ``places`` (places,), of the precision of ``exact``."""
    kind = ["full_attention"] if isinstance(inner, Gemma3TextModel) else []
    cosine, sine = inner.rotary_emb(exact, places[None], *kind)
    half = cosine.shape[-1] // 2
    return cosine[0, :, :half], sine[0, :, :half]
