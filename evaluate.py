"""Score what ``train.py`` built with the same overrides; nothing is trained here.

    python evaluate.py [the overrides of train.py] [other options of evaluation]

Every system translates every held-out set both ways. A table is printed; ``scores.json``, the translations (a
line a sentence) and ``report.html``, which opens from disk, land in the run's directory.
"""

from __future__ import annotations

import umt.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Protocol, runtime_checkable

import hydra
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

import train
from umt import neural_stages, report_bits, report_sections, report_space, report_training, stages
from umt.align import Alignment
from umt.baselines import Copy, Translator, random_translator
from umt.beside import SYSTEMS, TAUGHT, TRANSLATOR, Beside, not_said
from umt.codelength import measure
from umt.console import Console, plain_options
from umt.corpus import ParallelSet
from umt.evaluation import Metric, PairedBootstrap
from umt.lexical import LexicalTranslator
from umt.loading import best_device, configure_libraries, is_causal, load
from umt.neural_translator import NeuralTranslator
from umt.report import Row, by_system, save_scores, show_run, show_scores
from umt.report_bits import bits_rows, code_length_rows, show_bits
from umt.report_lexicon import lexicon_rows
from umt.report_page import write_page
from umt.report_sections import Sample
from umt.store import Store
from umt.tokenizer import Tokenizer
from umt.types import BadInput, Lang


def translators(config: DictConfig, run: train.Run, source: Lang, target: Lang) -> dict[str, Translator]:
    """Every system that translates from ``source`` to ``target``, the baselines first."""
    learned: dict[str, Translator] = {
        system: neural_stages.first_translator(artefact, source, target)
        for system, artefact in run.translators.items()
    }
    systems: dict[str, Translator] = {"copy": Copy()}
    if isinstance(lexical := learned.get("lexical"), LexicalTranslator):
        systems["random"] = random_translator(lexical)
    systems |= learned
    if run.translator is not None:
        # a control must not pass for unsupervised, nor one that was built before its pairs were counted
        taught = run.translator.report.get("known", run.translator.manifest["config"]["known"])
        name = f"{TAUGHT}{taught} pairs" if taught else TRANSLATOR
        generation = instantiate(config.evaluation.generation)
        systems[name] = NeuralTranslator.load(
            run.translator.path, source, target, generation, config.evaluation.both_ways
        )
    return systems


