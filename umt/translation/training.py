"""Training of the translator: which objectives move the joint model, when, and which model is chosen.

One class serves every ``translator=...``: back-translation alone, with a language adversary, with dual
learning, with some true pairs, or true pairs and nothing else differ in their configuration only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from umt.lm.generation import Direction
from umt.lm.joint_lm import JointLM
from umt.lm.scoring import SequenceScorer
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Tokenizer
from umt.training.loop import fit
from umt.training.objective import Objective
from umt.training.optimiser import OptimiserConfig
from umt.translation.back_translation import BackTranslation, FrozenWriter
from umt.translation.bitext import Bitext, TextTranslator
from umt.translation.dual_learning import DualLearning
from umt.translation.language_adversary import Adversary
from umt.translation.noise import Noise
from umt.translation.objectives import Denoising, Supervised, Synthetic, TranslationTask
from umt.translation.quality.criteria import order_criterion, sample_sentences
from umt.translation.quality.filters import SubwordUsage
from umt.translation.quality.validation import Validation, ValidationSample
from umt.translation.settings import Batching, ObjectiveSchedules, SynthesisConfig, ValidationConfig
from umt.translation.synthesis import SyntheticSourceWriter
from umt.types import BadInput, Lang, ProgressCallback


@dataclass(frozen=True)
class TranslationData:
    """What a translator is trained on.

    texts: real sentences of source and target, unrelated. synthetic: pairs of a bootstrap, both ways: sources
    are synthetic, targets are real. parallel: true pairs, both ways, for a control or a ceiling only.
    """

    tokenizer: Tokenizer
    texts: tuple[TokenShards, TokenShards]
    synthetic: Sequence[Bitext] = ()
    parallel: Sequence[Bitext] = ()


@dataclass(frozen=True)
class TrainedTranslator:
    """The best model of a training.

    history: metrics of every validation. step: of the best model. stop_reason: why training was stopped
    early, or empty.
    """

    model: JointLM
    history: tuple[dict[str, float], ...]
    step: int
    stop_reason: str


class BootstrapComparison(NamedTuple):
    """Bits per byte of a sentence coded by way of its translation: the translator's, and the bootstrap's."""

    translator: float
    bootstrap: float

    @property
    def won(self) -> bool:
        """Whether the translator's code is the shorter one."""
        return self.translator < self.bootstrap


