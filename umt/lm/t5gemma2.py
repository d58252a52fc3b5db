"""The encoder-decoder T5Gemma 2 (arXiv 2512.14856) of ``transformers``, made of a Gemma 3.

Its decoder attends to its own past and to the encoder's last states in one attention, whose keys and values
come from the same projections; those of the encoder are not rotated, and the decoder counts its places from
0. Embeddings and head are tied.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from transformers import Gemma3ForCausalLM, T5Gemma2Config, T5Gemma2ForConditionalGeneration
from transformers.models.t5gemma2.modeling_t5gemma2 import T5Gemma2Decoder, T5Gemma2TextEncoder

from umt.lm.kernels import supported

Division = Literal["t5gemma2", "joint"]
"""How a translator reads its source, see `umt.lm.joint_lm.JointLM.divided`."""
SETTINGS = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "hidden_activation", "max_position_embeddings", "rms_norm_eps"),
    *("pad_token_id", "eos_token_id", "bos_token_id", "rope_parameters", "query_pre_attn_scalar"),
    *("sliding_window", "layer_types"),
)
"""What either side has in common with a Gemma 3."""
NO_IMAGES = dict.fromkeys(
    ("hidden_size", "intermediate_size", "num_attention_heads", "num_channels", "image_size", "patch_size"), 1
) | {"num_hidden_layers": 0, "vision_use_head": False}
"""The smallest vision part that the configuration admits: eight weights, which nothing reads."""
ADDED = 0.1
"""What a layer of the fresh encoder adds to a state, against the same layer of the Gemma 3."""
_NAMES = {
    "input_layernorm": "pre_self_attn_layernorm",
    "post_attention_layernorm": "post_self_attn_layernorm",
}


def t5gemma2_from(network: Gemma3ForCausalLM) -> T5Gemma2ForConditionalGeneration:
    """Encoder and decoder begin as copies of ``network``; cross-attention has the projections of
    self-attention.

    The encoder's layers add little at first: its last states are near the embeddings, which the projections
    of the decoder know, and not what a language model expects to come next.
    """
    text = {name: getattr(network.config, name) for name in SETTINGS}
    absent = text["vocab_size"]  # the number of no subword
    images = {"boi_token_index": absent, "eoi_token_index": absent, "image_token_index": absent}
    config = T5Gemma2Config(
        encoder={"text_config": text, "vision_config": NO_IMAGES, "mm_tokens_per_image": 1, **images},
        decoder=dict(text),
        image_token_index=absent,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        whole = T5Gemma2ForConditionalGeneration(config)
    weights: dict[str, Tensor] = {}
    for name, weight in network.model.state_dict().items():
        weights[".".join(_NAMES.get(part, part) for part in name.split("."))] = weight
    for side in (whole.model.encoder.text_model, whole.model.decoder):
        side.load_state_dict(weights, strict=False)
    with torch.no_grad():
        for layer in whole.model.encoder.text_model.layers:
            for norm in (layer.post_self_attn_layernorm, layer.post_feedforward_layernorm):
                norm.weight.add_(1).mul_(ADDED).sub_(1)
    return whole


def is_divisible(network: nn.Module, division: Division) -> bool:
    """Whether ``network`` is a Gemma 3 of which an encoder can be made, where ``division`` needs one."""
    return division == "joint" or (isinstance(network, Gemma3ForCausalLM) and supported(network) is not None)


def text_encoder(network: T5Gemma2ForConditionalGeneration) -> T5Gemma2TextEncoder:
    """What reads text in ``network``; what reads images is taken out of training."""
    encoder = network.model.encoder
    for part in (encoder.vision_tower, encoder.multi_modal_projector):
        part.requires_grad_(False)
    encoder.text_model.embed_tokens.eoi_embedding.requires_grad_(False)
    return cast(T5Gemma2TextEncoder, encoder.text_model)


__all__ = [
    "Division",
    "T5Gemma2Decoder",
    "T5Gemma2ForConditionalGeneration",
    "is_divisible",
    "t5gemma2_from",
    "text_encoder",
]
