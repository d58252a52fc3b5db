"""The neural stages of ``train.py``: subwords, the joint language model, the translator; see `umt.stages`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from umt.align import Alignment
from umt.bitexts import hand_on, handed_on, synthetic
from umt.bitexts import known as known_bitexts
from umt.bits import BITS, Bits
from umt.checkups import LOG as HEALTH
from umt.corpus.known import KnownPairs
from umt.corpus.prepared import PreparedText
from umt.fewshot import FewShot
from umt.filters import Usage
from umt.lexical import LexicalTranslator
from umt.loading import best_device, load, record_objectives, save
from umt.loop import LOG
from umt.mining import Space
from umt.neural_translator import NeuralTranslator
from umt.prompted import Prompted
from umt.shards import Shards, write_shards
from umt.store import Artefact, Bench, write_json
from umt.team import assemble
from umt.token_vectors import token_vectors
from umt.tokenizer import Tokenizer
from umt.translator import Translation
from umt.types import Lang

Report = Mapping[str, Any]


def languages_of(artefact: Artefact) -> tuple[Lang, Lang]:
    """(source, target) of an artefact that remembers them."""
    source, target = artefact.report["languages"]
    return Lang(source), Lang(target)


def first_translator(
    bootstrap: Artefact, source: Lang, target: Lang, drafting: bool = False
) -> LexicalTranslator | Prompted:
    """What a bootstrap translates with; ``drafting``: with less care where much is to be written."""
    if bootstrap.manifest["stage"] == prompt.__name__:
        generation = instantiate(bootstrap.manifest["config"]["generation"])
        return Prompted.load(bootstrap.path, source, target, generation)
    lexical = LexicalTranslator.load(bootstrap.path / f"{source}-{target}")
    return lexical.drafting() if drafting else lexical


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
        tokenizer, shards, alignment, bench.scratch, bench.generator(), bench.progress, assemble()
    )
    save(model, bench.directory)
    tokenizer.save(bench.directory)
    _keep_logs(bench)
    last = {name: round(value, 4) for name, value in records[-1].items()}
    told = [f"{value:.3f} bits/byte {name.split('/')[0]}" for name, value in last.items() if "bits" in name]
    size = f"{sum(weight.numel() for weight in model.parameters()) / 1e6:.2f}M parameters"
    return {"languages": languages_of(tokens), "last": last, "summary": "; ".join([*told, size])}


def prompt(config: DictConfig, bench: Bench, tokens: Artefact, bridge: Artefact, model: Artefact) -> Report:
    """A joint language model to pairs, by prompts with examples that the aligned space suggests."""
    strategy: FewShot = instantiate(config)
    tokenizer, alignment = Tokenizer.load(tokens.path), Alignment.load(bridge.path)
    source, target = languages_of(tokens)
    texts = (Shards(tokens.path, source), Shards(tokens.path, target))
    space = Space.of(
        token_vectors(alignment, tokenizer, alignment.source.vectors.shape[1], bench.generator()),
        torch.from_numpy(sum(np.bincount(text.tokens, minlength=len(tokenizer)) for text in texts)),
    )
    start = load(model.path).to(best_device()).eval()
    found = strategy.write(start, tokenizer, space, texts, bench.seed, bench.progress)
    found.prompted.save(bench.directory)
    for real, other in ((source, target), (target, source)):
        pairs = found.pairs[real]
        given = [tokenizer.decode(ids, other) for ids in pairs.source]
        asked = [tokenizer.decode(ids, real) for ids in pairs.target]
        hand_on(bench.directory, (other, given), (real, asked), tokenizer)
    sizes = ", ".join(f"{len(each):,} for {lang}" for lang, each in found.pairs.items())
    return {
        "languages": [source, target],
        "rounds": found.told,
        "summary": f"pairs: {sizes}; {found.told[0]['examples']:,} of them mined",
    }


def translate(
    config: DictConfig,
    bench: Bench,
    text: Artefact,
    tokens: Artefact,
    model: Artefact,
    *given: Artefact | KnownPairs,
) -> Report:
    """A joint language model to a translator both ways.

    given: a bootstrap, where there is one; true pairs, for a supervised control only.
    """
    strategy: Translation = instantiate(config)
    tokenizer = Tokenizer.load(tokens.path)
    source, target = languages_of(text)
    texts = (Shards(tokens.path, source), Shards(tokens.path, target))
    bootstrap = {
        (here, there): first_translator(each, here, there, drafting=True)
        for each in given
        if isinstance(each, Artefact)
        for here, there in ((source, target), (target, source))
    }
    written = []
    if strategy.synthetic is not None and bootstrap:
        prepared, place = PreparedText(text.path), bench.scratch / "synthetic"
        pairs = (handed_on(each.path, (source, target)) for each in given if isinstance(each, Artefact))
        written = [bitext for each in pairs for bitext in each] or synthetic(
            prepared, bootstrap, tokenizer, strategy.written, place, bench.progress
        )
    told = [
        bitext
        for each in given
        if not isinstance(each, Artefact)
        for bitext in known_bitexts(each, tokenizer, bench.scratch)
    ]
    pairs_known = len(told[0].given) if told else 0
    start = load(model.path).to(best_device())
    learned = strategy.learn(
        start, tokenizer, texts, written, told, bench.scratch, bench.seed, bench.progress
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
        longest=max(1, (strategy.longest - 3) // 2),
    ).save(bench.directory)
    _keep_logs(bench)
    duel = strategy.duel(learned.model, tokenizer, texts, bootstrap, bench.seed) if bootstrap else {}
    lost = [
        f"{way}: the bootstrap tells more than the translator" for way, each in duel.items() if not each.won
    ]
    left_out = sum(each.left_out for each in given if not isinstance(each, Artefact))
    lost += about_pairs(strategy.known, pairs_known, left_out)
    [score] = [each for each in learned.history if each["step"] == learned.step]
    return {
        "languages": [source, target],
        "known": pairs_known,
        "history": learned.history,
        "duel": {way: each._asdict() for way, each in duel.items()},
        "summary": f"round trip {score['round_trip']:.1f} BLEU at step {learned.step}",
        "warnings": [each for each in (learned.complaint, *lost) if each],
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
