"""SVG as text: a frame with two axes and the few marks that the pictures are made of.

Colours are names (``s0`` to ``s5``) that the style sheet of the page resolves, light and dark. Letters stay
letters, so that the reader's browser supplies the Chinese.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

from umt.evaluation.report.page import stylesheet

Points = Sequence[tuple[float, float]]
Anchor = Literal["start", "middle", "end"]
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 26, 40
"""Pixels between a frame and the edges of its picture."""


@dataclass(frozen=True)
class Frame:
    """Two axes in a box of pixels."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_name: str
    y_name: str
    width: int = 560
    height: int = 320
    left: int = LEFT

    def x(self, value: float) -> float:
        """Pixels from the left."""
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (self.width - self.left - RIGHT)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        low, high = self.y_range
        return self.height - BOTTOM - (value - low) / (high - low) * (self.height - TOP - BOTTOM)

    def axes(self, across: bool = True, upright: bool = False) -> list[str]:
        """Names and ticks; with ``across`` grid lines at the ticks of y, with ``upright`` at those of x."""
        floor, middle = self.height - BOTTOM, (self.left + self.width - RIGHT) / 2
        parts = [
            text_mark(4, 14, self.y_name, "name", "start"),
            text_mark(middle, self.height - 4, self.x_name, "name"),
        ]
        for value in ticks(*self.y_range) if across else []:
            y = self.y(value)
            parts.append(stroke((self.left, y), (self.width - RIGHT, y), "grid"))
            parts.append(text_mark(self.left - 6, y + 4, f"{value:g}", "tick", "end"))
        for value in ticks(*self.x_range):
            x = self.x(value)
            parts += [stroke((x, TOP), (x, floor), "grid")] if upright else []
            parts.append(text_mark(x, floor + 16, f"{value:g}", "tick"))
        return parts

    def curve(self, points: Points, colour: int, area: bool = False, tooltip: str = "") -> str:
        """A line through the points, or the area below it; a pointer shows the ``tooltip``."""
        way = "M" + "L".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        kind, end = ("area", "Z") if area else ("curve", "")
        return f'<path class="{kind} {shade(colour)}" d="{way}{end}">{_title(tooltip)}</path>'

    def dot(self, x: float, y: float, colour: int, tooltip: str = "") -> str:
        """A point of the data; a pointer shows the ``tooltip``."""
        return dot(self.x(x), self.y(y), colour, tooltip)

    def legend(self, names: Sequence[str]) -> list[str]:
        """The name of each series in its colour, from the right."""
        parts, right = [], float(self.width - RIGHT)
        for number in reversed(range(len(names))):
            parts.append(text_mark(right, 14, names[number], f"label {shade(number)}", "end"))
            right -= text_width(names[number], 12) + 12
        return parts


def shade(number: int) -> str:
    """The colour of the series of that number, and from the seventh on its dashes."""
    return f"s{number % 6} dash{number // 6 % 4}"


def text_mark(
    x: float, y: float, what: str, kind: str, anchor: Anchor = "middle", tooltip: str = "", lang: str = ""
) -> str:
    """Text in a picture, in ``lang`` where that is not the language of the page."""
    language = f' lang="{escape(lang)}"' if lang else ""
    inside = f"{escape(what)}{_title(tooltip)}"
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{language}>{inside}</text>'


def dot(x: float, y: float, colour: int, tooltip: str = "") -> str:
    """A small disc, in pixels; a pointer shows the ``tooltip``."""
    return f'<circle class="dot {shade(colour)}" cx="{x:.1f}" cy="{y:.1f}" r="3.2">{_title(tooltip)}</circle>'


def _title(tooltip: str) -> str:
    return f"<title>{escape(tooltip)}</title>" if tooltip else ""


def stroke(start: tuple[float, float], end: tuple[float, float], kind: str) -> str:
    """A straight line, in pixels."""
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def drawing(width: int, height: int, parts: Iterable[str], label: str) -> Markup:
    """An ``svg`` element; ``label`` is read out to those who cannot see it."""
    inside = "\n".join(parts)
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">\n{inside}\n</svg>'
    )


def standalone(picture: Markup) -> str:
    """The picture as a file of its own, on its own paper."""
    style = f"<style>\n{stylesheet()}svg {{ font-family: system-ui, sans-serif; }}\n</style>"
    paper = '<rect width="100%" height="100%" style="fill: var(--paper)"/>'
    opening, rest = picture.split(">", 1)
    return f'{opening} xmlns="http://www.w3.org/2000/svg">\n{style}\n{paper}{rest}\n'


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values between the bounds, at most ``most`` + 1 of them; the bound where both are one."""
    if low == high:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next((factor for factor in (1, 2, 5) if (high - low) / (step * factor) <= most), 10)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(step * number, 10) for number in range(first, last + 1)]


def padded_range(values: Iterable[float]) -> tuple[float, float]:
    """Bounds of the values with a little room; never empty."""
    known = list(values)
    low, high = min(known), max(known)
    extra = 0.04 * (high - low) or max(abs(high) * 0.1, 0.1)
    return low - extra, high + extra


def text_width(word: str, size: float) -> float:
    """Roughly the pixels of a word: Chinese characters are square, Latin letters half as wide."""
    return sum(size if ord(letter) > 0x2E7F else 0.56 * size for letter in word)
