"""Clean, segmented sentences in a directory, as `umt.corpus.preparation.prepare` wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from umt.corpus.reading import file_digest
from umt.runtime.files import digest_of
from umt.runtime.saved_arrays import SavedJson, damaged
from umt.text import morphology
from umt.text.languages import is_spaced
from umt.text.morphology import SuffixSplitter
from umt.types import BadInput, Lang


@dataclass(frozen=True)
class PreparedText:
    """A directory with ``{lang}.txt``, ``{lang}.words`` (line-aligned with it), ``report.json`` and
    ``endings.json``.

    ``.txt`` holds a normalised sentence a line, ``.words`` its words joined by one space, case
    preserved, punctuation, numbers and `inflections` as words of their own.  Everything streams.
    """

    directory: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "directory", Path(self.directory))

    @cached_property
    def report(self) -> dict[str, Any]:
        """What `prepare_text` returned; raises BadInput when the folder holds none."""
        path = self.directory / "report.json"
        if not path.exists():
            raise BadInput(f"{self.directory} holds no prepared text: {path.name} is missing")
        saved = SavedJson.read(path)
        sides = saved.get("sides", dict)
        if len(saved.strings("languages")) != 2 or any(
            not isinstance(sides.get(lang), dict)
            or type(count := sides[lang].get("kept")) is not int
            or count < 0
            for lang in saved.strings("languages")
        ):
            raise damaged(path, "it does not count the sentences of two languages")
        return dict(saved.content)

    @cached_property
    def inflections(self) -> Mapping[Lang, SuffixSplitter]:
        """The endings of each language that are words of their own."""
        return morphology.load(self.directory)

    @property
    def languages(self) -> tuple[Lang, Lang]:
        """(source, target)."""
        source, target = self.report["languages"]
        return Lang(source), Lang(target)

    def digest(self) -> str:
        """Of the languages and everything that can be read here, not of how it came to be."""
        names = [f"{lang}.{kind}" for lang in self.languages for kind in ("txt", "words")]
        return digest_of(
            [self.languages, file_digest([self.directory / name for name in (*names, morphology.FILE)])]
        )

    def size(self, lang: Lang) -> int:
        """How many sentences were kept."""
        return int(self.report["sides"][lang]["kept"])

    def sentences(self, lang: Lang) -> Iterator[str]:
        """Clean sentences with their real case and punctuation."""
        return lines_of(self.directory / f"{lang}.txt")

    def segmented_lines(self, lang: Lang) -> Iterator[str]:
        """The same sentences as words joined by one space; the fast form of `words`."""
        return lines_of(self.directory / f"{lang}.words")

    def words(self, lang: Lang) -> Iterator[list[str]]:
        """The same sentences as lists of words, case preserved."""
        for line in self.segmented_lines(lang):
            yield line.split(" ")

    def bpe_training_lines(self, lang: Lang) -> Iterator[str]:
        """Sentences as they are; in writing without spaces, a word a line."""
        if is_spaced(lang):
            return self.sentences(lang)
        return (line.replace(" ", "\n") for line in self.segmented_lines(lang))


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a prepared file; raises BadInput where it is missing."""
    if not path.exists():
        raise BadInput(f"prepared text {path} is missing: rebuild it with rebuild=[prepare]")
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line[:-1]
