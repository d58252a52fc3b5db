"""The neural stages of ``train.py``: subwords, the joint language model, the translator; see
`umt.pipeline.stages`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from umt.align import Alignment
from umt.compression.mutual_information import BITS, Bits
from umt.corpus.known_pairs import KnownPairs
from umt.corpus.prepared_text import PreparedText
from umt.lm.loading import best_device, load, record_objectives, save
from umt.pipeline.artefact import Artefact
from umt.pipeline.saved import bootstrap_translator
from umt.pipeline.store import Bench
from umt.runtime.distributed import assemble
from umt.runtime.files import write_json
from umt.text.token_shards import Shards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.training.loop import LOG
from umt.translation.bitext import Bitext, Renders, handed_on, synthetic
from umt.translation.bitext import known as known_bitexts
from umt.translation.filters import Usage
from umt.translation.training import Duel, Learned, Translation
from umt.translation.translator import NeuralTranslator
from umt.translation.validation import LOG as HEALTH
from umt.types import Lang

Report = Mapping[str, Any]


def languages_of(artefact: Artefact) -> tuple[Lang, Lang]:
    """(source, target) of an artefact that remembers them."""
    source, target = artefact.report["languages"]
    return Lang(source), Lang(target)


def tokenise(config: DictConfig, bench: Bench, text: Artefact) -> Report:
    """Clean text to a joint vocabulary and memory-mapped subword numbers."""
    prepared = PreparedText(text.path)
    languages = languages_of(text)
    lines = {lang: prepared.lines_of_words(lang) for lang in languages}
    tokenizer = instantiate(config).learn(lines, prepared.inflections)
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
    shards = {lang: Shards(tokens.path, lang) for lang in languages_of(tokens)}
    alignment = Alignment.load(bridge.path)
    strategy = instantiate(config)
    model, records = strategy.train(
        tokenizer,
        shards,
        (alignment.source, alignment.target),
        bench.scratch,
        bench.generator(),
        bench.progress,
        assemble(),
    )
    save(model, bench.directory)
    tokenizer.save(bench.directory)
    _keep_logs(bench)
    last = {name: round(value, 4) for name, value in records[-1].items()}
    told = [f"{value:.3f} bits/byte {name.split('/')[0]}" for name, value in last.items() if "bits" in name]
    size = f"{sum(weight.numel() for weight in model.parameters()) / 1e6:.2f}M parameters"
    return {"languages": languages_of(tokens), "last": last, "summary": "; ".join([*told, size])}


def translate(
    config: DictConfig,
    bench: Bench,
    text: Artefact,
    tokens: Artefact,
    model: Artefact,
    bootstrap: Artefact | None,
    pairs: KnownPairs | None,
) -> Report:
    """A joint language model to a translator both ways.

    pairs: true ones, for a supervised control only.
    """
    strategy: Translation = instantiate(config)
    tokenizer = Tokenizer.load(tokens.path)
    source, target = languages_of(text)
    texts = (Shards(tokens.path, source), Shards(tokens.path, target))
    first = bootstrap_translators(bootstrap, (source, target))
    written = _synthetic_pairs(strategy, bootstrap, first, text, tokenizer, bench)
    known = known_bitexts(pairs, tokenizer, bench.scratch) if pairs else []
    learned = strategy.learn(
        load(model.path).to(best_device()),
        tokenizer,
        texts,
        written,
        known,
        bench.scratch,
        bench.seed,
        bench.progress,
    )
    # the next subword, whatever the language model had learned
    record_objectives(learned.model, ["translation"])
    usage = Usage.count(tokenizer, texts)
    NeuralTranslator(
        source,
        target,
        learned.model,
        tokenizer,
        {lang: usage.written(lang) for lang in (source, target)},
        longest=strategy.sentence_length,
    ).save(bench.directory)
    _keep_logs(bench)
    duel = strategy.duel(learned.model, tokenizer, texts, first, bench.seed) if first else {}
    return {"languages": [source, target], **_translator_report(strategy, learned, duel, known, pairs)}


def bootstrap_translators(
    bootstrap: Artefact | None, languages: tuple[Lang, Lang]
) -> dict[tuple[Lang, Lang], Renders]:
    """(from, to) -> what a bootstrap translates with where much is to be written; none without one."""
    if bootstrap is None:
        return {}
    source, target = languages
    return {
        way: bootstrap_translator(bootstrap.path, bootstrap.report["kind"], *way, fast=True)
        for way in ((source, target), (target, source))
    }


def _synthetic_pairs(
    strategy: Translation,
    bootstrap: Artefact | None,
    first: Mapping[tuple[Lang, Lang], Renders],
    text: Artefact,
    tokenizer: Tokenizer,
    bench: Bench,
) -> list[Bitext]:
    """Those that the bootstrap has written itself, else what it translates now; none where none are asked."""
    if strategy.synthetic is None or bootstrap is None:
        return []
    return handed_on(bootstrap.path, languages_of(text)) or synthetic(
        PreparedText(text.path),
        first,
        tokenizer,
        strategy.written,
        bench.scratch / "synthetic",
        bench.progress,
    )


def _translator_report(
    strategy: Translation,
    learned: Learned,
    duel: Mapping[str, Duel],
    known: Sequence[Bitext],
    pairs: KnownPairs | None,
) -> Report:
    """What the training says of its outcome, in the report of the stage."""
    count = len(known[0].given) if known else 0
    lost = [
        f"{way}: the bootstrap's translations cost fewer bits than the translator's"
        for way, outcome in duel.items()
        if not outcome.won
    ]
    lost += about_pairs(strategy.known, count, pairs.left_out if pairs else 0)
    [score] = [entry for entry in learned.history if entry["step"] == learned.step]
    return {
        "known": count,
        "history": learned.history,
        "duel": {way: outcome._asdict() for way, outcome in duel.items()},
        "summary": f"round trip {score['round_trip']:.1f} BLEU at step {learned.step}",
        "warnings": [sentence for sentence in (learned.complaint, *lost) if sentence],
    }


def about_pairs(asked: int, taken: int, left_out: int) -> list[str]:
    """Warnings about true pairs."""
    told = [f"{left_out:,} true pairs stand in a held-out set and were left out"] if left_out else []
    if taken < asked:
        told.append(f"{asked:,} true pairs were asked for, {taken:,} there were")
    return told


def _keep_logs(bench: Bench) -> None:
    """What was noted while a network learned, for the report and for TensorBoard."""
    for name in (LOG, HEALTH):
        if (bench.scratch / name).exists():
            shutil.copy(bench.scratch / name, bench.directory / name)
    shutil.copytree(bench.scratch / "tensorboard", bench.directory / "tensorboard", dirs_exist_ok=True)


def bits(config: DictConfig, bench: Bench, text: Artefact, *elsewhere: Artefact) -> Report:
    """What the two languages tell about each other, in bits that a decoder would need."""
    strategy: Bits = instantiate(config)
    languages = languages_of(text)
    texts = {lang: PreparedText(text.path).sentences(lang) for lang in languages}
    apart = [line for each in elsewhere for line in PreparedText(each.path).sentences(languages[1])]
    told = strategy.measure(texts, apart, bench.seed, bench.scratch, bench.progress)
    write_json(bench.directory / BITS, told)
    both = told["pairs"]["both"]["K(X,Y)"]["code"]
    gain = told["pairs"]["both"].get("gain")
    more = f"; joint gain {gain['share']:z.2%} of K(X)+K(Y)" if gain else ""
    return {
        "languages": languages,
        "summary": f"K(X,Y) {both['per_byte']:.3f} bits/byte{more}",
        "warnings": told["left_out"],
    }
