"""The stages that ``train.py`` names: each reads finished artefacts, writes one directory and reports.

A stage is called by the store as ``stage(config, context, *inputs)``; its report's ``summary`` is its line in
the console, its ``warnings`` follow below.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from umt.align import Aligner, Alignment
from umt.corpus import HeldOut, Source
from umt.corpus.dictionary import Dictionary
from umt.corpus.preparation.alignment_check import ALIGNED, NOT_ALIGNED, NOT_TESTED
from umt.corpus.preparation.prepare import prepare_text
from umt.corpus.prepared_text import PreparedText
from umt.embeddings.counterparts import counterpart_excess
from umt.embeddings.counts import read_tokens
from umt.embeddings.wordspace import WordSpace
from umt.pipeline.artefact import Artefact
from umt.pipeline.errors import AlignmentFailed
from umt.pipeline.inputs import KnowsTruth, NoText, Supervision
from umt.pipeline.neural_stages import bits, languages_of, pretrain, tokenise, train_translator
from umt.pipeline.renamed import check_stages
from umt.pipeline.store import StageContext, Store
from umt.runtime.progress import followed
from umt.smt.bootstrap import Bootstrap, BootstrapInputs
from umt.text.morphology import SuffixSplitter
from umt.types import BadInput

Report = Mapping[str, Any]


@runtime_checkable
class Supervised(Protocol):
    """An aligner that is fitted on known translations; control_name: its row in tables."""

    control_name: ClassVar[str]

    def with_seeds(self, seeds: Dictionary, estimated_precision: float | None) -> Aligner:
        """The same aligner, fitted on these.

        estimated_precision: that of the unsupervised alignment which it is the control of.
        """
        ...


def needs_lm(config: DictConfig) -> bool:
    """Whether the bootstrap starts from the joint language model.

    Raises BadInput when there is to be none.
    """
    needs = bool(config.bootstrap) and cast(Bootstrap, get_class(config.bootstrap._target_)).needs_lm
    if needs and not config.lm:
        raise BadInput("the bootstrap starts from the joint language model: choose an lm other than none")
    return needs


def prepare(config: DictConfig, context: StageContext, source: Source, *sets: HeldOut) -> Report:
    """Raw text to clean, segmented text without the held-out sentences; known by its content from here on."""
    report = prepare_text(source, sets, instantiate(config), context.directory, context.progress)
    return {**report, "content": PreparedText(context.directory).digest()}


def words(config: DictConfig, context: StageContext, text: Artefact | NoText) -> Report:
    """Segmented text, or files of vectors alone, to one word space a language."""
    builder = instantiate(config)
    languages = text.languages if isinstance(text, NoText) else languages_of(text)
    sizes = []
    for number, lang in enumerate(languages):
        context.progress("word spaces", number, len(languages))
        tokens = None if isinstance(text, NoText) else read_tokens(text.path / f"{lang}.words")
        space = builder.build(lang, tokens, context.generator())
        space.save(context.directory)
        sizes.append(f"{len(space.words):,} {lang} words")
    return {"languages": languages, "summary": ", ".join(sizes)}


def align(config: DictConfig, context: StageContext, spaces: Artefact) -> Report:
    """Two word spaces to one shared space and a lexicon each way."""
    source, target = _spaces(spaces)
    with followed(context.progress):
        alignment = instantiate(config).align(source, target, context.generator())
    return _report_alignment(alignment, context, spaces)


def align_supervised(
    config: DictConfig,
    context: StageContext,
    text: Artefact | None,
    spaces: Artefact,
    known: Supervision,
    unsupervised: Artefact,
) -> Report:
    """The supervised control: the same word spaces, mapped with a true dictionary.

    unsupervised: the alignment of which it is the control; only its estimated precision is read.
    """
    source, target = _spaces(spaces)
    seeds = known.dictionary.with_stems(*stems(text))
    aligner: Supervised = instantiate(config)
    precision = Alignment.load(unsupervised.path).verdict.estimated_precision
    with followed(context.progress):
        fitted = aligner.with_seeds(seeds, precision).align(source, target, context.generator())
    return {**_report_alignment(fitted, context, spaces), "control": aligner.control_name}


def stems(text: Artefact | None) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Form -> stem of the words of source and target whose endings are words of their own; none without a
    text."""
    if text is None:
        return {}, {}
    inflections = PreparedText(text.path).inflections
    source, target = (inflections.get(lang, SuffixSplitter()).stem_of for lang in languages_of(text))
    return source, target


def bootstrap(
    config: DictConfig,
    context: StageContext,
    text: Artefact,
    alignment: Artefact,
    tokens: Artefact | None = None,
    model: Artefact | None = None,
) -> Report:
    """A lexicon each way, or prompts to a language model, to a first translator each way."""
    spaces = Alignment.load(alignment.path)
    inputs = BootstrapInputs(
        PreparedText(text.path),
        languages_of(text),
        (spaces.lexicon, spaces.reverse_lexicon),
        (spaces.source, spaces.target),
        spaces.verdict.estimated_precision,
        context.seed,
        tokens.path if tokens else None,
        model.path if model else None,
    )
    strategy: Bootstrap = instantiate(config)
    return {"languages": languages_of(text), **strategy.write(inputs, context.directory, context.progress)}


