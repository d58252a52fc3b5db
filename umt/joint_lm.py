"""The joint language model: one decoder-only Transformer for both languages, on ``transformers``.

The saved folder opens with ``AutoModelForCausalLM.from_pretrained``; `JointLM` adds a bidirectional switch,
and an output head that is computed only where a loss is asked for.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    DynamicCache,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    PreTrainedModel,
)
from transformers.utils.logging import disable_progress_bar

from umt.foreign import trust
from umt.kernels import cpu_forward as transformer
from umt.kernels import gpu_forward as gpu_transformer
from umt.kernels.cross_entropy import cross_entropy
from umt.kernels.layer_weights import Network, anatomy
from umt.runtime.validate import require
from umt.types import BadInput

disable_progress_bar()  # type: ignore[no-untyped-call]  # a stage shows its own
# cuDNN plans attention for each shape that it meets, and batches of sentences have a new one at every step
torch.backends.cuda.enable_cudnn_sdp(False)

ENCODER = "encoder"

_SPREAD = 0.02
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
    products: the precision of products by weights; training may ask for bf16 (`loop.fit`).
    """

    def __init__(self, network: PreTrainedModel, encoder: Network | None = None) -> None:
        super().__init__()
        self.network, self.encoder = network, encoder
        self.products = torch.float32

    @classmethod
    def create(
        cls, architecture: Architecture, vocabulary: int, generator: Generator, pad: int = 0, end: int = 1
    ) -> JointLM:
        """A Gemma 3 with tied embeddings and random weights; every layer looks at all that came before.

        Norms before and after each half of a layer, norms of queries and keys, and embeddings that are
        scaled on the way in: as many products as a Llama, which learns far more slowly
        (docs/decisions.md).
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
                network.model.embed_tokens.weight.mul_(_SPREAD * architecture.width**0.5)
        return cls(network)

    def divided(self) -> JointLM:
        """An encoder-decoder that begins with these weights on either side; embeddings are shared.

        Raises BadInput when the network is none that `umt.kernels.layer_weights` knows.
        """
        inner = anatomy(self.network)
        if inner is None:
            raise BadInput(f"no encoder-decoder can be made of a {type(self.network).__name__}")
        encoder = copy.deepcopy(inner)
        encoder.embed_tokens = inner.embed_tokens
        return JointLM(self.network, encoder)

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

    def hidden(self, ids: Tensor, mask: Tensor | None = None, bidirectional: bool = False) -> Tensor:
        """The last hidden states of ``ids`` (batch, length): (batch, length, width).

        mask: (batch, length), true where a position may be looked at; rows that are padded on the right need
            none in the causal direction, since nothing looks to its right.
        bidirectional: every position sees every other, instead of those before it.
        """
        if ids.shape[1] > self.context:
            raise ValueError(f"{ids.shape[1]} subwords exceed the context of {self.context}")
        inner, ids = self.network.base_model, sent(ids, self.device)
        for ours in (transformer, gpu_transformer):
            if mask is None and ours.serves(inner, ids):
                whole: Tensor = ours.hidden_states(cast(Network, inner), ids, bidirectional, self.products)
                return whole
        given: dict[str, Any] = {}
        if bidirectional:
            seen = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
            given["attention_mask"] = seen[:, None, None, :].expand(-1, 1, ids.shape[1], -1)
        elif mask is not None:
            given["attention_mask"] = mask.long()
            given["position_ids"] = (mask.long().cumsum(1) - 1).clamp(min=0)
        told = inner(input_ids=ids, use_cache=False, **given)
        return cast(Tensor, told.last_hidden_state)

    def states(self, ids: Tensor, asked: Tensor, bidirectional: bool = False) -> Tensor:
        """(n, width) last hidden states where ``asked``, row by row, of ``ids``; both (batch, length).

        What stands before the first place asked for in a row is given; an encoder reads it where there is
        one, and then what is asked for must be all that follows, up to padding.
        """
        begins = torch.where(asked.any(1), asked.int().argmax(1), 1)  # an encoder needs something to read
        if self.encoder is None or bidirectional or not begins.any():
            return _chosen(self.hidden(ids, bidirectional=bidirectional), asked)
        if ids.shape[1] > self.context:
            raise ValueError(f"{ids.shape[1]} subwords exceed the context of {self.context}")
        counts = asked.sum(1)
        places = torch.arange(int(counts.max()), device=ids.device)
        own = ids.gather(1, (begins[:, None] + places).clamp_(max=ids.shape[1] - 1))
        read = (sent(each, self.device) for each in (ids[:, : int(begins.max())], begins, own))
        return _chosen(self._after(*read), places < counts[:, None])

    def _after(self, given: Tensor, lengths: Tensor, ids: Tensor) -> Tensor:
        """(batch, length, width) of ``ids`` (batch, length) after the first ``lengths`` (batch,) of
        ``given`` (batch, longest).
        """
        inner, encoder = cast(Network, self.network.base_model), cast(Network, self.encoder)
        for ours in (transformer, gpu_transformer):
            if ours.serves(inner, ids) and ours.serves(encoder, given):
                told = ours.read(encoder, given, lengths, self.products)
                after: Tensor = ours.hidden_states(inner, ids, False, self.products, told)
                return after
        length, seen = ids.shape[1], torch.arange(given.shape[1], device=ids.device) < lengths[:, None]
        past = DynamicCache(config=inner.config)
        mask = seen[:, None, None].expand(-1, 1, given.shape[1], -1)
        # ids, mask, places, cache: by position, for the cache has had two names
        encoder(given, mask, None, past, use_cache=True)
        here = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
        mask = torch.cat(
            [seen[:, None, None].expand(-1, 1, length, -1), here.expand(len(ids), 1, -1, -1)], -1
        )
        places = lengths[:, None] + torch.arange(length, device=ids.device)
        output = inner(ids, mask, places, past, use_cache=True)
        return cast(Tensor, output.last_hidden_state)

    def forward(self, seen: Tensor, wanted: Tensor, asked: Tensor, bidirectional: bool = False) -> Tensor:
        """-log p of the subwords ``wanted`` where ``asked``, summed: a scalar in nats.

        seen, wanted, asked: (rows, length) subwords that are looked at, that should be predicted there, and
        whether they have to.
        """
        return self.nats(self.states(seen, asked, bidirectional), wanted[asked]).sum()

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., width) to (..., vocabulary)."""
        return hidden @ self.head.to(hidden.dtype).T

    def nats(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """-log p(targets): of (n, width) hidden states and (n,) targets, (n,) in nats.

        See `umt.kernels.cross_entropy`.
        """
        hidden, targets = hidden.to(self.products), sent(targets, hidden.device)
        return cross_entropy(hidden, self.head.to(hidden.dtype), targets)

    def save(self, directory: Path) -> None:
        """Write ``config.json`` and ``model.safetensors``, and a folder for an encoder beside them."""
        self.network.save_pretrained(directory)
        if self.encoder is not None:
            self.encoder.save_pretrained(directory / ENCODER)

    @classmethod
    def load(cls, name: str | Path) -> JointLM:
        """Open a saved folder or a model of the hub; raises BadInput when there is none."""
        try:
            network = AutoModelForCausalLM.from_pretrained(str(name), dtype=torch.float32)
        except Exception as error:  # safetensors and json raise what they like
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise BadInput(
                f"no causal language model could be opened at {name}: {said} "
                "(give a folder, or a name of the hub where that can be reached)"
            ) from None
        if anatomy(network) is None:
            trust(cls(network), name)
        if not (Path(name) / ENCODER).is_dir():
            return cls(network)
        try:
            encoder = cast(Network, AutoModel.from_pretrained(Path(name) / ENCODER, dtype=torch.float32))
        except Exception as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise BadInput(f"no encoder could be opened at {Path(name) / ENCODER}: {said}") from None
        encoder.embed_tokens = cast(Network, network.base_model).embed_tokens
        return cls(network, encoder)

    def matrix_parameters(self) -> int:
        """N of the rule that a training step costs 6 N operations a token: weights in matrix products, the
        head included, the look-up of embeddings not."""
        inside = sum(weight.numel() for weight in self.network.base_model.parameters() if weight.ndim == 2)
        return inside - self.embeddings.numel() + self.head.numel()


def best_device() -> torch.device:
    """Where a network works: on a GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """``tensor`` on ``device``; nobody waits for what goes to a GPU."""
    if device.type == "cuda" and not tensor.is_cuda:
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def _chosen(hidden: Tensor, asked: Tensor) -> Tensor:
    """(n, width) of ``hidden`` (batch, length, width) where ``asked`` (batch, length), row by row."""
    places = sent(asked.flatten().nonzero()[:, 0], hidden.device)
    return hidden.flatten(0, 1).index_select(0, places)
