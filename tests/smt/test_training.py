"""The first translator: exact on toys, learns a cipher, passes through what needs no translation."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from umt.corpus.prepared_text import PreparedText
from umt.embeddings.lexicon import Lexicon
from umt.smt.kneser_ney import KneserNey
from umt.smt.ngram import END, SPECIALS, START, NGram
from umt.smt.phrase_extraction import WordAlignedSentences, extract
from umt.smt.phrase_table import WORD_BITS, PhrasePairs, PhraseScoring, PhraseTable
from umt.smt.stack_decoder import DecoderWeights, decode, decode_all
from umt.smt.training import PhraseBased
from umt.smt.translation_table import FrequencyBalancing
from umt.smt.translator import PhraseBasedTranslator
from umt.smt.vocabulary import count_and_encode, take_sentences
from umt.text.morphology import SuffixSplitter
from umt.types import BadInput, Lang

EN, FR = Lang("en"), Lang("fr")


def packed(*words: int) -> int:
    key = 0
    for word in words:
        key = key << WORD_BITS | (word + 1)
    return key


def toy(seed: int = 0) -> tuple[NGram, PhraseTable, PhrasePairs]:
    """Six source words, six target words, random phrase pairs of one or two words a side."""
    generator = np.random.default_rng(seed)
    words = (*SPECIALS, *"abcdef")
    ids = generator.integers(3, 9, 600).astype(np.int32)
    model = KneserNey(3).fit(words, ids, np.arange(0, 601, 6))
    phrases = []
    for source in [(w,) for w in range(3, 9)] + [(3, 4), (5, 6), (7, 8), (4, 5)]:
        targets = [(), (3 + source[0] % 6,), (3 + (source[0] + 2) % 6,), (5, 4)]
        phrases += [(packed(*source), packed(*target)) for target in targets]
    weights = generator.uniform(1, 9, len(phrases))
    source, target = np.array(phrases).T
    pairs = PhrasePairs(source, target, np.where(target > 0, 1, 0), weights, weights)
    options = PhraseScoring(min_count=0, discount=0.0).build_table(
        pairs, model.tables, np.zeros(9, np.bool_), np.ones(len(model.words))
    )
    return model, options, pairs


def exact(sentence: list[int], model: NGram, options: PhraseTable, search: DecoderWeights) -> float:
    """The best score over all monotone segmentations and all options."""
    by_phrase = dict(zip(options.keys.tolist(), options.nodes.tolist(), strict=True))
    best = -np.inf
    for cuts in itertools.product([False, True], repeat=len(sentence) - 1):
        spans = np.split(np.array(sentence), [i + 1 for i, cut in enumerate(cuts) if cut])
        keys = [packed(*span.tolist()) for span in spans]
        if not all(key in by_phrase for key in keys):
            continue
        ranges = [range(*options.begins[by_phrase[key] : by_phrase[key] + 2]) for key in keys]
        for chosen in itertools.product(*ranges):
            output = [int(w) for o in chosen for w in options.words[o, : options.sizes[o]]]
            line = [START, *output, END]
            logp = sum(model.word(line[max(0, k - 2) : k], line[k]) for k in range(1, len(line)))
            score = search.model * logp + search.word * len(output) + sum(options.scores[o] for o in chosen)
            best = max(best, float(score))
    return best


def scored(
    output: list[int], sentence: list[int], model: NGram, options: PhraseTable, search: DecoderWeights
) -> float:
    """The best score of this very output."""
    only = options._replace(scores=options.scores.copy())
    best = -np.inf
    by_phrase = dict(zip(options.keys.tolist(), options.nodes.tolist(), strict=True))

    def walk(place: int, done: int, score: float) -> None:
        nonlocal best
        if place == len(sentence):
            if done == len(output):
                best = max(best, score)
            return
        for length in range(1, len(sentence) - place + 1):
            node = by_phrase.get(packed(*sentence[place : place + length]))
            if node is None:
                continue
            for o in range(*only.begins[node : node + 2]):
                words = only.words[o, : only.sizes[o]].tolist()
                if output[done : done + len(words)] == words:
                    walk(place + length, done + len(words), score + float(only.scores[o]))

    walk(0, 0, 0.0)
    line = [START, *output, END]
    logp = sum(model.word(line[max(0, k - 2) : k], line[k]) for k in range(1, len(line)))
    return best + search.model * logp + search.word * len(output)


def test_without_reordering_the_beam_finds_the_exact_best() -> None:
    generator = np.random.default_rng(1)
    for seed in range(4):
        model, options, _ = toy(seed)
        search = DecoderWeights(beam=200, jump=0, model=0.7, word=0.3, distortion=0.5)
        sentence = generator.integers(3, 9, 5).astype(np.int32)
        output = decode(sentence, np.array([0, 5]), options, model.tables, search)[0].tolist()
        assert scored(output, sentence.tolist(), model, options, search) == pytest.approx(
            exact(sentence.tolist(), model, options, search), abs=1e-3
        )


def test_reordering_restores_the_order_of_the_target() -> None:
    words = (*SPECIALS, *"abcd")
    ids = np.array([3, 4, 5, 6] * 50, np.int32)
    model = KneserNey(3).fit(words, ids, np.arange(0, 201, 4))
    source = np.array([packed(w) for w in (3, 4, 5, 6)])
    ones = np.ones(4)
    pairs = PhrasePairs(source, source, np.ones(4, np.int64), ones, ones)
    options = PhraseScoring().build_table(
        pairs, model.tables, np.zeros(7, np.bool_), np.ones(len(model.words))
    )
    shuffled, offsets = np.array([4, 3, 6, 5], np.int32), np.array([0, 4])
    free = DecoderWeights(beam=20, jump=3, model=1.0, word=0.0, distortion=0.1)
    assert decode(shuffled, offsets, options, model.tables, free)[0].tolist() == [3, 4, 5, 6]
    fixed = free._replace(jump=0)
    assert decode(shuffled, offsets, options, model.tables, fixed)[0].tolist() == [4, 3, 6, 5]
    barred = options._replace(reordering_walls=np.array([False] * 3 + [True] * 4))
    assert decode(shuffled, offsets, barred, model.tables, free)[0].tolist() == [4, 3, 6, 5]


def test_threads_and_batches_change_nothing() -> None:
    model, options, _ = toy()
    ids = np.random.default_rng(3).integers(3, 9, 2000).astype(np.int32)
    offsets = np.arange(0, 2001, 10)
    search = DecoderWeights(beam=6, jump=2, model=0.7, word=0.3, distortion=0.5)
    one = decode_all(ids, offsets, options, model.tables, search, 1)
    two = decode_all(ids, offsets, options, model.tables, search, 2)
    assert all(np.array_equal(one[part], two[part]) for part in range(len(one)))
    for k in range(0, 200, 37):
        alone = decode(ids[10 * k : 10 * k + 10], np.array([0, 10]), options, model.tables, search)[0]
        assert (alone == one[0][one[1][k] : one[1][k + 1]]).all()


def test_phrase_pairs_respect_links_and_take_unlinked_words_along() -> None:
    # source: x y z, target: T a b; x-a, y-b, z alone, T alone (an article that the source does not have)
    linked = WordAlignedSentences(
        source=np.array([3, 4, 5], np.int32),
        source_offsets=np.array([0, 3]),
        target=np.array([6, 7, 8], np.int32),
        target_offsets=np.array([0, 3]),
        links=np.array([0 << 16 | 1, 1 << 16 | 2]),
        link_offsets=np.array([0, 2]),
    )
    result = set(zip(*(part.tolist() for part in extract(linked, 3)[:2]), strict=True))
    assert result == {
        (packed(3), packed(7)),
        (packed(3), packed(6, 7)),
        (packed(4), packed(8)),
        (packed(3, 4), packed(7, 8)),
        (packed(3, 4), packed(6, 7, 8)),
        (packed(5), 0),
    }


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
