"""Ctrl-C while a program still imports what it needs ends in one sentence, as it does later.

Import it before anything that takes long; `umt.pipeline.errors.user_errors` covers the time after.
"""

from __future__ import annotations

import sys
from types import TracebackType


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("error: interrupted before anything was begun", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _excepthook
