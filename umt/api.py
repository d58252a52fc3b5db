"""The interface for programs: what the commands do, as functions that return what they found.

``import umt`` offers these names and loads nothing before one of them is used. What a user can mend raises
`BadInput`, whose message is one sentence. Overrides are those of the commands: ``"aligner=self_learning"``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Generator

from umt.align import Aligner, Alignment
from umt.cli.train import build
from umt.embeddings.counts import index_words
from umt.embeddings.wordspace import WordSpace
from umt.evaluation.finished_runs import FinishedRun, find_scored_runs
from umt.evaluation.report.comparison import write_comparison
from umt.evaluation.rows import ScoreRow
from umt.evaluation.text_scores import DEFAULT, score_texts
from umt.lm.loading import configure_libraries
from umt.pipeline.checks import check_options
from umt.pipeline.composition import configuration
from umt.pipeline.display.console import Console
from umt.pipeline.display.reporting import score_run, write_report
from umt.pipeline.errors import option_sentence
from umt.pipeline.resumption import resumed
from umt.pipeline.saved import (
    LanguageDirection,
    artefact_of_run,
    open_translator,
    run_directory,
    training_warnings,
)
from umt.pipeline.store import Store
from umt.runtime.threads import use_threads
from umt.text.normalisation import normaliser
from umt.text.segmentation import segmenter
from umt.translation.translator import Alternative, NeuralTranslator
from umt.types import BadInput, Lang, Score

if TYPE_CHECKING:
    from umt.evaluation.baselines import Translator

_BEAM = 8


@dataclass(frozen=True)
class TrainedRun:
    """A run that `train` made or `load` opened."""

    path: Path

    @property
    def languages(self) -> tuple[Lang, Lang]:
        """(source, target)."""
        source, target = self.config["languages"]
        return Lang(source), Lang(target)

    @property
    def config(self) -> Mapping[str, Any]:
        """Every option with its value."""
        config: Mapping[str, Any] = FinishedRun(self.path).manifest["config"]
        return config

    @property
    def verdict(self) -> str:
        """``aligned``, ``doubtful`` or ``failed``, without a dictionary; ``not judged`` for a single run."""
        return FinishedRun(self.path).verdict

    @property
    def scores(self) -> list[ScoreRow]:
        """What `evaluate` measured; raises BadInput where it was not run."""
        return FinishedRun(self.path).rows

    @cached_property
    def alignment(self) -> Alignment:
        """Both vocabularies in one space, with ``lexicon`` and ``reverse_lexicon``."""
        return Alignment.load(artefact_of_run(self.path, ("align",), "alignment"))

    @cached_property
    def _translators(self) -> dict[tuple[str, bool], Translator]:
        return {}

    def translator(self, to: str | None = None, lexical: bool = False) -> Translator:
        """What translates into ``to`` (the target language): the neural one, else the phrase-based one.

        lexical: the phrase-based one in any case.
        """
        configure_libraries()
        target = Lang(to or self.languages[1])
        if (target, lexical) not in self._translators:
            for sentence in training_warnings(self.path, lexical):
                warnings.warn(f"{self.path}: {sentence}", stacklevel=3)
            way = LanguageDirection(None, target)
            self._translators[target, lexical] = open_translator(self.path, way, _BEAM, lexical)
        return self._translators[target, lexical]

    def translate(self, sentences: Sequence[str], to: str | None = None, lexical: bool = False) -> list[str]:
        """One translation a sentence, in order; see `translator`."""
        return self.translator(to, lexical).translate(_listed(sentences))

    def alternatives(self, sentences: Sequence[str], to: str | None = None) -> list[list[Alternative]]:
        """The different neural translations of each sentence, with scores in nats, best first."""
        translator = self.translator(to)
        if not isinstance(translator, NeuralTranslator):
            raise BadInput(f"{self.path} has no neural translator, and the other has no alternatives")
        return translator.alternatives(_listed(sentences))

    def warnings(self) -> list[str]:
        """What to know before using it: a failed alignment, true pairs, what the training reported."""
        return training_warnings(self.path)


def word_space(lines: Iterable[str], lang: str, *overrides: str, seed: int = 1) -> WordSpace:
    """Words, counts and vectors of a text: what an aligner sees of a language.

    lines: raw sentences; they are normalised and segmented.  overrides: of the group ``words``.
    """
    with _errors():
        config = configuration(overrides)
        normalise, words = normaliser(Lang(lang)), segmenter(Lang(lang))
        tokens = index_words(words.segment_line(normalise(line)) for line in _listed(lines))
        if not tokens.words:
            raise BadInput(f"the {lang} text holds no word: give it at least a few thousand sentences")
        space: WordSpace = instantiate(config.words).build(Lang(lang), tokens, _generator(seed))
        return space


def align_words(source: WordSpace, target: WordSpace, *overrides: str, seed: int = 1) -> Alignment:
    """Both vocabularies in one space, without a dictionary; ``verdict`` says whether that worked.

    overrides: of the group ``aligner``.
    """
    with _errors():
        aligner: Aligner = instantiate(configuration(overrides).aligner)
        return aligner.align(source, target, _generator(seed))


def train(*overrides: str, console: Console | None = None) -> TrainedRun:
    """``train.py`` with these overrides: builds what is missing. Progress is printed as there."""
    with _errors():
        config, console = _program(overrides), console or Console()
        run = build(config, Store(Path(config.store), console))
        return TrainedRun(run.directory)


def evaluate(*overrides: str, console: Console | None = None) -> TrainedRun:
    """``evaluate.py`` with these overrides: ``scores`` of a run that `train` made with them, and its page."""
    with _errors():
        config, console = _program(overrides), console or Console(list_reused=False)
        run = build(config, Store(Path(config.store), console, only=("run", "shared_content")))
        write_report(config, run, score_run(config, run, console))
        return TrainedRun(run.directory)


def load(run: str | Path | None = None) -> TrainedRun:
    """A run by its directory; the newest under ``runs`` where none is named."""
    return TrainedRun(run_directory(None if run is None else Path(run)))


def score(
    hypotheses: Sequence[str],
    references: Sequence[str | Sequence[str]],
    to: str,
    *,
    metrics: Sequence[str] = DEFAULT,
    against: Sequence[str] | None = None,
    resamples: int = 1000,
) -> list[Score]:
    """Scores of translations into ``to`` with intervals and signatures; see `umt.evaluation.text_scores`.

    references: one of each sentence, or all of each.  against: another system's, for the paired test.
    """
    items = [[item] if isinstance(item, str) else list(item) for item in references]
    return score_texts(_listed(hypotheses), items, Lang(to), metrics, against, resamples)


def compare(runs: Iterable[str | Path | TrainedRun], page: str | Path = "comparison.html") -> Path:
    """Write the page that compares scored runs, or all runs of a store, and return its path."""
    places = [run.path if isinstance(run, TrainedRun) else Path(run) for run in runs]
    write_comparison(find_scored_runs(places), Path(page), 1000)
    return Path(page)


def _program(overrides: Sequence[str]) -> DictConfig:
    """The configuration of a program, checked, with the threads that it asks for."""
    configure_libraries()
    config = resumed(configuration(overrides), overrides)
    check_options(config)
    use_threads(config.runtime.threads)
    return config


def _generator(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def _listed(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str):
        raise BadInput(f"give a list of sentences, not one text: [{texts[:40]!r}]")
    return list(texts)


@contextmanager
def _errors() -> Iterator[None]:
    """What a user can mend as `BadInput`, whatever library found it."""
    try:
        yield
    except Exception as error:
        sentence = option_sentence(error)
        if isinstance(error, BadInput) or sentence is None:
            raise
        raise BadInput(sentence) from error
