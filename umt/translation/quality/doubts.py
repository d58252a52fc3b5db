"""Signs by which a translator itself finds its translation absurd."""

from __future__ import annotations

import json
from pathlib import Path

from umt.lm.generation import Output
from umt.text.tokenizer import Ids, Tokenizer
from umt.training.loop import LOG
from umt.translation.quality.filters import repeated_bigrams

BEYOND = 2.0
"""Nats a subword beyond what the text of training cost: a factor of 7 in probability at every subword. On the
test set of the generated corpus no sentence is beyond it, of news each (docs/decisions/087-doubts.md)."""
LOOPING = 0.3
"""Share of repeated bigrams in a loop, beyond that of the sentence."""
_SPELLED = 0.25
"""Share of a sentence's subwords that are bytes of characters without a subword of their own."""
_LAST = 10


def training_cost(directory: Path) -> float | None:
    """Nats a subword of real text at the end of training, given its translation; None: not recorded."""
    log = directory / LOG
    if not log.exists():
        return None
    records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()[-_LAST:]]
    costs: dict[str, list[float]] = {}
    for record in records:
        for name, value in record.items():
            if name.endswith("/nats") and not name.startswith("denoising"):
                costs.setdefault(name, []).append(float(value))
    return max((sum(values) / len(values) for values in costs.values()), default=None)


def is_looping(hypothesis: Output, sentence: Ids) -> bool:
    """Whether a hypothesis repeats bigrams where the sentence does not."""
    return repeated_bigrams(hypothesis.ids) > repeated_bigrams(sentence) + LOOPING


def doubts(
    sentence: Ids, hypothesis: Output, subwords: int, tokenizer: Tokenizer, cost: float | None
) -> tuple[str, ...]:
    """Why a translation is not to be trusted, a few words each; none for most.

    subwords: over how many the nats of ``hypothesis`` are.  cost: that of `training_cost`.
    """
    reasons = []
    nats = hypothesis.nll / max(1, subwords)
    if cost is not None and nats > cost + BEYOND:
        reasons.append(f"{nats:.1f} nats a subword where text of training cost {cost:.1f}")
    if not hypothesis.ended:
        reasons.append("does not end")
    if is_looping(hypothesis, sentence):
        reasons.append("repeats itself")
    spelled = [not _is_text(tokenizer.pieces[number]) for number in sentence]
    if sum(spelled) > _SPELLED * len(spelled):
        reasons.append("most of the sentence is characters that it hardly knows")
    return tuple(reasons)


def _is_text(piece: bytes) -> bool:
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
