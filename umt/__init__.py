"""umt: unsupervised machine translation between two languages from two piles of text.

    import umt

    run = umt.train("corpus=files", "corpus.root=DIR")     # or umt.load("runs/run-0123456789ab")
    run.translate(["She reads an old book."], to="zh")
    umt.score(hypotheses, references, to="zh")

The names below are the interface for programs, see docs/api.md; everything else may change.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from umt.align import Alignment
    from umt.api import TrainedRun, align_words, compare, evaluate, load, score, train, word_space
    from umt.embeddings.lexicon import Lexicon
    from umt.embeddings.wordspace import WordSpace
    from umt.types import BadInput, Score

__version__ = "0.1.0"
__all__ = [
    "Alignment",
    "BadInput",
    "Lexicon",
    "Score",
    "TrainedRun",
    "WordSpace",
    "align_words",
    "compare",
    "evaluate",
    "load",
    "score",
    "train",
    "word_space",
]

# Before torch is loaded: its threads must not spin while they wait. With one other busy process on two cores,
# an eigendecomposition of 1200 x 1200 takes 0.4 s instead of 23 s.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_PLACES = {
    "Alignment": "umt.align",
    "BadInput": "umt.types",
    "Lexicon": "umt.embeddings.lexicon",
    "Score": "umt.types",
    "WordSpace": "umt.embeddings.wordspace",
}


def __getattr__(name: str) -> Any:
    """The names of ``__all__``, imported when one is used first."""
    if name not in __all__:
        raise AttributeError(f"module 'umt' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES.get(name, "umt.api")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
