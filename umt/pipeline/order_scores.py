"""Whether translations of consecutive sentences read better in their order, see `umt.lm.sentence_order`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

from hydra.utils import instantiate
from omegaconf import DictConfig

from umt.evaluation.finished_runs import FinishedRun
from umt.evaluation.report.score_tables import direction_arrow
from umt.evaluation.rows import REAL_TEXT, ScoreRow, format_score, group_by_system
from umt.lm.loading import best_device, is_causal, load_with_tokenizer
from umt.lm.scoring import SequenceScorer
from umt.lm.sentence_order import SentenceOrder
from umt.pipeline.display.console import Console
from umt.pipeline.run import Run
from umt.text.normalisation import normaliser
from umt.types import Lang


def order_scores(
    config: DictConfig, run: Run, rows: Sequence[ScoreRow], console: Console
) -> Iterator[ScoreRow]:
    """The order gain of the real text of each set in ``rows``, and where that has one, of each system.

    Nothing where the joint model was trained on shuffled sentences (``lm.consecutive=1``): it knows no order.
    rows: scores of translations; what they were computed from is read from the folder of the run.
    """
    order: SentenceOrder | None = instantiate(config.evaluation.order)
    if order is None or run.model is None or config.lm.consecutive == 1 or not is_causal(run.model.path):
        return
    model, tokenizer = load_with_tokenizer(run.model.path, kernels=config.runtime.kernels)
    scorer, finished = SequenceScorer(model.to(best_device()), tokenizer), FinishedRun(run.directory)
    systems: dict[tuple[str, str], list[ScoreRow]] = defaultdict(list)
    for (name, way, system), scores in group_by_system(
        row for row in rows if row.kind == "translation"
    ).items():
        if system != "copy":
            systems[name, way].append(next(iter(scores.values())))
    for number, ((name, way), translated) in enumerate(systems.items()):
        console.progress(f"document order {name} {way}", number, len(systems))
        lang, real = Lang(way.split("-")[1]), finished.test_set(name, way)
        texts = {(REAL_TEXT, 0): [texts[0] for texts in real.references] if real else []}
        for row in translated:
            texts[row.system, row.parallel_pairs] = finished.translations(name, way, row.system) or []
        for (system, pairs), lines in texts.items():
            if len(lines) < 2:
                break
            start = time.perf_counter()
            ids = tokenizer.encode(list(map(normaliser(lang), lines[: order.sentences])), lang)
            score = order.gain(scorer, ids, lang)
            yield ScoreRow(
                *(system, name, way, score, time.perf_counter() - start, "order"), parallel_pairs=pairs
            )
            if system == REAL_TEXT and score.low <= 0:
                break


def missing_order(config: DictConfig, rows: Sequence[ScoreRow]) -> Iterator[str]:
    """A sentence for each set whose real text gains nothing by its order."""
    for row in rows:
        if row.kind == "order" and row.system == REAL_TEXT and row.score.low <= 0:
            gain, way = " ".join(format_score(row.score)), direction_arrow(row.direction)
            yield (
                f"no order in {row.set} {way}: its real text reads no better in order than permuted ({gain} "
                "bits/byte): its sentences are not consecutive, or the model knows none "
                f"(lm.consecutive={config.lm.consecutive}). No translation was measured by it"
            )
