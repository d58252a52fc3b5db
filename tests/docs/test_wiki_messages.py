"""Messages of MediaWiki as a corpus: lines without markup that are no labels, test pairs kept apart."""

from __future__ import annotations

import json
from pathlib import Path

from scripts import wiki_messages
from tests.docs.test_software_help import package


def test_messages_without_markup_and_no_test_pair_among_the_lines(
    tmp_path: Path,
) -> None:
    english = {f"k{n}": f"This page has {n} old versions." for n in range(200)}
    other = {f"k{n}": f"આ પાનાનાં {n} જૂનાં સંસ્કરણો છે." for n in range(200)}
    english |= {
        "label": "Save",
        "link": "See [[this page]] for more.",
        "same": "Not translated so far.",
        "@": [],
    }
    other |= {"label": "સાચવો", "link": "[[આ પાનું]] જુઓ.", "same": "Not translated so far."}
    folder = "../mediawiki/languages/i18n"  # the archive starts below a folder of the other package
    files = {f"{folder}/en.json": json.dumps(english), f"{folder}/gu.json": json.dumps(other)}
    sides = wiki_messages.messages(package(files), ("en", "gu"))
    wiki_messages.lay_out(sides[0], sides[1], ("en", "gu"), tmp_path)
    lines = {file.name: file.read_text("utf-8").splitlines() for file in tmp_path.iterdir()}
    pairs = [*zip(lines["test.en"], lines["test.gu"], strict=True)]
    assert len(pairs) in range(8, 40)
    assert all(one.split()[3] == two.split()[2] for one, two in pairs)
    assert len(lines["gu.txt"]) == 200 - len(pairs)
    assert len(lines["en.txt"]) == 201 - len(pairs), "what is not translated is English text"
    assert not {*lines["gu.txt"], *lines["en.txt"]} & {line for pair in pairs for line in pair}
