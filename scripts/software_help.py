"""Lay out the help of LibreOffice 7.4 in English and Chinese as a corpus: `experiment=software_help`.

    python scripts/software_help.py data/software_help             by apt-get, on Debian 12: 5 MB
    python scripts/software_help.py data/software_help A.deb B.deb     of packages that lie here already
    python scripts/software_help.py data/software_guides --apart       no page in both languages

Packages libreoffice-help-en-us and libreoffice-help-zh-cn, version 4:7.4.7-1+deb12u14, under the Mozilla
Public License 2.0; Debian's snapshot archive keeps every version. Both hold the same 2,560 pages, and a
paragraph has the same id in both. So the two training texts are one manual in two translations, paragraphs
shuffled, of which the Chinese translates three fifths. The pages are divided by a digest of their names: one
in twenty is a test page, one in twenty a dev page, and their paragraphs are the pairs of ``test.*`` and
``dev.*``; what they share with other pages is removed by the audit. No pair is written for training.

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
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

VERSION = "4:7.4.7-1+deb12u14"
PACKAGES = {
    "en": ("libreoffice-help-en-us", "8faa840285734d6cfe1ed25537b48f07e74bd6412e3917bf8e5f8a653f7b3712"),
    "zh": ("libreoffice-help-zh-cn", "db867cdece4c2f9c7eebe65e519c6cf386fdcf49d6e061db3dffec893b3e1dee"),
}
APART = {
    **dict.fromkeys(("swriter", "smath", "sdatabase", "sbasic"), "en"),
    **dict.fromkeys(("scalc", "schart", "simpress", "sdraw"), "zh"),
}
"""Folder of a page -> the language whose text has it, with ``--apart``; of others, a digest decides."""
BLOCKS = {"p", "h1", "h2", "h3", "h4", "h5", "h6"}
HAN = re.compile("[\u4e00-\u9fff]")
LICENCE = f"""Texts of {" and ".join(name for name, _ in PACKAGES.values())}, version {VERSION},
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


def pages(package: bytes) -> dict[str, dict[str, str]]:
    """Name of a page -> its paragraphs, in the order of the names. A .deb is an archive of ``ar``."""
    place = 8
    while package[place : place + 8] != b"data.tar":
        size = int(package[place + 48 : place + 58])
        place += 60 + size + size % 2
    content = package[place + 60 : place + 60 + int(package[place + 48 : place + 58])]
    texts = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
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
    return {0: "test", 1: "dev"}.get(_digest(page) % 20, "train")


def side_of(page: str) -> str:
    """The language whose text has a page for training, where the two share none."""
    return APART.get(page.partition("/")[0]) or ("en", "zh")[_digest(f"side of {page}") % 2]


def _digest(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def lay_out(english: Pages, chinese: Pages, folder: Path, apart: bool) -> None:
    """Write ``en.txt``, ``zh.txt``, ``test.*``, ``dev.*`` and ``LICENCE.txt``."""
    folder.mkdir(parents=True, exist_ok=True)
    sides = {"en": english, "zh": chinese}
    seen: set[str] = set()  # English of the paragraphs that the other language must not have
    for lang, side in sides.items():
        texts = {
            text
            for page, own in side.items()
            if part_of(page) == "train" and (not apart or side_of(page) == lang)
            for name, text in own.items()
            if (lang == "en" or HAN.search(text))  # else not translated yet
            and english.get(page, {}).get(name) not in seen
        }
        seen.update(texts if apart else ())
        chosen = sorted(texts)
        random.Random(lang).shuffle(chosen)
        write(folder / f"{lang}.txt", chosen)
    for part in ("test", "dev"):
        pairs = dict.fromkeys(
            (text, chinese[page][name])
            for page, own in english.items()
            if part_of(page) == part
            for name, text in own.items()
            if HAN.search(chinese.get(page, {}).get(name, "")) and len(text.split()) >= 4
        )
        for side, lang in enumerate(sides):
            write(folder / f"{part}.{lang}", [pair[side] for pair in pairs])
    (folder / "LICENCE.txt").write_text(LICENCE, encoding="utf-8")


def write(path: Path, lines: list[str]) -> None:
    """One line each."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{path}: {len(lines):,} lines")


def packages(files: list[Path]) -> dict[str, bytes]:
    """Language -> its package, among ``files`` or downloaded; another version ends the program."""
    with TemporaryDirectory() as folder:
        if not files:
            names = [f"{name}={VERSION}" for name, _ in PACKAGES.values()]
            try:
                subprocess.run(["apt-get", "download", *names], cwd=folder, check=True)
            except (OSError, subprocess.CalledProcessError):
                sys.exit(
                    f"apt-get cannot download {' and '.join(names)}: name both files on the command line"
                )
            files = [*Path(folder).glob("*.deb")]
        contents = {hashlib.sha256(content).hexdigest(): content for content in map(Path.read_bytes, files)}
    for name, digest in PACKAGES.values():
        if digest not in contents:
            sys.exit(f"no file is {name} {VERSION} (sha256 {digest})")
    return {lang: contents[digest] for lang, (_, digest) in PACKAGES.items()}


def main() -> None:
    """The command."""
    names = [name for name in sys.argv[1:] if name != "--apart"]
    if not names or any(name.startswith("-") for name in names):
        sys.exit(__doc__)
    both = packages([Path(name) for name in names[1:]])
    lay_out(pages(both["en"]), pages(both["zh"]), Path(names[0]), "--apart" in sys.argv)


if __name__ == "__main__":
    main()
