"""Every string comes back, no subword is shared when none may be, and other programs open the folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from umt.text.morphology import SuffixSplitter
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import ByteLevelBPE, PretrainedTokenizer, Tokenizer
from umt.types import BadInput, Lang

EN, ZH = Lang("en"), Lang("zh")
ENGLISH = [f"The cat number {i} sat on the old mat, and the dog looked at it." for i in range(200)]
CHINESE = [f"第{i}只\n猫\n坐\n在\n旧\n垫子\n上\n，\n狗\n看着\n它\n。" for i in range(200)]
STRANGE = [
    "",
    " ",
    "Plain words.",
    "猫坐在旧垫子上，狗看着它。",
    "Mixed 中文 and English\t\n  two  spaces ",
    "😀👩‍👩‍👧 \u00e9e\u0301 \ufffd \x00 \u2028",
    "<en> </s> <mask> <pad> are text here",
    "naïve Ελληνικά русский हिन्दी ไทย",
]


@pytest.fixture(scope="module", params=[False, True], ids=["joint", "disjoint"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return Tokenizer.train({EN: ENGLISH, ZH: CHINESE}, 700, disjoint=request.param)


@pytest.mark.parametrize("lang", [EN, ZH])
def test_every_string_comes_back(tokenizer: Tokenizer, lang: Lang) -> None:
    for line, ids in zip(STRANGE, tokenizer.encode(STRANGE, lang), strict=True):
        assert tokenizer.decode(ids) == line
        assert tokenizer.byte_lengths[ids].sum() == len(line.encode())
        assert not set(ids.tolist()) & tokenizer.special_ids


def test_random_unicode_comes_back(tokenizer: Tokenizer) -> None:
    chance = np.random.default_rng(1)
    points = chance.integers(0, 0x11_0000, (50, 20))
    lines = ["".join(chr(p) for p in row if not 0xD800 <= p < 0xE000) for row in points]
    assert [tokenizer.decode(ids) for ids in tokenizer.encode(lines, ZH)] == lines


def test_endings_are_subwords_and_come_back(tmp_path: Path) -> None:
    words = SuffixSplitter({"walked": ("walk", "ed"), "walks": ("walk", "s"), "went": ("go", "ed")})
    lines = ["She walked and went home.", "He walks; we walk.", *STRANGE]
    tokenizer = ByteLevelBPE(400).learn({EN: lines * 20, ZH: CHINESE}, {EN: words, ZH: SuffixSplitter()})
    tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.inflections == {EN: words}
    for each in (tokenizer, loaded):
        encoded = each.encode(lines, EN)
        assert [each.decode(ids, EN) for ids in encoded] == lines
        assert each.decode(encoded[0]) == "She walk ˍed and go ˍed home."
        assert each.byte_lengths[encoded[1]].sum() == len(lines[1])
        assert [
            each.without_suffix_splitting.decode(ids)
            for ids in each.without_suffix_splitting.encode(lines, EN)
        ] == lines
    assert (
        not ByteLevelBPE(400, split_suffixes=False).learn({EN: lines, ZH: CHINESE}, {EN: words}).inflections
    )


def test_disjoint_languages_share_nothing() -> None:
    tokenizer = Tokenizer.train({EN: ENGLISH, ZH: CHINESE}, 700, disjoint=True)
    english = set(np.concatenate(tokenizer.encode([*ENGLISH, *STRANGE], EN)).tolist())
    chinese = set(np.concatenate(tokenizer.encode([*CHINESE, *STRANGE], ZH)).tolist())
    assert not english & chinese
    assert max(chinese) < len(tokenizer)
    with pytest.raises(ValueError, match="language"):
        tokenizer.encode(ENGLISH)


def test_words_are_subwords_and_subwords_stay_in_words() -> None:
    tokenizer = Tokenizer.train({EN: ENGLISH, ZH: CHINESE}, 700)
    pieces = {piece.decode("utf-8", "replace") for piece in tokenizer.pieces}
    assert {" the", "垫子"} <= pieces
    assert not any("旧垫" in piece for piece in pieces)


def test_saved_and_loaded_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    again = Tokenizer.load(tmp_path)
    assert again.languages == tokenizer.languages
    assert (again.pad, again.end, again.mask, again.tag(EN), again.tag(ZH)) == (0, 1, 2, 3, 4)
    for before, after in zip(tokenizer.encode(STRANGE, ZH), again.encode(STRANGE, ZH), strict=True):
        assert np.array_equal(before, after)


def test_transformers_opens_it(tmp_path: Path) -> None:
    tokenizer = Tokenizer.train({EN: ENGLISH, ZH: CHINESE}, 700)
    tokenizer.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    for line in STRANGE[:6]:
        assert theirs(line).input_ids == tokenizer.encode([line])[0].tolist()
        assert theirs.decode(theirs(line).input_ids) == line
    assert theirs("<en> cat</s>").input_ids[0] == tokenizer.tag(EN)
    assert theirs.eos_token_id == tokenizer.end


def test_a_borrowed_vocabulary_gets_our_tags(tmp_path: Path) -> None:
    trained = Tokenizer.train({EN: ENGLISH}, 400)
    trained.save(tmp_path)
    borrowed = PretrainedTokenizer(str(tmp_path)).learn({EN: [], ZH: []}, {})
    assert borrowed.tag(ZH) == len(trained)
    assert borrowed.decode(borrowed.encode([STRANGE[5]])[0]) == STRANGE[5]
    with pytest.raises(BadInput, match="nosuch"):
        PretrainedTokenizer(str(tmp_path / "nosuch")).learn({EN: []}, {})


@pytest.mark.parametrize("disjoint", [False, True])
def test_a_vocabulary_of_ours_is_borrowed_whole(disjoint: bool, tmp_path: Path) -> None:
    cut = SuffixSplitter({"walked": ("walk", "ed")})
    trained = Tokenizer.train({EN: ENGLISH, ZH: CHINESE}, 700, disjoint=disjoint)
    replace(trained, inflections={EN: cut}).save(tmp_path)
    borrowed = PretrainedTokenizer(str(tmp_path)).learn({EN: [], ZH: []}, {})
    assert len(borrowed) == len(trained)
    assert borrowed.encode(["she walked"], EN)[0].tolist() != trained.encode(["she walked"], EN)[0].tolist()
    assert borrowed.decode(borrowed.encode(["she walked"], EN)[0], EN) == "she walked"
    assert borrowed.decode(borrowed.encode([CHINESE[0]], ZH)[0], ZH) == CHINESE[0]


def test_a_vocabulary_below_the_bytes_is_refused() -> None:
    with pytest.raises(BadInput, match="at least 261"):
        Tokenizer.train({EN: ENGLISH, ZH: CHINESE}, 260)


def test_shards_hold_the_text(tokenizer: Tokenizer, tmp_path: Path) -> None:
    lines = [line for line in STRANGE if line] * 7
    assert write_shards(iter(lines), EN, tokenizer, tmp_path)[0] == len(lines)
    shards = TokenShards(tmp_path, EN)
    assert [tokenizer.decode(shards.ids(number)) for number in range(len(shards))] == lines
    assert shards.tokens.dtype == np.uint16
    joined = shards.concatenate(np.array([3, 0, 3]), 8, 9)
    assert joined.tolist() == [8, *shards.ids(3), 9, 8, *shards.ids(0), 9, 8, *shards.ids(3), 9]


def test_damaged_or_missing_shards_are_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    write_shards(["one line"], EN, tokenizer, tmp_path)
    (tmp_path / "en.bin").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"en\.bin is damaged"):
        TokenShards(tmp_path, EN).ids(0)
    with pytest.raises(BadInput, match="missing"):
        len(TokenShards(tmp_path, ZH))
