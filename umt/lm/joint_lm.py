"""The joint language model: one decoder-only Transformer for both languages, on ``transformers``.

The saved folder opens with ``AutoModelForCausalLM.from_pretrained``; `JointLM` adds a bidirectional switch,
and an output head that is computed only where a loss is asked for.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedModel

from umt.lm import kernels as hand_written
from umt.lm.kernels import FusedLayers, Network
from umt.lm.mixed_precision import autocast
from umt.lm.plain_forward import hidden_states, hidden_states_after
from umt.runtime.validate import require
from umt.types import BadInput

EMBEDDING_STD = 0.02
"""Root mean square of random embeddings: so small that a network begins by finding all subwords alike likely,
which what pays for every subword from the first is worth."""


@dataclass(frozen=True)
class Architecture:
    """The size of a network.

    width: of the hidden states; layers; heads: of attention, which divide ``width`` into even parts; hidden:
    width of the feed-forward part; context: the longest sequence.
    """

    width: int
    layers: int
    heads: int
    hidden: int
    context: int

    def __post_init__(self) -> None:
        require(self, positive="width layers heads hidden context")
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} does not divide into {self.heads} heads of even width")


class JointLM(nn.Module):
    """``p(next subword | subwords so far)``, and hidden states for any other use.

    network: any causal language model of ``transformers`` with a linear head.
    encoder: another network that reads what a sequence is given, from both sides; ``network`` then goes on
        from its keys and values as if they were its own past (He et al. 2018, "Layer-wise coordination
        between encoder and decoder"). None: ``network`` reads it itself, from the left.
    kernels: whether `umt.lm.kernels` may stand in for ``transformers`` where it knows the layers; false:
    nothing
        but ``transformers`` and torch, the same numbers up to rounding.
    gpu_kernels: whether they may do so in the layers and the loss on a GPU, too, compiled; unmeasured against
        plain ``transformers`` with torch's attention, which is the default there.

    An argument ``dtype`` is the precision of products by weights, fp32 or bf16; the weights stay in fp32. On
    a processor only `umt.lm.kernels` takes it: the layers of ``transformers`` multiply in fp32 there.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        encoder: Network | None = None,
        kernels: bool = True,
        gpu_kernels: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.encoder = network, encoder
        self.kernels, self.gpu_kernels = kernels, gpu_kernels
        inner = [hand_written.supported(each) for each in (network, encoder) if each is not None]
        self.decodes_by_kernels = kernels and all(each is not None for each in inner)
        self.trains_by_kernels = self.decodes_by_kernels and all(
            each is not None and hand_written.standard(each) for each in inner
        )

    @classmethod
    def create(
        cls,
        architecture: Architecture,
        vocabulary: int,
        generator: Generator,
        pad: int = 0,
        end: int = 1,
        kernels: bool = True,
        gpu_kernels: bool = False,
    ) -> JointLM:
        """A Gemma 3 with tied embeddings and random weights; every layer looks at all that came before.

        Norms before and after each half of a layer, norms of queries and keys, and embeddings that are
        scaled on the way in: as many products as a Llama, which learns far more slowly
        (docs/decisions.md). kernels, gpu_kernels: see the class.
        """
        config = Gemma3TextConfig(
            vocab_size=vocabulary,
            hidden_size=architecture.width,
            intermediate_size=architecture.hidden,
            num_hidden_layers=architecture.layers,
            num_attention_heads=architecture.heads,
            num_key_value_heads=architecture.heads,
            head_dim=architecture.width // architecture.heads,
            query_pre_attn_scalar=architecture.width // architecture.heads,
            max_position_embeddings=architecture.context,
            layer_types=["full_attention"] * architecture.layers,
            rope_parameters={"full_attention": {"rope_type": "default", "rope_theta": 10_000.0}},
            tie_word_embeddings=True,
            pad_token_id=pad,
            eos_token_id=end,
            bos_token_id=None,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(1 << 62, (1,), generator=generator)))
            network = Gemma3ForCausalLM(config)
            with torch.no_grad():
                for weight in network.parameters():
                    if weight.ndim == 2:
                        weight.normal_(std=weight.shape[1] ** -0.5)
                network.model.embed_tokens.weight.mul_(EMBEDDING_STD * architecture.width**0.5)
        return cls(network, None, kernels, gpu_kernels)

    def as_encoder_decoder(self) -> JointLM:
        """An encoder-decoder that begins with these weights on either side; embeddings are shared.

        Raises BadInput when the network is none that `umt.lm.kernels` knows.
        """
        inner = hand_written.supported(self.network)
        if inner is None:
            raise BadInput(f"no encoder-decoder can be made of a {type(self.network).__name__}")
        encoder = copy.deepcopy(inner)
        encoder.embed_tokens = inner.embed_tokens
        return JointLM(self.network, encoder, self.kernels, self.gpu_kernels)

    @property
    def embeddings(self) -> nn.Parameter:
        """(vocabulary, width), also the output head where the two are tied."""
        return cast(nn.Parameter, self.network.get_input_embeddings().weight)

    @property
    def head(self) -> Tensor:
        """(vocabulary, width) of the output."""
        return cast(Tensor, self.network.get_output_embeddings().weight)  # type: ignore[no-untyped-call]

    @property
    def context(self) -> int:
        """The longest sequence."""
        return int(self.network.config.max_position_embeddings)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.embeddings.device

    def resize(self, vocabulary: int) -> None:
        """Give a model from elsewhere as many embeddings as the vocabulary has numbers, if it has fewer.

        They are drawn about the mean of the others, the same in every process.
        """
        if vocabulary > len(self.embeddings):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                self.network.resize_token_embeddings(vocabulary)

    def hidden(
        self,
        ids: Tensor,
        mask: Tensor | None = None,
        bidirectional: bool = False,
        dtype: torch.dtype = torch.float32,
        fused: FusedLayers | None = None,
    ) -> Tensor:
        """The last hidden states of ``ids`` (batch, length): (batch, length, width).

        mask: (batch, length), true where a position may be looked at; rows that are padded on the right need
            none in the causal direction, since nothing looks to its right.
        bidirectional: every position sees every other, instead of those before it.
        dtype: see the class. fused: see `umt.lm.kernels.forward`.
        """
        if ids.shape[1] > self.context:
            raise ValueError(f"{ids.shape[1]} subwords exceed the context of {self.context}")
        inner, ids = self.network.base_model, to_device(ids, self.device)
        if mask is None and self.trains_by_kernels:
            states = hand_written.forward(
                cast(Network, inner), ids, bidirectional=bidirectional, dtype=dtype, fused=fused,
                gpu_kernels=self.gpu_kernels,
            )  # fmt: skip
            if states is not None:
                return states
        with autocast(self.device, dtype):
            return hidden_states(inner, ids, mask, bidirectional)

    def target_states(
        self,
        ids: Tensor,
        asked: Tensor,
        bidirectional: bool = False,
        dtype: torch.dtype = torch.float32,
        fused: FusedLayers | None = None,
    ) -> Tensor:
        """(n, width) last hidden states where ``asked``, row by row, of ``ids``; both (batch, length).

        What stands before the first place asked for in a row is given; an encoder reads it where there is
        one, and then what is asked for must be all that follows, up to padding.
        dtype: see the class. fused: see `umt.lm.kernels.forward`.
        """
        begins = torch.where(asked.any(1), asked.int().argmax(1), 1)  # an encoder needs something to read
        if self.encoder is None or bidirectional or not begins.any():
            return _chosen(self.hidden(ids, None, bidirectional, dtype, fused), asked)
        if ids.shape[1] > self.context:
            raise ValueError(f"{ids.shape[1]} subwords exceed the context of {self.context}")
        counts = asked.sum(1)
        places = torch.arange(int(counts.max()), device=ids.device)
        own = ids.gather(1, (begins[:, None] + places).clamp_(max=ids.shape[1] - 1))
        given, lengths, own = (
            to_device(each, self.device) for each in (ids[:, : int(begins.max())], begins, own)
        )
        return _chosen(self._decode_given_source(given, lengths, own, dtype, fused), places < counts[:, None])

    def _decode_given_source(
        self, given: Tensor, lengths: Tensor, ids: Tensor, dtype: torch.dtype, fused: FusedLayers | None
    ) -> Tensor:
        """(batch, length, width) of ``ids`` (batch, length) after the first ``lengths`` (batch,) of
        ``given`` (batch, longest).
        """
        inner, encoder = cast(Network, self.network.base_model), cast(Network, self.encoder)
        if self.trains_by_kernels:
            on_gpu = self.gpu_kernels
            memory = hand_written.encode(
                encoder, given, lengths, dtype=dtype, fused=fused, gpu_kernels=on_gpu
            )
            if memory is not None:
                states = hand_written.forward(
                    inner, ids, dtype=dtype, memory=memory, fused=fused, gpu_kernels=on_gpu
                )
                if states is not None:
                    return states
        with autocast(self.device, dtype):
            return hidden_states_after(encoder, inner, given, lengths, ids)

    def forward(
        self,
        seen: Tensor,
        wanted: Tensor,
        asked: Tensor,
        bidirectional: bool = False,
        dtype: torch.dtype = torch.float32,
        fused: FusedLayers | None = None,
    ) -> Tensor:
        """-log p of the subwords ``wanted`` where ``asked``, summed: a scalar in nats.

        seen, wanted, asked: (rows, length) subwords that are looked at, that should be predicted there, and
        whether they have to. dtype: see the class. fused: see `umt.lm.kernels.forward`.
        """
        return self.nll(
            self.target_states(seen, asked, bidirectional, dtype, fused), wanted[asked], dtype
        ).sum()

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., width) to (..., vocabulary)."""
        return hidden @ self.head.to(hidden.dtype).T

    def nll(self, hidden: Tensor, targets: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """-log p(targets): of (n, width) hidden states and (n,) targets, (n,) in nats.

        See `umt.lm.kernels.cross_entropy`. dtype: of the product by the head.
        """
        hidden, targets = hidden.to(dtype), to_device(targets, hidden.device)
        if self.kernels:
            return hand_written.cross_entropy(hidden, self.head.to(dtype), targets, self.gpu_kernels)
        return F.cross_entropy(self.logits(hidden).float(), targets, reduction="none")

    def matrix_parameters(self) -> int:
        """N of the rule that a training step costs 6 N operations a token: weights in matrix products, the
        head included, the look-up of embeddings not."""
        inside = sum(weight.numel() for weight in self.network.base_model.parameters() if weight.ndim == 2)
        return inside - self.embeddings.numel() + self.head.numel()


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """``tensor`` on ``device``; nobody waits for what goes to a GPU."""
    if device.type == "cuda" and not tensor.is_cuda:
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def _chosen(hidden: Tensor, asked: Tensor) -> Tensor:
    """(n, width) of ``hidden`` (batch, length, width) where ``asked`` (batch, length), row by row."""
    places = to_device(asked.flatten().nonzero()[:, 0], hidden.device)
    return hidden.flatten(0, 1).index_select(0, places)
