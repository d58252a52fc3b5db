"""Does a strategy work from every seed, and is it known without a dictionary when it did not?

    python -m benchmarks.criterion seeds talks adversarial [--count 10]     appends to runs/seeds.jsonl

Every seed is one run with the settings of its YAML. It is judged twice: by runs of other strategies, as
``aligner=ensemble`` does, and by the other seeds, as ``aligner=restarts`` over the strategy alone does. Then
its pairs are widened to all words as its YAML says, and the lexicon is measured on the test dictionary.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Generator

from benchmarks.criterion.corpora import Builder, configuration, named
from benchmarks.criterion.running import COMPARED, Strategy, read, run
from benchmarks.criterion.tables import matches_of, table
from umt.align.agreement import VerdictThresholds, agreement_support, consensus, permuted_space
from umt.align.count_augmentation import CountAugmentation
from umt.align.refinement import Refinement
from umt.corpus.dictionary import Dictionary
from umt.embeddings.wordspace import WordSpace
from umt.evaluation.lexicon_precision import precision
from umt.runtime.files import digest_of

WHOLE = 25_000
"""Words of a side: all that the word spaces hold, since nothing is widened here."""
JUDGES = (
    Strategy("cooccurrence", "cooccurrence", ("keep=0.8", "widening=null"), seeds=1),
    Strategy("cooccurrence, window 5", "cooccurrence", ("keep=0.8", "widening=null", "window=5"), seeds=1),
    Strategy("gromov", "gromov", ("widening=null",), seeds=1),
    Strategy("wasserstein", "wasserstein", ("widening=null",), seeds=1),
)
"""Who judges: one run of each, and one on a destroyed target."""


def from_seeds(builder: Builder, records: Path, name: str, option: str, count: int) -> None:
    """Add the runs that ``records`` does not hold yet: ``count`` seeds, two nulls, and the judges'."""
    corpus = named(builder.data, name)
    source, target, digest = builder.spaces(corpus, WHOLE)
    null = permuted_space(target, 2 * COMPARED, Generator().manual_seed(0))
    truth, test = builder.truth(corpus), builder.truth(corpus, "test")
    tried = Strategy(option, option, ("widening=null",), seeds=count)
    jobs = [(each, seed) for each in JUDGES for seed in (0, 1)]
    jobs += [(tried, seed) for seed in range(-1, count + 1)]
    done = {each["key"] for each in read(records)}
    for strategy, seed in jobs:
        config = strategy.settings()
        entry = {"corpus": name, "tried": option, "strategy": strategy.name, "seed": seed, "null": seed < 1}
        key = digest_of([digest, OmegaConf.to_container(config, resolve=True), entry])[:16]
        if key in done:
            continue
        result = run(config, source, target if seed > 0 else null, truth, abs(seed))
        if strategy is tried and seed > 0 and "error" not in result:
            result["lexicon"], result["enriched"] = widened(option, source, target, result, test)
        with records.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, **entry, **result}) + "\n")
        print(f"{strategy.name} {seed}: {result.get('p@1', result.get('error'))}", flush=True)


def widened(
    option: str, source: WordSpace, target: WordSpace, result: dict[str, Any], test: Dictionary
) -> tuple[float, float]:
    """P@1, all tested words, of the lexicon that the pairs of one run grow into.

    First as the option's YAML widens them, then enriched as ``aligner=restarts`` would.
    """
    pairs = consensus([matches_of(result)], torch.ones(1))
    widening: Refinement = instantiate(configuration(f"aligner={option}").aligner.refinement)
    enrichment: CountAugmentation = instantiate(configuration("aligner=restarts").aligner.count_augmentation)
    plain = widening.refine(source, target, pairs, Generator())
    both = plain.lexicon, enrichment.enrich(source, target, plain).lexicon
    one, two = (next(s.value for s in precision(each, test, (1,)) if s.name == "p@1") for each in both)
    return one, two


def told_of(records: Sequence[dict[str, Any]], name: str, option: str) -> str:
    """The table of one strategy on one corpus."""
    asked = [each for each in records if each["corpus"] == name and each["tried"] == option]
    # a setting that has changed since was run again
    here = list({(each["strategy"], each["seed"]): each for each in asked}.values())
    judges = [each for each in here if each["strategy"] != option]
    lines = [
        f"- {each['strategy']}: P@1 {each.get('p@1', 0):.3f}, {each['seconds']:.0f} s"
        for each in judges
        if not each["null"]
    ]
    headings = [
        "seed",
        "P@1",
        "of the lexicon",
        "seconds",
        "support by others",
        "verdict",
        "support by other seeds",
        "verdict",
    ]
    return "\n".join([*lines, "", table(headings, _rows(here, judges, option))])


def _rows(
    here: Sequence[dict[str, Any]], judges: Sequence[dict[str, Any]], option: str
) -> Iterator[list[str]]:
    tried = [each for each in here if each["strategy"] == option]
    runs = [each for each in tried if not each["null"] and "error" not in each]
    nulls = [each for each in tried if each["null"] and "error" not in each]
    chance = max((_by(each, [one for one in judges if one["null"]]) for each in nulls), default=0.0)
    siblings, alone = _among(runs), max(_among(nulls), default=0.0)
    for each, among in zip(runs, siblings, strict=True):
        by = _by(each, [one for one in judges if not one["null"]])
        verdicts = VerdictThresholds().judge(by, chance).label, VerdictThresholds().judge(among, alone).label
        right = [f"{each.get(name, math.nan):.3f}" for name in ("p@1", "lexicon", "enriched")]
        numbers = *right, f"{each['seconds']:.0f}"
        yield [str(each["seed"]), *numbers, f"{by:.3f}", verdicts[0], f"{among:.3f}", verdicts[1]]
    for each in tried:
        if not each["null"] and "error" in each:
            yield [
                str(each["seed"]),
                each["error"],
                "",
                "",
                f"{each['seconds']:.0f}",
                "",
                "failed",
                "",
                "failed",
            ]


def _by(record: dict[str, Any], judges: Sequence[dict[str, Any]]) -> float:
    """The support of one run by the judges alone."""
    those = [each for each in judges if "error" not in each]
    runs = [matches_of(each) for each in (record, *those)]
    return float(agreement_support(runs, list(range(len(runs))))[0])


def _among(records: Sequence[dict[str, Any]]) -> list[float]:
    """The support of each run by the others; 0 for a single one."""
    if len(records) < 2:
        return [0.0] * len(records)
    result: torch.Tensor = agreement_support([matches_of(each) for each in records], [0] * len(records))
    return [float(each) for each in result]
