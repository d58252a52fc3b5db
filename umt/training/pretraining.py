"""From text to a joint language model: which network, from which start, on which objectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Generator

from umt.embeddings.wordspace import Embeddings
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.loading import best_device, load, record_objectives
from umt.runtime.distributed import SINGLE, ProcessGroup
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Tokenizer
from umt.training.embedding_init import subword_vectors
from umt.training.fsdp import gather_full, shard
from umt.training.lm_objectives import CausalLM, MaskedLM
from umt.training.loop import LoopOptions, fit
from umt.training.objective import Objective
from umt.training.optimiser import OptimiserConfig
from umt.types import BadInput, Lang, ProgressCallback


@dataclass(frozen=True)
class Pretraining:
    """Language modelling of both languages in one network.

    architecture: of a network from scratch; unused when ``name``, a folder or a causal model of the hub, is
    given.
    causal, masked: weights of the objectives; 0 leaves one out. mask_rate: share of the subwords that
    ``masked`` hides.
    row_length: predictions a row; batch_tokens: predictions a step of one objective. consecutive: sentences
    that stay together in the order of the text, see `umt.training.packing`. language_shares: share
    of each language in the rows, equal when None. embeddings: ``random``, ``aligned`` for the aligned word
    vectors, or ``own``: what the model ``name`` has.
    compile: use ``torch.compile``, which takes a minute to start and pays on a GPU.
    sharded: shard weights and optimiser state over the processes (`umt.training.fsdp`).
    kernels: see `umt.lm.joint_lm.JointLM`.
    """

    architecture: Architecture | None
    optimisation: OptimiserConfig
    name: str | None = None
    causal: float = 1.0
    masked: float = 0.0
    mask_rate: float = 0.15
    row_length: int = 64
    batch_tokens: int = 2048
    consecutive: int = 1
    language_shares: Mapping[str, float] | None = None
    embeddings: Literal["random", "aligned", "own"] = "aligned"
    compile: bool = False
    sharded: bool = False
    kernels: bool = True

    def __post_init__(self) -> None:
        require(self, at_least_zero="causal masked", positive="row_length batch_tokens consecutive")
        if self.architecture is None and self.name is None:
            raise ValueError(
                "there is no architecture of a new network and no model to start from: "
                "lm.name must name a folder or a model of the hub"
            )
        if self.architecture is not None and self.row_length > self.architecture.context:
            raise ValueError(
                f"lm.row_length={self.row_length} exceeds the context of the network, "
                f"{self.architecture.context}: take a smaller lm.row_length or a larger size.context"
            )
        if not self.causal + self.masked:
            raise ValueError("lm.causal and lm.masked must not be both 0: there is nothing to learn")
        if self.sharded and (self.compile or self.optimisation.method != "adamw"):
            raise ValueError(
                "sharded weights are moved by AdamW and not compiled: "
                "lm.optimisation.method=adamw, runtime.compile=false"
            )
        if (self.embeddings == "own") != (self.name is not None):
            raise ValueError(
                f"lm.embeddings={self.embeddings} does not go with lm.name={self.name}: "
                "a model to start from keeps its own, a new one has none"
            )

    def train(
        self,
        tokenizer: Tokenizer,
        shards: Mapping[Lang, TokenShards],
        spaces: tuple[Embeddings, Embeddings],
        directory: Path,
        generator: Generator,
        progress: ProgressCallback,
        team: ProcessGroup = SINGLE,
    ) -> tuple[JointLM, list[dict[str, float]]]:
        """The trained model and its records; ``directory`` keeps what a killed run goes on from."""
        model = self.initial_model(tokenizer, spaces, generator)
        if self.sharded:
            shard(model, team)
        seed = int(torch.randint(1 << 60, (1,), generator=generator))
        objectives: dict[str, Objective] = {}
        data = (shards, tokenizer, self.row_length, self.batch_tokens)
        mixing = (
            None
            if self.language_shares is None
            else {Lang(code): share for code, share in self.language_shares.items()}
        )
        if self.causal:
            objectives["causal"] = CausalLM(*data, seed, mixing, team, self.consecutive, weight=self.causal)
        if self.masked:
            objectives["masked"] = MaskedLM(
                *(*data, child_seed(seed, "masked"), mixing, team, self.consecutive),
                weight=self.masked,
                mask_rate=self.mask_rate,
            )
        records = fit(
            model,
            objectives,
            self.optimisation,
            directory,
            seed,
            progress,
            pace=LoopOptions(compiled=self.compile),
            team=team,
        )
        record_objectives(model, objectives)
        return (gather_full(model, team) if self.sharded else model), records

    def initial_model(
        self, tokenizer: Tokenizer, spaces: tuple[Embeddings, Embeddings], generator: Generator
    ) -> JointLM:
        """The network before its first step, on a GPU where there is one.

        Raises BadInput when rows of ``row_length`` do not fit into its context.
        """
        if self.name is not None:
            model = load(self.name, self.kernels)
            model.resize(len(tokenizer))
        else:
            assert self.architecture is not None
            model = JointLM.create(
                self.architecture, len(tokenizer), generator, tokenizer.pad, tokenizer.end,
                self.kernels,
            )  # fmt: skip
        if self.row_length > model.context:
            raise BadInput(f"lm.row_length={self.row_length} exceeds the model's context of {model.context}")
        if self.embeddings == "aligned":
            vectors = subword_vectors(spaces, tokenizer, model.embeddings.shape[1], generator)
            model.embeddings.data.copy_(vectors * vectors.shape[1] ** -0.5)  # as large as random ones
        return model.to(best_device())
