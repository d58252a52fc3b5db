"""What a configuration feeds into the stages: corpora, held-out sets, dictionaries and parallel pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from umt.corpus import HeldOut, Source
from umt.corpus.dictionary import Dictionary
from umt.corpus.known_pairs import HasTrainingPairs, TrainingPairs
from umt.corpus.preparation.held_out_filter import leak_index
from umt.corpus.reading import path_of
from umt.corpus.test_sets import named_sets
from umt.embeddings.pretrained_vectors import VectorFiles
from umt.evaluation.metrics import Metric, metric_named
from umt.pipeline.artefact import settings_of
from umt.runtime.files import digest_of, file_digest
from umt.types import BadInput, Lang


@runtime_checkable
class KnowsTruth(Protocol):
    """A generated corpus knows the true translations of its words."""

    def dictionary(self, part: str) -> Dictionary:
        """The ``train`` or the ``test`` part of the truth."""
        ...


@dataclass(frozen=True)
class Supervision:
    """A true dictionary on its way to a supervised control: no other stage takes one."""

    dictionary: Dictionary

    def digest(self) -> str:
        """Hex digest of the pairs."""
        return digest_of({word: sorted(known) for word, known in self.dictionary.pairs.items()})


@dataclass(frozen=True)
class NoText:
    """The source of a run on vectors alone; ``files``, one a language, tell one run from another."""

    languages: tuple[Lang, Lang]
    files: tuple[Path, ...]
    relation: str | None = None

    def sentences(self, lang: Lang) -> Iterator[str]:
        """None."""
        return iter(())

    def digest(self) -> str:
        """Hex digest of the files."""
        return digest_of([file_digest(path) for path in self.files])

    def held_out(self) -> tuple[HeldOut, ...]:
        """None."""
        return ()


def corpus(config: DictConfig) -> Source:
    """The text to learn from; raises BadInput when there is neither text nor files of vectors."""
    if config.corpus:
        return cast(Source, instantiate(config.corpus))
    builder = instantiate(config.words)
    if not isinstance(builder, VectorFiles):
        raise BadInput("corpus=none holds no text to learn from: choose another corpus, or words=file")
    first, second = map(Lang, config.languages)
    return NoText((first, second), tuple(path for lang in (first, second) for path in builder.files(lang)))


def other_domain_sources(config: DictConfig) -> tuple[Source, ...]:
    """Text of another domain, where the configuration names any: a control of
    `umt.compression.mutual_information`."""
    return (instantiate(config.other_domain),) if config.other_domain else ()


def held_out(config: DictConfig, source: Source) -> tuple[HeldOut, ...]:
    """Every held-out set: those of the corpus, and those of ``evaluation.sets`` that are not null.

    Raises BadInput when two have one name.
    """
    if not config.corpus:
        return ()  # nothing that could translate them
    added: list[HeldOut] = []
    for name, value in config.evaluation.sets.items():
        if isinstance(value, DictConfig):
            added.append(instantiate(value, name=name))
        elif isinstance(value, (str, ListConfig)):
            texts = value if isinstance(value, str) else [*map(str, value)]
            added += named_sets(str(name), texts, source.languages)
        elif value is not None:  # switched off
            raise BadInput(f"evaluation.sets.{name} must be a test set or null to switch it off, got {value}")
    sets = (*source.held_out(), *added)
    names = sorted(held_out_set.name for held_out_set in sets)
    if len(set(names)) < len(names):
        raise BadInput(f"two held-out sets have one name among {names}: rename one in evaluation.sets")
    return sets


def metrics(config: DictConfig) -> list[Metric]:
    """Those of ``evaluation.metrics``, each a word or a node; raises BadInput for a word that is none."""
    return [
        instantiate(metric) if isinstance(metric, DictConfig) else metric_named(metric)
        for metric in config.evaluation.metrics
    ]


def dictionary(config: DictConfig, source: Source, part: str) -> Dictionary | None:
    """A true dictionary: a configured file, else what a generated corpus knows, else None.

    The ``test`` part scores; the ``train`` part fits the supervised control and scores the others in
    development.
    """
    if path := dictionary_file(config, part):
        return Dictionary.read(path, source.languages)
    return source.dictionary(part) if isinstance(source, KnowsTruth) else None


def dictionary_file(config: DictConfig, part: str) -> Path | None:
    """The file of ``evaluation.dictionary``; None for null. Raises BadInput where its name is empty."""
    option = config.evaluation.dictionary[part]
    path = path_of(option)
    if path is None and option is not None:
        raise BadInput(f"evaluation.dictionary.{part} is an empty path: give a file, or null for none")
    return path


def scored_dictionary(config: DictConfig, source: Source) -> Dictionary | None:
    """The dictionary that lexicons are scored on: of ``evaluation.split=dev`` the ``train`` part."""
    return dictionary(config, source, "test" if config.evaluation.split == "test" else "train")


def supervised_dictionary(config: DictConfig, source: Source) -> Supervision | None:
    """What the supervised control is fitted on, where anything is known."""
    known = dictionary(config, source, "train")
    return None if known is None else Supervision(known)


def parallel_pairs(config: DictConfig, source: Source, sets: Sequence[HeldOut]) -> TrainingPairs | None:
    """The true pairs that a supervised translator asks for, without those of a held-out set; None for any
    other. Raises BadInput when there are none, or when ``audit=strict`` and some stand in a held-out set.
    """
    count = config.translator.get("parallel_pairs", 0) if config.translator else 0
    if not count:
        return None
    if not isinstance(source, HasTrainingPairs):
        raise BadInput(
            f"translator.parallel_pairs={count} needs true pairs, and corpus={type(source).__name__} has none"
        )
    first, second = source.languages
    leaks = {
        lang: leak_index(lang, other, sets, config.preparation.split_above)
        for lang, other in ((first, second), (second, first))
    }
    pairs = source.training_pairs(count, leaks)
    used = sum(1 for _ in pairs.examples())  # all are checked now, not after hours
    if pairs.left_out and config.audit == "strict":
        raise BadInput(
            f"audit=strict: {pairs.left_out:,} of the true pairs stand in a held-out set: "
            f"take them out or run with audit=report"
        )
    if not used:
        raise BadInput("corpus.pairs holds no pair of sentences that stands in no held-out set")
    return pairs


def drop_unselected(config: DictConfig) -> DictConfig:
    """``config`` without options that an experiment sets in a group left out (``translator=none``), and
    without all that needs a text where there is none."""
    selected = config.copy()
    if not config.corpus:
        selected.update(dict.fromkeys(("bootstrap", "lm", "translator", "bits")))
    for group in ("bootstrap", "lm", "translator", "bits", "other_domain"):
        if selected[group] and "_target_" not in selected[group]:
            selected[group] = None
    return selected


NOT_OF_A_RUN = ("store", "rebuild", "resume", "runtime", "on_failed", "tracking")
NOT_OF_ITS_EVALUATION = ("external", "compare", "order", "split")
"""Options that make no other run: its place, what is built again or compared with it, the machine."""


def run_identity(config: DictConfig) -> DictConfig:
    """What a run is: all options but `NOT_OF_A_RUN`."""
    settings = settings_of(config)
    for key in NOT_OF_A_RUN:
        del settings[key]
    for key in NOT_OF_ITS_EVALUATION:
        settings["evaluation"].pop(key, None)
    return cast(DictConfig, OmegaConf.create(settings))
