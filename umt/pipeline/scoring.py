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
from umt.compression.code_length import held_out_code_length, translated_code_length
from umt.corpus import HeldOut, ParallelSet
from umt.evaluation.baselines import Copy, Translator
from umt.evaluation.bits_rows import code_length_rows, translated_rows
from umt.evaluation.external_systems import (
    FOLDER,
    INDEX,
    SYSTEMS,
    TRANSLATOR,
    ExternalSystem,
    translations_file,
)
from umt.evaluation.finished_runs import LOG, FinishedRun, TestSet, log_test_scoring, split_of
from umt.evaluation.lexicon_rows import lexicon_rows
from umt.evaluation.metrics import Metric, PairedBootstrap, with_first_reference
from umt.evaluation.report import sections
from umt.evaluation.rows import ScoreRow, System, group_by_system
from umt.lm.joint_lm import JointLM
from umt.lm.loading import best_device, is_causal, load_with_tokenizer
from umt.pipeline import inputs, stages
from umt.pipeline.artefact import commit
from umt.pipeline.display.console import Console
from umt.pipeline.run import Run
from umt.pipeline.saved import bootstrap_translator
from umt.runtime.files import write_json
from umt.smt.random_control import permuted_translator
from umt.smt.translator import PHRASE_BASED, PhraseBasedTranslator
from umt.text.normalisation import normaliser
from umt.text.tokenizer import Tokenizer
from umt.translation.translator import NeuralTranslator
from umt.types import BadInput, Lang


def parallel_pairs(run: Run) -> dict[str, int]:
    """System -> true pairs it was trained on: a control must not pass for unsupervised."""
    if run.translator is None:
        return {}
    known = run.translator.report["parallel_pairs"]
    return {TRANSLATOR: int(known)}


def kernels_of(config: DictConfig) -> dict[str, bool]:
    """Which kernels compute networks, as arguments of `umt.lm.loading.load`."""
    return {"kernels": config.runtime.kernels}


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


Direction = tuple[Lang, Lang]
"""(source, target) of a translation."""


def translation_scores(config: DictConfig, run: Run, console: Console) -> Iterator[ScoreRow]:
    """Each metric of each system on each test set in each direction."""
    metrics = inputs.metrics(config)
    compare: PairedBootstrap | None = instantiate(config.evaluation.compare)
    others = [
        ExternalSystem(str(name), Path(str(folder))) for name, folder in config.evaluation.external.items()
    ]
    sets = {held_out.name for held_out in run.held_out}
    _check_names("evaluation.left_out", config.evaluation.left_out, sets)
    if compare is not None:
        names = {*SYSTEMS, *(other.name for other in others)}
        _check_names("evaluation.compare.systems", compare.systems, names)
    tests = _scored_sets(config, run)
    sizes = {(pairs.name, "-".join(direction)): len(pairs) for direction, pairs in tests}
    external = {other.name: other.all_translations(sizes) for other in others}  # before anything takes long
    trained_on = parallel_pairs(run)
    for translated in external.values():
        trained_on |= {system: pairs for (system, pairs), _ in translated.values() if pairs}
    (run.directory / FOLDER).mkdir(exist_ok=True)
    write_json(run.directory / FOLDER / INDEX, {system: trained_on.get(system, 0) for system in SYSTEMS})
    outputs: dict[tuple[str, str, str], list[str]] = {}  # (set, direction, system) -> translations
    for direction in dict.fromkeys(direction for direction, _ in tests):
        way, selected = "-".join(direction), [pairs for other, pairs in tests if other == direction]
        for system, translator in translators(config, run, *direction).items():
            by = (system, trained_on.get(system, 0))
            for number, pairs in enumerate(selected):
                console.progress(f"{system} {way}", number, len(selected))
                start = time.perf_counter()
                translations = translator.translate(_sources(pairs, direction))
                outputs[pairs.name, way, system] = translations
                seconds = time.perf_counter() - start
                yield from _scored(run, metrics, pairs, direction, by, translations, seconds)
            console.progress(f"{system} {way}", len(selected), len(selected))
        for other, pairs in product(others, selected):
            if answers := external[other.name].get((pairs.name, way)):
                outputs[pairs.name, way, other.name] = answers[1]
                yield from _scored(run, metrics, pairs, direction, *answers, 0.0)
        if compare is not None:
            for pairs in selected:
                yield from _significance(compare, pairs, direction, outputs, trained_on)


