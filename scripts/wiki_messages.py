"""Lay out the messages of MediaWiki 1.39 in English and another language as a corpus, `corpus=files`.

    python scripts/wiki_messages.py data/messages gu          by apt-get, on Debian 12: 37 MB
    python scripts/wiki_messages.py data/messages gu MEDIAWIKI.deb

Package mediawiki, GPL 2 or later: the texts of its interface in 400 languages, 30 to 300 kB each. Texts with
markup are left out, and those that are English still; lines are shuffled. One in ten messages is a test pair,
the others are in both texts.
"""

from __future__ import annotations

import io
import json
import random
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.software_help import data_archive, digest_of, write

MARKUP = re.compile(r"[{}<>\[\]|]|''|https?:|&\w+;|__|^[*#:;]|\w:\w", re.MULTILINE)
"""Also of lists, and name:value as in lists of choices."""
FILE = re.compile(r"(languages|extensions/.*|skins/.*|includes/.*)/i18n/(.*/)?([a-z-]+)\.json")
WORDS = 4  # of an English message at least: others are labels
CODES = {"zh_hant": "zh-hant", "zh": "zh-hans", "pt_br": "pt-br"}

Messages = dict[str, str]


def messages(package: bytes, languages: tuple[str, ...]) -> list[Messages]:
    """Key -> text of each language."""
    codes = [CODES.get(lang, lang) for lang in languages]
    texts: list[Messages] = [{} for _ in codes]
    with tarfile.open(fileobj=io.BytesIO(data_archive(package))) as archive:
        for member in archive:
            match = FILE.search(member.name)
            if match and match[3] in codes and (file := archive.extractfile(member)):
                folder = member.name.rpartition("/")[0]
                own = texts[codes.index(match[3])]
                for key, text in json.load(file).items():
                    if isinstance(text, str) and not MARKUP.search(text):
                        own[f"{folder}:{key}"] = text
    return texts


def lay_out(english: Messages, other: Messages, languages: tuple[str, str], folder: Path) -> None:
    """Write ``{lang}.txt`` and ``test.{lang}``."""
    folder.mkdir(parents=True, exist_ok=True)
    english = {key: text for key, text in english.items() if len(text.split()) >= WORDS}
    other = {key: text for key, text in other.items() if text != english.get(key, text)}
    test = [key for key in sorted(other) if digest_of(key) % 10 == 0]
    test = [key for key in test if "\n" not in english[key].strip() + other[key].strip()]
    for lang, texts in zip(languages, (english, other), strict=True):
        held_out = [texts[key].strip() for key in test]
        lines = {line.strip() for text in texts.values() for line in text.split("\n")}
        chosen = sorted(lines - {"", *held_out})
        random.Random(lang).shuffle(chosen)
        write(folder / f"{lang}.txt", chosen)
        write(folder / f"test.{lang}", held_out)


def main() -> None:
    """The command."""
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    pair = ("en", sys.argv[2])
    with TemporaryDirectory() as folder:
        package = Path(sys.argv[3]) if len(sys.argv) == 4 else None
        if package is None:
            subprocess.run(["apt-get", "download", "mediawiki"], cwd=folder, check=True)
            package = next(Path(folder).glob("*.deb"))
        english, other = messages(package.read_bytes(), pair)
    lay_out(english, other, pair, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
