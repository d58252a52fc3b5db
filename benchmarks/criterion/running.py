"""One run after the other, a JSON line each; what is written is not run again."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Generator

from benchmarks.criterion.corpora import CONFIGURATION, Builder, configuration, corpora
from umt.align import Aligner
from umt.align.agreement import Matches, permuted_space
from umt.align.baseline_criteria import frequency_correlation, mean_cosine, mutual_share, vecmap_objective
from umt.corpus.dictionary import Dictionary
from umt.embeddings.wordspace import WordSpace
from umt.runtime.files import digest_of

COMPARED = 1000
"""The most frequent words of either side: runs are compared and measured on them."""


@dataclass(frozen=True)
class Strategy:
    """What is run on every corpus: an option of the group ``aligner``, its overrides, and from so many seeds.

    init: the option that a strategy which wraps a start begins with.
    """

    name: str
    option: str
    overrides: tuple[str, ...] = ()
    init: str | None = None
    seeds: int = 2

    @property
    def there(self) -> bool:
        """Whether every option that it names exists."""
        options = [each for each in (self.option, self.init) if each]
        return all((CONFIGURATION / "aligner" / f"{each}.yaml").exists() for each in options)

    def settings(self) -> DictConfig:
        """What `instantiate` makes the aligner from."""
        chosen: DictConfig = configuration(f"aligner={self.option}").aligner
        if self.init:
            chosen.init = configuration(f"aligner={self.init}").aligner
        for each in self.overrides:
            key, value = each.split("=")
            if OmegaConf.select(chosen, key) is None and key != "init.widening":
                raise ValueError(f"{self.option} has no option {key}")
            OmegaConf.update(chosen, key, OmegaConf.create(f"[{value}]")[0])
        return chosen


def grid(strategy: Strategy, **values: Sequence[object]) -> list[Strategy]:
    """The strategy with every combination of the values."""
    chosen = [
        [f"{key}={v}" for key, v in zip(values, each, strict=True)] for each in product(*values.values())
    ]
    return [replace(strategy, overrides=(*strategy.overrides, *each)) for each in chosen]


COUNTS = Strategy("cooccurrence", "cooccurrence", ("keep=0.8", "widening=null"))
LEARNT = Strategy("", "self_learning", ("words=1000", "rounds=40", "widening.sizes=[0]"), seeds=1)
STRATEGIES = [
    *grid(COUNTS, window=(5, 10), words=(500, 1000)),
    *grid(replace(COUNTS, name="hard start", overrides=(*COUNTS.overrides, "steps=1")), window=(5, 10)),
    replace(LEARNT, name="self-learning, identical words", init="procrustes"),
    replace(LEARNT, name="self-learning, profiles", init="profile"),
    Strategy("profile", "profile", ("words=1000",), seeds=1),
    Strategy("gromov", "gromov", ("words=1000", "widening.sizes=[0]")),
    Strategy("wasserstein", "wasserstein", ("widening.sizes=[0]",)),
    Strategy("adversarial", "adversarial", ("game.seeds=2",), seeds=1),
]
"""What is run on every corpus; what has no YAML is left out."""


def study(builder: Builder, records: Path, only: Sequence[str], minutes: float) -> None:
    """Add every run that ``records`` does not hold yet, until the time is up.

    Each setting is also run once on a destroyed target: the null.
    """
    done = {each["key"] for each in read(records)}
    until = time.monotonic() + 60 * minutes
    known = corpora(builder.data)
    for name in chosen(list(known), only):
        corpus = known[name]
        source, target, digest = builder.spaces(corpus)
        null = permuted_space(target, 2 * COMPARED, Generator().manual_seed(0))
        truth = builder.truth(corpus)
        jobs = [
            (strategy, seed, is_null)
            for strategy in STRATEGIES
            if strategy.there
            for seed, is_null in [(0, True), *((each, False) for each in range(1, strategy.seeds + 1))]
        ]
        for strategy, seed, is_null in jobs:
            config = strategy.settings()
            settings = OmegaConf.to_container(config, resolve=True)
            key = digest_of([digest, settings, seed, is_null])[:16]
            if key in done:
                continue
            if time.monotonic() > until:
                return
            result = run(config, source, null if is_null else target, truth, seed)
            entry = {"key": key, "corpus": name, "strategy": strategy.name, "seed": seed, "null": is_null}
            line = {**entry, "setting": digest_of(settings)[:8], **result}
            with records.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(
                f"{name:24} {strategy.name:36} {'null' if is_null else seed!s:>4} {summary(result)}",
                flush=True,
            )


def chosen(known: Sequence[str], only: Sequence[str]) -> list[str]:
    """Of the ``known`` names those that ``only`` gives, in its order: a whole name, or part of several."""
    if not only:
        return list(known)
    named = [[word] if word in known else [name for name in known if word in name] for word in only]
    return list(dict.fromkeys(name for each in named for name in each))


def run(
    config: DictConfig, source: WordSpace, target: WordSpace, truth: Dictionary, seed: int
) -> dict[str, Any]:
    """What one run matched, how right it is, and what the criteria of others say of it."""
    start = time.perf_counter()
    aligner: Aligner = instantiate(config)
    try:
        alignment = aligner.align(source, target, Generator().manual_seed(seed))
    except (ValueError, ArithmeticError, RuntimeError) as error:  # it knows that it failed
        return {"error": str(error), "seconds": round(time.perf_counter() - start, 2)}
    seconds = round(time.perf_counter() - start, 2)
    matches = Matches.read(alignment, source, target, COMPARED)
    hits, asked = right(matches, source, target, truth)
    return {
        "seconds": seconds,
        "p@1": hits / max(asked, 1),
        "asked": asked,
        "cosine": mean_cosine(alignment, COMPARED),
        "objective": vecmap_objective(alignment, COMPARED),
        "frequency": frequency_correlation(matches),
        "mutual": mutual_share(matches),
        "forward": matches.forward.tolist(),
        "backward": matches.backward.tolist(),
    }


def right(matches: Matches, source: WordSpace, target: WordSpace, truth: Dictionary) -> tuple[int, int]:
    """How many of the matched words have a true match, and of how many one is known, both ways together."""
    hits = asked = 0
    ways = (
        (matches.forward.tolist(), source.words, target.words, truth.pairs),
        (matches.backward.tolist(), target.words, source.words, truth.reversed().pairs),
    )
    for best, words, others, known in ways:
        vocabulary = set(others)
        for word, index in zip(words, best, strict=False):
            if answers := known.get(word, frozenset()) & vocabulary:
                asked += 1
                hits += index >= 0 and others[index] in answers
    return hits, asked


def read(records: Path) -> list[dict[str, Any]]:
    """The runs so far."""
    if not records.exists():
        return []
    return [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]


def summary(result: dict[str, Any]) -> str:
    """A line for the log."""
    if "error" in result:
        return f"{result['seconds']:6.1f} s  {result['error']}"
    names = ("p@1", "cosine", "objective", "frequency", "mutual")
    return f"{result['seconds']:6.1f} s  " + "  ".join(
        f"{name} {result.get(name, math.nan):.3f}" for name in names
    )
