"""Lay out the help of LibreOffice 7.4 in English and Chinese, or Japanese: `experiment=software_help`.

    python scripts/software_help.py data/software_help             by apt-get, on Debian 12: 5 MB
    python scripts/software_help.py data/software_help A.deb B.deb     of packages that lie here already
    python scripts/software_help.py data/software_guides --apart       no page in both languages
    python scripts/software_help.py data/help_ja --language=ja         or zh_hant

Packages libreoffice-help-en-us and libreoffice-help-zh-cn (-zh-tw, -ja), version 4:7.4.7-1+deb12u14, under
the Mozilla Public License 2.0; Debian's snapshot archive keeps every version. All hold the same 2,560 pages,
and a paragraph has the same id in each. So the two training texts are one manual in two translations,
paragraphs shuffled, of which the Chinese translates three fifths. The pages are divided by a digest of their
names: one in twenty is a test page, one in twenty a dev page; their paragraphs are the pairs of ``test.*``
and ``dev.*``; what they share with other pages is removed by the audit. No pair is written for training.

With ``--apart`` the English text is the help of the word processor, formulas, databases and programming, the
Chinese that of spreadsheets, charts, slides and drawings; of the pages on what all programs share each
language gets a half. No paragraph is then in both texts: two subjects near each other.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
import subprocess
import sys
import tarfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

VERSION = "4:7.4.7-1+deb12u14"
PACKAGES = {
    "en": ("libreoffice-help-en-us", "8faa840285734d6cfe1ed25537b48f07e74bd6412e3917bf8e5f8a653f7b3712"),
    "zh": ("libreoffice-help-zh-cn", "db867cdece4c2f9c7eebe65e519c6cf386fdcf49d6e061db3dffec893b3e1dee"),
    "zh_hant": ("libreoffice-help-zh-tw", "f79cb2bee8d8d783efd825051a957b4c97a56dad5a05bde0ee90e66099331209"),
    "ja": ("libreoffice-help-ja", "7799ace9bfe0845771ed2499913e7f7e521318cf3727c007672e3b020f8eb7b9"),
}
APART = {
    **dict.fromkeys(("swriter", "smath", "sdatabase", "sbasic"), "en"),
    **dict.fromkeys(("scalc", "schart", "simpress", "sdraw"), "other"),
}
"""Folder of a page -> the text that has it, with ``--apart``; of others, a digest decides."""
BLOCKS = {"p", "h1", "h2", "h3", "h4", "h5", "h6"}
TRANSLATED = {lang: re.compile("[\u4e00-\u9fff]") for lang in PACKAGES}
TRANSLATED["ja"] = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
"""What a paragraph holds that is translated already."""
LICENCE = f"""Texts of {{}} and {{}}, version {VERSION},
copyright LibreOffice contributors and their affiliates, Mozilla Public License 2.0
(https://www.mozilla.org/MPL/2.0/).
"""


class Paragraphs(HTMLParser):
    """id -> text of the paragraphs and headings of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self._tag, self._id, self._text = "", "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A block begins."""
        if tag in BLOCKS:
            name = dict(attrs).get("id") or ""
            self._tag, self._id, self._text = tag, name if name.startswith(("par_id", "hd_id")) else "", ""

    def handle_data(self, data: str) -> None:
        """Text within a block."""
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        """A block ends."""
        if tag == self._tag and self._id and (text := " ".join(self._text.split())):
            self.texts[self._id] = text
            self._id = ""


def data_archive(package: bytes) -> bytes:
    """The files of a .deb, which is an archive of ``ar``, as a compressed tar."""
    place = 8
    while package[place : place + 8] != b"data.tar":
        size = int(package[place + 48 : place + 58])
        place += 60 + size + size % 2
    return package[place + 60 : place + 60 + int(package[place + 48 : place + 58])]


def pages(package: bytes) -> dict[str, dict[str, str]]:
    """Name of a page -> its paragraphs, in the order of the names."""
    texts = {}
    with tarfile.open(fileobj=io.BytesIO(data_archive(package))) as archive:
        for member in archive:
            name = member.name.partition("/text/")[2]
            if name.endswith(".html") and (file := archive.extractfile(member)):
                parser = Paragraphs()
                parser.feed(file.read().decode("utf-8"))
                texts[name] = parser.texts
    return dict(sorted(texts.items()))


Pages = dict[str, dict[str, str]]


def part_of(page: str) -> str:
    """``test``, ``dev`` or ``train``, whatever other pages there are."""
    return {0: "test", 1: "dev"}.get(digest_of(page) % 20, "train")


def side_of(page: str) -> str:
    """The text that has a page for training, where the two share none: ``en`` or ``other``."""
    return APART.get(page.partition("/")[0]) or ("en", "other")[digest_of(f"side of {page}") % 2]


def digest_of(text: str) -> int:
    """A number that only the text decides."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def lay_out(english: Pages, other: Pages, language: str, folder: Path, apart: bool) -> None:
    """Write ``en.txt``, that of the other ``language``, ``test.*``, ``dev.*`` and ``LICENCE.txt``."""
    folder.mkdir(parents=True, exist_ok=True)
    sides, translated = {"en": english, language: other}, TRANSLATED[language].search
    seen: set[str] = set()  # English of the paragraphs that the other language must not have
    for lang, side in sides.items():
        texts = {
            text
            for page, own in side.items()
            if part_of(page) == "train" and (not apart or (side_of(page) == "en") == (lang == "en"))
            for name, text in own.items()
            if (lang == "en" or translated(text))  # else not translated yet
            and english.get(page, {}).get(name) not in seen
        }
        seen.update(texts if apart else ())
        chosen = sorted(texts)
        random.Random(lang).shuffle(chosen)
        write(folder / f"{lang}.txt", chosen)
    for part in ("test", "dev"):
        pairs = dict.fromkeys(
            (text, other[page][name])
            for page, own in english.items()
            if part_of(page) == part
            for name, text in own.items()
            if translated(other.get(page, {}).get(name, "")) and len(text.split()) >= 4
        )
        for side, lang in enumerate(sides):
            write(folder / f"{part}.{lang}", [pair[side] for pair in pairs])
    names = (PACKAGES[lang][0] for lang in sides)
    (folder / "LICENCE.txt").write_text(LICENCE.format(*names), encoding="utf-8")


def write(path: Path, lines: list[str]) -> None:
    """One line each."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{path}: {len(lines):,} lines")


def packages(files: list[Path], languages: tuple[str, str]) -> list[bytes]:
    """The package of each language, among ``files`` or downloaded; another version ends the program."""
    wanted = [PACKAGES[lang] for lang in languages]
    with TemporaryDirectory() as folder:
        if not files:
            names = [f"{name}={VERSION}" for name, _ in wanted]
            try:
                subprocess.run(["apt-get", "download", *names], cwd=folder, check=True)
            except (OSError, subprocess.CalledProcessError):
                sys.exit(
                    f"apt-get cannot download {' and '.join(names)}: name both files on the command line"
                )
            files = [*Path(folder).glob("*.deb")]
        contents = {hashlib.sha256(content).hexdigest(): content for content in map(Path.read_bytes, files)}
    for name, digest in wanted:
        if digest not in contents:
            sys.exit(f"no file is {name} {VERSION} (sha256 {digest})")
    return [contents[digest] for _, digest in wanted]


def main() -> None:
    """The command."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages", type=Path, nargs="*")
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--language", choices=list(PACKAGES)[1:], default="zh")
    options = parser.parse_args()
    english, other = map(pages, packages(options.packages, ("en", options.language)))
    lay_out(english, other, options.language, options.folder, options.apart)


if __name__ == "__main__":
    main()
