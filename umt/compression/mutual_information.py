"""K(X), K(Y), K(X,Y), K(Y|X), K(X|Y) of two languages, what each saves the other, and the controls.

A code is a network that pays before it learns (`umt.compression.prequential`) and the company that words keep
(`umt.compression.cooccurrence_expert`), mixed with counts (`umt.compression.context_mixing`). Alone and
together, each text has the same network, with as many updates, and the same counts; together, the company is
also carried over from the other language. So a gain is what that language told, and nothing else differs. It
counts no table of subwords: with a vocabulary for each language their tables cost the same in every
combination; one for both is paid whole by each text alone, or where the other is given, and once by both
together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from umt.compression import context_mixing
from umt.compression.block_bootstrap import gain_interval, length_interval
from umt.compression.compressors import compressed_sizes
from umt.compression.cooccurrence_expert import CooccurrenceExpert
from umt.compression.prequential import Coded, Prequential
from umt.compression.symbols import CodedText, SubwordAlphabet, table_bits, vocabularies
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.text.languages import is_spaced
from umt.text.segmentation import segmenter
from umt.types import F32, F64, BadInput, Lang, ProgressCallback

BITS = "bits.json"
"""The file of an artefact that holds what was measured."""

CONTROLS = ("destroyed", "more", "elsewhere")
WAYS = ("code", "network")
"""``code``: all experts mixed, the shortest that we have; ``network``: what it says on its own."""

_ENOUGH = 0.99  # of the bytes of the text in whose place a control stands


class _Spare(NamedTuple):
    """Text of one language for a control of this name, in the place of the target's."""

    name: str
    lang: Lang
    lines: Iterable[str]
    kind: str

    def missing(self, needed: int, there: int) -> str:
        """Why the control is left out: bytes that it needs and bytes that there are."""
        return (
            f"control {self.name} left out: it needs {needed:,} bytes of {self.lang} {self.kind}, "
            f"there are {there:,}"
        )


@dataclass(frozen=True)
class MutualInformation:
    """How much two languages tell about each other.

    code: how the network pays and learns.  company: what is carried over from one language to the other.
    vocabulary: subwords a language (in all, unless ``disjoint``), learnt from single ``words`` where asked
    for, so that none is longer than a word in writing without spaces.
    limit: bytes of each language, the same for both; None: as many as the smaller side has.
    seeds: how often the network starts afresh.  conditional: also K(Y|X) and K(X|Y).
    controls: among ``destroyed`` (the target's subwords thrown over its text), ``more`` (as much of the
    source again in the target's place) and ``elsewhere`` (a target about something else).
    alone: False measures K(X,Y) only, under one network for both languages, mixed with counts.
    resamples, stretches: of a text, behind each 95% interval (`umt.compression.block_bootstrap`).
    """

    code: Prequential
    cooccurrence: CooccurrenceExpert
    vocabulary: int = 1024
    words: bool = False
    disjoint: bool = True
    limit: int | None = 1_000_000
    seeds: int = 3
    conditional: bool = True
    controls: tuple[str, ...] = CONTROLS
    separate: bool = True
    resamples: int = 2000
    blocks: int = 50

    def __post_init__(self) -> None:
        require(
            self,
            positive="limit seeds resamples blocks",
            at_least={"vocabulary": 256},
            choice={"controls": CONTROLS},
        )  # a subword for every byte

    def measure(
        self,
        texts: Mapping[Lang, Iterable[str]],
        elsewhere: Iterable[str],
        seed: int,
        directory: Path,
        progress: ProgressCallback,
    ) -> dict[str, Any]:
        """All code lengths and gains, as JSON.

        elsewhere: text of the target for the control of that name.  directory: keeps what is finished for a
        later call with the same arguments.  A control with less text than what it stands for is left out,
        which ``left_out`` says in a sentence.  Raises BadInput when a side is empty.
        """
        limit = 2 * (self.limit or 1 << 40)  # the second half is for the control ``more``
        available = {lang: _within(lines, limit) for lang, lines in texts.items()}
        size = min(self.limit or 1 << 40, *(_size(lines) for lines in available.values()))
        sides = {lang: _within(lines, size) for lang, lines in available.items()}
        for lang, lines in (*available.items(), *sides.items()):
            if not lines:
                within = "" if self.limit is None else f" in bits.limit={self.limit} bytes"
                raise BadInput(f"there is no {lang} text to code{within}")
        known = self._vocabularies(sides)
        x, y = (known[lang].encode(sides[lang], lang) for lang in sides)
        run = _Runs(self.code, max(one.end for one in known.values()), seed, directory, progress)
        report: dict[str, Any] = {
            "languages": list(available),
            "sides": {side.lang: _described(side) for side in (x, y)},
            "surface": compressed_sizes(
                *("".join(f"{line}\n" for line in side).encode() for side in sides.values())
            ),
            "counts": {side.lang: _counted(side) for side in (x, y)},
            "pairs": {"both": self._pair(run, x, y, "both", self.conditional)},
            "left_out": [],
        }
        if "destroyed" in self.controls:
            other = y.shuffled(np.random.default_rng(seed))
            report["pairs"]["destroyed"] = self._pair(run, x, other, "destroyed")
        first, second = available
        more = _Spare("more", first, available[first][len(sides[first]) :], "beyond those coded")
        for spare in (more, _Spare("elsewhere", second, elsewhere, "about something else")):
            if spare.name not in self.controls:
                continue
            lines, needed = _within(spare.lines, size), _size(sides[second])
            if _size(lines) < _ENOUGH * needed:
                report["left_out"].append(spare.missing(needed, _size(lines)))
                continue
            text = self._in_its_place(spare, lines, known[spare.lang])
            report["pairs"][spare.name] = self._pair(run, x, text, spare.name)
        return report

    def _in_its_place(self, spare: _Spare, lines: Sequence[str], vocabulary: SubwordAlphabet) -> CodedText:
        """A control's text as symbols; another text of the target has subwords of its own where sides do."""
        if spare.name == "elsewhere" and self.disjoint:
            own = self._vocabularies({spare.lang: lines})[spare.lang].tokenizer
            vocabulary = SubwordAlphabet(own, vocabulary.first)
        return vocabulary.encode(lines, spare.lang)

    def _vocabularies(self, sides: Mapping[Lang, Sequence[str]]) -> dict[Lang, SubwordAlphabet]:
        if self.words:
            sides = {lang: _single(lines, lang) for lang, lines in sides.items()}
        return vocabularies(sides, self.vocabulary, self.disjoint)

    def _pair(
        self, run: _Runs, x: CodedText, y: CodedText, name: str, conditional: bool = False
    ) -> dict[str, Any]:
        """Code lengths of two texts, alone and together, and what together saves."""
        seeds = range(self.seeds)
        if not self.separate:
            joint = [run.networks((x, y), f"{name}-joint", number) for number in seeds]
            sides = [_coded(text, [told[place] for told in joint]) for place, text in enumerate((x, y))]
            return {"K(X,Y)": self._lengths(sides, (x, y))}
        networks = [
            [run.networks((text,), label, number)[0] for number in seeds]
            for text, label in ((x, "x"), (y, f"{name}-y"))
        ]
        said: ProgressCallback = lambda what, done, total: run.progress(f"{name}, {what}", done, total)  # noqa: E731
        own = [self.cooccurrence.unconditional(text, said) for text in (x, y)]
        carried = self.cooccurrence.joint(x, y, run.seed, said)
        alone_x, alone_y = map(_coded, (x, y), networks, own)
        joint_x, joint_y = map(_coded, (x, y), networks, carried)
        told: dict[str, Any] = {
            "K(X)": self._lengths([alone_x], (x,)),
            "K(Y)": self._lengths([alone_y], (y,)),
            "K(X,Y)": self._lengths([joint_x, joint_y], (x, y)),
            "gain": gain_interval(
                [np.stack(side["code"]) for side in (alone_x, alone_y)],
                [np.stack(side["code"]) for side in (joint_x, joint_y)],
                self.resamples,
                self.blocks,
            ),
        }
        if conditional:
            given_x = _coded(y, networks[1], self.cooccurrence.conditional(y, x, run.seed, said))
            given_y = _coded(x, networks[0], self.cooccurrence.conditional(x, y, run.seed, said))
            told |= {"K(Y|X)": self._lengths([given_x], (y,)), "K(X|Y)": self._lengths([given_y], (x,))}
        return told

    def _lengths(self, sides: Sequence[_Bits], texts: Sequence[CodedText]) -> dict[str, Any]:
        """Bits, tables paid: the mean over seeds, its 95% interval, and what that is per byte and so on."""
        table = table_bits(texts)
        size = sum(int(text.sizes.sum()) for text in texts)
        found: dict[str, Any] = {}
        for way in WAYS:
            runs = [np.stack(side[way]) for side in sides]
            by_seed = sum(run.sum(1) for run in runs) + table
            low, high = length_interval(runs, [text.sizes for text in texts], self.resamples, self.blocks)
            bits = float(np.mean(by_seed))
            found[way] = {
                "bits": bits,
                "low": low + table,
                "high": high + table,
                "by_seed": by_seed.tolist(),
                "per_byte": bits / size,
                "per_character": bits / sum(int(text.characters.sum()) for text in texts),
                "per_token": bits / sum(len(text.codes) for text in texts),
            }
        return found


