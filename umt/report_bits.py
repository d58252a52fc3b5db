"""What was measured in bits: the joint model on held-out text, and what each language saves the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console as Terminal
from rich.table import Table

from umt.bits import WAYS
from umt.codelength import CodeLength, scores
from umt.report import Row
from umt.report_figures import intervals
from umt.report_page import Section, element, figure, joined, table
from umt.types import Score

PAIRS = {
    "both": "the two languages",
    "destroyed": "control: the target's subwords shuffled",
    "more": "control: more of the source instead",
    "elsewhere": "control: a target about something else",
}
QUANTITIES = ("K(X)", "K(Y)", "K(X,Y)", "K(Y|X)", "K(X|Y)")

_INTERVAL = "bootstrap over seeds and stretches of text"


def code_length_rows(name: str, lengths: Mapping[str, CodeLength], seconds: float) -> Iterator[Row]:
    """Bits of one held-out set under the joint model, a row for each language and unit."""
    for side, found in scores(lengths).items():
        for score in found:
            yield Row("joint model", name, side, score, seconds)


def bits_rows(told: Mapping[str, Any]) -> Iterator[Row]:
    """Code lengths and gains of `umt.bits.Bits.measure`; the target is the last of ``languages``."""
    direction = "-".join(told["languages"])
    for pair, found in told["pairs"].items():
        for quantity in QUANTITIES:
            for way in WAYS if quantity in found else ():
                each = found[quantity][way]
                signature = f"prequential|{way}|seeds:{len(each['by_seed'])}|{_INTERVAL}"
                score = Score(f"bits/byte {quantity}", *_per_byte(each), signature)
                yield Row(way, pair, direction, score, 0.0)
        if gain := found.get("gain"):
            signature = f"prequential|code|{_INTERVAL}"
            score = Score("bits gain", gain["bits"], gain["low"], gain["high"], signature)
            yield Row("code", pair, direction, score, 0.0)


def show_bits(told: Mapping[str, Any], terminal: Terminal) -> None:
    """Print the code lengths, the gains, the compressors beside them and the controls that were left out."""
    for title, headings, lines in _tables(told):
        shown = Table(title=title, title_justify="left")
        for number, heading in enumerate(headings):
            shown.add_column(heading, justify="right" if number else "left", no_wrap=True)
        for line in lines:
            shown.add_row(*line)
        terminal.print(shown)
    for sentence in told["left_out"]:
        terminal.print(sentence)


def bits(told: Mapping[str, Any]) -> Section:
    """The same for the page, with a picture of the gains."""
    measured = {pair: found["gain"] for pair, found in told["pairs"].items() if "gain" in found}
    parts: list[object] = []
    if any(each["low"] < each["high"] for each in measured.values()):
        gains = {
            "code": [tuple(each[key] / 8 for key in ("bits", "low", "high")) for each in measured.values()]
        }
        picture = intervals([PAIRS[pair] for pair in measured], gains, "bytes saved by coding together")
        parts.append(figure(picture, "K(X)+K(Y)-K(X,Y), tables apart, with 95% intervals"))
    parts += [table(headings, lines, title) for title, headings, lines in _tables(told)]
    parts += [element("p", sentence) for sentence in told["left_out"]]
    first, second = told["languages"]
    lead = (
        f"X is {first}, Y is {second}. Prequential code lengths: a network pays for text before it learns "
        "from it, and the subword table is paid too. code: network, company and counts mixed; network: what "
        "it says on its own. Together, company is carried over by a lexicon found without a dictionary; "
        "networks, counts and updates are those of the texts apart."
    )
    return Section("Bits", lead, joined(parts))


def _per_byte(each: Mapping[str, Any]) -> tuple[float, float, float]:
    """Bits a byte, and the ends of the interval."""
    size = each["bits"] / each["per_byte"]
    return each["per_byte"], each["low"] / size, each["high"] / size


def _tables(told: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    lines = []
    for pair, found in told["pairs"].items():
        for quantity in (each for each in QUANTITIES if each in found):
            code, network = (found[quantity][way] for way in WAYS)
            per_byte, alone = ("{:.3f} [{:.3f}, {:.3f}]".format(*_per_byte(each)) for each in (code, network))
            units = [f"{code[unit]:.3f}" for unit in ("per_character", "per_token")]
            lines.append([f"{quantity}, {pair}", f"{code['bits'] / 8:,.0f}", per_byte, *units, alone])
    headings = ["code length", "bytes", "bits/byte", "bits/character", "bits/token", "network bits/byte"]
    yield "Prequential code lengths, every byte paid, 95% intervals", headings, lines
    lines = [
        [PAIRS[pair]]
        + [f"{gain[key] / 8:z,.0f}" for key in ("bits", "low", "high")]
        + [f"{gain['share']:z.2%}"]
        for pair, found in told["pairs"].items()
        if (gain := found.get("gain"))
    ]
    if lines:
        headings = ["gain K(X)+K(Y)-K(X,Y), tables apart", "bytes", "low", "high", "share"]
        yield "What coding together saves, 95% intervals", headings, lines
    first, second = told["languages"]
    sizes = {side: told["sides"][side]["bytes"] for side in (first, second)}
    lines = [
        [name]
        + [f"{each[key]:,.0f}" for key in ("first", "second", "both")]
        + [f"{8 * each['both'] / sum(sizes.values()):.3f}", f"{each['ncd']:.4f}"]
        for name, each in told["surface"].items()
    ]
    headings = ["compressor", first, second, "end to end", "bits/byte", "NCD"]
    yield "The surface alone, bytes", headings, lines
