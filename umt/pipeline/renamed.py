"""Options and choices that have a new name, and options that the group ``runtime`` sets."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from umt.pipeline import CONF
from umt.types import BadInput

OPTIONS: Mapping[str, str] = {
    "aligner.again": "aligner.count_passes",
    "aligner.attempts": "aligner.max_rounds",
    "aligner.compared": "aligner.compared_words",
    "aligner.counts.hard": "aligner.counts.last_inverse_temperature",
    "aligner.counts.soft": "aligner.counts.first_inverse_temperature",
    "aligner.counts.widening": "aligner.counts.refinement",
    "aligner.criterion": "aligner.thresholds",
    "aligner.dropped": "aligner.dropout_of",
    "aligner.enrichment": "aligner.count_augmentation",
    "aligner.enrichment.sound": "aligner.count_augmentation.transliteration",
    "aligner.enrichment.sound.certain": "aligner.count_augmentation.transliteration.min_confidence",
    "aligner.game": "aligner.map_training",
    "aligner.game.discriminator": "aligner.map_training.discriminator",
    "aligner.hard": "aligner.last_inverse_temperature",
    "aligner.nulls": "aligner.null_runs",
    "aligner.refinement.soft": "aligner.map_refinement.first_inverse_temperature",
    "aligner.soft": "aligner.first_inverse_temperature",
    "aligner.start": "aligner.relaxation_steps",
    "aligner.unmapped": "aligner.invariant_features",
    "aligner.widening": "aligner.refinement",
    "bits.alone": "bits.separate",
    "bits.code.average": "bits.code.ema_decay",
    "bits.code.length": "bits.code.row_length",
    "bits.code.level": "bits.code.lr_floor",
    "bits.code.peak": "bits.code.learning_rate",
    "bits.code.rest": "bits.code.adamw_learning_rate",
    "bits.company": "bits.cooccurrence",
    "bits.stretches": "bits.blocks",
    "bootstrap.balance.nothing": "bootstrap.balance.null_weight",
    "bootstrap.balance.sharpness": "bootstrap.balance.sharpening_exponent",
    "bootstrap.balance.unnamed": "bootstrap.balance.missing_probability",
    "bootstrap.distortion": "bootstrap.distortion_penalty",
    "bootstrap.filters.back": "bootstrap.filters.max_reconstruction_nll",
    "bootstrap.filters.foreign": "bootstrap.filters.wrong_language",
    "bootstrap.filters.length": "bootstrap.filters.length_ratio",
    "bootstrap.filters.nats": "bootstrap.filters.max_nll",
    "bootstrap.filters.repeated": "bootstrap.filters.repeated_bigrams",
    "bootstrap.filters.returned": "bootstrap.filters.reconstruction_f1",
    "bootstrap.generation.cached": "runtime.cache_positions",
    "bootstrap.generation.extra": "bootstrap.generation.length_offset",
    "bootstrap.generation.ratio": "bootstrap.generation.length_ratio",
    "bootstrap.jump": "bootstrap.distortion_limit",
    "bootstrap.keep": "bootstrap.kept_share",
    "bootstrap.letters": "bootstrap.length_exponent",
    "bootstrap.lines": "bootstrap.max_lines",
    "bootstrap.longest": "bootstrap.max_phrase_length",
    "bootstrap.mined": "bootstrap.mining_sentences",
    "bootstrap.model": "bootstrap.lm_weight",
    "bootstrap.order": "bootstrap.ngram_order",
    "bootstrap.seeds": "bootstrap.seed_pairs",
    "bootstrap.scoring.seen": "bootstrap.scoring.min_count",
    "bootstrap.trust": "bootstrap.lexicon_pseudo_counts",
    "bootstrap.window": "bootstrap.prompt_length",
    "corpus.grading": "corpus.preference_strength",
    "corpus.halves": "corpus.alternate_rows",
    "evaluation.beside": "evaluation.external",
    "evaluation.both_ways": "evaluation.noisy_channel",
    "evaluation.generation.cached": "runtime.cache_positions",
    "evaluation.generation.extra": "evaluation.generation.length_offset",
    "evaluation.generation.ratio": "evaluation.generation.length_ratio",
    "lm.compiled": "runtime.compile",
    "lm.length": "lm.row_length",
    "lm.mixing": "lm.language_shares",
    "lm.optimisation.frozen": "lm.optimisation.freeze_embeddings",
    "lm.optimisation.peak": "lm.optimisation.learning_rate",
    "lm.optimisation.rest": "lm.optimisation.adamw_learning_rate",
    "lm.rate": "lm.mask_rate",
    "lm.tokens": "lm.batch_tokens",
    "preparation.duplicates": "preparation.keep_duplicates",
    "preparation.endings": "preparation.split_suffixes",
    "preparation.max_foreign": "preparation.max_other_script",
    "preparation.max_marks": "preparation.max_nonletters",
    "tokenizer.endings": "tokenizer.split_suffixes",
    "translator.ahead": "translator.synthesis.batches_per_generation",
    "translator.checks": "translator.validation.count",
    "translator.cycle": "translator.schedules.dual_learning",
    "translator.cycle.course": "translator.schedules.dual_learning.schedule",
    "translator.cycle.pull": "translator.schedules.dual_learning.forward_weight",
    "translator.filters.back": "translator.synthesis.filters.max_reconstruction_nll",
    "translator.filters.foreign": "translator.synthesis.filters.wrong_language",
    "translator.filters.length": "translator.synthesis.filters.length_ratio",
    "translator.filters.nats": "translator.synthesis.filters.max_nll",
    "translator.filters.repeated": "translator.synthesis.filters.repeated_bigrams",
    "translator.filters.returned": "translator.synthesis.filters.reconstruction_f1",
    "translator.forgotten": "translator.word_dropout",
    "translator.generation.cached": "runtime.cache_positions",
    "translator.generation.extra": "translator.synthesis.generation.length_offset",
    "translator.generation.ratio": "translator.synthesis.generation.length_ratio",
    "translator.guard.foreign": "translator.validation.guard.wrong_language",
    "translator.guard.length": "translator.validation.guard.length_ratio",
    "translator.known": "translator.parallel_pairs",
    "translator.longest": "translator.batching.max_tokens",
    "translator.looked": "translator.validation.sentences",
    "translator.noise.blank": "translator.noise.mask",
    "translator.optimisation.frozen": "translator.optimisation.freeze_embeddings",
    "translator.optimisation.peak": "translator.optimisation.learning_rate",
    "translator.optimisation.rest": "translator.optimisation.adamw_learning_rate",
    "translator.ruined": "translator.source_noise",
    "translator.written": "translator.synthesis.bootstrap_sentences",
    "translator.synthetic_sentences": "translator.synthesis.bootstrap_sentences",
    "translator.batches_per_generation": "translator.synthesis.batches_per_generation",
    "translator.rounds": "translator.synthesis.rounds",
    "translator.filters": "translator.synthesis.filters",
    "translator.generation": "translator.synthesis.generation",
    "translator.guard": "translator.validation.guard",
    "translator.criterion": "translator.validation.criterion",
    "translator.validations": "translator.validation.count",
    "translator.validation_sentences": "translator.validation.sentences",
    "translator.max_tokens": "translator.batching.max_tokens",
    "translator.tokens": "translator.batching.tokens",
    "translator.synthetic": "translator.schedules.synthetic",
    "translator.denoising": "translator.schedules.denoising",
    "translator.back_translation": "translator.schedules.back_translation",
    "translator.dual_learning": "translator.schedules.dual_learning",
    "translator.adversary": "translator.schedules.adversary",
    "translator.supervised": "translator.schedules.supervised",
    "words.kept": "words.count_columns",
    "words.longest": "words.max_tokens",
    "words.near": "words.narrow_window",
    "words.rounds": "words.krylov_blocks",
    "words.say": "words.narrow_weight",
    "words.spelling": "words.subword_smoothing",
}
"""Old dotted name -> new one; whatever lies below an old name lies below the new one."""

CHOICES: Mapping[str, str] = {
    "lm.embeddings=bridge": "lm.embeddings=aligned",
    "aligner=gromov": "aligner=gromov_wasserstein",
    "aligner=mixed": "aligner=ensemble",
    "aligner=profile": "aligner=similarity_profile",
    "aligner=wasserstein": "aligner=wasserstein_procrustes",
    "bootstrap=lexical": "bootstrap=smt",
    "corpus=otherworld": "corpus=other_world",
    "tokenizer=borrowed": "tokenizer=pretrained",
    "translator=cycle": "translator=dual_learning",
    "words=count": "words=raw_counts",
    "words=lm": "words=language_model",
    "words=svd": "words=ppmi_svd",
}
"""Old group=choice -> new one, wherever in the configuration the group stands."""

STAGES: Mapping[str, str] = {
    "control": "align_supervised",
    "prompt": "bootstrap",
    "translate": "train_translator",
}
"""Old names of stages, as ``rebuild`` lists them."""

FROM_RUNTIME: Mapping[str, str] = {
    "lm.kernels": "runtime.kernels",
    "lm.gpu_kernels": "runtime.gpu_kernels",
    "translator.kernels": "runtime.kernels",
    "translator.gpu_kernels": "runtime.gpu_kernels",
    "words.kernels": "runtime.kernels",
    "words.gpu_kernels": "runtime.gpu_kernels",
    "bootstrap.kernels": "runtime.kernels",
    "bootstrap.gpu_kernels": "runtime.gpu_kernels",
    "bits.code.kernels": "runtime.kernels",
    "aligner.workers": "runtime.workers",
    "bootstrap.generation.cache_positions": "runtime.cache_positions",
    "bootstrap.generation.workers": "runtime.threads",
    "bootstrap.threads": "runtime.threads",
    "corpus.processes": "runtime.workers",
    "evaluation.generation.cache_positions": "runtime.cache_positions",
    "evaluation.generation.workers": "runtime.threads",
    "lm.compile": "runtime.compile",
    "lm.sharded": "runtime.sharded",
    "preparation.workers": "runtime.workers",
    "translator.synthesis.generation.cache_positions": "runtime.cache_positions",
    "translator.synthesis.generation.workers": "runtime.threads",
}
"""Options that only ``runtime`` sets: facts of the machine, which must not enter the name of an artefact."""

PLACES = {"control": "aligner", "other_domain": "corpus"}
"""Place in the configuration -> the group that is chosen for it."""


def check_overrides(overrides: Sequence[str] | None = None) -> None:
    """Raises BadInput for the first override that has a new name, that ``runtime`` sets, or without a value.

    overrides: as on the command line, which they are by default.
    """
    for override in sys.argv[1:] if overrides is None else overrides:
        name, equals, value = override.lstrip("+~").partition("=")
        if not equals or name.startswith(("-", "hydra")):
            continue
        if name == "corpus@elsewhere" or name.startswith("elsewhere."):
            raise BadInput(f"{name} is now called {name.replace('elsewhere', 'other_domain', 1)}")
        _check_choice(name, value)
        if new := new_name(name):
            raise BadInput(f"{name} is now called {new}")
        if machine := _lookup(FROM_RUNTIME, name):
            raise BadInput(f"{name} is set by {machine}: give {machine}={value}")
        if not value.strip():
            raise BadInput(f"{name} has no value: give one after the =, or leave the option out")


def new_name(option: str) -> str | None:
    """The new dotted name of ``option``; None where it has none."""
    return _lookup(OPTIONS, option)


def check_stages(names: Iterable[str]) -> None:
    """Raises BadInput for a stage of ``rebuild`` that has a new name."""
    for name in names:
        if name in STAGES:
            raise BadInput(f"rebuild=[{name}]: the stage {name} is now called {STAGES[name]}")


def _check_choice(name: str, value: str) -> None:
    group = name.partition("@")[0]
    if "." not in group and (CONF / group).is_dir() and value.lstrip("-").replace(".", "", 1).isdigit():
        raise BadInput(f"there is no {name}={value}: the choices of {group} are listed by --help")
    if new := CHOICES.get(f"{PLACES.get(group, group)}={value}"):
        raise BadInput(f"{name}={value} is now called {name}={new.partition('=')[2]}")


def _lookup(table: Mapping[str, str], option: str) -> str | None:
    """What ``table`` says of ``option`` or of the longest name above it, with the place of ``option``."""
    place, _, rest = option.partition(".")
    group = PLACES.get(place, place)
    while rest:
        parts = rest.split(".")
        for count in range(len(parts), 0, -1):
            if new := table.get(".".join((group, *parts[:count]))):
                above = option.removesuffix(rest).rstrip(".")
                new = new.replace(group, above, 1) if new.startswith(f"{group}.") else new
                return ".".join((new, *parts[count:]))
        if group != "aligner" or not rest.startswith(("aligner.", "strategies.")):
            return None  # only an aligner holds other aligners
        rest = rest.removeprefix("aligner.")
        rest = rest.split(".", 2)[2] if rest.startswith("strategies.") and rest.count(".") > 1 else rest
    return None
