"""The stages that ``train.py`` names: each reads finished artefacts, writes one directory and reports.

A stage is called by the store as ``stage(config, bench, *inputs)``; its report's ``summary`` is the line that
a person sees, its ``warnings`` are shown below it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from umt.align import Alignment
from umt.align.procrustes import Procrustes
from umt.bitexts import known as known_bitexts
from umt.bitexts import synthetic
from umt.cooccurrence import read_tokens
from umt.corpus import HeldOut, Source
from umt.corpus.files import Files
from umt.corpus.known import KnownPairs, PairsFile, WorldExamples
from umt.corpus.prepared import PreparedText, prepare_text
from umt.corpus.world.source import World
from umt.filters import Usage
from umt.joint_lm import JointLM
from umt.lexical import LexicalTranslator
from umt.lexicon import Dictionary
from umt.loop import LOG
from umt.neural_translator import NeuralTranslator
from umt.shards import Shards, write_shards
from umt.store import Artefact, Bench, digest_of
from umt.team import assemble
from umt.tokenizer import Tokenizer
from umt.translator import Translation
from umt.types import BadInput, Lang
from umt.wordspace import WordSpace

Report = Mapping[str, Any]


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


def corpus(config: DictConfig) -> Source:
    """The text to learn from."""
    return cast(Source, instantiate(config.corpus))


def held_out(config: DictConfig, source: Source) -> tuple[HeldOut, ...]:
    """Every held-out set: those that belong to the corpus, and those the configuration adds."""
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


def known(config: DictConfig, source: Source) -> tuple[KnownPairs, ...]:
    """The true pairs that a supervised translator asks for; none for any other."""
    count = config.translator.get("known", 0) if config.translator else 0
    if not count:
        return ()
    if isinstance(source, World):
        return (WorldExamples(source, count),)
    if isinstance(source, Files) and source.pairs is not None:
        return (PairsFile(source.pairs, source.languages, count),)
    raise BadInput(f"translator.known={count} needs true pairs: give them with corpus.pairs=FILE")


def prepare(config: DictConfig, bench: Bench, source: Source, *sets: HeldOut) -> Report:
    """Raw text to clean, segmented text without the held-out sentences."""
    return prepare_text(source, sets, instantiate(config), bench.directory, bench.progress)


def words(config: DictConfig, bench: Bench, text: Artefact) -> Report:
    """Segmented text to one word space a language."""
    builder = instantiate(config)
    languages = _languages(text)
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


def control(config: DictConfig, bench: Bench, spaces: Artefact, known: Supervision) -> Report:
    """The supervised control: the same word spaces, mapped with a true dictionary."""
    source, target = _spaces(spaces)
    aligner = instantiate(config)
    if not isinstance(aligner, Procrustes):
        raise BadInput(
            f"aligner@control must be a supervised aligner such as procrustes, not {type(aligner).__name__}"
        )
    fitted = replace(aligner, seeds=known.dictionary).align(source, target, bench.generator())
    return _aligned(fitted, bench, spaces)


def tokenise(config: DictConfig, bench: Bench, text: Artefact) -> Report:
    """Clean text to a joint vocabulary and memory-mapped subword numbers."""
    prepared = PreparedText(text.path)
    languages = _languages(text)
    tokenizer = instantiate(config).learn({lang: prepared.lines_of_words(lang) for lang in languages})
    tokenizer.save(bench.directory)
    sizes = {}
    for number, lang in enumerate(languages):
        bench.progress("subwords", number, len(languages))
        _, sizes[lang] = write_shards(prepared.sentences(lang), lang, tokenizer, bench.directory)
    told = ", ".join(f"{size:,} {lang}" for lang, size in sizes.items())
    return {
        "languages": languages,
        "subwords": sizes,
        "summary": f"{len(tokenizer):,} subwords; {told} in text",
    }


def pretrain(config: DictConfig, bench: Bench, tokens: Artefact, bridge: Artefact) -> Report:
    """Subwords of both languages to one language model."""
    tokenizer = Tokenizer.load(tokens.path)
    shards = {lang: Shards(tokens.path, lang) for lang in _languages(tokens)}
    alignment = Alignment.load(bridge.path)
    strategy = instantiate(config)
    model, records = strategy.train(
        tokenizer, shards, alignment, bench.scratch, bench.generator(), bench.progress, assemble()
    )
    model.save(bench.directory)
    tokenizer.save(bench.directory)
    shutil.copy(bench.scratch / LOG, bench.directory / LOG)
    shutil.copytree(bench.scratch / "tensorboard", bench.directory / "tensorboard", dirs_exist_ok=True)
    last = {name: round(value, 4) for name, value in records[-1].items()}
    told = [f"{value:.3f} bits/byte {name.split('/')[0]}" for name, value in last.items() if "bits" in name]
    size = f"{sum(weight.numel() for weight in model.parameters()) / 1e6:.2f}M parameters"
    return {"languages": _languages(tokens), "last": last, "summary": "; ".join([*told, size])}


def bootstrap(config: DictConfig, bench: Bench, text: Artefact, bridge: Artefact) -> Report:
    """A lexicon each way to a first translator each way."""
    source, target = _languages(text)
    alignment = Alignment.load(bridge.path)
    translators = instantiate(config).fit(
        PreparedText(text.path),
        source,
        target,
        alignment.lexicon,
        alignment.reverse,
        bench.generator(),
        bench.progress,
    )
    for translator, direction in zip(translators, directions(text), strict=True):
        translator.save(bench.directory / direction)
    return {"languages": [source, target], "summary": f"{source} to {target} and back"}


def translate(
    config: DictConfig,
    bench: Bench,
    text: Artefact,
    tokens: Artefact,
    model: Artefact,
    lexical: Artefact,
    *pairs: KnownPairs,
) -> Report:
    """A joint language model to a translator both ways; only a supervised control is given ``pairs``."""
    strategy: Translation = instantiate(config)
    tokenizer = Tokenizer.load(tokens.path)
    source, target = _languages(text)
    texts = (Shards(tokens.path, source), Shards(tokens.path, target))
    bootstrap = {
        (here, there): LexicalTranslator.load(lexical.path / f"{here}-{there}")
        for here, there in ((source, target), (target, source))
    }
    written = []
    if strategy.synthetic is not None:
        prepared, place = PreparedText(text.path), bench.scratch / "synthetic"
        written = synthetic(prepared, bootstrap, tokenizer, strategy.written, place, bench.progress)
    told = [bitext for each in pairs for bitext in known_bitexts(each, tokenizer, bench.scratch)]
    start = JointLM.load(model.path)
    learned = strategy.learn(
        start, tokenizer, texts, written, told, bench.scratch, bench.seed, bench.progress
    )
    usage = Usage.count(tokenizer, texts)
    NeuralTranslator(
        source,
        target,
        learned.model,
        tokenizer,
        {lang: usage.written(lang) for lang in (source, target)},
        longest=max(1, (strategy.longest - 3) // 2),
    ).save(bench.directory)
    duel = strategy.duel(learned.model, tokenizer, texts, bootstrap, bench.seed)
    lost = [
        f"{way}: the bootstrap tells more than the translator" for way, each in duel.items() if not each.won
    ]
    [score] = [each for each in learned.history if each["step"] == learned.step]
    return {
        "languages": [source, target],
        "history": learned.history,
        "duel": {way: each._asdict() for way, each in duel.items()},
        "summary": f"round trip {score['round_trip']:.1f} BLEU at step {learned.step}",
        "warnings": [each for each in (learned.complaint, *lost) if each],
    }


def run(config: DictConfig, bench: Bench, *parts: Artefact) -> Report:
    """One run: which artefacts it consists of, under one roof for its scores."""
    (bench.directory / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")
    return {"parts": [part.path.name for part in parts], "summary": ""}


STAGES = (prepare, words, align, control, bootstrap, tokenise, pretrain, translate, run)


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


def recipe(config: DictConfig) -> DictConfig:
    """What a run is, apart from where it lies and what was asked to be built again."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key not in {"store", "rebuild"}])


def directions(artefact: Artefact) -> tuple[str, str]:
    """The names of both directions, such as ``en-zh`` and ``zh-en``."""
    source, target = _languages(artefact)
    return f"{source}-{target}", f"{target}-{source}"


def _languages(artefact: Artefact) -> tuple[Lang, Lang]:
    source, target = artefact.report["languages"]
    return Lang(source), Lang(target)


def _spaces(artefact: Artefact) -> tuple[WordSpace, WordSpace]:
    source, target = _languages(artefact)
    return WordSpace.load(artefact.path, source), WordSpace.load(artefact.path, target)


def _aligned(alignment: Alignment, bench: Bench, spaces: Artefact) -> Report:
    alignment.save(bench.directory)
    verdict = alignment.verdict
    told = f"{verdict.label}: {verdict.reason}"
    failed = verdict.label == "failed"
    return {
        "languages": _languages(spaces),
        "verdict": {"label": verdict.label, "reason": verdict.reason},
        "summary": "no alignment was found" if failed else told,
        "warnings": [told] if failed else [],
    }
