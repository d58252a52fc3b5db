"""What sounds alike is heard where there is something to hear, and never otherwise."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from tests.two_languages import two_languages
from umt.align.transliteration import Romanised, Transducer
from umt.align.transliteration_evidence import TransliterationReranker, _name_probability, _true_pair_rate
from umt.embeddings.retrieval import Neighbours, csls
from umt.embeddings.wordspace import WordSpace
from umt.types import Lang

EN, RU, ZH = Lang("en"), Lang("ru"), Lang("zh")
BY_EAR = str.maketrans("abdegiklmnorstuvz", "апдекиклмнорстувз")
"""b is heard as п, g as к; the others as themselves."""


def names(count: int, seed: int) -> list[str]:
    """Distinct words of two to four syllables."""
    rng, result = np.random.default_rng(seed), dict[str, None]()
    while len(result) < count:
        syllables = rng.integers(2, 5)
        result[
            "".join(rng.choice(list("bdgklmnrstvz")) + rng.choice(list("aeiou")) for _ in range(syllables))
        ] = None
    return list(result)


def pairs_of(sources: list[str], targets: list[str]) -> tuple[Romanised, Romanised, np.ndarray]:
    return Romanised.read(sources, EN), Romanised.read(targets, RU), np.arange(len(sources))


def test_words_are_romanised_and_those_of_another_script_have_no_letters() -> None:
    read = Romanised.read(["史密斯", "OpenAI", "一"], ZH)
    assert read.lengths.tolist() == [6, 0, 2]  # sh i m i s i, nothing, y i
    assert Romanised.read(["Smith", "Boston", "x", "2024", "史"], EN).lengths.tolist() == [4, 6, 0, 0, 0]
    assert np.array_equal(Romanised.read(["shell"], EN).letters, Romanised.read(["shel"], EN).letters)


def test_the_transducer_sums_over_all_ways_to_write_a_pair() -> None:
    one, two, rows = pairs_of(["ba"], ["пи"])
    transducer = Transducer.start(one, two, rows, rows)
    edits, none = transducer.edits, len(transducer.edits) - 1
    (b, a), (p, i) = one.letters[0, :2], two.letters[0, :2]

    def ways(source: tuple[int, ...], target: tuple[int, ...]) -> float:
        if not source and not target:
            return transducer.end
        total = 0.0
        for take, give in product((0, 1), (0, 1)):
            if (take or give) and take <= len(source) and give <= len(target):
                edit = edits[source[0] if take else none, target[0] if give else none]
                total += edit * ways(source[take:], target[give:])
        return total

    apart = [
        stop * np.prod([chance[letter] * (1 - stop) for letter in word])
        for chance, stop, word in zip(transducer.unrelated, transducer.stop, ((b, a), (p, i)), strict=True)
    ]
    expected = np.log(ways((b, a), (p, i)) / (apart[0] * apart[1]))
    assert transducer.log_likelihood_ratio(one, two, rows, rows)[0] == pytest.approx(expected, rel=1e-12)
    assert edits.sum() + transducer.end == pytest.approx(1)


def test_expectation_maximisation_never_loses_likelihood_and_hears_the_letters() -> None:
    sources = names(80, 1)
    one, two, rows = pairs_of(sources, [word.translate(BY_EAR) for word in sources])
    transducer, last = Transducer.start(one, two, rows, rows), -np.inf
    for _ in range(8):
        likelihood = transducer.log_likelihood_ratio(one, two, rows, rows).sum()
        assert likelihood > last - 1  # the start kept in mind may cost a little
        last = likelihood
        transducer = transducer.em_step(one, two, rows, rows, np.ones(len(rows)))
    b, p = Romanised.read(["ba"], EN).letters[0, 0], Romanised.read(["pa"], EN).letters[0, 0]
    assert transducer.edits[b, p] > 0.9 * transducer.edits[b].sum()
    assert transducer.log_likelihood_ratio(one, two, rows, rows).mean() > 5
    assert transducer.log_likelihood_ratio(one, two, rows, np.roll(rows, 7)).mean() < -5


def test_the_share_beyond_chance_rises_with_the_score() -> None:
    rng = np.random.default_rng(0)
    chance = rng.normal(size=4000)
    result = np.concatenate([rng.normal(size=350), rng.normal(6, 1, size=50)])
    shares = _true_pair_rate(result, chance)
    assert shares[350:].mean() > 0.95
    assert shares[:350].mean() < 0.1
    assert (np.diff(shares[np.argsort(result)]) >= 0).all()


def renamed(space: WordSpace, words: list[str], lang: Lang) -> WordSpace:
    """The same space; meaning i is called ``words[i]``."""
    return replace(space, lang=lang, words=tuple(words[int(word[2:])] for word in space.words))


def right(near: Neighbours, source: WordSpace, target: WordSpace, truth: dict[str, str]) -> float:
    best = near.indices[:, 0].tolist()
    return float(
        np.mean([truth[word] == target.words[at] for word, at in zip(source.words, best, strict=True)])
    )


def blurred(alike: bool) -> tuple[WordSpace, WordSpace, Neighbours, Neighbours, dict[str, str]]:
    """Two languages whose vectors tell meanings apart badly; a third of the words are names."""
    x, y = two_languages(300)
    words = names(300, 2)
    strange = [word.translate(BY_EAR) for word in names(300, 3)]
    theirs = [
        word.translate(BY_EAR) if alike and place % 3 == 0 else strange[place]
        for place, word in enumerate(words)
    ]
    true = torch.randn(300, 30, generator=torch.Generator().manual_seed(4))
    noise = torch.Generator().manual_seed(5)
    sides = []
    for space in (x, y):
        meanings = torch.tensor([int(word[2:]) for word in space.words])
        vectors = true[meanings] + 1.1 * torch.randn(300, 30, generator=noise)
        sides.append(torch.nn.functional.normalize(vectors, dim=1))
    forward, backward = csls(*sides, 40)
    source, target = renamed(x, words, EN), renamed(y, theirs, RU)
    return source, target, forward, backward, dict(zip(words, theirs, strict=True))


def test_names_are_found_by_ear() -> None:
    source, target, forward, backward, truth = blurred(alike=True)
    heard, back = TransliterationReranker().rerank(source, target, forward, backward)
    before, after = (right(near, source, target, truth) for near in (forward, heard))
    assert after > before + 0.1
    assert (heard.scores[:, :-1] >= heard.scores[:, 1:]).all()
    assert torch.equal(heard.indices.sort(1).values, forward.indices.sort(1).values)
    inverse = {target: source for source, target in truth.items()}
    assert right(back, target, source, inverse) > right(backward, target, source, inverse) + 0.1


def test_names_beside_wrong_partners_are_names_all_the_same() -> None:
    rng = np.random.default_rng(0)
    name = np.arange(2000) % 4 == 0
    vectors = torch.from_numpy(rng.normal(size=(2000, 20)) + 6 * name[:, None] / 20**0.5)
    heard = name & (rng.random(2000) < 0.3)  # the others have found a partner that does not sound alike
    pairs = np.arange(0, 2000, 2)  # half of the words have no partner at all
    shares = _name_probability(vectors, pairs, heard[pairs].astype(float))
    assert np.median(shares[name]) > 0.7
    assert np.median(shares[~name]) < 0.1


def test_where_nothing_sounds_alike_nothing_changes() -> None:
    source, target, forward, backward, _ = blurred(alike=False)
    heard, back = TransliterationReranker().rerank(source, target, forward, backward)
    assert torch.equal(heard.indices, forward.indices)
    assert torch.equal(back.scores, backward.scores)


@pytest.mark.parametrize("field", ["candidates", "rounds", "weight", "min_confidence"])
def test_a_bad_value_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        TransliterationReranker(**{field: 0})
