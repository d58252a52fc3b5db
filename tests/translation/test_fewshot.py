"""Prompts composed as stated, examples mined, the best kept, pairs handed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator

from tests.small_translation import EN, HAN, LETTERS, ZH, cipher, network
from umt.embeddings.sentence_mining import SentenceEncoder, mine_pairs
from umt.lm.generation import Direction, Generation
from umt.lm.search import Greedy, Sampling
from umt.pipeline.saved import LanguageDirection, open_translator
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids, Tokenizer
from umt.translation.bitext import load_bootstrap_pairs, save_bootstrap_pairs
from umt.translation.fewshot import FewShot
from umt.translation.prompting import Examples, PromptedTranslator, build_prompt
from umt.translation.quality.filters import Filters
from umt.types import BadInput

WAY = Direction(3, 4, 1, torch.tensor([1, 5]))
QUICK = FewShot(
    mining_sentences=300, seed_pairs=50, sentences=40, rounds=2, kept_share=0.25, shots=2, candidates=3,
    generation=Generation(Sampling(0.7)),
)  # fmt: skip


def ids(*numbers: int) -> Ids:
    return np.array(numbers, dtype=np.uint16)


@pytest.fixture(scope="module")
def small(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Tokenizer, tuple[TokenShards, TokenShards], TokenShards]:
    return cipher(tmp_path_factory.mktemp("cipher"))


@pytest.fixture(scope="module")
def space(small: tuple[Tokenizer, tuple[TokenShards, TokenShards], TokenShards]) -> SentenceEncoder:
    """Every letter beside its character, as a good alignment would have it."""
    tokenizer = small[0]
    vectors = torch.randn(len(tokenizer), 24, generator=Generator().manual_seed(0))
    for letter, character in zip(LETTERS, HAN, strict=True):
        [forward] = tokenizer.encode([character])
        for form in (letter, f" {letter}"):
            [here] = tokenizer.encode([form])
            vectors[int(here[-1])] = vectors[int(forward[-1])]
    return SentenceEncoder.of(vectors, torch.ones(len(tokenizer)))


def test_a_prompt_is_composed_as_stated() -> None:
    pairs = [(ids(10, 11), ids(20)), (ids(12), ids(22, 23))]
    # with the tags that generation adds: <en> 10 11 <zh> 20 </s> <en> 12 <zh> 22 23 </s> <en> 30 31 <zh>
    whole = [10, 11, 4, 20, 1, 3, 12, 4, 22, 23, 1, 3, 30, 31]
    assert build_prompt(ids(30, 31), pairs, WAY, 14).tolist() == whole
    assert build_prompt(ids(30, 31), pairs, WAY, 13).tolist() == whole[6:], "the less important goes first"
    assert build_prompt(ids(30, 31), pairs, WAY, 1).tolist() == [30, 31]
    assert build_prompt(ids(30, 31), [], WAY, 14).dtype == np.uint16


def test_similarity_is_the_worse_side() -> None:
    vectors = torch.zeros(6, 4)
    vectors[[0, 1, 2, 3], [0, 1, 2, 3]] = 1
    vectors[4, 0] = 1  # means the same as 0
    space = SentenceEncoder(vectors, torch.tensor([1.0, 1, 1, 1, 1, 3]))
    results = space.similarity([ids(0, 1), ids(0), ids(0), ids(0)], [ids(4), ids(4), ids(4, 2, 3), ids()])
    assert results.tolist() == pytest.approx([0.5, 1.0, 1 / 3, -1.0])
    unit = space.means([ids(0, 1), ids()])
    assert unit[0].tolist() == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0])
    assert unit[1].tolist() == [0, 0, 0, 0]


def test_mining_finds_what_belongs_together(
    small: tuple[Tokenizer, tuple[TokenShards, TokenShards], TokenShards], space: SentenceEncoder
) -> None:
    _, (english, _), truth = small
    order = np.random.default_rng(0).permutation(200)
    sources = [np.asarray(english.ids(line)) for line in range(200)]
    targets = [np.asarray(truth.ids(line)) for line in order]
    pairs, scores = mine_pairs(space, sources, targets, 100)
    assert len(pairs) == 100
    assert (scores.diff() <= 0).all()
    right = [sorted(sources[i]) == sorted(sources[int(order[j])]) for i, j in pairs.tolist()]
    assert np.mean(right) > 0.9  # the same letters: order is not told by means
    assert len(mine_pairs(space, sources, [], 5)[0]) == 0


def test_the_best_are_kept() -> None:
    scores = torch.tensor([0.1, -torch.inf, 0.9, 0.5])
    sides = (ids(1), ids(2), ids(3), ids(4))
    retained = Examples(sides, sides, scores).best(3)
    assert [int(each[0]) for each in retained.source] == [3, 4, 1]
    assert len(Examples(sides, sides, scores).best(4)) == 3, "what is unfit is never kept"
    both = retained + retained.reversed()
    assert len(both) == 6
    with pytest.raises(ValueError, match="4 sentences, 3"):
        Examples(sides, sides[:3], scores)


def test_the_best_candidate_is_given_and_the_window_is_kept(
    small: tuple[Tokenizer, tuple[TokenShards, TokenShards], TokenShards],
    space: SentenceEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokenizer, (english, _), truth = small
    model = network(tokenizer).eval()
    lines = range(60)
    examples = Examples(
        tuple(np.asarray(english.ids(line)) for line in lines),
        tuple(np.asarray(truth.ids(line)) for line in lines),
        torch.ones(60),
    )
    everything = list(range(len(tokenizer)))
    one = PromptedTranslator(
        EN, ZH, model, tokenizer, space, examples, {EN: everything, ZH: everything}, 3, 60, 1
    )
    asked: list[int] = []
    generate = Generation.generate

    def watched(self: Generation, model: object, sources: list[Ids], *rest: object) -> object:
        asked.extend(len(source) + 2 + self.length_offset for source in sources)
        assert self.length_ratio == 0
        return generate(self, model, sources, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Generation, "generate", watched)
    sentences = [np.asarray(english.ids(line)) for line in range(50, 80)]
    single = one.translate_ids(sentences, Generator().manual_seed(1))
    assert max(asked) <= 60
    assert min(asked) > 30, "there are examples in the prompt"
    asked.clear()
    many = PromptedTranslator(EN, ZH, model, tokenizer, space, examples, one.allowed_subwords, 3, 60, 6)
    best = many.translate_ids(sentences, Generator().manual_seed(1))
    assert len(asked) == 6 * 30
    assert best.scores.mean() > single.scores.mean()
    torch.testing.assert_close(best.scores, space.similarity(best.source, best.target))
    own = one.translate_ids(sentences[:1], Generator().manual_seed(1))  # line 50 is among its own examples
    assert len(own) == 1
    similarity = space.means(sentences) @ space.means(examples.source).T
    similarity[similarity > 1 - 1e-5] = -2
    for nearest, row in zip(one.nearest_examples(sentences), similarity, strict=True):
        expected = [examples.source[place] for place in row.topk(3).indices.flip(0).tolist()]
        assert [source.tolist() for source, _ in nearest] == [source.tolist() for source in expected]


def test_what_is_saved_prompts_alike(
    small: tuple[Tokenizer, tuple[TokenShards, TokenShards], TokenShards],
    space: SentenceEncoder,
    tmp_path: Path,
) -> None:
    tokenizer, texts, _ = small
    result = QUICK.run(network(tokenizer).eval(), tokenizer, space, texts, 1, lambda *_: None)
    result.prompted.save(tmp_path)
    greedy = Generation(Greedy())
    for way in (result.prompted, result.prompted.reversed()):
        again = PromptedTranslator.load(tmp_path, way.source, way.target, way.generation)
        raw = [tokenizer.decode(each) for each in way.examples.source[:5]] + [""]
        assert again.translate(raw) == way.translate(raw)
        assert again.translate(raw)[-1] == ""
        assert (
            len(PromptedTranslator.load(tmp_path, way.source, way.target, greedy).translate(["a b " * 60]))
            == 1
        )
    opened = open_translator(tmp_path, LanguageDirection(None, EN), beam=1)  # as `umt.cli.translate` does
    assert isinstance(opened, PromptedTranslator)
    assert (opened.source, opened.target) == (ZH, EN)
    with pytest.raises(BadInput, match="not en and en"):
        PromptedTranslator.load(tmp_path, EN, EN, greedy)
    with pytest.raises(BadInput, match="no prompts"):
        PromptedTranslator.load(tmp_path / "nowhere", EN, ZH, greedy)


def test_rounds_keep_the_best_and_hand_pairs_on(
    small: tuple[Tokenizer, tuple[TokenShards, TokenShards], TokenShards],
    space: SentenceEncoder,
    tmp_path: Path,
) -> None:
    tokenizer, texts, _ = small
    result = QUICK.run(network(tokenizer).eval(), tokenizer, space, texts, 1, lambda *_: None)
    start, *rounds = result.round_log
    assert start["examples"] == 50
    for record in rounds:
        assert 1 <= record["en-zh pairs"] <= 10
        assert record["en-zh kept"] > record["en-zh all"]
    real = {tuple(np.asarray(texts[0].ids(line)).tolist()) for line in range(len(texts[0]))}
    assert all(tuple(each.tolist()) in real for each in result.pairs[EN].target), "what is asked for is real"
    assert len(result.prompted.examples) <= 50 + sum(r["en-zh pairs"] + r["zh-en pairs"] for r in rounds)
    assert load_bootstrap_pairs(tmp_path, (EN, ZH)) == []
    save_bootstrap_pairs(tmp_path, (ZH, ["天地"]), (EN, [" a b"]), tokenizer)
    [bitext] = load_bootstrap_pairs(tmp_path, (EN, ZH))
    assert (bitext.source.lang, bitext.target.lang) == (ZH, EN)
    assert tokenizer.decode(bitext.source.ids(0)) == "天地"


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match="kept_share must lie in"):
        FewShot(kept_share=0)
    with pytest.raises(ValueError, match="rounds"):
        FewShot(rounds=0)
    with pytest.raises(ValueError, match=r"filters\.max_reconstruction_nll"):
        FewShot(filters=Filters(max_reconstruction_nll=1.0))
