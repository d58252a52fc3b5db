"""The instruments of the study of joint compression, on texts whose truth is known."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.transfer import bridge, cipher, neighbours, pointers
from benchmarks.transfer.records import Job, read, run
from benchmarks.transfer.tables import NAME, show
from benchmarks.transfer.texts import EN, ZH, Sides
from tests.compression.test_prequential import END, SETTING, sentences, text
from tests.compression.test_translation_expert import enciphered
from tests.small_texts import quiet
from umt.compression.mutual_information import single_word_lines
from umt.compression.prequential import PrequentialNetwork
from umt.compression.symbols import vocabularies
from umt.embeddings.wordspace import WordSpace
from umt.types import BadInput

ROOT = Path(__file__).parents[2]


def test_page_of_the_study_is_what_the_stored_runs_say(tmp_path: Path) -> None:
    for file in (ROOT / "docs/studies").glob(f"{NAME}*"):
        shutil.copy(file, tmp_path)
    show(read(ROOT / "docs/results/transfer.jsonl"), tmp_path)
    for file in tmp_path.iterdir():
        assert file.read_text(encoding="utf-8") == (ROOT / "docs/studies" / file.name).read_text(
            encoding="utf-8"
        )


def test_a_run_is_stored_once(tmp_path: Path) -> None:
    made: list[Path] = []
    job = Job({"arm": "x", "seed": 1}, lambda folder: made.append(folder) or {"bits": 1.0})  # type: ignore[func-returns-value]
    for _ in range(2):
        run([job], tmp_path / "runs.jsonl", tmp_path, 1)
    assert len(made) == 1
    assert read(tmp_path / "runs.jsonl") == [{"arm": "x", "seed": 1, "result": {"bits": 1.0}}]


def test_only_the_share_asked_for_is_permuted() -> None:
    pairs = torch.arange(200)[:, None].repeat(1, 2)
    for share in (0.0, 0.5, 1.0):
        moved = bridge.permuted(pairs, share, 1)
        assert sorted(moved[:, 1].tolist()) == list(range(200))
        changed = float((moved[:, 1] != pairs[:, 1]).float().mean())
        assert share - 0.05 < changed <= share


def test_words_are_shuffled_within_their_sentences() -> None:
    whole = text(sentences(30, 1))
    mixed = whole.shuffled_within(np.random.default_rng(1))
    assert (mixed.codes != whole.codes).any()
    for start, end in zip([0, *whole.ends[:-1]], whole.ends, strict=True):
        assert sorted(mixed.codes[start:end]) == sorted(whole.codes[start:end])
        assert mixed.codes[end - 1] == END


def test_given_embeddings_are_where_every_network_starts(tmp_path: Path) -> None:
    """A text is predicted otherwise from its first symbols on."""
    one, ids, vectors = text(sentences(40, 1)), np.arange(8), torch.randn(8, 32)
    network = PrequentialNetwork(SETTING, [one], 9, 1)
    network.start_from(ids, vectors)
    for model in (network.model, network.mean):
        assert (model.embeddings[:8] == vectors).all()
    runs = [
        SETTING.code([one], 9, 1, tmp_path / name, quiet, start)[0].nats
        for name, start in (("random", None), ("given", (ids, vectors)))
    ]
    assert (runs[0] != runs[1]).mean() > 0.9


def test_neighbours_cost_x_as_many_updates_and_share_with_it_what_their_names_say() -> None:
    lines = {lang: ["the cat sat on the mat", "a dog ran home", "we saw it"] * 120 for lang in (EN, ZH)}
    words = {lang: single_word_lines(each, lang) for lang, each in lines.items()}
    sides = Sides(lines, vocabularies(words, 300, disjoint=True))
    arms = neighbours.neighbours(sides, lines[ZH], 1000, seed=1)
    [_, y] = arms["Y"]
    for name, texts in arms.items():
        assert name == "nothing" or 0.98 * len(y.codes) < len(texts[1].codes) <= len(y.codes)
    ids = {name: {*texts[-1].numbers[texts[-1].codes].tolist()} for name, texts in arms.items()}
    assert ids["more X"] <= ids["nothing"]
    assert ids["Y"].isdisjoint(ids["nothing"])
    assert {each + sides.vocabulary for each in ids["more X"]} == ids["more X, enciphered"]
    for name in ("shuffled over the text", "shuffled within sentences"):
        assert ids[name] == ids["Y"]
        assert (arms[name][1].codes != y.codes).any()
    assert (arms["Y, ids permuted"][1].codes == y.codes).all()
    with pytest.raises(BadInput, match="another domain"):
        neighbours.neighbours(sides, lines[ZH][:1], 1000, seed=1)


def test_vectors_are_turned_onto_each_other_by_true_pairs_and_not_at_random() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(100, bridge.WIDTH, generator=random)
    turn = torch.linalg.qr(torch.randn(bridge.WIDTH, bridge.WIDTH, generator=random)).Q
    words, counts = tuple(map(str, range(100))), torch.ones(100, dtype=torch.float64)
    one, other = WordSpace(EN, words, counts, {}, x), WordSpace(ZH, words, counts, {}, x @ turn)
    vectors = bridge.BilingualVectors(np.arange(200), one, other, torch.arange(100)[:, None].repeat(1, 2))
    for pairs, same in ((vectors.pairs, True), (None, False)):
        ids, start = vectors.embeddings(vectors.rotation(pairs, seed=1))
        assert len(ids) == len(start)
        assert torch.allclose(start[:100], start[100:], atol=1e-4) == same


def test_retrieval_finds_the_sentence_that_was_translated() -> None:
    random = np.random.default_rng(1)
    x = text(np.concatenate([np.append(random.integers(0, END, 12), END) for _ in range(60)]))
    truth = random.permutation(60)
    y = enciphered(x, truth)
    table = np.full((8, 8), 0.02, np.float32)
    symbols = np.arange(END)
    table[symbols, (symbols * 3 + 1) % END] += 0.5
    table[END, END] += 0.5
    assert (pointers.likeliest(x, y, table, block=25) == truth).mean() > 0.7
    wrong = table[np.roll(np.arange(8), 1)]
    assert (pointers.likeliest(x, y, wrong, block=25) == truth).mean() < 0.3


def test_search_for_the_shortest_code_solves_a_cipher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a text with strong order: a network that learned it reads it best through the true lexicon."""
    monkeypatch.setattr(cipher, "CODE", SETTING)
    x, y = text(sentences(120, 1)), text(sentences(60, 2))
    network = PrequentialNetwork(replace(SETTING, ema_decay=0.9), [x, y], 9, 1)
    for _ in range(6):
        for batch in SETTING.batches([x]):
            network.learn(batch, 0.5)
    truth, wrong = np.arange(8), np.array([1, 0, 2, 3, 4, 5, 6, 7])
    right, swapped = (cipher.search(network, y, lexicon) for lexicon in (truth, wrong))
    assert right[0][0] < swapped[0][0]
    assert swapped[-1] == right[0]
