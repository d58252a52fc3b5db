"""Code lengths: that they are codes, that they approach the truth, and that they see shared structure
only."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console as Terminal

from tests.small_texts import EN, LINES, TINY, ZH, quiet
from umt.align.strategies.cooccurrence import Cooccurrence
from umt.compression.block_bootstrap import gain_interval, length_interval
from umt.compression.mixing import context_mixing
from umt.compression.mixing.cooccurrence_expert import CooccurrenceExpert
from umt.compression.mixing.prefix_code import PrefixCode
from umt.compression.mutual_information import WAYS, MutualInformation, NetworkRuns
from umt.compression.prequential import Prequential
from umt.compression.symbols import CodedText, kt_bits, merge_bits, table_bits, vocabularies
from umt.embeddings.count_vectors import RawCounts
from umt.evaluation.bits_rows import QUANTITIES, bits_rows
from umt.evaluation.report.bits import bits, show_bits
from umt.types import BadInput, Lang


def test_symbols_are_the_text_and_the_table_is_paid() -> None:
    result = vocabularies(LINES, 290, disjoint=True)
    en, zh = (result[lang].encode(LINES[lang], lang) for lang in (EN, ZH))
    assert not set(en.numbers) & set(zh.numbers)
    pieces = result[ZH].tokenizer.pieces
    numbers = zh.numbers[zh.codes] - result[ZH].first
    assert b"".join(pieces[number] or b"\n" for number in numbers).decode().split("\n")[:-1] == LINES[ZH]
    assert en.sizes.sum() == len("\n".join(LINES[EN])) + 1
    assert 100 < en.table < 5_000
    assert kt_bits([0] * 100, 2) < 6 < 90 < kt_bits(np.arange(100) % 2, 2)
    mixed = zh.shuffled(np.random.default_rng(0))
    assert sorted(mixed.codes) == sorted(zh.codes)
    assert (mixed.codes != zh.codes).any()


def test_a_shared_table_is_paid_whole_alone_and_once_together() -> None:
    shared, own = (vocabularies(LINES, 290, disjoint) for disjoint in (False, True))
    en, zh = (shared[lang].encode(LINES[lang], lang) for lang in (EN, ZH))
    merges = merge_bits(shared[EN].tokenizer.parts[0].to_str())
    assert min(table_bits([en]), table_bits([zh])) > merges > 0
    assert table_bits([en, zh]) == pytest.approx(table_bits([en]) + table_bits([zh]) - merges)
    pair = [own[lang].encode(LINES[lang], lang) for lang in (EN, ZH)]
    assert table_bits(pair) == pytest.approx(sum(table_bits([each]) for each in pair))


def _stream(values: np.ndarray, first: int, size: int = 20) -> CodedText:
    """Sentences of ``size`` symbols of an alphabet of 4, the network's numbers from ``first``."""
    count = len(values) // size
    tree = PrefixCode.canonical(np.full(4, 2))
    each = np.full(count, size)
    numbers = np.arange(first, first + 4)
    return CodedText(
        EN, values, np.cumsum(each), each, each, numbers, first + 4, tree, np.ones(4, np.bool_), 0.0
    )


def test_a_prequential_code_approaches_the_entropy_and_resumes(tmp_path: Path) -> None:
    chances = np.array([0.7, 0.1, 0.1, 0.1])
    text = _stream(np.random.default_rng(0).choice(4, 6_000, p=chances), 0)
    setting = Prequential(TINY, increments=2, epochs=1, row_length=25, rows=2)
    (output,) = setting.code([text], 5, 1, tmp_path, quiet)
    bits = output.nats.sum() / math.log(2) / 6_000
    entropy = -(chances * np.log2(chances)).sum()
    assert entropy * 0.97 < bits < entropy * 1.12
    signs = np.where(text.tree.bits[text.codes].ravel() == 1, 1, -1)
    assert np.logaddexp(0, -signs * output.log_odds).sum() == pytest.approx(output.nats.sum(), rel=1e-4)
    (tmp_path / "1.npz").unlink()
    (again,) = setting.code([text], 5, 1, tmp_path, quiet)
    assert (again.nats == output.nats).all()


def test_each_language_saves_the_other_bits_where_both_have_structure(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)

    def cycles() -> np.ndarray:
        """Sentences that go around in steps of one to three: the same rule in both languages."""
        starts, steps = generator.integers(0, 4, 120), generator.integers(1, 4, 120)
        return np.concatenate(
            [(start + step * np.arange(20)) % 4 for start, step in zip(starts, steps, strict=True)]
        )

    x, y = _stream(cycles(), 0), _stream(cycles(), 5)
    broken = y.shuffled(generator)
    setting = Prequential(
        TINY, increments=1, replay=2, row_length=40, rows=2, learning_rate=1e-2, adamw_learning_rate=5e-3
    )

    def gain(other: CodedText, name: str) -> dict[str, float]:
        runs = [
            setting.code(each, 10, 1, tmp_path / f"{name}{n}", quiet)
            for n, each in enumerate([[x], [other], [x, other]])
        ]
        parts = [
            [text.per_sentence(each.nats.astype(float))[None] for each in run]
            for run, text in zip(runs, (x, other, x), strict=True)
        ]
        return gain_interval([parts[0][0], parts[1][0]], parts[2], 200)

    real, null = gain(y, "real"), gain(broken, "null")
    assert real["low"] > 0
    assert real["bits"] > 2 * abs(null["bits"])


