"""The sentences that the tests of the decoder share."""

from __future__ import annotations

import numpy as np
import pytest

from tests.lm.naive_decoding import VOCABULARY
from umt.text.tokenizer import Ids


@pytest.fixture(scope="module")
def sources() -> list[Ids]:
    draw = np.random.default_rng(0)
    lengths = [5, 1, 9, 3, 3, 0, 7, 12, 2, 6]
    return [draw.integers(5, VOCABULARY, length).astype(np.uint16) for length in lengths]
