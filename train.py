"""Learn to translate from two piles of text: the table of contents of the system.

python train.py                                             the embedded default, a generated world
python train.py corpus=files corpus.source=A corpus.target=B    two files or folders of text
python train.py aligner=cooccurrence                        another strategy, by one word
python train.py corpus=none words=file words.paths.en=A.vec words.paths.zh=B.vec    vectors without a text
python train.py -m seed=1,2,3                               a sweep
python train.py resume=runs/run-0123456789ab                the options of a run again
torchrun --nproc-per-node 2 train.py                        the language model on several devices
python evaluate.py [the same overrides]                     the scores; of test sets: evaluation.split=test
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from umt.pipeline import CONF
from umt.pipeline.errors import option_errors

if TYPE_CHECKING:
    from umt.pipeline.artefact import Artefact
    from umt.pipeline.run import Run
    from umt.pipeline.store import Store

# torch and all that needs it are imported in the functions: help and shell completion work without.


def build(config: DictConfig, store: Store) -> Run:
    """Every stage in order, every arrow an argument."""
    from umt.pipeline import inputs, neural_stages, stages
    from umt.pipeline.checks import validate
    from umt.pipeline.run import Run

    config = inputs.drop_unselected(config)
    seed, needs_lm = config.seed, stages.needs_lm(config)
    corpus = inputs.corpus(config)
    held_out = inputs.held_out(config, corpus)
    validate(config, corpus.languages, held_out)
    pairs = inputs.parallel_pairs(config, corpus, held_out)

    text = store.build(stages.prepare, config.preparation, corpus, *held_out) if config.corpus else None
    bits = build_bits(config, store, text) if text and config.bits else None
    words = store.build(stages.words, config.words, text or corpus, seed=seed)
    alignment = store.build(stages.align, config.aligner, words, seed=seed)
    shared = store.build(stages.shared_content, None, text, alignment) if text else None
    stages.check_alignment(config, store, alignment, shared)
    alignments = {"unsupervised": alignment}
    translators: dict[str, Artefact] = {}

    tokens = model = bootstrap = translator = None
    if config.lm:
        tokens = store.build(neural_stages.tokenise, config.tokenizer, text)
        model = store.build(neural_stages.pretrain, config.lm, tokens, alignment, seed=seed)
    if config.bootstrap:
        neural = (tokens, model) if needs_lm else ()
        bootstrap = store.build(stages.bootstrap, config.bootstrap, text, alignment, *neural, seed=seed)
        translators[bootstrap.report["kind"]] = bootstrap
    if model and config.translator:
        translator = store.build(
            neural_stages.train_translator,
            config.translator,
            text,
            tokens,
            model,
            bootstrap,
            pairs,
            seed=seed,
        )

    if dictionary := inputs.supervised_dictionary(config, corpus):
        control = store.build(
            stages.align_supervised, config.control, text, words, dictionary, alignment, seed=seed
        )
        name = control.report["control"]
        alignments[name] = control
        if bootstrap and not needs_lm:
            translators[name] = store.build(stages.bootstrap, config.bootstrap, text, control, seed=seed)
    parts = (
        *filter(None, (text, words, shared, bits, model, translator)),
        *alignments.values(),
        *translators.values(),
    )
    run = store.build(stages.run, inputs.run_identity(config), *parts)
    return Run(run.path, corpus, held_out, text, shared, model, translator, bits, alignments, translators)


def build_bits(config: DictConfig, store: Store, text: Artefact) -> Artefact:
    """The code length of each side, alone and given the other or text of another domain."""
    from umt.pipeline import inputs, neural_stages, stages

    sources = inputs.other_domain_sources(config)
    other_domain = [store.build(stages.prepare, config.preparation, source) for source in sources]
    return store.build(neural_stages.bits, config.bits, text, *other_domain, seed=config.seed)


@hydra.main(version_base=None, config_path=str(CONF), config_name="config")
def train(config: DictConfig) -> float | None:
    """Build what is missing, then print where it is; returns what a sweeper maximises (`Run.criterion`)."""
    from umt.pipeline import stages
    from umt.pipeline.display.tracking import record_run
    from umt.pipeline.program import announce, conclude, program
    from umt.pipeline.store import Store

    with program(config) as (console, team, config):
        rebuild = stages.to_rebuild(config)
        announce(config, console)
        store = Store(Path(config.store), console, rebuild, team=team, together=("pretrain",))
        run = build(config, store)
        conclude(run, console)
        if config.tracking and not team.rank:
            record_run(instantiate(config.tracking), run)
    return run.criterion


def main() -> None:
    """The command."""
    with option_errors():
        train()


if __name__ == "__main__":
    main()
