"""Published test sets: sacreBLEU's own by name (`SacreBleuSet`), others on the hub (`HubPairs`)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from umt.corpus import HeldOut, ParallelSet
from umt.corpus.files import ParallelFiles, language_pair
from umt.corpus.hub import HubDataset
from umt.corpus.reading import SUFFIXES
from umt.corpus.test_set_rows import ParallelTsv
from umt.runtime.files import digest_of
from umt.types import BadInput, Lang


def named_sets(name: str, value: str | Sequence[str], languages: tuple[Lang, Lang]) -> list[HeldOut]:
    """Test sets by a short name: ``wmt24/en-zh`` of sacreBLEU, ``wmt22`` for every direction that it has,
    a file ``*.tsv``, or two files.

    Raises BadInput when ``value`` is none of them.
    """
    if not isinstance(value, str):
        if len(value) != 2:
            raise BadInput(f"evaluation.sets.{name}: give two files, got {list(value)}")
        return [ParallelFiles(name, languages, Path(value[0]), Path(value[1]))]
    if any(value.endswith(f".tsv{suffix}") for suffix in SUFFIXES):
        return [ParallelTsv(name, languages, Path(value))]
    from sacrebleu.dataset import DATASETS

    ways = ["-".join(languages), "-".join(languages[::-1])]
    if value in DATASETS:
        known = [way for way in ways if way in DATASETS[value].langpairs]
        if not known:
            raise BadInput(f"evaluation.sets.{name}: {value} has neither {' nor '.join(ways)}")
        return [SacreBleuSet(f"{name}-{way}", languages, f"{value}/{way}") for way in known]
    if value.rpartition("/")[2] in ways:
        return [SacreBleuSet(name, languages, value)]
    raise BadInput(
        f"evaluation.sets.{name}={value} names no test set: give one of sacreBLEU such as wmt24/{ways[0]}, a "
        f"file of pairs.tsv, two files [A,B], or a choice: +test_set@evaluation.sets.{name}=flores"
    )


@dataclass(frozen=True)
class SacreBleuSet:
    """A `HeldOut` set that sacreBLEU knows, for example ``wmt22/en-zh``: downloaded once, then kept.

    Its source side was written by people, its other sides translated from it: it is meant for one direction.
    testset: its name in sacreBLEU with the direction.
    """

    name: str
    languages: tuple[Lang, Lang]
    testset: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", language_pair(self.languages))
        name, _, pair = self.testset.rpartition("/")
        if not name or sorted(pair.split("-")) != sorted(self.languages):
            raise ValueError(
                f"testset must read like wmt22/{self.languages[0]}-{self.languages[1]}, got {self.testset!r}"
            )

    def unpaired_side(self, lang: Lang) -> list[str]:
        return sorted(text for renderings in self._sides()[0][lang] for text in renderings)

    def pairs(self) -> ParallelSet:
        sides, left_out = self._sides()
        source, target = sides
        return ParallelSet(self.name, sides, (source, target), left_out)

    def digest(self) -> str:
        """Of its name: sacreBLEU checks the content against a checksum of its own."""
        return digest_of(["sacrebleu", self.testset])

    def _sides(self) -> tuple[dict[Lang, tuple[tuple[str, ...], ...]], int]:
        """The side that people wrote first, and how many items are left out since a side is empty."""
        from sacrebleu.dataset import DATASETS
        from sacrebleu.utils import SACREBLEU_DIR

        name, _, pair = self.testset.rpartition("/")
        source, target = (Lang(lang) for lang in pair.split("-"))
        if name not in DATASETS or pair not in DATASETS[name].langpairs:
            known = sorted(each for each, data in DATASETS.items() if pair in data.langpairs)
            raise BadInput(f"sacreBLEU has no test set {self.testset}; for {pair} it has {', '.join(known)}")
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # its own log of the download
                texts = [line.strip() for line in DATASETS[name].source(pair)]  # type: ignore[no-untyped-call]
                references = list(DATASETS[name].references(pair))  # type: ignore[no-untyped-call]
        except (Exception, SystemExit) as error:
            # Whatever urllib, tar or the disk say; a damaged download ends in sys.exit there.
            raise BadInput(
                f"the test set {self.testset} cannot be fetched ({error}): copy sacreBLEU's folder {name} "
                f"from a machine that has it to {SACREBLEU_DIR}, give two files instead, "
                f"evaluation.sets.{self.name}=[A,B], or leave it out, evaluation.sets.{self.name}=null"
            ) from error
        rows = [
            (text, tuple(rendering.strip() for rendering in variants if rendering.strip()))
            for text, variants in zip(texts, references, strict=True)
        ]
        complete = [(text, renderings) for text, renderings in rows if text and renderings]
        sides = {
            source: tuple((text,) for text, _ in complete),
            target: tuple(variants for _, variants in complete),
        }
        return sides, len(rows) - len(complete)


@dataclass(frozen=True)
class HubPairs:
    """A `HeldOut` set on the Hugging Face hub: a configuration a language, row by row the same items.

    configs: the configuration of each language. The other fields are those of `umt.corpus.hub.HubDataset`.
    """

    name: str
    languages: tuple[Lang, Lang]
    dataset: str
    revision: str | None
    licence: str
    configs: Mapping[str, str]
    split: str = "devtest"
    column: str = "text"

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", language_pair(self.languages))
        object.__setattr__(self, "configs", {str(lang): str(name) for lang, name in self.configs.items()})
        for lang in self.languages:
            if lang not in self.configs:
                raise ValueError(f"configs must name one for {lang}, got {dict(self.configs)}")

    def unpaired_side(self, lang: Lang) -> list[str]:
        return sorted(filter(None, self._lines(lang)))

    def pairs(self) -> ParallelSet:
        source, target = (self._lines(lang) for lang in self.languages)
        if len(source) != len(target):
            raise BadInput(
                f"held-out set {self.name}: {self.dataset} has {len(source):,} lines of {self.languages[0]} "
                f"and {len(target):,} of {self.languages[1]}"
            )
        complete = [pair for pair in zip(source, target, strict=True) if all(pair)]
        if not complete:
            raise BadInput(f"held-out set {self.name}: {self.dataset} has no pair without an empty side")
        sides = zip(self.languages, zip(*complete, strict=True), strict=True)
        items = {lang: tuple((text,) for text in each) for lang, each in sides}
        return ParallelSet(self.name, items, left_out=len(source) - len(complete))

    def digest(self) -> str:
        """Of the parameters, for a pinned revision does not change."""
        return digest_of(asdict(self))

    def _lines(self, lang: Lang) -> list[str]:
        """One a row, be it empty."""
        config, column = self.configs[lang], self.column
        hub = HubDataset(
            self.languages,
            self.dataset,
            self.revision,
            self.licence,
            config=config,
            split=self.split,
            relation=None,
            column=column,
        )
        try:
            return [text.replace("\n", " ").strip() for text in hub.texts(lang)]
        except BadInput as error:
            raise BadInput(f"held-out set {self.name} cannot be read: {error}") from error
