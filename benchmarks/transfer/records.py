"""One run after the other, a JSON line each; what is written is not run again."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from umt.compression.mixing import context_mixing
from umt.compression.prequential import Prequential
from umt.compression.symbols import CodedText
from umt.runtime.seeds import child_seed
from umt.types import F64, I64

BLOCKS = 50
"""Of neighbouring sentences, whose bits are stored: intervals resample them."""
Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A measurement: what names it, and what makes it in a folder of its own."""

    name: dict[str, Any]
    measure: Callable[[Path], Record]


def read(records: Path) -> list[Record]:
    """The runs so far."""
    if not records.exists():
        return []
    return [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]


def run(jobs: Iterable[Job], records: Path, scratch: Path, minutes: float) -> None:
    """Add every job that ``records`` does not hold yet, until the time is up."""
    done = [{key: value for key, value in each.items() if key != "result"} for each in read(records)]
    until = time.monotonic() + 60 * minutes
    for job in jobs:
        if job.name in done:
            continue
        if time.monotonic() > until:
            return
        folder = scratch / "-".join(map(str, job.name.values()))
        result = job.measure(folder)
        with records.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**job.name, "result": result}) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        print(
            *job.name.values(), {key: value for key, value in result.items() if key != "blocks"}, flush=True
        )


def coded_blocks(
    code: Prequential,
    texts: list[CodedText],
    vocabulary: int,
    seed: int,
    folder: Path,
    embeddings: tuple[I64, Tensor] | None = None,
    scored: int = 2,
) -> Record:
    """Bits of the first ``scored`` texts under a network for all: by itself, and mixed with counts."""
    runs = code.code(texts, vocabulary, child_seed(seed, 0), folder, lambda *_: None, embeddings)
    pairs = list(zip(texts, runs, strict=True))[:scored]
    ways = {
        "network": [text.per_sentence(one.nats / math.log(2)) for text, one in pairs],
        "mixed": [
            text.per_sentence(context_mixing.code_length(text.codes, text.tree, text.starts, [one.log_odds]))
            for text, one in pairs
        ],
    }
    return {
        "bits": {way: [round(float(each.sum()), 1) for each in parts] for way, parts in ways.items()},
        "blocks": {way: [in_blocks(each) for each in parts] for way, parts in ways.items()},
        "bytes": [int(text.sizes.sum()) for text, _ in pairs],
    }


def in_blocks(bits: F64) -> list[float]:
    """Sums over `BLOCKS` stretches of neighbouring sentences."""
    return [round(float(part.sum()), 1) for part in np.array_split(bits, min(BLOCKS, len(bits)))]
