"""The prequential code is a code: it predicts from the past only, and a decoder gives the text back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import constriction
import numpy as np
import pytest
import torch

from tests.small_texts import EN, TINY, ZH, quiet
from umt.compression.mixing import context_mixing
from umt.compression.mixing.cooccurrence_expert import CooccurrenceExpert
from umt.compression.mixing.prefix_code import PrefixCode
from umt.compression.prequential import Prequential, PrequentialNetwork, Row
from umt.compression.symbols import CodedText
from umt.embeddings.count_vectors import RawCounts
from umt.embeddings.counts import SENTENCE_BREAK, IndexedCorpus
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import WordSpace
from umt.types import F32, F64, I64, Lang

ALPHABET, END = 8, 7
SETTING = Prequential(TINY, increments=2, epochs=1, replay=9, row_length=16, rows=2)


class ByRank:
    """An aligner that takes words of the same rank of frequency for translations."""

    def align(self, source: WordSpace, target: WordSpace, generator: torch.Generator) -> Any:
        def lexicon(first: WordSpace, second: WordSpace) -> Lexicon:
            ranks = torch.arange(len(first.words))[:, None].clamp(max=len(second.words) - 1)
            return Lexicon(first.words, second.words, ranks, torch.ones(ranks.shape))

        return SimpleNamespace(lexicon=lexicon(source, target), reverse_lexicon=lexicon(target, source))


EXPERT = CooccurrenceExpert(RawCounts(dim=4, count_columns=4, minimum_count=1), ByRank(), doublings=2)


def text(codes: I64, lang: Lang = EN, first: int = 0) -> CodedText:
    """Symbols 0 to 6 and the end of a sentence, each of three decisions; the network's ids from ``first``."""
    ends = np.flatnonzero(codes == END) + 1
    sizes = np.diff(np.concatenate([[0], ends]))
    numbers, tree = np.arange(first, first + ALPHABET), PrefixCode.canonical(np.full(ALPHABET, 3))
    starts = np.ones(ALPHABET, np.bool_)
    return CodedText(lang, codes, ends, sizes, sizes, numbers, first + ALPHABET, tree, starts, 0.0)


def sentences(count: int, seed: int) -> I64:
    """Every symbol is one or two after the last, so that there is something to learn."""
    random = np.random.default_rng(seed)
    lines = [
        np.append(np.cumsum(random.integers(1, 3, random.integers(3, 8))) % END, END) for _ in range(count)
    ]
    return np.concatenate(lines)


def changed_at(codes: I64, place: int) -> I64:
    """The same with another symbol at ``place``, which is no end."""
    assert codes[place] != END
    other = codes.copy()
    other[place] = (other[place] + 1) % END
    return other


