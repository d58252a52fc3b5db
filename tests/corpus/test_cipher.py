"""A cipher's two halves are disjoint, and its truth inverts it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from umt.corpus.cipher import Cipher, CipherPairs
from umt.corpus.synthetic.source import SyntheticWorld
from umt.types import BadInput, Lang

EN, XX = Lang("en"), Lang("xx")


@pytest.fixture(scope="module")
def cipher(tmp_path_factory: pytest.TempPathFactory) -> Cipher:
    path = tmp_path_factory.mktemp("text") / "en.txt"
    lines = list(SyntheticWorld(size=4000, processes=1).sentences(EN))
    path.write_text("\n".join(lines + lines[:50]) + "\n", encoding="utf-8")
    return Cipher(path=str(path))


def inverse(cipher: Cipher) -> dict[str, str]:
    return {code: word for word, codes in cipher.dictionary(least=1).pairs.items() for code in codes}


def decipher(cipher: Cipher, line: str) -> str:
    back = inverse(cipher)
    return re.sub(r"[^\W\d_]+", lambda result: back[result[0].lower()], line)


def test_truth_inverts_the_text(cipher: Cipher) -> None:
    back = inverse(cipher)
    assert len(back) == len(cipher.dictionary(least=1).pairs)
    plain = {line.lower() for line in cipher.lines("target")}
    secret = list(cipher.sentences(XX))
    assert len(secret) > 1500
    for line in secret:
        assert re.sub(r"[^\W\d_]+", lambda result: back[result[0].lower()], line).lower() in plain


def test_halves_are_disjoint_and_held_out_lines_stand_in_neither(cipher: Cipher) -> None:
    source, target = set(cipher.sentences(EN)), set(cipher.lines("target"))
    pairs = CipherPairs(cipher, "test", 20)
    assert not source & target
    assert not (source | target) & set(pairs.unpaired_side(EN))
    assert 0.8 < len(source) / len(target) < 1.25
    result = pairs.pairs()
    assert len(result) == 20
    for (plain,), (secret,) in zip(result.sides[EN], result.sides[XX], strict=True):
        assert cipher.encipher(plain) == secret
        assert decipher(cipher, secret).lower() == plain.lower()


def test_cipher_words_can_be_said_and_keep_capitals_numbers_and_marks(cipher: Cipher) -> None:
    secret = cipher.encipher("In 1998, the dog ate.")
    assert re.fullmatch(r"[A-Z][a-z]{9} 1998, [a-z]{10} [a-z]{10} [a-z]{10}\.", secret)
    assert cipher.code("dog") == cipher.code("dog") != replace(cipher, seed=2).code("dog")


def test_merge_split_and_reorder(cipher: Cipher) -> None:
    words = [f"word{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}" for i in range(5000)]
    merged, halved = replace(cipher, merge=0.5), replace(cipher, split=0.3)
    assert len({merged.code(word) for word in words}) < 0.75 * len(words)
    assert 0.25 < sum(len(halved.code(word)) == 2 for word in words) / len(words) < 0.35
    line = "one two three four five six seven eight, nine"
    moved = replace(cipher, reorder=2).encipher(line)
    assert moved != cipher.encipher(line)
    assert sorted(re.findall("[a-z]+", moved)) == sorted(re.findall("[a-z]+", cipher.encipher(line)))


def test_dictionary_parts_and_digest(cipher: Cipher) -> None:
    train, test = cipher.dictionary("train").pairs, cipher.dictionary("test").pairs
    assert train
    assert not set(train) & set(test)
    assert cipher.digest() == replace(cipher).digest() != replace(cipher, reorder=1).digest()
    assert [each.name for each in cipher.held_out()] == ["dev", "test"]


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"corpus\.path"):
        list(Cipher(path=str(tmp_path / "missing.txt")).sentences(EN))
    with pytest.raises(ValueError, match="merge"):
        Cipher(merge=2)
    with pytest.raises(ValueError, match="two different"):
        Cipher(languages=(EN, EN))
    with pytest.raises(ValueError, match="begin with en"):
        Cipher(languages=(Lang("fr"), XX))
    with pytest.raises(ValueError, match="speaks"):
        next(Cipher().sentences(Lang("de")))
