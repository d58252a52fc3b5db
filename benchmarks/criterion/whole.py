"""A whole aligner, as ``train.py`` runs it, from many seeds: its own verdict beside the truth.

python -m benchmarks.criterion whole bible restarts [--count 10]     appends to runs/whole.jsonl
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Generator

from benchmarks.criterion.corpora import Builder, configuration, named
from benchmarks.criterion.running import read
from benchmarks.criterion.seeds import WHOLE
from benchmarks.criterion.tables import table
from umt.align import Aligner
from umt.corpus.dictionary import Dictionary
from umt.embeddings.wordspace import WordSpace
from umt.evaluation.lexicon_precision import precision
from umt.runtime.files import digest_of


def from_seeds(
    builder: Builder, records: Path, name: str, option: str, overrides: Sequence[str], count: int
) -> None:
    """Add the seeds that ``records`` does not hold yet; overrides: of the aligner, as for ``train.py``."""
    corpus = named(builder.data, name)
    source, target, digest = builder.spaces(corpus, WHOLE)
    test = builder.truth(corpus, "test")
    config = configuration(f"aligner={option}", *overrides).aligner
    done = {each["key"] for each in read(records)}
    for seed in range(1, count + 1):
        entry = {"corpus": name, "tried": " ".join([option, *overrides]), "seed": seed}
        key = digest_of([digest, OmegaConf.to_container(config, resolve=True), entry])[:16]
        if key in done:
            continue
        result = run(instantiate(config), source, target, test, seed)
        with records.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, **entry, **result}) + "\n")
        print(f"{option} {seed}: {result}", flush=True)


def run(
    aligner: Aligner, source: WordSpace, target: WordSpace, test: Dictionary, seed: int
) -> dict[str, Any]:
    """The verdict, its score and the null's, P@1 of all tested words both ways, and the time."""
    start, used = time.perf_counter(), time.process_time()
    result = aligner.align(source, target, Generator().manual_seed(seed))
    seconds = time.perf_counter() - start, time.process_time() - used
    ways = (result.lexicon, test), (result.reverse_lexicon, test.reversed())
    right = [{score.name: score.value for score in precision(*way, (1,))} for way in ways]
    return {
        "verdict": result.verdict.label,
        "support": result.verdict.score,
        "null": result.verdict.null_score,
        "p@1": [way["p@1"] for way in right],
        "covered": [way["p@1 covered"] for way in right],
        "seconds": round(seconds[0], 1),
        "processor": round(seconds[1], 1),
    }


def told_of(records: Sequence[dict[str, Any]], name: str, tried: str) -> str:
    """The table of one aligner on one corpus."""
    asked = [each for each in records if each["corpus"] == name and each["tried"] == tried]
    here = {each["seed"]: each for each in asked}
    headings = ["seed", "verdict", "support", "null", "P@1", "covered", "back", "covered", "seconds"]
    rows = []
    for seed, each in sorted(here.items()):
        ways = [f"{value:.3f}" for way in zip(each["p@1"], each["covered"], strict=True) for value in way]
        judged = f"{each['support']:.3f}", f"{each['null']:.3f}"
        rows.append([str(seed), each["verdict"], *judged, *ways, f"{each['seconds']:.0f}"])
    return table(headings, rows)
