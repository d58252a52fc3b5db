"""The generated world: the same from the same seed, disjoint, and true."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import rjieba

from umt.corpus.synthetic.concepts import read_vocabulary
from umt.corpus.synthetic.logical_form import key
from umt.corpus.synthetic.realisation import TRIVIAL, Realiser, generate_pairs
from umt.corpus.synthetic.source import SyntheticPairs, SyntheticWorld, WorldPairs
from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")
SMALL = SyntheticWorld(size=4000, processes=1)


@pytest.fixture(scope="module")
def english() -> list[str]:
    return list(SMALL.sentences(EN))


@pytest.fixture(scope="module")
def chinese() -> list[str]:
    return list(SMALL.sentences(ZH))


def words(line: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+|\S", line.lower())


def test_the_seed_decides_everything(english: list[str]) -> None:
    assert list(SMALL.sentences(EN)) == english
    assert len(english) == SMALL.size
    assert list(replace(SMALL, seed=2).sentences(EN)) != english
    assert replace(SMALL, processes=2).digest() == SMALL.digest() != replace(SMALL, noise=0.1).digest()


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing() -> None:
    world = SyntheticWorld(size=20_000, processes=1)
    assert list(world.sentences(EN)) == list(replace(world, processes=2).sentences(EN))


def test_no_number_of_processes_means_half_the_cores(
    english: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umt.corpus.synthetic.source.WORTH_PROCESSES", 1)
    assert list(replace(SMALL, size=500, processes=0).sentences(EN)) == english[:500]


def test_known_pairs_are_as_many_as_asked_half_of_each_side() -> None:
    for size in (1, 4, 5):
        assert len(list(SyntheticPairs(SMALL, size).examples())) == size
    first, second = (
        [*generate_pairs(SMALL.side_spec(side), count, 1)] for side, count in (("en", 3), ("zh", 2))
    )
    expected = [(item[EN][0], item[ZH][0]) for item in (*first, *second)]
    assert list(SyntheticPairs(SMALL, 5).examples()) == expected


def test_the_two_sides_and_the_held_out_pairs_say_different_things() -> None:
    voices = [SMALL.side_spec(side) for side in ("en", "zh", "dev", "test")]
    keys: list[set[int]] = []
    for voice in voices:
        speaker = Realiser(voice)
        documents = speaker.sampler.documents()
        sentences = [sentence for _ in range(60) for sentence in next(documents)]
        message = [sentence.concepts() for sentence in sentences]
        keys.append({key(each, SMALL.seed, speaker.same) for each in message if len(each) > TRIVIAL})
    assert all(len(some) > 100 for some in keys)
    assert not any(keys[i] & keys[j] for i in range(4) for j in range(i))


def test_no_held_out_sentence_stands_in_the_text(english: list[str], chinese: list[str]) -> None:
    pairs = WorldPairs(SMALL, "test", 150)
    for lang, text in ((EN, english), (ZH, chinese)):
        assert not set(text) & set(pairs.unpaired_side(lang))


def test_held_out_pairs_are_pairs_with_several_references() -> None:
    pairs = WorldPairs(SMALL, "dev", 60)
    result = pairs.pairs()
    assert len(result) == 60
    assert pairs.name == "dev"
    assert result == WorldPairs(SMALL, "dev", 60).pairs()
    assert sum(len(item) > 1 for item in result.sides[EN]) > 20
    truth = SMALL.dictionary().pairs
    shares = []
    for sources, targets in zip(result.sides[EN], result.sides[ZH], strict=True):
        known = [word for word in words(sources[0]) if word in truth]
        shares.append(np.mean([any(zh in text for zh in truth[word] for text in targets) for word in known]))
    assert np.mean(shares) > 0.9
    assert pairs.unpaired_side(EN) == sorted(pairs.unpaired_side(EN))
    assert [each.name for each in SMALL.held_out()] == ["dev", "test"]


def test_the_dictionary_covers_the_text(english: list[str], chinese: list[str]) -> None:
    truth = SMALL.dictionary().pairs
    targets = {word for words in truth.values() for word in words}
    assert len(truth) > 3000
    assert len(targets) > 1200
    heads = {noun.english[0] for noun in read_vocabulary().nouns}
    assert len(heads) > 900
    counts = Counter(word for line in english for word in words(line) if word.isalpha())
    covered = sum(count for word, count in counts.items() if word in truth)
    assert covered / counts.total() > 0.45
    cut = Counter(word for line in chinese for word in rjieba.cut(line))
    assert sum(count for word, count in cut.items() if word in targets) / cut.total() > 0.4
    assert truth["dogs"] == {"狗"}
    assert truth["ate"] == {"吃"}
    assert {"银行", "河岸"} <= truth["bank"]
    assert {"医生", "大夫"} <= truth["doctor"]
    kinds = SMALL.kinds()
    assert (kinds["ate"], kinds["狗"], kinds["paris"]) == ("verb", "noun", "name")


def test_train_and_test_parts_share_no_headword() -> None:
    train, test = SMALL.dictionary("train").pairs, SMALL.dictionary("test").pairs
    assert not set(train) & set(test)
    assert ("eat" in train) == ("ate" in train)
    assert set(train) | set(test) == set(SMALL.dictionary().pairs)
    assert 0.4 < len(test) / (len(train) + len(test)) < 0.6
    turned = SyntheticWorld(languages=(ZH, EN)).dictionary().pairs
    assert "dog" in turned["狗"]


def test_lengths_are_bounded_and_frequencies_fall_as_in_language(
    english: list[str], chinese: list[str]
) -> None:
    for line in english:
        assert 3 <= len(line.split()) <= 24
    counts = Counter(word for line in english for word in words(line) if word.isalpha())
    top = np.array([count for _, count in counts.most_common(1000)], dtype=float)
    slope = np.polyfit(np.log(np.arange(1, 1001)), np.log(top), 1)[0]
    assert -1.5 < slope < -0.6
    assert all(line[-1] in "。？" for line in chinese)
    assert all((line[-1] in ".?" and line[0].isupper()) or line[0].isdigit() for line in english)


def test_the_segmenter_recovers_the_chinese_words() -> None:
    speaker = Realiser(SMALL.side_spec("zh"))
    documents = speaker.sampler.documents()
    result = total = 0

    def spans(tokens: list[str]) -> set[tuple[int, int]]:
        ends = np.cumsum([len(token) for token in tokens]).tolist()
        return set(zip([0, *ends[:-1]], ends, strict=True))

    for _ in range(120):
        for sentence in next(documents):
            tokens = speaker.chinese.sentence(sentence)
            mine = spans(tokens)
            result += len(mine & spans(rjieba.cut("".join(tokens))))
            total += len(mine)
    assert result / total > 0.97


def test_knobs_have_their_effect(chinese: list[str]) -> None:
    def frequent(world: SyntheticWorld, lang: Lang) -> set[str]:
        counts = Counter(word for line in world.sentences(lang) for word in words(line))
        return {word for word, _ in counts.most_common(400)}

    plain, shifted = replace(SMALL, size=900), replace(SMALL, size=900, domain_shift=1.0)
    truth = SMALL.dictionary().pairs

    def overlap(world: SyntheticWorld) -> float:
        text = "".join(world.sentences(ZH))
        return float(np.mean([any(zh in text for zh in truth[w]) for w in frequent(world, EN) if w in truth]))

    assert overlap(shifted) < overlap(plain)
    gap = replace(SMALL, size=900, lexical_gap=0.5)
    assert len(gap.dictionary().pairs) < 0.6 * len(truth)
    english = Counter(word for line in gap.sentences(EN) for word in words(line) if word.isalpha())
    assert len(english) < 0.95 * len(
        Counter(w for line in plain.sentences(EN) for w in words(line) if w.isalpha())
    )
    noisy = list(replace(SMALL, size=900, noise=0.3).sentences(EN))
    known = {word for line in plain.sentences(EN) for word in words(line)}
    strange = np.mean([word not in known for line in noisy for word in words(line)])
    assert strange > 0.08
    turned = list(replace(SMALL, size=4000, order_divergence=0.0).sentences(ZH))
    at_end = [
        np.mean([bool(re.search(r"在[^，]{2,6}[里上]。$", line)) for line in text])
        for text in (chinese, turned)
    ]
    assert at_end[1] > 2 * at_end[0]


@pytest.mark.parametrize(
    "options",
    [
        {"languages": (EN, Lang("fr"))},
        {"size": 0},
        {"domain_shift": 1.5},
        {"noise": -0.1},
        {"preference_strength": -1.0},
        {"processes": -1},
    ],
)
def test_bad_options_are_named(options: dict[str, object]) -> None:
    name, value = next(iter(options.items()))
    with pytest.raises(
        ValueError, match=r"languages|size|domain_shift|noise|preference_strength|processes"
    ) as error:
        SyntheticWorld(**options)  # type: ignore[arg-type]
    assert str(value if name != "languages" else "fr") in str(error.value)
    with pytest.raises(ValueError, match="split must be"):
        WorldPairs(SMALL, "train")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="part must be"):
        SMALL.dictionary("dev")
