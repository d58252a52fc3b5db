"""Groups of hyper-parameters of `umt.translation.training.TranslatorTraining`."""

from __future__ import annotations

from dataclasses import dataclass, field

from umt.lm.generation import Generation
from umt.lm.sentence_order import SentenceOrder
from umt.runtime.validate import require
from umt.training.schedule import Schedule
from umt.translation.dual_learning import DualLearningConfig
from umt.translation.quality.collapse_guard import CollapseGuard
from umt.translation.quality.criteria import Criterion, check_criterion
from umt.translation.quality.filters import Filters


@dataclass(frozen=True)
class ObjectiveSchedules:
    """Which objectives are minimised, and in what share of the updates each takes part; null leaves one out.

    synthetic: real sentences from synthetic sources that the bootstrap wrote.
    denoising: sentences from noisy copies of themselves.
    back_translation: real sentences from synthetic sources that the model wrote.
    dual_learning: rewards for round trips, with how they are sampled.
    adversary: hidden states that do not tell the language.
    supervised: true translations, for a control or a ceiling only.

    Raises ValueError when no objective is left that teaches to translate.
    """

    synthetic: Schedule | None = None
    denoising: Schedule | None = None
    back_translation: Schedule | None = None
    dual_learning: DualLearningConfig | None = None
    adversary: Schedule | None = None
    supervised: Schedule | None = None

    def __post_init__(self) -> None:
        require(self)
        teaching = ("synthetic", "denoising", "back_translation", "dual_learning", "supervised")
        if all(getattr(self, name) is None for name in teaching):
            raise ValueError(f"nothing to learn: {', '.join(teaching[:-1])} and {teaching[-1]} are null")


@dataclass(frozen=True)
class Batching:
    """Sizes of batches and sequences.

    tokens: subwords of a batch of each objective, padding included.
    max_tokens: subwords of a sequence, both sentences and the three tags.
    """

    tokens: int = 2048
    max_tokens: int = 250

    def __post_init__(self) -> None:
        require(self, positive="tokens max_tokens")

    @property
    def sentence_length(self) -> int:
        """Subwords of a sentence that fits into ``max_tokens`` with a translation as long and three tags."""
        return max(1, (self.max_tokens - 3) // 2)

    @property
    def validation_length(self) -> int:
        """Subwords of the longest sentence that is translated for validation or comparison."""
        return self.max_tokens // 3


@dataclass(frozen=True)
class SynthesisConfig:
    """How synthetic sources are written and filtered.

    bootstrap_sentences: sentences of each language that the bootstrap translates for ``synthetic``.
    batches_per_generation: batches that back-translation writes at once.
    rounds: how often the weights that write are renewed; 0: they are those of the moment.
    filters: which synthetic sources are learned from.
    generation: how the model writes, for back-translation and for validation.
    """

    bootstrap_sentences: int = 35_000
    batches_per_generation: int = 3
    rounds: int = 0
    filters: Filters = field(default_factory=Filters)
    generation: Generation = field(default_factory=Generation)

    def __post_init__(self) -> None:
        require(self, positive="bootstrap_sentences batches_per_generation", at_least_zero="rounds")


@dataclass(frozen=True)
class ValidationConfig:
    """How the model is examined during training, without parallel text.

    count: validations over the training.
    sentences: sentences of each language that a validation translates.
    criterion: by which the best model is chosen: ``round_trip``, ``code``, ``agreement`` or ``order``, which
        validates on consecutive sentences.
    order: how ``criterion=order`` compares.
    guard: what counts as a collapse.
    """

    count: int = 6
    sentences: int = 100
    criterion: Criterion = "round_trip"
    order: SentenceOrder = field(default_factory=SentenceOrder)
    guard: CollapseGuard = field(default_factory=CollapseGuard)

    def __post_init__(self) -> None:
        check_criterion(self.criterion)
        require(self, positive="count sentences")
