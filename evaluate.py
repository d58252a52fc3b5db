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
from umt import stages
from umt.align import Alignment
from umt.codelength import measure
from umt.console import Console, plain_options
from umt.corpus import ParallelSet
from umt.evaluation.baselines import Copy, Translator, random_translator
from umt.evaluation.bits_rows import bits_rows, code_length_rows
from umt.evaluation.external_systems import (
    FOLDER,
    INDEX,
    SYSTEMS,
    TRANSLATOR,
    ExternalSystem,
    missing_translations,
    translations_file,
)
from umt.evaluation.finished_runs import FinishedRun, TestSet
from umt.evaluation.lexicon_rows import lexicon_rows
from umt.evaluation.metrics import Metric, PairedBootstrap, with_first_reference
from umt.evaluation.report import sections
from umt.evaluation.report.bits import bits, show_bits
from umt.evaluation.report.page import write_page
from umt.evaluation.report.score_tables import lexicon
from umt.evaluation.report.shared_space import history, shared_space, similarities
from umt.evaluation.report.tables import show_run, show_scores
from umt.evaluation.report.training_curves import training_curves
from umt.evaluation.rows import ScoreRow, System, group_by_system, save_scores
from umt.lexical_translator import PHRASE_BASED, LexicalTranslator
from umt.loading import best_device, configure_libraries, is_causal, load
from umt.neural_translator import NeuralTranslator
from umt.runtime.files import write_json
from umt.runtime.threads import use_threads
from umt.saved import bootstrap_translator
from umt.store import Store
from umt.tokenizer import Tokenizer
from umt.types import BadInput, Lang


def parallel_pairs(run: train.Run) -> dict[str, int]:
    """System -> true pairs it was trained on: a control must not pass for unsupervised."""
    if run.translator is None:
        return {}
    # a manifest that is older than the count says it in its configuration
    known = run.translator.report.get("known", run.translator.manifest["config"]["known"])
    return {TRANSLATOR: int(known)}


def translators(config: DictConfig, run: train.Run, source: Lang, target: Lang) -> dict[str, Translator]:
    """Every system that translates from ``source`` to ``target``, the baselines first."""
    learned: dict[str, Translator] = {
        system: bootstrap_translator(artefact.path, artefact.report["kind"], source, target)
        for system, artefact in run.translators.items()
    }
    systems: dict[str, Translator] = {"copy": Copy()}
    if isinstance(lexical := learned.get(PHRASE_BASED), LexicalTranslator):
        systems["random"] = random_translator(lexical)
    systems |= learned
    if run.translator is not None:
        generation = instantiate(config.evaluation.generation)
        systems[TRANSLATOR] = NeuralTranslator.load(
            run.translator.path, source, target, generation, config.evaluation.both_ways
        )
    return systems


