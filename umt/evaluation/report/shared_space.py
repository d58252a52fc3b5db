"""Pictures of an alignment: the shared space, how alike matched words are, and how it came about."""

from __future__ import annotations

from collections import defaultdict

import torch
from markupsafe import Markup
from torch import Generator, Tensor

from umt.align import Alignment
from umt.align.soft_matching import mutual_words
from umt.corpus.dictionary import Dictionary
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import Embeddings
from umt.evaluation.report.figures import Place, histograms, line_chart, word_map
from umt.evaluation.report.page import Cell, Figure, Section, SideBySide, Tiles
from umt.evaluation.report.tsne import tsne


def shared_space(alignment: Alignment, languages: tuple[str, str], words: int = 200) -> Section:
    """`word_sheet` as a section of the page."""
    lead = (
        f"The {words} most frequent words of either language, laid on paper by t-SNE of the shared vectors: "
        "neighbours are true, distances across the sheet are not. Lines join words that are each other's "
        "best translation; a pointer shows a word's candidates."
    )
    return Section("The shared space", lead, [Figure(word_sheet(alignment, languages, words), broad=True)])


def word_sheet(alignment: Alignment, languages: tuple[str, str], words: int = 200) -> Markup:
    """The most frequent words of both languages on one sheet.

    Chosen by frequency alone, each side for itself, so that a failed alignment looks like one.
    languages: of the source and the target.
    """
    sides = alignment.source, alignment.target
    chosen = [_frequent(side, words) for side in sides]
    vectors = torch.cat([side.vectors[rows] for side, rows in zip(sides, chosen, strict=True)])
    spots = tsne(vectors).tolist()
    number = {
        word: place for place, word in enumerate((side, row) for side in (0, 1) for row in chosen[side])
    }
    ties = {
        number[0, row]: (number[1, column],)
        for row, column in mutual_pairs(alignment).tolist()
        if (0, row) in number and (1, column) in number
    }
    places = []
    for (side, row), place in number.items():
        word = sides[side].words[row]
        tooltip = _candidates(word, alignment.reverse_lexicon if side else alignment.lexicon)
        x, y = spots[place]
        places.append(Place(word, x, y, side, tooltip, ties.get(place, ()), languages[side]))
    return word_map(places, "words of both languages in the shared space")


def similarities(alignment: Alignment, known: Dictionary | None, generator: Generator) -> Section:
    """How alike matched pairs are, beside random ones and, where known, true ones."""
    matched = mutual_pairs(alignment)
    sides = alignment.source, alignment.target
    drawn = [torch.randint(len(side.words), (4000,), generator=generator) for side in sides]
    series = {"random": torch.stack(drawn, 1), "matched": matched}
    if known is not None:
        series["true"] = known.find(*sides)
    cosines = {name: _cosines(alignment, pairs).numpy() for name, pairs in series.items() if len(pairs) > 1}
    caption = (
        f"Cosines in the shared space of {len(matched):,} pairs of words that are each other's best "
        "translation, and of pairs drawn at random."
    )
    picture = Figure(histograms(cosines, "cosine"), caption)
    return Section("Similarity", "Matched pairs against chance.", [picture])


def history(alignment: Alignment) -> Section:
    """Every number that the strategy noted down, round by round."""
    series: dict[tuple[str, ...], dict[str, list[tuple[float, float]]]] = defaultdict(dict)
    for entry in alignment.history:
        for name, value in entry.items():
            points = series[tuple(entry)].setdefault(name, [])
            if value == value:
                points.append((len(points) + 1.0, value))
    named = [(name, points) for phase in series.values() for name, points in phase.items() if points]
    single = [(Cell(f"{points[0][1]:.4g}"), name) for name, points in named if len(points) == 1]
    several = [(name, points) for name, points in named if len(points) > 1]
    curves = [Figure(line_chart({name: points}, "round", name, 380, 220)) for name, points in several]
    lead = "What the strategy noted in each round of each of its phases; it is all that it may be judged by."
    return Section("History of the criterion", lead, [Tiles(single), SideBySide(curves)])


def mutual_pairs(alignment: Alignment) -> Tensor:
    """(pairs, 2) rows of the embeddings of words that are each other's best candidate in both lexicons."""
    return mutual_words(alignment, alignment.source, alignment.target)


def _frequent(side: Embeddings, words: int) -> list[int]:
    """The first rows that hold a word and no number or mark."""
    rows = [row for row, word in enumerate(side.words[: 4 * words]) if any(map(str.isalpha, word))]
    return rows[:words]


def _candidates(word: str, lexicon: Lexicon) -> str:
    candidates = lexicon.translations(word)[:5]
    return f"{word}: " + ", ".join(f"{other} {probability:.2f}" for other, probability in candidates)


def _cosines(alignment: Alignment, pairs: Tensor) -> Tensor:
    x, y = alignment.source.vectors[pairs[:, 0]], alignment.target.vectors[pairs[:, 1]]
    return torch.nn.functional.cosine_similarity(x, y)