def test_prequential_code_predicts_from_the_past_only(tmp_path: Path) -> None:
    """A symbol that changes leaves all predictions before it as they were, to the last bit: no batch is
    learned from before it is paid for, neither as the next one nor as a rehearsal."""
    codes = sentences(40, 1)
    [whole] = SETTING.code([text(codes)], ALPHABET + 1, 1, tmp_path / "whole", quiet)
    for place in (len(codes) - 2, len(codes) // 2, len(codes) // 5):
        place -= int(codes[place] == END)
        other = text(changed_at(codes, place))
        [after] = SETTING.code([other], ALPHABET + 1, 1, tmp_path / str(place), quiet)
        assert (after.nats[:place] == whole.nats[:place]).all()
        assert (after.log_odds[: 3 * place] == whole.log_odds[: 3 * place]).all()
        assert (after.nats[place:] != whole.nats[place:]).any()


def test_cooccurrence_expert_predicts_from_the_past_only() -> None:
    """What is changed at the end of either text, after the last renewal, changes nothing before."""
    x, y = text(sentences(60, 1)), text(sentences(60, 2), ZH, 20)
    of_x, of_y = EXPERT.joint(x, y, 1, quiet)
    assert (of_x != EXPERT.unconditional(x, quiet)).any(), "something is transferred"
    late = replace(y, codes=changed_at(y.codes, len(y.codes) - 2))
    again_x, again_y = EXPERT.joint(x, late, 1, quiet)
    assert (again_x == of_x).all()
    assert (again_y[:-6] == of_y[:-6]).all()
    late = replace(x, codes=changed_at(x.codes, len(x.codes) - 2))
    for before, after in (
        (EXPERT.unconditional(x, quiet), EXPERT.unconditional(late, quiet)),
        (EXPERT.conditional(x, y, 1, quiet), EXPERT.conditional(late, y, 1, quiet)),
    ):
        assert (before[:-6] == after[:-6]).all()


def test_lexicon_is_found_in_what_has_been_coded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The aligner sees as many sentences as both sides have coded, and all of one that is given."""
    x, y = text(sentences(60, 1)), text(sentences(60, 2), ZH, 20)
    read: list[tuple[Lang, int]] = []
    build = RawCounts.build

    def recording(self: RawCounts, lang: Lang, tokens: IndexedCorpus, generator: torch.Generator) -> object:
        read.append((lang, int((tokens.ids == SENTENCE_BREAK).sum())))
        return build(self, lang, tokens, generator)

    monkeypatch.setattr(RawCounts, "build", recording)
    EXPERT.joint(x, y, 1, quiet)
    assert read == [(EN, 15), (ZH, 15), (EN, 30), (ZH, 30)]
    read.clear()
    EXPERT.conditional(x, y, 1, quiet)
    assert read == [(ZH, 60), (EN, 15), (ZH, 60), (EN, 30)]


def test_weight_of_transferred_scores_begins_at_zero() -> None:
    """Up to the first update of the weights, a text is predicted as by itself."""
    x, y = text(sentences(60, 1)), text(sentences(60, 2), ZH, 20)
    second = 3 * int(x.ends[29])  # the first renewal's part is one batch
    [of_x, _], own = EXPERT.joint(x, y, 1, quiet), EXPERT.unconditional(x, quiet)
    assert (of_x[:second] == own[:second]).all()
    assert (of_x[second:] != own[second:]).any()


def test_mixing_begins_with_the_same_weight_of_every_expert() -> None:
    """Of the first decision nothing has been counted: logit 0.15 * 0.3 + 0.4 * (mean of the experts)."""
    tree = PrefixCode.canonical(np.full(2, 1))
    for experts in ([2.3875], [1.0, 3.775], [3.775, 1.0]):
        odds = [np.array([value], np.float32) for value in experts]
        [bits] = context_mixing.code_length(np.array([1]), tree, np.ones(2, np.bool_), odds)
        logit = 0.15 * 0.3 + 0.4 * sum(experts) / len(experts)
        assert logit == pytest.approx(1.0)
        assert bits == pytest.approx(math.log2(1 + math.exp(-logit)), rel=1e-6)


@dataclass
class LazyRow:
    """A row of a text of which only the symbols before it are known yet; see `Prequential._rows`."""

    codes: I64
    before: LazyRow | None
    text: int = 0

    @property
    def first_new(self) -> int:
        return self.before.end if self.before else 0

    @property
    def start(self) -> int:
        first = self.first_new
        ends = np.flatnonzero(self.codes[:first] == END) + 1
        return max(int(ends[-1]) if len(ends) else 0, first - SETTING.row_length // 2)

    @property
    def end(self) -> int:
        return min(self.start + SETTING.row_length, len(self.codes))


ROW_BY_ROW = replace(SETTING, rows=1)


@dataclass(frozen=True)
class Decoding(Prequential):
    """The code of a text of which the length and the number of rows are known."""

    row_count: int = 0

    def batches(self, texts: Sequence[CodedText]) -> list[list[Row]]:
        rows: list[LazyRow] = []
        for _ in range(self.row_count):
            rows.append(LazyRow(texts[0].codes, rows[-1] if rows else None))
        return [[cast(Row, row)] for row in rows]


def distribution(known: CodedText, odds: F32, place: int, chances: torch.Tensor) -> F64:
    """(alphabet,) probability of each symbol at ``place`` under network, co-occurrence and counts.

    known: its symbols before ``place``.  odds: of the network before ``place``.  chances: (1, alphabet) of
    the network at ``place``.
    """
    bits = np.zeros(ALPHABET)
    for symbol in range(ALPHABET):
        codes = known.codes.copy()
        codes[place] = symbol
        network = np.concatenate([odds, known.tree.log_odds(chances, np.array([symbol]))])
        expert = EXPERT.unconditional(replace(known, codes=codes), quiet)[: len(network)]
        symbols, experts = codes[: place + 1], [network, expert]
        bits[symbol] = context_mixing.code_length(symbols, known.tree, known.starts, experts)[-1]
    return 2.0**-bits


def family(chances: F64) -> Any:
    """The model of an arithmetic coder."""
    return constriction.stream.model.Categorical(chances / chances.sum(), perfect=False)


def guess(codes: I64, place: int, count: int) -> CodedText:
    """The symbols before ``place``, then zeros, then as many ends as make ``count`` sentences."""
    filled = np.where(np.arange(len(codes)) < place, codes, 0)
    missing = count - int((filled == END).sum())
    filled[len(filled) - missing :] = END
    return text(filled)


def test_decoder_of_the_whole_code_gives_the_text_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream of as many bits as the code length is decoded from the stream alone: the decoder trains the
    network, counts and mixes on what it has decoded so far. It knows the numbers of symbols, sentences and
    rows."""
    codes = sentences(8, 5)
    original, score = text(codes), PrequentialNetwork.score
    predicted: list[torch.Tensor] = []

    def recording(network: PrequentialNetwork, rows: list[Row]) -> tuple[F32, F32]:
        predicted.append(network.predict(rows)[0].exp())
        return score(network, rows)

    monkeypatch.setattr(PrequentialNetwork, "score", recording)
    [coded] = ROW_BY_ROW.code([original], ALPHABET + 1, 1, tmp_path / "encoder", quiet)
    experts = [coded.log_odds, EXPERT.unconditional(original, quiet)]
    lengths = context_mixing.code_length(codes, original.tree, original.starts, experts)
    encoder = constriction.stream.queue.RangeEncoder()
    for place, chances in enumerate(torch.cat(predicted)):
        likely = distribution(original, coded.log_odds[: 3 * place], place, chances[None])
        assert likely.sum() == pytest.approx(1)
        assert -np.log2(likely[codes[place]]) == pytest.approx(lengths[place], rel=1e-9)
        encoder.encode(int(codes[place]), family(likely))
    stream = encoder.get_compressed()
    assert lengths.sum() <= 32 * len(stream) < lengths.sum() + 64

    decoder = constriction.stream.queue.RangeDecoder(stream)
    decoded, odds = np.zeros(len(codes), np.int64), [np.zeros(0, np.float32)]

    def decoding(network: PrequentialNetwork, rows: list[Row]) -> tuple[F32, F32]:
        first = rows[0].first_new
        for place in range(first, rows[0].end):
            chances = network.predict(rows)[0].exp()[place - first][None]
            known = guess(decoded, place, len(original.ends))
            decoded[place] = decoder.decode(family(distribution(known, np.concatenate(odds), place, chances)))
            odds.append(known.tree.log_odds(chances, decoded[place : place + 1]))
        return score(network, rows)

    monkeypatch.setattr(PrequentialNetwork, "score", decoding)
    blank = replace(guess(decoded, 0, len(original.ends)), codes=decoded)
    settings = {each.name: getattr(ROW_BY_ROW, each.name) for each in fields(Prequential)}
    again = Decoding(**settings, row_count=len(predicted))
    again.code([blank], ALPHABET + 1, 1, tmp_path / "decoder", quiet)
    assert decoded.tolist() == codes.tolist()


class Rates:
    """Keeps the rates of learning of each update."""

    def __init__(self) -> None:
        self.generator, self.rates = torch.Generator().manual_seed(1), list[float]()

    def learn(self, batch: list[Row], rate: float) -> None:
        self.rates.append(rate)

    def score(self, batch: list[Row]) -> tuple[F32, F32]:
        return np.zeros(1, np.float32), np.zeros(1, np.float32)


@pytest.mark.parametrize("batches", [0, 30])
def test_rates_of_learning_rise_from_above_zero_to_at_most_one(batches: int) -> None:
    network, row = Rates(), [Row(0, 0, 0, 16)]
    setting = replace(SETTING, epochs=1, replay=0)
    setting._increment(cast(PrequentialNetwork, network), [row] * batches, [row] * 30, "", quiet)
    assert all(0 < rate <= 1 for rate in network.rates)
    first = network.rates[:5]
    assert first == sorted(first)
    assert first[0] < first[-1]
