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
from umt.align import Alignment
from umt.baselines import Copy, Translator, random_lexicon, random_translator
from umt.console import Console, plain_errors
from umt.evaluation import Metric
from umt.lexical import LexicalTranslator
from umt.lexicon import Lexicon, precision
from umt.report import Row, save_scores, show_run, show_scores
from umt.store import Store
from umt.types import Lang


def translators(run: train.Run, source: Lang, target: Lang) -> dict[str, Translator]:
    """Every system that translates from ``source`` to ``target``, the baselines first."""
    learned = {
        system: LexicalTranslator.load(artefact.path / f"{source}-{target}")
        for system, artefact in run.translators.items()
    }
    scrambled = random_translator(learned["lexical"])
    return {"copy": Copy(), "random": scrambled, **learned}


def lexicons(run: train.Run, forward: bool) -> dict[str, Lexicon]:
    """Every lexicon from source to target (``forward``) or back, the baseline first."""
    learned = {}
    for system, artefact in run.bridges.items():
        alignment = Alignment.load(artefact.path)
        learned[system] = alignment.lexicon if forward else alignment.reverse
    return {"random": random_lexicon(learned["lexical"]), **learned}


def translation_scores(config: DictConfig, run: train.Run, console: Console) -> Iterator[Row]:
    """Each metric of each system on each test set in each direction."""
    metrics: list[Metric] = [instantiate(each) for each in config.evaluation.metrics]
    outputs = run.directory / "translations"
    outputs.mkdir(exist_ok=True)
    tests = [held_out.pairs() for held_out in run.held_out if held_out.name not in config.evaluation.left_out]
    source, target = run.corpus.languages
    for here, there in ((source, target), (target, source)):
        for system, translator in translators(run, here, there).items():
            for number, pairs in enumerate(tests):
                console.progress(f"{system} {here}-{there}", number, len(tests))
                start = time.perf_counter()
                translations = translator.translate([renderings[0] for renderings in pairs.sides[here]])
                seconds = time.perf_counter() - start
                file = outputs / f"{pairs.name}.{here}-{there}.{system}.txt"
                file.write_text("\n".join(translations) + "\n", encoding="utf-8")
                for metric in metrics:
                    score = metric.score(translations, pairs.sides[there], there)
                    yield Row(system, pairs.name, f"{here}-{there}", score, seconds)
            console.progress(f"{system} {here}-{there}", len(tests), len(tests))


def lexicon_scores(config: DictConfig, run: train.Run) -> Iterator[Row]:
    """Precision of each lexicon in each direction, where a true dictionary is known."""
    known = stages.dictionary(config, run.corpus, "test")
    if known is None:
        return
    source, target = run.corpus.languages
    for forward, direction in ((True, f"{source}-{target}"), (False, f"{target}-{source}")):
        truth = known if forward else known.reversed()
        for system, lexicon in lexicons(run, forward).items():
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
        console.started("evaluate")
        rows = [*translation_scores(config, run, console), *lexicon_scores(config, run)]
        console.stopped()
        scores = run.directory / "scores.json"
        save_scores(rows, scores)
        show_run(run.text.report, run.bridges["lexical"].report, console.terminal)
        show_scores(rows, console.terminal)
        print(f"scores: {scores}")


if __name__ == "__main__":
    main()
