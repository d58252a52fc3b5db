"""K(X), K(Y), K(X,Y), K(Y|X), K(X|Y) of two languages, what each saves the other, and the controls.

A code is a network that pays before it learns (`umt.prequential`), mixed with counts that each language keeps
for itself (`umt.mixing`): whatever one language gains from the other goes through the network.  With a
vocabulary for each language the table of subwords costs the same in every combination.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from umt import mixing
from umt.compressors import compressed
from umt.prequential import Prequential
from umt.symbols import Symbols, Vocabulary, vocabularies
from umt.types import BadInput, Lang, Progress

Doubles = NDArray[np.float64]

BITS = "bits.json"
"""The file of an artefact that holds what was measured."""

CONTROLS = ("destroyed", "more", "elsewhere")
WAYS = ("code", "network")
"""``code``: network and counts mixed, the shortest that we have; ``network``: what it says on its own."""


@dataclass(frozen=True)
class Bits:
    """How much two languages tell about each other.

    code: how the network pays and learns.  vocabulary: subwords a language (in all, unless ``disjoint``).
    limit: bytes of each language, the same for both; None: as many as the smaller side has.
    seeds: how often the network starts afresh.  conditional: also K(Y|X) and K(X|Y).
    controls: among ``destroyed`` (the target's subwords thrown over its text), ``more`` (as much of the
    source again in the target's place) and ``elsewhere`` (a target about something else).
    """

    code: Prequential
    vocabulary: int = 1024
    disjoint: bool = True
    limit: int | None = None
    seeds: int = 3
    conditional: bool = True
    controls: tuple[str, ...] = CONTROLS
    alone: bool = True
    resamples: int = 2000

    def __post_init__(self) -> None:
        object.__setattr__(self, "controls", tuple(self.controls))
        if self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {self.seeds}")
        for name in self.controls:
            if name not in CONTROLS:
                raise ValueError(f"controls are {', '.join(CONTROLS)}, got {name!r}")

    def measure(
        self,
        texts: Mapping[Lang, Iterable[str]],
        elsewhere: Iterable[str],
        seed: int,
        directory: Path,
        progress: Progress,
    ) -> dict[str, Any]:
        """All code lengths and gains, as JSON.

        elsewhere: text of the target for the control of that name.  directory: keeps what is finished for a
        later call with the same arguments.  Raises BadInput when a side is empty.
        """
        limit = 2 * (self.limit or 1 << 40)  # the second half is for the control ``more``
        cut = {lang: _within(lines, limit) for lang, lines in texts.items()}
        first, second = cut
        for lang, lines in cut.items():
            if not lines:
                raise BadInput(f"there is no {lang} text to code")
        size = min(self.limit or 1 << 40, *(_size(lines) for lines in cut.values()))
        sides = {lang: _within(lines, size) for lang, lines in cut.items()}
        known = vocabularies(sides, self.vocabulary, self.disjoint)
        x, y = (known[lang].encode(sides[lang], lang) for lang in sides)
        run = _Runs(self.code, max(each.end for each in known.values()), seed, directory, progress)
        told: dict[str, Any] = {
            "languages": [first, second],
            "sides": {side.lang: _described(side) for side in (x, y)},
            "surface": compressed(
                *("".join(f"{line}\n" for line in side).encode() for side in sides.values())
            ),
            "counts": {side.lang: float(run.counts(side).sum() + side.table) for side in (x, y)},
            "pairs": {"both": self._pair(run, x, y, "both", self.conditional)},
        }
        if "destroyed" in self.controls:
            other = y.shuffled(np.random.default_rng(seed))
            told["pairs"]["destroyed"] = self._pair(run, x, other, "destroyed")
        if "more" in self.controls and (more := _within(cut[first][len(sides[first]) :], size)):
            told["pairs"]["more"] = self._pair(run, x, known[first].encode(more, first), "more")
        if "elsewhere" in self.controls and (lines := _within(elsewhere, size)):
            apart = vocabularies({second: lines}, self.vocabulary, True)[second].tokenizer
            there = Vocabulary(apart, known[second].first) if self.disjoint else known[second]
            told["pairs"]["elsewhere"] = self._pair(run, x, there.encode(lines, second), "elsewhere")
        return told

    def _pair(
        self, run: _Runs, x: Symbols, y: Symbols, name: str, conditional: bool = False
    ) -> dict[str, Any]:
        """Code lengths of two texts, alone and together, and what together saves."""
        seeds = range(self.seeds)
        joint = [run.code((x, y), (), f"{name}-joint", number) for number in seeds]
        told: dict[str, Any] = {"K(X,Y)": _lengths(joint, (x, y))}
        if not self.alone:
            return told
        alone_x = [run.code((x,), (), "x", number) for number in seeds]
        alone_y = [run.code((y,), (), f"{name}-y", number) for number in seeds]
        told |= {"K(X)": _lengths(alone_x, (x,)), "K(Y)": _lengths(alone_y, (y,))}
        told["gain"] = {
            way: saving(
                [np.stack([run_[way][0] for run_ in alone]) for alone in (alone_x, alone_y)],
                [np.stack([run_[way][side] for run_ in joint]) for side in range(2)],
                self.resamples,
            )
            for way in WAYS
        }
        if conditional:
            given_x = [run.code((y,), (x,), f"{name}-y-given-x", number) for number in seeds]
            given_y = [run.code((x,), (y,), f"{name}-x-given-y", number) for number in seeds]
            told |= {"K(Y|X)": _lengths(given_x, (y,)), "K(X|Y)": _lengths(given_y, (x,))}
        return told


class _Runs:
    """Runs of the network, each done once, and what counts add to them."""

    def __init__(
        self, code: Prequential, vocabulary: int, seed: int, directory: Path, progress: Progress
    ) -> None:
        self.setting, self.vocabulary, self.seed = code, vocabulary, seed
        self.directory, self.progress = directory, progress
        self.done: dict[tuple[str, int], dict[str, list[Doubles]]] = {}

    def code(
        self, texts: Sequence[Symbols], given: Sequence[Symbols], name: str, number: int
    ) -> dict[str, list[Doubles]]:
        """Bits of each sentence of each text, in each of the `WAYS`."""
        if (name, number) not in self.done:
            told = self.setting.code(
                texts,
                given,
                self.vocabulary,
                self.seed + number,
                self.directory / f"{name}-{self.seed + number}",
                lambda what, done, total: self.progress(f"{name}, seed {number + 1}, {what}", done, total),
            )
            self.done[name, number] = {
                "code": [
                    text.per_sentence(mixing.code(text.leaves, text.tree, text.starts, [each.odds]))
                    for text, each in zip(texts, told, strict=True)
                ],
                "network": [
                    text.per_sentence(each.nats / math.log(2)) for text, each in zip(texts, told, strict=True)
                ],
            }
        return self.done[name, number]

    def counts(self, text: Symbols) -> Doubles:
        """Bits of each sentence from counts alone."""
        return text.per_sentence(mixing.code(text.leaves, text.tree, text.starts))


def saving(
    alone: Sequence[Doubles], joint: Sequence[Doubles], resamples: int, groups: int = 50
) -> dict[str, float]:
    """Bits that coding texts together saves: the mean over seeds, with a 95% interval.

    alone, joint: (seeds, sentences) bits of each text, seeds and sentences paired.  The bootstrap draws
    seeds, and ``groups`` stretches of neighbouring sentences, from both sides alike.
    """
    saved = []  # (seeds, groups) of each text
    for before, after in zip(alone, joint, strict=True):
        parts = np.array_split(before - after, min(groups, before.shape[1]), axis=1)
        saved.append(np.stack([part.sum(1) for part in parts], axis=1))
    generator = np.random.default_rng(0)
    drawn = np.zeros(resamples)
    for number in range(resamples):
        seeds = generator.integers(len(saved[0]), size=len(saved[0]))
        for each in saved:
            chosen = generator.integers(each.shape[1], size=each.shape[1])
            drawn[number] += each[seeds][:, chosen].sum() / len(seeds)
    low, high = np.quantile(drawn, [0.025, 0.975])
    bits = sum(float(each.sum()) for each in saved) / len(saved[0])
    total = sum(float(each.sum()) for each in alone) / len(saved[0])
    return {"bits": bits, "low": float(low), "high": float(high), "share": bits / total}


def _lengths(runs: Sequence[Mapping[str, Sequence[Doubles]]], texts: Sequence[Symbols]) -> dict[str, Any]:
    """Mean over seeds of the bits, tables paid, and what that is per byte and character."""
    table = sum(text.table for text in texts)
    size = sum(int(text.sizes.sum()) for text in texts)
    found: dict[str, Any] = {}
    for way in WAYS:
        by_seed = [sum(float(each.sum()) for each in run[way]) + table for run in runs]
        bits = float(np.mean(by_seed))
        found[way] = {
            "bits": bits,
            "by_seed": by_seed,
            "per_byte": bits / size,
            "per_character": bits / sum(int(text.characters.sum()) for text in texts),
            "per_token": bits / sum(len(text.leaves) for text in texts),
        }
    return found


def _described(text: Symbols) -> dict[str, float]:
    return {
        "sentences": len(text.ends),
        "bytes": int(text.sizes.sum()),
        "characters": int(text.characters.sum()),
        "tokens": len(text.leaves),
        "table_bits": text.table,
    }


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _within(lines: Iterable[str], limit: int) -> list[str]:
    """Lines from the start, ``limit`` bytes at most."""
    found, size = [], 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > limit:
            break
        found.append(line)
    return found