def _all_known(option: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raises BadInput when ``option`` names what there is not."""
    for name in names:
        if name not in known:
            raise BadInput(f"{option} names no '{name}': choose among {', '.join(sorted(known))}")


@runtime_checkable
class KnowsKinds(Protocol):
    """A generated corpus knows the part of speech of its words."""

    def kinds(self) -> Mapping[str, str]: ...


def translation_scores(config: DictConfig, run: train.Run, console: Console) -> Iterator[ScoreRow]:
    """Each metric of each system on each test set in each direction."""
    metrics: list[Metric] = [instantiate(each) for each in config.evaluation.metrics]
    (run.directory / FOLDER).mkdir(exist_ok=True)
    compare: PairedBootstrap | None = instantiate(config.evaluation.compare)
    others = [
        ExternalSystem(str(name), Path(str(folder))) for name, folder in config.evaluation.beside.items()
    ]
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
    external = {other.name: other.all_translations(sizes) for other in others}  # before anything takes long
    trained_on = parallel_pairs(run)
    trained_on |= {
        system: pairs for each in external.values() for (system, pairs), _ in each.values() if pairs
    }
    write_json(run.directory / FOLDER / INDEX, {system: trained_on.get(system, 0) for system in SYSTEMS})
    for (here, there), tests in ways.items():
        outputs: dict[tuple[str, str], list[str]] = {}  # (set, system) -> translations
        for system, translator in translators(config, run, here, there).items():
            for number, pairs in enumerate(tests):
                console.progress(f"{system} {here}-{there}", number, len(tests))
                sources = [renderings[0] for renderings in pairs.sides[here]]
                start = time.perf_counter()
                outputs[pairs.name, system] = translations = translator.translate(sources)
                seconds = time.perf_counter() - start
                by = (system, trained_on.get(system, 0))
                yield from _scored(run, metrics, pairs, (here, there), by, translations, seconds)
            console.progress(f"{system} {here}-{there}", len(tests), len(tests))
        for other, pairs in product(others, tests):
            if translated := external[other.name].get((pairs.name, f"{here}-{there}")):
                outputs[pairs.name, other.name] = translated[1]
                yield from _scored(run, metrics, pairs, (here, there), *translated, 0.0)
        if compare is not None:
            first = compare.systems[0]
            for pairs in tests:
                ours, theirs = (outputs.get((pairs.name, system)) for system in compare.systems)
                if ours and theirs:
                    references = max(map(len, pairs.sides[there]))
                    for score in compare.compare(ours, theirs, pairs.sides[there], there):
                        yield ScoreRow(
                            *(first, pairs.name, f"{here}-{there}", score, 0.0),
                            parallel_pairs=trained_on.get(first, 0),
                            references=references,
                        )


def _scored(
    run: train.Run,
    metrics: Iterable[Metric],
    pairs: ParallelSet,
    way: tuple[Lang, Lang],
    system: System,
    translations: Sequence[str],
    seconds: float,
) -> Iterator[ScoreRow]:
    """The rows of one system on one test set; all that was compared is kept with the run."""
    (here, there), direction, (name, trained_on) = way, "-".join(way), system
    file = translations_file(run.directory, pairs.name, direction, name)
    file.write_text("\n".join(translations) + "\n", encoding="utf-8")
    sources = [renderings[0] for renderings in pairs.sides[here]]
    TestSet(sources, pairs.sides[there]).save(run.directory, pairs.name, direction)
    references = max(map(len, pairs.sides[there]))
    for metric in metrics:
        for score in with_first_reference(metric, translations, pairs.sides[there], there, sources):
            yield ScoreRow(
                *(name, pairs.name, direction, score, seconds),
                parallel_pairs=trained_on,
                references=references,
            )


def lexicon_scores(config: DictConfig, run: train.Run) -> Iterator[ScoreRow]:
    """Precision of each lexicon in each direction, where a true dictionary is known."""
    known = stages.dictionary(config, run.corpus, "test")
    if known is not None:
        bridges = {system: Alignment.load(artefact.path) for system, artefact in run.bridges.items()}
        kinds = run.corpus.kinds() if isinstance(run.corpus, KnowsKinds) else {}
        stems = stages.stems(run.text)
        yield from lexicon_rows(bridges, known, kinds, stages.directions(run.text), stems)


def code_lengths(run: train.Run) -> Iterator[ScoreRow]:
    """Bits of every held-out set, each side and both, under the joint model where it is a code."""
    if run.model is None or not is_causal(run.model.path):
        return
    model, tokenizer = load(run.model.path).to(best_device()).eval(), Tokenizer.load(run.model.path)
    for held_out in run.held_out:
        start = time.perf_counter()
        sides = {lang: [texts[0] for texts in side] for lang, side in held_out.pairs().sides.items()}
        lengths = measure(model, tokenizer, sides)
        yield from code_length_rows(held_out.name, lengths, time.perf_counter() - start)


def missing_measurements(run: train.Run) -> Iterator[str]:
    """What a reader would look for in vain, and why."""
    if not run.held_out:
        yield "no held-out text, so no BLEU and no bits: test.en, test.zh in corpus.root, or evaluation.sets"
    for pairs in (held_out.pairs() for held_out in run.held_out):
        if pairs.left_out:
            count = f"{pairs.left_out:,} of {len(pairs) + pairs.left_out:,} pairs have an empty side"
            yield f"held-out set {pairs.name}: {count} and are left out"
    if run.model is not None and not is_causal(run.model.path):
        yield "a masked model sees both sides and is no code: no bits of held-out text (lm=causal)"


def samples(rows: Iterable[ScoreRow], run: train.Run, each: int = 5) -> Iterator[sections.Sample]:
    """Evenly spaced items of every set that was scored, as the systems translated them."""
    systems: dict[tuple[str, str], list[str]] = {}
    for name, direction, system in group_by_system(row for row in rows if row.kind == "translation"):
        systems.setdefault((name, direction), []).append(system)
    sets, finished = {held_out.name: held_out for held_out in run.held_out}, FinishedRun(run.directory)
    for (name, direction), known in systems.items():
        pairs = sets[name].pairs()
        here, there = (pairs.sides[Lang(lang)] for lang in direction.split("-"))
        outputs = {system: finished.translations(name, direction, system) or [] for system in known}
        for item in range(len(pairs) // (2 * each), len(pairs), max(1, len(pairs) // each)):
            translations = {system: lines[item] for system, lines in outputs.items()}
            yield sections.Sample(name, direction, here[item][0], there[item], translations)


def write_report(config: DictConfig, run: train.Run, rows: Sequence[ScoreRow]) -> Path:
    """The page of the run, ``report.html``: a new section is one line here."""
    bridge, provenance = run.bridges["unsupervised"], FinishedRun(run.directory).provenance
    alignment, truth = Alignment.load(bridge.path), stages.dictionary(config, run.corpus, "test")
    source, target = run.corpus.languages
    shown = [
        sections.headline(rows, run.text.report, bridge.report),
        *(
            [sections.translation(rows, provenance), sections.samples(list(samples(rows, run)))]
            if run.translators
            else []
        ),
        *([lexicon(rows, provenance)] if truth else []),
        *([sections.code_lengths(rows, provenance)] if run.model else []),
        *([bits(run.told)] if run.told else []),
        shared_space(alignment, (source, target)),
        similarities(alignment, truth, torch.Generator().manual_seed(0)),
        history(alignment),
        *training_curves(run.directory),
        sections.text_used(run.text.report),
        sections.audit(run.text.report),
        sections.how_it_was_made(run.directory),
    ]
    text = config.corpus.get("root") or config.corpus.get("source") or type(run.corpus).__name__.lower()
    path = run.directory / "report.html"
    write_page(path, f"{source} and {target} from {Path(text).name}", f"Run {run.directory}", shown)
    return path


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    """Find, score, show."""
    configure_libraries()
    console = Console()
    with stages.cell(console):
        use_threads(config.runtime.threads)
        run = train.build(config, Store(Path(config.store), console, only=("run",)))
        console.started("evaluate")
        rows = [*translation_scores(config, run, console), *lexicon_scores(config, run), *code_lengths(run)]
        rows += bits_rows(run.told) if run.told else []
        console.stopped()
        scores = run.directory / "scores.json"
        save_scores(rows, scores)
        show_run(run.text.report, run.bridges["unsupervised"].report, console.terminal)
        show_scores(rows, console.terminal, FinishedRun(run.directory).provenance)
        if run.told:
            show_bits(run.told, console.terminal)
        lines = group_by_system(row for row in rows if row.kind == "translation")
        for sentence in (
            *missing_measurements(run),
            *missing_translations(map(str, config.evaluation.beside), lines),
        ):
            console.terminal.print(sentence)
        print(f"report: {write_report(config, run, rows)}")
        print(f"scores: {scores}")


if __name__ == "__main__":
    with plain_options():
        main()