def test_company_is_carried_over_without_a_dictionary_and_nothing_from_a_destroyed_text() -> None:
    generator = np.random.default_rng(0)
    words, last = 127, 127
    frequent = 1 / np.arange(2, words + 2) ** 0.7
    frequent /= frequent.sum()
    company = generator.gamma(0.05 * words * frequent, size=(words, words)) + 1e-9
    company /= company.sum(1, keepdims=True)

    def side(lang: Lang, hidden: np.ndarray, first: int) -> CodedText:
        """Sentences of a word and those that it draws, each language under names of its own."""
        rows = []
        for size in generator.geometric(1 / 6, 4_000):
            head = generator.choice(words, p=frequent)
            drawn = generator.choice(words, size, p=company[head])
            rows.append(np.concatenate([hidden[[head, *drawn]], [last]]))
        sizes = np.array([len(row) for row in rows])
        numbers, tree = np.arange(first, first + words + 1), PrefixCode.canonical(np.full(words + 1, 7))
        starts = np.ones(words + 1, np.bool_)
        leaves = np.concatenate(rows)
        return CodedText(
            lang, leaves, np.cumsum(sizes), sizes, sizes, numbers, first + 128, tree, starts, 0.0
        )

    x, y = side(EN, np.arange(words), 0), side(ZH, generator.permutation(words), 129)
    aligner = Cooccurrence(words=words, drop=2, keep=1.0)
    expert = CooccurrenceExpert(RawCounts(dim=20, count_columns=words, minimum_count=1), aligner, doublings=3)

    def gain(other: CodedText) -> float:
        def bits(text: CodedText, odds: np.ndarray) -> float:
            return float(context_mixing.code_length(text.codes, text.tree, text.starts, [odds]).sum())

        apart = bits(x, expert.unconditional(x, quiet)) + bits(other, expert.unconditional(other, quiet))
        together = zip((x, other), expert.joint(x, other, 1, quiet), strict=True)
        return apart - sum(bits(text, odds) for text, odds in together)

    real, null = gain(y), gain(y.shuffled(generator))
    assert real > 200
    assert abs(null) < 0.1 * real
    output = context_mixing.code_length(y.codes, y.tree, y.starts, [expert.conditional(y, x, 1, quiet)]).sum()
    assert (
        output
        < context_mixing.code_length(y.codes, y.tree, y.starts, [expert.unconditional(y, quiet)]).sum() - 100
    )


def test_an_interval_holds_the_length_of_another_text_of_the_same_kind() -> None:
    generator = np.random.default_rng(0)

    def text() -> tuple[np.ndarray, np.ndarray]:
        """Sentences of many lengths; neighbours cost alike, as of one subject."""
        sizes = generator.integers(5, 100, 500)
        return np.repeat(generator.uniform(1, 3, 50), 10) * sizes, sizes

    inside = []
    for _ in range(60):
        (x, of_x), (y, of_y) = text(), text()
        low, high = length_interval([np.stack([x, 1.1 * x]), np.stack([y, 1.1 * y])], [of_x, of_y], 200)
        inside.append(low < 1.05 * 2 * (of_x.sum() + of_y.sum()) < high)
    assert 0.85 < np.mean(inside) <= 1
    assert length_interval([np.array([[10.0, 20.0]])], [np.array([5, 10])], 50) == (30, 30)


