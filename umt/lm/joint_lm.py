"""The joint language model: one Transformer for both languages, on ``transformers``.

The saved folder opens with ``AutoModelForCausalLM``, that of a T5 Gemma 2 with ``AutoModelForSeq2SeqLM``;
`JointLM` adds a bidirectional switch, and an output head that is computed only where a loss is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from transformers import Gemma3ForCausalLM, PreTrainedModel

from umt.lm import kernels as hand_written
from umt.lm.gemma3 import random_gemma3
from umt.lm.kernels import Network
from umt.lm.mixed_precision import autocast
from umt.lm.plain_forward import hidden_states, hidden_states_after
from umt.lm.t5gemma2 import (
    Division,
    T5Gemma2Decoder,
    T5Gemma2ForConditionalGeneration,
    is_divisible,
    t5gemma2_from,
    text_encoder,
)
from umt.runtime.validate import require
from umt.types import BadInput


@dataclass(frozen=True)
class Architecture:
    """Sizes of a Transformer: number of layers and attention heads, widths, longest sequence.

    width: of the hidden states; heads: of attention, each ``width / heads`` wide, an even number; hidden:
    width of the feed-forward part; context: the longest sequence, in subwords.
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
    """Transformer language model of both languages: ``p(next subword | subwords so far)``.

    network: any causal language model of ``transformers`` with a linear head, which reads a source from left
        to right and continues with the target; or a T5 Gemma 2, whose ``encoder`` reads it from both sides.
    kernels: compute known layers by `umt.lm.kernels`; false: by ``transformers`` and torch alone, with the
        same numbers up to rounding.

    An argument ``dtype`` is the precision of products by weights, fp32 or bf16; the weights stay in fp32. On
    a processor only `umt.lm.kernels` takes it: the layers of ``transformers`` multiply in fp32 there.
    """

    def __init__(self, network: PreTrainedModel, kernels: bool = True) -> None:
        super().__init__()
        encoder = text_encoder(network) if isinstance(network, T5Gemma2ForConditionalGeneration) else None
        self.network, self.encoder = network, encoder
        self.kernels = kernels
        inner = [hand_written.supported(layers) for layers in (network, encoder) if layers is not None]
        self.decodes_by_kernels = kernels and all(layers is not None for layers in inner)
        self.trains_by_kernels = self.decodes_by_kernels and all(
            layers is not None and hand_written.standard(layers) for layers in inner
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
    ) -> JointLM:
        """A `umt.lm.gemma3.random_gemma3`; kernels: see the class."""
        return cls(random_gemma3(architecture, vocabulary, generator, pad, end), kernels)

    def divided(self, division: Division) -> JointLM:
        """A model that reads its source by an encoder where ``division`` asks for one and there is none yet.

        joint: one network reads the source, from the left, and continues with the target. t5gemma2: a
        `umt.lm.t5gemma2`. Raises BadInput where the network is none that can be divided so.
        """
        if division == "joint" or self.encoder is not None:
            return self
        if not is_divisible(self.network, division):
            raise BadInput(f"no T5Gemma 2 can be made of a {type(self.network).__name__}")
        return JointLM(t5gemma2_from(cast(Gemma3ForCausalLM, self.network)), self.kernels)

    @property
    def embeddings(self) -> nn.Parameter:
        """(vocabulary, width), also the output head where the two are tied."""
        return cast(nn.Parameter, self.network.get_input_embeddings().weight)

    @property
    def head(self) -> Tensor:
        """(vocabulary, width) of the output."""
        return cast(Tensor, self.network.get_output_embeddings().weight)  # type: ignore[no-untyped-call]

    @property
    def inner(self) -> PreTrainedModel:
        """The network that writes, without its head."""
        base = self.network.base_model
        return cast(PreTrainedModel, base if self.encoder is None else base.decoder)

    @property
    def context(self) -> int:
        """The longest sequence, in subwords."""
        return int(self.inner.config.max_position_embeddings)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.embeddings.device

    def resize(self, vocabulary: int) -> None:
        """Grow the embeddings of a pretrained model to ``vocabulary`` rows where it has fewer.

        New rows are drawn about the mean of the others, the same in every process.
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
    ) -> Tensor:
        """The last hidden states of ``ids`` (batch, length): (batch, length, width).

        mask: (batch, length), true where a position may be looked at; rows that are padded on the right need
            none in the causal direction, since nothing looks to its right.
        bidirectional: every position sees every other, instead of those before it.
        dtype: see the class.
        """
        if ids.shape[1] > self.context:
            raise ValueError(f"{ids.shape[1]} subwords exceed the context of {self.context}")
        inner, ids = self.inner, to_device(ids, self.device)
        if mask is None and self.trains_by_kernels:
            states = hand_written.forward(cast(Network, inner), ids, bidirectional=bidirectional, dtype=dtype)
            if states is not None:
                return states
        with autocast(self.device, dtype):
            return hidden_states(inner, ids, mask, bidirectional)

    def target_states(
        self,
        ids: Tensor,
        predicted: Tensor,
        bidirectional: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """(n, width) last hidden states at ``predicted`` of ``ids``, row by row; both (batch, length).

        What stands before the first of them in a row is its source. An encoder, if there is one, reads it,
        and then the positions must be all that follow, up to padding.
        dtype: see the class.
        """
        begins = torch.where(
            predicted.any(1), predicted.int().argmax(1), 1
        )  # an encoder needs something to read
        if self.encoder is None or bidirectional or not begins.any():
            return _select(self.hidden(ids, None, bidirectional, dtype), predicted)
        if ids.shape[1] > self.context:
            raise ValueError(f"{ids.shape[1]} subwords exceed the context of {self.context}")
        counts = predicted.sum(1)
        places = torch.arange(int(counts.max()), device=ids.device)
        own = ids.gather(1, (begins[:, None] + places).clamp_(max=ids.shape[1] - 1))
        sources, lengths, own = (
            to_device(tensor, self.device) for tensor in (ids[:, : int(begins.max())], begins, own)
        )
        return _select(self._decode_given_source(sources, lengths, own, dtype), places < counts[:, None])

    def _decode_given_source(
        self, sources: Tensor, lengths: Tensor, ids: Tensor, dtype: torch.dtype
    ) -> Tensor:
        """(batch, length, width) of ``ids`` (batch, length) after the first ``lengths`` (batch,) of
        ``sources`` (batch, longest).
        """
        inner, encoder = cast(Network, self.inner), cast(Network, self.encoder)
        if self.trains_by_kernels:
            memory = hand_written.encode(encoder, inner, sources, lengths, dtype=dtype)
            if memory is not None:
                states = hand_written.forward(inner, ids, dtype=dtype, memory=memory)
                if states is not None:
                    return states
        with autocast(self.device, dtype):
            return hidden_states_after(encoder, cast(T5Gemma2Decoder, inner), sources, lengths, ids)

    def forward(
        self,
        inputs: Tensor,
        targets: Tensor,
        predicted: Tensor,
        bidirectional: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Negative log-likelihood of ``targets`` where ``predicted``, summed: a scalar in nats.

        inputs, targets, predicted: (rows, length) input subwords, the subword to predict at each position,
        and which positions count. dtype: see the class.
        """
        return self.nll(
            self.target_states(inputs, predicted, bidirectional, dtype), targets[predicted], dtype
        ).sum()

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., width) to (..., vocabulary)."""
        return hidden @ self.head.to(hidden.dtype).T

    def nll(self, hidden: Tensor, targets: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """-log p(targets): of (n, width) hidden states and (n,) targets, (n,) in nats.

        See `umt.lm.kernels.cross_entropy`. dtype: of the product by the head.
        """
        hidden, targets = hidden.to(dtype), to_device(targets, hidden.device)
        if self.kernels and hidden.device.type == "cpu" and hidden.dtype in (torch.float32, torch.bfloat16):
            return hand_written.cross_entropy(hidden, self.head.to(dtype), targets)
        return F.cross_entropy(self.logits(hidden).float(), targets, reduction="none")

    def matrix_parameters(self) -> int:
        """N of the rule that a training step costs 6 N operations a token: weights in matrix products, the
        head included, the look-up of embeddings not."""
        weights = (weight for weight in self.network.base_model.parameters() if weight.requires_grad)
        inside = sum(weight.numel() for weight in weights if weight.ndim == 2)
        return inside - self.embeddings.numel() + self.head.numel()


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """``tensor`` on ``device``; copies to a GPU are asynchronous."""
    if device.type == "cuda" and not tensor.is_cuda:
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def _select(hidden: Tensor, predicted: Tensor) -> Tensor:
    """(n, width) of ``hidden`` (batch, length, width) where ``predicted`` (batch, length), row by row."""
    places = to_device(predicted.flatten().nonzero()[:, 0], hidden.device)
    return hidden.flatten(0, 1).index_select(0, places)