def run(config: DictConfig, context: StageContext, *parts: Artefact) -> Report:
    """The artefacts of one run; its directory receives the scores."""
    (context.directory / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")
    return {"parts": [part.path.name for part in parts], "summary": ""}


COUNTERPARTS = {"excess": 1.5, "z": 5.0, "items": 100}
"""What sentences have to exceed both ways before the two texts are called one book in two languages."""

MOST_SENTENCES = 1_000_000
"""Of a side; of a larger text as many evenly spaced ones, of which nothing is said without a finding."""


def shared_content(_: None, context: StageContext, text: Artefact, alignment: Artefact) -> Report:
    """Whether sentences of one side have counterparts in the other, by the lexicon: the audit's last test."""
    spaces, prepared = Alignment.load(alignment.path), PreparedText(text.path)
    steps = {lang: 1 + prepared.size(lang) // MOST_SENTENCES for lang in languages_of(text)}
    first, second = ([*islice(prepared.segmented_lines(lang), 0, None, step)] for lang, step in steps.items())
    both = (
        counterpart_excess(first, second, spaces.lexicon),
        counterpart_excess(second, first, spaces.reverse_lexicon),
    )
    items, excess = min(count for count, _, _ in both), min(ratio for _, ratio, _ in both)
    z = min((ratio - 1) / max(error, 1e-9) for _, ratio, error in both)
    shared = items >= COUNTERPARTS["items"] and excess > COUNTERPARTS["excess"] and z > COUNTERPARTS["z"]
    figures = f"the best match of a sentence stands out {excess:.2f} times as far as by chance"
    too_few = items < COUNTERPARTS["items"] or max(steps.values()) > 1
    if not shared and (too_few or spaces.verdict.label != "aligned"):
        why = "too few of the sentences" if too_few else f"alignment {spaces.verdict.label}"
        answer, statement = NOT_TESTED, f"sentences with counterparts: could not be tested, {why}"
    elif shared:
        answer, statement = ALIGNED, f"the two sides seem to be one book in two languages: {figures}"
    else:
        answer, statement = NOT_ALIGNED, f"no sentences with counterparts: {figures}"
    report = {"answer": answer, "items": items, "excess": round(excess, 3), "z": round(z, 1)}
    return {**report, "summary": statement, "warnings": [statement] if answer == ALIGNED else []}


STAGES = (
    *(prepare, words, align, shared_content, align_supervised, bootstrap, tokenise, pretrain),
    *(train_translator, bits, run),
)


def to_rebuild(config: DictConfig) -> tuple[str, ...]:
    """The stages that ``rebuild`` names; raises BadInput when one does not exist."""
    names = [stage.__name__ for stage in STAGES]
    stages = [str(name) for name in config.rebuild]
    check_stages(stages)
    for name in stages:
        if name not in names:
            raise BadInput(
                f"rebuild={config.rebuild} names no stage '{name}': choose among {', '.join(names)}"
            )
    return tuple(stages)


ADVICE = (
    "try more text on the same subjects in both languages (below 2 MB a side expect doubtful, 4 MB of the "
    "Bible were enough), another seed (seed=NUMBER), another strategy (aligner=self_learning) or vectors "
    "trained elsewhere (words=pretrained)"
)
"""What may help where the two vocabularies were not matched."""


def check_alignment(config: DictConfig, store: Store, alignment: Artefact, shared: Artefact | None) -> None:
    """Raises AlignmentFailed where the alignment failed and more would be trained on it, and BadInput where
    the sides share their sentences and ``audit=strict``.

    ``on_failed=continue`` goes on; scoring what was trained before always does.
    """
    if shared and config.audit == "strict" and store.only is None and shared.report["warnings"]:
        raise BadInput(f"audit=strict: {shared.report['summary']}; take other texts or run with audit=report")
    verdict = alignment.report["verdict"]
    stops = config.on_failed == "stop" and config.corpus  # vectors alone: nothing follows
    if verdict["label"] == "failed" and stops and store.only is None:
        raise AlignmentFailed(
            f"the alignment failed ({verdict['reason']}), so nothing is trained on it: {ADVICE}; "
            "on_failed=continue trains all the same"
        )


def planned(config: DictConfig) -> list[str]:
    """The names of the stages that a run of ``config`` consists of, in order."""
    if not config.corpus:
        return [words.__name__, align.__name__]
    translator = config.lm and config.translator
    chosen = {
        bits: config.bits,
        tokenise: config.lm,
        pretrain: config.lm,
        bootstrap: config.bootstrap,
        train_translator: translator,
    }
    order = (prepare, bits, words, align, shared_content, tokenise, pretrain, bootstrap, train_translator)
    stages = [stage.__name__ for stage in order if chosen.get(stage, True)]
    if config.evaluation.dictionary.train or issubclass(get_class(config.corpus._target_), KnowsTruth):
        stages.append(align_supervised.__name__)
        if config.bootstrap and not needs_lm(config):
            stages.append(bootstrap.__name__)
    return stages


def directions(artefact: Artefact) -> tuple[str, str]:
    """The names of both directions, such as ``en-zh`` and ``zh-en``."""
    source, target = languages_of(artefact)
    return f"{source}-{target}", f"{target}-{source}"


def _spaces(artefact: Artefact) -> tuple[WordSpace, WordSpace]:
    source, target = languages_of(artefact)
    return WordSpace.load(artefact.path, source), WordSpace.load(artefact.path, target)


def _report_alignment(alignment: Alignment, context: StageContext, spaces: Artefact) -> Report:
    alignment.save(context.directory)
    verdict = alignment.verdict
    judgement = f"{verdict.label}: {verdict.reason}"
    failed = verdict.label == "failed"
    return {
        "languages": languages_of(spaces),
        "verdict": {"label": verdict.label, "reason": verdict.reason},
        "summary": "no alignment was found" if failed else judgement,
        "warnings": [judgement] if failed else [],
    }
