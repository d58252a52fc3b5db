"""The supervised control: the unsupervised system from known pairs, same refinement and confidence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Generator, Tensor

from tests.two_languages import accuracy, two_languages
from umt.align.count_augmentation import CountAugmentation
from umt.align.refinement import Refinement
from umt.align.strategies.procrustes import Procrustes
from umt.align.strategies.supervised import Supervised
from umt.embeddings.wordspace import WordSpace
from umt.types import BadInput

CONTROL = Supervised(Refinement(sizes=(100, 0), candidates=5), CountAugmentation(columns=(80, 80)))


@dataclass(frozen=True)
class Truth:
    """The first ``count`` pairs of `two_languages`."""

    count: int

    def find(self, source: WordSpace, target: WordSpace) -> Tensor:
        """See `Seeds`."""
        rows = [(row, target.index[f"zh{word[2:]}"]) for row, word in enumerate(source.words)]
        return torch.tensor(rows[: self.count], dtype=torch.int64).view(-1, 2)


def test_the_control_is_the_refinement_of_its_pairs() -> None:
    source, target = two_languages(200)
    pairs = Truth(60).find(source, target)
    control = CONTROL.with_seeds(Truth(60)).align(source, target, Generator())
    shared = CONTROL.refinement.refine(source, target, pairs, Generator())
    assert CONTROL.count_augmentation is not None
    shared = CONTROL.count_augmentation.enrich(source, target, shared)
    assert torch.equal(control.lexicon.candidates, shared.lexicon.candidates)
    assert torch.equal(control.reverse_lexicon.probabilities, shared.reverse.probabilities)


def test_refinement_translates_more_words_than_the_single_map() -> None:
    source, target = two_languages(200)
    control = CONTROL.with_seeds(Truth(4)).align(source, target, Generator())
    single = Procrustes().with_seeds(Truth(4)).align(source, target, Generator())
    assert accuracy(control.lexicon) > accuracy(single.lexicon) + 0.1
    assert accuracy(control.lexicon) > 0.9


def test_the_control_is_as_confident_as_the_unsupervised_alignment() -> None:
    source, target = two_languages(100)
    control = CONTROL.with_seeds(Truth(80), 0.42).align(source, target, Generator())
    assert control.verdict.estimated_precision == 0.42
    assert control.verdict.label == "not judged"
    measured = CONTROL.with_seeds(Truth(80)).align(source, target, Generator())
    single = Procrustes().with_seeds(Truth(80), 0.42).align(source, target, Generator())
    assert measured.verdict.estimated_precision == single.verdict.estimated_precision != 0.42


def test_impossible_settings_are_named() -> None:
    with pytest.raises(BadInput, match="1 pairs of known en and zh words"):
        CONTROL.with_seeds(Truth(1)).align(*two_languages(50), Generator())
    with pytest.raises(ValueError, match="estimated_precision must lie in"):
        CONTROL.with_seeds(Truth(2), 1.5)


def test_the_settings_of_the_control_are_those_of_the_unsupervised_system() -> None:
    folder = Path(__file__).parents[3] / "conf" / "aligner"
    control, restarts = (OmegaConf.load(folder / f"{name}.yaml") for name in ("supervised", "restarts"))
    for part in ("refinement", "count_augmentation"):
        assert control[part] == restarts[part]
