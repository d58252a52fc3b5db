"""Code lengths K(X), K(Y), K(X,Y), K(Y|X), K(X|Y) of two languages, the joint gain, and controls.

A code mixes a prequential network (`umt.compression.prequential`) and a co-occurrence expert
(`umt.compression.mixing.cooccurrence_expert`) with counts (`.mixing.context_mixing`). Separately and
jointly, each text has the same network, with as many updates, and the same counts; jointly, co-occurrence
is also transferred from the other language. So a gain is the information of that language, and nothing else
differs. It leaves the tables of subwords out: with a vocabulary for each language they cost the same in
every combination; a shared one is paid whole by each text separately or conditionally, and once by both
jointly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from umt.compression.block_bootstrap import gain_interval, length_interval
from umt.compression.compressors import compressed_sizes
from umt.compression.mixing import context_mixing
from umt.compression.mixing.cooccurrence_expert import CooccurrenceExpert
from umt.compression.network_runs import NetworkRuns
from umt.compression.prequential import Coded, Prequential
from umt.compression.symbols import CodedText, SubwordAlphabet, table_bits, vocabularies
from umt.runtime.validate import require
from umt.text.languages import is_spaced
from umt.text.segmentation import segmenter
from umt.types import F32, F64, BadInput, Lang, ProgressCallback

BITS = "bits.json"
"""The file of an artefact with the measurements."""

CONTROLS = ("shuffled", "more_source", "other_domain", "shuffled_within", "renamed")
WAYS = ("code", "network", "counts")
"""``code``: all experts mixed, the shortest code; ``network``: the network by itself; ``counts``: the mixed
counts by themselves."""

_ENOUGH = 0.99  # share of the bytes of the text that a control replaces


class _ControlText(NamedTuple):
    """Text of one language for a control of this name, which replaces the target."""

    name: str
    lang: Lang
    lines: Iterable[str]
    kind: str

    def missing(self, needed: int, available: int) -> str:
        """Why the control is left out: bytes that it needs and bytes that are available."""
        return (
            f"control {self.name} left out: it needs {needed:,} bytes of {self.lang} {self.kind}, "
            f"there are {available:,}"
        )


@dataclass(frozen=True)
class MutualInformation:
    """Mutual information of two languages, as a difference of code lengths.

    code: the prequential network.
    cooccurrence: the co-occurrence expert, which transfers between the languages.
    vocabulary: subwords a language (of both together, unless ``disjoint``).
    words: whether subwords are trained on single words, so that none is longer than a word in writing without
        spaces.
    disjoint: whether each language has a vocabulary of its own.
    limit: bytes of each language, the same for both; None: as many as the smaller side has.
    seeds: networks that are averaged.
    conditional: whether K(Y|X) and K(X|Y) are measured.
    controls: among ``shuffled`` (the target's subwords permuted over its text), ``more_source`` (more text of
        the source replaces the target), ``other_domain`` (a target of another domain), ``shuffled_within``
        (its subwords permuted in each sentence) and ``renamed`` (its ids permuted, which changes nothing).
    shared: whether K(X,Y) is that of one network for both texts, interleaved, and not of a network each.
    separate: False measures K(X,Y) only, under one network for both languages, mixed with counts.
    resamples: of the bootstrap behind each 95% interval (`umt.compression.block_bootstrap`).
    blocks: of neighbouring sentences that are resampled.
    """

    code: Prequential
    cooccurrence: CooccurrenceExpert
    vocabulary: int = 1024
    words: bool = False
    disjoint: bool = True
    limit: int | None = 1_000_000
    seeds: int = 3
    conditional: bool = True
    controls: tuple[str, ...] = CONTROLS[:3]
    shared: bool = False
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
        other_domain: Iterable[str],
        seed: int,
        directory: Path,
        progress: ProgressCallback,
    ) -> dict[str, Any]:
        """All code lengths and gains, as JSON.

        other_domain: text of the target's language for the control of that name.  directory: keeps finished
        increments for a later call with the same arguments.  A control with less text than it replaces is
        left out, with a sentence in ``left_out``.  Raises BadInput when a side is empty.
        """
        limit = 2 * (self.limit or 1 << 40)  # the second half is for the control more_source
        available = {lang: first_bytes(lines, limit) for lang, lines in texts.items()}
        size = min(self.limit or 1 << 40, *(_size(lines) for lines in available.values()))
        sides = {lang: first_bytes(lines, size) for lang, lines in available.items()}
        for lang, lines in (*available.items(), *sides.items()):
            if not lines:
                within = "" if self.limit is None else f" in bits.limit={self.limit} bytes"
                raise BadInput(f"there is no {lang} text to code{within}")
        alphabets = self._vocabularies(sides)
        x, y = (alphabets[lang].encode(sides[lang], lang) for lang in sides)
        run = NetworkRuns(self.code, max(one.end for one in alphabets.values()), seed, directory, progress)
        report: dict[str, Any] = {
            "languages": list(available),
            "sides": {side.lang: _described(side) for side in (x, y)},
            "surface": compressed_sizes(
                *("".join(f"{line}\n" for line in side).encode() for side in sides.values())
            ),
            "pairs": {"both": self._pair(run, x, y, "both", self.conditional)},
            "left_out": [],
        }
        destroyed = {"shuffled": y.shuffled, "shuffled_within": y.shuffled_within, "renamed": y.renamed}
        for name in [*filter(self.controls.__contains__, destroyed)]:
            other = destroyed[name](np.random.default_rng(seed))
            report["pairs"][name] = self._pair(run, x, other, name)
        first, second = available
        rest = available[first][len(sides[first]) :]
        for control in (
            _ControlText("more_source", first, rest, "beyond those coded"),
            _ControlText("other_domain", second, other_domain, "of another domain"),
        ):
            if control.name not in self.controls:
                continue
            lines, needed = first_bytes(control.lines, size), _size(sides[second])
            if _size(lines) < _ENOUGH * needed:
                report["left_out"].append(control.missing(needed, _size(lines)))
                continue
            text = self._encode_control(control, lines, alphabets[control.lang])
            report["pairs"][control.name] = self._pair(run, x, text, control.name)
        return report

    def _encode_control(
        self, control: _ControlText, lines: Sequence[str], vocabulary: SubwordAlphabet
    ) -> CodedText:
        """A control's text as symbols; one of the target's language has subwords of its own if disjoint."""
        if control.name == "other_domain" and self.disjoint:
            own = self._vocabularies({control.lang: lines})[control.lang].tokenizer
            vocabulary = SubwordAlphabet(own, vocabulary.first)
        return vocabulary.encode(lines, control.lang)

    def _vocabularies(self, sides: Mapping[Lang, Sequence[str]]) -> dict[Lang, SubwordAlphabet]:
        if self.words:
            sides = {lang: single_word_lines(lines, lang) for lang, lines in sides.items()}
        return vocabularies(sides, self.vocabulary, self.disjoint)

    def _pair(
        self, run: NetworkRuns, x: CodedText, y: CodedText, name: str, conditional: bool = False
    ) -> dict[str, Any]:
        """Code lengths of two texts, separately and jointly, and the gain."""
        seeds = range(self.seeds)
        if not self.separate:
            joint = [run.networks((x, y), f"{name}, joint", number) for number in seeds]
            sides = [
                _coded(text, [predictions[place] for predictions in joint], _counted(text))
                for place, text in enumerate((x, y))
            ]
            return {"K(X,Y)": self._lengths(sides, (x, y))}
        networks = [
            [run.networks((text,), label, number)[0] for number in seeds]
            for text, label in ((x, "x"), (y, f"{name}, y"))
        ]
        progress: ProgressCallback = lambda what, done, total: run.progress(f"{name}, {what}", done, total)  # noqa: E731
        expert = self.cooccurrence
        own = [expert.unconditional(text, progress) for text in (x, y)]
        transferred = expert.joint(x, y, run.seed, progress)
        counts = [_counted(text) for text in (x, y)]
        separate_x, separate_y = map(_coded, (x, y), networks, counts, own)
        side_by_side = networks
        if self.shared:
            runs = [run.networks((x, y), f"{name}, both", number) for number in seeds]
            side_by_side = [*map(list, zip(*runs, strict=True))]
        joint_x, joint_y = map(_coded, (x, y), side_by_side, counts, transferred)
        report: dict[str, Any] = {
            "K(X)": self._lengths([separate_x], (x,)),
            "K(Y)": self._lengths([separate_y], (y,)),
            "K(X,Y)": self._lengths([joint_x, joint_y], (x, y)),
            "gain": gain_interval(
                [np.stack(side["code"]) for side in (separate_x, separate_y)],
                [np.stack(side["code"]) for side in (joint_x, joint_y)],
                self.resamples,
                self.blocks,
            ),
        }
        if conditional:
            given_x = _coded(y, networks[1], counts[1], expert.conditional(y, x, run.seed, progress))
            given_y = _coded(x, networks[0], counts[0], expert.conditional(x, y, run.seed, progress))
            # A network and counts by themselves know nothing of the other text.
            report["K(Y|X)"] = self._lengths([given_x], (y,), ("code",))
            report["K(X|Y)"] = self._lengths([given_y], (x,), ("code",))
        return report

    def _lengths(
        self, sides: Sequence[_Bits], texts: Sequence[CodedText], ways: Sequence[str] = WAYS
    ) -> dict[str, Any]:
        """Bits, tables included: the mean over seeds, its 95% interval, and the mean per unit of text."""
        table = table_bits(texts)
        size = sum(int(text.sizes.sum()) for text in texts)
        lengths: dict[str, Any] = {}
        for way in ways:
            runs = [np.stack(side[way]) for side in sides]
            by_seed = sum(run.sum(1) for run in runs) + table
            low, high = length_interval(runs, [text.sizes for text in texts], self.resamples, self.blocks)
            bits = float(np.mean(by_seed))
            lengths[way] = {
                "bits": bits,
                "low": low + table,
                "high": high + table,
                "by_seed": by_seed.tolist(),
                "per_byte": bits / size,
                "per_character": bits / sum(int(text.characters.sum()) for text in texts),
                "per_token": bits / sum(len(text.codes) for text in texts),
            }
        return lengths


_Bits = dict[str, list[F64]]
"""Bits of each sentence: way -> one array a seed."""


def _coded(text: CodedText, networks: Sequence[Coded], counts: F64, *experts: F32) -> _Bits:
    """Bits of the sentences of ``text`` for each run of the network, with the same other experts.

    counts: the bits under counts only.
    """
    return {
        "code": [
            text.per_sentence(
                context_mixing.code_length(text.codes, text.tree, text.starts, [network.log_odds, *experts])
            )
            for network in networks
        ],
        "network": [text.per_sentence(network.nats / math.log(2)) for network in networks],
        "counts": [counts] * len(networks),
    }


def _counted(text: CodedText) -> F64:
    """Bits of the sentences of ``text`` under counts only."""
    return text.per_sentence(context_mixing.code_length(text.codes, text.tree, text.starts))


def single_word_lines(lines: Sequence[str], lang: Lang) -> list[str]:
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


def first_bytes(lines: Iterable[str], limit: int) -> list[str]:
    """Lines from the start, ``limit`` bytes at most."""
    lengths, size = [], 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > limit:
            break
        lengths.append(line)
    return lengths