@dataclass(frozen=True)
class TranslatorTraining:
    """Trains a joint language model to translate both ways.

    schedules: when each objective takes part.
    architecture: ``t5gemma2`` or ``joint``, see `JointLM.divided`.
    parallel_pairs: true pairs for ``schedules.supervised``.
    noise: on the sources of denoising.
    source_noise: on the sources of the other objectives, null for none.
    word_dropout: share of the target's subwords that the model does not see while it predicts the next.
    average: decay, per update, of the exponential moving average of the weights that writes the sources of
        back-translation, is validated and is the result; 0: the weights themselves.
    kernels: see `umt.lm.joint_lm.JointLM`.
    """

    optimisation: OptimiserConfig
    schedules: ObjectiveSchedules
    architecture: Literal["t5gemma2", "joint"] = "t5gemma2"
    parallel_pairs: int = 0
    noise: Noise = field(default_factory=Noise)
    source_noise: Noise | None = None
    word_dropout: float = 0.0
    average: float = 0.99
    batching: Batching = field(default_factory=Batching)
    synthesis: SynthesisConfig = field(default_factory=SynthesisConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    kernels: bool = True

    def __post_init__(self) -> None:
        require(self, at_least_zero="parallel_pairs", within={"word_dropout": "[0, 1)", "average": "[0, 1)"})
        if (self.schedules.supervised is None) != (self.parallel_pairs == 0):
            raise ValueError(
                f"schedules.supervised and parallel_pairs={self.parallel_pairs} go together: "
                "give a schedule and a number, or null and 0"
            )

    def learn(
        self, model: JointLM, data: TranslationData, scratch: Path, seed: int, progress: ProgressCallback
    ) -> TrainedTranslator:
        """Train in ``scratch``, where a killed call is taken up again, and choose the best validation.

        Raises BadInput when an objective lacks its data.
        """
        steps, validation = self.optimisation.steps, self.validation
        usage = SubwordUsage.count(data.tokenizer, data.texts)
        task = TranslationTask(
            data.tokenizer, steps, self.batching.tokens, self.batching.max_tokens, seed, self.word_dropout
        )
        ordered = validation.criterion == "order"
        sample = {
            text.lang: sample_sentences(
                text, validation.sentences, self.batching.validation_length, seed, ordered
            )
            for text in data.texts
        }
        order = order_criterion(validation.order, model, data.tokenizer, sample) if ordered else None
        model = model.divided(self.architecture)
        callback = Validation(
            ValidationSample(sample, usage, order),
            data.tokenizer,
            self.synthesis.generation,
            validation.guard,
            validation.criterion,
            every=max(1, steps // validation.count),
            last=steps,
            directory=scratch,
            progress=progress,
        )
        average = (
            AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(self.average))  # type: ignore[no-untyped-call]
            if self.average
            else None
        )
        objectives = self._objectives(task, model, data, usage, scratch, average)

        def with_validation(what: str, done: int, total: int | None) -> None:
            progress(", ".join(filter(None, (what, callback.latest))), done, total)

        fit(model, objectives, self.optimisation, scratch, seed, with_validation, [callback], average=average)
        step, best = callback.best_model(model)
        return TrainedTranslator(best, tuple(callback.history), step, callback.stop_reason)

    def compare(
        self,
        model: JointLM,
        data: TranslationData,
        bootstrap: Mapping[tuple[Lang, Lang], TextTranslator],
        seed: int,
    ) -> dict[str, BootstrapComparison]:
        """Code lengths of round trips, by direction: is ``model`` better than its bootstrap?

        The scorer is ``model`` itself, so a narrow victory means little; a defeat means much.
        """
        tokenizer = data.tokenizer
        scorer, usage = SequenceScorer(model, tokenizer), SubwordUsage.count(tokenizer, data.texts)
        comparisons = {}
        for text, other in (data.texts, data.texts[::-1]):
            source, target = text.lang, other.lang
            sentences = sample_sentences(
                text, self.validation.sentences, self.batching.validation_length, seed
            )
            direction = Direction.between(tokenizer, source, target, usage.allowed(target))
            generator = torch.Generator().manual_seed(seed)
            outputs = self.synthesis.generation.generate(model, sentences, direction, generator)
            ours = [hypotheses[0].ids.astype(tokenizer.dtype) for hypotheses in outputs]
            raw = bootstrap[source, target].translate([tokenizer.decode(ids, source) for ids in sentences])
            theirs = tokenizer.encode(raw, target)
            comparisons[f"{source}-{target}"] = BootstrapComparison(
                *(
                    -scorer.criteria(sentences, translations, source, target)["code"]
                    for translations in (ours, theirs)
                )
            )
        return comparisons

    def _objectives(
        self,
        task: TranslationTask,
        model: JointLM,
        data: TranslationData,
        usage: SubwordUsage,
        scratch: Path,
        average: AveragedModel | None,
    ) -> dict[str, Objective]:
        """Objective by name; ``model``: before training."""
        schedules, texts = self.schedules, data.texts
        objectives: dict[str, Objective] = {}
        if schedules.supervised is not None:
            if not data.parallel:
                raise BadInput("supervised learning needs pairs: give them with corpus.pairs=FILE")
            objectives["supervised"] = Supervised(
                task, data.parallel, schedules.supervised, self.source_noise
            )
        if schedules.synthetic is not None:
            if not data.synthetic:
                raise BadInput(
                    "translator.schedules.synthetic needs a bootstrap that writes pairs: "
                    "choose one, such as bootstrap=smt, or give null"
                )
            objectives["synthetic"] = Synthetic(task, data.synthetic, schedules.synthetic, self.source_noise)
        if schedules.denoising is not None:
            doubled = [Bitext(text, text) for text in texts]
            objectives["denoising"] = Denoising(task, doubled, schedules.denoising, self.noise)
        if schedules.back_translation is not None:
            rounds = FrozenWriter(self.synthesis.rounds, scratch) if self.synthesis.rounds else None
            objectives["back_translation"] = BackTranslation(
                task,
                texts,
                self._writer(data, usage),
                schedules.back_translation,
                self.source_noise,
                self.synthesis.batches_per_generation,
                rounds,
                average,
            )
        if schedules.dual_learning is not None:
            objectives["cycle"] = DualLearning(
                task, texts, self._writer(data, usage), model, schedules.dual_learning
            )
        if schedules.adversary is not None:
            generator = torch.Generator().manual_seed(child_seed(task.seed, "adversary"))
            width = model.embeddings.shape[1]
            objectives["adversary"] = Adversary(task, texts, schedules.adversary, width, generator)
        return objectives

    def _writer(self, data: TranslationData, usage: SubwordUsage) -> SyntheticSourceWriter:
        languages = (data.texts[0].lang, data.texts[1].lang)
        return SyntheticSourceWriter(
            data.tokenizer, languages, self.synthesis.generation, self.synthesis.filters, usage
        )
