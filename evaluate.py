"""Score what ``train.py`` built with the same overrides; nothing is trained here.

    python evaluate.py [the overrides of train.py]

Every system translates every held-out set both ways. The table, ``scores.json`` and the translations
(one line a sentence) land in the run's directory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

import train
from umt import stages
from umt.console import Console, plain_errors
from umt.evaluation import Metric
from umt.lexicon import precision
from umt.report import Row, save_scores, show_scores
from umt.store import Store


def translation_scores(config: DictConfig, run: train.Run, console: Console) -> Iterator[Row]:
    """Each metric of each system on each held-out set in each direction."""
    metrics: list[Metric] = [instantiate(each) for each in config.evaluation.metrics]
    outputs = run.directory / "translations"
    outputs.mkdir(exist_ok=True)
    sets = [each.pairs() for each in run.held_out if stages.is_test(each)]
    for source, target in (run.corpus.languages, run.corpus.languages[::-1]):
        for system, translator in stages.systems(run.bridges, run.translators, source, target):
            for pairs in sets:
                start = time.perf_counter()
                translations = translator.translate([renderings[0] for renderings in pairs.sides[source]])
                seconds = time.perf_counter() - start
                name = f"{pairs.name}.{source}-{target}.{system}.txt"
                (outputs / name).write_text("\n".join(translations) + "\n", encoding="utf-8")
                for metric in metrics:
                    score = metric.score(translations, pairs.sides[target], target)
                    yield Row(system, pairs.name, f"{source}-{target}", score, seconds)


def lexicon_scores(config: DictConfig, run: train.Run) -> Iterator[Row]:
    """Precision of each system's lexicon in each direction, where a true dictionary is known."""
    known = stages.dictionary(config, run.corpus, "test")
    if known is None:
        return
    source, target = run.corpus.languages
    for direction, truth in ((f"{source}-{target}", known), (f"{target}-{source}", known.reversed())):
        for system, lexicon in stages.lexicons(run.bridges, direction):
            start = time.perf_counter()
            scores = precision(lexicon, truth)
            seconds = time.perf_counter() - start
            for score in scores:
                yield Row(system, "dictionary", direction, score, seconds)


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    """Find, score, show."""
    console = Console()
    with plain_errors(console):
        run = train.build(config, Store(Path(config.store), console, read_only=True))
        rows = [*translation_scores(config, run, console), *lexicon_scores(config, run)]
        scores = run.directory / "scores.json"
        save_scores(rows, scores)
        show_scores(rows, console.terminal)
        print(f"scores: {scores}")


if __name__ == "__main__":
    main()
