"""Learn to translate from two piles of text: the table of contents of the system.

python train.py                                             the embedded default, a generated world
python train.py corpus=files corpus.source=A corpus.target=B    two files or folders of text
python train.py aligner=cooccurrence                        another strategy, by one word
python train.py -m seed=1,2,3                               a sweep
torchrun --nproc-per-node 2 train.py                        the language model on several devices
python evaluate.py [the same overrides]                     the scores
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig

from umt.pipeline import errors

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

    text = store.build(stages.prepare, config.preparation, corpus, *held_out)
    bits = None
    if config.bits:
        other = [
            store.build(stages.prepare, config.preparation, source)
            for source in inputs.other_domain_sources(config)
        ]
        bits = store.build(neural_stages.bits, config.bits, text, *other, seed=seed)

    words = store.build(stages.words, config.words, text, seed=seed)
    bridge = store.build(stages.align, config.aligner, words, seed=seed)
    bridges = {"unsupervised": bridge}
    translators: dict[str, Artefact] = {}

    tokens = model = bootstrap = translator = None
    if config.lm:
        tokens = store.build(neural_stages.tokenise, config.tokenizer, text)
        model = store.build(neural_stages.pretrain, config.lm, tokens, bridge, seed=seed)
    if config.bootstrap:
        neural = (tokens, model) if needs_lm else ()
        bootstrap = store.build(stages.bootstrap, config.bootstrap, text, bridge, *neural, seed=seed)
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
        control = store.build(stages.align_supervised, config.control, text, words, dictionary, seed=seed)
        bridges["supervised"] = control
        if bootstrap and not needs_lm:
            translators["supervised"] = store.build(
                stages.bootstrap, config.bootstrap, text, control, seed=seed
            )
    parts = (text, words, *filter(None, (bits, model, translator)), *bridges.values(), *translators.values())
    everything = store.build(stages.run, inputs.run_identity(config), *parts)
    return Run(everything.path, corpus, held_out, text, model, translator, bits, bridges, translators)


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    """Build what is missing, then say where it is."""
    from rich.console import Console as Terminal

    from umt.lm.loading import configure_libraries
    from umt.pipeline import stages
    from umt.pipeline.console import Console
    from umt.pipeline.store import Store
    from umt.runtime.distributed import init_process_group
    from umt.runtime.threads import use_threads

    configure_libraries()
    team = init_process_group()
    console = Console(Terminal(quiet=True)) if team.rank else Console()
    with errors.sweep_job(console):
        use_threads(config.runtime.threads)
        again = stages.to_rebuild(config)
        run = build(config, Store(Path(config.store), console, again, team=team, together=("pretrain",)))
        if team.rank == 0:
            print(f"run: {run.directory}")


if __name__ == "__main__":
    with errors.option_errors():
        main()
