"""The corpora of the study: from matching domains to none, from plenty of text to too little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from umt.corpus.dictionary import Dictionary
from umt.embeddings.wordspace import WordSpace
from umt.pipeline import inputs, stages
from umt.pipeline.artefact import Artefact
from umt.pipeline.store import StageContext, Store
from umt.runtime.files import digest_of
from umt.types import BadInput, Lang

CONFIGURATION = Path(__file__).parents[2] / "conf"
VOCABULARY = 5000
"""The most frequent words that a run sees."""


@dataclass(frozen=True)
class Text:
    """A prepared text: the overrides that name it, and how many of its lines are read, 0 for all of them.

    shuffled: its words are permuted over the whole text.
    """

    overrides: tuple[str, ...]
    lines: int = 0
    shuffled: bool = False


@dataclass(frozen=True)
class Corpus:
    """Where the English and where the Chinese comes from, or another second language."""

    english: Text
    chinese: Text


def corpora(data: Path) -> dict[str, Corpus]:
    """Generated worlds from one domain to two; real text whole, thinned, and crossed."""
    small = ("corpus.size=60000", "runtime.workers=1")
    shifts = {f"world shift {shift:g}": f"corpus.domain_shift={shift:g}" for shift in (0, 0.25, 0.5, 0.75, 1)}
    knobs = {**shifts, "world gap 0.5": "corpus.lexical_gap=0.5", "world noise 0.3": "corpus.noise=0.3"}
    texts = {name: Text((*small, knob)) for name, knob in knobs.items()}
    texts["world 10k"] = replace(texts["world shift 0"], lines=10_000)
    named = {"bible": "experiment=bible", "talks": "experiment=talks"}
    real = {
        name: Text((named.get(name, "corpus=files"), f"corpus.root={data / name}"))
        for name in ("bible", "talks", "commonvoice", "tatoeba")
        if (data / name).exists()
    }
    parts = {"bible 15k": 15_000, "bible 7k": 7_500, "talks 100k": 100_000, "talks 25k": 25_000}
    texts |= real | {
        name: replace(real[name.split()[0]], lines=lines)
        for name, lines in parts.items()
        if name.split()[0] in real
    }
    result = {name: Corpus(text, text) for name, text in texts.items()}
    crossed = [("talks", "bible"), ("bible", "talks"), ("commonvoice", "talks"), ("talks", "commonvoice")]
    for one, other in crossed:
        if one in real and other in real:
            result[f"{one} x {other}"] = Corpus(real[one], real[other])
    return result


def named(data: Path, name: str) -> Corpus:
    """One of them; raises BadInput where there is none of this name."""
    known = corpora(data)
    if name not in known:
        raise BadInput(f"there is no corpus '{name}': choose among {', '.join(known)}")
    return known[name]


@dataclass(frozen=True)
class Builder:
    """From a corpus to its word spaces and its truth, through the store."""

    data: Path
    store: Store

    def spaces(self, corpus: Corpus, size: int = VOCABULARY) -> tuple[WordSpace, WordSpace, str]:
        """English, Chinese, cut to the ``size`` most frequent words; and a digest of both."""
        english, chinese = self._words(corpus.english), self._words(corpus.chinese)
        languages = configuration(*corpus.english.overrides).languages[0], target_language(corpus)
        return (
            narrowed(WordSpace.load(english.path, Lang(languages[0])), size),
            narrowed(WordSpace.load(chinese.path, Lang(languages[1])), size),
            digest_of([english.digest(), chinese.digest()]),
        )

    def truth(self, corpus: Corpus, part: str = "all") -> Dictionary:
        """What a generated corpus knows, or the dictionary of real words: ``train``, ``test`` or ``all``.

        Empty where the second language is not that of the dictionary.
        """
        source = inputs.corpus(configuration(*corpus.english.overrides))
        if target_language(corpus) not in source.languages:
            return Dictionary({})
        if isinstance(source, inputs.KnowsTruth):
            return source.dictionary(part)
        if target_language(corpus) != "zh":
            return Dictionary({})
        names = ("train", "test") if part == "all" else (part,)
        parts = [Dictionary.read(self.data / "lexicon" / f"{name}.en-zh.txt") for name in names]
        return Dictionary({word: known for each in parts for word, known in each.pairs.items()})

    def _words(self, text: Text) -> Artefact:
        config = configuration(*text.overrides)
        corpus = inputs.corpus(config)
        made = self.store.build(stages.prepare, config.preparation, corpus, *inputs.held_out(config, corpus))
        if text.lines:
            made = self.store.build(part, DictConfig({"lines": text.lines}), made)
        if text.shuffled:
            made = self.store.build(shuffled, DictConfig({}), made)
        return self.store.build(stages.words, config.words, made, seed=1)


def configuration(*overrides: str) -> DictConfig:
    """What ``train.py`` sees with these overrides."""
    with initialize_config_dir(str(CONFIGURATION), version_base=None):
        return compose("config", overrides=list(overrides))


def part(config: DictConfig, bench: StageContext, text: Artefact) -> Mapping[str, Any]:
    """The first lines of a prepared text, as a text of its own."""
    languages = text.report["languages"]
    for lang in languages:
        with (text.path / f"{lang}.words").open(encoding="utf-8") as whole:
            first = "".join(islice(whole, config.lines))
        (bench.directory / f"{lang}.words").write_text(first, encoding="utf-8")
    return {"languages": languages, "summary": f"the first {config.lines:,} lines"}


def shuffled(config: DictConfig, bench: StageContext, text: Artefact) -> Mapping[str, Any]:
    """A prepared text with its words in random order, in lines of the same lengths."""
    languages = text.report["languages"]
    for lang in languages:
        lines = [line.split(" ") for line in (text.path / f"{lang}.words").read_text("utf-8").splitlines()]
        words = [word for line in lines for word in line]
        Random(0).shuffle(words)
        order = iter(words)
        mixed = "".join(" ".join(islice(order, len(line))) + "\n" for line in lines)
        (bench.directory / f"{lang}.words").write_text(mixed, encoding="utf-8")
    return {"languages": languages, "summary": "words in random order"}


def target_language(corpus: Corpus) -> Lang:
    """The language of the second text."""
    return Lang(str(configuration(*corpus.chinese.overrides).languages[1]))


def narrowed(space: WordSpace, size: int) -> WordSpace:
    """Its most frequent words alone."""
    size = min(size, len(space.words))
    counts = {window: each[:size, :size].tocsr() for window, each in space.counts.items()}
    vectors = space.vectors[:size].clone()
    return WordSpace(space.lang, space.words[:size], space.frequencies[:size], counts, vectors)
