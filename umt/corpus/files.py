"""Text from files: monolingual text of two languages (`Files`), line-aligned held-out pairs
(`ParallelFiles`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from umt.corpus import HeldOut, ParallelSet
from umt.corpus.known_pairs import TsvPairs
from umt.corpus.preparation.leak_index import LeakIndex
from umt.corpus.reading import (
    broken_links,
    corpus_lines,
    file_digest,
    files_under,
    lines,
    maybe_compressed,
    path_of,
)
from umt.types import BadInput, Lang

HELD_OUT = ("test", "dev")


def language_pair(languages: object) -> tuple[Lang, Lang]:
    """(source, target) from whatever sequence the configuration holds; ValueError unless two differ."""
    pair = tuple(Lang(str(lang)) for lang in languages)  # type: ignore[attr-defined]
    if len(pair) != 2 or pair[0] == pair[1]:
        raise ValueError(f"languages must be two different codes such as [en, zh], got {list(pair)}")
    return pair


@dataclass(frozen=True)
class Files:
    """A `Source` from files: one sentence or one document per line.

    source, target: a file (plain, .gz, .xz, .zst) or a folder of them each; or
    root: a folder that holds ``{lang}.txt``, possibly compressed, and perhaps held-out pairs:
        ``test.{lang}``, ``dev.{lang}``.
    pairs: a file of true pairs, ``source<TAB>target`` a line, which only a supervised translator reads.
    relation: what the two sides are to each other, in a sentence; None: not stated.
    An empty path counts as none.  Nothing is read before one of the methods needs it.
    """

    languages: tuple[Lang, Lang]
    source: Path | None = None
    target: Path | None = None
    root: Path | None = None
    pairs: Path | None = None
    relation: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", language_pair(self.languages))
        for name in ("source", "target", "root", "pairs"):
            object.__setattr__(self, name, path_of(getattr(self, name)))

    def sentences(self, lang: Lang) -> Iterator[str]:
        """See `Source`."""
        for path in self._sides()[lang]:
            yield from corpus_lines(path)

    def digest(self) -> str:
        """SHA-256 over both sides and their relation; raises `BadInput` when they hold the same bytes."""
        source, target = self._sides().values()
        first, second = file_digest(source), file_digest(target)
        if first == second:
            raise BadInput(f"{source[0]} and {target[0]} hold the same text: each language needs its own")
        return f"{first}{second}" + (sha256(self.relation.encode()).hexdigest() if self.relation else "")

    def held_out(self) -> tuple[HeldOut, ...]:
        """The pairs under ``root``: ``test.*`` and ``dev.*``; raises BadInput when one side is missing."""
        sets = []
        for name in HELD_OUT if self.root else ():
            sides = [maybe_compressed(Path(str(self.root)) / f"{name}.{lang}") for lang in self.languages]
            present = [side for side in sides if side]
            if len(present) == 1:
                raise BadInput(
                    f"{present[0]} lies alone: held-out pairs need {name}.{self.languages[0]} "
                    f"and {name}.{self.languages[1]}"
                )
            if present:
                sets.append(ParallelFiles(name, self.languages, present[0], present[1]))
        return tuple(sets)

    def training_pairs(self, count: int, leaks: Mapping[Lang, LeakIndex]) -> TsvPairs:
        """The first ``count`` of the true pairs in no held-out set; raises BadInput when none were given."""
        if self.pairs is None:
            raise BadInput(
                f"translator.parallel_pairs={count} needs true pairs: give them with corpus.pairs=FILE"
            )
        return TsvPairs(self.pairs, self.languages, count, leaks)

    def reading_warnings(self) -> tuple[str, ...]:
        """What lies in the folders of text and cannot be read, a sentence a side."""
        folders = (path for path in (self.source, self.target) if path is not None)
        links = {folder: broken_links(folder) for folder in folders}
        return tuple(
            f"{len(broken)} entries of {folder} are or lead to no file and are left out, first {broken[0]}"
            if len(broken) > 1
            else f"{broken[0]} is or leads to no file and is left out"
            for folder, broken in links.items()
            if broken
        )

    def _sides(self) -> dict[Lang, list[Path]]:
        """The files of each language; raises `BadInput` when they are not given, not there, or the same."""
        if self.root is not None and (self.source or self.target):
            raise BadInput(
                "corpus.root and corpus.source/corpus.target exclude each other: give one or the other"
            )
        options = {"source": self.source, "target": self.target}
        if self.root is None:
            missing = [name for name, path in options.items() if path is None]
            if missing:
                raise BadInput(
                    f"corpus.{missing[0]} is not given: corpus=files needs corpus.source=PATH and "
                    f"corpus.target=PATH, or corpus.root=DIR"
                )
        elif not self.root.is_dir():
            raise BadInput(
                f"corpus.root={self.root} is not a folder: it should hold {self.languages[0]}.txt "
                f"and {self.languages[1]}.txt (or .gz, .xz, .zst of them)"
            )
        sides = {}
        for lang, (name, path) in zip(self.languages, options.items(), strict=True):
            option = f"corpus.{name}"
            if path is None:
                option = "corpus.root"
                path = maybe_compressed(Path(str(self.root)) / f"{lang}.txt")
                if path is None:
                    raise BadInput(
                        f"corpus.root={self.root} holds no {lang}.txt, nor a .gz, .xz or .zst of it"
                    )
            sides[lang] = files_under(path, option)
        first, second = sides.values()
        shared = {path.resolve() for path in first} & {path.resolve() for path in second}
        if shared:
            raise BadInput(
                f"{sorted(shared)[0]} is given for both {' and '.join(sides)}: "
                f"each language needs its own text"
            )
        return sides


@dataclass(frozen=True)
class ParallelFiles:
    """A `HeldOut` set from two line-aligned files; a pair with an empty side is left out.

    source, target: the file of each language, plain, .gz, .xz or .zst.
    """

    name: str
    languages: tuple[Lang, Lang]
    source: Path
    target: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", language_pair(self.languages))
        for side in ("source", "target"):
            path = path_of(getattr(self, side))
            if path is None:
                raise ValueError(f"{side} must be a file, got an empty path")
            object.__setattr__(self, side, path)

    def unpaired_side(self, lang: Lang) -> list[str]:
        self._aligned_lines()  # a missing line is an error before anything is trained, without reading pairs
        return sorted(line for line in self._lines(lang) if line)

    def pairs(self) -> ParallelSet:
        source, target = self._aligned_lines()
        complete = [pair for pair in zip(source, target, strict=True) if all(pair)]
        if not complete:
            raise BadInput(f"held-out set {self.name}: {self.source} and {self.target} share no pair")
        return ParallelSet(
            self.name,
            {lang: tuple((pair[place],) for pair in complete) for place, lang in enumerate(self.languages)},
            left_out=len(source) - len(complete),
        )

    def _aligned_lines(self) -> tuple[list[str], list[str]]:
        source, target = (self._lines(lang) for lang in self.languages)
        if len(source) != len(target):
            raise BadInput(
                f"held-out set {self.name}: {self.source} has {len(source):,} lines and "
                f"{self.target} has {len(target):,}: line i of one must translate "
                f"line i of the other"
            )
        return source, target

    def digest(self) -> str:
        return file_digest([*self._paths(self.languages[0]), *self._paths(self.languages[1])])

    def _paths(self, lang: Lang) -> list[Path]:
        return files_under(
            self.source if lang == self.languages[0] else self.target, f"held-out set {self.name}"
        )

    def _lines(self, lang: Lang) -> list[str]:
        return [line.strip() for path in self._paths(lang) for line in lines(path)]
