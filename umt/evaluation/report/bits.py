"""What was measured in bits: what each language saves the other, on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console as Terminal
from rich.table import Table as TerminalTable

from umt.compression.mutual_information import WAYS
from umt.evaluation.bits_rows import QUANTITIES, bits_per_byte
from umt.evaluation.report.figures import intervals
from umt.evaluation.report.page import Block, Figure, Paragraph, Section, Table

PAIRS = {
    "both": "the two languages",
    "shuffled": "control: the target's subwords shuffled",
    "more_source": "control: more text of the source instead",
    "other_domain": "control: a target of another domain",
}


def show_bits(measured: Mapping[str, Any], terminal: Terminal) -> None:
    """Print the code lengths, the gains, the compressors beside them and the controls that were left out."""
    for title, headings, lines in _tables(measured):
        shown = TerminalTable(title=title, title_justify="left")
        for number, heading in enumerate(headings):
            shown.add_column(heading, justify="right" if number else "left", no_wrap=True)
        for line in lines:
            shown.add_row(*line)
        terminal.print(shown)
    for sentence in measured["left_out"]:
        terminal.print(sentence)


def bits(measured: Mapping[str, Any]) -> Section:
    """The same for the page, with a picture of the gains."""
    gains = {pair: results["gain"] for pair, results in measured["pairs"].items() if "gain" in results}
    blocks: list[Block] = []
    if any(gain["low"] < gain["high"] for gain in gains.values()):
        in_bytes = [(gain["bits"] / 8, gain["low"] / 8, gain["high"] / 8) for gain in gains.values()]
        labels = [PAIRS[pair] for pair in gains]
        picture = intervals(labels, {"code": in_bytes}, "bytes saved by coding together")
        blocks.append(Figure(picture, "K(X)+K(Y)-K(X,Y), tables apart, with 95% intervals"))
    blocks += [Table(headings, lines, title) for title, headings, lines in _tables(measured)]
    blocks += [Paragraph(sentence) for sentence in measured["left_out"]]
    first, second = measured["languages"]
    lead = (
        f"X is {first}, Y is {second}. Prequential code lengths: a network pays for text before it learns "
        "from it, and the subword table is paid too. code: network, co-occurrence and counts mixed; network, "
        "counts: either by itself. Together, co-occurrence is carried over by a lexicon found without a "
        "dictionary; networks, counts and updates are those of the texts apart."
    )
    return Section("Bits", lead, blocks)


def _interval(length: Mapping[str, Any]) -> str:
    return "{:.3f} [{:.3f}, {:.3f}]".format(*bits_per_byte(length))


def _tables(measured: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    lines = []
    for pair, results in measured["pairs"].items():
        for quantity in (each for each in QUANTITIES if each in results):
            lengths = results[quantity]
            code, *alone = (_interval(lengths[way]) if way in lengths else "" for way in WAYS)
            units = [f"{lengths['code'][unit]:.3f}" for unit in ("per_character", "per_token")]
            size = f"{lengths['code']['bits'] / 8:,.0f}"
            lines.append([f"{quantity}, {pair}", size, code, *units, *alone])
    headings = ["code length", "bytes", "bits/byte", "bits/character", "bits/token"]
    headings += [f"{way} alone, bits/byte" for way in WAYS[1:]]
    yield "Prequential code lengths, every byte paid, 95% intervals", headings, lines
    lines = [
        [PAIRS[pair]]
        + [f"{gain[key] / 8:z,.0f}" for key in ("bits", "low", "high")]
        + [f"{gain['share']:z.2%}"]
        for pair, results in measured["pairs"].items()
        if (gain := results.get("gain"))
    ]
    if lines:
        headings = ["gain K(X)+K(Y)-K(X,Y), tables apart", "bytes", "low", "high", "share"]
        yield "What coding together saves, 95% intervals", headings, lines
    first, second = measured["languages"]
    sizes = {side: measured["sides"][side]["bytes"] for side in (first, second)}
    lines = [
        [name]
        + [f"{sizes_by[key]:,.0f}" for key in ("first", "second", "both")]
        + [f"{8 * sizes_by['both'] / sum(sizes.values()):.3f}", f"{sizes_by['ncd']:.4f}"]
        for name, sizes_by in measured["surface"].items()
    ]
    headings = ["compressor", first, second, "end to end", "bits/byte", "NCD"]
    yield "The surface alone, bytes", headings, lines
