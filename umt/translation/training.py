"""Learning to translate: which objectives pull at the joint model, how hard, and when.

One class serves every `translator=...`: an objective without a course is left out, so back-translation alone,
with an adversary, with rewarded round trips, with some known pairs, or known pairs and nothing else differ in
their configuration only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import JointLM
from umt.lm.scoring import SequenceScorer
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Tokenizer
from umt.training.loop import fit
from umt.training.objective import Objective
from umt.training.optimiser import OptimiserConfig
from umt.training.schedule import Schedule
from umt.translation.back_translation import BackTranslation, FrozenWriter
from umt.translation.bitext import Bitext, TextTranslator
from umt.translation.collapse_guard import CollapseGuard
from umt.translation.criteria import Criterion, check_criterion, sample_sentences
from umt.translation.dual_learning import DualLearning, DualLearningConfig
from umt.translation.filters import Filters, SubwordUsage
from umt.translation.language_adversary import Adversary
from umt.translation.noise import Noise
from umt.translation.objectives import Denoising, Supervised, Synthetic, TranslationTask
from umt.translation.synthesis import SyntheticSourceWriter
from umt.translation.validation import Validation, ValidationSample
from umt.types import BadInput, Lang, ProgressCallback


@dataclass(frozen=True)
class TrainedTranslator:
    """The chosen model; ``history``: what each check-up saw; ``step``: of the chosen one; ``complaint``: why
    training was stopped early, or empty."""

    model: JointLM
    history: tuple[dict[str, float], ...]
    step: int
    stop_reason: str


class BootstrapComparison(NamedTuple):
    """Bits per byte of a sentence by way of its translation: what the translator's cost, what the
    bootstrap's.
    """

    translator: float
    bootstrap: float

    @property
    def won(self) -> bool:
        """Whether the translator's is the shorter message."""
        return self.translator < self.bootstrap


