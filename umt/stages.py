"""The stages that ``train.py`` names: each reads finished artefacts, writes one directory and reports.

A stage is called by the store as ``stage(config, bench, *inputs)``; its report's ``summary`` is the line that
a person sees, its ``warnings`` are shown below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from umt.align import Aligner, Alignment
from umt.console import FAILED, CellFailed, Console, plain_errors
from umt.cooccurrence import read_tokens
from umt.corpus import HeldOut, Source
from umt.corpus.known import HasTrainingPairs, KnownPairs
from umt.corpus.leaks import leak_index
from umt.corpus.prepared import PreparedText
from umt.corpus.preparing import prepare_text
from umt.inflection import Inflection
from umt.lexicon import Dictionary
from umt.neural_stages import bits, languages_of, pretrain, tokenise, translate
from umt.pipeline.artefact import Artefact, settings_of
from umt.runtime.files import digest_of
from umt.smt.bootstrap import Bootstrap, BootstrapInputs
from umt.store import Bench
from umt.types import BadInput
from umt.wordspace import WordSpace

Report = Mapping[str, Any]


@runtime_checkable
class KnowsTruth(Protocol):
    """A generated corpus knows the true translations of its words."""

    def dictionary(self, part: str) -> Dictionary:
        """The ``train`` or the ``test`` part of the truth."""
        ...


@runtime_checkable
class Supervised(Protocol):
    """An aligner that is fitted on known translations."""

    def with_seeds(self, seeds: Dictionary) -> Aligner:
        """The same aligner, fitted on these."""
        ...


@dataclass(frozen=True)
class Supervision:
    """A true dictionary on its way to a supervised control: no other stage takes one."""

    dictionary: Dictionary

    def digest(self) -> str:
        """Hex digest of the pairs."""
        return digest_of({word: sorted(known) for word, known in self.dictionary.pairs.items()})


@contextmanager
def cell(console: Console) -> Iterator[None]:
    """`plain_errors` around a run; in a sweep they end this cell, and the others go on."""
    try:
        with plain_errors(console):
            yield
    except SystemExit as left:
        if left.code != FAILED or HydraConfig.get().mode != RunMode.MULTIRUN:
            raise
        raise CellFailed(str(left.__context__)) from None


def corpus(config: DictConfig) -> Source:
    """The text to learn from; raises BadInput when there is none."""
    if not config.corpus:
        raise BadInput("corpus=none holds no text to learn from: choose another corpus")
    return cast(Source, instantiate(config.corpus))


def elsewhere(config: DictConfig) -> tuple[Source, ...]:
    """Text about something else, where the configuration names any: a control of `umt.bits`."""
    return (instantiate(config.elsewhere),) if config.elsewhere else ()


def held_out(config: DictConfig, source: Source) -> tuple[HeldOut, ...]:
    """Every held-out set: those that belong to the corpus, and those the configuration adds.

    Raises BadInput when two have one name.
    """
    added = [instantiate(each, name=name) for name, each in config.evaluation.sets.items()]
    sets = (*source.held_out(), *added)
    names = sorted(each.name for each in sets)
    if len(set(names)) < len(names):
        raise BadInput(f"two held-out sets have one name among {names}: rename one in evaluation.sets")
    return sets


def dictionary(config: DictConfig, source: Source, part: str) -> Dictionary | None:
    """A true dictionary: a configured file, else what a generated corpus knows, else None.

    The ``test`` part scores; the ``train`` part fits the supervised control and nothing else.
    """
    path = config.evaluation.dictionary[part]
    if path is not None:
        return Dictionary.read(Path(path))
    return source.dictionary(part) if isinstance(source, KnowsTruth) else None


def supervision(config: DictConfig, source: Source) -> Supervision | None:
    """What the supervised control is fitted on, where anything is known."""
    known = dictionary(config, source, "train")
    return None if known is None else Supervision(known)


def known(config: DictConfig, source: Source, sets: Sequence[HeldOut]) -> KnownPairs | None:
    """The true pairs that a supervised translator asks for, without those of a held-out set; None for any
    other. Raises BadInput when there are none, or when ``audit=strict`` and some stand in a held-out set.
    """
    count = config.translator.get("known", 0) if config.translator else 0
    if not count:
        return None
    if not isinstance(source, HasTrainingPairs):
        raise BadInput(
            f"translator.known={count} needs true pairs, and corpus={type(source).__name__} has none"
        )
    first, second = source.languages
    leaks = {
        lang: leak_index(lang, other, sets, config.preparation.split_above)
        for lang, other in ((first, second), (second, first))
    }
    pairs = source.training_pairs(count, leaks)
    taken = sum(1 for _ in pairs.examples())  # all are looked at now, not after hours
    if pairs.left_out and config.audit == "strict":
        raise BadInput(
            f"audit=strict: {pairs.left_out:,} of the true pairs stand in a held-out set: "
            f"take them out or run with audit=report"
        )
    if not taken:
        raise BadInput("corpus.pairs holds no pair of sentences that stands in no held-out set")
    return pairs


def chosen(config: DictConfig) -> DictConfig:
    """``config`` without what an experiment says of a group that was then left out (``translator=none``)."""
    told = config.copy()
    for group in ("bootstrap", "lm", "translator", "bits", "elsewhere"):
        if told[group] and "_target_" not in told[group]:
            told[group] = None
    return told


def needs_lm(config: DictConfig) -> bool:
    """Whether the bootstrap starts from the joint language model.

    Raises BadInput when there is to be none.
    """
    needs = bool(config.bootstrap) and cast(Bootstrap, get_class(config.bootstrap._target_)).needs_lm
    if needs and not config.lm:
        raise BadInput("the bootstrap starts from the joint language model: choose an lm other than none")
    return needs


def prepare(config: DictConfig, bench: Bench, source: Source, *sets: HeldOut) -> Report:
    """Raw text to clean, segmented text without the held-out sentences; known by its content from here on."""
    report = prepare_text(source, sets, instantiate(config), bench.directory, bench.progress)
    return {**report, "content": PreparedText(bench.directory).digest()}


def words(config: DictConfig, bench: Bench, text: Artefact) -> Report:
    """Segmented text to one word space a language."""
    builder = instantiate(config)
    languages = languages_of(text)
    sizes = []
    for number, lang in enumerate(languages):
        bench.progress("word spaces", number, len(languages))
        space = builder.build(lang, read_tokens(text.path / f"{lang}.words"), bench.generator())
        space.save(bench.directory)
        sizes.append(f"{len(space.words):,} {lang} words")
    return {"languages": languages, "summary": ", ".join(sizes)}


def align(config: DictConfig, bench: Bench, spaces: Artefact) -> Report:
    """Two word spaces to one shared space and a lexicon each way."""
    source, target = _spaces(spaces)
    alignment = instantiate(config).align(source, target, bench.generator())
    return _aligned(alignment, bench, spaces)


def control(config: DictConfig, bench: Bench, text: Artefact, spaces: Artefact, known: Supervision) -> Report:
    """The supervised control: the same word spaces, mapped with a true dictionary.

    Raises BadInput when the aligner takes none.
    """
    source, target = _spaces(spaces)
    seeds = known.dictionary.of_stems(*stems(text))
    aligner = instantiate(config)
    if not isinstance(aligner, Supervised):
        raise BadInput(
            f"aligner@control must be a supervised aligner such as procrustes, not {type(aligner).__name__}"
        )
    fitted = aligner.with_seeds(seeds).align(source, target, bench.generator())
    return _aligned(fitted, bench, spaces)


def stems(text: Artefact) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Form -> stem of the words of source and target whose endings are words of their own."""
    inflections = PreparedText(text.path).inflections
    source, target = (inflections.get(lang, Inflection()).stem_of for lang in languages_of(text))
    return source, target