def log_opening(config: DictConfig, run: Run, console: Console) -> None:
    """Where test sets or the test dictionary are about to be opened, say so in the log of the store."""
    sets = [held_out.name for held_out in run.held_out if split_of(held_out.name) == "test"]
    sets += ["dictionary"] if inputs.scored_dictionary(config, run.corpus) else []
    if config.evaluation.split == "test" and sets:
        line = log_test_scoring(run.directory, sets, commit())
        place = f"line {line} of {run.directory.parent / LOG}"
        console.terminal.print(f"opens {', '.join(sets)}: {place}", markup=False)


def _chosen(config: DictConfig, run: Run) -> list[HeldOut]:
    """The held-out sets of ``evaluation.split`` that are not left out."""
    split, left_out = config.evaluation.split, config.evaluation.left_out
    return [each for each in run.held_out if split_of(each.name) == split and each.name not in left_out]


def _scored_sets(config: DictConfig, run: Run) -> list[tuple[Direction, ParallelSet]]:
    """Every set of the split in each direction in which it is scored."""
    tests = [held_out.pairs() for held_out in _chosen(config, run)]
    source, target = run.corpus.languages
    return [
        (direction, pairs)
        for direction in ((source, target), (target, source))
        for pairs in tests
        if pairs.direction in (None, direction)
    ]


def _sources(pairs: ParallelSet, direction: Direction) -> list[str]:
    """The sentences to translate: the first text of each item on the source side."""
    return [texts[0] for texts in pairs.sides[direction[0]]]


def _significance(
    compare: PairedBootstrap,
    pairs: ParallelSet,
    direction: Direction,
    outputs: Mapping[tuple[str, str, str], Sequence[str]],
    trained_on: Mapping[str, int],
) -> Iterator[ScoreRow]:
    """The paired test between two systems on one test set, where both have translated it."""
    way, (_, target) = "-".join(direction), direction
    ours, theirs = (outputs.get((pairs.name, way, system)) for system in compare.systems)
    if ours and theirs:
        system, references = compare.systems[0], pairs.sides[target]
        for score in compare.compare(ours, theirs, references, target):
            yield ScoreRow(
                *(system, pairs.name, way, score, 0.0),
                parallel_pairs=trained_on.get(system, 0),
                references=max(map(len, references)),
            )


def _scored(
    run: Run,
    metrics: Iterable[Metric],
    pairs: ParallelSet,
    direction: Direction,
    system: System,
    translations: Sequence[str],
    seconds: float,
) -> Iterator[ScoreRow]:
    """The rows of one system on one test set; translations and references are stored with the run."""
    (_, target), way, (name, trained_on) = direction, "-".join(direction), system
    file = translations_file(run.directory, pairs.name, way, name)
    file.write_text("\n".join(translations) + "\n", encoding="utf-8")
    sources, references = _sources(pairs, direction), pairs.sides[target]
    TestSet(sources, references).save(run.directory, pairs.name, way)
    for metric in metrics:
        for score in with_first_reference(metric, translations, references, target, sources):
            yield ScoreRow(
                *(name, pairs.name, way, score, seconds),
                parallel_pairs=trained_on,
                references=max(map(len, references)),
            )