@dataclass(frozen=True)
class TranslatorTraining:
    """Continues a joint language model into a translator.

    synthetic, denoising, back_translation, adversary, supervised: the course of each objective, null to leave
        it out (see `Schedule`: a share of s means that the objective takes part in that share of the steps).
        cycle: the same, and how it draws.
    architecture: ``joint``: one network reads what is given, from the left, and goes on from it;
        ``encoder_decoder``: a copy of it becomes an encoder, see `JointLM.divided`.
    written: sentences of each language that the bootstrap translates for ``synthetic``; known: pairs for
    ``supervised``. noise: on what denoising gives; ruined: on the sources of the translation objectives, null
    for none. forgotten: word dropout on what is asked for. tokens: subwords a batch of each objective,
    padding included. longest: subwords of a sequence. ahead: batches that back-translation writes at once;
    rounds: 0 for writing with the weights of the moment, else how often the weights that write are renewed.
    checks: check-ups over the training; looked: sentences a language at each. criterion: by which the best
        check-up is chosen.
    """

    optimisation: OptimiserConfig
    synthetic: Schedule | None = None
    denoising: Schedule | None = None
    back_translation: Schedule | None = None
    dual_learning: DualLearningConfig | None = None
    adversary: Schedule | None = None
    supervised: Schedule | None = None
    architecture: Literal["joint", "encoder_decoder"] = "encoder_decoder"
    synthetic_sentences: int = 35_000
    parallel_pairs: int = 0
    noise: Noise = field(default_factory=Noise)
    source_noise: Noise | None = None
    word_dropout: float = 0.0
    tokens: int = 2048
    max_tokens: int = 250
    batches_per_generation: int = 3
    rounds: int = 0
    filters: Filters = field(default_factory=Filters)
    generation: Generation = field(default_factory=Generation)
    guard: CollapseGuard = field(default_factory=CollapseGuard)
    criterion: Criterion = "round_trip"
    validations: int = 6
    validation_sentences: int = 100

    def __post_init__(self) -> None:
        check_criterion(self.criterion)
        require(
            self,
            positive="synthetic_sentences tokens max_tokens batches_per_generation validations "
            "validation_sentences",
            at_least_zero="parallel_pairs rounds",
        )
        if (self.supervised is None) != (self.parallel_pairs == 0):
            raise ValueError(f"supervised learning and known={self.parallel_pairs} pairs go together")
        taught = (self.synthetic, self.denoising, self.back_translation, self.dual_learning, self.supervised)
        if all(each is None for each in taught):
            raise ValueError(
                "nothing to learn: synthetic, denoising, back_translation, cycle and supervised are null"
            )

    @property
    def sentence_length(self) -> int:
        """Subwords of a sentence beside which its translation and three tags fit into ``longest``."""
        return max(1, (self.max_tokens - 3) // 2)

    def learn(
        self,
        model: JointLM,
        tokenizer: Tokenizer,
        texts: tuple[TokenShards, TokenShards],
        synthetic: Sequence[Bitext],
        known: Sequence[Bitext],
        scratch: Path,
        seed: int,
        progress: ProgressCallback,
    ) -> TrainedTranslator:
        """Train in ``scratch``, where a killed call is taken up again, and choose the best check-up.

        synthetic: real sentences asked for, a bootstrap's renderings given, both ways; known: true pairs,
        both ways. Raises BadInput when an objective lacks what it learns from.
        """
        steps = self.optimisation.steps
        if self.architecture == "encoder_decoder" and model.encoder is None:
            model = model.as_encoder_decoder()
        usage = SubwordUsage.count(tokenizer, texts)
        setting = TranslationTask(tokenizer, steps, self.tokens, self.max_tokens, seed, self.word_dropout)
        looked = {
            text.lang: sample_sentences(text, self.validation_sentences, self.max_tokens // 3, setting.seed)
            for text in texts
        }
        checkups = Validation(
            ValidationSample(looked, usage),
            tokenizer,
            self.generation,
            self.guard,
            self.criterion,
            every=max(1, steps // self.validations),
            last=steps,
            directory=scratch,
            progress=progress,
        )
        objectives = self._objectives(setting, model, texts, synthetic, known, usage, scratch)
        fit(model, objectives, self.optimisation, scratch, seed, progress, [checkups])
        step, chosen = checkups.best_model(model)
        return TrainedTranslator(chosen, tuple(checkups.history), step, checkups.complaint)

    def duel(
        self,
        model: JointLM,
        tokenizer: Tokenizer,
        texts: tuple[TokenShards, TokenShards],
        bootstrap: Mapping[tuple[Lang, Lang], TextTranslator],
        seed: int,
    ) -> dict[str, BootstrapComparison]:
        """By the code length of a round trip: does ``model`` translate better than the bootstrap it came
        from?

        The judge is ``model`` itself, so a narrow victory means little; a defeat means much.
        """
        judge, usage = SequenceScorer(model, tokenizer), SubwordUsage.count(tokenizer, texts)
        found = {}
        for text in texts:
            here = text.lang
            there = next(each.lang for each in texts if each.lang != here)
            sentences = sample_sentences(text, self.validation_sentences, self.max_tokens // 3, seed)
            direction = Direction.between(tokenizer, here, there, usage.written(there))
            draws = torch.Generator().manual_seed(seed)
            outputs = self.generation.generate(model, sentences, direction, draws)
            ours = [each[0].ids.astype(tokenizer.dtype) for each in outputs]
            raw = bootstrap[here, there].translate([tokenizer.decode(ids, here) for ids in sentences])
            theirs = tokenizer.encode(raw, there)
            scores = [-judge.criteria(sentences, each, here, there)["code"] for each in (ours, theirs)]
            found[f"{here}-{there}"] = BootstrapComparison(*scores)
        return found

    def _objectives(
        self,
        setting: TranslationTask,
        model: JointLM,
        texts: tuple[TokenShards, TokenShards],
        synthetic: Sequence[Bitext],
        known: Sequence[Bitext],
        usage: SubwordUsage,
        scratch: Path,
    ) -> dict[str, Objective]:
        languages = (texts[0].lang, texts[1].lang)
        renderer = partial(
            SyntheticSourceWriter, setting.tokenizer, languages, self.generation, self.filters, usage
        )
        made: dict[str, Objective] = {}
        if self.supervised is not None:
            if not known:
                raise BadInput("supervised learning needs pairs: give them with corpus.pairs=FILE")
            made["supervised"] = Supervised(setting, known, self.supervised, self.source_noise)
        if self.synthetic is not None:
            if not synthetic:
                raise BadInput("translator.synthetic needs a bootstrap=smt that writes pairs, or be null")
            made["synthetic"] = Synthetic(setting, synthetic, self.synthetic, self.source_noise)
        if self.denoising is not None:
            doubled = [Bitext(text, text) for text in texts]
            made["denoising"] = Denoising(setting, doubled, self.denoising, self.noise)
        if self.back_translation is not None:
            rounds = FrozenWriter(self.rounds, scratch) if self.rounds else None
            made["back_translation"] = BackTranslation(
                setting,
                texts,
                renderer(),
                self.back_translation,
                self.source_noise,
                self.batches_per_generation,
                rounds,
            )
        if self.dual_learning is not None:
            made["cycle"] = DualLearning(setting, texts, renderer(), model, self.dual_learning)
        if self.adversary is not None:
            width, generator = (
                model.embeddings.shape[1],
                torch.Generator().manual_seed(child_seed(setting.seed, "adversary")),
            )
            made["adversary"] = Adversary(setting, texts, self.adversary, width, generator)
        return made