def bootstrap(
    config: DictConfig,
    bench: Bench,
    text: Artefact,
    bridge: Artefact,
    tokens: Artefact | None = None,
    model: Artefact | None = None,
) -> Report:
    """A lexicon each way, or prompts to a language model, to a first translator each way."""
    alignment = Alignment.load(bridge.path)
    inputs = BootstrapInputs(
        PreparedText(text.path),
        languages_of(text),
        (alignment.lexicon, alignment.reverse),
        (alignment.source, alignment.target),
        alignment.verdict.certainty,
        bench.seed,
        tokens.path if tokens else None,
        model.path if model else None,
    )
    strategy: Bootstrap = instantiate(config)
    return {"languages": languages_of(text), **strategy.write(inputs, bench.directory, bench.progress)}


def run(config: DictConfig, bench: Bench, *parts: Artefact) -> Report:
    """One run: which artefacts it consists of, under one roof for its scores."""
    (bench.directory / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")
    return {"parts": [part.path.name for part in parts], "summary": ""}


STAGES = (prepare, words, align, control, bootstrap, tokenise, pretrain, translate, bits, run)


def to_rebuild(config: DictConfig) -> tuple[str, ...]:
    """The stages that ``rebuild`` names; raises BadInput when one does not exist."""
    known = [stage.__name__ for stage in STAGES]
    asked = [str(name) for name in config.rebuild]
    for name in asked:
        if name not in known:
            raise BadInput(
                f"rebuild={config.rebuild} names no stage '{name}': choose among {', '.join(known)}"
            )
    return tuple(asked)


_OTHERS = ("beside", "compare")


def recipe(config: DictConfig) -> DictConfig:
    """What a run is, apart from where it lies, what is to be built again, what it is compared with and the
    machine."""
    settings = settings_of(config)
    for key in ("store", "rebuild", "runtime"):
        del settings[key]
    for key in _OTHERS:
        settings["evaluation"].pop(key, None)
    return cast(DictConfig, OmegaConf.create(settings))


def directions(artefact: Artefact) -> tuple[str, str]:
    """The names of both directions, such as ``en-zh`` and ``zh-en``."""
    source, target = languages_of(artefact)
    return f"{source}-{target}", f"{target}-{source}"


def _spaces(artefact: Artefact) -> tuple[WordSpace, WordSpace]:
    source, target = languages_of(artefact)
    return WordSpace.load(artefact.path, source), WordSpace.load(artefact.path, target)


def _aligned(alignment: Alignment, bench: Bench, spaces: Artefact) -> Report:
    alignment.save(bench.directory)
    verdict = alignment.verdict
    told = f"{verdict.label}: {verdict.reason}"
    failed = verdict.label == "failed"
    return {
        "languages": languages_of(spaces),
        "verdict": {"label": verdict.label, "reason": verdict.reason},
        "summary": "no alignment was found" if failed else told,
        "warnings": [told] if failed else [],
    }
