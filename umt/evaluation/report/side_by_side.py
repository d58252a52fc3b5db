"""Every sentence of a test set with the outputs of all systems beside each other, as data for the page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from umt.text.languages import is_spaced
from umt.types import Lang

Pieces = list[str]
"""A text cut where it begins and ceases to agree with a reference: shared, own, shared, own and so on."""


def sentences(
    sources: Sequence[str],
    references: Sequence[Sequence[str]],
    outputs: Mapping[str, Sequence[str]],
    target: Lang,
) -> list[dict[str, Any]]:
    """Of each sentence its source, its references and its distinct outputs.

    An output comes with the numbers of the systems, in the order of ``outputs``, that wrote it, and in
    `differences` from the reference that it shares most with.
    """
    items = []
    for number, source in enumerate(sources):
        systems: dict[str, list[int]] = {}
        for system, lines in enumerate(outputs.values()):
            systems.setdefault(lines[number], []).append(system)
        written = [
            {"systems": members, "pieces": differences(text, references[number], target)}
            for text, members in systems.items()
        ]
        items.append({"source": source, "references": list(references[number]), "outputs": written})
    return items


def differences(text: str, references: Sequence[str], target: Lang) -> Pieces:
    """``text`` against the reference with which it shares most words, or characters without spaces."""
    tokens = _tokens(text, target)
    own = Counter(map(str.strip, tokens))

    def shared(reference: list[str]) -> int:
        return sum((own & Counter(map(str.strip, reference))).values())

    reference = max((_tokens(each, target) for each in references), key=shared)
    matcher = SequenceMatcher(None, [*map(str.strip, tokens)], [*map(str.strip, reference)], autojunk=False)
    pieces, end = [""], 0
    for start, _, size in matcher.get_matching_blocks():
        if start > end:
            pieces += ["".join(tokens[end:start]), ""]
        pieces[-1] += "".join(tokens[start : start + size])
        end = start + size
    return pieces if pieces[-1] or len(pieces) == 1 else pieces[:-1]


def _tokens(text: str, lang: Lang) -> list[str]:
    """Words, each with the space behind it; single characters where words are not spaced."""
    return re.findall(r"\w+\s*|[^\w\s]\s*|\s+", text) if is_spaced(lang) else list(text)
