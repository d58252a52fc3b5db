"""The vocabulary of the whole project: a language, a score, and the error a user should see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NewType

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I8 = NDArray[np.int8]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

Lang = NewType("Lang", str)
"""A language by its ISO 639-1 code, for example ``en`` or ``zh``."""


ProgressCallback = Callable[[str, int, int | None], None]
"""``progress(what, done, total)`` tells a person how far long work has come; ``total`` None when unknown."""


class BadInput(ValueError):
    """What the user gave cannot be used.

    The message is one sentence that names the file or option and says what to do; the entry points
    print it without a traceback and exit with status 2.
    """


@dataclass(frozen=True)
class Score:
    """A number that never travels without its recipe.

    ``low`` and ``high`` bound the 95% interval; ``signature`` says how ``value`` was computed.
    """

    name: str
    value: float
    low: float
    high: float
    signature: str
