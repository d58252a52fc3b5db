"""Restarts of an aligner with several settings and seeds in parallel, combined and validated unsupervised."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields, replace
from itertools import product
from typing import Any, cast

import torch
from torch import Generator, Tensor

from umt.align import Aligner, Alignment
from umt.align.agreement import Matches, VerdictThresholds, agreement_support, consensus, permuted_space
from umt.align.count_augmentation import CountAugmentation
from umt.align.refinement import Refinement
from umt.embeddings.wordspace import WordSpace
from umt.runtime.processes import cores
from umt.runtime.progress import followed, report
from umt.runtime.validate import require


@dataclass(frozen=True)
class Job:
    """One run: which aligner, on what target, from which seed."""

    aligner: Aligner
    null: bool
    seed: int


@dataclass(frozen=True)
class Restarts:
    """Rounds of restarts until independent runs agree; their consensus, refined; and a verdict.

    aligner: the strategy. settings: fields of it and the values to try; every combination is one run a round.
    max_rounds: each round draws new seeds; a clear agreement ends them.
    null_runs: runs on a permuted target. compared_words: the most frequent words on which runs are compared.
    thresholds: of the verdict. refinement: from the consensus to all words. count_augmentation: induces the
        lexicons from the counts too; None, or vectors alone, leave those of the refinement.
    workers: processes, one thread each (0: one a core); the result does not depend on their number.
    """

    aligner: Aligner
    refinement: Refinement
    count_augmentation: CountAugmentation | None = None
    thresholds: VerdictThresholds = field(default_factory=VerdictThresholds)
    settings: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    max_rounds: int = 3
    null_runs: int = 4
    compared_words: int = 1000
    workers: int = 0

    def __post_init__(self) -> None:
        require(
            self, positive="max_rounds compared_words", at_least_zero="workers", at_least={"null_runs": 2}
        )
        known = [each.name for each in fields(cast(Any, self.aligner))]
        for name, values in self.settings.items():
            if name not in known:
                kind = type(self.aligner).__name__
                raise ValueError(f"settings has {name!r}, but the options of {kind} are {', '.join(known)}")
            if isinstance(values, str) or not len(values):
                raise ValueError(f"settings.{name} must list at least one value, got {values!r}")
        object.__setattr__(self, "settings", {name: tuple(values) for name, values in self.settings.items()})
        self.variants()  # a bad value shows now

    def variants(self) -> list[Aligner]:
        """The aligner in every combination of the settings."""
        combinations = [
            dict(zip(self.settings, values, strict=True)) for values in product(*self.settings.values())
        ]
        variants: list[Aligner] = [replace(cast(Any, self.aligner), **each) for each in combinations]
        return variants if len(variants) > 1 else variants * 2

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """The consensus of the restarts, refined. Raises what the aligner raises."""
        variants = self.variants()
        shape = self.max_rounds + 2, max(len(variants), self.null_runs)
        seeds = torch.randint(2**62, shape, generator=generator, device=generator.device).tolist()
        null_target = permuted_space(target, 2 * self.compared_words, Generator().manual_seed(seeds[-1][0]))
        jobs = [Job(variants[i % len(variants)], True, seeds[-2][i]) for i in range(self.null_runs)]
        runs: list[Matches] = []
        nulls: list[Matches] = []
        history: list[dict[str, float]] = []
        targets = target, null_target
        for attempt in range(self.max_rounds):
            jobs += [Job(variant, False, seeds[attempt][i]) for i, variant in enumerate(variants)]
            results = _run(jobs, source, targets, self.compared_words, cores(self.workers))
            if attempt == 0:
                nulls, results = results[: self.null_runs], results[self.null_runs :]
            runs += results
            jobs = []
            scores = agreement_support(runs, [index % len(variants) for index in range(len(runs))])
            null = float(
                agreement_support(nulls, [index % len(variants) for index in range(self.null_runs)]).max()
            )
            best = float(scores.max())
            median = float(scores.median())
            history.append({"runs": len(runs), "support": best, "median": median, "null": null})
            if self.thresholds.judge(best, null).label == "aligned":
                break
        verdict = self.thresholds.judge(best, null)
        pairs = self.pairs(runs, scores)
        shared = self.refinement.refine(source, target, pairs, generator)
        if self.count_augmentation is not None and source.counts:
            shared = self.count_augmentation.enrich(source, target, shared)
        lexicons = shared.lexicon, shared.reverse
        return Alignment(shared.source, shared.target, *lexicons, (*history, *shared.history), verdict)

    def pairs(self, runs: Sequence[Matches], scores: Tensor) -> Tensor:
        """(pairs, 2) the consensus of the runs whose support is at least half of the best."""
        chosen = [index for index, score in enumerate(scores.tolist()) if score >= scores.max().item() / 2]
        pairs = consensus([runs[index] for index in chosen], scores[chosen])
        if len(pairs) >= min(100, self.compared_words // 10):
            return pairs
        best = int(scores.argmax())  # the runs do not agree: the refinement still needs a start
        return consensus([runs[best]], torch.ones(1))


_shared: tuple[WordSpace, tuple[WordSpace, WordSpace], int] | None = None
"""Input of the workers: a forked process sees its parent's memory, so nothing is copied."""


def _run(
    jobs: Sequence[Job], source: WordSpace, targets: tuple[WordSpace, WordSpace], compared: int, workers: int
) -> list[Matches]:
    """Every job's matches, in the order of the jobs."""
    global _shared
    threads = torch.get_num_threads()
    _shared = source, targets, compared
    try:
        if workers == 1 or len(jobs) == 1:
            torch.set_num_threads(1)  # sums in another order would differ in the last bit
            return _counted(map(_one, jobs), len(jobs))
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(min(workers, len(jobs)), context, torch.set_num_threads, (1,)) as pool:
            return _counted(pool.map(_one, jobs), len(jobs))
    finally:
        _shared = None
        torch.set_num_threads(threads)


def _counted(matches: Iterable[Matches], total: int) -> list[Matches]:
    """All of them, each reported when it is there."""
    runs: list[Matches] = []
    report("runs of this round", 0, total)
    for run in matches:
        runs.append(run)
        report("runs of this round", len(runs), total)
    return runs


def _one(job: Job) -> Matches:
    assert _shared is not None
    source, targets, compared = _shared
    target = targets[job.null]
    with followed(None):  # a forked process has no console
        alignment = job.aligner.align(source, target, Generator().manual_seed(job.seed))
    return Matches.read(alignment, source, target, compared)
