"""The first translator: exact on toys, learns a cipher, passes through what needs no translation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from umt.corpus.prepared_text import PreparedText
from umt.embeddings.lexicon import Lexicon
from umt.smt.ngram import SPECIALS
from umt.smt.training import PhraseBased
from umt.smt.translation_table import FrequencyBalancing
from umt.smt.translator import PhraseBasedTranslator
from umt.smt.vocabulary import count_and_encode, take_sentences
from umt.text.morphology import SuffixSplitter
from umt.types import BadInput, Lang

EN, FR = Lang("en"), Lang("fr")


def make_lexicon(source: list[str], target: list[str], rows: list[list[tuple[int, float]]]) -> Lexicon:
    candidates = torch.tensor([[index for index, _ in row] for row in rows])
    return Lexicon(
        tuple(source), tuple(target), candidates, torch.tensor([[p for _, p in row] for row in rows])
    )


def test_reading_and_selecting_sentences() -> None:
    vocabulary, ids, offsets = count_and_encode(["b a", "", "a c a"], 2)
    assert vocabulary.words == (*SPECIALS, "a", "b")
    assert vocabulary.counts == (0, 0, 1, 3, 1)
    assert ids.tolist() == [4, 3, 3, 2, 3]
    assert offsets.tolist() == [0, 2, 2, 5]
    chosen, places = take_sentences(ids, offsets, np.array([2, 0]))
    assert (chosen.tolist(), places.tolist()) == ([3, 2, 3, 4, 3], [0, 3, 5])


SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
PLAIN = [first + second for first, second in zip(SYLLABLES, SYLLABLES[7:], strict=False)][:40]
CIPHER = [second + "x" + first for first, second in zip(SYLLABLES, SYLLABLES[3:], strict=False)][:40]


def write_world(directory: Path) -> PreparedText:
    """Two texts of one grammar, the second enciphered word for word; no sentence in common."""
    generator = np.random.default_rng(5)
    follow = generator.dirichlet(np.full(40, 0.08), size=40)
    for lang, words, count in ((EN, PLAIN, 1500), (FR, CIPHER, 1500)):
        lines = []
        for _ in range(count):
            word, line = int(generator.integers(40)), []
            for _ in range(int(generator.integers(4, 12))):
                line.append(words[word])
                word = int(generator.choice(40, p=follow[word]))
            line[0] = line[0].capitalize()
            lines.append(" ".join([*line, "."]))
        (directory / f"{lang}.words").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (directory / f"{lang}.txt").write_text("\n".join(lines).replace(" .", ".") + "\n", encoding="utf-8")
    (directory / "report.json").write_text(json.dumps({"languages": [EN, FR]}), encoding="utf-8")
    return PreparedText(directory)


@pytest.fixture(scope="module")
def translators(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[PhraseBasedTranslator, PhraseBasedTranslator]:
    """Learned with a lexicon that prefers a wrong word for every fourth word."""
    text = write_world(tmp_path_factory.mktemp("world"))
    rows = [
        [(i, 0.4), ((i + 9) % 40, 0.6)] if i % 4 == 0 else [(i, 0.8), ((i + 5) % 40, 0.2)] for i in range(40)
    ]
    learner = PhraseBased(ngram_order=3, rounds=1, sentences=800, beam=32)
    return learner.fit(
        text,
        EN,
        FR,
        make_lexicon(PLAIN, CIPHER, rows),
        make_lexicon(CIPHER, PLAIN, rows),
        torch.Generator().manual_seed(0),
    )


def test_a_cipher_is_read_better_than_its_lexicon_knows(
    translators: tuple[PhraseBasedTranslator, PhraseBasedTranslator],
) -> None:
    generator = np.random.default_rng(5)
    follow = generator.dirichlet(np.full(40, 0.08), size=40)
    generator = np.random.default_rng(6)
    right = total = 0
    for _ in range(100):
        word, line = int(generator.integers(40)), []
        for _ in range(8):
            line.append(word)
            word = int(generator.choice(40, p=follow[word]))
        [output] = translators[0].translate([" ".join(PLAIN[w] for w in line) + "."])
        expected = [CIPHER[w] for w in line]
        words = output.lower().rstrip(".").split()
        right += sum(a == b for a, b in zip(words, expected, strict=False))
        total += len(expected)
    assert right / total > 0.9  # the lexicon's first choice is right for 0.75


def test_raw_text_in_raw_text_out(translators: tuple[PhraseBasedTranslator, PhraseBasedTranslator]) -> None:
    forth, _ = translators
    plain = [f"{PLAIN[1].capitalize()} {PLAIN[2]} {PLAIN[3]}.", "", f"{PLAIN[5]} 1,234 Xyzzy."]
    outputs = forth.translate(plain)
    assert len(outputs) == 3
    assert outputs[0][0].isupper()
    assert outputs[0].endswith(".")
    assert " ." not in outputs[0]
    assert outputs[1] == ""
    assert "1,234 Xyzzy" in outputs[2]
    assert forth.translate(plain[::-1]) == outputs[::-1]
    assert forth.translate([]) == []
    assert len(forth.translate([" ".join(PLAIN * 8)])[0].split()) > 200
    assert forth.with_smaller_beam().search == forth.search._replace(beam=8)
    assert forth.with_smaller_beam().translate(plain[:1]) == outputs[:1]


def test_endings_are_read_and_written(
    translators: tuple[PhraseBasedTranslator, PhraseBasedTranslator], tmp_path: Path
) -> None:
    forth, _ = translators
    stem = PLAIN[1]
    ours = replace(forth, inflections={forth.source: SuffixSplitter({f"{stem}ed": (stem, "ed")})})
    assert ours.translate([f"{stem}ed {PLAIN[2]}."]) == forth.translate([f"{stem} ˍed {PLAIN[2]}."])
    ours.save(tmp_path)
    assert PhraseBasedTranslator.load(tmp_path).inflections == ours.inflections
    theirs = replace(forth, inflections={forth.target: SuffixSplitter({"xyzzied": ("xyzzy", "ed")})})
    assert theirs.translate(["Xyzzy ˍed."]) == ["Xyzzied."]


def test_saved_translator_translates_alike(
    translators: tuple[PhraseBasedTranslator, PhraseBasedTranslator], tmp_path: Path
) -> None:
    sentences = [f"{PLAIN[k]} {PLAIN[k + 3]} 7." for k in range(20)]
    for translator in translators:
        translator.save(tmp_path / translator.target)
        loaded = PhraseBasedTranslator.load(tmp_path / translator.target)
        assert loaded.translate(sentences) == translator.translate(sentences)
    with pytest.raises(BadInput, match="holds no translator"):
        PhraseBasedTranslator.load(tmp_path / "nowhere")


def test_bad_options_say_what_was_given() -> None:
    with pytest.raises(ValueError, match=r"max_phrase_length must lie in \[1, 4\], got 5"):
        PhraseBased(max_phrase_length=5)
    with pytest.raises(ValueError, match="beam must be positive, got 0"):
        PhraseBased(beam=0)
    with pytest.raises(ValueError, match="lexicon_pseudo_counts must not be negative, got -1"):
        PhraseBased(lexicon_pseudo_counts=-1)
    with pytest.raises(ValueError, match="slack must be at least 1, got 0"):
        FrequencyBalancing(slack=0)
    with pytest.raises(ValueError, match="sharpening_exponent"):
        FrequencyBalancing(sharpening_exponent=0)