def lexicon_scores(config: DictConfig, run: Run) -> Iterator[ScoreRow]:
    """Precision of each lexicon in each direction, where a true dictionary is known.

    The dictionary of ``evaluation.split=dev`` fitted the supervised controls, which are then left out.
    """
    known, dev = inputs.scored_dictionary(config, run.corpus), config.evaluation.split == "dev"
    if known is not None:
        alignments = {
            system: Alignment.load(artefact.path)
            for system, artefact in run.alignments.items()
            if not dev or system == "unsupervised"
        }
        kinds = run.corpus.kinds() if isinstance(run.corpus, KnowsKinds) else {}
        stems = stages.stems(run.text)
        directions = stages.directions(run.alignments["unsupervised"])
        yield from lexicon_rows(alignments, known, kinds, directions, stems)


def code_lengths(config: DictConfig, run: Run) -> Iterator[ScoreRow]:
    """Bits of every held-out set, each side and both, under the joint model where it is a code."""
    if run.model is None or not is_causal(run.model.path):
        return
    model, tokenizer = load_with_tokenizer(run.model.path, **kernels_of(config))
    model.to(best_device()).eval()
    translator = run.translator and load_with_tokenizer(run.translator.path, **kernels_of(config))
    dev = config.evaluation.split == "dev"
    for held_out in _chosen(config, run) if dev else run.held_out:
        start = time.perf_counter()
        pairs = held_out.pairs()
        sides = {lang: [texts[0] for texts in side] for lang, side in pairs.sides.items()}
        lengths = held_out_code_length(model, tokenizer, sides)
        yield from code_length_rows(held_out.name, lengths, time.perf_counter() - start)
        if translator:
            yield from _given_sources(pairs.direction, held_out.name, sides, (model, tokenizer), translator)


def _given_sources(
    only: Direction | None,
    name: str,
    sides: Mapping[Lang, Sequence[str]],
    model: tuple[JointLM, Tokenizer],
    translator: tuple[JointLM, Tokenizer],
) -> Iterator[ScoreRow]:
    """Bits of each side given the other under the translator; ``only`` in the direction of the set."""
    translator[0].to(best_device()).eval()
    source, target = sides
    for direction in [only] if only else [(source, target), (target, source)]:
        start = time.perf_counter()
        texts, targets = (list(map(normaliser(lang), sides[lang])) for lang in direction)
        lengths = translated_code_length(model, translator, texts, targets, direction)
        yield from translated_rows(name, "-".join(direction), lengths, time.perf_counter() - start)


def missing_measurements(split: str, run: Run) -> Iterator[str]:
    """Sentences about scores of this ``split`` that are missing, and why."""
    sets = [held_out for held_out in run.held_out if split_of(held_out.name) == split]
    if run.text and not sets:
        files = f"{split}.en, {split}.zh in corpus.root, or evaluation.sets.{split}"
        yield f"no set of evaluation.split={split}, so no BLEU and no bits: {files}"
    for pairs in (held_out.pairs() for held_out in sets):
        if pairs.left_out:
            count = f"{pairs.left_out:,} of {len(pairs) + pairs.left_out:,} pairs have an empty side"
            yield f"held-out set {pairs.name}: {count} and are left out"
    if run.model is not None and not is_causal(run.model.path):
        yield "a masked model sees both sides and is no code: no bits of held-out text (lm=causal)"


def samples(rows: Iterable[ScoreRow], run: Run, count: int = 5) -> Iterator[sections.Sample]:
    """Evenly spaced items of every set that was scored, as the systems translated them."""
    systems: dict[tuple[str, str], list[str]] = {}
    for name, direction, system in group_by_system(row for row in rows if row.kind == "translation"):
        systems.setdefault((name, direction), []).append(system)
    sets, finished = {held_out.name: held_out for held_out in run.held_out}, FinishedRun(run.directory)
    for (name, direction), known in systems.items():
        pairs = sets[name].pairs()
        sources, references = (pairs.sides[Lang(lang)] for lang in direction.split("-"))
        outputs = {system: finished.translations(name, direction, system) or [] for system in known}
        for item in range(len(pairs) // (2 * count), len(pairs), max(1, len(pairs) // count)):
            translations = {system: lines[item] for system, lines in outputs.items()}
            yield sections.Sample(name, direction, sources[item][0], references[item], translations)