class _Runs:
    """Runs of the network, each done once."""

    def __init__(
        self, code: Prequential, vocabulary: int, seed: int, directory: Path, progress: ProgressCallback
    ) -> None:
        self.setting, self.vocabulary, self.seed = code, vocabulary, seed
        self.directory, self.progress = directory, progress
        self.done: dict[tuple[str, int], list[Coded]] = {}

    def networks(self, texts: Sequence[CodedText], name: str, number: int) -> list[Coded]:
        """What one network says about each text."""
        if (name, number) not in self.done:
            self.done[name, number] = self.setting.code(
                texts,
                self.vocabulary,
                child_seed(self.seed, number),
                self.directory / f"{name}-{number}",
                lambda what, done, total: self.progress(f"{name}, seed {number + 1}, {what}", done, total),
            )
        return self.done[name, number]


_Bits = dict[str, list[F64]]
"""Bits of each sentence: way -> one array a seed."""


def _coded(text: CodedText, networks: Sequence[Coded], *experts: F32) -> _Bits:
    """What ``text`` takes, for each run of the network, with the same other experts."""
    return {
        "code": [
            text.per_sentence(
                context_mixing.code_length(text.codes, text.tree, text.starts, [each.log_odds, *experts])
            )
            for each in networks
        ],
        "network": [text.per_sentence(each.nats / math.log(2)) for each in networks],
    }


def _counted(text: CodedText) -> float:
    """Bits from counts alone, the table paid."""
    return float(context_mixing.code_length(text.codes, text.tree, text.starts).sum() + text.table)


def _single(lines: Sequence[str], lang: Lang) -> list[str]:
    """The lines as they are; in writing without spaces, a word a line."""
    if is_spaced(lang):
        return list(lines)
    return [word for words in segmenter(lang).batch(lines) for word in words]


def _described(text: CodedText) -> dict[str, float]:
    return {
        "sentences": len(text.ends),
        "bytes": int(text.sizes.sum()),
        "characters": int(text.characters.sum()),
        "tokens": len(text.codes),
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
