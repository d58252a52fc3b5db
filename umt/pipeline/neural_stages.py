"""The neural stages of ``train.py``: subwords, the joint language model, the translator; see
`umt.pipeline.stages`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from umt.align import Alignment
from umt.compression.mutual_information import BITS, MutualInformation
from umt.corpus.known_pairs import TrainingPairs
from umt.corpus.prepared_text import PreparedText
from umt.lm.loading import best_device, load, record_objectives, save
from umt.pipeline.artefact import Artefact
from umt.pipeline.saved import bootstrap_translator
from umt.pipeline.store import StageContext
from umt.runtime.distributed import init_process_group
from umt.runtime.files import write_json
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.training.loop import LOG
from umt.translation.bitext import (
    Bitext,
    TextTranslator,
    encode_parallel_pairs,
    load_bootstrap_pairs,
    synthetic_pairs,
)
from umt.translation.quality.filters import SubwordUsage
from umt.translation.quality.validation import LOG as HEALTH
from umt.translation.training import (
    BootstrapComparison,
    TrainedTranslator,
    TranslationData,
    TranslatorTraining,
)
from umt.translation.translator import NeuralTranslator
from umt.types import Lang

Report = Mapping[str, Any]


def languages_of(artefact: Artefact) -> tuple[Lang, Lang]:
    """(source, target) of an artefact that remembers them."""
    source, target = artefact.report["languages"]
    return Lang(source), Lang(target)


def tokenise(config: DictConfig, context: StageContext, text: Artefact) -> Report:
    """Clean text to a joint vocabulary and memory-mapped subword numbers."""
    prepared = PreparedText(text.path)
    languages = languages_of(text)
    lines = {lang: prepared.bpe_training_lines(lang) for lang in languages}
    tokenizer = instantiate(config).learn(lines, prepared.inflections)
    tokenizer.save(context.directory)
    sizes = {}
    for number, lang in enumerate(languages):
        context.progress("subwords", number, len(languages))
        _, sizes[lang] = write_shards(prepared.sentences(lang), lang, tokenizer, context.directory)
    counts = ", ".join(f"{size:,} {lang}" for lang, size in sizes.items())
    return {
        "languages": languages,
        "subwords": sizes,
        "summary": f"{len(tokenizer):,} subwords; {counts} in text",
    }


def pretrain(config: DictConfig, context: StageContext, tokens: Artefact, alignment: Artefact) -> Report:
    """Subwords of both languages to one language model."""
    tokenizer = Tokenizer.load(tokens.path)
    shards = {lang: TokenShards(tokens.path, lang) for lang in languages_of(tokens)}
    spaces = Alignment.load(alignment.path)
    strategy = instantiate(config)
    model, records = strategy.train(
        tokenizer,
        shards,
        (spaces.source, spaces.target),
        context.scratch,
        context.generator(),
        context.progress,
        init_process_group(),
    )
    save(model, context.directory)
    tokenizer.save(context.directory)
    _keep_logs(context)
    last = {name: round(value, 4) for name, value in records[-1].items()}
    costs = [f"{value:.3f} bits/byte {name.split('/')[0]}" for name, value in last.items() if "bits" in name]
    size = f"{sum(weight.numel() for weight in model.parameters()) / 1e6:.2f}M parameters"
    return {"languages": languages_of(tokens), "last": last, "summary": "; ".join([*costs, size])}


def train_translator(
    config: DictConfig,
    context: StageContext,
    text: Artefact,
    tokens: Artefact,
    model: Artefact,
    bootstrap: Artefact | None,
    pairs: TrainingPairs | None,
) -> Report:
    """A joint language model to a translator both ways.

    pairs: true ones, for a supervised control only.
    """
    strategy: TranslatorTraining = instantiate(config)
    tokenizer = Tokenizer.load(tokens.path)
    source, target = languages_of(text)
    texts = (TokenShards(tokens.path, source), TokenShards(tokens.path, target))
    first = bootstrap_translators(bootstrap, (source, target), strategy.kernels)
    data = TranslationData(
        tokenizer,
        texts,
        synthetic=_synthetic_pairs(strategy, bootstrap, first, text, tokenizer, context),
        parallel=encode_parallel_pairs(pairs, tokenizer, context.scratch) if pairs else [],
    )
    learned = strategy.learn(
        load(model.path, strategy.kernels).to(best_device()),
        data,
        context.scratch,
        context.seed,
        context.progress,
    )
    # trained on translation alone: the objectives of the language model no longer describe it
    record_objectives(learned.model, ["translation"])
    usage = SubwordUsage.count(tokenizer, texts)
    NeuralTranslator(
        source,
        target,
        learned.model,
        tokenizer,
        {lang: usage.allowed(lang) for lang in (source, target)},
        longest=strategy.batching.sentence_length,
    ).save(context.directory)
    _keep_logs(context)
    comparison = strategy.compare(learned.model, data, first, context.seed) if first else {}
    report = _translator_report(strategy, learned, comparison, data.parallel, pairs)
    return {"languages": [source, target], **report}


def bootstrap_translators(
    bootstrap: Artefact | None,
    languages: tuple[Lang, Lang],
    kernels: bool = True,
) -> dict[tuple[Lang, Lang], TextTranslator]:
    """(from, to) -> what a bootstrap translates with, its search shortened; empty without a bootstrap."""
    if bootstrap is None:
        return {}
    source, target = languages
    return {
        way: bootstrap_translator(
            bootstrap.path,
            bootstrap.report["kind"],
            *way,
            fast=True,
            kernels=kernels,
        )
        for way in ((source, target), (target, source))
    }


def _synthetic_pairs(
    strategy: TranslatorTraining,
    bootstrap: Artefact | None,
    first: Mapping[tuple[Lang, Lang], TextTranslator],
    text: Artefact,
    tokenizer: Tokenizer,
    context: StageContext,
) -> list[Bitext]:
    """Synthetic pairs stored by the bootstrap, else translated by it now; none if none are learned from."""
    if strategy.schedules.synthetic is None or bootstrap is None:
        return []
    return load_bootstrap_pairs(bootstrap.path, languages_of(text)) or synthetic_pairs(
        PreparedText(text.path),
        first,
        tokenizer,
        strategy.synthesis.bootstrap_sentences,
        context.scratch / "synthetic",
        context.progress,
    )


def _translator_report(
    strategy: TranslatorTraining,
    learned: TrainedTranslator,
    comparison: Mapping[str, BootstrapComparison],
    parallel: Sequence[Bitext],
    pairs: TrainingPairs | None,
) -> Report:
    """The report of the stage: round-trip scores, the comparison with the bootstrap, warnings."""
    count = len(parallel[0].source) if parallel else 0
    warnings = [
        f"{way}: the bootstrap's translations cost fewer bits than the translator's"
        for way, outcome in comparison.items()
        if not outcome.won
    ]
    warnings += parallel_pair_warnings(strategy.parallel_pairs, count, pairs.left_out if pairs else 0)
    if pairs and pairs.incomplete:
        warnings.append(f"{pairs.incomplete:,} lines of the true pairs are blank or have an empty side")
    [score] = [entry for entry in learned.history if entry["step"] == learned.step]
    return {
        "parallel_pairs": count,
        "history": learned.history,
        "comparison": {way: outcome._asdict() for way, outcome in comparison.items()},
        "summary": f"round trip {score['round_trip']:.1f} BLEU at step {learned.step}",
        "warnings": [sentence for sentence in (learned.stop_reason, *warnings) if sentence],
    }


def parallel_pair_warnings(requested: int, used: int, left_out: int) -> list[str]:
    """Warnings about true pairs."""
    warnings = [f"{left_out:,} true pairs stand in a held-out set and were left out"] if left_out else []
    if used < requested:
        warnings.append(f"{requested:,} true pairs were asked for, the corpus has {used:,}")
    return warnings


def _keep_logs(context: StageContext) -> None:
    """Copy the training logs next to the network, for the report and for TensorBoard."""
    for name in (LOG, HEALTH):
        if (context.scratch / name).exists():
            shutil.copy(context.scratch / name, context.directory / name)
    shutil.copytree(context.scratch / "tensorboard", context.directory / "tensorboard", dirs_exist_ok=True)


def bits(config: DictConfig, context: StageContext, text: Artefact, *other_domain: Artefact) -> Report:
    """The mutual information of the two languages' texts: code lengths in bits, alone and together."""
    strategy: MutualInformation = instantiate(config)
    languages = languages_of(text)
    texts = {lang: PreparedText(text.path).sentences(lang) for lang in languages}
    others = [line for source in other_domain for line in PreparedText(source.path).sentences(languages[1])]
    measured = strategy.measure(texts, others, context.seed, context.scratch, context.progress)
    write_json(context.directory / BITS, measured)
    both = measured["pairs"]["both"]["K(X,Y)"]["code"]
    gain = measured["pairs"]["both"].get("gain")
    more = f"; joint gain {gain['share']:z.2%} of K(X)+K(Y)" if gain else ""
    return {
        "languages": languages,
        "summary": f"K(X,Y) {both['per_byte']:.3f} bits/byte{more}",
        "warnings": measured["left_out"],
    }
