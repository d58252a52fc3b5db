"""Random seeds that follow from one another by name."""

from __future__ import annotations

import hashlib
import json


def child_seed(seed: int, *names: str | int) -> int:
    """The seed in [0, 2^60) of the use of randomness that ``names`` describe, below ``seed``.

    Uses with different names are independent whatever the distance of two parent seeds, which sums such as
    ``seed + 1`` are not.
    """
    digest = hashlib.blake2b(json.dumps([seed, *names]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 4