def _all_known(option: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raises BadInput when ``option`` names what there is not."""
    for name in names:
        if name not in known and not name.startswith(TAUGHT):
            raise BadInput(f"{option} names no '{name}': choose among {', '.join(sorted(known))}")


@runtime_checkable
class KnowsKinds(Protocol):
    """A generated corpus knows the part of speech of its words."""

    def kinds(self) -> Mapping[str, str]: ...


def translation_scores(config: DictConfig, run: train.Run, console: Console) -> Iterator[Row]:
    """Each metric of each system on each test set in each direction."""
    metrics: list[Metric] = [instantiate(each) for each in config.evaluation.metrics]
    (run.directory / "translations").mkdir(exist_ok=True)
    compare: PairedBootstrap | None = instantiate(config.evaluation.compare)
    others = [Beside(str(name), Path(str(folder))) for name, folder in config.evaluation.beside.items()]
    sets = {held_out.name for held_out in run.held_out}
    _all_known("evaluation.left_out", config.evaluation.left_out, sets | {"dev"})
    if compare is not None:
        _all_known("evaluation.compare.systems", compare.systems, {*SYSTEMS, *(each.name for each in others)})
    known = [held_out.pairs() for held_out in run.held_out if held_out.name not in config.evaluation.left_out]
    source, target = run.corpus.languages
    ways = {
        (here, there): [pairs for pairs in known if pairs.direction in (None, (here, there))]
        for here, there in ((source, target), (target, source))
    }
    sizes = {(pairs.name, "-".join(way)): len(pairs) for way, tests in ways.items() for pairs in tests}
    beside = {other.name: other.everything(sizes) for other in others}  # before anything takes long
    for (here, there), tests in ways.items():
        said: dict[tuple[str, str], list[str]] = {}  # (set, system) -> translations
        for system, translator in translators(config, run, here, there).items():
            for number, pairs in enumerate(tests):
                console.progress(f"{system} {here}-{there}", number, len(tests))
                sources = [renderings[0] for renderings in pairs.sides[here]]
                start = time.perf_counter()
                said[pairs.name, system] = translations = translator.translate(sources)
                seconds = time.perf_counter() - start
                yield from _scored(run, metrics, pairs, (here, there), system, translations, seconds)
            console.progress(f"{system} {here}-{there}", len(tests), len(tests))
        for other, pairs in product(others, tests):
            if told := beside[other.name].get((pairs.name, f"{here}-{there}")):
                said[pairs.name, other.name] = told[1]
                yield from _scored(run, metrics, pairs, (here, there), *told, 0.0)
        if compare is not None:
            for pairs in tests:
                ours, theirs = (said.get((pairs.name, system)) for system in compare.systems)
                if ours and theirs:
                    for score in compare.compare(ours, theirs, pairs.sides[there], there):
                        yield Row(compare.systems[0], pairs.name, f"{here}-{there}", score, 0.0)


def _scored(
    run: train.Run,
    metrics: Iterable[Metric],
    pairs: ParallelSet,
    way: tuple[Lang, Lang],
    system: str,
    translations: Sequence[str],
    seconds: float,
) -> Iterator[Row]:
    """The rows of one system on one test set, whose translations are kept beside the others."""
    here, there = way
    file = translations_file(run, pairs.name, f"{here}-{there}", system)
    file.write_text("\n".join(translations) + "\n", encoding="utf-8")
    sources = [renderings[0] for renderings in pairs.sides[here]]
    for metric in metrics:
        score = metric.score(translations, pairs.sides[there], there, sources)
        yield Row(system, pairs.name, f"{here}-{there}", score, seconds)


def lexicon_scores(config: DictConfig, run: train.Run) -> Iterator[Row]:
    """Precision of each lexicon in each direction, where a true dictionary is known."""
    known = stages.dictionary(config, run.corpus, "test")
    if known is not None:
        bridges = {system: Alignment.load(artefact.path) for system, artefact in run.bridges.items()}
        kinds = run.corpus.kinds() if isinstance(run.corpus, KnowsKinds) else {}
        stems = stages.stems(run.text)
        yield from lexicon_rows(bridges, known, kinds, stages.directions(run.text), stems)


def code_lengths(run: train.Run) -> Iterator[Row]:
    """Bits of every held-out set, each side and both, under the joint model where it is a code."""
    if run.model is None or not is_causal(run.model.path):
        return
    model, tokenizer = load(run.model.path).to(best_device()).eval(), Tokenizer.load(run.model.path)
    for held_out in run.held_out:
        start = time.perf_counter()
        sides = {lang: [texts[0] for texts in side] for lang, side in held_out.pairs().sides.items()}
        found = measure(model, tokenizer, sides)
        yield from code_length_rows(held_out.name, found, time.perf_counter() - start)


def not_measured(run: train.Run) -> Iterator[str]:
    """What a reader would look for in vain, and why."""
    if not run.held_out:
        yield "no held-out text, so no BLEU and no bits: test.en, test.zh in corpus.root, or evaluation.sets"
    for pairs in (held_out.pairs() for held_out in run.held_out):
        if pairs.left_out:
            told = f"{pairs.left_out:,} of {len(pairs) + pairs.left_out:,} pairs have an empty side"
            yield f"held-out set {pairs.name}: {told} and are left out"
    if run.model is not None and not is_causal(run.model.path):
        yield "a masked model sees both sides and is no code: no bits of held-out text (lm=causal)"


def translations_file(run: train.Run, name: str, direction: str, system: str) -> Path:
    """Where the translations of one held-out set by one system lie, a line a sentence."""
    return run.directory / "translations" / f"{name}.{direction}.{system}.txt"


def samples(rows: Iterable[Row], run: train.Run, each: int = 5) -> Iterator[Sample]:
    """Evenly spaced items of every set that was scored, as the systems translated them."""
    systems: dict[tuple[str, str], list[str]] = {}
    for name, direction, system in by_system(row for row in rows if not row.of_words and not row.of_bits):
        systems.setdefault((name, direction), []).append(system)
    sets = {held_out.name: held_out for held_out in run.held_out}
    for (name, direction), known in systems.items():
        pairs = sets[name].pairs()
        here, there = (pairs.sides[Lang(lang)] for lang in direction.split("-"))
        files = {system: translations_file(run, name, direction, system) for system in known}
        said = {system: file.read_text(encoding="utf-8").split("\n") for system, file in files.items()}
        for item in range(len(pairs) // (2 * each), len(pairs), max(1, len(pairs) // each)):
            translations = {system: lines[item] for system, lines in said.items()}
            yield Sample(name, direction, here[item][0], there[item], translations)


def write_report(config: DictConfig, run: train.Run, rows: Sequence[Row]) -> Path:
    """The page of the run, ``report.html``: a new section is one line here."""
    bridge = run.bridges["lexical"]
    alignment, truth = Alignment.load(bridge.path), stages.dictionary(config, run.corpus, "test")
    sections = [
        report_sections.headline(rows, run.text.report, bridge.report),
        *(
            [report_sections.translation(rows), report_sections.samples(list(samples(rows, run)))]
            if run.translators
            else []
        ),
        *([report_sections.lexicon(rows)] if truth else []),
        *([report_sections.code_lengths(rows)] if run.model else []),
        *([report_bits.bits(run.told)] if run.told else []),
        report_space.shared_space(alignment),
        report_space.similarities(alignment, truth, torch.Generator().manual_seed(0)),
        report_space.history(alignment),
        *report_training.training(run.directory),
        report_sections.text_used(run.text.report),
        report_sections.audit(run.text.report),
        report_sections.provenance(run.directory),
    ]
    source, target = run.corpus.languages
    text = config.corpus.get("root") or config.corpus.get("source") or type(run.corpus).__name__.lower()
    path = run.directory / "report.html"
    write_page(path, f"{source} and {target} from {Path(text).name}", f"Run {run.directory}", sections)
    return path


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    """Find, score, show."""
    configure_libraries()
    console = Console()
    with stages.cell(console):
        run = train.build(config, Store(Path(config.store), console, only=("run",)))
        console.started("evaluate")
        rows = [*translation_scores(config, run, console), *lexicon_scores(config, run), *code_lengths(run)]
        rows += bits_rows(run.told) if run.told else []
        console.stopped()
        scores = run.directory / "scores.json"
        save_scores(rows, scores)
        show_run(run.text.report, run.bridges["lexical"].report, console.terminal)
        show_scores(rows, console.terminal)
        if run.told:
            show_bits(run.told, console.terminal)
        lines = by_system(row for row in rows if not row.of_words and not row.of_bits)
        for sentence in (*not_measured(run), *not_said(map(str, config.evaluation.beside), lines)):
            console.terminal.print(sentence)
        print(f"report: {write_report(config, run, rows)}")
        print(f"scores: {scores}")


if __name__ == "__main__":
    with plain_options():
        main()
