"""One training run after the other, a JSON line each; what is written is not run again."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from benchmarks.criterion.corpora import configuration
from benchmarks.selection.settings import FIRST, SETTINGS, SMALL, THEN, Setting
from benchmarks.selection.truth import Observed, Truth
from umt.align import Alignment
from umt.corpus.prepared_text import PreparedText
from umt.lm.generation import Generation
from umt.lm.loading import load, save
from umt.pipeline import inputs, neural_stages, stages
from umt.pipeline.artefact import Artefact
from umt.pipeline.store import StageContext, Store
from umt.runtime.files import digest_of
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Tokenizer
from umt.translation.bitext import Bitext, synthetic_pairs
from umt.translation.quality.collapse_guard import CollapseGuard, OutputHealth
from umt.translation.training import TranslationData, TranslatorTraining

OPEN = CollapseGuard(
    wrong_language=1.0, copied=1.0, repeated=1.0, length_ratio=1e9, diversity=0.0, finished=0.0
)
"""Nothing stops a run: how the criteria judge a collapse is a part of the question."""


class Parts(NamedTuple):
    """What runs start from; ``pairs`` are those that a run may learn from, ``begun`` knows other ones."""

    text: Artefact
    tokens: Artefact
    model: Artefact
    pairs: Artefact
    begun: Artefact


def spoil(config: DictConfig, context: StageContext, aligned: Artefact) -> Mapping[str, Any]:
    """A share of the target words take each other's names, the same in both lexicons and in the vectors.

    A word is called by the name of one that is about as frequent: a code that is wrong and hard to tell from
    a right one.
    """
    alignment = Alignment.load(aligned.path)
    words = alignment.lexicon.target
    chosen = np.flatnonzero(np.random.default_rng(context.seed).random(len(words)) < config.share)
    names = dict(zip((words[n] for n in chosen), (words[n] for n in np.roll(chosen, 1)), strict=True))

    def renamed(known: Sequence[str]) -> tuple[str, ...]:
        return tuple(names.get(word, word) for word in known)

    target, lexicon, reverse = alignment.target, alignment.lexicon, alignment.reverse_lexicon
    replace(
        alignment,
        target=replace(target, words=renamed(target.words)),
        lexicon=replace(lexicon, target=renamed(words)),
        reverse_lexicon=replace(reverse, source=renamed(reverse.source)),
    ).save(context.directory)
    return {"languages": aligned.report["languages"], "summary": f"{len(chosen):,} words renamed"}


def render(
    config: DictConfig, context: StageContext, text: Artefact, tokens: Artefact, bootstrap: Artefact
) -> Mapping[str, Any]:
    """The synthetic pairs of a bootstrap, written once for all runs that learn from them."""
    first, second = neural_stages.languages_of(text)
    translators = neural_stages.bootstrap_translators(bootstrap, (first, second))
    tokenizer = Tokenizer.load(tokens.path)
    synthetic_pairs(
        PreparedText(text.path), translators, tokenizer, config.sentences, context.directory, context.progress
    )
    return {"languages": [first, second], "summary": f"{config.sentences:,} sentences of each language"}


def begin(
    config: DictConfig, context: StageContext, tokens: Artefact, model: Artefact, pairs: Artefact
) -> Mapping[str, Any]:
    """A language model to a beginner in translation."""
    strategy = unguarded(instantiate(config))
    data = TranslationData(Tokenizer.load(tokens.path), opened(tokens), bitexts(pairs))
    languages = neural_stages.languages_of(tokens)
    learned = strategy.learn(load(model.path), data, context.scratch, context.seed, context.progress)
    save(learned.model, context.directory)
    return {"languages": languages, "summary": f"round trip {learned.history[-1]['round_trip']:.1f} BLEU"}


def unguarded(strategy: TranslatorTraining) -> TranslatorTraining:
    """The same training, which no collapse stops."""
    return replace(strategy, validation=replace(strategy.validation, guard=OPEN))


def opened(tokens: Artefact) -> tuple[TokenShards, TokenShards]:
    """The text of both languages."""
    source, target = neural_stages.languages_of(tokens)
    return TokenShards(tokens.path, source), TokenShards(tokens.path, target)


def bitexts(pairs: Artefact) -> list[Bitext]:
    """What `render` wrote."""
    source, target = neural_stages.languages_of(pairs)
    return [
        Bitext(
            TokenShards(pairs.path / f"{real}-{other}", other),
            TokenShards(pairs.path / f"{real}-{other}", real),
        )
        for real, other in ((source, target), (target, source))
    ]


def build(setting: Setting, store: Store) -> tuple[DictConfig, Parts]:
    """The configuration of a run and what it starts from, found in the store or made now."""
    first, config = configuration(*SMALL, *FIRST), configuration(*SMALL, *THEN, *setting.overrides)
    corpus = inputs.corpus(config)
    text = store.build(stages.prepare, config.preparation, corpus, *inputs.held_out(config, corpus))
    words = store.build(stages.words, config.words, text, seed=1)
    aligned = store.build(stages.align, config.aligner, words, seed=1)
    if setting.wrong:
        aligned = store.build(spoil, DictConfig({"share": setting.wrong}), aligned, seed=1)
    tokens = store.build(neural_stages.tokenise, config.tokenizer, text)
    model = store.build(neural_stages.pretrain, config.lm, tokens, aligned, seed=1)
    pairs = []
    for settings in (first, config):
        bootstrap = store.build(stages.bootstrap, settings.bootstrap, text, aligned, seed=1)
        count = DictConfig({"sentences": settings.translator.synthesis.bootstrap_sentences})
        pairs.append(store.build(render, count, text, tokens, bootstrap))
    begun = store.build(begin, first.translator, tokens, model, pairs[0], seed=1)
    return config, Parts(text, tokens, model, pairs[1], begun)


def study(store: Store, records: Path, only: Sequence[str], minutes: float) -> None:
    """Add every run that ``records`` does not hold yet, until the time is up."""
    done = {each["key"] for each in read(records)}
    until = time.monotonic() + 60 * minutes
    for seed in range(1, max(each.seeds for each in SETTINGS) + 1):
        for setting in SETTINGS:
            key = digest_of([SMALL, FIRST, THEN, setting.overrides, setting.wrong, setting.fresh, seed])[:16]
            asked = not only or any(word in setting.name for word in only)
            if key in done or seed > setting.seeds or not asked:
                continue
            if time.monotonic() > until:
                return
            try:
                result = run(setting, seed, store)
            except FloatingPointError as error:  # it knows that it failed
                result = {"error": str(error)}
            line = {"key": key, "setting": setting.name, "seed": seed, **result}
            with records.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{setting.name:44} {seed} {summary(line)}", flush=True)


def run(setting: Setting, seed: int, store: Store) -> dict[str, Any]:
    """The check-ups of one training run, each with what was true at the time."""
    config, parts = build(setting, store)
    start = time.perf_counter(), time.process_time()
    strategy = unguarded(instantiate(config.translator))
    tokenizer, texts = Tokenizer.load(parts.tokens.path), opened(parts.tokens)
    model, frozen = (
        load((parts.model if setting.fresh else parts.begun).path),
        load(parts.model.path),
    )
    model = model.divided(strategy.architecture)  # here, so that what learns is what is measured
    steps = strategy.optimisation.steps
    [dev] = [each for each in inputs.held_out(config, inputs.corpus(config)) if each.name == "dev"]
    truth = Truth(
        dev.pairs(),
        texts,
        tokenizer,
        frozen.eval(),
        Generation(workers=1),
        steps // strategy.validation.count,
    )
    data = TranslationData(tokenizer, texts, bitexts(parts.pairs) if strategy.schedules.synthetic else [])
    with tempfile.TemporaryDirectory() as scratch:
        learned = Observed.of(strategy, truth).learn(model, data, Path(scratch), seed, lambda *_: None)
    truth.result[steps] = truth.measure(model.eval())
    checkups = [
        {**entry, **truth.result[int(entry["step"])], "collapsed": float(complains(entry))}
        for entry in learned.history
    ]
    seconds, processor = time.perf_counter() - start[0], time.process_time() - start[1]
    return {"seconds": round(seconds, 1), "processor": round(processor, 1), "checkups": checkups}


def complains(entry: Mapping[str, float]) -> bool:
    """Whether the usual guard would call this check-up a collapse."""
    ways = {name.partition("/")[0] for name in entry if "/" in name}
    names = [each.name for each in fields(OutputHealth)]
    health = {way: OutputHealth(**{name: entry[f"{way}/{name}"] for name in names}) for way in ways}
    return CollapseGuard().diagnose(health) is not None


def read(records: Path) -> list[dict[str, Any]]:
    """The runs so far."""
    if not records.exists():
        return []
    return [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]


def summary(line: Mapping[str, Any]) -> str:
    """For the log: how it ended."""
    if "error" in line:
        return str(line["error"])
    last = line["checkups"][-1]
    names = [name for name in last if name.startswith("bleu")] + ["round_trip", "code", "agreement"]
    entry = "  ".join(f"{name} {last[name]:.2f}" for name in names)
    return f"{line['seconds']:5.0f} s ({line['processor']:.0f})  {entry}"
