"""What the model that learns writes itself, to learn from: renderings, and which of them are fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator

from umt.filters import Bools, Filters, Signs, Usage
from umt.generation import Direction, Generation
from umt.joint_lm import JointLM
from umt.tokenizer import Ids
from umt.types import Lang


class Rendered(NamedTuple):
    """What a model wrote for each of some sentences; ended, fit: (sentences,), whether it came to an end, and
    whether it is worth learning from."""

    ids: list[Ids]
    ended: Bools
    fit: Bools


def rendered(
    model: JointLM,
    generation: Generation,
    direction: Direction,
    sentences: Sequence[Ids],
    lang: Lang,
    filters: Filters,
    usage: Usage,
    generator: Generator,
) -> Rendered:
    """The first rendering of each sentence in ``lang``, by ``model`` as it is in the middle of training."""
    model.eval()
    with torch.no_grad():
        outputs = generation.generate(model, sentences, direction, generator)
    model.train()
    best = [each[0] for each in outputs]
    ids = [each.ids.astype(sentence.dtype) for each, sentence in zip(best, sentences, strict=True)]
    nats = np.array([each.nats / (len(each.ids) + 1) for each in best])
    ended, said = np.array([each.ended for each in best]), np.array([len(each) > 0 for each in ids])
    return Rendered(ids, ended, ended & said & filters.fit(Signs.read(sentences, ids, lang, usage), nats))