def test_bits_of_two_texts_end_to_end(tmp_path: Path) -> None:
    setting = MutualInformation(
        Prequential(TINY, increments=1, row_length=32),
        CooccurrenceExpert(
            RawCounts(dim=20, count_columns=20), Cooccurrence(words=20, drop=2, keep=0.8), doublings=2
        ),
        vocabulary=270,
        limit=None,
        seeds=1,
        controls=("shuffled",),
    )
    output = setting.measure(LINES, [], 1, tmp_path, quiet)
    assert json.loads(json.dumps(output)) == output
    both = output["pairs"]["both"]
    for quantity in QUANTITIES:
        assert [*both[quantity]] == ["code"] if "|" in quantity else [*WAYS]
        for each in both[quantity].values():
            assert each["low"] < each["bits"] < each["high"]
    for quantity in ("K(X)", "K(Y)", "K(X,Y)"):  # mixed, both are no worse than either
        assert both[quantity]["code"]["bits"] < 1.05 * min(both[quantity][way]["bits"] for way in WAYS)
    rows = {(row.system, row.set, row.score.name): row.score for row in bits_rows(output)}
    assert ("network", "both", "bits/byte K(Y|X)") not in rows
    score = rows["counts", "both", "bits/byte K(Y)"]
    size = output["sides"]["zh"]["bytes"]
    assert score.low == pytest.approx(both["K(Y)"]["counts"]["low"] / size)
    assert score.signature.endswith("seeds:1|bootstrap over seeds and stretches of text")
    shown = Terminal(width=200, file=StringIO())
    show_bits(output, shown)
    page = bits(output).html()
    for text in (shown.file.getvalue(), page):
        assert f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" in text
    nothing = dict.fromkeys(("bits", "low", "share"), -1e-9) | {"high": 1.0}
    page = bits({**output, "pairs": {"both": {**both, "gain": nothing}}}).html()
    assert "0.00%" in page
    assert "-0" not in page
    table = sum(side["table_bits"] for side in output["sides"].values())
    separate = both["K(X)"]["code"]["bits"] + both["K(Y)"]["code"]["bits"]
    assert both["gain"]["bits"] == pytest.approx(separate - both["K(X,Y)"]["code"]["bits"])
    assert both["K(X,Y)"]["code"]["bits"] > table > 0
    with pytest.raises(BadInput, match="there is no zh text"):
        setting.measure({EN: LINES[EN], ZH: []}, [], 1, tmp_path, quiet)
    with pytest.raises(BadInput, match=r"there is no en text to code in bits\.limit=3 bytes"):
        replace(setting, limit=3).measure(LINES, [], 1, tmp_path, quiet)


def test_a_control_needs_as_much_text_as_what_it_stands_for(tmp_path: Path) -> None:
    setting = MutualInformation(
        Prequential(TINY, increments=1, row_length=32),
        CooccurrenceExpert(RawCounts(dim=20, count_columns=20), Cooccurrence(words=20, drop=2, keep=0.8)),
        vocabulary=270,
        limit=None,
        seeds=1,
        controls=("more_source", "other_domain"),
        separate=False,
    )
    apart = LINES[ZH][::-1]
    output = setting.measure(LINES, apart[:60], 1, tmp_path / "short", quiet)
    assert list(output["pairs"]) == ["both"]
    assert output["left_out"] == [
        "control more_source left out: it needs 1,350 bytes of en beyond those coded, there are 183",
        "control other_domain left out: it needs 1,350 bytes of zh of another domain, there are 900",
    ]
    shown = Terminal(width=200, file=StringIO())
    show_bits(output, shown)
    for sentence in output["left_out"]:
        assert sentence in shown.file.getvalue()
        assert sentence in bits(output).html()
    output = setting.measure({**LINES, EN: LINES[EN] * 2}, apart, 1, tmp_path / "enough", quiet)
    assert list(output["pairs"]) == ["both", "more_source", "other_domain"]
    assert output["left_out"] == []


def test_runs_are_cached_by_the_content_of_texts(tmp_path: Path) -> None:
    """Two texts under one name are two runs; one text under two names is one."""
    setting = Prequential(TINY, increments=1, row_length=20, rows=2)
    one, other = (_stream(np.random.default_rng(seed).choice(4, 80), 0) for seed in (1, 2))
    runs = NetworkRuns(setting, 5, 1, tmp_path, quiet)
    first = runs.networks((one,), "x", 0)
    assert runs.networks((replace(one),), "y", 0) is first
    assert (runs.networks((other,), "x", 0)[0].nats != first[0].nats).any()
    assert len(list(tmp_path.iterdir())) == 2


def test_one_network_for_both_texts_sees_no_names(tmp_path: Path) -> None:
    """Side by side the target under other ids gains the same, shuffled less; alone each text is as before."""
    setting = MutualInformation(
        Prequential(TINY, increments=1, row_length=32, rows=2),
        CooccurrenceExpert(RawCounts(dim=20, count_columns=20), Cooccurrence(words=20, drop=2, keep=0.8)),
        vocabulary=270,
        limit=None,
        seeds=1,
        conditional=False,
        controls=("shuffled", "shuffled_within", "renamed"),
    )
    apart = setting.measure(LINES, [], 1, tmp_path, quiet)["pairs"]
    pairs = replace(setting, shared=True).measure(LINES, [], 1, tmp_path, quiet)["pairs"]
    for name, pair in pairs.items():
        assert pair["K(X)"] == apart[name]["K(X)"]
        assert pair["K(X,Y)"]["network"]["bits"] != apart[name]["K(X,Y)"]["network"]["bits"]
    lengths = {name: pair["K(X,Y)"]["network"]["bits"] for name, pair in pairs.items()}
    assert abs(lengths["renamed"] / lengths["both"] - 1) < 0.03
    assert lengths["shuffled"] > lengths["shuffled_within"] > lengths["both"]
