"""Scores of a finished run; the only module that opens held-out pairs."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Protocol, runtime_checkable

from hydra.utils import instantiate
from omegaconf import DictConfig

from umt.align import Alignment
from umt.compression.code_length import held_out_code_length
from umt.corpus import ParallelSet
from umt.evaluation.baselines import Copy, Translator
from umt.evaluation.bits_rows import code_length_rows
from umt.evaluation.external_systems import (
    FOLDER,
    INDEX,
    SYSTEMS,
    TRANSLATOR,
    ExternalSystem,
    translations_file,
)
from umt.evaluation.finished_runs import FinishedRun, TestSet
from umt.evaluation.lexicon_rows import lexicon_rows
from umt.evaluation.metrics import Metric, PairedBootstrap, with_first_reference
from umt.evaluation.report import sections
from umt.evaluation.rows import ScoreRow, System, group_by_system
from umt.lm.loading import best_device, is_causal, load
from umt.pipeline import inputs, stages
from umt.pipeline.console import Console
from umt.pipeline.run import Run
from umt.pipeline.saved import bootstrap_translator
from umt.runtime.files import write_json
from umt.smt.random_control import permuted_translator
from umt.smt.translator import PHRASE_BASED, PhraseBasedTranslator
from umt.text.tokenizer import Tokenizer
from umt.translation.translator import NeuralTranslator
from umt.types import BadInput, Lang


def parallel_pairs(run: Run) -> dict[str, int]:
    """System -> true pairs it was trained on: a control must not pass for unsupervised."""
    if run.translator is None:
        return {}
    # a manifest that is older than the count says it in its configuration
    known = run.translator.report["parallel_pairs"]
    return {TRANSLATOR: int(known)}


def kernels_of(config: DictConfig) -> dict[str, bool]:
    """Which kernels compute networks, as arguments of `umt.lm.loading.load`."""
    return {"kernels": config.runtime.kernels, "gpu_kernels": config.runtime.gpu_kernels}


def translators(config: DictConfig, run: Run, source: Lang, target: Lang) -> dict[str, Translator]:
    """Every system that translates from ``source`` to ``target``, the baselines first."""
    learned: dict[str, Translator] = {
        system: bootstrap_translator(
            artefact.path, artefact.report["kind"], source, target, **kernels_of(config)
        )
        for system, artefact in run.translators.items()
    }
    systems: dict[str, Translator] = {"copy": Copy()}
    if isinstance(lexical := learned.get(PHRASE_BASED), PhraseBasedTranslator):
        systems["random"] = permuted_translator(lexical)
    systems |= learned
    if run.translator is not None:
        generation = instantiate(config.evaluation.generation)
        systems[TRANSLATOR] = NeuralTranslator.load(
            run.translator.path, source, target, generation, config.evaluation.noisy_channel,
            **kernels_of(config),
        )  # fmt: skip
    return systems


def _check_names(option: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raises BadInput when ``option`` names what there is not."""
    for name in names:
        if name not in known:
            raise BadInput(f"{option} names no '{name}': choose among {', '.join(sorted(known))}")


@runtime_checkable
class KnowsKinds(Protocol):
    """A generated corpus knows the part of speech of its words."""

    def kinds(self) -> Mapping[str, str]: ...


def translation_scores(config: DictConfig, run: Run, console: Console) -> Iterator[ScoreRow]:
    """Each metric of each system on each test set in each direction."""
    metrics: list[Metric] = [instantiate(each) for each in config.evaluation.metrics]
    (run.directory / FOLDER).mkdir(exist_ok=True)
    compare: PairedBootstrap | None = instantiate(config.evaluation.compare)
    others = [
        ExternalSystem(str(name), Path(str(folder))) for name, folder in config.evaluation.beside.items()
    ]
    sets = {held_out.name for held_out in run.held_out}
    _check_names("evaluation.left_out", config.evaluation.left_out, sets | {"dev"})
    if compare is not None:
        _check_names(
            "evaluation.compare.systems", compare.systems, {*SYSTEMS, *(each.name for each in others)}
        )
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
    run: Run,
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


def lexicon_scores(config: DictConfig, run: Run) -> Iterator[ScoreRow]:
    """Precision of each lexicon in each direction, where a true dictionary is known."""
    known = inputs.dictionary(config, run.corpus, "test")
    if known is not None:
        bridges = {system: Alignment.load(artefact.path) for system, artefact in run.alignments.items()}
        kinds = run.corpus.kinds() if isinstance(run.corpus, KnowsKinds) else {}
        stems = stages.stems(run.text)
        yield from lexicon_rows(bridges, known, kinds, stages.directions(run.text), stems)


def code_lengths(config: DictConfig, run: Run) -> Iterator[ScoreRow]:
    """Bits of every held-out set, each side and both, under the joint model where it is a code."""
    if run.model is None or not is_causal(run.model.path):
        return
    model = load(run.model.path, **kernels_of(config)).to(best_device()).eval()
    tokenizer = Tokenizer.load(run.model.path)
    for held_out in run.held_out:
        start = time.perf_counter()
        sides = {lang: [texts[0] for texts in side] for lang, side in held_out.pairs().sides.items()}
        lengths = held_out_code_length(model, tokenizer, sides)
        yield from code_length_rows(held_out.name, lengths, time.perf_counter() - start)


def missing_measurements(run: Run) -> Iterator[str]:
    """What a reader would look for in vain, and why."""
    if not run.held_out:
        yield "no held-out text, so no BLEU and no bits: test.en, test.zh in corpus.root, or evaluation.sets"
    for pairs in (held_out.pairs() for held_out in run.held_out):
        if pairs.left_out:
            count = f"{pairs.left_out:,} of {len(pairs) + pairs.left_out:,} pairs have an empty side"
            yield f"held-out set {pairs.name}: {count} and are left out"
    if run.model is not None and not is_causal(run.model.path):
        yield "a masked model sees both sides and is no code: no bits of held-out text (lm=causal)"


def samples(rows: Iterable[ScoreRow], run: Run, each: int = 5) -> Iterator[sections.Sample]:
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
