"""Reading lexicons off vectors and counts together."""

from __future__ import annotations

import pytest
import torch
from torch import Generator
from two_languages import accuracy, two_languages

from umt.align.enrichment import Enrichment
from umt.align.widening import Widening
from umt.lexicon import predictability
from umt.retrieval import csls


def test_a_weight_is_judged_by_the_vectors_that_it_makes() -> None:
    source, target = two_languages(200)
    number = {word[2:]: index for index, word in enumerate(target.words)}
    pairs = torch.tensor([[row, number[word[2:]]] for row, word in enumerate(source.words)][:40])
    shared = Widening(sizes=(0,)).widen(source, target, pairs, Generator())
    enrichment = Enrichment(columns=(50, 100), weights=(0.1, 1.0), frequent=150)
    chosen, seen = enrichment._weight(source, target, shared)
    columns = enrichment._columns(source, target, shared.pairs, 100)
    for each in seen:
        left = enrichment._joined(shared.source.vectors[:150], source, columns[:, 0], each["weight"])
        right = enrichment._joined(shared.target.vectors[:150], target, columns[:, 1], each["weight"])
        assert each["predictability"] == pytest.approx(predictability(*csls(left, right)), abs=1e-5)
    assert chosen == max(seen, key=lambda each: each["predictability"])["weight"]
    enriched = enrichment.enrich(source, target, shared)
    assert accuracy(enriched.lexicon) >= accuracy(shared.lexicon)
