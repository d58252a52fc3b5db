"""What becomes of clean lines of many languages: kept, words, the language they are taken for, seconds.

    python -m benchmarks.languages FOLDER...      each holds {lang}.txt, as scripts/wiki_messages.py writes it

Prints one Markdown table. Duplicates are no losses; ``--lost N`` prints N lost lines a language, too.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from umt.corpus.preparation.cleaning import CleanedChunk, Cleaner, Preparation
from umt.corpus.preparation.leak_index import LeakIndex
from umt.text.identification import language_shares
from umt.text.languages import is_spaced
from umt.types import Lang


def row(path: Path, lost: int) -> str:
    """One line of the table: the text of one language."""
    lang = Lang(path.stem)
    lines = path.read_text("utf-8").splitlines()
    cleaner = Cleaner(lang, Preparation(), LeakIndex({}, {}, is_spaced(lang)))
    start = time.process_time()
    chunks: list[CleanedChunk] = [cleaner.clean([line], place) for place, line in enumerate(lines)]
    seconds = time.process_time() - start
    missing = [(line, chunk) for line, chunk in zip(lines, chunks, strict=True) if chunk.drops]
    for line, chunk in missing[:lost]:
        print(f"  {lang}: {next(iter(chunk.drops))}: {line}")
    words = sum(text.count(" ") + 1 for chunk in chunks for text in chunk.spaced)
    code, share = next(iter(language_shares(lines).items()), ("too short", 0.0))
    share_whole = 1 - len(missing) / max(1, len(lines))
    return f"| {lang} | {len(lines):,} | {share_whole:.1%} | {words:,} | {code} {share:.0%} | {seconds:.1f} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--lost", type=int, default=0)
    arguments = parser.parse_args()
    rows = [
        row(path, arguments.lost)
        for folder in arguments.folders
        for path in sorted(folder.glob("*.txt"))
        if path.stem not in ("en", "LICENCE")
    ]
    print("| language | lines | lines of which nothing is lost | words | taken for | seconds |")
    print("|---|---|---|---|---|---|")
    print("\n".join(sorted(rows)))


if __name__ == "__main__":
    main()
